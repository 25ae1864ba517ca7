/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet receipt: a receipt again, verified, printed in French (A17, A18). */
#include <string.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/json.h"

/* What the office answers is believed only as far as its log proves it. */
static enum guichet_error
check_receipt(struct cli *cli, struct guichet_record answer)
{
	struct guichet_verification *verification = NULL;
	enum guichet_error error = guichet_verification_create(cli->trust, guichet_record_bytes(answer, "receipt"),
	    guichet_record_bytes(answer, "proof"), &verification, cli->problem);

	for (size_t i = 0; error == GUICHET_ERROR_none && i < guichet_verification_count(verification); i++)
		if (!guichet_verification_passed(verification, i))
			error = problem_set(cli->problem, ERROR_proof_invalid, "receipt",
			    slice_of_text(guichet_verification_text(verification, i)), "a receipt whose proof holds");
	guichet_verification_destroy(verification);
	return error;
}

static enum guichet_error
print(struct cli *cli, struct guichet_record answer)
{
	struct guichet_bytes by = guichet_record_bytes(answer, "superseded_by");
	struct guichet_blob *printed = NULL;

	if (cli->is_json) {
		struct buf *buf = cli_buf();
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
	cli_print(guichet_blob_bytes(printed));
	guichet_blob_destroy(printed);
	if (by.size != 0)
		printf("\nDéclaration rectifiée depuis : voir l'accusé de réception %.*s.\n", (int)by.size,
		    (const char *)by.data);
	return error;
}

enum exit_code
cli_receipt(struct cli *cli)
{
	struct guichet_request *request = NULL;
	const char *out = cli_value(cli, OPTION_OUT);
	enum guichet_error error = cli_log_in(cli);

	if (error == GUICHET_ERROR_none)
		error = cli_ask(cli, "receipt", cli->options.arguments[0], &request);
	if (error == GUICHET_ERROR_none)
		error = check_receipt(cli, guichet_request_answer(request));
	if (error == GUICHET_ERROR_none && out != NULL)
		error = cli_write_receipt(cli, out, guichet_record_bytes(guichet_request_answer(request), "receipt"),
		    guichet_record_bytes(guichet_request_answer(request), "proof"));
	if (error == GUICHET_ERROR_none)
		error = print(cli, guichet_request_answer(request));
	guichet_request_destroy(request);
	return error == GUICHET_ERROR_none ? EXIT_CODE_OK : cli_fail(cli);
}
