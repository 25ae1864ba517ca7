/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of an uploaded part as they stand in their blob: sealed under a key that one document of one upload has to
 * itself. The key stands in the document's record, later in the archive entry of its filing, and nowhere else: who
 * forgets it gives up the bytes, whatever becomes of the segments.
 *
 * The nonce is random, drawn with the part's request. The offset would not do: after a crash, or when two requests race
 * for one place, other bytes are sealed for the same offset under the same key. The document's digest and the part's
 * offset are authenticated, so that no part stands for another. */
#ifndef GUICHET_SERVICES_PART_H
#define GUICHET_SERVICES_PART_H

#include "protocol/arena.h"
#include "protocol/error.h"
#include "server/store/seal.h"

/* Where a part belongs. */
struct part_place {
	struct slice key;    /* of the document: SEAL_KEY_SIZE bytes */
	struct slice digest; /* of the document */
	uint64_t offset;     /* in it, of the part's first byte */
};

/* The sealed bytes, SEAL_OVERHEAD more than there were, in the arena. ERROR_out_of_memory, ERROR_key_failed. */
must_check enum error part_seal(const struct part_place *place, const uint8_t nonce[SEAL_NONCE_SIZE],
    struct slice plain, struct arena *arena, struct slice *out);
/* The bytes back, in the arena. ERROR_store_damaged: changed, or sealed for another place or under another key;
 * ERROR_out_of_memory. */
must_check enum error part_open(const struct part_place *place, struct slice sealed, struct arena *arena,
    struct slice *out);

#endif
