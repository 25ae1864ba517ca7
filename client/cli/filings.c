/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet filings: one's own filings, newest first (A18). */
#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/limits.h"
#include "protocol/time.h"

static enum guichet_error
ask_page(struct cli *cli, struct guichet_bytes cursor, struct guichet_request **out)
{
	enum guichet_error error = guichet_request_create(cli->guichet, "filings", out, cli->problem);

	if (error == GUICHET_ERROR_none && cursor.size != 0)
		error = guichet_request_set_bytes(*out, "cursor", cursor);
	return error == GUICHET_ERROR_none ? cli_wait(cli, *out, "waiting for the list") : error;
}

static void
put_row(struct buf *buf, struct guichet_record row)
{
	struct guichet_bytes number = guichet_record_bytes(row, "number");
	struct guichet_bytes campaign = guichet_record_bytes(row, "campaign");
	struct guichet_bytes by = guichet_record_bytes(row, "superseded_by");
	struct guichet_bytes replaces = guichet_record_bytes(row, "replaces");

	buf_put_format(buf, "%.*s  ", (int)number.size, (const char *)number.data);
	time_put_paris(buf, guichet_record_uint(row, "received_at"));
	buf_put_format(buf, "  %.*s", (int)campaign.size, (const char *)campaign.data);
	if (by.size != 0)
		buf_put_format(buf, "  rectified by %.*s", (int)by.size, (const char *)by.data);
	else
		buf_put_text(buf, "  in force");
	if (replaces.size != 0)
		buf_put_format(buf, ", rectifies %.*s", (int)replaces.size, (const char *)replaces.data);
	buf_put_text(buf, "\n");
}

/* Every page; *count filings. */
static enum guichet_error
list(struct cli *cli, struct buf *buf, size_t *count)
{
	struct guichet_request *page = NULL, *next;
	struct guichet_bytes cursor = { NULL, 0 };
	enum guichet_error error;

	do {
		error = ask_page(cli, cursor, &next);
		guichet_request_destroy(page);
		page = next;
		if (error != GUICHET_ERROR_none)
			break;
		struct guichet_record answer = guichet_request_answer(page);
		for (size_t i = 0; i < guichet_record_count(answer, "filings"); i++, ++*count) {
			struct guichet_record row = guichet_record_row(answer, "filings", i);
			if (cli->is_json)
				cli_put_record(buf, row, *count == 0);
			else
				put_row(buf, row);
		}
		cursor = guichet_record_bytes(answer, "cursor");
		if (cursor.size != 0 && guichet_record_count(answer, "filings") == 0)
			error = problem_set(cli->problem, ERROR_answer_malformed, "filings_answer.cursor", SLICE_EMPTY,
			    "no cursor behind a page without a filing");
	} while (error == GUICHET_ERROR_none && cursor.size != 0 && buf_ok(buf));
	guichet_request_destroy(page);
	return error;
}

enum exit_code
cli_filings(struct cli *cli)
{
	struct buf *buf = cli_buf();
	size_t count = 0;
	enum guichet_error error = cli_log_in(cli);

	buf_put_text(buf, cli->is_json ? "{\"filings\":[" : "");
	if (error == GUICHET_ERROR_none)
		error = list(cli, buf, &count);
	if (error != GUICHET_ERROR_none) {
		buf_destroy(buf);
		return cli_fail(cli);
	}
	if (cli->is_json)
		buf_put_text(buf, "]}\n");
	else if (count == 0)
		buf_put_text(buf, "Nothing filed yet.\n");
	cli_print_buf(buf);
	return EXIT_CODE_OK;
}
