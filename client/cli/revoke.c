/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet revoke: ends a certificate, one's own or, for an operator, any (A5). */
#include <string.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/limits.h"
#include "protocol/time.h"

/* RFC 5280 5.3.1, those that make sense here. */
static const struct {
	const char *word;
	unsigned number;
} reasons[] = {
	{ "unspecified", 0 },
	{ "key-compromise", 1 },
	{ "affiliation-changed", 3 },
	{ "superseded", 4 },
	{ "cessation", 5 },
};

static bool
find_reason(const char *word, unsigned *number)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (strcmp(reasons[i].word, word) == 0) {
			*number = reasons[i].number;
			return true;
		}
	return false;
}

static enum guichet_error
revoke(struct cli *cli, struct guichet_bytes serial, unsigned reason, struct guichet_request **request)
{
	enum guichet_error error = guichet_request_create(cli->guichet, "revoke", request, cli->problem);

	if (error == GUICHET_ERROR_none)
		error = guichet_request_set_bytes(*request, "serial", serial);
	if (error == GUICHET_ERROR_none)
		error = guichet_request_set_uint(*request, "reason", reason);
	return error == GUICHET_ERROR_none ? cli_wait(cli, *request, "waiting for the office") : error;
}

static void
report(const struct cli *cli, struct guichet_bytes serial, struct guichet_record answer)
{
	uint64_t revoked_at = guichet_record_uint(answer, "revoked_at");
	char serial_text[2 * SERIAL_SIZE + 1];
	struct buf *buf = cli_buf();

	hex_encode(slice_of_public(serial), serial_text);
	if (cli->is_json) {
		buf_put_format(
		    buf, "{\"serial\":\"%s\",\"revoked_at\":%llu}\n", serial_text, (unsigned long long)revoked_at);
	} else {
		buf_put_format(buf, "Certificate %s is revoked since ", serial_text);
		time_put_paris(buf, revoked_at);
		buf_put_text(buf, ".\n");
	}
	cli_print_buf(buf);
}

enum exit_code
cli_revoke(struct cli *cli)
{
	const char *serial_text = cli_value(cli, OPTION_SERIAL), *reason_text = cli_value(cli, OPTION_REASON);
	struct guichet_request *request = NULL;
	struct guichet_bytes serial;
	uint8_t named[SERIAL_SIZE];
	unsigned reason = 0;

	if (reason_text != NULL && !find_reason(reason_text, &reason))
		return cli_fail_usage(cli, "--reason", reason_text,
		    "unspecified, key-compromise, affiliation-changed, superseded or cessation");
	if (serial_text != NULL && !cli_read_hex(serial_text, named, sizeof named))
		return cli_fail_usage(cli, "--serial", serial_text, "32 hexadecimal digits");
	enum guichet_error error = cli_log_in(cli);
	if (error == GUICHET_ERROR_none) {
		serial = serial_text != NULL ? (struct guichet_bytes){ named, sizeof named } :
					       guichet_identity_serial(cli->identity);
		error = revoke(cli, serial, reason, &request);
	}
	if (error == GUICHET_ERROR_none)
		report(cli, serial, guichet_request_answer(request));
	guichet_request_destroy(request);
	return error == GUICHET_ERROR_none ? EXIT_CODE_OK : cli_fail(cli);
}
