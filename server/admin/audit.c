/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd audit: opens what is there without trusting any of it, sends every record to its check, and reports. */
#include "server/admin/audit.h"

#include <inttypes.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/json.h"
#include "server/admin/admin.h"
#include "server/authority.h"
#include "server/clock.h"
#include "server/recovery.h"
#include "server/store/leveldb.h"
#include "server/worker.h"

/* Memory of one record and what it names: a filing's archive blob twice, its returns inflated. */
#define ARENA_MAX ((size_t)160 * 1024 * 1024)
/* Entries of the archive in one go. */
#define WALK_STEP ((size_t)1024)

static const struct admin_command command = {
	"audit", "DIR", 1,
	"Reads everything there is and proves that records, archive, receipts, log and what is published agree: every\n"
	"receipt with its filing, documents, signature and leaf; the tree, computed anew from every leaf, with each\n"
	"batch of the log, which the checkpoints and proofs of its receipts are made of, and with the published\n"
	"checkpoint; every certificate and revocation. Campaign and catalogue have to be those that the office took\n"
	"last: what was changed while no server ran disagrees until guichetd serve has taken it. Refuses while a\n"
	"server uses DIR. Exit code 0 only if all agrees.\n\n"
	"That this is still the log which it was, DIR alone cannot prove: somebody who can write all of it can make\n"
	"another that agrees. Keep public/checkpoint elsewhere from time to time, and name what was kept, or what\n"
	"others have kept, with --checkpoint: each has to be of this log.\n\n"
	"It opens the store as a start does: DIR/db, DIR/segments and DIR/journal are written to, to bring the\n"
	"store up to what the journal has, and a TLS renewal that was cut short is ended. So DIR has to be\n"
	"writable; to leave an office as it was found, examine a copy.",
	NULL,
};

/* ---- saying ---- */

void
audit_disagree(struct audit *audit, const char *kind, struct slice which, const char *expected)
{
	audit->disagreements++;
	progress_wipe(&audit->progress);
	if (audit->is_damaged && !audit->has_said_so && !audit->as_json)
		printf("What follows may come of the damage above:\n");
	audit->has_said_so = audit->is_damaged;
	if (!audit->as_json) {
		printf("  %s %.*s: expected %s\n", kind, (int)which.size, (const char *)which.data, expected);
		return;
	}
	struct buf *line = buf_create(4096);
	if (line == NULL)
		return;
	buf_put_text(line, audit->disagreements == 1 ? "{" : ",{");
	json_put_name(line, "kind");
	json_put_string(line, slice_of_text(kind));
	json_put_name(line, "which");
	json_put_string(line, which);
	json_put_name(line, "expected");
	json_put_string(line, slice_of_text(expected));
	buf_put_text(line, audit->is_damaged ? ",\"may_follow_from_damage\":true}" : "}");
	printf("%.*s", (int)buf_size(line), (const char *)buf_peek(line).data);
	buf_destroy(line);
}

void
audit_disagree_number(struct audit *audit, const char *kind, uint64_t number, const char *expected)
{
	char text[24];
	int size = snprintf(text, sizeof text, "%" PRIu64, number);

	audit_disagree(audit, kind, slice_of(text, (size_t)size), expected);
}

void
audit_disagree_fault(struct audit *audit, const char *kind, const struct fault *fault)
{
	char expected[1024];

	snprintf(expected, sizeof expected, "%.*s%s%.*s", (int)fault->expected.size,
	    (const char *)fault->expected.data, fault->value.size == 0 ? "" : ", found: ", (int)fault->value.size,
	    (const char *)fault->value.data);
	audit_disagree(audit, kind, fault->place, fault->expected.size == 0 ? "what can be read" : expected);
}

/* ---- what every check needs ---- */

bool
audit_find(struct audit *audit, struct slice key, const struct record *record, void *out)
{
	struct slice value;
	bool found = false;

	return key.size != 0 && store_get_now(audit->store, key, audit->arena, &found, &value) == ERROR_NONE && found &&
	    record_decode(record, value, audit->arena, out) == ERROR_NONE;
}

bool
audit_blob(struct audit *audit, struct slice ref, struct arena *arena, struct slice *bytes)
{
	struct blob_ref place;

	if (ref.size != sizeof place)
		return false;
	memcpy(&place, ref.data, sizeof place);
	return store_blob_now(audit->store, place, arena, bytes) == ERROR_NONE;
}

bool
audit_archive(struct audit *audit, struct slice ref, const struct record *record, void *out)
{
	struct slice bytes;

	return audit_blob(audit, ref, audit->arena, &bytes) &&
	    record_decode(record, bytes, audit->arena, out) == ERROR_NONE;
}

struct keyed
audit_keyed(struct audit *audit, const char *domain, struct slice word)
{
	struct keyed keyed;

	keyring_hash(audit->keyring, domain, word, keyed.bytes);
	return keyed;
}

bool
audit_published_file(struct audit *audit, const char *name, size_t size_max, struct slice *out)
{
	char path[PATH_SIZE], within[PATH_SIZE / 2];
	struct fault ignored;

	settings_path(within, sizeof within, PUBLIC_DIRECTORY, name);
	settings_path(path, sizeof path, audit->directory, within);
	return settings_read_file(path, size_max, audit->arena, out, &ignored) == ERROR_NONE;
}

/* ---- records ---- */

/* Nothing depends on these but their own form. */
static void
audit_attempts(struct audit *audit, struct slice value)
{
	struct rec_attempts record;

	if (record_decode(record_attempts(), value, audit->arena, &record) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
}

/* The counter itself may be gone: a success removes it. */
static void
audit_attempts_expiry(struct audit *audit, struct slice value)
{
	struct slice key = audit->key;

	audit_attempts(audit, value);
	if (key.size <= 1 + 8 || (key.data[9] != KEY_attempts_pair && key.data[9] != KEY_attempts_person &&
	    key.data[9] != KEY_attempts_address))
		audit_disagree_record(audit, "a time and the key of a counter");
}

static void
audit_mail(struct audit *audit, struct slice value)
{
	struct rec_mail record;

	if (record_decode(record_mail(), value, audit->arena, &record) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
}

#define audit_attempts_pair audit_attempts
#define audit_attempts_person audit_attempts
#define audit_attempts_address audit_attempts

/* A check for every prefix there is: one without does not compile. */
static const struct prefix {
	enum key_prefix prefix;
	const char *name;
	void (*check)(struct audit *audit, struct slice value);
} prefixes[] = {
#define KEY(prefix, name, class, parts) { KEY_##name, #name, audit_##name },
#include "server/store/keys.def"
#undef KEY
};

static const struct prefix *
prefix_find(struct slice key)
{
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		if (key.size != 0 && key.data[0] == (uint8_t)prefixes[i].prefix)
			return &prefixes[i];
	return NULL;
}

void
audit_disagree_record(struct audit *audit, const char *expected)
{
	const struct prefix *prefix = prefix_find(audit->key);
	struct slice rest = slice_from(audit->key, prefix == NULL ? 0 : 1);
	char hex[2 * STORE_KEY_MAX + 1] = "?";

	if (rest.size <= STORE_KEY_MAX)
		hex_encode(rest, hex);
	audit_disagree(audit, prefix == NULL ? "record" : prefix->name, slice_of_text(hex), expected);
}

static void
visit_record(void *context, struct slice key, struct slice value, enum error error)
{
	struct audit *audit = context;
	const struct prefix *prefix = prefix_find(key);

	audit->key = key;
	audit->counts[AUDIT_records]++;
	progress_tell(&audit->progress, audit->counts[AUDIT_records], "records", clock_steady_ms());
	arena_reset(audit->arena);
	if (error != ERROR_NONE)
		audit_disagree_record(audit,
		    error == ERROR_not_found ? "a data key that opens it" : "a value as it was sealed");
	else if (prefix == NULL)
		audit_disagree_record(audit, "a key whose kind is known");
	else
		prefix->check(audit, value);
}

/* ---- the archive ---- */

static void
visit_blob(void *context, struct blob_ref ref, struct retention retention, struct slice bytes, enum error error)
{
	struct audit *audit = context;
	char hex[2 * sizeof ref.bytes + 1];

	(void)retention;
	(void)bytes;
	audit->counts[AUDIT_blobs]++;
	hex_encode(slice_of(ref.bytes, sizeof ref.bytes), hex);
	if (error != ERROR_NONE)
		audit_disagree(audit, "blob", slice_of_text(hex),
		    error == ERROR_not_found ? "a data key that opens it" : "bytes as they were sealed");
}

static void
audit_archive_all(struct audit *audit)
{
	struct leveldb_cursor cursor = { 0 };
	struct disk_failure failure = { .text = "" };
	bool end = false;

	while (!end) {
		progress_tell(&audit->progress, cursor.segment, "segments of the archive", clock_steady_ms());
		if (leveldb_store_walk(audit->store, &cursor, WALK_STEP, visit_blob, audit, &end, &failure) !=
		    ERROR_NONE) {
			audit_disagree_number(audit, "segment", cursor.segment, failure.text);
			return;
		}
	}
}

/* Every leaf has its own blob, and so has every part; what else there is nobody mentions. */
static void
audit_mentions(struct audit *audit)
{
	uint64_t mentioned = audit->counts[AUDIT_leaves] + audit->parts;

	if (mentioned > audit->counts[AUDIT_blobs])
		audit_disagree_number(audit, "blobs", audit->counts[AUDIT_blobs], "one for each mention of one");
	else
		audit->counts[AUDIT_blobs_unmentioned] = audit->counts[AUDIT_blobs] - mentioned;
}

/* ---- all of it ---- */

/* Before anything else: it takes hours to come to them. */
static enum error
read_kept(struct audit *audit, struct fault *fault)
{
	enum error error = ERROR_NONE;

	for (size_t i = 0; audit->kept_paths[i] != NULL && error == ERROR_NONE; i++)
		error = settings_read_file(
		    audit->kept_paths[i], LIMIT_PROOF_SIZE, audit->open, &audit->kept[i], fault);
	return error;
}

static enum error
open_store(struct audit *audit, struct fault *fault)
{
	char keys[PATH_SIZE];
	enum error error = settings_load(audit->directory, audit->open, &audit->settings, fault);

	settings_path(keys, sizeof keys, audit->directory, KEYS_DIRECTORY);
	if (error == ERROR_NONE)
		error = keyring_open(keys, audit->open, &audit->keyring, fault);
	if (error != ERROR_NONE)
		return error;
	const struct leveldb_config config = {
		.directory = audit->directory,
		.keyring = audit->keyring,
		.arena = audit->open,
	};
	return leveldb_store_open(&config, audit->worker, audit->worker, &audit->store, fault);
}

/* A published file of certificates, each signed by the next and the last by itself. *first (may be NULL) is the key of
 * the first one, the caller's. */
static void
check_chain(struct audit *audit, const char *name, EVP_PKEY **first)
{
	struct slice pem;

	if (!audit_published_file(audit, name, LIMIT_JSON_FILE, &pem)) {
		audit_disagree(audit, "published file", slice_of_text(name), "a file that can be read");
		return;
	}
	BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
	X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	bool is_good = certificate != NULL;
	if (first != NULL && is_good)
		*first = X509_get_pubkey(certificate);
	while (certificate != NULL) {
		X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		is_good &= X509_verify(certificate, X509_get0_pubkey(issuer == NULL ? certificate : issuer)) == 1;
		X509_free(certificate);
		certificate = issuer;
	}
	BIO_free(bio);
	if (!is_good)
		audit_disagree(audit, "published file", slice_of_text(name), "certificates that sign each other");
}

static void
kept_wrong(void *context, const struct fault *fault)
{
	audit_disagree_fault(context, "authority", fault);
}

/* Keys and certificates of the office itself: they belong together, and what is published is what they make. */
static void
open_authority(struct audit *audit)
{
	char keys[PATH_SIZE], public[PATH_SIZE];
	struct authority *authority = NULL;
	struct fault fault;
	uint64_t not_after;

	settings_path(keys, sizeof keys, audit->directory, KEYS_DIRECTORY);
	settings_path(public, sizeof public, audit->directory, PUBLIC_DIRECTORY);
	/* Also what no start reads: the roots' keys certify when something has gone wrong. */
	authority_check_kept(keys, public, kept_wrong, audit);
	int lock = authority_tls_lock(keys, AUTHORITY_TLS_TRIES, &fault);
	if (lock < 0 || authority_check_tls(keys, public, 0, audit->open, &not_after, &fault) != ERROR_NONE)
		audit_disagree_fault(audit, "authority", &fault);
	if (lock >= 0)
		close(lock);
	if (authority_open(keys, public, &authority, &fault) != ERROR_NONE) {
		audit_disagree_fault(audit, "authority", &fault);
		return;
	}
	audit->log_verifier = *authority_log_verifier(authority);
	audit->has_log_verifier = true;
	authority_close(authority);
	check_chain(audit, AUTHORITY_CA_FILE, &audit->issuer);
	check_chain(audit, AUTHORITY_TLS_FILE, NULL);
}

/* A start that had something to do again wrote it, too. */
static void
audit_settle(struct audit *audit)
{
	if (store_settle(audit->store) != ERROR_NONE)
		audit_disagree(audit, "store", slice_of_text(store_failure(audit->store)), "a disk that takes it");
}

/* The open has made it anew. */
static void
audit_committed(struct audit *audit)
{
	if (leveldb_store_lacked_committed(audit->store))
		audit_disagree(audit, "store", SLICE_LITERAL(LEVELDB_COMMITTED_FILE),
		    "the number of the last batch, by which an older copy is found; it is noted anew");
}

/* What is damaged itself, before what comes of it; and what a start reads, as it reads it. */
static void
audit_damage(struct audit *audit)
{
	struct disk_failure failure = { .text = "" };
	struct fault fault;

	if (leveldb_store_check_tables(audit->store, &failure) != ERROR_NONE)
		audit_disagree(audit, "store", SLICE_LITERAL("db"), failure.text);
	audit_archive_all(audit);
	audit->is_damaged = audit->disagreements != 0;
	if (recovery_check(audit->store, audit->open, &fault) != ERROR_NONE)
		audit_disagree_fault(audit, "log", &fault);
}

static void
audit_run(struct audit *audit)
{
	struct disk_failure failure = { .text = "" };

	audit_damage(audit);
	audit_committed(audit);
	open_authority(audit);
	audit_log_start(audit);
	if (leveldb_store_walk_records(audit->store, visit_record, audit, &failure) != ERROR_NONE && !audit->is_damaged)
		audit_disagree(audit, "store", SLICE_LITERAL("db"), failure.text);
	arena_reset(audit->arena);
	audit_log_end(audit);
	audit_identity_end(audit);
	audit_filings_end(audit);
	audit_dossiers_end(audit);
	audit_documents_end(audit);
	audit_published(audit);
	audit_mentions(audit);
	audit_settle(audit);
	progress_wipe(&audit->progress);
}

static void
audit_print(const struct audit *audit)
{
	static const struct {
		const char *name, *words;
	} counts[] = {
#define COUNT(name, words) { #name, words },
		AUDIT_COUNTS(COUNT)
#undef COUNT
	};

	if (audit->as_json)
		printf("],\"disagreements_count\":%" PRIu64 ",\"agrees\":%s,\"checked\":{", audit->disagreements,
		    audit->disagreements == 0 ? "true" : "false");
	else
		printf("\n  %12s  checked\n", "count");
	for (size_t i = 0; i < AUDIT_COUNTS_MAX; i++)
		if (audit->as_json)
			printf("%s\"%s\":%" PRIu64, i == 0 ? "" : ",", counts[i].name, audit->counts[i]);
		else
			printf("  %12" PRIu64 "  %s\n", audit->counts[i], counts[i].words);
	if (audit->as_json)
		printf("}}\n");
	else if (audit->disagreements == 0)
		printf("\nEverything agrees.\n");
	else
		printf("\n%" PRIu64 " disagreements, listed above.\n", audit->disagreements);
}

static bool
audit_prepare(struct audit *audit)
{
	audit->worker = worker_create("audit");
	audit->open = arena_create((size_t)1024 * 1024);
	audit->arena = arena_create(ARENA_MAX);
	audit->scratch = arena_create(ARENA_MAX);
	audit->key_verifier = key_verifier_create();
	audit->inflater = inflater_create();
	return audit->worker != NULL && audit->open != NULL && audit->arena != NULL && audit->scratch != NULL &&
	    audit->key_verifier != NULL && audit->inflater != NULL;
}

static void
audit_close(struct audit *audit)
{
	store_close(audit->store);
	keyring_close(audit->keyring);
	EVP_PKEY_free(audit->issuer);
	inflater_destroy(audit->inflater);
	key_verifier_destroy(audit->key_verifier);
	worker_destroy(audit->worker);
	arena_destroy(audit->scratch);
	arena_destroy(audit->arena);
	arena_destroy(audit->open);
}

int
admin_audit(int argc, char **argv)
{
	struct audit *audit = calloc(1, sizeof *audit);
	struct fault fault;
	char what[PATH_SIZE];
	int exit;

	if (audit == NULL)
		return ADMIN_FAILED;
	const struct admin_option options[] = {
		{ "--checkpoint", "FILE",
		    "a checkpoint kept elsewhere, which the log has to extend; " ADMIN_VALUES_TEXT,
		    audit->kept_paths, NULL, ADMIN_SEVERAL },
		ADMIN_JSON(&audit->as_json),
		ADMIN_OPTIONS_END,
	};
	if (!admin_options(argc, argv, &command, options, &audit->directory, &exit)) {
		free(audit);
		return exit;
	}
	snprintf(what, sizeof what, "auditing %s", audit->directory);
	progress_begin(&audit->progress, what, audit->as_json, clock_steady_ms());
	enum error error = audit_prepare(audit) ? read_kept(audit, &fault) :
	    fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = open_store(audit, &fault);
	exit = ADMIN_FAILED;
	if (error != ERROR_NONE && error != ERROR_store_damaged) {
		progress_wipe(&audit->progress);
		exit = admin_report(&fault, audit->as_json);
	} else {
		if (audit->as_json)
			printf("{\"type\":\"guichet-audit\",\"disagreements\":[");
		if (error != ERROR_NONE && fault.expected.size == 0)
			fault.expected = SLICE_LITERAL("a store that opens");
		if (error == ERROR_NONE)
			audit_run(audit);
		else
			audit_disagree_fault(audit, "store", &fault);
		audit_print(audit);
		if (audit->disagreements == 0)
			exit = ADMIN_DONE;
	}
	audit_close(audit);
	free(audit);
	return exit;
}
