/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal: what makes a commit durable. An entry holds all that a batch changes, blobs and records; one write of it
 * and one sync are the commit. What segments and LevelDB get afterwards is not synced: if it is lost, it is made again
 * from here.
 *
 * Two files, DIR/journal/0 and 1, are filled in turn, and a file is written over from its beginning once all that it
 * holds is durable elsewhere, which is for the caller to know. They grow in their first round only: a sync of a file
 * that keeps its size and its blocks costs the disk one write, of one that grows three.
 *
 * An entry begins on a page of its own, so that writing it touches no page of one that was acknowledged. Entries of a
 * file lie one behind the other, their numbers rising by one; behind the last lies what an earlier round left, with
 * lower numbers. A mark, which is only ever a file's first entry, says that everything up to its number is durable
 * elsewhere.
 *
 * This file knows bytes and places, nothing of keys: each entry carries a tag by which who has the keys tells it from
 * one that is torn or was changed. */
#ifndef GUICHET_STORE_JOURNAL_H
#define GUICHET_STORE_JOURNAL_H

#include "server/store/disk.h"

#define JOURNAL_FILES 2
/* The size of a file. An entry that would go beyond it is written to the beginning of the other file; only one that is
 * larger than a whole file makes its file longer. */
#define JOURNAL_SIZE ((uint64_t)32 * 1024 * 1024)
#define JOURNAL_PAGE ((size_t)4096)
/* Magic with version and kind, sizes of blobs and records, segment, number, start. */
#define JOURNAL_HEADER_SIZE ((size_t)(4 + 4 + 4 + 4 + 8 + 8))
#define JOURNAL_TAG_SIZE ((size_t)36)
/* Blobs and records of one entry. */
#define JOURNAL_BODY_MAX ((size_t)256 * 1024 * 1024)

/* What a batch changes. */
struct journal_entry {
	uint64_t number;   /* of the batch */
	uint32_t segment;  /* where its blobs go, */
	uint64_t start;    /* from this place on */
	struct slice blobs, records;
};

/* The header of an entry, whose sizes only are looked at; or of a mark. The tag has to cover blobs, records and header,
 * in this order. */
void journal_header_put(const struct journal_entry *entry, uint8_t header[JOURNAL_HEADER_SIZE]);
void journal_mark_put(uint64_t number, uint8_t header[JOURNAL_HEADER_SIZE]);

/* Is this the tag of what it is said to cover? */
typedef bool (*journal_check)(void *context, struct slice covered, const uint8_t tag[JOURNAL_TAG_SIZE]);

/* Zeroed but for what the caller fills first; then made or opened. */
struct journal {
	int directory;
	uint64_t size_max; /* JOURNAL_SIZE */
	journal_check is_whole;
	void *context;

	bool is_open;
	int files[JOURNAL_FILES];
	uint64_t sizes[JOURNAL_FILES];
	unsigned current; /* the file written to */
	uint64_t end;     /* where its next entry goes */
};

/* Makes both files, or opens them: false with errno, and *at the file. Before the first journal_append both files need
 * a mark (journal_mark), unless they have one: journal_run.is_marked. */
must_check bool journal_create(struct journal *journal, unsigned *at);
must_check bool journal_open(struct journal *journal, unsigned *at);
void journal_close(struct journal *journal);

/* ---- writing, by one thread at a time ---- */

/* Would an entry with a body of so many bytes go into the other file? */
bool journal_is_full(const struct journal *journal, size_t body_size);
/* The next entry goes to the beginning of the other file, all of which must be durable elsewhere. */
void journal_turn(struct journal *journal);
/* Writes an entry behind the last and syncs; `body` is its blobs and records. False with errno. */
must_check bool journal_append(struct journal *journal, struct disk *disk,
    const uint8_t header[JOURNAL_HEADER_SIZE], const uint8_t tag[JOURNAL_TAG_SIZE], struct slice body);
/* Writes a mark at the beginning of both files, the older first, each synced; the next entry follows it. False with
 * errno. */
must_check bool journal_mark(struct journal *journal, struct disk *disk, const uint8_t header[JOURNAL_HEADER_SIZE],
    const uint8_t tag[JOURNAL_TAG_SIZE]);
/* Bytes of the disk that the files have yet to take until they have their size. */
uint64_t journal_growth(const struct journal *journal);

/* ---- at open ---- */

/* The entries that may not be durable elsewhere, in their order: the end of one file, perhaps, and then the other. */
struct journal_run {
	struct {
		unsigned file;
		uint64_t offset, end;
	} parts[JOURNAL_FILES];
	size_t count;
	uint64_t first, last; /* numbers; last + 1 and last: none */
	uint64_t size;
	bool is_marked; /* both files say so: no mark has to be written before the next entry */
};

/* Finds them. ERROR_store_damaged: an entry is whole behind one that is not, or there is none at all;
 * ERROR_out_of_memory. */
must_check enum error journal_find(struct journal *journal, struct journal_run *run, struct arena *arena,
    struct fault *fault);

/* Called for each entry, valid during the call; anything but ERROR_NONE ends it and is its result. */
typedef enum error (*journal_visit)(void *context, const struct journal_entry *entry);
/* Visits the entries of a run. ERROR_store_damaged when one is no longer what it was. */
must_check enum error journal_replay(const struct journal *journal, const struct journal_run *run, journal_visit visit,
    void *context, struct arena *arena, struct fault *fault);

#endif
