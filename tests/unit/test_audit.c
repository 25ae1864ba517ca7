/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd audit over an office with a record of every kind: it agrees as it is, and each way in which one record or
 * one published file can disagree with the rest is found and named. */
#include "tests/unit/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/digest.h"
#include "protocol/note.h"
#include "server/admin/admin.h"
#include "server/authority.h"
#include "server/publication_record.h"
#include "server/publish.h"
#include "tests/unit/file.h"

#define OUTPUT_MAX ((size_t)1024 * 1024)
#define PART ((size_t)LIMIT_PART_MIN)

/* ---- an office with everything in it ---- */

static struct decision_fixture *fixture;
static char early[1024]; /* a checkpoint of when the log was small */

static const struct msg_receipt_answer *
file(const struct person *subject, const struct person *signer, const char *replaces, const char *note)
{
	struct draft *draft = draft_simple(fixture, subject);

	if (note != NULL)
		draft_add(draft, "attachment/note", "text/plain", slice_of_text(note));
	draft->manifest.replaces = slice_of_text(replaces);
	const struct msg_file_request request = draft_sign(fixture, draft, signer);
	fixture->now++;
	return people_file(fixture, &request);
}

/* Opens an upload of two parts and sends so many of them. */
static struct draft *
upload(const struct person *person, const char *replaces, size_t parts)
{
	struct draft *draft = draft_simple(fixture, person);
	uint8_t *bytes = arena_alloc(fixture->arena, 2 * PART);

	assert_non_null(bytes);
	memcpy(bytes, "%PDF-1.4", 8);
	draft_list(draft, "attachment/scan", "application/pdf", slice_of(bytes, 2 * PART));
	draft->manifest.replaces = slice_of_text(replaces);
	const struct msg_upload_request request = draft_upload(fixture, draft, person);
	const struct effects *opened = decision_fixture_operate(fixture, OPERATION_upload, &request);
	assert_int_equal(opened->refusal.error, ERROR_NONE);
	for (size_t i = 0; i < parts; i++) {
		const struct msg_part_request part = {
			.id = slice_of(draft->id, DIGEST_SIZE),
			.digest = slice_of(draft->documents[1].digest, DIGEST_SIZE),
			.offset = i * PART,
			.content = slice_of(bytes + i * PART, PART),
			.token = ((const struct msg_upload_answer *)opened->answer)->token,
		};
		assert_int_equal(decision_fixture_operate(fixture, OPERATION_part, &part)->refusal.error, ERROR_NONE);
	}
	return draft;
}

static void
write_public(const char *directory, const char *name, struct slice content)
{
	char path[256];

	snprintf(path, sizeof path, "%s/public/%s", directory, name);
	file_write(path, content);
}

/* The checkpoint of now, the full tile of leaves, and one in progress that has grown since. */
static void
publish(void)
{
	uint64_t index;
	unsigned width;
	char directory[128];
	struct slice key = tree_tile_key(fixture->arena, 0, 0), tile;
	const struct hash *partial = tree_partial_tile(fixture->tree, 0, &index, &width);
	bool found;

	assert_int_equal(store_get_now(fixture->store, key, fixture->arena, &found, &tile), ERROR_NONE);
	assert_true(found && partial != NULL && index == 1 && width > 3);
	for (const char *const *name = (const char *const[]){ "tile", "tile/0", "tile/0/001.p",
	    NULL }; *name != NULL; name++) {
		snprintf(directory, sizeof directory, "%s/public/%s", fixture->directory, *name);
		assert_int_equal(mkdir(directory, 0755), 0);
	}
	write_public(fixture->directory, "tile/0/000", tile);
	write_public(fixture->directory, "tile/0/001.p/3", slice_of(partial, 3 * sizeof *partial));
	write_public(fixture->directory, "tile/0/001.new", SLICE_LITERAL("half"));
	write_public(fixture->directory, "checkpoint", slice_of_text(fixture->checkpoint));
}

static void
record_publications(void)
{
	struct publication_recorder *recorder =
	    publication_recorder_create(fixture->store, fixture->keyring,
		&(const struct publication_recorder_calls){ NULL, NULL, NULL });
	struct fault fault;

	assert_non_null(recorder);
	assert_int_equal(publication_recorder_settle(recorder, fixture->publications, &fault), ERROR_NONE);
	publication_recorder_destroy(recorder);
}

static int
group_setup(void **state)
{
	(void)state;
	fixture = decision_fixture_create_on_disk();
	struct person *jeanne = people_enrol(fixture, 1000000001, "H1"),
	    *paul = people_enrol(fixture, 1000000002, "H1"),
		      *alone = people_enrol(fixture, 1000000003, "H2");
	const struct msg_revoke_request revoke =
	    { .serial = slice_of(people_issue(fixture, "agent")->serial, SERIAL_SIZE),
		.reason = 1 };
	fixture->holder.role = ROLE_OPERATOR;
	assert_int_equal(decision_fixture_run(fixture, decide_revoke, message_revoke_answer(), &revoke)->refusal.error,
	    ERROR_NONE);
	fixture->holder.role = ROLE_NOBODY;

	/* Both spouses sign the same bytes, then one of them rectifies; and many times over, to fill a tile, a quarter
	 * of an hour apart, since a household may not file as often as it likes. */
	struct draft *both = draft_simple(fixture, jeanne);
	const struct msg_file_request first = draft_sign(fixture, both, jeanne),
	    second = draft_sign(fixture, both, paul);
	(void)people_file(fixture, &first);
	memcpy(early, fixture->checkpoint, sizeof early);
	const char *number = people_number(fixture, people_file(fixture, &second)->receipt);
	for (int i = 0; i < 260; i++, fixture->now += 900)
		number = people_number(fixture,
		    file(jeanne, i % 2 == 0 ? jeanne : paul, number, i % 2 == 0 ? "a" : "b")->receipt);

	/* A clock that was ahead: the certificate is replaced, after the filing, at a time before it. */
	number = people_number(fixture, file(alone, alone, "", NULL)->receipt);
	fixture->now -= 30;
	people_enrol_anew(fixture, alone);
	fixture->now += 30;

	/* A document in parts, and an upload left half way. */
	struct draft *draft = upload(alone, number, 2);
	const struct msg_file_request request = draft_sign(fixture, draft, alone);
	number = people_number(fixture, people_file(fixture, &request)->receipt);
	(void)upload(alone, number, 1);

	/* A failed attempt, and mail that waits (the earlier certificate is replaced). */
	struct msg_enrol_request facts = people_facts(fixture, alone);
	facts.reference_income = SLICE_LITERAL("1");
	assert_int_equal(decision_fixture_operate(fixture, OPERATION_enrol, &facts)->refusal.error,
	    ERROR_identification_refused);
	publish();
	record_publications();
	decision_fixture_close_store(fixture);
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	decision_fixture_destroy(fixture);
	people_end();
	return 0;
}

/* ---- a copy to be hurt ---- */

struct copy {
	char directory[96];
	struct keyring *keyring;
	struct worker *worker;
	struct store *store;
	struct arena *arena;
	char *output;
	int exit;
};

static struct copy *
copy_create(void)
{
	struct copy *copy = calloc(1, sizeof *copy);
	char command[512];

	assert_non_null(copy);
	snprintf(copy->directory, sizeof copy->directory, "%s-hurt", fixture->directory);
	snprintf(command, sizeof command, "rm -rf %s && cp -a %s %s", copy->directory, fixture->directory,
	    copy->directory);
	assert_int_equal(system(command), 0);
	copy->arena = arena_create((size_t)64 * 1024 * 1024);
	copy->output = calloc(1, OUTPUT_MAX);
	assert_non_null(copy->arena);
	assert_non_null(copy->output);
	return copy;
}

static void
copy_destroy(struct copy *copy)
{
	char command[512];

	snprintf(command, sizeof command, "rm -rf %s", copy->directory);
	assert_int_equal(system(command), 0);
	arena_destroy(copy->arena);
	free(copy->output);
	free(copy);
}

static void
copy_open(struct copy *copy)
{
	char keys[128];
	struct fault fault;

	snprintf(keys, sizeof keys, "%s/keys", copy->directory);
	copy->worker = worker_create("copy");
	assert_non_null(copy->worker);
	assert_int_equal(keyring_open(keys, copy->arena, &copy->keyring, &fault), ERROR_NONE);
	const struct leveldb_config config = { .directory = copy->directory, .keyring = copy->keyring,
	    .arena = copy->arena };
	assert_int_equal(leveldb_store_open(&config, copy->worker, copy->worker, &copy->store, &fault), ERROR_NONE);
}

static void
copy_close(struct copy *copy)
{
	store_close(copy->store);
	keyring_close(copy->keyring);
	worker_destroy(copy->worker);
}

/* Runs the audit, with a checkpoint that was kept (NULL: none); what it prints goes to copy->output. */
static void
copy_audit_with(struct copy *copy, char *kept)
{
	char *argv[] = { (char *)(uintptr_t)"audit", copy->directory, (char *)(uintptr_t)"--checkpoint", kept, NULL };
	FILE *captured = tmpfile();
	int saved;

	assert_non_null(captured);
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(saved >= 0 && dup2(fileno(captured), STDOUT_FILENO) >= 0);
	copy->exit = admin_audit(kept == NULL ? 2 : 4, argv);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	rewind(captured);
	copy->output[fread(copy->output, 1, OUTPUT_MAX - 1, captured)] = '\0';
	fclose(captured);
}

static void
copy_audit(struct copy *copy)
{
	copy_audit_with(copy, NULL);
}

static void
expect_found(const struct copy *copy, const char *what, const char *expected)
{
	if (copy->exit != ADMIN_FAILED || strstr(copy->output, expected) == NULL ||
	    strstr(copy->output, "Everything agrees") != NULL)
		fail_msg("%s: exit %d, and \"%s\" not in\n%.4000s", what, copy->exit, expected, copy->output);
	/* Numbers, keys and hashes, but nobody's name, tax number or address. */
	static const char *const private[] = { "LEFÈVRE", "Jeanne", "1000000001", "1000000003", PEOPLE_EMAIL };
	for (size_t i = 0; i < sizeof private / sizeof private[0]; i++)
		assert_null(strstr(copy->output, private[i]));
}

/* ---- records ---- */

/* One record changed, or removed when there is no change. */
struct damage {
	const char *expected;
	enum key_prefix prefix;
	size_t nth; /* of its prefix, from 0 */
	const struct record *(*record)(void);
	void (*change)(void *record);
	bool (*pick)(const void *record); /* then the first one like this */
};

static uint8_t scratch[STORE_VALUE_MAX];

/* The same bytes with the one at `at` changed; for one change in a record. */
static struct slice
flipped(struct slice bytes, size_t at)
{
	assert_true(at < bytes.size && bytes.size <= sizeof scratch);
	memcpy(scratch, bytes.data, bytes.size);
	scratch[at] ^= 1;
	return slice_of(scratch, bytes.size);
}

#define CHANGE(name, kind, statement)                                                                              \
	static void name(void *changed)                                                                             \
	{                                                                                                           \
		struct rec_##kind *record = changed;                                                                \
		statement;                                                                                          \
	}
CHANGE(taxpayer_moves, taxpayer, record->household = SLICE_LITERAL("H9"))
CHANGE(household_loses, household, record->members_count--)
CHANGE(certificate_digest, certificate, record->digest = flipped(record->digest, 0))
CHANGE(certificate_key, certificate, record->public_key = flipped(record->public_key, 40))
CHANGE(certificate_request, certificate, record->request_digest = flipped(record->request_digest, 0))
CHANGE(certificate_archive, certificate, record->archive = flipped(record->archive, 9))
CHANGE(certificate_unrevoked, certificate, record->has_revoked_at = !record->has_revoked_at)
CHANGE(certificate_names_another, certificate, record->spi = SLICE_LITERAL("3023217600053"))
CHANGE(revocation_time, revocation, record->revoked_at++)
CHANGE(revocation_first, revocation, record->leaf = 0)
CHANGE(revocation_expiry, revocation, record->not_after++)
CHANGE(serial_other, serial, record->serial = flipped(record->serial, 5))
CHANGE(filing_leaf, filing, record->leaf++)
CHANGE(filing_batch, filing, record->log_batch += 1000)
CHANGE(filing_number, filing, record->number = flipped(record->number, 3))
CHANGE(filing_time, filing, record->received_ms += 1000)
CHANGE(filing_fewer, filing, record->persons_count--)
CHANGE(filing_archive, filing, record->archive = flipped(record->archive, 9))
CHANGE(filing_campaign, filing, record->campaign = SLICE_LITERAL("ir-2024"))
CHANGE(filing_superseded, filing, record->has_superseded_by = !record->has_superseded_by;
       record->superseded_by = record->has_superseded_by ? record->number : SLICE_EMPTY)
CHANGE(filing_replaces, filing, record->has_replaces = !record->has_replaces;
       record->replaces = record->has_replaces ? record->number : SLICE_EMPTY)
CHANGE(year_before, campaign_year, record->income_year--)
CHANGE(pointer_signer, filing_pointer, record->signer = flipped(record->signer, 0))
CHANGE(dossier_mode, dossier, record->first_mode = 3 - record->first_mode)
CHANGE(dossier_number, dossier, record->number = flipped(record->number, 3))
CHANGE(document_received, upload_document, record->received--)
CHANGE(document_state, upload_document, record->state = flipped(record->state, 0))
CHANGE(document_part, upload_document, record->parts[0].size--)
CHANGE(document_key, upload_document, record->key = flipped(record->key, 31))
CHANGE(document_keyless, upload_document, record->has_key = false)
CHANGE(quota_more, quota, record->announced++)
CHANGE(upload_more, upload, record->announced++)
CHANGE(upload_time, upload, record->opened_at--)
CHANGE(batch_leaf, log_batch, record->leaves = flipped(record->leaves, 0))
CHANGE(batch_frontier, log_batch, record->frontier = flipped(record->frontier, 0))
CHANGE(batch_archive, log_batch, record->archives = flipped(record->archives, 9))
CHANGE(publication_digest, publication, record->digest = flipped(record->digest, 31))
CHANGE(contract_text, contract, record->text = flipped(record->text, 100))
CHANGE(batch_size, log_batch, record->size_before ^= 3)

#define PICK(name, kind, condition)                                                                                \
	static bool name(const void *looked_at)                                                                     \
	{                                                                                                           \
		const struct rec_##kind *record = looked_at;                                                        \
		return condition;                                                                                   \
	}
PICK(is_superseded, filing, record->has_superseded_by)
PICK(is_in_force, filing, !record->has_superseded_by)
PICK(is_replacement, revocation, record->reason == 4)
PICK(is_persons, certificate, record->has_spi)

#define LAST SIZE_MAX
#define REMOVED(prefix, nth) KEY_##prefix, nth, NULL, NULL, NULL
#define CHANGED(prefix, nth, record, change) KEY_##prefix, nth, record_##record, change, NULL
#define PICKED(prefix, pick, change) KEY_##prefix, 0, record_##prefix, change, pick

static const struct damage damages[] = {
	{ "expected members whose household it is", REMOVED(taxpayer, 0) },
	{ "expected a household that lists the person", CHANGED(taxpayer, 1, taxpayer, taxpayer_moves) },
	{ "expected a household that lists the person", CHANGED(household, 0, household, household_loses) },
	{ "expected a household that lists the person", REMOVED(household, 1) },
	{ "expected a certificate with this key", REMOVED(certificate, 0) },
	{ "certificates 4: expected one for each that was logged", REMOVED(certificate, 2) },
	{ "expected the holder that the evidence names", PICKED(certificate, is_persons, certificate_names_another) },
	{ "expected an archived certificate with its digest",
	    CHANGED(certificate, 0, certificate, certificate_digest) },
	{ "expected its key to lead to it", CHANGED(certificate, 0, certificate, certificate_key) },
	{ "expected a certificate of this serial and key, signed",
	    CHANGED(certificate, 0, certificate, certificate_key) },
	{ "expected an archived request with its digest", CHANGED(certificate, 0, certificate, certificate_request) },
	{ "expected its archived evidence", CHANGED(certificate, 0, certificate, certificate_archive) },
	{ "expected the text of the contract that was accepted", REMOVED(contract, 0) },
	{ "expected the SHA-256 of the text as key", CHANGED(contract, 0, contract, contract_text) },
	{ "expected a revocation on both sides or on neither",
	    CHANGED(certificate, 0, certificate, certificate_unrevoked) },
	{ "expected a revocation on both sides or on neither", REMOVED(revocation, 0) },
	{ "expected the revocation that it names", REMOVED(revocation, 0) },
	{ "expected one time, reason and expiry of its revocation",
	    CHANGED(revocation, 0, revocation, revocation_time) },
	{ "expected one time, reason and expiry of its revocation",
	    CHANGED(revocation, 0, revocation, revocation_expiry) },
	{ "expected a certificate not yet revoked when it was received",
	    PICKED(revocation, is_replacement, revocation_first) },
	{ "expected the revocation that it names", PICKED(revocation, is_replacement, revocation_first) },
	{ "expected its key to lead to it", REMOVED(key_owner, 1) },
	{ "expected a certificate with this key", CHANGED(key_owner, 1, serial, serial_other) },
	{ "expected its holder to lead to it", REMOVED(holder, 0) },
	{ "expected a certificate of this holder and role", CHANGED(holder, 1, serial, serial_other) },
	{ "expected a filing of the receipt's number that names this leaf", REMOVED(filing, 3) },
	{ "expected a filing of this number", REMOVED(filing, 3) },
	{ "expected its archive entry behind its leaf", CHANGED(filing, 0, filing, filing_leaf) },
	{ "expected its log batch on record", CHANGED(filing, 0, filing, filing_batch) },
	{ "expected its number to lead to it", CHANGED(filing, 0, filing, filing_number) },
	{ "expected its reception time in its receipt", CHANGED(filing, 0, filing, filing_time) },
	{ "expected the persons it concerns in its receipt", CHANGED(filing, 0, filing, filing_fewer) },
	{ "expected its archived evidence", CHANGED(filing, 0, filing, filing_archive) },
	{ "expected the manifest's campaign", CHANGED(filing, 0, filing, filing_campaign) },
	{ "expected what superseded it to replace it", PICKED(filing, is_in_force, filing_superseded) },
	{ "expected a filing that is in force", PICKED(filing, is_in_force, filing_superseded) },
	{ "expected what it replaces to be superseded by it", PICKED(filing, is_superseded, filing_superseded) },
	{ "expected a dossier in which it is in force", PICKED(filing, is_superseded, filing_superseded) },
	{ "expected the number that the manifest replaces", CHANGED(filing, 0, filing, filing_replaces) },
	{ "expected its campaign's year in its receipt", CHANGED(campaign_year, 0, campaign_year, year_before) },
	{ "expected its number to lead to it", REMOVED(number, 7) },
	{ "expected a filing of this number", CHANGED(number, 7, filing_pointer, pointer_signer) },
	{ "expected an entry for each person it concerns", REMOVED(person_filing, 5) },
	{ "expected a filing that it points at", CHANGED(person_filing, 5, filing_pointer, pointer_signer) },
	{ "expected a dossier in which it is in force", REMOVED(dossier, 0) },
	{ "expected the mode of its first filing", CHANGED(dossier, 0, dossier, dossier_mode) },
	{ "expected a filing of its number", CHANGED(dossier, 0, dossier, dossier_number) },
	{ "expected an upload that it belongs to", REMOVED(upload, 0) },
	{ "expected an upload that was opened then", REMOVED(upload, 0) },
	{ "expected an upload that was opened then", CHANGED(upload, 0, upload, upload_time) },
	{ "uploads 1: expected a time of expiry for each", REMOVED(upload_expiry, 0) },
	{ "expected the bytes announced by uploads not completed", CHANGED(upload, 0, upload, upload_more) },
	{ "expected the bytes announced by uploads not completed", CHANGED(quota, 0, quota, quota_more) },
	{ "expected parts with the bytes that were received",
	    CHANGED(upload_document, 0, upload_document, document_received) },
	{ "expected parts with the bytes that were received",
	    CHANGED(upload_document, 0, upload_document, document_state) },
	{ "expected parts with the bytes that were received",
	    CHANGED(upload_document, 0, upload_document, document_part) },
	{ "expected parts with the bytes that were received",
	    CHANGED(upload_document, 0, upload_document, document_key) },
	{ "expected parts with the bytes that were received",
	    CHANGED(upload_document, 0, upload_document, document_keyless) },
	{ "expected a batch that begins where the one before it ends", REMOVED(log_batch, 0) },
	{ "expected a batch that begins where the one before it ends", REMOVED(log_batch, 100) },
	{ "expected a log of at least this size", REMOVED(log_batch, LAST) },
	{ "expected its log batch on record", REMOVED(log_batch, LAST) },
	{ "leaf 0: expected a body with the hash that was logged", CHANGED(log_batch, 0, log_batch, batch_leaf) },
	{ "expected the hashes computed from the leaves", CHANGED(log_batch, 0, log_batch, batch_leaf) },
	{ "expected the root of the tree of this size", CHANGED(log_batch, 0, log_batch, batch_leaf) },
	{ "log batch 200: expected the frontier of the tree before it",
	    CHANGED(log_batch, 200, log_batch, batch_frontier) },
	{ "expected an archived blob that can be opened", CHANGED(log_batch, 9, log_batch, batch_archive) },
	{ "expected its archive entry behind its leaf", CHANGED(log_batch, 9, log_batch, batch_archive) },
	{ "expected one frontier hash for each bit of the size", CHANGED(log_batch, 4, log_batch, batch_size) },
	{ "tile of leaves 0: expected a record of a full tile", REMOVED(tile, 0) },
	{ ".json: expected what the office took last", CHANGED(publication, 0, publication, publication_digest) },
	{ ".json: expected what the office took last", CHANGED(publication, 1, publication, publication_digest) },
	{ ".json: expected its record", REMOVED(publication, 0) },
	{ ".json: expected its record", REMOVED(publication, 1) },
};

/* The key and value of a prefix's nth record, in the copy's arena. */
static struct store_pair
find_nth(struct copy *copy, enum key_prefix prefix, size_t nth)
{
	const uint8_t from = (uint8_t)prefix, past = (uint8_t)(prefix + 1);
	struct store_pair *pairs;
	size_t count;

	assert_int_equal(store_range_now(copy->store, slice_of(&from, 1), slice_of(&past, 1), nth == LAST,
	    nth == LAST ? 1 : nth + 1, copy->arena, &pairs, &count), ERROR_NONE);
	assert_true(count == (nth == LAST ? 1 : nth + 1));
	return pairs[count - 1];
}

/* The first record of a prefix that is like this. */
static struct store_pair
find_picked(struct copy *copy, const struct damage *damage)
{
	for (size_t nth = 0; nth < 300; nth++) {
		struct store_pair pair = find_nth(copy, damage->prefix, nth);
		void *record = arena_alloc(copy->arena, damage->record()->size);
		assert_non_null(record);
		assert_int_equal(record_decode(damage->record(), pair.value, copy->arena, record), ERROR_NONE);
		if (damage->pick(record))
			return pair;
	}
	fail_msg("no such record");
	return (struct store_pair){ .key = SLICE_EMPTY };
}

static void
store_one(struct copy *copy, struct slice key, const struct slice *value)
{
	struct store_batch *batch = store_batch_create(copy->store);

	assert_non_null(batch);
	if (value == NULL)
		store_remove(batch, key);
	else
		store_put(batch, (struct retention){ RETENTION_PERMANENT, 0 }, key, *value);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

static void
as_it_is_everything_agrees(void **state)
{
	struct copy *copy = copy_create();

	(void)state;
	copy_audit(copy);
	if (copy->exit != ADMIN_DONE)
		fail_msg("%.8000s", copy->output);
	assert_non_null(strstr(copy->output, "Everything agrees."));
	static const char *const counts[] = { "271  leaves whose", "264  filings,", "525  documents", "2  dossiers",
	    "5  cert",
		"2  revocations\n", "3  taxpayers", "1  uploads", "1  full tiles", "1  published checkpoints",
		    "2  published tiles",
		"1  texts of the contract", "264  receipts", "274  archived blobs", " 0  of these, not mentioned" };
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (strstr(copy->output, counts[i]) == NULL)
			fail_msg("no \"%s\" in\n%s", counts[i], copy->output);
	copy_destroy(copy);
}

static void
every_damaged_record_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		const struct damage *damage = &damages[i];
		struct copy *copy = copy_create();
		char what[32];
		copy_open(copy);
		struct store_pair pair =
		    damage->pick != NULL ? find_picked(copy, damage) : find_nth(copy, damage->prefix, damage->nth);
		struct slice value = SLICE_EMPTY;
		if (damage->change != NULL) {
			void *record = arena_alloc(copy->arena, damage->record()->size);
			assert_non_null(record);
			assert_int_equal(record_decode(damage->record(), pair.value, copy->arena, record), ERROR_NONE);
			damage->change(record);
			value = record_encode(damage->record(), record, copy->arena);
			assert_true(value.size != 0);
		}
		store_one(copy, pair.key, damage->change == NULL ? NULL : &value);
		copy_close(copy);
		copy_audit(copy);
		snprintf(what, sizeof what, "damage %zu", i);
		expect_found(copy, what, damage->expected);
		copy_destroy(copy);
	}
}

/* Values that are no record, keys that nobody knows, tiles that the log has not. */
static void
every_foreign_record_is_found(void **state)
{
	static const struct {
		const char *expected, *key;
		size_t key_size;
		size_t size; /* of the value */
	} foreign[] = {
		{ "record 7a7a: expected a key whose kind is known", "zz", 2, 9 },
		{ "attempts_pair 31: expected a record of its kind", "a1", 2, 9 },
		{ "mail 31: expected a record of its kind", "M1", 2, 9 },
		{ "tile 31: expected the hashes of a full tile", "t1", 2, 9 },
		{ "expected a tile that the log has filled", "t\0\0\0\0\0\0\0\0\1", 10, 8192 },
		{ "expected a tile that the log has filled", "t\11\0\0\0\0\0\0\0\0", 10, 8192 },
		{ "filing 31: expected a record of its kind", "F1", 2, 9 },
		{ "log_batch 31: expected a record of its kind", "L1", 2, 9 },
		{ "publication 31: expected a record of its kind", "P1", 2, 9 },
		{ "contract 31: expected a record of its kind", "X1", 2, 9 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
		struct copy *copy = copy_create();
		copy_open(copy);
		store_one(copy, slice_of(foreign[i].key, foreign[i].key_size),
		    &(struct slice){ scratch, foreign[i].size });
		copy_close(copy);
		copy_audit(copy);
		expect_found(copy, foreign[i].key, foreign[i].expected);
		copy_destroy(copy);
	}
}

/* ---- evidence ---- */

static void
message_of_another_income(struct rec_archive_certificate *archive)
{
	uint8_t *bytes = memcpy(scratch, archive->message.data, archive->message.size);
	uint8_t *income = memmem(bytes, archive->message.size, "23456", 5);

	assert_non_null(income);
	*income = '3';
	archive->message.data = bytes;
}

static void
message_cut(struct rec_archive_certificate *archive)
{
	archive->message.size--;
}

static void
contract_of_another_text(struct rec_archive_certificate *archive)
{
	archive->contract = flipped(archive->contract, 0);
}

static void
contract_not_accepted(struct rec_archive_certificate *archive)
{
	archive->has_contract = false;
}

/* Puts changed evidence in the place of a taxpayer's, under the leaf that was logged. */
static void
replace_evidence(struct copy *copy, void (*change)(struct rec_archive_certificate *archive))
{
	static const struct damage a_persons = { .prefix = KEY_certificate, .record = record_certificate,
		.pick = is_persons };
	const struct retention retention = { RETENTION_CERTIFICATE, 2026 };
	struct store_pair pair = find_picked(copy, &a_persons);
	struct rec_certificate record;
	struct rec_archive_certificate archive;
	struct blob_ref ref;
	struct slice bytes;

	assert_int_equal(record_decode(record_certificate(), pair.value, copy->arena, &record), ERROR_NONE);
	memcpy(ref.bytes, record.archive.data, sizeof ref.bytes);
	assert_int_equal(store_blob_now(copy->store, ref, copy->arena, &bytes), ERROR_NONE);
	assert_int_equal(record_decode(record_archive_certificate(), bytes, copy->arena, &archive), ERROR_NONE);
	change(&archive);
	struct store_batch *batch = store_batch_create(copy->store);
	ref = store_blob(batch, retention, record_encode(record_archive_certificate(), &archive, copy->arena));
	record.archive = slice_of(ref.bytes, sizeof ref.bytes);
	store_put(batch, retention, pair.key, record_encode(record_certificate(), &record, copy->arena));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

/* A6, A19: nobody can say later that something else was transmitted, or accepted. */
static void
replaced_evidence_is_found(void **state)
{
	static const struct {
		const char *expected;
		void (*change)(struct rec_archive_certificate *archive);
	} changes[] = {
		{ "expected a leaf with the digests of what was transmitted and accepted", message_of_another_income },
		{ "expected the holder that the evidence names", message_cut },
		{ "expected a leaf with the digests of what was transmitted and accepted", contract_of_another_text },
		{ "expected the text of the contract that was accepted", contract_of_another_text },
		{ "expected a leaf with the digests of what was transmitted and accepted", contract_not_accepted },
		{ "expected a contract that a taxpayer, and nobody else, has accepted", contract_not_accepted },
	};

	(void)state;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct copy *copy = copy_create();
		copy_open(copy);
		replace_evidence(copy, changes[i].change);
		copy_close(copy);
		copy_audit(copy);
		expect_found(copy, "evidence", changes[i].expected);
		copy_destroy(copy);
	}
}

/* A blob that no record mentions is counted and no disagreement; one fewer than are mentioned is one. */
static void
an_unmentioned_blob_is_counted(void **state)
{
	struct copy *copy = copy_create();

	(void)state;
	copy_open(copy);
	struct store_batch *batch = store_batch_create(copy->store);
	struct blob_ref ref = store_blob(batch, (struct retention){ RETENTION_FILING, 2026 },
	    SLICE_LITERAL("given up"));
	assert_int_not_equal(bytes_peek_u64(ref.bytes), 0);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	copy_close(copy);
	copy_audit(copy);
	assert_int_equal(copy->exit, ADMIN_DONE);
	assert_non_null(strstr(copy->output, " 1  of these, not mentioned"));
	copy_destroy(copy);
}

/* ---- what is published ---- */

static void
every_false_publication_is_found(void **state)
{
	static const struct {
		const char *expected, *name;
		size_t at, size; /* a byte changed, and how much is kept (0: all) */
	} files[] = {
		{ "published checkpoint : expected a checkpoint signed", "checkpoint", 25, 0 },
		{ "published file tile/0/000: expected the hashes of the log", "tile/0/000", 8191, 0 },
		{ "published file tile/0/000: expected the hashes of the log", "tile/0/000", 0, 8160 },
		{ "published file tile/0/001.p/3: expected the hashes of the log", "tile/0/001.p/3", 0, 0 },
		{ "published file crl.pem: expected a list signed", "crl.pem", 100, 0 },
		{ "published file campaign.json: expected what the office took last", "campaign.json", 831, 0 },
		{ "published file catalogue.json: expected what the office took last", "catalogue.json", 0, 100 },
		{ "authority log.vkey", "log.vkey", 30, 0 },
	};
	static const char *const extra[] = { "tile/0/002", "tile/0/001.p/255", "tile/0/x000", "tile/0/01", "tile/9" };

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		struct copy *copy = copy_create();
		char path[256];
		size_t size;
		snprintf(path, sizeof path, "%s/public/%s", copy->directory, files[i].name);
		uint8_t *bytes = file_read(path, &size);
		assert_true(files[i].at < size);
		bytes[files[i].at] ^= 1;
		file_write(path, slice_of(bytes, files[i].size != 0 ? files[i].size : size));
		free(bytes);
		copy_audit(copy);
		expect_found(copy, files[i].name, files[i].expected);
		copy_destroy(copy);
	}
	for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
		struct copy *copy = copy_create();
		write_public(copy->directory, extra[i], SLICE_LITERAL("x"));
		copy_audit(copy);
		expect_found(copy, extra[i], extra[i]);
		copy_destroy(copy);
	}
}

/* ---- checkpoints that others have kept ---- */

/* What the office signed before the log was made anew: of that size, the root changed. */
static void
sign_other(uint64_t size, struct buf *text)
{
	struct checkpoint checkpoint;
	struct fault fault;

	assert_int_equal(checkpoint_verify(slice_of_text(early), authority_log_verifier(fixture->authority),
	    &checkpoint, &fault), ERROR_NONE);
	checkpoint.root.bytes[0] ^= 1;
	checkpoint.size = size != 0 ? size : checkpoint.size;
	assert_int_equal(checkpoint_sign(text, &checkpoint, authority_log_key(fixture->authority)), ERROR_NONE);
}

static void
a_kept_checkpoint_has_to_be_of_this_log(void **state)
{
	static const char *const expected[] = { "Everything agrees.", "expected the root of the tree of this size",
		"expected a log of at least this size", "expected a checkpoint signed with the log's key" };
	struct copy *copy = copy_create();
	struct buf *text = buf_create(4096);
	char path[128];

	(void)state;
	assert_non_null(text);
	snprintf(path, sizeof path, "%s/kept", copy->directory);
	for (int i = 0; i < 4; i++) {
		buf_clear(text);
		if (i == 1 || i == 2)
			sign_other(i == 1 ? 0 : 1000, text);
		else
			buf_put_text(text, i == 0 ? early : "no checkpoint\n");
		file_write(path, buf_peek(text));
		copy_audit_with(copy, path);
		if (i != 0)
			expect_found(copy, "kept checkpoint", expected[i]);
		else if (copy->exit != ADMIN_DONE || strstr(copy->output, "1  checkpoints kept elsewhere") == NULL)
			fail_msg("%.8000s", copy->output);
		assert_int_equal(strstr(copy->output, "kept checkpoint ") != NULL, i != 0);
	}
	assert_int_equal(unlink(path), 0);
	copy_audit_with(copy, path);
	assert_int_equal(copy->exit, ADMIN_FAILED);
	assert_string_equal(copy->output, "");
	buf_destroy(text);
	copy_destroy(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_it_is_everything_agrees),
		cmocka_unit_test(every_damaged_record_is_found),
		cmocka_unit_test(every_foreign_record_is_found),
		cmocka_unit_test(replaced_evidence_is_found),
		cmocka_unit_test(an_unmentioned_blob_is_counted),
		cmocka_unit_test(every_false_publication_is_found),
		cmocka_unit_test(a_kept_checkpoint_has_to_be_of_this_log),
	};
	return cmocka_run_group_tests_name("audit", tests, group_setup, group_teardown);
}
