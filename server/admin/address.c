/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd address: what stands for a network address in the server's log, whether a server runs or not. */
#include <string.h>

#include "server/address.h"
#include "server/admin/admin.h"
#include "server/log.h"
#include "server/server_log.h"
#include "server/store/keyring.h"

#define ARENA_SIZE ((size_t)1024 * 1024)
#define NAME_TEXT_SIZE (2 * LOG_NAME_SIZE + 1)

static const struct admin_command command = {
	"address", "DIR ADDRESS", 2,
	"Says what stands for a network address in the server's log, where no address stands in clear: a hash under\n"
	"the office's key. Of an IPv6 address, one for its network of 48 bits and one for that of 64, with / between.\n"
	"So whoever is connected is found in the log, and can be blocked:\n"
	"\n"
	"  ss -Htn state established 'sport = :7443' | awk '{print $4}' |\n"
	"    sed -E 's/:[0-9]+$//; s/[][]|::ffff://g' | sort -u | xargs -n1 guichetd address DIR",
	NULL,
};

static void
put_name(const struct keyring *keyring, struct slice address, char out[NAME_TEXT_SIZE])
{
	uint8_t name[LOG_NAME_SIZE];

	server_log_name(keyring, address, name);
	hex_encode(slice_of(name, sizeof name), out);
	out[NAME_TEXT_SIZE - 1] = '\0';
}

static void
say_name(const struct keyring *keyring, const char *text, const uint8_t address[ADDRESS_SIZE], bool as_json)
{
	struct slice network = address_network(address);
	char names[2 * NAME_TEXT_SIZE];
	size_t at = 0;

	if (network.size != 0) {
		put_name(keyring, network, names);
		names[NAME_TEXT_SIZE - 1] = '/';
		at = NAME_TEXT_SIZE;
	}
	put_name(keyring, address_party(address), names + at);
	if (as_json)
		admin_say(stdout, (const struct admin_fact[]) { { "type", "guichet-address", 0 },
			{ "address", text, 0 }, { "name", names, 0 }, { NULL, NULL, 0 } });
	else
		printf("%s %s\n", names, text);
}

int
admin_address(int argc, char **argv)
{
	const char *words[2];
	bool as_json = false;
	const struct admin_option options[] = { ADMIN_JSON(&as_json), ADMIN_OPTIONS_END };
	struct keyring *keyring = NULL;
	char keys[PATH_SIZE];
	uint8_t address[ADDRESS_SIZE];
	struct fault fault;
	int exit;

	if (!admin_options(argc, argv, &command, options, words, &exit))
		return exit;
	if (!address_parse(words[1], address))
		return admin_refuse("ADDRESS", words[1], "an IPv4 or IPv6 address", as_json);
	struct arena *arena = arena_create(ARENA_SIZE);
	settings_path(keys, sizeof keys, words[0], KEYS_DIRECTORY);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    keyring_open(keys, arena, &keyring, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report(&fault, as_json);
	if (exit == ADMIN_DONE)
		say_name(keyring, words[1], address, as_json);
	keyring_close(keyring);
	arena_destroy(arena);
	return exit;
}
