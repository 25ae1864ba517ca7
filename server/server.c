/* SPDX-License-Identifier: Apache-2.0
 *
 * Start, the wiring between the parts, orderly stop. */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"
#include "server/authority.h"
#include "server/campaign_year.h"
#include "server/clock.h"
#include "server/commit.h"
#include "server/conn_pool.h"
#include "server/crl.h"
#include "server/disk_watch.h"
#include "server/dispatch.h"
#include "server/leftover.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/process_limits.h"
#include "server/proof.h"
#include "server/publication_record.h"
#include "server/publish.h"
#include "server/publish_watch.h"
#include "server/recovery.h"
#include "server/room.h"
#include "server/server_log.h"
#include "server/server_tls.h"
#include "server/services/services.h"
#include "server/settings.h"
#include "server/store/keyring.h"
#include "server/store/leveldb.h"
#include "server/thread.h"
#include "server/tree.h"

/* Between checkpoints that are published, between two steps of the sweep, each of UPLOAD_SWEEP_MAX uploads, and between
 * two looks at what the disk has free. */
#define TICK_MS 1000U
/* Requests of one address that wait for batches which write what they read: as many as one connection may send. */
#define WAITING_MAX LIMIT_STREAMS
/* Said with busy: long enough for a batch or two. */
#define RETRY_AFTER_MS 500U

struct server {
	const struct server_options *options;
	struct arena *arena; /* settings and faults of the start */
	struct settings settings;

	struct log *log;
	struct loop *loop;
	struct thread committer, reader, scribe; /* commits; cold blobs; published files */
	struct loop_hook seal_hook;
	struct loop_timer seal_timer, tick;

	struct authority *authority;
	struct authority *scribe_authority; /* the same keys, for the scribe's thread (crl.h) */
	struct keyring *keyring;
	struct key_verifier *verifier;
	struct inflater *inflater;
	struct server_tls tls;
	struct store *store;
	struct disk_watch disk_watch;
	struct publish_watch publish_watch;
	struct tree *tree;
	struct publications *publications;
	struct publication_recorder *recorder;
	struct publisher *publisher;
	struct crl *crl;
	struct office *office;
	struct commit *commit;
	struct dispatch *dispatch;
	struct conn_pool *pool;
	struct listener *listener;

	bool is_stopping, is_drained;
	bool lacks_crl; /* the newest list could not be made */
	enum error failure;
};

/* ---- callbacks ---- */

static void
server_fail_of(void *context, enum error error, const char *cause)
{
	struct server *server = context;

	if (server->failure != ERROR_NONE)
		return;
	server->failure = error;
	server_log_storage_failed(server->log, error, cause);
	loop_stop(server->loop);
}

static void
server_fail(void *context, enum error error)
{
	server_fail_of(context, error, store_failure(((struct server *)context)->store));
}

static void
server_heed(struct server *server, enum error error)
{
	if (error != ERROR_NONE)
		server_fail(server, error);
}

static void
server_damaged(void *context, enum error error, const char *cause, const uint8_t *correlation)
{
	struct server *server = context;
	server_log_unreadable(server->log, error, cause, correlation);
}

static void
server_settled(void *context, struct slice checkpoint)
{
	struct server *server = context;
	if (checkpoint.size != 0)
		publisher_offer_checkpoint(server->publisher, checkpoint);
}

static void
server_gave_up(void *context, size_t count)
{
	server_log_gave_up(((struct server *)context)->log, count);
}

static void
server_answered(void *context, const struct dispatch_event *event)
{
	struct server *server = context;

	server_log_answer(server->log, event, loop_wall_ms(server->loop));
	if (event->cause == ERROR_disk_full)
		disk_watch_refused(&server->disk_watch);
}

static uint64_t
server_wall_ms(void *context)
{
	struct server *server = context;
	return loop_wall_ms(server->loop);
}

static void
server_crl_changed(void *context)
{
	struct server *server = context;
	crl_mark(server->crl);
}

static void
server_crl_made(void *context, struct content *pem)
{
	struct server *server = context;

	server->lacks_crl = pem == NULL;
	if (pem == NULL) {
		server_log_crl_not_made(server->log);
		return;
	}
	if (crl_replaces_foreign(server->crl))
		server_log_crl_damaged(server->log);
	publications_set(server->publications, AUTHORITY_CRL_FILE, pem);
	publisher_write(server->publisher, AUTHORITY_CRL_FILE, pem);
}

static void
server_publication_changed(void *context, const char *file)
{
	server_log_publication_changed(((struct server *)context)->log, file);
}

/* The round that it fires in ends with seal_run. */
static void
seal_fire(struct loop_timer *timer)
{
	(void)timer;
}

/* Once a wake-up: what was decided in it becomes one batch. */
static void
seal_run(struct loop_hook *hook)
{
	struct server *server = loop_owner(hook, struct server, seal_hook);

	uint64_t again_ms =
	    server->failure == ERROR_NONE ? commit_pace(server->commit, loop_steady_ms(server->loop)) : 0;
	if (again_ms != 0)
		loop_timer_set(server->loop, &server->seal_timer, again_ms);
	if (server->is_drained && commit_is_idle(server->commit) && dispatch_jobs(server->dispatch) == 0 &&
	    crl_settle(server->crl, loop_wall_ms(server->loop)))
		loop_stop(server->loop);
}

static void
tick_fire(struct loop_timer *timer)
{
	struct server *server = loop_owner(timer, struct server, tick);

	/* The next commit would tell it; in an idle office none may come. */
	server_heed(server, store_error(server->store));
	publisher_tick(server->publisher);
	for (const decide *sweep = services_sweeps(); *sweep != NULL; sweep++)
		dispatch_work(server->dispatch, *sweep, loop_wall_ms(server->loop));
	crl_tick(server->crl, loop_wall_ms(server->loop), loop_steady_ms(server->loop));
	conn_pool_tick(server->pool);
	disk_watch_look(&server->disk_watch, store_space_free(server->store));
	log_settle(server->log);
	server_tls_tick(&server->tls, loop_wall_ms(server->loop) / 1000);
	loop_timer_set(server->loop, timer, loop_steady_ms(server->loop) + TICK_MS);
}

static void
server_room(void *context)
{
	struct server *server = context;
	if (server->listener != NULL)
		listener_resume(server->listener);
}

static void
server_drained(void *context)
{
	struct server *server = context;
	server->is_drained = true;
}

static void
server_stop(void *context)
{
	struct server *server = context;

	if (server->is_stopping)
		return;
	server->is_stopping = true;
	log_event(server->log, LOG_LEVEL_INFO, "stopping", log_uint("connections", conn_pool_count(server->pool)));
	listener_destroy(server->listener);
	server->listener = NULL;
	dispatch_stop(server->dispatch);
	conn_pool_drain(server->pool, server_drained, server);
}

/* A new campaign or catalogue, or the old one when the new is faulty (A12). */
static void
reload_office(struct server *server)
{
	struct arena *arena = arena_create((size_t)2 * LIMIT_JSON_FILE);
	struct office *office = NULL;
	struct fault fault = { .error = ERROR_out_of_memory };

	if (arena != NULL &&
	    office_reload(server->options->directory, server->office, arena, &office, &fault) == ERROR_NONE &&
	    campaign_year_check(server->store, office, arena, &fault) == ERROR_NONE) {
		/* Requests under way hold the old office, and it the old publications. */
		publications_release(server->publications);
		server->publications = publications_hold(office->publications);
		publication_recorder_take(server->recorder, server->publications);
		office_release(server->office);
		server->office = office;
		dispatch_set_office(server->dispatch, office);
		server_log_campaign(server->log, &office->campaign, true);
	} else {
		office_release(office);
		server_log_reload_refused(server->log, &fault, "the campaign and catalogue of before stay in force");
	}
	arena_destroy(arena);
}

static void
server_reload(void *context)
{
	struct server *server = context;

	reload_office(server);
	server_tls_reload(&server->tls, loop_wall_ms(server->loop) / 1000);
}

/* ---- start ---- */

static enum error
no_memory(struct fault *fault)
{
	return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
}

static void
take_limits(struct server *server)
{
	uint64_t most = process_limits_take(server->settings.connections_max);

	if (most != server->settings.connections_max)
		server_log_connections_limited(server->log, most);
	server->settings.connections_max = most;
}

/* Loop, signals and threads: signals first, since threads inherit the mask. */
static enum error
start_machine(struct server *server, struct fault *fault)
{
	const struct loop_signals signals = { server_stop, server_reload, server };

	server->log = log_create(STDERR_FILENO, LOG_LEVEL_INFO, clock_wall_ms);
	server->loop = loop_create(NULL);
	if (server->log == NULL || server->loop == NULL || !loop_take_signals(server->loop, &signals))
		return no_memory(fault);
	if (!thread_start(&server->committer, "committer", server->loop) ||
	    !thread_start(&server->reader, "reader", server->loop) ||
	    !thread_start(&server->scribe, "scribe", server->loop))
		return no_memory(fault);
	server->seal_hook.run = seal_run;
	server->seal_timer.fire = seal_fire;
	loop_hook(server->loop, &server->seal_hook);
	return ERROR_NONE;
}

/* Keys, store, log. With the store its lock is had: nothing is changed before that. */
static enum error
start_storage(struct server *server, struct fault *fault)
{
	const char *directory = server->options->directory;
	char keys[PATH_SIZE];
	enum error error = settings_load(directory, server->arena, &server->settings, fault);

	settings_path(keys, sizeof keys, directory, KEYS_DIRECTORY);
	if (error == ERROR_NONE)
		error = keyring_open(keys, server->arena, &server->keyring, fault);
	if (error != ERROR_NONE)
		return error;
	log_set_level(server->log, server->settings.log_level);
	server->disk_watch = (struct disk_watch){ .log = server->log, .reserve = server->settings.disk_reserve };
	server->publish_watch = (struct publish_watch){ .log = server->log, .loop = server->loop };
	take_limits(server);
	log_name_addresses(server->log, server_log_name, server->keyring);
	const struct leveldb_config config = {
		.directory = directory,
		.keyring = server->keyring,
		.arena = server->arena,
		.reserve = server->settings.disk_reserve,
		.fail_at = server->options->fail_at,
		.fail_errno = server->options->fail_errno,
		.journal_size = server->options->journal_size,
	};
	error = leveldb_store_open(&config, server->committer.worker, server->reader.worker, &server->store, fault);
	if (error != ERROR_NONE)
		return error;
	if (leveldb_store_lacked_committed(server->store))
		server_log_committed_missing(server->log);
	error = tree_open(server->store, &server->tree, fault);
	return error == ERROR_NONE ? recovery_check(server->store, server->arena, fault) : error;
}

/* What is published, and what signs it: it must agree with the log before the first connection. */
static enum error
start_authority(struct server *server, struct fault *fault)
{
	const char *directory = server->options->directory;
	char keys[PATH_SIZE], public[PATH_SIZE];
	enum recovery_checkpoint checkpoint = RECOVERY_CHECKPOINT_OURS;

	settings_path(keys, sizeof keys, directory, KEYS_DIRECTORY);
	settings_path(public, sizeof public, directory, PUBLIC_DIRECTORY);
	enum error error = authority_restore(keys, public, server_log_restored, server->log, fault);
	/* DIR/public itself may have been made. */
	if (error == ERROR_NONE)
		error = settings_sync_directory(directory, server->arena, fault);
	if (error == ERROR_NONE)
		error = authority_open(keys, public, &server->authority, fault);
	if (error == ERROR_NONE)
		error = authority_open(keys, public, &server->scribe_authority, fault);
	if (error == ERROR_NONE)
		error = recovery_check_published(directory, server->settings.origin, server->tree,
		    authority_log_verifier(server->authority), &checkpoint, server->arena, fault);
	server->tls = (struct server_tls){ .directory = directory, .authority = server->authority, .log = server->log };
	if (error == ERROR_NONE)
		error = server_tls_open(&server->tls, loop_wall_ms(server->loop) / 1000, server->arena, fault);
	if (error != ERROR_NONE)
		return error;
	server_log_checkpoint(server->log, checkpoint, tree_size(server->tree));
	server_log_leftovers(server->log, leftover_remove(directory, tree_size(server->tree)));
	return ERROR_NONE;
}

/* The list of before is only followed; one that is gone is made anew, which the first tick does with any. */
static void
follow_crl(struct server *server)
{
	struct slice pem = SLICE_EMPTY;

	(void)!publications_find(server->publications, SLICE_LITERAL(AUTHORITY_CRL_FILE), &pem);
	if (pem.size == 0)
		server_log_crl_missing(server->log);
	crl_follow(server->crl, pem);
}

static enum error
start_office(struct server *server, struct fault *fault)
{
	enum error error =
	    publications_load(server->options->directory, NULL, server->arena, &server->publications, fault);

	if (error != ERROR_NONE)
		return error;
	server->verifier = key_verifier_create();
	server->inflater = inflater_create();
	const struct publisher_calls publishing = publish_watch_calls(&server->publish_watch);
	server->publisher = publisher_create(
	    server->options->directory, server->scribe.worker, server->store, server->tree, &publishing);
	server->crl = crl_create(
	    server->scribe_authority, server->store, server->scribe.worker, server_crl_made, server);
	const struct publication_recorder_calls calls = { server_fail_of, server_publication_changed, server };
	server->recorder = publication_recorder_create(server->store, server->keyring, &calls);
	if (server->verifier == NULL || server->inflater == NULL || server->publisher == NULL || server->crl == NULL ||
	    server->recorder == NULL)
		return no_memory(fault);
	publisher_mend(server->publisher);
	follow_crl(server);
	const struct office instruments = {
		.origin = slice_of_text(server->settings.origin),
		.authority = server->authority,
		.keyring = server->keyring,
		.verifier = server->verifier,
		.inflater = server->inflater,
		.publications = server->publications,
		.tree = server->tree,
	};
	error = office_load(server->options->directory, &instruments, server->arena, &server->office, fault);
	if (error == ERROR_NONE)
		error = campaign_year_check(server->store, server->office, server->arena, fault);
	if (error != ERROR_NONE)
		return error;
	return publication_recorder_settle(server->recorder, server->publications, fault);
}

/* The checkpoint of the log as it stands: what is asked for before the first batch, and published if a crash came
 * before that. */
static enum error
start_log(struct server *server, struct fault *fault)
{
	struct buf *text = buf_create(LIMIT_PROOF_SIZE);
	enum error error = text == NULL ? no_memory(fault) :
	    proof_checkpoint_put(text, server->office->origin, tree_frontier(server->tree),
		authority_log_key(server->authority));

	if (error == ERROR_NONE) {
		tree_keep_checkpoint(server->tree, buf_peek(text));
		publisher_offer_checkpoint(server->publisher, buf_peek(text));
	} else {
		(void)fault_set(fault, error, "log", SLICE_EMPTY, "a checkpoint that can be signed");
	}
	buf_destroy(text);
	return error;
}

static enum error
start_dispatch(struct server *server, struct fault *fault)
{
	const struct commit_config commit = {
		.store = server->store,
		.tree = server->tree,
		.origin = server->office->origin,
		.log_key = authority_log_key(server->authority),
		.batch_max = (size_t)server->settings.batch_max,
		.failed = server_fail,
		.settled = server_settled,
		.gave_up = server_gave_up,
		.context = server,
	};
	server->commit = commit_create(&commit);
	if (server->commit == NULL)
		return no_memory(fault);
	const struct dispatch_config dispatch = {
		.store = server->store,
		.commit = server->commit,
		.office = server->office,
		.handlers = services_table(),
		.jobs_max = (size_t)server->settings.jobs_max,
		.busy_after_ms = server->settings.busy_after_ms,
		.enrolments_per_second = server->settings.enrolments_per_second,
		.waiting_max = WAITING_MAX,
		.promised_max = room_promised_max(server->settings.disk_reserve),
		.retry_after_ms = RETRY_AFTER_MS,
		.wall_ms = server_wall_ms,
		.answered = server_answered,
		.crl_changed = server_crl_changed,
		.damaged = server_damaged,
		.context = server,
	};
	server->dispatch = dispatch_create(&dispatch);
	return server->dispatch == NULL ? no_memory(fault) : ERROR_NONE;
}

static enum error
start_listening(struct server *server, struct fault *fault)
{
	struct conn_limits limits = conn_limits_default;
	const char *address = server->options->listen != NULL ? server->options->listen : server->settings.listen;

	limits.connections_max = (size_t)server->settings.connections_max;
	limits.handshakes_max = (size_t)server->settings.handshakes_max;
	limits.buffered_max = (size_t)server->settings.buffered_max;
	server->pool = conn_pool_create(server->loop, server->log, server->tls.config, server->dispatch, &limits);
	if (server->pool == NULL)
		return no_memory(fault);
	conn_pool_on_room(server->pool, server_room, server);
	const struct listener_taker taker = { conn_pool_has_room, conn_pool_take, server->pool };
	enum error error = listener_create(server->loop, server->log, address, &taker, &server->listener, fault);
	if (error == ERROR_usage)
		fault->place = server->options->listen != NULL ? SLICE_LITERAL("--listen") :
								 SLICE_LITERAL(SETTINGS_FILE ", listen");
	if (error == ERROR_NONE && server->options->port_file != NULL)
		error = listener_write_port(server->listener, server->options->port_file, fault);
	return error;
}

/* After the last answer: a disk that fails now is told like one that failed before. That it is full is no failure: the
 * journal has everything. */
static void
settle_store(struct server *server)
{
	if (server->failure != ERROR_NONE)
		return;
	store_wait(server->store);
	enum error error = store_settle(server->store);
	if (error == ERROR_disk_full)
		server_log_not_settled(server->log, error, store_failure(server->store));
	else
		server_heed(server, error);
}

/* Why something is not published that should be; ERROR_NONE when all is. */
static enum error
settle_published(struct server *server)
{
	if (server->failure != ERROR_NONE)
		return ERROR_NONE;
	thread_wait(&server->committer);
	thread_wait(&server->reader);
	if (server->crl != NULL)
		crl_finish(server->crl);
	publisher_finish(server->publisher);
	thread_wait(&server->scribe);
	return server->lacks_crl ? ERROR_internal : publish_watch_error(&server->publish_watch);
}

/* Everything in the reverse order of its making; NULL is allowed everywhere. */
static void
server_destroy(struct server *server)
{
	listener_destroy(server->listener);
	server->listener = NULL;
	conn_pool_destroy(server->pool);
	server_tls_close(&server->tls);
	if (server->loop != NULL) {
		loop_timer_stop(server->loop, &server->tick);
		loop_timer_stop(server->loop, &server->seal_timer);
	}
	/* After a failed commit jobs are left that will never be answered; they end with the process. */
	if (server->failure != ERROR_NONE)
		_exit(EXIT_FAILURE);
	dispatch_destroy(server->dispatch);
	commit_destroy(server->commit);
	office_release(server->office);
	crl_destroy(server->crl);
	publisher_destroy(server->publisher);
	publication_recorder_destroy(server->recorder);
	publications_release(server->publications);
	inflater_destroy(server->inflater);
	key_verifier_destroy(server->verifier);
	tree_close(server->tree);
	store_close(server->store);
	keyring_close(server->keyring);
	authority_close(server->scribe_authority);
	authority_close(server->authority);
	thread_destroy(&server->committer, server->loop);
	thread_destroy(&server->reader, server->loop);
	thread_destroy(&server->scribe, server->loop);
	loop_destroy(server->loop);
	log_destroy(server->log);
	free(server);
}

enum error
server_run(const struct server_options *options, struct arena *arena, struct fault *fault)
{
	static enum error (*const steps[])(struct server *server, struct fault *fault) = {
		start_machine, start_storage, start_authority, start_office, start_log, start_dispatch, start_listening,
	};
	struct server *server = calloc(1, sizeof *server);
	enum error error = ERROR_NONE;

	if (server == NULL)
		return no_memory(fault);
	*server = (struct server){ .options = options, .arena = arena };
	for (size_t i = 0; i < sizeof steps / sizeof steps[0] && error == ERROR_NONE; i++)
		error = steps[i](server, fault);
	if (error == ERROR_NONE) {
		server_log_serving(server->log, listener_port(server->listener), server->settings.origin,
		    tree_size(server->tree));
		server_log_campaign(server->log, &server->office->campaign, false);
		crl_mark(server->crl);
		server->tick.fire = tick_fire;
		loop_timer_set(server->loop, &server->tick, loop_steady_ms(server->loop));
		loop_run(server->loop);
		settle_store(server);
		enum error unpublished = settle_published(server);
		log_settle(server->log);
		server_log_stopped(server->log, server->failure, unpublished);
	} else {
		/* They may be of what ends with the server. */
		error = fault_keep(fault, arena);
		(void)settle_published(server);
	}
	server_destroy(server);
	return error;
}
