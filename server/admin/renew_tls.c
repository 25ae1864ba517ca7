/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd renew-tls: a new TLS key and certificate, also beside a server that runs. */
#include "protocol/time.h"
#include "server/admin/admin.h"
#include "server/authority.h"
#include "server/clock.h"

#define ARENA_SIZE ((size_t)1024 * 1024)

static const struct admin_command command = {
	"renew-tls", "DIR", 1,
	"Makes a new TLS key and certificate for the server, under the TLS root that is published already: clients\n"
	"need nothing new. It needs DIR/keys/tls-root.key, which may be kept elsewhere at other times. The\n"
	"certificate serves for five years. A server that runs shows it once it is sent SIGHUP, and connections\n"
	"that are open stay.",
	NULL,
};

static enum error
renew(const char *directory, const char *const *hosts, struct arena *arena, struct authority_renewal *out,
    struct fault *fault)
{
	char keys[PATH_SIZE], public[PATH_SIZE];
	struct settings settings;
	enum error error = settings_load(directory, arena, &settings, fault);

	settings_path(keys, sizeof keys, directory, KEYS_DIRECTORY);
	settings_path(public, sizeof public, directory, PUBLIC_DIRECTORY);
	if (error != ERROR_NONE)
		return error;
	const struct authority_plan plan = {
		.keys_dir = keys,
		.public_dir = public,
		.origin = settings.origin,
		.hosts = hosts,
		.hosts_count = admin_values_count(hosts),
		.now = clock_wall_ms() / 1000,
	};
	error = authority_renew_tls(&plan, out, fault);
	if (error == ERROR_usage)
		fault->place = SLICE_LITERAL("--host");
	return error;
}

static void
say_renewed(const struct authority_renewal *renewal, bool as_json)
{
	char serial[2 * SERIAL_SIZE + 1], expires[TIME_UTC_SIZE + 1] = "";

	hex_encode(slice_of(renewal->serial, SERIAL_SIZE), serial);
	time_format_utc(renewal->not_after, expires);
	if (as_json)
		admin_say(stdout, (const struct admin_fact[]) { { "type", "guichet-renew-tls", 0 },
			{ "serial", serial, 0 }, { "expires", expires, 0 }, { NULL, NULL, 0 } });
	else
		printf("The server's TLS certificate is renewed.\n  serial    %s\n  expires   %s\n"
		       "A server that runs shows it once it is sent SIGHUP.\n",
		    serial, expires);
}

int
admin_renew_tls(int argc, char **argv)
{
	const char *directory, *hosts[ADMIN_VALUES_MAX + 1] = { NULL };
	bool as_json = false;
	const struct admin_option options[] = {
		{ "--host", "NAME",
		    "a name or address besides localhost; " ADMIN_VALUES_TEXT " (default: as in the one before)",
		    hosts, NULL, ADMIN_SEVERAL },
		ADMIN_JSON(&as_json),
		ADMIN_OPTIONS_END,
	};
	struct authority_renewal renewal;
	struct fault fault;
	int exit;

	if (!admin_options(argc, argv, &command, options, &directory, &exit))
		return exit;
	struct arena *arena = arena_create(ARENA_SIZE);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    renew(directory, hosts, arena, &renewal, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report(&fault, as_json);
	if (exit == ADMIN_DONE)
		say_renewed(&renewal, as_json);
	arena_destroy(arena);
	return exit;
}
