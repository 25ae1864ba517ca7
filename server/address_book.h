/* SPDX-License-Identifier: Apache-2.0
 *
 * What each network address holds of the office: connections, handshakes, bytes, the loop's time. An address has an
 * account while it has connections, and after them for as long as it owes time, so that who comes again on a fresh
 * connection is known; at most ADDRESS_BOOK_KEPT_MAX accounts are kept so.
 *
 * For the loop's thread only. */
#ifndef GUICHET_ADDRESS_BOOK_H
#define GUICHET_ADDRESS_BOOK_H

#include "server/address.h"
#include "server/give_way.h"
#include "server/loop.h"
#include "server/share.h"

struct address_book;
struct conn;

/* In the order in which they came to stand there. */
struct conn_list {
	struct conn *first, **end; /* end: meaningless while there is none */
};

struct address_account {
	size_t connections;
	size_t handshakes; /* under way */
	size_t buffered;   /* bytes of memory for what its connections received or are to be sent */
	struct share share;
	struct loop_group behind;                 /* its turns */
	struct conn_list standings[STANDING_COUNT]; /* all its connections */
	struct address_account *line_next, **line; /* among those whose connections wait for a handshake; NULL: none */
	/* The book's. */
	struct slice party; /* in `address` */
	uint8_t address[ADDRESS_SIZE];
	struct address_account *next, **link;           /* with the same hash */
	struct address_account *peers_next, **peers;    /* with as many connections */
};

#define ADDRESS_BOOK_KEPT_MAX 4096
/* Who has had time within so long still wants it. */
#define ADDRESS_BOOK_RECENT_MS 10000

/* For so many connections at most, and one. NULL when memory or randomness is short. */
must_check struct address_book *address_book_create(size_t connections_max);
/* All connections are gone. NULL is allowed. */
void address_book_destroy(struct address_book *book);

/* One connection more; the address's account, valid until address_book_leave for it. NULL when memory is short.
 * now_ms: steady clock, as below. */
must_check struct address_account *address_book_enter(struct address_book *book, const uint8_t address[ADDRESS_SIZE],
    uint64_t now_ms);
/* One less. */
void address_book_leave(struct address_book *book, struct address_account *account, uint64_t now_ms);
/* One that has as many connections as any; NULL when there is none. */
struct address_account *address_book_largest(const struct address_book *book);
/* Accounts, those included that are only kept. */
size_t address_book_count(const struct address_book *book);

/* A turn for that address has ended: counts its time. */
void address_book_count_turn(struct address_book *book, struct address_account *account, uint64_t began_ms,
    uint64_t now_ms);
/* Has it had so much that others go first? Never while nobody else wants the loop. */
bool address_book_had_much(const struct address_book *book, const struct address_account *account, uint64_t now_ms);

#endif
