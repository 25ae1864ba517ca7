/* SPDX-License-Identifier: Apache-2.0
 *
 * How much of the loop's time a connection has: a few milliseconds at a turn, and when it has had much of late (a
 * reader of many large files, a sender of what is costly to check), its turns come behind those of the others. The same
 * for all connections of a network address together (address_book.h), or a fresh one would have had nothing.
 * Arithmetic on times of the steady clock. */
#ifndef GUICHET_SHARE_H
#define GUICHET_SHARE_H

#include "protocol/bytes.h"

/* Had more than one part in SHARE_PARTS of the time, and more than SHARE_BURST_MS beyond that, is much. */
#define SHARE_PARTS 100
#define SHARE_BURST_MS 4
/* However much that was, it is made up for after so long without a turn. */
#define SHARE_OWES_MAX_MS 5000

/* What is left of one turn. */
struct share_turn {
	size_t bytes;    /* to be read from the peer */
	unsigned frames; /* to be answered */
	uint64_t ends_ms;
};

struct share_turn share_turn_begin(uint64_t now_ms);
/* No further frame is begun. */
bool share_turn_is_over(const struct share_turn *turn, uint64_t now_ms);

/* Zeroed before first use. */
struct share {
	uint64_t owes_until_ms; /* when its part of the time will have made up for what it has had */
};

/* A turn has ended. The clock counts milliseconds, so a turn counts as none or as one as chance has it: right on
 * average. */
void share_count(struct share *share, uint64_t began_ms, uint64_t now_ms);
bool share_had_much(const struct share *share, uint64_t now_ms);
/* Has it had more than its part at all? */
bool share_owes(const struct share *share, uint64_t now_ms);

#endif
