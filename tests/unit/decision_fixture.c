/* SPDX-License-Identifier: Apache-2.0
 *
 * The office of the tests: made like guichetd init makes one, but for its store. */
#include "tests/unit/decision_fixture.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/default_campaign.h"
#include "protocol/default_catalogue.h"
#include "protocol/codec.h"
#include "server/answer.h"
#include "server/authority.h"
#include "server/gate.h"
#include "server/proof.h"
#include "server/publications.h"
#include "server/services/services.h"
#include "server/settings.h"
#include "server/store/keyring.h"
#include "tests/unit/answered.h"
#include "tests/unit/file.h"

#define ARENA_MAX ((size_t)256 * 1024 * 1024)
#define INCOME_YEAR 2025

/* ---- the office ---- */

static const char *
path_in(const struct decision_fixture *fixture, const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
	return path;
}

static void
make_directory(struct decision_fixture *fixture)
{
	char keys[80], public[80];
	const struct authority_plan plan = { .keys_dir = keys, .public_dir = public, .origin = FIXTURE_ORIGIN,
	    .now = FIXTURE_NOW };
	struct buf *campaign = buf_create((size_t)256 * 1024);
	struct fault fault;

	strcpy(fixture->directory, "/tmp/guichet-office-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(keys, sizeof keys, "%s/%s", fixture->directory, KEYS_DIRECTORY);
	snprintf(public, sizeof public, "%s/%s", fixture->directory, PUBLIC_DIRECTORY);
	assert_int_equal(mkdir(keys, 0700), 0);
	assert_int_equal(mkdir(public, 0755), 0);
	assert_int_equal(authority_create(&plan, &fault), ERROR_NONE);
	assert_int_equal(authority_open(keys, public, &fixture->authority, &fault), ERROR_NONE);
	assert_non_null(campaign);
	default_campaign_put(campaign, INCOME_YEAR);
	assert_true(buf_ok(campaign));
	file_write(path_in(fixture, PUBLIC_DIRECTORY "/" CAMPAIGN_FILE), buf_peek(campaign));
	file_write(path_in(fixture, PUBLIC_DIRECTORY "/" CATALOGUE_FILE), default_catalogue());
	buf_destroy(campaign);
}

static void
commit_failed(void *context, enum error error)
{
	struct decision_fixture *fixture = context;

	fixture->failed_count++;
	fixture->failed = error;
}

static void
commit_settled(void *context, struct slice checkpoint)
{
	struct decision_fixture *fixture = context;

	fixture->settled_count++;
	if (checkpoint.size == 0)
		return;
	assert_true(checkpoint.size < sizeof fixture->checkpoint);
	memcpy(fixture->checkpoint, checkpoint.data, checkpoint.size);
	fixture->checkpoint[checkpoint.size] = '\0';
}

static void
open_office(struct decision_fixture *fixture)
{
	struct fault fault;

	assert_int_equal(publications_load(fixture->directory, NULL, fixture->arena, &fixture->publications, &fault),
	    ERROR_NONE);
	const struct office instruments = {
		.origin = SLICE_LITERAL(FIXTURE_ORIGIN),
		.authority = fixture->authority,
		.keyring = fixture->keyring,
		.verifier = fixture->verifier,
		.inflater = fixture->inflater,
		.publications = fixture->publications,
		.tree = fixture->tree,
	};
	assert_int_equal(office_load(fixture->directory, &instruments, fixture->arena, &fixture->office, &fault),
	    ERROR_NONE);
	const struct commit_config commit = {
		.store = fixture->store,
		.tree = fixture->tree,
		.origin = instruments.origin,
		.log_key = authority_log_key(fixture->authority),
		.batch_max = 64,
		.failed = commit_failed,
		.settled = commit_settled,
		.context = fixture,
	};
	struct buf *checkpoint = buf_create(LIMIT_PROOF_SIZE);
	assert_non_null(checkpoint);
	assert_int_equal(
	    proof_checkpoint_put(checkpoint, commit.origin, tree_frontier(fixture->tree), commit.log_key), ERROR_NONE);
	tree_keep_checkpoint(fixture->tree, buf_peek(checkpoint));
	buf_destroy(checkpoint);
	fixture->commit = commit_create(&commit);
	assert_non_null(fixture->commit);
}

/* All but the keyring, the store and what stands on them. */
static struct decision_fixture *
fixture_begin(void)
{
	struct decision_fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	fixture->now = FIXTURE_NOW;
	fixture->holder.role = ROLE_NOBODY;
	fixture->arena = arena_create(ARENA_MAX);
	fixture->verifier = key_verifier_create();
	fixture->inflater = inflater_create();
	assert_non_null(fixture->arena);
	assert_non_null(fixture->verifier);
	assert_non_null(fixture->inflater);
	make_directory(fixture);
	return fixture;
}

struct decision_fixture *
decision_fixture_create(const struct memory_config *config)
{
	struct decision_fixture *fixture = fixture_begin();
	struct fault fault;

	fixture->keyring = keyring_open_volatile();
	assert_non_null(fixture->keyring);
	assert_int_equal(memory_store_open(config, &fixture->store), ERROR_NONE);
	memory_store_defer(fixture->store, false, false);
	assert_int_equal(tree_open(fixture->store, &fixture->tree, &fault), ERROR_NONE);
	if (config != NULL)
		memory_store_defer(fixture->store, config->defer_reads, config->defer_commits);
	open_office(fixture);
	return fixture;
}

struct decision_fixture *
decision_fixture_create_on_disk(void)
{
	struct decision_fixture *fixture = fixture_begin();
	struct buf *settings = buf_create(4096);
	const struct leveldb_config config = {
		.directory = fixture->directory,
		.arena = fixture->arena,
		.create = true,
	};
	char keys[80];
	struct fault fault;

	assert_non_null(settings);
	settings_write(settings, FIXTURE_ORIGIN);
	file_write(path_in(fixture, SETTINGS_FILE), buf_peek(settings));
	buf_destroy(settings);
	snprintf(keys, sizeof keys, "%s/%s", fixture->directory, KEYS_DIRECTORY);
	assert_int_equal(keyring_create(keys, fixture->arena, &fault), ERROR_NONE);
	fixture->leveldb = config;
	decision_fixture_open_store(fixture);
	fixture->leveldb.create = false;
	open_office(fixture);
	return fixture;
}

void
decision_fixture_open_store(struct decision_fixture *fixture)
{
	char keys[80];
	struct fault fault;

	snprintf(keys, sizeof keys, "%s/%s", fixture->directory, KEYS_DIRECTORY);
	fixture->worker = worker_create("disk");
	assert_non_null(fixture->worker);
	assert_int_equal(keyring_open(keys, fixture->arena, &fixture->keyring, &fault), ERROR_NONE);
	fixture->leveldb.keyring = fixture->keyring;
	assert_int_equal(leveldb_store_open(&fixture->leveldb, fixture->worker, fixture->worker, &fixture->store,
	    &fault),
	    ERROR_NONE);
	if (fixture->tree == NULL)
		assert_int_equal(tree_open(fixture->store, &fixture->tree, &fault), ERROR_NONE);
}

void
decision_fixture_close_store(struct decision_fixture *fixture)
{
	if (fixture->worker != NULL && fixture->store != NULL) {
		worker_wait(fixture->worker);
		assert_int_equal(store_settle(fixture->store), ERROR_NONE);
	}
	store_close(fixture->store);
	keyring_close(fixture->keyring);
	worker_destroy(fixture->worker);
	fixture->store = NULL;
	fixture->keyring = NULL;
	fixture->worker = NULL;
}

void
decision_fixture_destroy(struct decision_fixture *fixture)
{
	commit_destroy(fixture->commit);
	office_release(fixture->office);
	publications_release(fixture->publications);
	inflater_destroy(fixture->inflater);
	key_verifier_destroy(fixture->verifier);
	tree_close(fixture->tree);
	decision_fixture_close_store(fixture);
	authority_close(fixture->authority);
	directory_remove(fixture->directory);
	arena_destroy(fixture->arena);
	free(fixture);
}

/* ---- running a handler ---- */

static void
view_loaded(void *context)
{
	(void)context;
}

/* Sends what was decided, in so far as it must fit into its message: a refusal as it is decided, an answer once what is
 * bound to it is known. */
static void
assert_sayable(struct decision_fixture *fixture, const struct operation *operation, const struct effects *effects)
{
	const uint8_t correlation[CORRELATION_SIZE] = { 0 };
	const struct record *record = message_refusal();
	struct answer *answer = answer_create(1);
	struct fault fault = { 0 };
	struct slice body;

	assert_non_null(answer);
	enum error error = answer_encode(answer, operation, correlation, effects, &body);
	/* What is an error inside this process has no other name on the wire. */
	assert_true(error != ERROR_internal || effects->refusal.error == ERROR_internal ||
	    effects->refusal.error >= 900);
	if (effects->refusal.error == ERROR_NONE)
		record = operation->answer();
	assert_int_equal(codec_decode(record, body, CODEC_ANSWER, fixture->arena,
	    arena_alloc(fixture->arena, record->size), &fault), ERROR_NONE);
	answer_destroy(answer);
}

/* One request from its first run to its last; `operation` may be NULL: no gate. */
static struct effects *
run(struct decision_fixture *fixture, decide handler, const struct operation *operation,
    const struct record *answer_record, const void *request)
{
	struct effects *effects = arena_alloc(fixture->arena, sizeof *effects);
	struct context *context = arena_alloc(fixture->arena, sizeof *context);
	struct verified *verified = NULL;
	struct decision decision = { context, view_create(fixture->store, fixture->arena, view_loaded, NULL),
	    fixture->arena, effects,
		&verified, fixture->arena };
	enum outcome outcome = AGAIN;

	assert_non_null(effects);
	assert_non_null(context);
	assert_non_null(decision.view);
	context->now = fixture->now;
	context->now_ms = fixture->now * 1000;
	context->office = fixture->office;
	context->holder = fixture->holder;
	context->room = fixture->room;
	memcpy(context->address, fixture->address, sizeof context->address);
	memcpy(context->channel_binding, fixture->channel_binding, sizeof context->channel_binding);
	assert_int_equal(RAND_bytes(context->random, sizeof context->random), 1);
	for (unsigned turn = 0; outcome == AGAIN; turn++) {
		assert_true(turn < 64);
		*effects = (struct effects){ .answer = arena_alloc(fixture->arena, answer_record->size) };
		assert_non_null(effects->answer);
		enum gate_result gate = operation == NULL ? GATE_OPEN : gate_check(&decision, operation);
		outcome = gate == GATE_OPEN ? handler(&decision, request) : gate == GATE_AGAIN ? AGAIN : DECIDED;
		store_wait(fixture->store);
		assert_int_equal(view_error(decision.view), ERROR_NONE);
	}
	assert_int_equal(outcome, DECIDED);
	assert_false(effects->failed);
	if (effects->refusal.error != ERROR_NONE)
		assert_sayable(fixture, NULL, effects);
	answered_note(operation, effects->refusal.error);
	return effects;
}

struct entry {
	struct commit_entry entry;
	bool is_done;
};

static void
entry_done(struct commit_entry *entry)
{
	((struct entry *)entry)->is_done = true;
}

/* Makes durable what was decided. */
static struct effects *
settle(struct decision_fixture *fixture, struct effects *effects)
{
	struct entry entry =
	    { .entry = { .effects = effects, .arena = fixture->arena, .now = fixture->now, .done = entry_done } };

	if (effects->puts == NULL && effects->blobs == NULL && effects->leaves == NULL)
		return effects;
	commit_add(fixture->commit, &entry.entry);
	commit_seal(fixture->commit);
	store_wait(fixture->store);
	assert_true(entry.is_done);
	return effects;
}

struct effects *
decision_fixture_decide(
    struct decision_fixture *fixture, decide handler, const struct record *answer_record, const void *request)
{
	return run(fixture, handler, NULL, answer_record, request);
}

struct effects *
decision_fixture_run(
    struct decision_fixture *fixture, decide handler, const struct record *answer_record, const void *request)
{
	return settle(fixture, run(fixture, handler, NULL, answer_record, request));
}

struct effects *
decision_fixture_operate(struct decision_fixture *fixture, enum operation_number number, const void *request)
{
	const struct operation *operation = operation_find((unsigned)number);
	const struct dispatch_handler *handler = services_table();

	assert_non_null(operation);
	while (handler->decide != NULL && handler->operation != number)
		handler++;
	assert_non_null(handler->decide);
	struct effects *effects =
	    settle(fixture, run(fixture, handler->decide, operation, operation->answer(), request));
	if (effects->refusal.error == ERROR_NONE)
		assert_sayable(fixture, operation, effects);
	return effects;
}

/* ---- records ---- */

struct keyed
decision_fixture_keyed(struct decision_fixture *fixture, const char *domain, const char *word)
{
	struct keyed keyed;
	keyring_hash(fixture->keyring, domain, slice_of_text(word), keyed.bytes);
	return keyed;
}

void
decision_fixture_put(struct decision_fixture *fixture, struct slice key, const struct record *record, const void *value)
{
	struct slice bytes = record_encode(record, value, fixture->arena);
	struct store_batch *batch = store_batch_create(fixture->store);
	enum retention_class class = key_retention(key);

	assert_true(bytes.size != 0);
	assert_non_null(batch);
	store_put(batch, (struct retention){ class, class == RETENTION_PERMANENT ? 0 : 2026 }, key, bytes);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

bool
decision_fixture_get(struct decision_fixture *fixture, struct slice key, const struct record *record, void *out)
{
	struct slice value;
	bool found;

	assert_int_equal(store_get_now(fixture->store, key, fixture->arena, &found, &value), ERROR_NONE);
	if (found)
		assert_int_equal(record_decode(record, value, fixture->arena, out), ERROR_NONE);
	return found;
}

static struct slice
keyed_key(struct decision_fixture *fixture, enum key_prefix prefix, const char *domain, struct slice word)
{
	struct keyed keyed;
	keyring_hash(fixture->keyring, domain, word, keyed.bytes);
	return KEY_MAKE(fixture->arena, prefix, key_part_keyed(&keyed));
}

void
decision_fixture_register(struct decision_fixture *fixture, const struct rec_taxpayer *taxpayer)
{
	struct slice key = keyed_key(fixture, KEY_household, "household", taxpayer->household);
	struct rec_household household = { .members = NULL };
	struct rec_member members[16];
	size_t count = 0;

	if (decision_fixture_get(fixture, key, record_household(), &household))
		for (; count < household.members_count; count++)
			members[count] = household.members[count];
	assert_true(count < 16);
	members[count++].spi = taxpayer->spi;
	household.members = members;
	household.members_count = count;
	decision_fixture_put(fixture, key, record_household(), &household);
	decision_fixture_put(fixture, keyed_key(fixture, KEY_taxpayer, "person", taxpayer->spi), record_taxpayer(),
	    taxpayer);
}
