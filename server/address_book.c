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
/* Lists of those below one account: by the bits of their number, and the last one for all that have more. */
#define BELOW_LISTS ((size_t)12)

/* Who had time last, and who did before it that is not the same. */
struct recent {
	struct {
		const struct address_account *account; /* NULL: one that is gone */
		uint64_t at_ms;                        /* 0: nobody yet */
	} last, before;
};

struct address_book {
	/* Multiplied with the words: no choice of addresses makes more of them meet than chance does, for who does not
	 * know them (multiply-shift hashing; Dietzfelbinger 1996). */
	uint64_t multipliers[HASH_WORDS];
	unsigned bits;
	struct address_account **buckets;
	size_t count;
	/* [n]: accounts with n connections and none above. [0]: all without connections, which are kept, the first
	 * longest; one above stands behind those below it, since it is without connections last. */
	struct chain *by_connections;
	size_t connections_most, connections_size;
	size_t kept;
	struct recent recent, recent_above; /* by address; by the one above, if any */
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
	return book;
}

/* ---- the table ---- */

static struct address_account **
bucket_of(const struct address_book *book, struct slice party)
{
	uint64_t hash = book->multipliers[HASH_WORDS - 1] * party.size;
	uint8_t whole[ADDRESS_SIZE] = { 0 };

	memcpy(whole, party.data, party.size);
	for (size_t i = 0; i < ADDRESS_SIZE / 4; i++)
		hash += book->multipliers[i] * bytes_peek_u32(whole + 4 * i);
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

static struct chain *
peers_of(struct address_book *book, const struct address_account *account)
{
	size_t list = 0;

	if (account->connections == 0 || account->above == NULL)
		return &book->by_connections[account->connections];
	while (list + 1 < BELOW_LISTS && account->connections >> (list + 1) != 0)
		list++;
	return &account->above->below[list];
}

/* connections_most is found again by counting down: an account loses one connection at a time, so it is one step. */
static void
account_set_connections(struct address_book *book, struct address_account *account, size_t connections)
{
	check(connections < book->connections_size);
	book->kept += connections == 0;
	book->kept -= account->connections == 0;
	account->connections = connections;
	chain_append(peers_of(book, account), &account->peers);
	if (account->above != NULL)
		return;
	if (connections > book->connections_most)
		book->connections_most = connections;
	while (book->connections_most != 0 && book->by_connections[book->connections_most].first == NULL)
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
	book->kept++;
	chain_append(&book->by_connections[0], &account->peers);
	return account;
}

static void
recent_forget(struct recent *recent, const struct address_account *account)
{
	if (recent->last.account == account)
		recent->last.account = NULL;
	if (recent->before.account == account)
		recent->before.account = NULL;
}

/* Without connections. */
static void
account_close(struct address_book *book, struct address_account *account)
{
	check(account->connections == 0);
	chain_remove(&account->peers);
	*account->link = account->next;
	if (account->next != NULL)
		account->next->link = account->link;
	recent_forget(&book->recent, account);
	recent_forget(&book->recent_above, account);
	book->kept--;
	book->count--;
	free(account->below);
	free(account);
}

static struct address_account *
kept_longest(const struct address_book *book)
{
	return chain_owner(book->by_connections[0].first, struct address_account, peers);
}

/* Those kept longest go when they owe nothing any more, or are too many. */
static void
book_tidy(struct address_book *book, uint64_t now_ms)
{
	struct address_account *account;

	while ((account = kept_longest(book)) != NULL &&
	    (book->kept > ADDRESS_BOOK_KEPT_MAX || !share_owes(&account->share, now_ms)))
		account_close(book, account);
}

void
address_book_destroy(struct address_book *book)
{
	struct address_account *account;

	if (book == NULL)
		return;
	if (book->by_connections != NULL)
		while ((account = kept_longest(book)) != NULL)
			account_close(book, account);
	check(book->count == 0);
	free(book->by_connections);
	free(book->buckets);
	free(book);
}

/* The one above, found or opened; NULL when memory is short. */
static struct address_account *
account_above(struct address_book *book, struct slice network)
{
	struct address_account *above = account_find(book, network);

	if (above == NULL)
		above = account_open(book, network);
	if (above != NULL && above->below == NULL)
		above->below = calloc(BELOW_LISTS, sizeof *above->below);
	return above == NULL || above->below == NULL ? NULL : above;
}

struct address_account *
address_book_enter(struct address_book *book, const uint8_t address[ADDRESS_SIZE], uint64_t now_ms)
{
	struct slice party = address_party(address), network = address_network(address);
	struct address_account *account = account_find(book, party);
	bool is_new = account == NULL;

	if (is_new)
		account = account_open(book, party);
	if (account == NULL)
		return NULL;
	if (is_new && network.size != 0) {
		account->above = account_above(book, network);
		if (account->above == NULL) {
			account_close(book, account);
			return NULL;
		}
	}
	account_set_connections(book, account, account->connections + 1);
	if (account->above != NULL)
		account_set_connections(book, account->above, account->above->connections + 1);
	book_tidy(book, now_ms);
	return account;
}

void
address_book_leave(struct address_book *book, struct address_account *account, uint64_t now_ms)
{
	check(account->connections != 0);
	account_set_connections(book, account, account->connections - 1);
	if (account->above != NULL)
		account_set_connections(book, account->above, account->above->connections - 1);
	book_tidy(book, now_ms);
}

struct address_account *
address_book_largest(const struct address_book *book)
{
	struct chain_link *first = book->by_connections[book->connections_most].first;

	return book->connections_most == 0 ? NULL : chain_owner(first, struct address_account, peers);
}

struct address_account *
address_book_largest_below(struct address_account *account)
{
	size_t list = BELOW_LISTS - 1;

	if (account->below == NULL)
		return account;
	while (list > 0 && account->below[list].first == NULL)
		list--;
	check(account->below[list].first != NULL);
	return chain_owner(account->below[list].first, struct address_account, peers);
}

void
address_book_pass_over(struct address_account *account)
{
	chain_append(account->peers.chain, &account->peers);
}

struct address_account *
address_book_top(struct address_account *account)
{
	return account->above != NULL ? account->above : account;
}

size_t
address_book_count(const struct address_book *book)
{
	return book->count;
}

/* ---- time ---- */

static void
recent_note(struct recent *recent, const struct address_account *account, uint64_t now_ms)
{
	if (recent->last.account != account)
		recent->before = recent->last;
	recent->last.account = account;
	recent->last.at_ms = now_ms;
}

/* Has it had more than its part of the loop's time (share.h), and has another account had a turn within
 * ADDRESS_BOOK_RECENT_MS? With nobody else there, nobody is to be put before it. */
static bool
account_had_much(const struct recent *recent, const struct address_account *account, uint64_t now_ms)
{
	uint64_t other_ms = recent->last.account != account ? recent->last.at_ms : recent->before.at_ms;

	return other_ms != 0 && other_ms + ADDRESS_BOOK_RECENT_MS > now_ms && share_had_much(&account->share, now_ms);
}

void
address_book_count_turn(struct address_book *book, struct address_account *account, uint64_t began_ms, uint64_t now_ms)
{
	share_count(&account->share, began_ms, now_ms);
	recent_note(&book->recent, account, now_ms);
	if (account->above != NULL)
		share_count(&account->above->share, began_ms, now_ms);
	recent_note(&book->recent_above, address_book_top(account), now_ms);
}

struct address_account *
address_book_had_much(const struct address_book *book, struct address_account *account, uint64_t now_ms)
{
	if (account->above != NULL && account_had_much(&book->recent_above, account->above, now_ms))
		return account->above;
	return account_had_much(&book->recent, account, now_ms) ? account : NULL;
}
