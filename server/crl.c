/* SPDX-License-Identifier: Apache-2.0
 *
 * One list goes page by page between the loop, which reads, and the worker, which takes in what was read. */
#include "server/crl.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/buf.h"
#include "protocol/check.h"
#include "server/authority.h"
#include "server/store/keys.h"
#include "server/store/records.h"

/* Records read at a step of the loop. */
#define PAGE ((size_t)256)
#define PAGE_ARENA ((size_t)1024 * 1024)

struct crl {
	struct store *store;
	struct worker *worker;
	void (*made)(void *context, struct content *pem);
	void *context;
	bool is_marked, is_under_way, is_settled;
	uint64_t begun_ms, begun_steady_ms; /* the newest list, by either clock */
	uint64_t number;                    /* its number, 0: there is none */
	struct slice previous;              /* of another process, until a list is made after it */
	bool replaces_foreign;              /* the list that is made now: it was no list of ours */

	/* The list under way. The loop's while a page is read, the worker's while it is taken in. */
	struct authority *authority;
	struct arena *arena; /* of one page */
	struct store_read read;
	uint8_t from[1 + SERIAL_SIZE + 1];
	size_t from_size;
	struct authority_revoked *revoked;
	size_t count, alloc;
	bool is_good;
	struct content *pem;
};

struct crl *
crl_create(struct authority *authority, struct store *store, struct worker *worker,
    void (*made)(void *context, struct content *pem), void *context)
{
	struct crl *crl = calloc(1, sizeof *crl);

	if (crl == NULL)
		return NULL;
	crl->arena = arena_create(PAGE_ARENA);
	if (crl->arena == NULL) {
		free(crl);
		return NULL;
	}
	crl->authority = authority;
	crl->store = store;
	crl->worker = worker;
	crl->made = made;
	crl->context = context;
	return crl;
}

void
crl_destroy(struct crl *crl)
{
	if (crl == NULL)
		return;
	check(!crl->is_under_way);
	arena_destroy(crl->arena);
	free(crl);
}

void
crl_follow(struct crl *crl, struct slice pem)
{
	crl->previous = pem;
}

bool
crl_replaces_foreign(const struct crl *crl)
{
	return crl->replaces_foreign;
}

void
crl_mark(struct crl *crl)
{
	crl->is_marked = true;
}

/* What was taken in. */
static void
crl_forget(struct crl *crl)
{
	free(crl->revoked);
	crl->revoked = NULL;
	crl->count = crl->alloc = 0;
}

/* ---- on the worker's thread ---- */

static bool
crl_take(struct crl *crl, const struct store_pair *pair)
{
	struct rec_revocation record;

	if (pair->key.size != 1 + SERIAL_SIZE ||
	    record_decode(record_revocation(), pair->value, crl->arena, &record) != ERROR_NONE)
		return false;
	uint64_t now = crl->begun_ms / 1000;
	if (record.has_not_after && record.not_after < now && now - record.not_after > CRL_KEEP_S)
		return true;
	if (crl->count == crl->alloc) {
		size_t alloc = crl->alloc == 0 ? PAGE : 2 * crl->alloc;
		struct authority_revoked *revoked = realloc(crl->revoked, alloc * sizeof *revoked);
		if (revoked == NULL)
			return false;
		crl->revoked = revoked;
		crl->alloc = alloc;
	}
	struct authority_revoked *line = &crl->revoked[crl->count++];
	memcpy(line->serial, pair->key.data + 1, SERIAL_SIZE);
	line->time = record.revoked_at;
	line->reason = (unsigned)record.reason;
	return true;
}

static void
crl_sign(struct crl *crl)
{
	struct buf *pem = buf_create(PUBLICATION_CRL_MAX);
	uint64_t now = crl->begun_ms / 1000, before;
	bool is_made = false;
	bool is_ours = crl->previous.size != 0 && authority_crl_number(crl->authority, crl->previous, &before);

	if (is_ours && crl->number <= before)
		crl->number = before + 1;
	crl->replaces_foreign = !is_ours && crl->previous.size != 0;
	if (pem != NULL) {
		buf_set_public(pem);
		is_made = authority_crl(crl->authority, crl->revoked, crl->count, now, now + CRL_LIFE_S, crl->number,
		    pem) == ERROR_NONE;
	}
	/* Given back before the list is copied. */
	crl_forget(crl);
	if (is_made)
		crl->pem = content_create(buf_peek(pem));
	buf_destroy(pem);
}

/* Takes in the page; after the last one makes the list. */
static void
crl_run(void *argument)
{
	struct crl *crl = argument;

	for (size_t i = 0; crl->is_good && i < crl->read.pairs_count; i++)
		crl->is_good = crl_take(crl, &crl->read.pairs[i]);
	if (crl->is_good && crl->read.pairs_count < PAGE)
		crl_sign(crl);
}

/* ---- on the loop's ---- */

static void crl_read_page(struct crl *crl);

static void
crl_end(struct crl *crl)
{
	struct content *pem = crl->pem;

	crl->is_under_way = false;
	crl->pem = NULL;
	crl_forget(crl);
	if (pem == NULL)
		crl->is_marked = true;
	else
		crl->previous = SLICE_EMPTY;
	crl->made(crl->context, pem);
	content_release(pem);
}

static void
crl_page_taken(void *argument)
{
	struct crl *crl = argument;

	if (!crl->is_good || crl->read.pairs_count < PAGE) {
		crl_end(crl);
		return;
	}
	/* The first key behind the last one. */
	const struct slice last = crl->read.pairs[PAGE - 1].key;
	memcpy(crl->from, last.data, last.size);
	crl->from[last.size] = 0;
	crl->from_size = last.size + 1;
	crl_read_page(crl);
}

/* Also when the store answers at once the next page comes by way of the worker: never deeper into the stack, and the
 * loop serves others in between. */
static void
crl_page_read(void *context, enum error error)
{
	struct crl *crl = context;

	if (error != ERROR_NONE || crl->read.error != ERROR_NONE ||
	    !worker_submit(crl->worker, crl_run, crl_page_taken, crl))
		crl_end(crl);
}

static void
crl_read_page(struct crl *crl)
{
	static const uint8_t past = KEY_revocation + 1;

	arena_reset(crl->arena);
	crl->read = (struct store_read){
		.kind = STORE_RANGE,
		.arena = crl->arena,
		.key = slice_of(crl->from, crl->from_size),
		.end = slice_of(&past, 1),
		.limit = PAGE,
	};
	if (store_read(crl->store, &crl->read, 1, crl_page_read, crl) == STORE_READY)
		crl_page_read(crl, ERROR_NONE);
}

static void
crl_begin(struct crl *crl, uint64_t now_ms)
{
	crl->is_marked = false;
	crl->is_under_way = true;
	crl->is_good = true;
	crl->begun_ms = now_ms;
	crl->number = now_ms > crl->number ? now_ms : crl->number + 1;
	crl->from[0] = KEY_revocation;
	crl->from_size = 1;
	crl_read_page(crl);
}

/* A revocation is not listed yet, the list is CRL_RENEW_S old, or its thisUpdate lies ahead, since the clock was set
 * back: readers refuse such a list. */
static bool
crl_is_due(const struct crl *crl, uint64_t now_ms)
{
	uint64_t now = now_ms / 1000, begun = crl->begun_ms / 1000;

	return crl->is_marked || now < begun || now >= begun + CRL_RENEW_S;
}

void
crl_tick(struct crl *crl, uint64_t now_ms, uint64_t steady_ms)
{
	if (crl->is_under_way || (crl->number != 0 &&
	    (!crl_is_due(crl, now_ms) || steady_ms < crl->begun_steady_ms + CRL_PAUSE_S * 1000)))
		return;
	crl->begun_steady_ms = steady_ms;
	crl_begin(crl, now_ms);
}

bool
crl_settle(struct crl *crl, uint64_t now_ms)
{
	/* Once: a list that cannot be made is no reason not to stop. */
	if (crl->is_marked && !crl->is_under_way && !crl->is_settled) {
		crl->is_settled = true;
		crl_begin(crl, now_ms);
	}
	return !crl->is_under_way;
}

void
crl_finish(struct crl *crl)
{
	while (crl->is_under_way) {
		store_wait(crl->store);
		worker_wait(crl->worker);
	}
}
