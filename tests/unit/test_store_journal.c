/* SPDX-License-Identifier: Apache-2.0
 *
 * The LevelDB engine with its journal: what is not synced may be lost in any part and is made again; what the journal
 * has lost is told; who waits for whom; what runs behind everybody's back. */
#include "tests/unit/store_directory.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/file.h"

#define BATCHES_MAX 64
/* Small enough to turn every few batches. */
#define SMALL_JOURNAL ((uint64_t)4 * 4096)

static const struct retention register_2026 = { RETENTION_REGISTER, 2026 };
static const struct retention filing_2026 = { RETENTION_FILING, 2026 };

struct shop {
	struct directory *directory;
	struct blob_ref refs[BATCHES_MAX];
	size_t acknowledged;
	sem_t gate;
	_Atomic bool is_closed; /* the gate */
};

/* The flusher waits here while the gate is closed. */
static void
gate_pass(void *context)
{
	struct shop *shop = context;

	if (shop->is_closed)
		while (sem_wait(&shop->gate) != 0)
			assert_int_equal(errno, EINTR);
}

static void
reopen(struct directory *directory)
{
	directory_close(directory);
	assert_int_equal(directory_open(directory), ERROR_NONE);
}

static int
setup(void **state)
{
	struct shop *shop = calloc(1, sizeof *shop);

	assert_non_null(shop);
	assert_int_equal(sem_init(&shop->gate, 0, 0), 0);
	shop->directory = directory_create();
	shop->directory->config.flushing = gate_pass;
	shop->directory->config.flushing_context = shop;
	reopen(shop->directory);
	*state = shop;
	return 0;
}

static int
teardown(void **state)
{
	struct shop *shop = *state;

	directory_destroy(shop->directory);
	sem_destroy(&shop->gate);
	free(shop);
	return 0;
}

/* Copies a part of the directory aside, or back. */
static void
copy(struct shop *shop, const char *from, const char *to)
{
	char command[300];

	snprintf(command, sizeof command, "cd %s && rm -rf %s && cp -r %s %s", shop->directory->path, to, from, to);
	assert_int_equal(system(command), 0);
}

static void
acknowledge(void *context, enum store_outcome outcome, enum error error)
{
	assert_int_equal(error, ERROR_NONE);
	assert_int_equal(outcome, STORE_DURABLE);
	++*(size_t *)context;
}

/* Batch `number`, from 0: a blob, a record of its own, one that each writes anew, and one that each takes away. */
static struct store_batch *
batch_make(struct shop *shop, size_t number)
{
	char key[16], gone[16], text[600];
	struct store_batch *batch = store_batch_create(shop->directory->conformance.store);

	assert_non_null(batch);
	snprintf(key, sizeof key, "k%zu", number);
	snprintf(gone, sizeof gone, "g%zu", number - 1);
	memset(text, 'x', sizeof text);
	snprintf(text, sizeof text, "blob %zu", number);
	shop->refs[number] = store_blob(batch, filing_2026, slice_of(text, sizeof text));
	store_put(batch, register_2026, text_slice(key), text_slice(key));
	store_put(batch, register_2026, text_slice("newest"), text_slice(key));
	if (number != 0)
		store_remove(batch, text_slice(gone));
	gone[0] = 'g';
	snprintf(gone, sizeof gone, "g%zu", number);
	store_put(batch, register_2026, text_slice(gone), text_slice("soon removed"));
	return batch;
}

static void
commit(struct shop *shop, size_t from, size_t to)
{
	for (size_t number = from; number < to; number++)
		assert_int_equal(store_commit_now(batch_make(shop, number)), ERROR_NONE);
}

static void
assert_all(struct shop *shop, size_t count)
{
	struct conformance *c = &shop->directory->conformance;
	char key[16];
	struct slice value;

	for (size_t number = 0; number < BATCHES_MAX; number++) {
		snprintf(key, sizeof key, "k%zu", number);
		const char *found = get_now(c, key);
		assert_true(number < count ? found != NULL && strcmp(found, key) == 0 : found == NULL);
		key[0] = 'g';
		assert_true((get_now(c, key) != NULL) == (number + 1 == count));
		if (number >= count)
			continue;
		assert_int_equal(store_blob_now(c->store, shop->refs[number], c->arena, &value), ERROR_NONE);
		snprintf(key, sizeof key, "blob %zu", number);
		assert_string_equal((const char *)value.data, key);
	}
	snprintf(key, sizeof key, "k%zu", count - 1);
	assert_string_equal(get_now(c, "newest"), key);
}

/* ---- what was not synced ---- */

/* Commits, with all that was durable at the start kept aside, and the journal as it is at the end; closed. */
static void
keep_and_commit(struct shop *shop, size_t count)
{
	commit(shop, 0, 3);
	reopen(shop->directory);
	copy(shop, "db", "kept-db");
	copy(shop, "segments", "kept-segments");
	commit(shop, 3, count);
	copy(shop, "journal", "kept-journal");
	directory_close(shop->directory);
}

static void
all_that_was_not_synced_is_made_again(void **state)
{
	struct shop *shop = *state;

	shop->directory->config.segment_size = 3000;
	reopen(shop->directory);
	keep_and_commit(shop, 20);
	copy(shop, "kept-db", "db");
	copy(shop, "kept-segments", "segments");
	copy(shop, "kept-journal", "journal");
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_all(shop, 20);
	commit(shop, 20, 21);
	reopen(shop->directory);
	assert_all(shop, 21);
}

/* LevelDB wrote its buffer out, the segments were not synced. */
static void
blobs_of_records_that_are_there_are_made_again(void **state)
{
	struct shop *shop = *state;

	keep_and_commit(shop, 20);
	copy(shop, "kept-segments", "segments");
	copy(shop, "kept-journal", "journal");
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_all(shop, 20);
}

static void
segment_of_any_length_is_made_whole(void **state)
{
	struct shop *shop = *state;
	char path[100];
	size_t size, kept_size;

	keep_and_commit(shop, 8);
	snprintf(path, sizeof path, "%s/kept-segments/00000001.seg", shop->directory->path);
	free(file_read(path, &kept_size));
	snprintf(path, sizeof path, "%s/segments/00000001.seg", shop->directory->path);
	uint8_t *bytes = file_read(path, &size);
	assert_true(kept_size > 0 && size > kept_size + 1000);
	for (size_t length = kept_size - 1; length < size; length += length < kept_size ? 1 : 311) {
		copy(shop, "kept-db", "db");
		copy(shop, "kept-journal", "journal");
		file_write(path, slice_of(bytes, length));
		enum error error = directory_open(shop->directory);
		assert_int_equal(error, length < kept_size ? ERROR_store_damaged : ERROR_NONE);
		if (error != ERROR_NONE) {
			assert_true(slice_equal_text(shop->directory->fault.place, "segments/00000001.seg"));
			continue;
		}
		assert_all(shop, 8);
		directory_close(shop->directory);
		arena_reset(shop->directory->conformance.arena);
	}
	free(bytes);
}

/* LevelDB's own log is not synced either: what is left of it after a crash is nothing to go by. */
static void
log_of_leveldb_is_not_trusted(void **state)
{
	struct shop *shop = *state;
	size_t size = 0, logs = 0;

	commit(shop, 0, 10);
	copy(shop, "db", "kept-db");
	copy(shop, "journal", "kept-journal");
	directory_close(shop->directory);
	copy(shop, "kept-db", "db");
	copy(shop, "kept-journal", "journal");
	for (const char **path = directory_files(shop->directory); *path != NULL; path++) {
		if (strstr(*path, "/db/") == NULL || strstr(*path, ".log") == NULL)
			continue;
		uint8_t *bytes = file_read(*path, &size);
		assert_true(size > 1000);
		memset(bytes + size / 3, 0, size / 3);
		file_write(*path, slice_of(bytes, size));
		free(bytes);
		logs++;
	}
	assert_int_equal(logs, 1);
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_all(shop, 10);
}

/* ---- the bound ---- */

/* What DIR/committed notes. */
static uint64_t
committed(struct shop *shop)
{
	char path[100];
	uint64_t number;
	size_t size;

	snprintf(path, sizeof path, "%s/committed", shop->directory->path);
	uint8_t *bytes = file_read(path, &size);
	assert_true(decimal_decode(slice_of(bytes, size), UINT64_MAX, &number));
	free(bytes);
	return number;
}

static const char *const parts[] = { "db", "journal", "segments", "committed" };

#define PARTS (sizeof parts / sizeof parts[0])

/* Copies the first parts aside, or back from there. */
static void
copy_parts(struct shop *shop, const char *aside, size_t count, bool is_back)
{
	char name[32];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%s-%s", aside, parts[i]);
		copy(shop, is_back ? name : parts[i], is_back ? parts[i] : name);
	}
}

/* All of the store but the bound is older, and what there was last ended without a close. */
static void
an_older_copy_is_found_after_a_kill_too(void **state)
{
	struct shop *shop = *state;
	char expected[100];

	directory_close(shop->directory);
	copy_parts(shop, "older", PARTS, false);
	assert_int_equal(committed(shop), 0);
	shop->directory->config.journal_size = SMALL_JOURNAL;
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	commit(shop, 0, 20);
	copy(shop, "committed", "killed-committed");
	directory_close(shop->directory);
	assert_int_equal(committed(shop), 20);
	copy_parts(shop, "newest", PARTS - 1, false);

	copy(shop, "killed-committed", "committed");
	uint64_t noted = committed(shop);
	/* Of the file that is written and the one before nothing need be noted; a batch takes a page at least. */
	assert_in_range(noted, 20 - 2 * SMALL_JOURNAL / 4096, 20);
	copy_parts(shop, "older", PARTS - 1, true);
	assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
	snprintf(expected, sizeof expected, "db: the last batch is 0, and committed notes %llu",
	    (unsigned long long)noted);
	assert_true(slice_equal_text(shop->directory->fault.place, expected));
	assert_int_equal(committed(shop), noted);
	copy_parts(shop, "newest", PARTS - 1, true);
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_all(shop, 20);
	/* With an older bound, too, the older copy is as good as any: that is for what is published. */
	directory_close(shop->directory);
	copy_parts(shop, "older", PARTS, true);
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_false(leveldb_store_lacked_committed(shop->directory->conformance.store));
}

static void
a_bound_that_is_gone_is_told_and_made_anew(void **state)
{
	struct shop *shop = *state;
	char path[100];

	commit(shop, 0, 3);
	directory_close(shop->directory);
	snprintf(path, sizeof path, "%s/committed", shop->directory->path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_true(leveldb_store_lacked_committed(shop->directory->conformance.store));
	assert_int_equal(committed(shop), 3);
	reopen(shop->directory);
	assert_false(leveldb_store_lacked_committed(shop->directory->conformance.store));
}

/* The one file of LevelDB's whose name ends so; NULL when there is none. */
static const char *
db_file(struct shop *shop, const char *end)
{
	const char *found = NULL;

	for (const char **path = directory_files(shop->directory); *path != NULL; path++)
		if (strstr(*path, "/db/") != NULL && strcmp(*path + strlen(*path) - strlen(end), end) == 0) {
			assert_null(found);
			found = *path;
		}
	return found;
}

static void
assert_file(const char *path, struct slice expected)
{
	size_t size;

	assert_non_null(path);
	uint8_t *bytes = file_read(path, &size);
	assert_true(slice_equal(slice_of(bytes, size), expected));
	free(bytes);
}

/* With a journal that is not theirs they may be all that is left of what was acknowledged. */
static void
logs_of_leveldb_are_kept_until_all_agrees(void **state)
{
	struct shop *shop = *state;
	char path[100];
	size_t size;

	copy(shop, "journal", "older-journal");
	commit(shop, 0, 10);
	copy(shop, "db", "kept-db");
	copy(shop, "journal", "kept-journal");
	directory_close(shop->directory);
	copy(shop, "kept-db", "db");
	copy(shop, "older-journal", "journal");
	uint8_t *bytes = file_read(db_file(shop, ".log"), &size);
	assert_true(size > 1000);
	for (int times = 0; times < 3; times++) {
		assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
		assert_true(slice_equal_text(shop->directory->fault.place,
		    "db: the last batch is 0, and committed notes 10"));
		assert_file(db_file(shop, ".log.aside"), slice_of(bytes, size));
	}
	/* One that reads nothing touches nothing. */
	copy(shop, "kept-db", "db");
	snprintf(path, sizeof path, "%s/journal/0", shop->directory->path);
	assert_int_equal(truncate(path, 0), 0);
	path[strlen(path) - 1] = '1';
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
	assert_file(db_file(shop, ".log"), slice_of(bytes, size));
	assert_null(db_file(shop, ".aside"));
	/* Interrupted when all was set aside; and with the journal that is theirs. */
	copy(shop, "kept-journal", "journal");
	snprintf(path, sizeof path, "%s", db_file(shop, ".log"));
	assert_int_equal(rename(path, strcat(strcpy((char[110]){ 0 }, path), ".aside")), 0);
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_all(shop, 10);
	assert_null(db_file(shop, ".aside"));
	free(bytes);
}

static void
journal_older_than_the_tables_leaves_the_logs(void **state)
{
	struct shop *shop = *state;
	size_t size;

	copy(shop, "journal", "older-journal");
	commit(shop, 0, 3);
	reopen(shop->directory);
	commit(shop, 3, 6);
	copy(shop, "db", "kept-db");
	directory_close(shop->directory);
	copy(shop, "kept-db", "db");
	copy(shop, "older-journal", "journal");
	uint8_t *bytes = file_read(db_file(shop, ".log"), &size);
	assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
	assert_true(slice_equal_text(shop->directory->fault.place, "journal: batches from 1 to 0, db up to 3"));
	assert_file(db_file(shop, ".log.aside"), slice_of(bytes, size));
	free(bytes);
}

/* A replay that is itself interrupted: its records are in LevelDB or not, the journal is as it was. */
static void
replay_can_be_done_again(void **state)
{
	struct shop *shop = *state;

	keep_and_commit(shop, 20);
	copy(shop, "kept-db", "db");
	copy(shop, "kept-segments", "segments");
	for (int times = 0; times < 3; times++) {
		copy(shop, "kept-journal", "journal");
		assert_int_equal(directory_open(shop->directory), ERROR_NONE);
		assert_all(shop, 20);
		directory_close(shop->directory);
	}
}

/* ---- what the journal has lost ---- */

static void
batches_that_are_nowhere_are_damage(void **state)
{
	struct shop *shop = *state;

	shop->directory->config.journal_size = SMALL_JOURNAL;
	reopen(shop->directory);
	keep_and_commit(shop, 30);
	/* Durable is what was flushed at each turn: these records are older than that. */
	copy(shop, "kept-db", "db");
	copy(shop, "kept-journal", "journal");
	assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
	assert_true(slice_equal_text(shop->directory->fault.place, "journal: batches from 23 to 30, db up to 3"));
}

static void
damaged_entry_stops_the_open(void **state)
{
	struct shop *shop = *state;
	char path[100];
	size_t size;

	keep_and_commit(shop, 20);
	copy(shop, "kept-db", "db");
	copy(shop, "kept-segments", "segments");
	copy(shop, "kept-journal", "journal");
	snprintf(path, sizeof path, "%s/journal/1", shop->directory->path);
	uint8_t *bytes = file_read(path, &size);
	bytes[5 * 4096 + 300] ^= 4;
	file_write(path, slice_of(bytes, size));
	free(bytes);
	assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
	assert_true(slice_equal_text(shop->directory->fault.place, "journal/1 at 20480"));
}

static void
missing_file_of_the_journal_stops_the_open(void **state)
{
	struct shop *shop = *state;
	char path[100];

	commit(shop, 0, 2);
	for (int file = 0; file < 2; file++) {
		directory_close(shop->directory);
		copy(shop, "journal", "kept-journal");
		snprintf(path, sizeof path, "%s/journal/%d", shop->directory->path, file);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
		assert_true(slice_equal_text(shop->directory->fault.place, file == 0 ? "journal/0" : "journal/1"));
		copy(shop, "kept-journal", "journal");
		assert_int_equal(directory_open(shop->directory), ERROR_NONE);
		assert_all(shop, 2);
	}
	directory_close(shop->directory);
	copy(shop, "journal", "kept-journal");
	snprintf(path, sizeof path, "rm -r %s/journal", shop->directory->path);
	assert_int_equal(system(path), 0);
	assert_int_equal(directory_open(shop->directory), ERROR_store_damaged);
	copy(shop, "kept-journal", "journal");
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
}

/* ---- the flusher ---- */

/* Collects until so many are acknowledged. */
static void
await(struct shop *shop, size_t count)
{
	struct pollfd ready = { .fd = worker_fd(shop->directory->committer), .events = POLLIN };

	while (shop->acknowledged < count) {
		assert_int_equal(poll(&ready, 1, -1), 1);
		worker_collect(shop->directory->committer);
	}
}

static void
journal_is_not_written_over_before_it_may_be(void **state)
{
	struct shop *shop = *state;
	/* Behind the mark there is room for three entries, in the other file for four. */
	const size_t before_second_turn = 7;

	shop->directory->config.journal_size = SMALL_JOURNAL;
	reopen(shop->directory);
	copy(shop, "db", "kept-db");
	copy(shop, "segments", "kept-segments");
	shop->is_closed = true;
	for (size_t number = 0; number < 12; number++)
		store_commit(batch_make(shop, number), acknowledge, &shop->acknowledged);
	await(shop, before_second_turn);
	copy(shop, "journal", "kept-journal");
	worker_collect(shop->directory->committer);
	size_t acknowledged = shop->acknowledged;
	shop->is_closed = false;
	assert_int_equal(sem_post(&shop->gate), 0);
	assert_int_equal(acknowledged, before_second_turn);
	store_wait(shop->directory->conformance.store);
	assert_int_equal(shop->acknowledged, 12);
	assert_all(shop, 12);
	directory_close(shop->directory);
	/* Had the power gone off while the flusher was slow. */
	copy(shop, "kept-db", "db");
	copy(shop, "kept-segments", "segments");
	copy(shop, "kept-journal", "journal");
	assert_int_equal(unlink(strcat(strcpy((char[100]){ 0 }, shop->directory->path), "/committed")), 0);
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_all(shop, before_second_turn);
}

static void
nth_failure_behind_is_final_too(void **state)
{
	struct shop *shop = *state;
	size_t acknowledged, failures = 0;
	bool is_over = false;

	directory_close(shop->directory);
	for (uint64_t nth = 1; !is_over; nth++) {
		struct shop fresh = { .directory = directory_create() };
		assert_true(nth < 300);
		fresh.directory->config.journal_size = SMALL_JOURNAL;
		fresh.directory->config.segment_size = 1500;
		fresh.directory->config.fail_at = nth;
		fresh.directory->config.fail_errno = EIO;
		reopen(fresh.directory);
		struct store *store = fresh.directory->conformance.store;
		for (acknowledged = 0; acknowledged < 9; acknowledged++)
			if (store_commit_now(batch_make(&fresh, acknowledged)) != ERROR_NONE)
				break;
		if (acknowledged < 9) {
			assert_non_null(strstr(store_failure(store), "Input/output error"));
			assert_int_not_equal(store_commit_now(store_batch_create(store)), ERROR_NONE);
		}
		/* What came too late for a commit. */
		is_over = store_settle(store) == ERROR_NONE;
		failures += !is_over;
		fresh.directory->config.fail_at = 0;
		reopen(fresh.directory);
		/* The one that failed may be there, whole. */
		char key[16];
		snprintf(key, sizeof key, "k%zu", acknowledged);
		size_t there = acknowledged + (get_now(&fresh.directory->conformance, key) != NULL);
		if (there != 0)
			assert_all(&fresh, there);
		directory_destroy(fresh.directory);
	}
	/* Nine times journal written and synced, blob, records; two data keys; two flushes at least, of a segment
	 * each. */
	assert_true(failures >= 9 * 4 + 2 * 3 + 2 * 2);
}

/* Commits seven batches while the flusher is held, which then fails at its first call. */
static void
fail_behind(struct shop *shop)
{
	shop->directory->config.journal_size = SMALL_JOURNAL;
	/* Each with its blob, records and the journal's write and sync; two data keys; a segment is made. */
	shop->directory->config.fail_at = 7 * 4 + 2 * 3 + 1 + 1;
	shop->directory->config.fail_errno = EIO;
	reopen(shop->directory);
	shop->is_closed = true;
	commit(shop, 0, 7);
	assert_int_equal(store_error(shop->directory->conformance.store), ERROR_NONE);
	shop->is_closed = false;
	assert_int_equal(sem_post(&shop->gate), 0);
}

/* No commit comes that could be told of it. */
static void
failure_behind_is_told_to_who_asks(void **state)
{
	struct shop *shop = *state;

	fail_behind(shop);
	struct store *store = shop->directory->conformance.store;
	while (store_error(store) == ERROR_NONE)
		sched_yield();
	assert_int_equal(store_error(store), ERROR_file_unreadable);
	assert_string_equal(store_failure(store), "segments: sync: Input/output error");
	shop->directory->config.fail_at = 0;
	directory_close(shop->directory);
	assert_int_equal(shop->directory->settled, ERROR_file_unreadable);
	assert_int_equal(directory_open(shop->directory), ERROR_NONE);
	assert_all(shop, 7);
}

static void
failure_behind_is_told_at_the_close(void **state)
{
	struct shop *shop = *state;

	fail_behind(shop);
	struct store *store = shop->directory->conformance.store;
	assert_int_equal(store_settle(store), ERROR_file_unreadable);
	assert_string_equal(store_failure(store), "segments: sync: Input/output error");
}

/* Every call that settling makes, in its turn. */
static void
nth_failure_at_the_close_is_told(void **state)
{
	const uint64_t before = 4 + 2 * 3 + 1; /* a batch, two data keys, a segment made */
	uint64_t nth = before;
	enum error settled;

	(void)state;

	do {
		struct shop fresh = { .directory = directory_create() };
		assert_true(++nth < before + 20);
		fresh.directory->config.fail_at = nth;
		fresh.directory->config.fail_errno = ENOSPC;
		reopen(fresh.directory);
		commit(&fresh, 0, 1);
		fresh.directory->config.fail_at = 0;
		reopen(fresh.directory);
		settled = fresh.directory->settled;
		assert_true(settled == ERROR_NONE || settled == ERROR_disk_full);
		assert_all(&fresh, 1);
		directory_destroy(fresh.directory);
	} while (settled != ERROR_NONE);
	/* The segment and its directory, LevelDB, and two marks written and synced. */
	assert_int_equal(nth - before - 1, 2 + 1 + 2 * 2);
}

static int
nice_of(const char *task)
{
	char path[64], text[1024];
	long priority = 99;

	snprintf(path, sizeof path, "/proc/self/task/%s/stat", task);
	FILE *file = fopen(path, "r");
	/* A thread that has just ended is none of ours. */
	if (file == NULL)
		return 0;
	size_t size = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[size] = '\0';
	/* The 19th field; the second, a name in parentheses, may hold spaces. */
	char *at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < 19; field++)
		at = strchr(at + 1, ' ');
	if (at != NULL)
		priority = strtol(at, NULL, 10);
	return (int)priority;
}

static void
threads_behind_are_nicer(void **state)
{
	/* Nobody is nicer than 19. */
	int own = getpriority(PRIO_PROCESS, 0), expected = own + LEVELDB_NICER < 19 ? own + LEVELDB_NICER : 19;
	size_t nicer = 0, others = 0;
	struct dirent *entry;

	(void)state;
	DIR *tasks = opendir("/proc/self/task");
	assert_non_null(tasks);
	while ((entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.') {
			nicer += nice_of(entry->d_name) == expected;
			others += nice_of(entry->d_name) == own;
		}
	closedir(tasks);
	/* The flusher and LevelDB's; this one, committer and reader. */
	assert_int_equal(nicer, 2);
	assert_true(others >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_that_was_not_synced_is_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(blobs_of_records_that_are_there_are_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(segment_of_any_length_is_made_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(log_of_leveldb_is_not_trusted, setup, teardown),
		cmocka_unit_test_setup_teardown(an_older_copy_is_found_after_a_kill_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bound_that_is_gone_is_told_and_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(logs_of_leveldb_are_kept_until_all_agrees, setup, teardown),
		cmocka_unit_test_setup_teardown(journal_older_than_the_tables_leaves_the_logs, setup, teardown),
		cmocka_unit_test_setup_teardown(replay_can_be_done_again, setup, teardown),
		cmocka_unit_test_setup_teardown(batches_that_are_nowhere_are_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_entry_stops_the_open, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_file_of_the_journal_stops_the_open, setup, teardown),
		cmocka_unit_test_setup_teardown(journal_is_not_written_over_before_it_may_be, setup, teardown),
		cmocka_unit_test_setup_teardown(nth_failure_behind_is_final_too, setup, teardown),
		cmocka_unit_test_setup_teardown(failure_behind_is_told_to_who_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(failure_behind_is_told_at_the_close, setup, teardown),
		cmocka_unit_test_setup_teardown(nth_failure_at_the_close_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(threads_behind_are_nicer, setup, teardown),
	};
	return cmocka_run_group_tests_name("store journal", tests, NULL, NULL);
}
