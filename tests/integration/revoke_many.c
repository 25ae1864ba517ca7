/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates by the hundred thousand, issued and revoked: the operator's own decisions, committed in batches, while
 * no server runs. For measure_crl.py.
 *
 *   revoke_many DIR COUNT
 *
 * A key and a PKCS#10 request each, so that nothing that an audit looks at is missing. */
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "server/admin/admin.h"
#include "server/authority.h"
#include "server/clock.h"
#include "server/commit.h"
#include "server/services/services.h"

#define BATCH ((size_t)256)
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)

struct mill {
	struct admin_office *office;
	struct commit *commit;
	struct arena *arena; /* of one batch */
	uint8_t serials[BATCH][SERIAL_SIZE];
	struct commit_entry entries[BATCH];
};

static void
failed(void *context, enum error error)
{
	(void)context;
	fprintf(stderr, "commit: %s\n", error_name(error));
	exit(EXIT_FAILURE);
}

static void
settled(void *context, struct slice checkpoint)
{
	(void)context;
	(void)checkpoint;
}

static void
loaded(void *context)
{
	(void)context;
}

static void
entry_done(struct commit_entry *entry)
{
	(void)entry;
}

/* A request for a key that nobody will ever use. */
static struct slice
request_make(struct arena *arena)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *request = X509_REQ_new();
	unsigned char *der = NULL;
	struct slice copy;

	check(key != NULL && request != NULL && X509_REQ_set_pubkey(request, key) == 1);
	check(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_UTF8,
	    (const unsigned char *)"nobody", -1, -1, 0) == 1);
	check(X509_REQ_sign(request, key, EVP_sha256()) > 0);
	int size = i2d_X509_REQ(request, &der);
	check(size > 0 && arena_copy(arena, slice_of(der, (size_t)size), &copy));
	OPENSSL_free(der);
	X509_REQ_free(request);
	EVP_PKEY_free(key);
	return copy;
}

/* Decides one request as an operator's and adds it to the open batch; -> its answer. */
static const void *
decide_one(struct mill *mill, size_t at, decide handler, const void *request, size_t answer_size)
{
	struct context *context = arena_alloc(mill->arena, sizeof *context);
	struct effects *effects = arena_alloc(mill->arena, sizeof *effects);
	struct view *view = view_create(admin_office_store(mill->office), mill->arena, loaded, NULL);
	struct verified *verified = NULL;
	struct decision decision = { context, view, mill->arena, effects, &verified, mill->arena };

	check(context != NULL && effects != NULL && view != NULL);
	*effects = (struct effects){ .answer = arena_alloc(mill->arena, answer_size) };
	context->now_ms = clock_wall_ms();
	context->now = context->now_ms / 1000;
	context->office = admin_office_facts(mill->office);
	context->holder.role = ROLE_OPERATOR;
	check(effects->answer != NULL && RAND_bytes(context->random, sizeof context->random) == 1);
	check(handler(&decision, request) == DECIDED && effects->refusal.error == ERROR_NONE && !effects->failed);
	mill->entries[at] = (struct commit_entry){ .effects = effects, .arena = mill->arena, .now = context->now,
		.done = entry_done };
	commit_add(mill->commit, &mill->entries[at]);
	return effects->answer;
}

static void
settle(struct mill *mill)
{
	commit_seal(mill->commit);
	store_wait(admin_office_store(mill->office));
	check(commit_is_idle(mill->commit));
	arena_reset(mill->arena);
}

static void
turn(struct mill *mill, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct msg_issue_request request = { .kind = SLICE_LITERAL("professional"),
			.csr = request_make(mill->arena) };
		const struct msg_certificate_answer *answer =
		    decide_one(mill, i, decide_issue, &request, sizeof *answer);
		memcpy(mill->serials[i], answer->serial.data, SERIAL_SIZE);
	}
	settle(mill);
	for (size_t i = 0; i < count; i++) {
		const struct msg_revoke_request request = { .serial = slice_of(mill->serials[i], SERIAL_SIZE),
			.reason = i % 2 };
		(void)decide_one(mill, i, decide_revoke, &request, sizeof(struct msg_revoke_answer));
	}
	settle(mill);
}

int
main(int argc, char **argv)
{
	struct arena *open = arena_create(ARENA_SIZE);
	struct mill *mill = calloc(1, sizeof *mill);
	struct fault fault;
	uint64_t count;

	check(argc == 3 && open != NULL && mill != NULL && (mill->arena = arena_create(ARENA_SIZE)) != NULL);
	check(decimal_decode(slice_of_text(argv[2]), UINT32_MAX, &count));
	if (admin_office_open(argv[1], open, &mill->office, &fault) != ERROR_NONE)
		return admin_report(&fault, false);
	const struct office *facts = admin_office_facts(mill->office);
	const struct commit_config config = {
		.store = admin_office_store(mill->office),
		.tree = (struct tree *)(uintptr_t)facts->tree,
		.origin = facts->origin,
		.log_key = authority_log_key(facts->authority),
		.batch_max = BATCH,
		.failed = failed,
		.settled = settled,
	};
	mill->commit = commit_create(&config);
	check(mill->commit != NULL);
	for (uint64_t left = count; left > 0; left -= left < BATCH ? left : BATCH)
		turn(mill, left < BATCH ? left : BATCH);
	commit_destroy(mill->commit);
	if (admin_office_settle(mill->office, open, &fault) != ERROR_NONE)
		return admin_report(&fault, false);
	admin_office_close(mill->office);
	arena_destroy(mill->arena);
	arena_destroy(open);
	free(mill);
	return 0;
}
