/* SPDX-License-Identifier: Apache-2.0
 *
 * What the commands share: opening things, waiting with a line of progress, files. */
#include "client/cli/cli.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/cli/password.h"
#include "client/cli/typed.h"
#include "client/clock.h"
#include "client/filesystem.h"
#include "client/problem.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/receipt.h"

/* A command that takes longer says so, and then this often. */
#define PROGRESS_MS 1000
#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)

const char *
cli_value(const struct cli *cli, enum option_number option)
{
	return cli->options.values[option];
}

enum guichet_error
cli_load_trust(struct cli *cli)
{
	return guichet_trust_load(cli_value(cli, OPTION_TRUST), &cli->trust, cli->problem);
}

enum guichet_error
cli_open_identity(struct cli *cli)
{
	char password[PASSWORD_SIZE_MAX] = "";
	const char *path = cli_value(cli, OPTION_AS);
	struct guichet_blob *file = NULL;
	enum guichet_error error = guichet_file_read(path, CLI_KEY_FILE_MAX, &file, cli->problem);

	if (error == GUICHET_ERROR_none)
		error = password_get(
		    cli_value(cli, OPTION_PASSWORD_FILE), "Password of the key file: ", false, password, cli->problem);
	if (error == GUICHET_ERROR_none) {
		error = guichet_identity_open(guichet_blob_bytes(file), password, &cli->identity, cli->problem);
		if (error != GUICHET_ERROR_none)
			problem_set_place(cli->problem, path);
		else if (guichet_identity_certificate(cli->identity).size == 0)
			error = problem_set(cli->problem, ERROR_usage, path, SLICE_LITERAL("no certificate yet"),
			    "the .p12 file that enrolment wrote; guichet enrol again goes on with this key");
	}
	OPENSSL_cleanse(password, sizeof password);
	guichet_blob_destroy(file);
	return error;
}

/* ---- waiting ---- */

void
cli_begin(struct cli *cli, const char *what)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "%sguichet: %s ...", cli->progress_shown ? "\r" : "", what);
	fflush(stderr);
	cli->progress_shown = true;
}

void
cli_begin_nth(struct cli *cli, const char *what, size_t nth, size_t count)
{
	char line[64];

	snprintf(line, sizeof line, "%s %zu of %zu", what, nth, count);
	cli_begin(cli, line);
}

void
cli_end(struct cli *cli)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (cli->progress_shown)
		fprintf(stderr, "\r%79s\r", "");
	cli->progress_shown = false;
}

/* On a terminal one line that changes; elsewhere one line, once. */
static void
show_progress(struct cli *cli, const struct guichet_request *request, const char *what, uint64_t waited_ms)
{
	uint64_t bytes, of;
	char part[64] = "";

	guichet_request_progress(request, &bytes, &of);
	if (of != 0)
		snprintf(part, sizeof part, ", %llu of %llu KB", (unsigned long long)(bytes / 1024),
		    (unsigned long long)(of / 1024));
	if (isatty(STDERR_FILENO)) {
		fprintf(stderr, "\rguichet: %s, %llu s%s   ", what, (unsigned long long)(waited_ms / 1000), part);
		fflush(stderr);
	} else if (!cli->progress_shown) {
		fprintf(stderr, "guichet: %s ...\n", what);
	}
	cli->progress_shown = true;
}

static void
tell_retry(void *context, const struct guichet_problem *problem, uint64_t wait_ms)
{
	struct cli *cli = context;
	bool is_typed;
	const char *place = guichet_problem_place(problem);
	const char *typed = typed_find(cli, slice_of_text(place), cli_is_told(problem), &is_typed);

	cli_end(cli);
	const char *value = guichet_problem_value(problem), *where = typed != NULL ? typed : place;
	bool has_both = where[0] != '\0' && value[0] != '\0', has_any = where[0] != '\0' || value[0] != '\0';
	const char *const texts[] = { "guichet: ", guichet_problem_english(problem), has_any ? " (" : "", where,
		has_both ? ": " : "", value, has_any ? ")" : "" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		terminal_print(stderr, slice_of_text(texts[i]), TERMINAL_LINE);
	fprintf(stderr, "; trying again in %.1f s\n", (double)wait_ms / 1000);
}

enum guichet_error
cli_wait(struct cli *cli, struct guichet_request *request, const char *what)
{
	uint64_t begun_ms = clock_monotonic_ms();

	guichet_request_wait_ms(request, PROGRESS_MS);
	while (!guichet_request_is_done(request)) {
		show_progress(cli, request, what, clock_monotonic_ms() - begun_ms);
		guichet_request_wait_ms(request, PROGRESS_MS);
	}
	cli_end(cli);
	if (guichet_request_error(request) != GUICHET_ERROR_none)
		problem_copy(cli->problem, guichet_request_problem(request));
	return guichet_request_error(request);
}

enum guichet_error
cli_connect(struct cli *cli)
{
	enum guichet_error error =
	    guichet_create(cli->trust, cli_value(cli, OPTION_SERVER), &cli->guichet, cli->problem);

	if (error == GUICHET_ERROR_usage)
		problem_set_place(cli->problem, options_name(OPTION_SERVER));
	if (error == GUICHET_ERROR_none)
		guichet_set_on_retry(cli->guichet, tell_retry, cli);
	return error;
}

enum guichet_error
cli_log_in(struct cli *cli)
{
	enum guichet_error error = cli_load_trust(cli);

	if (error == GUICHET_ERROR_none)
		error = cli_open_identity(cli);
	if (error == GUICHET_ERROR_none)
		error = cli_connect(cli);
	if (error == GUICHET_ERROR_none)
		guichet_login(cli->guichet, cli->identity);
	return error;
}

/* ---- files ---- */

char *
cli_path_beside(const char *path, const char *ending, const char *replacement)
{
	size_t size = strlen(path), ending_size = strlen(ending), replacement_size = strlen(replacement);

	if (size > ending_size && strcmp(path + size - ending_size, ending) == 0)
		size -= ending_size;
	char *beside = malloc(size + replacement_size + 1);
	if (beside == NULL)
		return NULL;
	memcpy(beside, path, size);
	memcpy(beside + size, replacement, replacement_size + 1);
	return beside;
}

/* The one rule, and the sentence that says it. */
static enum guichet_error
refuse_overwriting(struct cli *cli, const char *path, const char *expected)
{
	return problem_set(cli->problem, ERROR_usage, "--out", slice_of_text(path), expected);
}

#define EXPECT_ABSENT "a file that does not exist yet: what is there is not overwritten"
#define EXPECT_SAME "a file that does not exist yet: what is there holds something else, and is not overwritten"

/* A link that leads nowhere counts: to write through its name would put something else in its place. What cannot be
 * looked at is said by whoever writes. */
static bool
is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

enum guichet_error
cli_check_absent(struct cli *cli, const char *path)
{
	return is_there(path) ? refuse_overwriting(cli, path, EXPECT_ABSENT) : GUICHET_ERROR_none;
}

enum guichet_error
cli_check_same(struct cli *cli, const char *path, struct guichet_bytes bytes)
{
	struct guichet_blob *present = NULL;
	struct stat status;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return problem_set(cli->problem, ERROR_file_unreadable, path, slice_of_text(strerror(EISDIR)),
		    "a file, not a directory");
	bool same = guichet_file_read(path, bytes.size, &present, NULL) == GUICHET_ERROR_none &&
	    slice_equal(slice_of_public(guichet_blob_bytes(present)), slice_of_public(bytes));
	guichet_blob_destroy(present);
	return same ? GUICHET_ERROR_none : refuse_overwriting(cli, path, EXPECT_SAME);
}

enum guichet_error
cli_check_new(struct cli *cli, const char *path, struct guichet_bytes bytes)
{
	return is_there(path) ? cli_check_same(cli, path, bytes) : GUICHET_ERROR_none;
}

enum guichet_error
cli_write_new(struct cli *cli, const char *path, struct guichet_bytes bytes)
{
	enum guichet_error error =
	    is_there(path) ? GUICHET_ERROR_usage : filesystem_create(path, bytes, cli->problem);

	if (error != GUICHET_ERROR_usage)
		return error;
	error = cli_check_same(cli, path, bytes);
	return error == GUICHET_ERROR_none ? filesystem_sync(path, cli->problem) : error;
}

enum guichet_error
cli_hold(struct cli *cli, const char *path, const char *typed, const char *doing, struct hold *out)
{
	char expected[128];
	enum guichet_error error = filesystem_lock(path, out, cli->problem);

	if (error == GUICHET_ERROR_usage) {
		snprintf(expected, sizeof expected,
		    "a file that nobody works on: another guichet is %s; once that has ended, the same command", doing);
		return problem_set(cli->problem, ERROR_usage, "--out", slice_of_text(typed), expected);
	}
	if (error != GUICHET_ERROR_none)
		problem_set_place(cli->problem, typed);
	return error;
}

static bool
read_filing_id(struct guichet_bytes text, uint8_t filing_id[DIGEST_SIZE])
{
	struct arena *arena = arena_create(16 * LIMIT_RECEIPT_SIZE);
	struct receipt receipt;
	struct fault fault = { 0 };
	bool good = arena != NULL && receipt_parse(slice_of_public(text), arena, &receipt, &fault) == ERROR_NONE;

	if (good)
		memcpy(filing_id, receipt.filing_id, DIGEST_SIZE);
	arena_destroy(arena);
	return good;
}

enum guichet_error
cli_check_receipt_path(struct cli *cli, const char *path, struct guichet_bytes filing_id)
{
	struct guichet_blob *present = NULL;
	uint8_t id[DIGEST_SIZE];

	if (!is_there(path))
		return GUICHET_ERROR_none;
	bool same = guichet_file_read(path, LIMIT_RECEIPT_SIZE, &present, NULL) == GUICHET_ERROR_none &&
	    read_filing_id(guichet_blob_bytes(present), id) &&
	    slice_equal(slice_of(id, sizeof id), slice_of_public(filing_id));
	guichet_blob_destroy(present);
	return same ? GUICHET_ERROR_none : refuse_overwriting(cli, path, EXPECT_SAME);
}

/* Of two that write here at once the one whose proof is there first goes on to its receipt; the other is refused its
 * proof, so that the pair is never of two filings. */
enum guichet_error
cli_write_receipt(struct cli *cli, const char *path, struct guichet_bytes receipt, struct guichet_bytes proof)
{
	char *proof_path = cli_path_beside(path, ".json", ".tlog-proof");

	if (proof_path == NULL)
		return problem_set(cli->problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL);
	enum guichet_error error = cli_check_new(cli, path, receipt);
	if (error == GUICHET_ERROR_none)
		error = cli_write_new(cli, proof_path, proof);
	if (error == GUICHET_ERROR_none)
		error = cli_write_new(cli, path, receipt);
	free(proof_path);
	return error;
}

/* ---- output ---- */

void
cli_print(struct guichet_bytes text)
{
	terminal_print(stdout, slice_of_public(text), TERMINAL_LINES);
}

struct buf *
cli_buf(void)
{
	struct buf *buf = buf_create(OUTPUT_MAX);

	if (buf == NULL) {
		fprintf(stderr, "guichet: memory is short\n");
		exit(EXIT_CODE_FAILED);
	}
	return buf;
}

bool
cli_read_hex(const char *text, uint8_t *out, size_t size)
{
	char lower[2 * DIGEST_SIZE + 1];

	if (strlen(text) != 2 * size || 2 * size >= sizeof lower)
		return false;
	for (size_t i = 0; i <= 2 * size; i++)
		lower[i] = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a') : text[i];
	return hex_decode(slice_of_text(lower), out, size);
}

void
cli_put_string(struct buf *buf, const char *text)
{
	char *copy = malloc(strlen(text) + 1);

	if (copy == NULL) {
		buf_fail(buf);
		return;
	}
	text_to_utf8(text, copy);
	json_put_string(buf, slice_of_text(copy));
	free(copy);
}

void
cli_put_record(struct buf *buf, struct guichet_record record, bool is_first)
{
	struct guichet_blob *json = NULL;

	if (guichet_record_json(record, &json) != GUICHET_ERROR_none)
		buf_fail(buf);
	buf_put_text(buf, is_first ? "" : ",");
	buf_put(buf, slice_of_public(guichet_blob_bytes(json)));
	guichet_blob_destroy(json);
}

void
cli_print_buf(struct buf *buf)
{
	struct slice bytes = buf_peek(buf);

	if (!buf_ok(buf)) {
		fprintf(stderr, "guichet: memory is short\n");
		exit(EXIT_CODE_FAILED);
	}
	cli_print((struct guichet_bytes){ bytes.data, bytes.size });
	buf_destroy(buf);
}
