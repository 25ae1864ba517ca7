/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet checkpoint: the log's newest checkpoint, verified, to be kept (A19). */
#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/json.h"

static void
print(const struct cli *cli, struct guichet_bytes checkpoint, uint64_t size)
{
	struct buf *buf = cli_buf();

	if (cli->is_json) {
		buf_put_format(buf, "{\"size\":%llu,\"checkpoint\":", (unsigned long long)size);
		json_put_string(buf, slice_of_public(checkpoint));
		buf_put_text(buf, "}\n");
	} else {
		buf_put(buf, slice_of_public(checkpoint));
	}
	cli_print_buf(buf);
}

enum exit_code
cli_checkpoint(struct cli *cli)
{
	const char *out = cli_value(cli, OPTION_OUT);
	struct guichet_request *request = NULL;
	struct guichet_bytes checkpoint = { NULL, 0 };
	uint64_t size = 0;
	enum guichet_error error = cli_load_trust(cli);

	if (error == GUICHET_ERROR_none)
		error = cli_connect(cli);
	if (error == GUICHET_ERROR_none)
		error = guichet_request_create(cli->guichet, "log_checkpoint", &request, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = cli_wait(cli, request, "waiting for the log");
	if (error == GUICHET_ERROR_none) {
		checkpoint = guichet_record_bytes(guichet_request_answer(request), "checkpoint");
		error = guichet_checkpoint_verify(cli->trust, checkpoint, &size, cli->problem);
	}
	if (error == GUICHET_ERROR_none && out != NULL)
		error = cli_write_new(cli, out, checkpoint);
	if (error == GUICHET_ERROR_none)
		print(cli, checkpoint, size);
	guichet_request_destroy(request);
	return error == GUICHET_ERROR_none ? EXIT_CODE_OK : cli_fail(cli);
}
