/* SPDX-License-Identifier: Apache-2.0
 *
 * What each network address holds of the office: connections, handshakes, bytes, the loop's time. An address has an
 * account while it has connections, and after them for as long as it owes time, so that who comes again on a fresh
 * connection is known; at most ADDRESS_BOOK_KEPT_MAX accounts are kept so.
 *
 * An IPv6 address is counted twice, in the account of its network of 64 bits and in the one above it, of its network of
 * 48 bits: or one subscriber would be 65,536 addresses. In competition with others the account above counts first,
 * among those below it their own.
 *
 * For the loop's thread only. */
#ifndef GUICHET_ADDRESS_BOOK_H
#define GUICHET_ADDRESS_BOOK_H

#include "server/address.h"
#include "server/chain.h"
#include "server/evict.h"
#include "server/loop.h"
#include "server/share.h"

struct address_book;

struct address_account {
	struct address_account *above; /* NULL: none */
	size_t connections;
	size_t handshakes; /* under way */
	size_t buffered;   /* bytes of memory for what its connections received or are to be sent */
	struct share share;
	struct loop_group behind;               /* its turns */
	struct chain standings[STANDING_COUNT]; /* its connections; of one above, none */
	struct chain_link line;                 /* among those whose connections wait for a handshake */
	struct chain waiting;                   /* such a line, of those below it */
	/* The book's. */
	struct slice party; /* in `address` */
	uint8_t address[ADDRESS_SIZE];
	struct address_account *next, **link; /* with the same hash */
	struct chain_link peers;              /* with as many connections */
	struct chain *below;                  /* those below it, by the bits of their number; NULL: none ever */
};

#define ADDRESS_BOOK_KEPT_MAX 4096
/* Who has had time within so long still wants it. */
#define ADDRESS_BOOK_RECENT_MS 10000

/* For so many connections at most, and one. NULL when memory or randomness is short. */
must_check struct address_book *address_book_create(size_t connections_max);
/* All connections are gone. NULL is allowed. */
void address_book_destroy(struct address_book *book);

/* One connection more, above as well; the address's account, valid until address_book_leave for it. NULL when memory is
 * short. now_ms: steady clock, as below. */
must_check struct address_account *address_book_enter(struct address_book *book, const uint8_t address[ADDRESS_SIZE],
    uint64_t now_ms);
/* One less. */
void address_book_leave(struct address_book *book, struct address_account *account, uint64_t now_ms);
/* One that has as many connections as any, with none above it; NULL when there is none. */
struct address_account *address_book_largest(const struct address_book *book);
/* One below it that has more than half as many as any, or 2,048 and more; itself when it cannot have any below.
 * `account` has connections. */
struct address_account *address_book_largest_below(struct address_account *account);
/* Next time address_book_largest_below finds another one with as many, if there is one. `account`: as it gave it. */
void address_book_pass_over(struct address_account *account);
/* The one above it, or itself when there is none. */
struct address_account *address_book_top(struct address_account *account);
/* Accounts, those included that are only kept. */
size_t address_book_count(const struct address_book *book);

/* A turn for that address has ended: counts its time. */
void address_book_count_turn(struct address_book *book, struct address_account *account, uint64_t began_ms,
    uint64_t now_ms);
/* It, or the one above it, when that has had so much that others go first; NULL: neither. Never while nobody else wants
 * the loop. */
struct address_account *address_book_had_much(
    const struct address_book *book, struct address_account *account, uint64_t now_ms);

#endif
