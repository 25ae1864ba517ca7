/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal by itself, with a tag that anybody can make: what it gives back after every way of being torn, and what
 * it says is damage. */
#include "server/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/buf.h"
#include "tests/unit/file.h"
#include "tests/unit/unit.h"

#define ENTRIES_MAX 64

struct desk {
	char path[64], files[JOURNAL_FILES][80];
	struct arena *arena;
	struct journal journal;
	struct journal_run run;
	struct fault fault;
	uint64_t numbers[ENTRIES_MAX]; /* of those replayed */
	size_t count;
};

/* FNV-1a, eight bytes of it and the rest zeros. */
static void
tag_make(struct slice covered, uint8_t tag[JOURNAL_TAG_SIZE])
{
	uint64_t sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < covered.size; i++)
		sum = (sum ^ covered.data[i]) * 0x100000001b3;
	memset(tag, 0, JOURNAL_TAG_SIZE);
	bytes_poke_u64(tag, sum);
}

static bool
tag_is(void *context, struct slice covered, const uint8_t tag[JOURNAL_TAG_SIZE])
{
	uint8_t expected[JOURNAL_TAG_SIZE];

	(void)context;
	tag_make(covered, expected);
	return memcmp(expected, tag, sizeof expected) == 0;
}

static struct journal
closed_journal(struct desk *desk, uint64_t size_max)
{
	int directory = open(desk->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(directory >= 0);
	return (struct journal){ .directory = directory, .size_max = size_max, .is_whole = tag_is };
}

static void
put_down(struct desk *desk)
{
	journal_close(&desk->journal);
	close(desk->journal.directory);
}

static void
mark(struct desk *desk, uint64_t number)
{
	uint8_t header[JOURNAL_HEADER_SIZE], tag[JOURNAL_TAG_SIZE];

	journal_mark_put(number, header);
	tag_make(slice_of(header, sizeof header), tag);
	assert_true(journal_mark(&desk->journal, NULL, header, tag));
}

static int
setup(void **state)
{
	struct desk *desk = calloc(1, sizeof *desk);
	unsigned at;

	assert_non_null(desk);
	strcpy(desk->path, "/tmp/guichet-journal-XXXXXX");
	assert_non_null(mkdtemp(desk->path));
	for (unsigned i = 0; i < JOURNAL_FILES; i++)
		snprintf(desk->files[i], sizeof desk->files[i], "%s/%u", desk->path, i);
	desk->arena = arena_create(1 << 20);
	assert_non_null(desk->arena);
	desk->journal = closed_journal(desk, 6 * JOURNAL_PAGE);
	assert_true(journal_create(&desk->journal, &at));
	mark(desk, 0);
	*state = desk;
	return 0;
}

static int
teardown(void **state)
{
	struct desk *desk = *state;

	put_down(desk);
	for (unsigned i = 0; i < JOURNAL_FILES; i++)
		unlink(desk->files[i]);
	assert_int_equal(rmdir(desk->path), 0);
	arena_destroy(desk->arena);
	free(desk);
	return 0;
}

/* What entry `number` says in its blobs, `size` bytes, and in its records. */
static void
contents(uint64_t number, size_t size, uint8_t *blobs, char records[16])
{
	for (size_t i = 0; i < size; i++)
		blobs[i] = (uint8_t)(number * 31 + i);
	snprintf(records, 16, "batch %llu", (unsigned long long)number);
}

/* Appends, turning where that has to be. */
static void
append(struct desk *desk, uint64_t number, size_t size)
{
	struct buf *bytes = buf_create(1 << 24);
	uint8_t header[JOURNAL_HEADER_SIZE], tag[JOURNAL_TAG_SIZE];
	char records[16];
	uint8_t *blobs = malloc(size + 1);

	assert_non_null(bytes);
	assert_non_null(blobs);
	contents(number, size, blobs, records);
	const struct journal_entry entry = { number, 3, 100 * number, slice_of(blobs, size), slice_of_text(records) };
	journal_header_put(&entry, header);
	buf_put(bytes, entry.blobs);
	buf_put(bytes, entry.records);
	buf_put(bytes, slice_of(header, sizeof header));
	tag_make(buf_peek(bytes), tag);
	struct slice body = slice_of(buf_peek(bytes).data, size + strlen(records));
	if (journal_is_full(&desk->journal, body.size))
		journal_turn(&desk->journal);
	assert_true(journal_append(&desk->journal, NULL, header, tag, body));
	free(blobs);
	buf_destroy(bytes);
}

static enum error
take(void *context, const struct journal_entry *entry)
{
	struct desk *desk = context;
	uint8_t *blobs = malloc(entry->blobs.size + 1);
	char records[16];

	assert_non_null(blobs);
	contents(entry->number, entry->blobs.size, blobs, records);
	assert_memory_equal(entry->blobs.data, blobs, entry->blobs.size);
	assert_true(slice_equal_text(entry->records, records));
	assert_int_equal(entry->segment, 3);
	assert_int_equal(entry->start, 100 * entry->number);
	assert_true(desk->count < ENTRIES_MAX);
	desk->numbers[desk->count++] = entry->number;
	free(blobs);
	return ERROR_NONE;
}

/* Opens what lies there and replays it; *desk has what came. */
static enum error
look(struct desk *desk)
{
	unsigned at;
	uint64_t size_max = desk->journal.size_max;

	put_down(desk);
	desk->journal = closed_journal(desk, size_max);
	desk->count = 0;
	arena_reset(desk->arena);
	assert_true(journal_open(&desk->journal, &at));
	enum error error = journal_find(&desk->journal, &desk->run, desk->arena, &desk->fault);
	if (error != ERROR_NONE)
		return error;
	error = journal_replay(&desk->journal, &desk->run, take, desk, desk->arena, &desk->fault);
	assert_int_equal(desk->count, desk->run.last + 1 - desk->run.first);
	for (size_t i = 0; i < desk->count; i++)
		assert_int_equal(desk->numbers[i], desk->run.first + i);
	return error;
}

static void
assert_run(struct desk *desk, uint64_t first, uint64_t last)
{
	assert_int_equal(look(desk), ERROR_NONE);
	assert_int_equal(desk->run.first, first);
	assert_int_equal(desk->run.last, last);
}

static void
assert_damage(struct desk *desk, const char *place)
{
	assert_int_equal(look(desk), ERROR_store_damaged);
	assert_true(slice_equal_text(desk->fault.place, place));
}

/* As file_write, but the file is written over: replacing one makes file systems write it out at once. */
static void
lay(const char *path, struct slice bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes.data, bytes.size, 0), bytes.size);
	assert_int_equal(ftruncate(fd, (off_t)bytes.size), 0);
	close(fd);
}

static void
flip(struct desk *desk, unsigned file, size_t at)
{
	size_t size;
	uint8_t *bytes = file_read(desk->files[file], &size);

	assert_true(at < size);
	bytes[at] ^= 0x40;
	lay(desk->files[file], slice_of(bytes, size));
	free(bytes);
}

/* ---- what comes back ---- */

static void
entries_come_back_in_order(void **state)
{
	struct desk *desk = *state;

	assert_run(desk, 1, 0);
	assert_true(desk->run.is_marked);
	for (uint64_t number = 1; number <= 30; number++) {
		append(desk, number, number % 4 == 0 ? 0 : (size_t)number * 200);
		assert_int_equal(look(desk), ERROR_NONE);
		assert_int_equal(desk->run.last, number);
		assert_false(desk->run.is_marked);
		/* Never less than what the file before the present one holds. */
		assert_true(number < 10 || desk->run.last - desk->run.first >= 3);
	}
	mark(desk, 30);
	assert_run(desk, 31, 30);
	assert_true(desk->run.is_marked);
	assert_int_equal(desk->run.size, 0);
	append(desk, 31, 10);
	assert_run(desk, 31, 31);
}

static void
files_keep_their_size(void **state)
{
	struct desk *desk = *state;
	struct stat stat0, stat1;

	for (uint64_t number = 1; number <= 100; number++)
		append(desk, number, 3000);
	assert_int_equal(stat(desk->files[0], &stat0), 0);
	assert_int_equal(stat(desk->files[1], &stat1), 0);
	assert_int_equal(stat0.st_size, 6 * JOURNAL_PAGE);
	assert_int_equal(stat1.st_size, 6 * JOURNAL_PAGE);
	assert_int_equal(journal_growth(&desk->journal), 0);
	assert_run(desk, 90, 100);
}

static void
entry_larger_than_the_file_makes_it_longer(void **state)
{
	struct desk *desk = *state;

	append(desk, 1, 10);
	append(desk, 2, 20 * JOURNAL_PAGE);
	append(desk, 3, 10);
	append(desk, 4, 20 * JOURNAL_PAGE);
	assert_run(desk, 3, 4);
	assert_int_equal(desk->journal.sizes[1], 21 * JOURNAL_PAGE);
	append(desk, 5, 10);
	/* The one before it does not lead up to it any more, which what lies behind it must not change. */
	assert_run(desk, 4, 5);
}

/* What an earlier round left is not taken for the present one's, also where it begins just at its end. */
static void
earlier_round_is_left_alone(void **state)
{
	struct desk *desk = *state;

	for (uint64_t number = 1; number <= 17; number++) {
		append(desk, number, 100);
		assert_int_equal(look(desk), ERROR_NONE);
		assert_int_equal(desk->run.last, number);
	}
	/* 1 to 5 behind the mark, 6 to 11, 12 to 17; 6 to 11 led up to that. */
	assert_int_equal(desk->run.first, 6);
	append(desk, 18, 100);
	assert_run(desk, 12, 18);
}

/* ---- torn ---- */

static uint64_t
page_count(size_t size)
{
	return (JOURNAL_HEADER_SIZE + JOURNAL_TAG_SIZE + size + strlen("batch 1") + JOURNAL_PAGE - 1) / JOURNAL_PAGE;
}

/* An entry of which only the first n bytes came to the disk, for every n, over what was there. What is found then
 * begins with `first`, or sooner while nothing of the earlier round is hurt. */
static void
torn(struct desk *desk, unsigned file, uint64_t number, size_t size, uint64_t first)
{
	size_t before_size, after_size;

	uint8_t *before = file_read(desk->files[file], &before_size);
	append(desk, number, size);
	assert_int_equal(desk->journal.current, file);
	uint8_t *after = file_read(desk->files[file], &after_size);
	uint64_t end = desk->journal.end;
	uint64_t start = end - page_count(size) * JOURNAL_PAGE;
	uint64_t last = start + JOURNAL_HEADER_SIZE + JOURNAL_TAG_SIZE + size + strlen("batch 1");
	uint8_t *torn = malloc(after_size);
	assert_non_null(torn);
	for (uint64_t n = 0; start + n < end; n++) {
		memcpy(torn, after, after_size);
		memset(torn + start + n, 0, (size_t)(end - start - n));
		if (before_size > start + n)
			memcpy(torn + start + n, before + start + n,
			    (before_size < end ? before_size : (size_t)end) - (size_t)(start + n));
		/* A file that grew: by as much, or by all of it. */
		size_t torn_size = before_size >= end || n % 2 == 0 ? after_size :
		    before_size > start + n ? before_size : (size_t)(start + n);
		lay(desk->files[file], slice_of(torn, torn_size));
		assert_int_equal(look(desk), ERROR_NONE);
		if (desk->run.last != number - 1)
			assert_true(start + n >= last - 1 && desk->run.last == number);
		else
			assert_true(desk->run.first == first || (n < 8 && desk->run.first == 1));
	}
	free(torn);
	free(before);
	free(after);
}

static void
torn_entry_of_a_file_that_grows(void **state)
{
	struct desk *desk = *state;

	append(desk, 1, 100);
	torn(desk, 0, 2, 5000, 1);
}

static void
torn_entry_over_an_earlier_round(void **state)
{
	struct desk *desk = *state;

	for (uint64_t number = 1; number <= 13; number++)
		append(desk, number, 100);
	torn(desk, 0, 14, 5000, 6);
}

/* The file's first entry: what it held before is half gone, and was durable elsewhere. */
static void
torn_entry_after_a_turn(void **state)
{
	struct desk *desk = *state;

	for (uint64_t number = 1; number <= 11; number++)
		append(desk, number, 100);
	torn(desk, 0, 12, 9000, 6);
}

/* A disk writes pages in any order, and a page in sectors. */
static void
scattered_entry_after_a_turn(void **state)
{
	struct desk *desk = *state;
	size_t size;

	for (uint64_t number = 1; number <= 11; number++)
		append(desk, number, 100);
	uint8_t *before = file_read(desk->files[0], &size);
	append(desk, 12, 9000);
	uint8_t *after = file_read(desk->files[0], &size);
	uint8_t *mixed = malloc(size);
	assert_non_null(mixed);
	for (unsigned kept = 0; kept < 1 << 18; kept += 37) {
		memcpy(mixed, before, size);
		for (unsigned sector = 0; sector < 24; sector++)
			if (kept >> (sector < 18 ? sector : 17) & 1)
				memcpy(mixed + 512 * sector, after + 512 * sector, 512);
		lay(desk->files[0], slice_of(mixed, size));
		assert_int_equal(look(desk), ERROR_NONE);
		assert_true(desk->run.last == 12 || desk->run.last == 11);
		/* Sooner while nothing of the earlier round is hurt. */
		assert_true(desk->run.first == 6 || (kept % 2 == 0 && desk->run.first == 1));
	}
	free(mixed);
	free(before);
	free(after);
}

/* Entries up to `last`, then a mark: of the older file it is written first, and so torn first. */
static void
mark_torn(struct desk *desk, uint64_t last, unsigned old)
{
	size_t size, newer_size;

	for (uint64_t number = 1; number <= last; number++)
		append(desk, number, 100);
	assert_int_equal(desk->journal.current, 1 - old);
	uint8_t *older = file_read(desk->files[old], &size);
	uint8_t *newer = file_read(desk->files[1 - old], &newer_size);
	mark(desk, last);
	uint8_t *marked = file_read(desk->files[old], &size);
	for (size_t n = 0; n < JOURNAL_HEADER_SIZE + JOURNAL_TAG_SIZE; n++) {
		/* Here its last bytes are zeros, as the tag's are. */
		memcpy(older, marked, n);
		lay(desk->files[old], slice_of(older, size));
		lay(desk->files[1 - old], slice_of(newer, newer_size));
		assert_int_equal(look(desk), ERROR_NONE);
		assert_int_equal(desk->run.last, last);
	}
	lay(desk->files[old], slice_of(marked, size));
	assert_run(desk, last + 1, last);
	assert_false(desk->run.is_marked);
	/* Then the newer one's. */
	newer[5] ^= 1;
	lay(desk->files[1 - old], slice_of(newer, newer_size));
	assert_run(desk, last + 1, last);
	free(older);
	free(newer);
	free(marked);
}

static void
torn_mark_in_the_first_file(void **state)
{
	mark_torn(*state, 8, 0);
}

static void
torn_mark_in_the_second_file(void **state)
{
	mark_torn(*state, 14, 1);
}

/* ---- damaged ---- */

static void
damage_in_the_middle_is_told(void **state)
{
	struct desk *desk = *state;

	for (uint64_t number = 1; number <= 4; number++)
		append(desk, number, 100);
	for (size_t at = 0; at < 2 * JOURNAL_PAGE; at += 11) {
		size_t in_page = at % JOURNAL_PAGE;
		/* Padding says nothing. */
		if (in_page >= JOURNAL_HEADER_SIZE + JOURNAL_TAG_SIZE + 100 + strlen("batch 1"))
			continue;
		flip(desk, 0, 2 * JOURNAL_PAGE + at);
		assert_damage(desk, at < JOURNAL_PAGE ? "journal/0 at 8192" : "journal/0 at 12288");
		flip(desk, 0, 2 * JOURNAL_PAGE + at);
	}
	/* The last one might be torn, and is left out. */
	flip(desk, 0, 4 * JOURNAL_PAGE + 50);
	assert_run(desk, 1, 3);
}

static void
damage_at_a_rounds_beginning_is_told(void **state)
{
	struct desk *desk = *state;

	for (uint64_t number = 1; number <= 8; number++)
		append(desk, number, 100);
	flip(desk, 1, 0);
	assert_damage(desk, "journal/1 at 0");
	flip(desk, 1, 0);
	/* In the file before it, the run is shorter: whether that is damage, LevelDB knows. */
	flip(desk, 0, 4 * JOURNAL_PAGE);
	assert_run(desk, 6, 8);
	flip(desk, 0, 4 * JOURNAL_PAGE);
	assert_run(desk, 1, 8);
}

static void
nothing_whole_is_damage(void **state)
{
	struct desk *desk = *state;

	append(desk, 1, 100);
	flip(desk, 0, 0);
	flip(desk, 1, 0);
	assert_damage(desk, "journal/0 at 0");
	lay(desk->files[0], SLICE_EMPTY);
	lay(desk->files[1], SLICE_EMPTY);
	assert_damage(desk, "journal/0 at 0");
}

static void
missing_file_is_named(void **state)
{
	struct desk *desk = *state;
	unsigned at = 7;

	for (unsigned i = 0; i < JOURNAL_FILES; i++) {
		put_down(desk);
		assert_int_equal(rename(desk->files[i], "/tmp/guichet-journal-aside"), 0);
		desk->journal = closed_journal(desk, 6 * JOURNAL_PAGE);
		assert_false(journal_open(&desk->journal, &at));
		assert_int_equal(errno, ENOENT);
		assert_int_equal(at, i);
		/* Nor does a FIFO in its place hold anybody up. */
		journal_close(&desk->journal);
		assert_int_equal(mkfifo(desk->files[i], 0600), 0);
		assert_false(journal_open(&desk->journal, &at));
		assert_int_equal(at, i);
		assert_int_equal(rename("/tmp/guichet-journal-aside", desk->files[i]), 0);
	}
	assert_run(desk, 1, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(entries_come_back_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(files_keep_their_size, setup, teardown),
		cmocka_unit_test_setup_teardown(entry_larger_than_the_file_makes_it_longer, setup, teardown),
		cmocka_unit_test_setup_teardown(earlier_round_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_entry_of_a_file_that_grows, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_entry_over_an_earlier_round, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_entry_after_a_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(scattered_entry_after_a_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_mark_in_the_first_file, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_mark_in_the_second_file, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_in_the_middle_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_at_a_rounds_beginning_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_whole_is_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_file_is_named, setup, teardown),
	};
	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
