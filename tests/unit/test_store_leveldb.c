/* SPDX-License-Identifier: Apache-2.0
 *
 * The LevelDB engine: the conformance suite, then what only a disk can do to a store: keep, crash, fail, rot. */
#include "tests/unit/store_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store/segments.h"
#include "tests/unit/answered.h"
#include "tests/unit/file.h"

static const struct retention register_2026 = { RETENTION_REGISTER, 2026 };
static const struct retention filing_2026 = { RETENTION_FILING, 2026 };

static int
setup(void **state)
{
	*state = directory_create();
	return 0;
}

static int
setup_cold(void **state)
{
	struct directory *directory = directory_create();

	directory_close(directory);
	directory->config.cold = true;
	assert_int_equal(directory_open(directory), ERROR_NONE);
	*state = directory;
	return 0;
}

static int
teardown(void **state)
{
	directory_destroy(*state);
	return 0;
}

static void
reopen(struct directory *directory)
{
	directory_close(directory);
	assert_int_equal(directory_open(directory), ERROR_NONE);
}

static void
assert_blob(struct directory *directory, struct blob_ref ref, const char *text)
{
	struct slice value;
	assert_int_equal(store_blob_now(directory->conformance.store, ref, directory->conformance.arena, &value),
	    ERROR_NONE);
	assert_true(slice_equal_text(value, text));
}

/* ---- keeping ---- */

static void
all_is_there_after_reopening(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;

	put_now(c->store, "a", "1");
	struct blob_ref first = blob_now(c->store, text_slice("first"));
	reopen(directory);
	put_now(c->store, "b", "2");
	struct blob_ref second = blob_now(c->store, text_slice("second"));
	reopen(directory);
	reopen(directory);
	assert_string_equal(get_now(c, "a"), "1");
	assert_string_equal(get_now(c, "b"), "2");
	assert_blob(directory, first, "first");
	assert_blob(directory, second, "second");
}

static void
segments_follow_each_other(void **state)
{
	struct directory *directory = *state;
	struct blob_ref refs[40];
	char text[16];
	size_t segments = 0;

	directory->config.segment_size = 500;
	reopen(directory);
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof text, "blob %d", i);
		refs[i] = blob_now(directory->conformance.store, text_slice(text));
		if (i % 7 == 0)
			reopen(directory);
	}
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof text, "blob %d", i);
		assert_blob(directory, refs[i], text);
	}
	for (const char **path = directory_files(directory); *path != NULL; path++)
		segments += strstr(*path, ".seg") != NULL;
	assert_true(segments >= 5);
}

struct visited {
	size_t count;
	size_t keyless;
	struct blob_ref last;
};

static void
visit_one(void *context, struct blob_ref ref, struct retention retention, struct slice bytes, enum error error)
{
	struct visited *visited = context;
	char text[16];

	snprintf(text, sizeof text, "blob %zu", visited->count++);
	visited->last = ref;
	if (error == ERROR_not_found)
		visited->keyless++;
	else
		assert_true(slice_equal_text(bytes, text));
	assert_int_equal(retention.year, retention.class == RETENTION_FILING ? 2026 : 20000);
}

/* A data key's file is gone when the store is opened again. */
static void
key_lose(struct directory *directory, const char *name)
{
	char path[160];

	directory_close(directory);
	snprintf(path, sizeof path, "%s/data/%s.key", directory->keys, name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(directory_open(directory), ERROR_NONE);
}

static void
walk_meets_every_blob_in_order(void **state)
{
	struct directory *directory = *state;
	struct store *store;
	struct blob_ref last = { { 0 } };
	struct leveldb_cursor cursor = { 0, 0 };
	struct visited visited = { 0 };
	struct disk_failure why = { .text = "" };
	bool end = false;
	const struct retention draft = { RETENTION_DRAFT, 20000 };

	directory->config.segment_size = 400;
	reopen(directory);
	store = directory->conformance.store;
	for (int i = 0; i < 20; i++) {
		char text[16];
		snprintf(text, sizeof text, "blob %d", i);
		struct store_batch *batch = store_batch_create(store);
		last = store_blob(batch, i % 5 == 0 ? draft : filing_2026, text_slice(text));
		assert_int_equal(store_commit_now(batch), ERROR_NONE);
	}
	key_lose(directory, "draft-20000");
	store = directory->conformance.store;
	for (int rounds = 0; !end; rounds++) {
		assert_true(rounds < 30);
		assert_int_equal(leveldb_store_walk(store, &cursor, 3, visit_one, &visited, &end, &why), ERROR_NONE);
	}
	assert_int_equal(visited.count, 20);
	assert_int_equal(visited.keyless, 4);
	assert_memory_equal(&visited.last, &last, sizeof last);
	/* It goes on where new blobs come. */
	blob_now(store, text_slice("blob 20"));
	assert_int_equal(leveldb_store_walk(store, &cursor, 3, visit_one, &visited, &end, &why), ERROR_NONE);
	assert_int_equal(visited.count, 21);
	assert_true(end);
}

static void
count_answers(void *context, enum error error)
{
	assert_int_equal(error, ERROR_NONE);
	++*(size_t *)context;
}

static void
cold_reads_wait_and_have_an_end(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;
	static struct store_read reads[2 * WORKER_JOBS_MAX];
	struct blob_ref ref = blob_now(c->store, text_slice("cold"));
	size_t pending = 0, busy = 0, answers = 0;

	/* Nothing is collected meanwhile: more than the reader takes is refused, not lost. */
	for (size_t i = 0; i < 2 * WORKER_JOBS_MAX; i++) {
		reads[i] = (struct store_read){ .kind = STORE_BLOB, .arena = c->arena, .ref = ref };
		if (store_read(c->store, &reads[i], 1, count_answers, &answers) == STORE_PENDING)
			pending++;
		else
			busy += reads[i].error == ERROR_busy;
	}
	assert_int_equal(pending, WORKER_JOBS_MAX);
	assert_int_equal(busy, WORKER_JOBS_MAX);
	assert_int_equal(answers, 0);
	store_wait(c->store);
	assert_int_equal(answers, pending);
	for (size_t i = 0; i < pending; i++)
		assert_true(reads[i].found && slice_equal_text(reads[i].value, "cold"));
}

static bool
file_has(const char *path, const char *marker)
{
	size_t size;
	uint8_t *bytes = file_read(path, &size);
	bool has = memmem(bytes, size, marker, strlen(marker)) != NULL;
	free(bytes);
	return has;
}

static void
nothing_is_in_clear_on_disk(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;
	size_t files = 0, keys = 0;

	for (int i = 0; i < 50; i++) {
		put_now(c->store, "a key", "MARKER of a value");
		blob_now(c->store, text_slice("MARKER of a blob"));
	}
	directory_close(directory);
	for (const char **path = directory_files(directory); *path != NULL; path++, files++) {
		assert_false(file_has(*path, "MARKER"));
		keys += file_has(*path, "a key");
	}
	/* Else this looked into nothing. */
	assert_true(files >= 8);
	assert_true(keys >= 1);
}

static void
directory_is_locked(void **state)
{
	struct directory *directory = *state;
	struct store *second;
	struct fault fault;

	assert_int_equal(leveldb_store_open(&directory->config, directory->committer, directory->reader, &second,
	    &fault), ERROR_directory_locked);
	answered_note(NULL, ERROR_directory_locked);
	assert_true(slice_equal_text(fault.place, directory->path));
	/* Also when somebody has taken the lock's file away. */
	char lock[96];
	snprintf(lock, sizeof lock, "%s/lock", directory->path);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(leveldb_store_open(&directory->config, directory->committer, directory->reader, &second,
	    &fault), ERROR_directory_locked);
	assert_true(slice_equal_text(fault.place, directory->path));
	put_now(directory->conformance.store, "a", "1");
	/* So nobody else writes to it: no batch is ever in conflict, whatever it rests on. */
	assert_true(store_is_exclusive(directory->conformance.store));
	directory->config.create = true;
	directory_close(directory);
	/* And a new store is not made over an old one. */
	assert_int_not_equal(directory_open(directory), ERROR_NONE);
	directory->config.create = false;
	assert_int_equal(directory_open(directory), ERROR_NONE);
}

static void
space_has_a_reserve(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;

	uint64_t space = store_space_left(c->store, STORE_ORDINARY);
	assert_true(space > STORE_FLOOR);
	assert_int_equal(store_space_left(c->store, STORE_VITAL), space);
	directory->config.reserve = UINT64_MAX;
	reopen(directory);
	assert_int_equal(store_space_left(c->store, STORE_ORDINARY), 0);
	assert_true(store_space_free(c->store) > STORE_FLOOR);
	store_wait(c->store);
	assert_int_equal(store_space_left(c->store, STORE_ORDINARY), 0);
	/* The reserve is there to be used by what cannot wait, but for the floor. Others write to this disk too. */
	uint64_t vital = store_space_left(c->store, STORE_VITAL);
	assert_true(vital > 0);
	directory->config.reserve = STORE_FLOOR;
	reopen(directory);
	assert_int_equal(store_space_left(c->store, STORE_VITAL), store_space_left(c->store, STORE_ORDINARY));
}

/* ---- rotting ---- */

static const char *
file_named(struct directory *directory, const char *part)
{
	for (const char **path = directory_files(directory); *path != NULL; path++)
		if (strstr(*path, part) != NULL)
			return *path;
	fail_msg("no file %s", part);
	return NULL;
}

/* The last of them, in the order of their names. */
static const char *
last_file_named(struct directory *directory, const char *part)
{
	const char *last = NULL;

	for (const char **path = directory_files(directory); *path != NULL; path++)
		if (strstr(*path, part) != NULL)
			last = *path;
	assert_non_null(last);
	return last;
}

struct known {
	char keys[12][8];
	struct blob_ref refs[12];
};

/* Everything answers rightly, or as damage: never as absence, never wrongly. Says if there was damage. */
static bool
right_or_damaged(struct directory *directory, const struct known *known)
{
	struct conformance *c = &directory->conformance;
	struct slice value;
	bool found, damage = false;
	struct store_pair *pairs;
	size_t count;

	for (size_t i = 0; i < 12; i++) {
		enum error error = store_get_now(c->store, text_slice(known->keys[i]), c->arena, &found, &value);
		assert_true(error == ERROR_store_damaged || (error == ERROR_NONE && found &&
		    slice_equal_text(value, known->keys[i])));
		damage |= error != ERROR_NONE;
		error = store_blob_now(c->store, known->refs[i], c->arena, &value);
		assert_true(error == ERROR_store_damaged || (error == ERROR_NONE &&
		    slice_equal_text(value, known->keys[i])));
		damage |= error != ERROR_NONE;
	}
	enum error error = store_range_now(c->store, text_slice("k"), text_slice("l"), false, 100, c->arena, &pairs,
	    &count);
	assert_true(error == ERROR_store_damaged || (error == ERROR_NONE && count == 12));
	return damage | (error != ERROR_NONE);
}

/* Flips every `step`th byte of the file, one at a time; says how often that was noticed. */
static size_t
flips(struct directory *directory, const char *path, const struct known *known, size_t step, size_t *tried)
{
	size_t size, noticed = 0;
	uint8_t *bytes = file_read(path, &size);

	*tried = 0;
	for (size_t at = 0; at < size; at += step) {
		++*tried;
		bytes[at] ^= 0x10;
		file_write(path, slice_of(bytes, size));
		enum error error = directory_open(directory);
		if (error == ERROR_NONE) {
			noticed += right_or_damaged(directory, known);
			directory_close(directory);
		} else {
			assert_true(error == ERROR_store_damaged || error == ERROR_file_unreadable);
			noticed++;
		}
		bytes[at] ^= 0x10;
		file_write(path, slice_of(bytes, size));
	}
	free(bytes);
	return noticed;
}

static void
known_put(struct directory *directory, struct known *known)
{
	for (size_t i = 0; i < 12; i++) {
		snprintf(known->keys[i], sizeof known->keys[i], "k%zu", i);
		put_now(directory->conformance.store, known->keys[i], known->keys[i]);
		known->refs[i] = blob_now(directory->conformance.store, text_slice(known->keys[i]));
	}
}

static void
flipped_bytes_of_a_segment_are_damage(void **state)
{
	struct directory *directory = *state;
	struct known known;
	size_t tried;

	known_put(directory, &known);
	directory_close(directory);
	size_t noticed = flips(directory, file_named(directory, ".seg"), &known, 13, &tried);
	/* Bytes of an entry's batch number are only looked at in a tail, and they are authenticated all the same. */
	assert_int_equal(noticed, tried);
	assert_true(tried > 50);
}

static void
flipped_bytes_of_a_table_are_damage(void **state)
{
	struct directory *directory = *state;
	struct known known;
	size_t tried;

	known_put(directory, &known);
	/* The first table is as old as the store. */
	directory_close(directory);
	size_t noticed = flips(directory, last_file_named(directory, ".ldb"), &known, 17, &tried);
	/* The filter and unused bytes of the footer harm nothing. */
	assert_true(tried > 50);
	assert_true(noticed > tried * 3 / 4);
}

static void
segment_that_is_shorter_stops_the_open(void **state)
{
	struct directory *directory = *state;
	struct known known;

	known_put(directory, &known);
	directory_close(directory);
	const char *path = file_named(directory, "00000001.seg");
	size_t size;
	uint8_t *bytes = file_read(path, &size);
	assert_int_equal(truncate(path, (off_t)size - 1), 0);
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	assert_true(slice_equal_text(directory->fault.place, "segments/00000001.seg"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	file_write(path, slice_of(bytes, size));
	assert_int_equal(directory_open(directory), ERROR_NONE);
	free(bytes);
}

static void
stranger_among_segments_stops_the_open(void **state)
{
	struct directory *directory = *state;
	struct known known;
	char path[100];

	known_put(directory, &known);
	directory_close(directory);
	snprintf(path, sizeof path, "%s/segments/00000007.seg", directory->path);
	file_write(path, SLICE_LITERAL("x"));
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	assert_true(slice_equal_text(directory->fault.place, "segments/00000007.seg"));
}

/* Copies a part of the directory as it is now aside, or back. */
static void
part_copy(struct directory *directory, const char *from, const char *to)
{
	char command[300];

	snprintf(command, sizeof command, "cd %s && rm -rf %s && cp -r %s %s", directory->path, to, from, to);
	assert_int_equal(system(command), 0);
}

static void
older_records_are_not_taken_for_a_crash(void **state)
{
	struct directory *directory = *state;
	struct known known;

	put_now(directory->conformance.store, "a", "1");
	directory_close(directory);
	part_copy(directory, "db", "older-db");
	part_copy(directory, "journal", "older-journal");
	assert_int_equal(directory_open(directory), ERROR_NONE);
	known_put(directory, &known);
	directory_close(directory);
	part_copy(directory, "db", "newer-db");
	/* The journal says that it was done with what these have not. */
	part_copy(directory, "older-db", "db");
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	assert_true(slice_equal_text(directory->fault.place, "journal: batches from 26 to 25, db up to 1"));
	/* And an older journal that it never had what they have. */
	part_copy(directory, "newer-db", "db");
	part_copy(directory, "older-journal", "journal");
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	assert_true(slice_equal_text(directory->fault.place, "journal: batches from 2 to 1, db up to 25"));
	/* Both together: the bound of the orderly close says so, and without it the segment does. */
	part_copy(directory, "older-db", "db");
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	assert_true(slice_equal_text(directory->fault.place, "db: the last batch is 1, and committed notes 25"));
	assert_int_equal(unlink(file_named(directory, "committed")), 0);
	assert_int_equal(directory_open(directory), ERROR_store_damaged);
	assert_true(slice_equal_text(directory->fault.place, "segments/00000001.seg"));
}

/* Nothing is written to a segment that the journal has not: it cannot be what a crash left. */
static void
bytes_behind_the_end_of_a_segment_stop_the_open(void **state)
{
	struct directory *directory = *state;
	struct known known;
	size_t size;

	known_put(directory, &known);
	directory_close(directory);
	const char *path = file_named(directory, ".seg");
	uint8_t *bytes = file_read(path, &size);
	uint8_t *longer = calloc(1, 2 * size);
	assert_non_null(longer);
	memcpy(longer, bytes, size);
	/* Zeros; a piece of an entry; whole entries. */
	for (int kind = 0; kind < 3; kind++) {
		memcpy(longer + size, bytes, kind == 0 ? 0 : kind == 1 ? 10 : size);
		file_write(path, slice_of(longer, kind == 2 ? 2 * size : size + 30));
		assert_int_equal(directory_open(directory), ERROR_store_damaged);
		assert_true(slice_equal_text(directory->fault.place, "segments/00000001.seg"));
	}
	file_write(path, slice_of(bytes, size));
	assert_int_equal(directory_open(directory), ERROR_NONE);
	assert_false(right_or_damaged(directory, &known));
	free(longer);
	free(bytes);
}

/* ---- crashing ---- */

/* A child is this program again, not a fork that goes on: LevelDB's own thread would be missing in it. */
static pid_t
child_start(const char *role, struct directory *directory, uint32_t first, int out)
{
	char number[16];

	snprintf(number, sizeof number, "%u", first);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (dup2(out, STDOUT_FILENO) == STDOUT_FILENO)
			execl("/proc/self/exe", "test_store_leveldb", role, directory->path, number, (char *)NULL);
		_exit(1);
	}
	return child;
}

/* Commits numbered batches for ever and tells each number once it is acknowledged. */
static int
child_commits(struct directory *directory, uint32_t first)
{
	for (uint32_t number = first;; number++) {
		struct store_batch *batch = store_batch_create(directory->conformance.store);
		uint8_t key[5] = { 'n' };
		char text[2000];
		bytes_poke_u32(key + 1, number);
		snprintf(text, sizeof text, "%u", number);
		memset(text + strlen(text) + 1, 'x', sizeof text - strlen(text) - 1);
		struct blob_ref ref = store_blob(batch, filing_2026, slice_of(text, sizeof text));
		store_put(batch, register_2026, slice_of(key, sizeof key), slice_of(ref.bytes, sizeof ref.bytes));
		if (store_commit_now(batch) != ERROR_NONE ||
		    write(STDOUT_FILENO, &number, sizeof number) != sizeof number)
			return 1;
	}
}

static uint32_t
kill_while_committing(struct directory *directory, uint32_t first, unsigned wait_for, unsigned delay_us)
{
	int pipe_fds[2];
	uint32_t number, last = first - 1;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid_t child = child_start("commit", directory, first, pipe_fds[1]);
	close(pipe_fds[1]);
	while (last + 1 < first + wait_for && read(pipe_fds[0], &number, sizeof number) == sizeof number)
		last = number;
	assert_int_equal(last + 1, first + wait_for);
	/* Not a wait for anything: it only moves the moment of death within a commit. */
	usleep(delay_us);
	kill(child, SIGKILL);
	while (read(pipe_fds[0], &number, sizeof number) == sizeof number)
		last = number;
	close(pipe_fds[0]);
	waitpid(child, NULL, 0);
	return last;
}

static void
what_was_acknowledged_survives_being_killed(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;
	uint32_t last = 0;

	directory_close(directory);
	for (unsigned round = 0; round < 20; round++) {
		last = kill_while_committing(directory, last + 1, 1 + round % 9, round * 137 % 1000);
		assert_int_equal(directory_open(directory), ERROR_NONE);
		for (uint32_t number = 1; number <= last; number++) {
			uint8_t key[5] = { 'n' };
			struct slice value, blob;
			struct blob_ref ref;
			bool found;
			bytes_poke_u32(key + 1, number);
			assert_int_equal(store_get_now(c->store, slice_of(key, sizeof key), c->arena, &found, &value),
			    ERROR_NONE);
			assert_true(found && value.size == sizeof ref.bytes);
			memcpy(ref.bytes, value.data, value.size);
			assert_int_equal(store_blob_now(c->store, ref, c->arena, &blob), ERROR_NONE);
			assert_int_equal(atoi((const char *)blob.data), number);
		}
		directory_close(directory);
		arena_reset(c->arena);
	}
	assert_true(last > 20);
}

/* ---- failing ---- */

/* Commits until one fails; says how many were acknowledged. */
static int
commits_until_failure(struct directory *directory, int max, enum error *error)
{
	struct store *store = directory->conformance.store;

	for (int i = 0; i < max; i++) {
		char key[16];
		snprintf(key, sizeof key, "f%d", i);
		struct store_batch *batch = store_batch_create(store);
		store_put(batch, register_2026, text_slice(key), text_slice(key));
		struct blob_ref ref = store_blob(batch, filing_2026, text_slice(key));
		key[0] = 'g';
		store_put(batch, register_2026, text_slice(key), slice_of(ref.bytes, sizeof ref.bytes));
		*error = store_commit_now(batch);
		if (*error != ERROR_NONE)
			return i;
	}
	return max;
}

static void
nth_write_or_sync_failing_is_final(void **state)
{
	enum error error = ERROR_NONE;
	int before = -1;
	uint64_t nth;

	(void)state;
	for (nth = 1; before < 8; nth++) {
		assert_true(nth < 100);
		/* A fresh store each time, so that the first commits make keys and files. */
		struct directory *fresh = directory_create();
		fresh->config.segment_size = 300;
		fresh->config.fail_at = nth;
		fresh->config.fail_errno = nth % 2 == 0 ? ENOSPC : EIO;
		reopen(fresh);
		before = commits_until_failure(fresh, 8, &error);
		if (before < 8) {
			assert_int_equal(error, nth % 2 == 0 ? ERROR_disk_full : ERROR_file_unreadable);
			assert_non_null(strstr(store_failure(fresh->conformance.store), nth % 2 == 0 ? "No space" :
			    "Input/output error"));
			/* It stays so, although the next call would not fail: a retried sync lies. */
			assert_int_equal(commits_until_failure(fresh, 1, &error), 0);
		}
		fresh->config.fail_at = 0;
		reopen(fresh);
		for (int i = 0; i < 9; i++) {
			char key[16];
			snprintf(key, sizeof key, "f%d", i);
			const char *value = get_now(&fresh->conformance, key);
			/* What was acknowledged is there; what was not is not half there. */
			assert_true(i < before ? value != NULL : true);
			key[0] = 'g';
			assert_true((value != NULL) == (get_now(&fresh->conformance, key) != NULL));
		}
		assert_int_equal(commits_until_failure(fresh, 3, &error), 3);
		directory_destroy(fresh);
	}
	/* Eight commits of journal written and synced, blob, records; two keys written, synced, their directory too;
	 * two segments made. One call less would be a sync left out. */
	assert_int_equal(nth - 2, 8 * 4 + 2 * 3 + 2);
}

/* Files may not grow beyond a limit: the real write fails, when LevelDB merges tables into one that is larger than any
 * file of the journal. */
static int
child_meets_a_limit(struct directory *directory)
{
	const struct rlimit limit = { 100000, 100000 };
	struct store *store = directory->conformance.store;
	char value[5000];

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
		return 2;
	memset(value, 'v', sizeof value);
	for (int i = 0; i < 500; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%d", i);
		struct store_batch *batch = store_batch_create(store);
		store_put(batch, register_2026, text_slice(key), slice_of(value, sizeof value));
		if (store_commit_now(batch) == ERROR_NONE)
			continue;
		batch = store_batch_create(store);
		if (store_commit_now(batch) == ERROR_NONE)
			return 3;
		return strstr(store_failure(store), "db: flush") != NULL ||
		    strstr(store_failure(store), "db: write") != NULL ? 0 : 5;
	}
	return 4;
}

static void
failure_inside_leveldb_is_final_too(void **state)
{
	struct directory *directory = *state;
	int status;

	directory_close(directory);
	pid_t child = child_start("limit", directory, 0, STDOUT_FILENO);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(directory_open(directory), ERROR_NONE);
}

/* Each read that fails says what it met itself, and none of it is what the first final error was. */
static void
every_failure_has_its_own_words(void **state)
{
	struct directory *directory = *state;
	struct conformance *c = &directory->conformance;
	struct known known;
	struct slice value;
	enum error error;
	size_t size;

	known_put(directory, &known);
	directory_close(directory);
	uint8_t *bytes = file_read(file_named(directory, ".seg"), &size);
	for (int i = 3; i < 9; i += 5)
		bytes[bytes_peek_u64(known.refs[i].bytes + 8) + SEGMENT_HEADER_SIZE + 20] ^= 1;
	file_write(file_named(directory, ".seg"), slice_of(bytes, size));
	free(bytes);
	directory->config.fail_at = 1;
	directory->config.fail_errno = ENOSPC;
	assert_int_equal(directory_open(directory), ERROR_NONE);
	for (int i = 3; i < 9; i += 5) {
		assert_int_equal(store_blob_now(c->store, known.refs[i], c->arena, &value), ERROR_store_damaged);
		assert_int_equal(strtoull(strstr(store_read_failure(c->store), " at ") + 4, NULL, 10),
		    bytes_peek_u64(known.refs[i].bytes + 8));
	}
	assert_string_equal(store_failure(c->store), "");
	assert_int_equal(commits_until_failure(directory, 1, &error), 0);
	assert_non_null(strstr(store_failure(c->store), "No space left"));
}

static int
child_main(char **argv)
{
	struct directory *directory = directory_find(argv[2]);

	directory->config.segment_size = 30000;
	directory->config.journal_size = 50000;
	if (directory_open(directory) != ERROR_NONE)
		return 1;
	/* Never closed: the one is killed, the other has failed. */
	return strcmp(argv[1], "commit") == 0 ? child_commits(directory, (uint32_t)strtoul(argv[3], NULL, 10)) :
	    child_meets_a_limit(directory);
}

int
main(int argc, char **argv)
{
	if (argc == 4)
		_exit(child_main(argv));
	const struct CMUnitTest tests[] = {
		CONFORMANCE_TESTS(setup, teardown),
		CONFORMANCE_TESTS(setup_cold, teardown),
		cmocka_unit_test_setup_teardown(cold_reads_wait_and_have_an_end, setup_cold, teardown),
		cmocka_unit_test_setup_teardown(all_is_there_after_reopening, setup, teardown),
		cmocka_unit_test_setup_teardown(segments_follow_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(walk_meets_every_blob_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_in_clear_on_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(directory_is_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(space_has_a_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(flipped_bytes_of_a_segment_are_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(flipped_bytes_of_a_table_are_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(segment_that_is_shorter_stops_the_open, setup, teardown),
		cmocka_unit_test_setup_teardown(stranger_among_segments_stops_the_open, setup, teardown),
		cmocka_unit_test_setup_teardown(older_records_are_not_taken_for_a_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(bytes_behind_the_end_of_a_segment_stop_the_open, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_acknowledged_survives_being_killed, setup, teardown),
		cmocka_unit_test(nth_write_or_sync_failing_is_final),
		cmocka_unit_test_setup_teardown(every_failure_has_its_own_words, setup, teardown),
		cmocka_unit_test_setup_teardown(failure_inside_leveldb_is_final_too, setup, teardown),
	};
	return cmocka_run_group_tests_name("store leveldb", tests, NULL, NULL);
}
