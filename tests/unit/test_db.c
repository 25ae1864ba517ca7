/* SPDX-License-Identifier: Apache-2.0
 *
 * What a flush has to have done when it returns, while another thread writes as fast as it can and LevelDB is behind
 * with its merging: the journal is written over on the strength of it. */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/store/db.h"

/* So many tables are made in such haste that LevelDB holds the writer up, again and again. */
#define FLUSHES 25
#define RECORDS 64
#define VALUE_SIZE ((size_t)300)

struct place {
	char path[32];
	struct db *db;
	atomic_bool is_over;
};

static int
setup(void **state)
{
	static struct place place;
	struct disk_failure failure;

	place = (struct place){ .path = "/tmp/guichet-db-XXXXXX" };
	assert_non_null(mkdtemp(place.path));
	assert_int_equal(db_open(place.path, true, &place.db, &failure), ERROR_NONE);
	*state = &place;
	return 0;
}

static int
teardown(void **state)
{
	struct place *place = *state;
	char command[64];

	db_close(place->db);
	snprintf(command, sizeof command, "rm -r %s", place->path);
	return system(command);
}

/* The number of the log that is written to; 0: none. */
static unsigned long
newest_log(const struct place *place)
{
	DIR *entries = opendir(place->path);
	struct dirent *entry;
	unsigned long newest = 0;
	char *end;

	assert_non_null(entries);
	while ((entry = readdir(entries)) != NULL) {
		unsigned long number = strtoul(entry->d_name, &end, 10);
		if (end != entry->d_name && strcmp(end, ".log") == 0 && number > newest)
			newest = number;
	}
	closedir(entries);
	return newest;
}

static bool
log_is_there(const struct place *place, unsigned long number)
{
	char path[64];

	snprintf(path, sizeof path, "%s/%06lu.log", place->path, number);
	return access(path, F_OK) == 0;
}

static void
put(struct buf *records, uint64_t number)
{
	uint8_t key[8];

	bytes_poke_u64(key, number * UINT64_C(0x9e3779b97f4a7c15)); /* here and there among all keys */
	uint8_t *value = db_records_put(records, slice_of(key, sizeof key), VALUE_SIZE);
	assert_non_null(value);
	memset(value, (uint8_t)number, VALUE_SIZE);
}

static void *
write_on(void *context)
{
	struct place *place = context;
	struct buf *records = buf_create((size_t)1024 * 1024);
	struct disk_failure failure;
	uint64_t number = 0;

	while (!atomic_load(&place->is_over)) {
		buf_clear(records);
		for (size_t i = 0; i < RECORDS; i++)
			put(records, number++);
		assert_int_equal(db_write(place->db, buf_peek(records), &failure), ERROR_NONE);
	}
	buf_destroy(records);
	return NULL;
}

static void
flush_is_done_when_it_returns_whoever_writes(void **state)
{
	struct place *place = *state;
	struct disk_failure failure;
	pthread_t writer;

	assert_int_equal(pthread_create(&writer, NULL, write_on, place), 0);
	unsigned nth = 0;
	bool is_kept = false;
	for (; nth < FLUSHES && !is_kept; nth++) {
		/* All that was written so far is in this log, or in tables. LevelDB takes it away when it is. */
		unsigned long log = newest_log(place);
		assert_int_equal(db_flush(place->db, &failure), ERROR_NONE);
		is_kept = log_is_there(place, log);
	}
	atomic_store(&place->is_over, true);
	pthread_join(writer, NULL);
	if (is_kept)
		fail_msg("flush %u returned while the log was needed", nth);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flush_is_done_when_it_returns_whoever_writes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
