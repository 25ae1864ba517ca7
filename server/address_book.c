/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table that is never enlarged, and a list of accounts for each number of connections. */
#include "server/address_book.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"

/* The words of an address and one for its size. */
#define HASH_WORDS 5

struct address_book {
	/* Multiplied with the words: no choice of addresses makes more of them meet than chance does, for who does not
	 * know them (multiply-shift hashing; Dietzfelbinger 1996). */
	uint64_t multipliers[HASH_WORDS];
	unsigned bits;
	struct address_account **buckets;
	size_t count;
	/* [n]: accounts with n connections. Those with none are kept, the first longest. */
	struct address_account **by_connections;
	size_t connections_most, connections_size;
	struct address_account **kept_end;
	size_t kept;
	/* Who had time last, and who did before it that is not the same. */
	struct {
		const struct address_account *account; /* NULL: one that is gone */
		uint64_t at_ms;                        /* 0: nobody yet */
	} last, before;
};

struct address_book *
address_book_create(size_t connections_max)
{
	struct address_book *book = calloc(1, sizeof *book);

	if (book == NULL)
		return NULL;
	for (book->bits = 4; (size_t)1 << book->bits < connections_max;)
		book->bits++;
	book->buckets = calloc((size_t)1 << book->bits, sizeof *book->buckets);
	book->connections_size = connections_max + 2;
	book->by_connections = calloc(book->connections_size, sizeof *book->by_connections);
	if (book->buckets == NULL || book->by_connections == NULL ||
	    RAND_bytes((unsigned char *)book->multipliers, (int)sizeof book->multipliers) != 1) {
		address_book_destroy(book);
		return NULL;
	}
	book->kept_end = &book->by_connections[0];
	return book;
}

/* ---- the table ---- */

static struct address_account **
bucket_of(const struct address_book *book, struct slice party)
{
	uint64_t hash = book->multipliers[HASH_WORDS - 1] * party.size;

	for (size_t i = 0; i < party.size / 4; i++)
		hash += book->multipliers[i] * bytes_peek_u32(party.data + 4 * i);
	return &book->buckets[hash >> (64 - book->bits)];
}

static struct address_account *
account_find(const struct address_book *book, struct slice party)
{
	struct address_account *account = *bucket_of(book, party);

	while (account != NULL && !slice_equal(account->party, party))
		account = account->next;
	return account;
}

/* ---- lists by number of connections ---- */

static void
peers_append(struct address_book *book, struct address_account *account)
{
	struct address_account **first = &book->by_connections[account->connections];

	if (account->connections == 0) {
		first = book->kept_end;
		book->kept_end = &account->peers_next;
		book->kept++;
	}
	account->peers_next = *first;
	account->peers = first;
	if (account->peers_next != NULL)
		account->peers_next->peers = &account->peers_next;
	*first = account;
	if (account->connections > book->connections_most)
		book->connections_most = account->connections;
}

static void
peers_remove(struct address_book *book, struct address_account *account)
{
	*account->peers = account->peers_next;
	if (account->peers_next != NULL)
		account->peers_next->peers = account->peers;
	if (account->connections != 0)
		return;
	if (account->peers_next == NULL)
		book->kept_end = account->peers;
	book->kept--;
}

/* Moves it to the list of its new number; the largest loses one at a time. */
static void
account_set_connections(struct address_book *book, struct address_account *account, size_t connections)
{
	check(connections < book->connections_size);
	peers_remove(book, account);
	account->connections = connections;
	peers_append(book, account);
	while (book->connections_most != 0 && book->by_connections[book->connections_most] == NULL)
		book->connections_most--;
}

/* ---- accounts ---- */

static struct address_account *
account_open(struct address_book *book, struct slice party)
{
	struct address_account *account = calloc(1, sizeof *account);

	if (account == NULL)
		return NULL;
	memcpy(account->address, party.data, party.size);
	account->party = slice_of(account->address, party.size);
	account->link = bucket_of(book, party);
	account->next = *account->link;
	if (account->next != NULL)
		account->next->link = &account->next;
	*account->link = account;
	book->count++;
	peers_append(book, account);
	return account;
}

static void
account_close(struct address_book *book, struct address_account *account)
{
	peers_remove(book, account);
	*account->link = account->next;
	if (account->next != NULL)
		account->next->link = account->link;
	if (book->last.account == account)
		book->last.account = NULL;
	if (book->before.account == account)
		book->before.account = NULL;
	book->count--;
	free(account);
}

/* Those kept longest go when they owe nothing any more, or are too many. */
static void
book_tidy(struct address_book *book, uint64_t now_ms)
{
	struct address_account *account;

	while ((account = book->by_connections[0]) != NULL &&
	    (book->kept > ADDRESS_BOOK_KEPT_MAX || !share_owes(&account->share, now_ms)))
		account_close(book, account);
}

void
address_book_destroy(struct address_book *book)
{
	if (book == NULL)
		return;
	if (book->by_connections != NULL)
		while (book->by_connections[0] != NULL)
			account_close(book, book->by_connections[0]);
	check(book->count == 0);
	free(book->by_connections);
	free(book->buckets);
	free(book);
}

struct address_account *
address_book_enter(struct address_book *book, const uint8_t address[ADDRESS_SIZE], uint64_t now_ms)
{
	struct slice party = address_party(address);
	struct address_account *account = account_find(book, party);

	if (account == NULL)
		account = account_open(book, party);
	if (account == NULL)
		return NULL;
	account_set_connections(book, account, account->connections + 1);
	book_tidy(book, now_ms);
	return account;
}

void
address_book_leave(struct address_book *book, struct address_account *account, uint64_t now_ms)
{
	check(account->connections != 0);
	account_set_connections(book, account, account->connections - 1);
	book_tidy(book, now_ms);
}

struct address_account *
address_book_largest(const struct address_book *book)
{
	return book->connections_most == 0 ? NULL : book->by_connections[book->connections_most];
}

size_t
address_book_count(const struct address_book *book)
{
	return book->count;
}

/* ---- time ---- */

void
address_book_count_turn(struct address_book *book, struct address_account *account, uint64_t began_ms, uint64_t now_ms)
{
	share_count(&account->share, began_ms, now_ms);
	if (book->last.account != account)
		book->before = book->last;
	book->last.account = account;
	book->last.at_ms = now_ms;
}

bool
address_book_had_much(const struct address_book *book, const struct address_account *account, uint64_t now_ms)
{
	uint64_t other_ms = book->last.account != account ? book->last.at_ms : book->before.at_ms;

	return other_ms != 0 && other_ms + ADDRESS_BOOK_RECENT_MS > now_ms && share_had_much(&account->share, now_ms);
}
