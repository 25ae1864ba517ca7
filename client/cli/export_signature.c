/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet export-signature: a filing's signature and signed text, for tools that know nothing of Guichet (A19). */
#include <stdlib.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"

static enum guichet_error
write_both(struct cli *cli, struct guichet_record filing, const char *manifest_path)
{
	struct guichet_blob *signature = NULL;
	enum guichet_error error = guichet_signature_export(filing, &signature, cli->problem);

	if (error == GUICHET_ERROR_none)
		error = cli_check_new(cli, cli_value(cli, OPTION_OUT), guichet_blob_bytes(signature));
	if (error == GUICHET_ERROR_none)
		error = cli_write_new(cli, manifest_path, guichet_record_bytes(filing, "manifest"));
	if (error == GUICHET_ERROR_none)
		error = cli_write_new(cli, cli_value(cli, OPTION_OUT), guichet_blob_bytes(signature));
	guichet_blob_destroy(signature);
	return error;
}

static void
report(const struct cli *cli, const char *manifest_path)
{
	const char *out = cli_value(cli, OPTION_OUT);
	struct buf *buf = cli_buf();

	if (cli->is_json) {
		buf_put_text(buf, "{\"signature\":");
		cli_put_string(buf, out);
		buf_put_text(buf, ",\"manifest\":");
		cli_put_string(buf, manifest_path);
		buf_put_text(buf, "}\n");
	} else {
		buf_put_format(buf, "Signature in %s, signed text in %s.\n", out, manifest_path);
	}
	cli_print_buf(buf);
}

enum exit_code
cli_export_signature(struct cli *cli)
{
	char *manifest_path = cli_path_beside(cli_value(cli, OPTION_OUT), ".p7s", ".manifest");
	struct guichet_request *request = NULL;
	struct cli_reference reference;
	enum guichet_error error = cli_read_reference(cli, cli->options.arguments[0], &reference);

	if (error == GUICHET_ERROR_none)
		error = cli_log_in(cli);
	if (error == GUICHET_ERROR_none && manifest_path == NULL)
		error = problem_set(cli->problem, ERROR_out_of_memory, "--out", SLICE_EMPTY, NULL);
	if (error == GUICHET_ERROR_none)
		error = cli_ask_filing(cli, &reference, &request);
	if (error == GUICHET_ERROR_none)
		error = write_both(cli, guichet_request_answer(request), manifest_path);
	if (error == GUICHET_ERROR_none)
		report(cli, manifest_path);
	guichet_request_destroy(request);
	free(manifest_path);
	return error == GUICHET_ERROR_none ? EXIT_CODE_OK : cli_fail(cli);
}
