/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk's room, as it is promised to decisions that write. What the store says is left knows only what is written;
 * between a decision and the end of its batch lie seconds when the disk is slow, and hundreds of other decisions, each
 * of which would find the same room. So each is promised what it writes, until it is answered. A decision that writes
 * nothing needs no room, and is answered however full the disk is: above all a filing that was accepted before.
 *
 * All that is promised together fits into what the reserve has above the floor: even if others than this server fill
 * the disk, what was promised can still be written, and the server stopped and started. */
#ifndef GUICHET_ROOM_H
#define GUICHET_ROOM_H

#include "protocol/message.h"
#include "server/store/store.h"

/* What one decision writes besides its blobs: records and leaf. */
#define ROOM_RECORDS ((uint64_t)16 * 1024)
/* Promised together at least, with the smallest reserve: a few batches, without which nothing goes on. */
#define ROOM_PROMISED_MIN ((uint64_t)32 * 1024 * 1024)
/* The smallest reserve: with less a disk that others fill would end the process at a commit, instead of making it
 * refuse. The journal is not part of it: what that has yet to grow by is never left (store_space_left). */
#define ROOM_RESERVE_MIN (STORE_FLOOR + ROOM_PROMISED_MIN)

struct room {
	struct store *store;
	uint64_t promised, promised_max;
};

/* promised_max for a reserve of so many bytes, ROOM_RESERVE_MIN at least (checked). */
uint64_t room_promised_max(uint64_t reserve);
/* Is there room for so much? ERROR_NONE; ERROR_disk_full; ERROR_busy, when there will be once what was promised is
 * written. A vital operation has the reserve too, and does not wait for others. */
must_check enum error room_ask(const struct room *room, const struct operation *operation, uint64_t wanted);
/* Promised from now on instead of `before`: 0 at first, and 0 in the end. */
void room_promise(struct room *room, uint64_t before, uint64_t now);

#endif
