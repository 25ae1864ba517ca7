/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd init: an office in an empty directory, ready to serve. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/default_campaign.h"
#include "protocol/default_catalogue.h"
#include "protocol/origin.h"
#include "server/admin/admin.h"
#include "server/admin/progress.h"
#include "server/authority.h"
#include "server/clock.h"
#include "server/publication_record.h"
#include "server/store/disk.h"
#include "server/store/keyring.h"
#include "server/store/leveldb.h"
#include "server/worker.h"

static const struct admin_command command = {
	"init", "DIR", 1,
	"Makes an office in DIR, which must not exist or be empty: the authority and its keys (DIR/keys), what the\n"
	"office publishes (DIR/public), settings with their defaults (DIR/guichet.json, see guichetd serve --help),\n"
	"an open campaign for the last calendar year's income and the catalogue of all known boxes. Refuses where\n"
	"something is in DIR already.",
	NULL,
};

/* The paths of what is made are gone by the time that the fault is told. */
static enum error
cannot_make(const char *path, const char *expected, struct arena *arena, struct fault *fault)
{
	struct slice place, reason;

	if (!arena_copy(arena, slice_of_text(strerror(errno)), &reason) ||
	    !arena_copy(arena, slice_of_text(path), &place))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	*fault = (struct fault){ ERROR_file_unreadable, place, reason, slice_of_text(expected) };
	return ERROR_file_unreadable;
}

static enum error
make_directory(const char *path, mode_t mode, struct arena *arena, struct fault *fault)
{
	char unfinished[PATH_SIZE];

	if (mkdir(path, mode) == 0 || (errno == EEXIST && rmdir(path) == 0 && mkdir(path, mode) == 0))
		return ERROR_NONE;
	int code = errno;
	settings_path(unfinished, sizeof unfinished, path, SETTINGS_UNFINISHED_FILE);
	bool is_unfinished = access(unfinished, F_OK) == 0;
	errno = code;
	return cannot_make(path,
	    is_unfinished ? SETTINGS_UNFINISHED : "a directory that is empty or can be made", arena, fault);
}

/* A file says until the end that this is no office yet: whoever finds it after a crash or a kill is told so. */
static enum error
mark_unfinished(const char *directory, bool is_unfinished, struct arena *arena, struct fault *fault)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_good = fd >= 0 && (is_unfinished ?
	    disk_make_file(NULL, fd, SETTINGS_UNFINISHED_FILE, 0644, SLICE_EMPTY) :
	    unlinkat(fd, SETTINGS_UNFINISHED_FILE, 0) == 0) && disk_sync_directory(NULL, fd);

	if (fd >= 0)
		disk_close(fd);
	return is_good ? ERROR_NONE : cannot_make(directory, "a directory that can be written", arena, fault);
}

/* A new file, for all to read. */
static enum error
write_file(const char *path, struct slice content, struct arena *arena, struct fault *fault)
{
	if (disk_make_file(NULL, AT_FDCWD, path, 0644, content))
		return ERROR_NONE;
	return cannot_make(path, "a new file", arena, fault);
}

static enum error
write_publications(
    const char *directory, const char *origin, unsigned year, struct arena *arena, struct fault *fault)
{
	char path[PATH_SIZE];
	struct buf *buf = buf_create((size_t)1024 * 1024);
	enum error error;

	if (buf == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	settings_path(path, sizeof path, directory, PUBLIC_DIRECTORY "/" CATALOGUE_FILE);
	error = write_file(path, default_catalogue(), arena, fault);
	if (error == ERROR_NONE) {
		default_campaign_put(buf, year - 1);
		settings_path(path, sizeof path, directory, PUBLIC_DIRECTORY "/" CAMPAIGN_FILE);
		error = write_file(path, buf_peek(buf), arena, fault);
	}
	if (error == ERROR_NONE) {
		buf_clear(buf);
		settings_write(buf, origin);
		settings_path(path, sizeof path, directory, SETTINGS_FILE);
		error = write_file(path, buf_peek(buf), arena, fault);
	}
	buf_destroy(buf);
	return error;
}

/* What an audit compares campaign and catalogue with until the server has taken others. */
static enum error
record_publications(
    const char *directory, struct store *store, struct keyring *keyring, struct arena *arena, struct fault *fault)
{
	struct publications *publications = NULL;
	const struct publication_recorder_calls calls = { NULL, NULL, NULL };
	struct publication_recorder *recorder = publication_recorder_create(store, keyring, &calls);
	enum error error = recorder == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    publications_load(directory, NULL, arena, &publications, fault);

	if (error == ERROR_NONE)
		error = publication_recorder_settle(recorder, publications, fault);
	publication_recorder_destroy(recorder);
	publications_release(publications);
	return error;
}

static enum error
make_store(const char *directory, const char *keys, struct arena *arena, struct fault *fault)
{
	struct keyring *keyring = NULL;
	struct store *store = NULL;
	struct worker *worker = worker_create("init");
	enum error error = worker == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;

	if (error == ERROR_NONE)
		error = keyring_create(keys, arena, fault);
	if (error == ERROR_NONE)
		error = keyring_open(keys, arena, &keyring, fault);
	if (error == ERROR_NONE) {
		const struct leveldb_config config = {
			.directory = directory, .keyring = keyring, .arena = arena, .create = true
		};
		error = leveldb_store_open(&config, worker, worker, &store, fault);
	}
	if (error == ERROR_NONE)
		error = record_publications(directory, store, keyring, arena, fault);
	if (error == ERROR_NONE)
		error = admin_settle(store, arena, fault);
	store_close(store);
	keyring_close(keyring);
	worker_destroy(worker);
	return error;
}

/* *is_taken: something is in the directory already, and stays. */
static enum error
make_office(const char *directory, const char *origin, const char *const *hosts, struct arena *arena, bool *is_taken,
    struct fault *fault)
{
	char keys[PATH_SIZE], public[PATH_SIZE];
	uint64_t now = clock_wall_ms() / 1000;
	const struct authority_plan plan = {
		.keys_dir = keys,
		.public_dir = public,
		.origin = origin,
		.hosts = hosts,
		.hosts_count = admin_values_count(hosts),
		.now = now,
	};
	enum error error;

	settings_path(keys, sizeof keys, directory, KEYS_DIRECTORY);
	settings_path(public, sizeof public, directory, PUBLIC_DIRECTORY);
	if (!origin_valid(slice_of_text(origin)))
		return fault_set(fault, ERROR_usage, "--origin", slice_of_text(origin),
		    ORIGIN_EXPECTED ", like guichet.example/2026");
	error = make_directory(directory, 0755, arena, fault);
	*is_taken = error == ERROR_file_unreadable && (errno == ENOTEMPTY || errno == EEXIST);
	if (error == ERROR_NONE)
		error = mark_unfinished(directory, true, arena, fault);
	if (error == ERROR_NONE)
		error = make_directory(keys, 0700, arena, fault);
	if (error == ERROR_NONE)
		error = make_directory(public, 0755, arena, fault);
	if (error == ERROR_NONE)
		error = authority_create(&plan, fault);
	/* Nothing was made yet when a name was refused: the same command with another name finds no directory. */
	if (error == ERROR_usage) {
		fault->place = SLICE_LITERAL("--host");
		struct fault ignored;
		if (rmdir(keys) == 0 && rmdir(public) == 0 &&
		    mark_unfinished(directory, false, arena, &ignored) == ERROR_NONE)
			(void)!rmdir(directory);
	}
	if (error == ERROR_NONE)
		error = write_publications(directory, origin, admin_year(), arena, fault);
	if (error == ERROR_NONE)
		error = make_store(directory, keys, arena, fault);
	return error == ERROR_NONE ? mark_unfinished(directory, false, arena, fault) : error;
}

int
admin_init(int argc, char **argv)
{
	const char *directory, *origin = NULL, *hosts[ADMIN_VALUES_MAX + 1] = { NULL };
	bool as_json = false, is_taken = false;
	const struct admin_option options[] = {
		{ "--origin", "ORIGIN",
		    "the office's name in all that is signed for it, for ever (default: guichet.example/YEAR)",
		    &origin, NULL, ADMIN_MAYBE },
		{ "--host", "NAME", "a DNS name or address of the server besides localhost; " ADMIN_VALUES_TEXT, hosts,
		    NULL, ADMIN_SEVERAL },
		ADMIN_JSON(&as_json),
		ADMIN_OPTIONS_END,
	};
	char origin_default[64];
	struct progress progress;
	struct fault fault;
	int exit;

	if (!admin_options(argc, argv, &command, options, &directory, &exit))
		return exit;
	snprintf(origin_default, sizeof origin_default, "guichet.example/%u", admin_year());
	if (origin == NULL)
		origin = origin_default;
	struct arena *arena = arena_create((size_t)1024 * 1024);
	progress_begin(&progress, "making keys, certificates and an empty store", as_json, clock_steady_ms());
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    make_office(directory, origin, hosts, arena, &is_taken, &fault);
	progress_wipe(&progress);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report(&fault, as_json);
	if (is_taken)
		exit = ADMIN_REFUSED;
	else if (error == ERROR_NONE && as_json)
		admin_say(stdout, (const struct admin_fact[]) { { "type", "guichet-init", 0 },
			{ "directory", directory, 0 }, { "origin", origin, 0 }, { NULL, NULL, 0 } });
	else if (error == ERROR_NONE)
		printf("An office is in %s.\n  origin    %s\n  publishes %s/%s (give it to every client as --trust)\n"
		       "Next: guichetd import taxpayers %s FILE.csv, then guichetd serve %s\n",
		    directory, origin, directory, PUBLIC_DIRECTORY, directory, directory);
	arena_destroy(arena);
	return exit;
}
