/* SPDX-License-Identifier: Apache-2.0
 *
 * Append, turn, mark; and the reading of what a crash left. */
#include "server/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "protocol/check.h"

#define MAGIC_ENTRY 0x474a4501 /* "GJE", version 1 */
#define MAGIC_MARK 0x474a4d01  /* "GJM", version 1 */
#define HEAD_SIZE (JOURNAL_HEADER_SIZE + JOURNAL_TAG_SIZE)

/* ---- headers ---- */

static void
header_put(uint32_t magic, const struct journal_entry *entry, uint8_t header[JOURNAL_HEADER_SIZE])
{
	bytes_poke_u32(header, magic);
	bytes_poke_u32(header + 4, (uint32_t)entry->blobs.size);
	bytes_poke_u32(header + 8, (uint32_t)entry->records.size);
	bytes_poke_u32(header + 12, entry->segment);
	bytes_poke_u64(header + 16, entry->number);
	bytes_poke_u64(header + 24, entry->start);
}

void
journal_header_put(const struct journal_entry *entry, uint8_t header[JOURNAL_HEADER_SIZE])
{
	check(entry->blobs.size <= JOURNAL_BODY_MAX && entry->records.size <= JOURNAL_BODY_MAX - entry->blobs.size);
	header_put(MAGIC_ENTRY, entry, header);
}

void
journal_mark_put(uint64_t number, uint8_t header[JOURNAL_HEADER_SIZE])
{
	const struct journal_entry mark = { .number = number };
	header_put(MAGIC_MARK, &mark, header);
}

/* An entry as it lies in a file. */
struct found {
	struct journal_entry entry;
	bool is_mark;
	uint64_t size; /* with head and padding */
};

/* Bytes of a file that an entry with such a body takes. */
static uint64_t
size_in_file(uint64_t body_size)
{
	return (HEAD_SIZE + body_size + JOURNAL_PAGE - 1) / JOURNAL_PAGE * JOURNAL_PAGE;
}

/* Fills everything but where blobs and records are. */
static bool
header_get(const uint8_t header[JOURNAL_HEADER_SIZE], struct found *found)
{
	uint32_t magic = bytes_peek_u32(header), blobs = bytes_peek_u32(header + 4);
	uint32_t records = bytes_peek_u32(header + 8);

	if ((magic != MAGIC_ENTRY && magic != MAGIC_MARK) || blobs > JOURNAL_BODY_MAX ||
	    records > JOURNAL_BODY_MAX - blobs)
		return false;
	found->is_mark = magic == MAGIC_MARK;
	found->entry = (struct journal_entry){
		.number = bytes_peek_u64(header + 16),
		.segment = bytes_peek_u32(header + 12),
		.start = bytes_peek_u64(header + 24),
		.blobs = slice_of(NULL, blobs),
		.records = slice_of(NULL, records),
	};
	found->size = size_in_file((uint64_t)blobs + records);
	return true;
}

/* ---- life cycle ---- */

static void
file_name(unsigned file, char name[2])
{
	name[0] = (char)('0' + file);
	name[1] = '\0';
}

static bool
files_open(struct journal *journal, int flags, unsigned *at)
{
	struct stat stat;
	char name[2];

	journal->is_open = true;
	for (unsigned i = 0; i < JOURNAL_FILES; i++)
		journal->files[i] = -1;
	for (unsigned i = 0; i < JOURNAL_FILES; i++) {
		*at = i;
		file_name(i, name);
		/* Never waits, as for the other end of a FIFO that stands in the file's place. */
		journal->files[i] =
		    openat(journal->directory, name, O_RDWR | O_NONBLOCK | O_CLOEXEC | flags, 0600);
		if (journal->files[i] < 0 || fstat(journal->files[i], &stat) != 0)
			return false;
		if (!S_ISREG(stat.st_mode)) {
			errno = EINVAL;
			return false;
		}
		journal->sizes[i] = (uint64_t)stat.st_size;
	}
	return true;
}

bool
journal_create(struct journal *journal, unsigned *at)
{
	return files_open(journal, O_CREAT | O_EXCL, at) && disk_sync_directory(NULL, journal->directory);
}

bool
journal_open(struct journal *journal, unsigned *at)
{
	return files_open(journal, 0, at);
}

void
journal_close(struct journal *journal)
{
	for (unsigned i = 0; journal->is_open && i < JOURNAL_FILES; i++)
		if (journal->files[i] >= 0)
			close(journal->files[i]);
	journal->is_open = false;
}

/* ---- writing ---- */

bool
journal_is_full(const struct journal *journal, size_t body_size)
{
	return journal->end != 0 && journal->end + size_in_file(body_size) > journal->size_max;
}

void
journal_turn(struct journal *journal)
{
	journal->current = 1 - journal->current;
	journal->end = 0;
}

/* The whole entry in one write, up to the end of its last page: what lies there is never read from the disk for it. */
static bool
entry_write(struct journal *journal, struct disk *disk, const uint8_t *header, const uint8_t *tag, struct slice body)
{
	static const uint8_t padding[JOURNAL_PAGE];
	uint8_t head[HEAD_SIZE];
	uint64_t size = size_in_file(body.size);
	struct iovec parts[3] = {
		{ head, sizeof head },
		{ (void *)(uintptr_t)body.data, body.size },
		{ (void *)(uintptr_t)padding, (size_t)(size - sizeof head - body.size) },
	};
	int fd = journal->files[journal->current];

	memcpy(head, header, JOURNAL_HEADER_SIZE);
	memcpy(head + JOURNAL_HEADER_SIZE, tag, JOURNAL_TAG_SIZE);
	if (!disk_write_parts_at(disk, fd, parts, 3, journal->end) || !disk_sync(disk, fd))
		return false;
	journal->end += size;
	if (journal->sizes[journal->current] < journal->end)
		journal->sizes[journal->current] = journal->end;
	return true;
}

bool
journal_append(struct journal *journal, struct disk *disk, const uint8_t header[JOURNAL_HEADER_SIZE],
    const uint8_t tag[JOURNAL_TAG_SIZE], struct slice body)
{
	return entry_write(journal, disk, header, tag, body);
}

bool
journal_mark(struct journal *journal, struct disk *disk, const uint8_t header[JOURNAL_HEADER_SIZE],
    const uint8_t tag[JOURNAL_TAG_SIZE])
{
	for (unsigned i = 0; i < JOURNAL_FILES; i++) {
		journal_turn(journal);
		if (!entry_write(journal, disk, header, tag, SLICE_EMPTY))
			return false;
	}
	return true;
}

uint64_t
journal_growth(const struct journal *journal)
{
	uint64_t growth = 0;

	for (unsigned i = 0; journal->is_open && i < JOURNAL_FILES; i++)
		growth += journal->sizes[i] < journal->size_max ? journal->size_max - journal->sizes[i] : 0;
	return growth;
}

/* ---- reading ---- */

struct reading {
	const struct journal *journal;
	uint8_t *bytes; /* blobs, records, header: what the tag covers */
	size_t size;
	enum error error; /* ERROR_out_of_memory, or the disk's */
	int code;
	struct arena *arena;
	struct fault *fault;
};

static enum error
damaged(const struct reading *reading, unsigned file, uint64_t offset, const char *expected)
{
	return disk_fault(reading->fault, reading->arena, ERROR_store_damaged, 0, expected, "journal/%u at %llu", file,
	    (unsigned long long)offset);
}

static enum error
reading_failed(const struct reading *reading, unsigned file)
{
	if (reading->error == ERROR_out_of_memory)
		return fault_set(reading->fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	return disk_fault(reading->fault, reading->arena, reading->error, reading->code, "a readable file",
	    "journal/%u", file);
}

/* Reads; a disk that cannot is no torn entry. */
static bool
bytes_read(struct reading *reading, unsigned file, uint8_t *out, size_t size, uint64_t offset)
{
	if (disk_read_at(reading->journal->files[file], out, size, offset))
		return true;
	reading->error = ERROR_file_unreadable;
	reading->code = errno;
	return false;
}

static bool
room_make(struct reading *reading, size_t size)
{
	if (reading->size >= size)
		return true;
	free(reading->bytes);
	reading->bytes = malloc(size);
	reading->size = reading->bytes == NULL ? 0 : size;
	if (reading->bytes == NULL)
		reading->error = ERROR_out_of_memory;
	return reading->bytes != NULL;
}

/* Reads the entry at `offset`; its slices are valid until the next one is read. False when there is no whole entry,
 * and, with reading->error set, when that cannot be known. */
static bool
entry_read(struct reading *reading, unsigned file, uint64_t offset, struct found *found)
{
	uint8_t head[HEAD_SIZE];
	uint64_t size = reading->journal->sizes[file];

	if (offset + JOURNAL_PAGE > size || !bytes_read(reading, file, head, sizeof head, offset) ||
	    !header_get(head, found) || found->size > size - offset)
		return false;
	size_t blobs = found->entry.blobs.size, body = blobs + found->entry.records.size;
	if (!room_make(reading, body + JOURNAL_HEADER_SIZE) ||
	    !bytes_read(reading, file, reading->bytes, body, offset + HEAD_SIZE))
		return false;
	memcpy(reading->bytes + body, head, JOURNAL_HEADER_SIZE);
	found->entry.blobs.data = reading->bytes;
	found->entry.records.data = reading->bytes + blobs;
	return reading->journal->is_whole(reading->journal->context,
	    slice_of(reading->bytes, body + JOURNAL_HEADER_SIZE), head + JOURNAL_HEADER_SIZE);
}

/* The entries of a file, from its beginning on, as long as each is whole and the next of its number. */
struct chain {
	bool is_there, has_mark;
	uint64_t first, last; /* numbers; of a mark alone, its own */
	uint64_t end;
};

static void
chain_read(struct reading *reading, unsigned file, struct chain *chain)
{
	struct found found;

	*chain = (struct chain){ 0 };
	while (entry_read(reading, file, chain->end, &found) &&
	    (chain->end == 0 || (!found.is_mark && found.entry.number == chain->last + 1))) {
		if (chain->end == 0) {
			chain->is_there = true;
			chain->has_mark = found.is_mark;
			chain->first = found.entry.number;
		}
		chain->last = found.entry.number;
		chain->end += found.size;
	}
}

/* Behind the end of the chain no whole entry may have a number above `last`. Entry n + 1 is written only when entry n
 * is durable: such a one says that an acknowledged entry before it is lost. */
static enum error
later_check(struct reading *reading, unsigned file, const struct chain *chain, uint64_t last)
{
	uint8_t header[JOURNAL_HEADER_SIZE];
	struct found found;

	for (uint64_t at = chain->end; at + JOURNAL_PAGE <= reading->journal->sizes[file]; at += JOURNAL_PAGE) {
		if (!bytes_read(reading, file, header, sizeof header, at))
			return reading_failed(reading, file);
		if (!header_get(header, &found) || found.entry.number <= last)
			continue;
		if (entry_read(reading, file, at, &found))
			return damaged(reading, file, chain->end,
			    "a whole entry, since one that was written later is whole");
		if (reading->error != ERROR_NONE)
			return reading_failed(reading, file);
	}
	return ERROR_NONE;
}

static void
run_add(struct journal_run *run, unsigned file, const struct chain *chain)
{
	uint64_t begin = chain->has_mark ? size_in_file(0) : 0;

	run->parts[run->count].file = file;
	run->parts[run->count].offset = begin;
	run->parts[run->count].end = chain->end;
	run->count++;
	run->size += chain->end - begin;
}

static bool
is_mark_alone(const struct chain *chain, uint64_t number)
{
	return chain->is_there && chain->has_mark && chain->first == number && chain->last == number;
}

/* The file written last, with the other before it where that one leads up to it. */
static void
run_make(const struct chain chains[JOURNAL_FILES], unsigned newest, struct journal_run *run)
{
	const struct chain *last = &chains[newest], *before = &chains[1 - newest];

	*run = (struct journal_run){ .first = last->first + last->has_mark, .last = last->last };
	run->is_marked = is_mark_alone(last, last->last) && is_mark_alone(before, last->last);
	if (!last->has_mark && before->is_there && before->last + 1 == last->first) {
		run_add(run, 1 - newest, before);
		run->first = before->first + before->has_mark;
	}
	run_add(run, newest, last);
}

enum error
journal_find(struct journal *journal, struct journal_run *run, struct arena *arena, struct fault *fault)
{
	struct reading reading = { .journal = journal, .arena = arena, .fault = fault };
	struct chain chains[JOURNAL_FILES];
	enum error error = ERROR_NONE;
	unsigned newest = 0;

	for (unsigned i = 0; i < JOURNAL_FILES && error == ERROR_NONE; i++) {
		chain_read(&reading, i, &chains[i]);
		if (reading.error != ERROR_NONE)
			error = reading_failed(&reading, i);
	}
	if (error == ERROR_NONE && !chains[0].is_there && !chains[1].is_there)
		error = damaged(&reading, 0, 0, "a whole entry");
	/* Of two that end alike the one with the mark is newer: it speaks of the other. */
	if (error == ERROR_NONE && chains[1].is_there && (!chains[0].is_there || chains[1].last > chains[0].last ||
	    (chains[1].last == chains[0].last && chains[1].has_mark)))
		newest = 1;
	for (unsigned i = 0; i < JOURNAL_FILES && error == ERROR_NONE; i++)
		error = later_check(&reading, i, &chains[i], chains[newest].last);
	if (error == ERROR_NONE) {
		run_make(chains, newest, run);
		/* Marks go to the older file first. */
		journal->current = newest;
		journal->end = chains[newest].end;
	}
	free(reading.bytes);
	return error;
}

enum error
journal_replay(const struct journal *journal, const struct journal_run *run, journal_visit visit, void *context,
    struct arena *arena, struct fault *fault)
{
	struct reading reading = { .journal = journal, .arena = arena, .fault = fault };
	struct found found = { 0 };
	enum error error = ERROR_NONE;

	for (size_t i = 0; i < run->count; i++) {
		unsigned file = run->parts[i].file;
		uint64_t offset = run->parts[i].offset;
		while (error == ERROR_NONE && offset < run->parts[i].end) {
			if (entry_read(&reading, file, offset, &found))
				error = visit(context, &found.entry);
			else if (reading.error != ERROR_NONE)
				error = reading_failed(&reading, file);
			else
				error = damaged(&reading, file, offset, "the entry that was there a moment before");
			offset += found.size;
		}
	}
	free(reading.bytes);
	return error;
}
