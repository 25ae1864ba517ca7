/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet receipt: a receipt again, verified, printed in French (A17, A18). */
#include "client/blob.h"
#include "client/cli/cli.h"
#include "protocol/json.h"

static enum guichet_error
print(struct cli *cli, struct guichet_record answer)
{
	struct guichet_bytes by = guichet_record_bytes(answer, "superseded_by");
	struct guichet_blob *printed = NULL;
	struct buf *buf;

	if (cli->is_json) {
		buf = cli_buf();
		buf_put_text(buf, "{\"receipt\":");
		buf_put(buf, slice_of_public(guichet_record_bytes(answer, "receipt")));
		buf_put_text(buf, ",\"proof\":");
		json_put_string(buf, slice_of_public(guichet_record_bytes(answer, "proof")));
		if (by.size != 0) {
			buf_put_text(buf, ",\"superseded_by\":");
			json_put_string(buf, slice_of_public(by));
		}
		buf_put_text(buf, "}\n");
		cli_print_buf(buf);
		return GUICHET_ERROR_none;
	}
	enum guichet_error error =
	    guichet_receipt_print(guichet_record_bytes(answer, "receipt"), &printed, cli->problem);
	if (error != GUICHET_ERROR_none)
		return error;
	buf = cli_buf();
	buf_put(buf, slice_of_public(guichet_blob_bytes(printed)));
	guichet_blob_destroy(printed);
	if (by.size != 0)
		buf_put_format(buf, "\nDéclaration rectifiée depuis : voir l'accusé de réception %.*s.\n", (int)by.size,
		    (const char *)by.data);
	cli_print_buf(buf);
	return error;
}

enum exit_code
cli_receipt(struct cli *cli)
{
	struct guichet_request *request = NULL;
	const char *out = cli_value(cli, OPTION_OUT);
	struct cli_reference reference;
	enum guichet_error error = cli_read_reference(cli, cli->options.arguments[0], &reference);

	if (error == GUICHET_ERROR_none)
		error = cli_log_in(cli);
	if (error == GUICHET_ERROR_none)
		error = cli_ask_receipt(cli, &reference, &request);
	if (error == GUICHET_ERROR_none && out != NULL)
		error = cli_write_receipt(cli, out, guichet_record_bytes(guichet_request_answer(request), "receipt"),
		    guichet_record_bytes(guichet_request_answer(request), "proof"));
	if (error == GUICHET_ERROR_none)
		error = print(cli, guichet_request_answer(request));
	guichet_request_destroy(request);
	return error == GUICHET_ERROR_none ? EXIT_CODE_OK : cli_fail(cli);
}
