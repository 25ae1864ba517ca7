/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet revoke: ends a certificate, one's own or, for an operator, any (A5). */
#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/limits.h"
#include "protocol/revocation_reason.h"
#include "protocol/time.h"

static enum guichet_error
revoke(struct cli *cli, struct guichet_bytes serial, uint64_t reason, struct guichet_request **request)
{
	enum guichet_error error = guichet_request_create(cli->guichet, "revoke", request, cli->problem);

	if (error == GUICHET_ERROR_none)
		error = guichet_request_set_bytes(*request, "serial", serial);
	if (error == GUICHET_ERROR_none)
		error = guichet_request_set_uint(*request, "reason", reason);
	return error == GUICHET_ERROR_none ? cli_wait(cli, *request, "waiting for the office") : error;
}

/* An office hears nothing from a certificate that is revoked but this: so a repetition of one's own revocation, after a
 * lost answer too, comes back as certificate_revoked. That is what was asked for. */
static bool
is_done_already(const struct cli *cli, struct guichet_bytes serial, enum guichet_error error)
{
	return error == GUICHET_ERROR_certificate_revoked &&
	    slice_equal(slice_of_public(serial), slice_of_public(guichet_identity_serial(cli->identity)));
}

static void
report_done_already(const struct cli *cli, struct guichet_bytes serial)
{
	char serial_text[2 * SERIAL_SIZE + 1];
	struct buf *buf = cli_buf();

	hex_encode(slice_of_public(serial), serial_text);
	if (cli->is_json)
		buf_put_format(buf, "{\"serial\":\"%s\",\"was_revoked\":true}\n", serial_text);
	else
		buf_put_format(buf, "Certificate %s was revoked already; nothing was changed.\n", serial_text);
	cli_print_buf(buf);
}

static void
report(const struct cli *cli, struct guichet_bytes serial, struct guichet_record answer)
{
	uint64_t revoked_at = guichet_record_uint(answer, "revoked_at");
	const char *reason = revocation_reason_word(guichet_record_uint(answer, "reason"));
	bool was_revoked = guichet_record_uint(answer, "was_revoked") != 0;
	const char *since = was_revoked ? "was revoked already, on" : "is revoked since";
	char serial_text[2 * SERIAL_SIZE + 1];
	struct buf *buf = cli_buf();

	/* A newer office may have reasons that have no word here; an older one tells none. */
	reason = reason != NULL ? reason : "unknown";
	hex_encode(slice_of_public(serial), serial_text);
	if (cli->is_json) {
		buf_put_format(buf, "{\"serial\":\"%s\",\"revoked_at\":%llu", serial_text,
		    (unsigned long long)revoked_at);
		if (guichet_record_has(answer, "reason"))
			buf_put_format(buf, ",\"reason\":\"%s\"", reason);
		if (guichet_record_has(answer, "was_revoked"))
			buf_put_format(buf, ",\"was_revoked\":%s", was_revoked ? "true" : "false");
		buf_put_text(buf, "}\n");
	} else {
		buf_put_format(buf, "Certificate %s %s ", serial_text, since);
		time_put_paris(buf, revoked_at);
		if (guichet_record_has(answer, "reason"))
			buf_put_format(buf, " (%s)", reason);
		buf_put_format(buf, "%s.\n", was_revoked ? "; nothing was changed" : "");
	}
	cli_print_buf(buf);
}

enum exit_code
cli_revoke(struct cli *cli)
{
	const char *serial_text = cli_value(cli, OPTION_SERIAL), *reason_text = cli_value(cli, OPTION_REASON);
	struct guichet_request *request = NULL;
	struct guichet_bytes serial = { NULL, 0 };
	uint8_t named[SERIAL_SIZE];
	uint64_t reason = REVOCATION_REASON_unspecified;

	if (reason_text != NULL && !revocation_reason_find(slice_of_text(reason_text), &reason))
		return cli_fail_usage(cli, "--reason", reason_text, REVOCATION_REASON_WORDS);
	if (serial_text != NULL && !cli_read_hex(serial_text, named, sizeof named))
		return cli_fail_usage(cli, "--serial", serial_text, "32 hexadecimal digits");
	enum guichet_error error = cli_log_in(cli);
	if (cli->identity != NULL)
		serial = serial_text != NULL ? (struct guichet_bytes){ named, sizeof named } :
					       guichet_identity_serial(cli->identity);
	if (error == GUICHET_ERROR_none)
		error = revoke(cli, serial, reason, &request);
	bool is_done = cli->identity != NULL && is_done_already(cli, serial, error);
	if (error == GUICHET_ERROR_none)
		report(cli, serial, guichet_request_answer(request));
	else if (is_done)
		report_done_already(cli, serial);
	guichet_request_destroy(request);
	return error == GUICHET_ERROR_none || is_done ? EXIT_CODE_OK : cli_fail(cli);
}
