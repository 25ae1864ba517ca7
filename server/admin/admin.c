/* SPDX-License-Identifier: Apache-2.0
 *
 * What the subcommands share. */
#include "server/admin/admin.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/buf.h"
#include "protocol/check.h"
#include "protocol/json.h"
#include "protocol/time.h"
#include "server/authority.h"
#include "server/clock.h"
#include "server/commit.h"
#include "server/crl.h"
#include "server/publications.h"
#include "server/publish.h"
#include "server/recovery.h"
#include "server/store/disk.h"
#include "server/store/keyring.h"
#include "server/store/leveldb.h"
#include "server/tree.h"
#include "server/worker.h"

/* A text in a line of JSON, long enough for a certificate, and such a line. Longer texts are cut. */
#define SAID_MAX ((size_t)16 * 1024)
#define SAID_LINE_MAX ((size_t)1024 * 1024)

int
admin_refuse(const char *place, const char *value, const char *expected, bool as_json)
{
	const struct fault fault = { ERROR_usage, slice_of_text(place), slice_of_text(value), slice_of_text(expected) };

	return admin_report(&fault, as_json);
}

/* A text as JSON: what is not UTF-8, as a word of the command line may be, with its bytes beyond ASCII masked. */
static void
put_said(struct buf *line, const char *text)
{
	char said[SAID_MAX];

	snprintf(said, sizeof said, "%s", text);
	if (!slice_is_utf8(slice_of_text(said)))
		for (char *at = said; *at != '\0'; at++)
			if ((unsigned char)*at >= 0x80)
				*at = '?';
	json_put_string(line, slice_of_text(said));
}

const char admin_true[] = "true", admin_false[] = "false";

void
admin_say(FILE *to, const struct admin_fact *facts)
{
	struct buf *line = buf_create(SAID_LINE_MAX);

	if (line == NULL)
		return;
	buf_put_text(line, "{");
	for (const struct admin_fact *fact = facts; fact->name != NULL; fact++) {
		json_put_name(line, fact->name);
		if (fact->text == admin_true || fact->text == admin_false)
			buf_put_text(line, fact->text);
		else if (fact->text != NULL)
			put_said(line, fact->text);
		else
			buf_put_format(line, "%" PRIu64, fact->number);
	}
	buf_put_text(line, "}\n");
	if (buf_ok(line))
		fwrite(buf_peek(line).data, 1, buf_size(line), to);
	buf_destroy(line);
}

/* What was typed for the place; NULL when nothing was. */
static const char *
find_typed(const struct admin_typed *typed, struct slice place)
{
	while (typed->place != NULL && !slice_equal_text(place, typed->place))
		typed++;
	return typed->word;
}

static void
report_json(const struct fault *fault, const struct error_entry *entry, const char *typed)
{
	const struct slice slices[] = { fault->place, fault->value, fault->expected };
	char texts[3][1024];

	for (size_t i = 0; i < 3; i++)
		snprintf(texts[i], sizeof texts[i], "%.*s", (int)slices[i].size, (const char *)slices[i].data);
	admin_say(stdout, (const struct admin_fact[]) {
		{ "error", error_name(fault->error), 0 },
		{ "number", NULL, (uint64_t)fault->error },
		{ "text", entry == NULL ? "unknown error" : entry->english, 0 },
		{ "place", texts[0], 0 },
		{ "value", texts[1], 0 },
		{ "expected", texts[2], 0 },
		{ typed != NULL ? "option" : NULL, typed, 0 },
		{ NULL, NULL, 0 },
	});
}

static int
exit_of(const struct fault *fault)
{
	if (fault->error == ERROR_usage)
		return ADMIN_USAGE;
	/* Nothing failed where another process has the directory: stopped, the same command is done. */
	return (int)fault->error < 900 || fault->error == ERROR_directory_locked ? ADMIN_REFUSED : ADMIN_FAILED;
}

/* What was found may be anything. */
static void
report_line(const char *name, struct slice text)
{
	char words[2048];

	if (text.size == 0)
		return;
	snprintf(words, sizeof words, "%.*s", (int)text.size, (const char *)text.data);
	disk_words_mask(words);
	fprintf(stderr, "\n  %s %s", name, words);
}

int
admin_report_typed(const struct fault *fault, const struct admin_typed *typed, bool as_json)
{
	const struct error_entry *entry = error_find((unsigned)fault->error);
	const char *word = find_typed(typed, fault->place);

	if (as_json) {
		report_json(fault, entry, word);
		return exit_of(fault);
	}
	fprintf(stderr, "guichetd: %s", entry == NULL ? "unknown error" : entry->english);
	report_line("where:   ", word != NULL ? slice_of_text(word) : fault->place);
	report_line("found:   ", fault->value);
	report_line("expected:", fault->expected);
	fputc('\n', stderr);
	return exit_of(fault);
}

int
admin_report(const struct fault *fault, bool as_json)
{
	static const struct admin_typed none = { NULL, NULL };

	return admin_report_typed(fault, &none, as_json);
}

uint16_t
admin_year(void)
{
	return (uint16_t)time_civil_utc(clock_wall_ms() / 1000).year;
}

/* ---- an office, offline ---- */

enum error
admin_settle(struct store *store, struct arena *arena, struct fault *fault)
{
	enum error error = store_settle(store);

	if (error == ERROR_NONE)
		return error;
	return disk_fault(fault, arena, error, 0, "a disk that takes it", "%s", store_failure(store));
}

struct admin_office {
	const char *directory;
	struct settings settings;
	struct worker *worker;
	struct authority *authority;
	struct keyring *keyring;
	struct store *store;
	struct tree *tree;
	struct key_verifier *verifier;
	struct inflater *inflater;
	struct publications *publications;
	struct office *office;
	struct commit *commit;
	enum error failure;
};

static void
office_failed(void *context, enum error error)
{
	((struct admin_office *)context)->failure = error;
}

static void
office_settled(void *context, struct slice checkpoint)
{
	(void)context;
	(void)checkpoint;
}

static enum error
no_memory(struct fault *fault)
{
	return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
}

static enum error
open_storage(struct admin_office *office, struct arena *arena, struct fault *fault)
{
	char keys[PATH_SIZE], public[PATH_SIZE];
	enum error error;

	settings_path(keys, sizeof keys, office->directory, KEYS_DIRECTORY);
	settings_path(public, sizeof public, office->directory, PUBLIC_DIRECTORY);
	error = settings_load(office->directory, arena, &office->settings, fault);
	if (error == ERROR_NONE)
		error = authority_open(keys, public, &office->authority, fault);
	if (error == ERROR_NONE)
		error = keyring_open(keys, arena, &office->keyring, fault);
	if (error != ERROR_NONE)
		return error;
	const struct leveldb_config config = {
		.directory = office->directory,
		.keyring = office->keyring,
		.arena = arena,
		.reserve = office->settings.disk_reserve,
	};
	error = leveldb_store_open(&config, office->worker, office->worker, &office->store, fault);
	if (error != ERROR_NONE)
		return error;
	/* Now or never: it is there again. */
	if (leveldb_store_lacked_committed(office->store))
		fprintf(stderr, "guichetd: " LEVELDB_COMMITTED_FILE " was missing and is noted anew; "
		    "of an older copy of the store only what is published would tell\n");
	return tree_open(office->store, &office->tree, fault);
}

static enum error
open_facts(struct admin_office *office, struct arena *arena, struct fault *fault)
{
	enum error error = publications_load(office->directory, NULL, arena, &office->publications, fault);

	if (error != ERROR_NONE)
		return error;
	office->verifier = key_verifier_create();
	office->inflater = inflater_create();
	if (office->verifier == NULL || office->inflater == NULL)
		return no_memory(fault);
	const struct office instruments = {
		.origin = slice_of_text(office->settings.origin),
		.authority = office->authority,
		.keyring = office->keyring,
		.verifier = office->verifier,
		.inflater = office->inflater,
		.publications = office->publications,
		.tree = office->tree,
	};
	error = office_load(office->directory, &instruments, arena, &office->office, fault);
	if (error != ERROR_NONE)
		return error;
	const struct commit_config commit = {
		.store = office->store,
		.tree = office->tree,
		.origin = instruments.origin,
		.log_key = authority_log_key(office->authority),
		.batch_max = 1,
		.failed = office_failed,
		.settled = office_settled,
		.context = office,
	};
	office->commit = commit_create(&commit);
	return office->commit == NULL ? no_memory(fault) : ERROR_NONE;
}

enum error
admin_office_open(const char *directory, struct arena *arena, struct admin_office **out, struct fault *fault)
{
	struct admin_office *office = calloc(1, sizeof *office);
	enum error error;

	if (office == NULL)
		return no_memory(fault);
	office->directory = directory;
	office->worker = worker_create("offline");
	error = office->worker == NULL ? no_memory(fault) : open_storage(office, arena, fault);
	if (error == ERROR_NONE)
		error = open_facts(office, arena, fault);
	if (error != ERROR_NONE) {
		/* Its texts may be the store's. */
		error = fault_keep(fault, arena);
		admin_office_close(office);
		return error;
	}
	*out = office;
	return ERROR_NONE;
}

enum error
admin_office_settle(struct admin_office *office, struct arena *arena, struct fault *fault)
{
	worker_wait(office->worker);
	return admin_settle(office->store, arena, fault);
}

void
admin_office_close(struct admin_office *office)
{
	if (office == NULL)
		return;
	if (office->worker != NULL)
		worker_wait(office->worker);
	commit_destroy(office->commit);
	office_release(office->office);
	publications_release(office->publications);
	inflater_destroy(office->inflater);
	key_verifier_destroy(office->verifier);
	tree_close(office->tree);
	store_close(office->store);
	keyring_close(office->keyring);
	authority_close(office->authority);
	worker_destroy(office->worker);
	free(office);
}

struct store *
admin_office_store(struct admin_office *office)
{
	return office->store;
}

struct keyring *
admin_office_keyring(struct admin_office *office)
{
	return office->keyring;
}

const struct office *
admin_office_facts(struct admin_office *office)
{
	return office->office;
}

struct run_entry {
	struct commit_entry entry;
	bool is_done;
};

static void
run_done(struct commit_entry *entry)
{
	((struct run_entry *)entry)->is_done = true;
}

static void
view_loaded(void *context)
{
	(void)context;
}

/* Runs until decided; blobs may need the worker. */
static enum outcome
run_decide(struct admin_office *office, decide handler, struct decision *decision, const struct record *answer_record,
    const void *request)
{
	enum outcome outcome;

	do {
		*decision->effects = (struct effects){ .answer = arena_alloc(decision->arena, answer_record->size) };
		if (decision->effects->answer == NULL)
			return refuse(decision, ERROR_out_of_memory);
		outcome = handler(decision, request);
		worker_wait(office->worker);
	} while (outcome == AGAIN && view_error(decision->view) == ERROR_NONE);
	if (outcome == AGAIN)
		return refuse(decision, view_error(decision->view));
	return outcome;
}

enum error
admin_office_run(struct admin_office *office, decide handler, const struct record *answer_record, const void *request,
    enum role role, struct arena *arena, void **answer, struct fault *fault)
{
	struct effects effects;
	struct verified *verified = NULL;
	uint64_t now_ms = clock_wall_ms();
	struct context context = {
		.now = now_ms / 1000,
		.now_ms = now_ms,
		.office = office->office,
		.holder = { .role = role },
	};
	struct view *view = view_create(office->store, arena, view_loaded, NULL);
	struct decision decision = { &context, view, arena, &effects, &verified, arena };
	struct run_entry run = { .is_done = false };

	run.entry.effects = &effects;
	run.entry.arena = arena;
	run.entry.now = context.now;
	run.entry.done = run_done;

	enum error error = recovery_check_published(office->directory, office->settings.origin, office->tree,
	    authority_log_verifier(office->authority), NULL, arena, fault);
	if (error != ERROR_NONE)
		return error;
	if (view == NULL || RAND_bytes(context.random, sizeof context.random) != 1)
		return no_memory(fault);
	(void)!run_decide(office, handler, &decision, answer_record, request);
	if (effects.failed)
		return no_memory(fault);
	if (effects.refusal.error != ERROR_NONE) {
		*fault = effects.refusal;
		return effects.refusal.error;
	}
	if (effects.puts != NULL) {
		commit_add(office->commit, &run.entry);
		commit_seal(office->commit);
		worker_wait(office->worker);
		if (!run.is_done)
			return fault_set(fault, office->failure, "store", SLICE_EMPTY, "a durable commit");
	}
	*answer = effects.answer;
	return ERROR_NONE;
}

struct crl_writing {
	struct publisher *publisher;
	bool is_made, has_failed;
	int reason; /* of the last failure; 0: none, or none of the system's */
};

static void
crl_made(void *context, struct content *pem)
{
	struct crl_writing *writing = context;

	if (pem == NULL)
		return;
	writing->is_made = true;
	publisher_write(writing->publisher, AUTHORITY_CRL_FILE, pem);
}

/* Only of the list: the publisher sweeps too, and what full tiles have made superfluous may stay where it is. */
static void
crl_not_written(void *context, const struct publish_failure *failure)
{
	struct crl_writing *writing = context;

	if (failure->work != PUBLISH_SINGLE)
		return;
	writing->has_failed = true;
	writing->reason = failure->code;
}

enum error
admin_office_publish_crl(struct admin_office *office, struct fault *fault)
{
	struct crl_writing writing = { .is_made = false };
	struct slice previous;
	struct crl *crl = crl_create(office->authority, office->store, office->worker, crl_made, &writing);

	const struct publisher_calls calls = { crl_not_written, NULL, NULL, &writing };
	writing.publisher =
	    publisher_create(office->directory, office->worker, office->store, office->tree, &calls);
	if (crl != NULL && writing.publisher != NULL) {
		if (publications_find(office->publications, SLICE_LITERAL(AUTHORITY_CRL_FILE), &previous))
			crl_follow(crl, previous);
		crl_mark(crl);
		crl_tick(crl, clock_wall_ms(), clock_steady_ms());
		crl_finish(crl);
		publisher_finish(writing.publisher);
	}
	crl_destroy(crl);
	publisher_destroy(writing.publisher);
	return writing.is_made && !writing.has_failed ? ERROR_NONE :
							fault_set(fault, ERROR_file_unreadable,
							    PUBLIC_DIRECTORY "/" AUTHORITY_CRL_FILE,
							    slice_of_text(writing.reason == 0 ? "" :
								strerror(writing.reason)),
							    "a file that can be written");
}
