/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet verify: receipt, proof and documents, offline; says every check (A17, A19). */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/json.h"
#include "protocol/limits.h"

static enum guichet_error
begin(struct cli *cli, const char *receipt_path, struct guichet_verification **out)
{
	char *proof_path = cli_path_beside(receipt_path, ".json", ".tlog-proof");
	struct guichet_blob *receipt = NULL, *proof = NULL;
	enum guichet_error error;

	if (proof_path == NULL)
		return problem_set(cli->problem, ERROR_out_of_memory, receipt_path, SLICE_EMPTY, NULL);
	error = guichet_file_read(receipt_path, LIMIT_RECEIPT_SIZE, &receipt, cli->problem);
	if (error == GUICHET_ERROR_none) {
		error = guichet_file_read(proof_path, LIMIT_PROOF_SIZE, &proof, cli->problem);
		if (error == GUICHET_ERROR_file_unreadable)
			problem_set_expected(cli->problem,
			    "the proof that belongs beside the receipt; guichet receipt NUMBER --out writes both");
	}
	if (error == GUICHET_ERROR_none)
		error = guichet_verification_create(
		    cli->trust, guichet_blob_bytes(receipt), guichet_blob_bytes(proof), out, cli->problem);
	guichet_blob_destroy(receipt);
	guichet_blob_destroy(proof);
	free(proof_path);
	return error;
}

/* How often and how soon the tiles are looked at again: the office publishes them at most once a second, and the
 * receipt may be younger than that. */
#define TILES_TRIES 4
#define TILES_AGAIN_MS 500

static enum guichet_error
read_tiles(struct cli *cli, uint64_t size_old, uint64_t size_new, struct guichet_blob **hashes)
{
	enum guichet_error error = GUICHET_ERROR_none;

	for (int i = 0; i < TILES_TRIES; i++) {
		const struct timespec pause = { .tv_nsec = TILES_AGAIN_MS * 1000000L };
		error = guichet_tiles_consistency(cli->trust, size_old, size_new, hashes, cli->problem);
		if (error != GUICHET_ERROR_file_unreadable || i == TILES_TRIES - 1)
			break;
		nanosleep(&pause, NULL);
	}
	return error;
}

static enum guichet_error
ask_consistency(struct cli *cli, uint64_t size_old, uint64_t size_new, struct guichet_request **out)
{
	enum guichet_error error = cli_connect(cli);

	if (error == GUICHET_ERROR_none)
		error = guichet_request_create(cli->guichet, "log_consistency", out, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = guichet_request_set_uint(*out, "size_old", size_old);
	if (error == GUICHET_ERROR_none)
		error = guichet_request_set_uint(*out, "size_new", size_new);
	return error == GUICHET_ERROR_none ? cli_wait(cli, *out, "waiting for the log") : error;
}

/* The proof that one log extends the other: asked of the office where one is named, else read from its tiles. */
static enum guichet_error
find_consistency(struct cli *cli, struct guichet_verification *verification, struct guichet_bytes kept,
    struct guichet_blob **tiles, struct guichet_request **request)
{
	uint64_t size_old, size_new;

	if (!guichet_verification_sizes(verification, kept, &size_old, &size_new) || size_old == size_new)
		return GUICHET_ERROR_none;
	if (cli_value(cli, OPTION_SERVER) != NULL)
		return ask_consistency(cli, size_old, size_new, request);
	return read_tiles(cli, size_old, size_new, tiles);
}

static enum guichet_error
add_checkpoint(struct cli *cli, struct guichet_verification *verification, const char *path)
{
	struct guichet_blob *kept = NULL, *tiles = NULL;
	struct guichet_request *request = NULL;
	enum guichet_error error = guichet_file_read(path, LIMIT_PROOF_SIZE, &kept, cli->problem);

	if (error == GUICHET_ERROR_none)
		error = find_consistency(cli, verification, guichet_blob_bytes(kept), &tiles, &request);
	if (error == GUICHET_ERROR_none) {
		struct guichet_bytes hashes = guichet_blob_bytes(tiles);
		if (request != NULL)
			hashes = guichet_record_bytes(guichet_request_answer(request), "hashes");
		guichet_verification_add_checkpoint(verification, guichet_blob_bytes(kept), hashes);
	}
	guichet_request_destroy(request);
	guichet_blob_destroy(tiles);
	guichet_blob_destroy(kept);
	return error;
}

/* What of the receipt nothing was compared with: for a program a list, for people a line. */
static void
put_left(const struct cli *cli, const struct guichet_verification *verification, struct buf *buf)
{
	struct guichet_bytes type;
	uint64_t size;
	size_t index = 0, count = 0;

	while (guichet_verification_next_left(verification, &index, &type, &size)) {
		if (cli->is_json) {
			buf_put_text(buf, count == 0 ? "{\"type\":" : ",{\"type\":");
			json_put_string(buf, slice_of_public(type));
			buf_put_format(buf, ",\"size\":%" PRIu64 "}", size);
		} else {
			buf_put_format(buf, "%s%.*s (%" PRIu64 " bytes)",
			    count == 0 ? "Not compared, since no such file was given: " : ", ", (int)type.size,
			    (const char *)type.data, size);
		}
		count++;
	}
	if (!cli->is_json && count != 0)
		buf_put_text(buf, ".\n");
}

static void
print(const struct cli *cli, const struct guichet_verification *verification)
{
	size_t count = guichet_verification_count(verification);
	bool holds = guichet_verification_holds(verification);
	struct buf *buf = cli_buf();

	if (cli->is_json) {
		buf_put_format(buf, "{\"holds\":%s,\"checks\":[", holds ? "true" : "false");
		for (size_t i = 0; i < count; i++) {
			buf_put_format(buf, "%s{\"passed\":%s,\"text\":", i != 0 ? "," : "",
			    guichet_verification_passed(verification, i) ? "true" : "false");
			cli_put_string(buf, guichet_verification_text(verification, i));
			buf_put_text(buf, "}");
		}
		buf_put_text(buf, "],\"not_compared\":[");
		put_left(cli, verification, buf);
		buf_put_text(buf, "]}\n");
	} else {
		for (size_t i = 0; i < count; i++)
			buf_put_format(buf, "%s  %s\n",
			    guichet_verification_passed(verification, i) ? "ok    " : "FAILED",
			    guichet_verification_text(verification, i));
		buf_put_text(buf, holds ? "All checks hold.\n" : "NOT VERIFIED.\n");
		put_left(cli, verification, buf);
	}
	cli_print_buf(buf);
}

enum exit_code
cli_verify(struct cli *cli)
{
	struct guichet_verification *verification = NULL;
	const char *checkpoint = cli_value(cli, OPTION_CHECKPOINT);
	enum guichet_error error = cli_load_trust(cli);

	if (error == GUICHET_ERROR_none)
		error = begin(cli, cli->options.arguments[0], &verification);
	for (size_t i = 1; i < cli->options.arguments_count && error == GUICHET_ERROR_none; i++) {
		cli_begin_nth(cli, "reading document", i, cli->options.arguments_count - 1);
		error = guichet_verification_add_document(verification, cli->options.arguments[i], cli->problem);
	}
	cli_end(cli);
	if (error == GUICHET_ERROR_none && checkpoint != NULL)
		error = add_checkpoint(cli, verification, checkpoint);
	if (error != GUICHET_ERROR_none) {
		guichet_verification_destroy(verification);
		return cli_fail(cli);
	}
	bool holds = guichet_verification_holds(verification);
	print(cli, verification);
	guichet_verification_destroy(verification);
	return holds ? EXIT_CODE_OK : EXIT_CODE_FAILED;
}
