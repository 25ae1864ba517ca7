/* SPDX-License-Identifier: Apache-2.0
 *
 * The list is read from the store in pages, each an asynchronous read, and signed when the last one is there. */
#include "server/crl.h"

#include <stdlib.h>
#include <string.h>

#include "server/authority.h"
#include "server/store/keys.h"
#include "server/store/records.h"

#define PAGE ((size_t)1024)
#define PAGE_ARENA ((size_t)1024 * 1024)
/* Bytes of PEM; a line is about 60 bytes. */
#define PEM_MAX ((size_t)256 * 1024 * 1024)

struct crl {
	struct authority *authority;
	struct store *store;
	void (*made)(void *context, struct slice pem);
	void *context;
	bool is_marked, is_reading, is_settled;
	uint64_t made_at, now_ms;

	struct arena *arena; /* of one page */
	struct store_read read;
	uint8_t from[1 + SERIAL_SIZE + 1];
	size_t from_size;
	struct authority_revoked *revoked;
	size_t count, alloc;
};

static void crl_read_page(struct crl *crl);

struct crl *
crl_create(
    struct authority *authority, struct store *store, void (*made)(void *context, struct slice pem), void *context)
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
	crl->made = made;
	crl->context = context;
	return crl;
}

void
crl_destroy(struct crl *crl)
{
	if (crl == NULL)
		return;
	arena_destroy(crl->arena);
	free(crl->revoked);
	free(crl);
}

void
crl_mark(struct crl *crl)
{
	crl->is_marked = true;
}

static void
crl_finish(struct crl *crl)
{
	struct buf *pem = buf_create(PEM_MAX);
	uint64_t now = crl->now_ms / 1000;

	crl->is_reading = false;
	if (pem != NULL &&
	    authority_crl(crl->authority, crl->revoked, crl->count, now, now + CRL_LIFE_S, crl->now_ms, pem) ==
		ERROR_NONE &&
	    buf_ok(pem)) {
		crl->made_at = now;
		crl->made(crl->context, buf_peek(pem));
	} else {
		crl->is_marked = true; /* again at the next tick */
	}
	buf_destroy(pem);
	free(crl->revoked);
	crl->revoked = NULL;
	crl->count = crl->alloc = 0;
}

static bool
crl_take(struct crl *crl, const struct store_pair *pair)
{
	struct rec_revocation record;

	if (pair->key.size != 1 + SERIAL_SIZE ||
	    record_decode(record_revocation(), pair->value, crl->arena, &record) != ERROR_NONE)
		return false;
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
crl_page_done(void *context, enum error error)
{
	struct crl *crl = context;
	const struct store_read *read = &crl->read;
	bool is_good = error == ERROR_NONE && read->error == ERROR_NONE;

	for (size_t i = 0; is_good && i < read->pairs_count; i++)
		is_good = crl_take(crl, &read->pairs[i]);
	if (!is_good) {
		crl->is_reading = false;
		crl->is_marked = true;
		crl->count = 0;
		return;
	}
	if (read->pairs_count < PAGE) {
		crl_finish(crl);
		return;
	}
	/* The first key behind the last one. */
	const struct slice last = read->pairs[read->pairs_count - 1].key;
	memcpy(crl->from, last.data, last.size);
	crl->from[last.size] = 0;
	crl->from_size = last.size + 1;
	crl_read_page(crl);
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
	if (store_read(crl->store, &crl->read, 1, crl_page_done, crl) == STORE_READY)
		crl_page_done(crl, ERROR_NONE);
}

static void
crl_begin(struct crl *crl, uint64_t now_ms)
{
	crl->is_marked = false;
	crl->is_reading = true;
	crl->now_ms = now_ms;
	crl->from[0] = KEY_revocation;
	crl->from_size = 1;
	crl_read_page(crl);
}

void
crl_tick(struct crl *crl, uint64_t now_ms)
{
	uint64_t now = now_ms / 1000;
	bool is_due =
	    crl->is_marked ? crl->made_at == 0 || now >= crl->made_at + CRL_PAUSE_S : now >= crl->made_at + CRL_RENEW_S;

	if (!crl->is_reading && is_due)
		crl_begin(crl, now_ms);
}

bool
crl_settle(struct crl *crl, uint64_t now_ms)
{
	/* Once: a list that cannot be made is no reason not to stop. */
	if (crl->is_marked && !crl->is_reading && !crl->is_settled) {
		crl->is_settled = true;
		crl_begin(crl, now_ms);
	}
	return !crl->is_reading;
}
