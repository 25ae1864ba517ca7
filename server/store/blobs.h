/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs between the store's contract and the segments: sealed into the bytes a batch will append, and read back, at
 * once when they are in memory, else by the reader's thread, which fetches bytes and opens nothing. */
#ifndef GUICHET_STORE_BLOBS_H
#define GUICHET_STORE_BLOBS_H

#include "protocol/buf.h"
#include "server/store/keyring.h"
#include "server/store/segments.h"
#include "server/worker.h"

/* Bytes that cold reads on their way may hold; beyond it a read is told `busy` (a single one always goes). */
#define BLOBS_READING_MAX ((size_t)(64 * 1024 * 1024))

/* The caller fills the upper part. */
struct blobs {
	struct keyring *keyring;
	struct worker *reader;
	int directory; /* of the segments */
	bool cold; /* nothing is looked for in memory */

	struct segment_cache cache;
	size_t reading;       /* bytes on their way */
	size_t reading_count; /* groups on their way */
};

/* Seals `plain` behind what `bytes` holds, which will be written from `start` on in the segment. False when memory is
 * short, the batch is full or sealing fails. */
must_check bool blobs_put(struct blobs *blobs, struct retention retention, struct slice plain, uint64_t batch,
    uint32_t segment, uint64_t start, struct buf *bytes, struct blob_ref *ref);

/* Answers those of the reads that are STORE_BLOB; the others must have been answered. As store_read. */
must_check enum store_progress blobs_read(struct blobs *blobs, struct store_read *reads, size_t count, store_done done,
    void *context);

/* Reads the entry at `offset` for a walk: *plain (malloc'ed, freed by the caller; NULL unless *opened is ERROR_NONE),
 * its place and retention. What is returned says if the walk can go on, and *failure why not; *opened if the entry
 * could be opened. */
must_check enum error blobs_visit(struct blobs *blobs, uint32_t segment, uint64_t offset, struct segment_place *place,
    struct retention *retention, uint8_t **plain, enum error *opened, struct disk_failure *failure);

/* Nothing may be on its way. */
void blobs_close(struct blobs *blobs);

#endif
