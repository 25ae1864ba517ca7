/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet show: what was signed and filed, and its documents (A18). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/limits.h"
#include "protocol/time.h"

/* "DIR/01-2042.json": a number keeps the manifest's order, the type says what it is, the media type how it ends. */
static void
name_document(char *out, size_t size, const char *directory, size_t nth, struct guichet_record row)
{
	static const char *const endings[][2] = {
		{ "application/json", "json" },
		{ "application/pdf", "pdf" },
		{ "image/jpeg", "jpg" },
		{ "image/png", "png" },
		{ "image/tiff", "tif" },
		{ "text/plain", "txt" },
		{ "text/csv", "csv" },
	};
	struct guichet_bytes type = guichet_record_bytes(row, "type"), media = guichet_record_bytes(row, "media_type");
	const char *ending = "bin";
	char word[LIMIT_LABEL + 1] = "";

	/* What came from outside names no other directory. */
	for (size_t i = 0; i < type.size && i < LIMIT_LABEL; i++)
		word[i] = type.data[i] == '/' || type.data[i] < ' ' ? '-' : (char)type.data[i];
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if (slice_equal_text(slice_of_public(media), endings[i][0]))
			ending = endings[i][1];
	snprintf(out, size, "%s/%02zu-%s.%s", directory, nth + 1, word, ending);
}

static enum guichet_error
fetch_document(struct cli *cli, const char *number, struct guichet_record row, const char *path)
{
	struct guichet_request *request = NULL;
	enum guichet_error error =
	    guichet_document_create(cli->guichet, number, guichet_record_bytes(row, "digest"), &request, cli->problem);

	if (error == GUICHET_ERROR_none)
		error = cli_wait(cli, request, "fetching a document");
	if (error == GUICHET_ERROR_none)
		error = cli_write_new(cli, path, guichet_document_content(request));
	guichet_request_destroy(request);
	return error;
}

static enum guichet_error
fetch_documents(struct cli *cli, struct guichet_record filing, const char *directory)
{
	struct guichet_bytes bytes = guichet_record_bytes(filing, "number");
	char path[4096], number[LIMIT_LABEL + 1] = "";
	enum guichet_error error = GUICHET_ERROR_none;

	if (bytes.size <= LIMIT_LABEL)
		memcpy(number, bytes.data, bytes.size);
	if (strlen(directory) + 2 * LIMIT_LABEL > sizeof path)
		return problem_set(cli->problem, ERROR_usage, "--out", slice_of_text(directory), "a shorter path");
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return problem_set(cli->problem, ERROR_file_unreadable, directory, slice_of_text(strerror(errno)),
		    "a directory that can be made");
	for (size_t i = 0; i < guichet_record_count(filing, "documents") && error == GUICHET_ERROR_none; i++) {
		struct guichet_record row = guichet_record_row(filing, "documents", i);
		name_document(path, sizeof path, directory, i, row);
		error = fetch_document(cli, number, row, path);
	}
	return error;
}

static void
print(const struct cli *cli, struct guichet_record filing)
{
	struct guichet_bytes number = guichet_record_bytes(filing, "number");
	struct guichet_bytes by = guichet_record_bytes(filing, "superseded_by");
	struct buf *buf = cli_buf();

	if (cli->is_json) {
		cli_put_record(buf, filing, true);
		buf_put_text(buf, "\n");
	} else {
		buf_put_format(buf, "Filing %.*s, signed ", (int)number.size, (const char *)number.data);
		time_put_paris(buf, guichet_record_uint(filing, "signing_time"));
		if (by.size != 0)
			buf_put_format(buf, ", rectified by %.*s", (int)by.size, (const char *)by.data);
		buf_put_text(buf, "\n\n");
		buf_put(buf, slice_of_public(guichet_record_bytes(filing, "manifest")));
	}
	cli_print_buf(buf);
}

enum exit_code
cli_show(struct cli *cli)
{
	struct guichet_request *request = NULL;
	const char *directory = cli_value(cli, OPTION_OUT);
	struct cli_reference reference;
	enum guichet_error error = cli_read_reference(cli, cli->options.arguments[0], &reference);

	if (error == GUICHET_ERROR_none)
		error = cli_log_in(cli);
	if (error == GUICHET_ERROR_none)
		error = cli_ask_filing(cli, &reference, &request);
	if (error == GUICHET_ERROR_none && directory != NULL)
		error = fetch_documents(cli, guichet_request_answer(request), directory);
	if (error == GUICHET_ERROR_none)
		print(cli, guichet_request_answer(request));
	guichet_request_destroy(request);
	return error == GUICHET_ERROR_none ? EXIT_CODE_OK : cli_fail(cli);
}
