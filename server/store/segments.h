/* SPDX-License-Identifier: Apache-2.0
 *
 * The archive: files DIR/segments/NNNNNNNN.seg, only ever appended to, that hold the sealed blobs one behind the other.
 * Each entry says where it begins and how long it is; where it lies is part of what authenticates it. This file knows
 * places and bytes, nothing of keys.
 *
 * What is written here is in the journal before, and is synced later, a whole file of the journal at a time. So no
 * segment is ever longer than the records say once the journal is replayed: bytes behind the recorded end prove that
 * records were lost. An entry carries the number of the batch that wrote it. */
#ifndef GUICHET_STORE_SEGMENTS_H
#define GUICHET_STORE_SEGMENTS_H

#include "server/store/disk.h"
#include "server/store/store.h"

/* Magic with version, size of what is sealed, batch, random id. */
#define SEGMENT_HEADER_SIZE ((size_t)24)
#define SEGMENT_ID_SIZE ((size_t)8)
/* Segment, offset and header: what an entry's sealing is bound to. */
#define SEGMENT_ASSOCIATED_SIZE (4 + 8 + SEGMENT_HEADER_SIZE)
/* The batch after the one that reaches this begins a new segment. */
#define SEGMENT_SIZE_MAX ((uint64_t)1024 * 1024 * 1024)
/* The name of a segment's file, with its NUL. */
#define SEGMENT_NAME_SIZE 16

/* What a blob_ref holds. */
struct segment_place {
	uint32_t segment; /* from 1 */
	uint32_t size;    /* of what is sealed, without the header */
	uint64_t offset;  /* of the header */
	uint8_t id[SEGMENT_ID_SIZE];
};

struct blob_ref segment_place_put(const struct segment_place *place);
/* False for all zeros. */
must_check bool segment_place_get(const struct blob_ref *ref, struct segment_place *place);

void segment_name(uint32_t segment, char name[SEGMENT_NAME_SIZE]);
void segment_header_put(const struct segment_place *place, uint64_t batch, uint8_t header[SEGMENT_HEADER_SIZE]);
/* Fills size and id of *place; false when this is no header. */
must_check bool segment_header_get(const uint8_t header[SEGMENT_HEADER_SIZE], struct segment_place *place,
    uint64_t *batch);
void segment_associated(const struct segment_place *place, const uint8_t header[SEGMENT_HEADER_SIZE],
    uint8_t out[SEGMENT_ASSOCIATED_SIZE]);

/* ---- writing, by one thread at a time ---- */

/* Segments written to that can wait for a sync at once; it is done at once when there would be one more. */
#define SEGMENTS_UNSYNCED_MAX ((size_t)16)

/* Files that have bytes which are not synced. */
struct segment_files {
	int fds[SEGMENTS_UNSYNCED_MAX];
	size_t count;
	bool is_made; /* one is new: the directory too is to be synced */
};

struct segment_writer {
	int directory;
	int fd;           /* -1: none open */
	uint32_t segment; /* that fd is of */
	struct segment_files left; /* written to before fd's */
};

/* Writes at `offset`, which is the segment's end (0 makes the file). False with errno. */
must_check bool segment_write(struct segment_writer *writer, struct disk *disk, uint32_t segment, uint64_t offset,
    struct slice bytes);
/* Moves all that was written since the last call into *files, which has to be empty. */
void segment_writer_hand_over(struct segment_writer *writer, struct segment_files *files);
void segment_writer_close(struct segment_writer *writer);

/* Syncs them and their directory; empties *files in any case. Any thread. False with errno. */
must_check bool segment_files_sync(struct segment_files *files, struct disk *disk, int directory);

/* ---- reading ---- */

/* A few segments kept open, for reads that must not wait. All zeros: none. */
struct segment_cache {
	struct {
		uint32_t segment; /* 0: free */
		int fd;
	} slots[16];
};

/* Like segment_read, but only from memory: false with EAGAIN when the system would have to read the disk. */
must_check bool segment_read_cached(struct segment_cache *cache, int directory, const struct segment_place *place,
    uint8_t *out);
void segment_cache_close(struct segment_cache *cache);

/* Reads the whole entry, header and all, into `out`. False with errno; ENODATA beyond the end, EBADMSG when another
 * entry or none lies there. Blocks; any thread. */
must_check bool segment_read(int directory, const struct segment_place *place, uint8_t *out);
/* The size of a segment's file; false with errno. */
must_check bool segment_size(int directory, uint32_t segment, uint64_t *size);
/* The entry at *offset, for who reads them all: its header is read and *place filled. */
must_check bool segment_peek(int directory, uint32_t segment, uint64_t offset, struct segment_place *place);

/* ---- at open ---- */

/* A segment as the records know it. */
struct segment_length {
	uint32_t segment;
	uint64_t length;
};

/* Do the files agree with `lengths` (rising, the last is the one written to)? ERROR_store_damaged: the fault names the
 * file. */
must_check enum error segments_check(int directory, const struct segment_length *lengths, size_t count,
    struct arena *arena, struct fault *fault);

#endif
