/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet file: check, sign, send, keep the receipt (A10, A17). What was signed is kept beside the receipt-to-be until
 * that is there, so that the same command after a crash sends the identical filing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/filesystem.h"
#include "client/filing.h"
#include "client/problem.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/receipt_number.h"

/* A signed filing without its documents. */
#define SAVED_MAX ((size_t)64 * 1024)
#define ATTACHMENT_WORD "document"
#define READING_ATTACHMENT "reading attachment"

struct task {
	struct cli *cli;
	const char *receipt_path;
	char *saved_path;
	struct hold hold;
	bool is_resumed; /* it was signed by a run before this one */
};

/* ---- making the filing ---- */

/* One byte more than allowed, so that a longer one shows itself: it is for the rules to refuse. */
static enum guichet_error
add_return(struct task *task, const char *path)
{
	struct guichet_problem *problem = task->cli->problem;
	uint8_t *content = malloc(LIMIT_RETURN_SIZE + 1);
	size_t size = 0;

	if (content == NULL)
		return problem_set(problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL);
	enum guichet_error error = filesystem_read_start(path, content, LIMIT_RETURN_SIZE + 1, &size, problem);
	if (error == GUICHET_ERROR_none)
		error = filing_add_return(task->cli->filing, path, (struct guichet_bytes){ content, size }, problem);
	free(content);
	return error;
}

static enum guichet_error
add_documents(struct task *task)
{
	const struct options *options = &task->cli->options;
	enum guichet_error error = GUICHET_ERROR_none;

	for (size_t i = 0; i < options->arguments_count && error == GUICHET_ERROR_none; i++)
		error = add_return(task, options->arguments[i]);
	for (size_t i = 0; i < options->attachments_count && error == GUICHET_ERROR_none; i++) {
		cli_begin_nth(task->cli, READING_ATTACHMENT, i + 1, options->attachments_count);
		error = guichet_filing_add_attachment(
		    task->cli->filing, options->attachments[i], ATTACHMENT_WORD, NULL, task->cli->problem);
	}
	cli_end(task->cli);
	return error;
}

/* Nobody's number, right in form: for checking documents before anyone has a certificate. */
#define SPI_FOR_CHECKS "3023217600053"

static enum guichet_error
make_filing(struct task *task)
{
	struct cli *cli = task->cli;
	const char *replaces = cli_value(cli, OPTION_REPLACES);
	char spi[14] = SPI_FOR_CHECKS;

	if (cli->identity != NULL) {
		struct guichet_bytes own = guichet_identity_spi(cli->identity);
		if (own.size != sizeof spi - 1)
			return problem_set(cli->problem, ERROR_usage, "--as",
			    slice_of_public(guichet_identity_holder(cli->identity)),
			    "the certificate of a taxpayer: it bears a tax number");
		memcpy(spi, own.data, own.size);
	}
	enum guichet_error error = guichet_filing_create(cli->trust, spi, &cli->filing, cli->problem);
	if (error != GUICHET_ERROR_none)
		return error;
	guichet_filing_set_offline(cli->filing, cli_value(cli, OPTION_OFFLINE) != NULL);
	if (replaces != NULL)
		error = guichet_filing_set_replaces(cli->filing, replaces, cli->problem);
	return error == GUICHET_ERROR_none ? add_documents(task) : error;
}

/* Runs the rules, and says what they advise. */
static enum guichet_error
check_filing(struct task *task)
{
	struct cli *cli = task->cli;
	enum guichet_error error = guichet_filing_check(cli->filing, cli->problem);

	if (error == GUICHET_ERROR_none && guichet_problem_findings(cli->problem) != 0 && !cli->is_json)
		cli_print_findings(cli);
	return error;
}

/* From here to the end nobody else files under these names, so that what is signed, sent and kept is of one filing. */
static enum guichet_error
take_names(struct task *task)
{
	struct cli *cli = task->cli;
	char *proof_path = cli_path_beside(task->receipt_path, ".json", ".tlog-proof");
	enum guichet_error error = proof_path == NULL ?
	    problem_set(cli->problem, ERROR_out_of_memory, task->receipt_path, SLICE_EMPTY, NULL) :
	    cli_hold(cli, task->saved_path, task->receipt_path, "filing into this file", &task->hold);

	if (error == GUICHET_ERROR_none)
		error = filesystem_clear(proof_path, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = filesystem_clear(task->receipt_path, cli->problem);
	free(proof_path);
	return error;
}

/* ---- what a run before this one left ---- */

/* The filing that was signed and kept, when it is this one: same text, same signer. NULL when there is none such. */
static struct guichet_filing *
load_saved(struct task *task)
{
	struct cli *cli = task->cli;
	struct guichet_bytes own = guichet_identity_serial(cli->identity);
	struct guichet_blob *saved = NULL;
	struct guichet_filing *filing = NULL;

	if (guichet_file_read(task->saved_path, SAVED_MAX, &saved, NULL) != GUICHET_ERROR_none)
		return NULL;
	enum guichet_error error = guichet_filing_load(cli->trust, guichet_blob_bytes(saved), &filing, NULL);
	guichet_blob_destroy(saved);
	if (error != GUICHET_ERROR_none)
		return NULL;
	struct guichet_bytes signer = guichet_filing_serial(filing);
	if (guichet_filing_equal(filing, cli->filing) && slice_equal(slice_of_public(signer), slice_of_public(own)))
		return filing;
	guichet_filing_destroy(filing);
	return NULL;
}

static enum guichet_error
supply_documents(struct task *task, struct guichet_filing *saved)
{
	const struct options *options = &task->cli->options;
	enum guichet_error error = GUICHET_ERROR_none;

	for (size_t i = 0; i < options->arguments_count && error == GUICHET_ERROR_none; i++)
		error = guichet_filing_supply(saved, options->arguments[i], task->cli->problem);
	for (size_t i = 0; i < options->attachments_count && error == GUICHET_ERROR_none; i++) {
		cli_begin_nth(task->cli, READING_ATTACHMENT, i + 1, options->attachments_count);
		error = guichet_filing_supply(saved, options->attachments[i], task->cli->problem);
	}
	cli_end(task->cli);
	return error;
}

/* What was signed for another filing gives way, as the command's own; what is no filing is somebody else's. */
static enum guichet_error
replace_saved(struct task *task, struct guichet_bytes bytes)
{
	struct guichet_blob *saved = NULL;
	struct guichet_filing *filing = NULL;
	bool is_filing = guichet_file_read(task->saved_path, SAVED_MAX, &saved, NULL) == GUICHET_ERROR_none &&
	    guichet_filing_load(task->cli->trust, guichet_blob_bytes(saved), &filing, NULL) == GUICHET_ERROR_none;

	guichet_blob_destroy(saved);
	guichet_filing_destroy(filing);
	if (is_filing)
		return guichet_file_write(task->saved_path, bytes, task->cli->problem);
	return problem_set(task->cli->problem, ERROR_usage, "--out", slice_of_text(task->saved_path),
	    "no such file, or a filing that an earlier run signed: what is there is not overwritten");
}

static enum guichet_error
save(struct task *task)
{
	struct guichet_problem *problem = task->cli->problem;
	struct guichet_blob *saved = NULL;
	enum guichet_error error = guichet_filing_save(task->cli->filing, &saved, problem);

	if (error == GUICHET_ERROR_none) {
		error = filesystem_create(task->saved_path, guichet_blob_bytes(saved), problem);
		if (error == GUICHET_ERROR_usage)
			error = replace_saved(task, guichet_blob_bytes(saved));
	}
	guichet_blob_destroy(saved);
	return error;
}

/* The rules are for what is new: a filing kept from an earlier run may have been accepted already, under the rules of
 * that day, and what they have become since must not stand between it and its receipt. */
static enum guichet_error
sign_and_save(struct task *task)
{
	struct cli *cli = task->cli;
	enum guichet_error error = check_filing(task);

	if (error == GUICHET_ERROR_none)
		error = guichet_filing_sign(cli->filing, cli->identity, 0, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = cli_check_receipt_path(cli, task->receipt_path, guichet_filing_id(cli->filing));
	return error == GUICHET_ERROR_none ? save(task) : error;
}

static enum guichet_error
sign_or_resume(struct task *task)
{
	struct guichet_filing *saved = load_saved(task);

	if (saved == NULL)
		return sign_and_save(task);
	guichet_filing_destroy(task->cli->filing);
	task->cli->filing = saved;
	task->is_resumed = true;
	enum guichet_error error = cli_check_receipt_path(task->cli, task->receipt_path, guichet_filing_id(saved));
	return error == GUICHET_ERROR_none ? supply_documents(task, saved) : error;
}

/* ---- sending ---- */

static enum guichet_error
send(struct task *task, struct guichet_request **request)
{
	struct cli *cli = task->cli;
	enum guichet_error error = cli_connect(cli);

	if (error == GUICHET_ERROR_none)
		error = guichet_file_create(cli->guichet, cli->filing, request, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = cli_wait(cli, *request, "filing");
	return error;
}

/* What an earlier run signed by a wrong clock is signed by today's. It is the same filing, whichever signature the
 * office took: it was asked for this one's receipt before it looked at the time. */
static enum guichet_error
sign_again_and_send(struct task *task, struct guichet_request **request)
{
	struct cli *cli = task->cli;

	guichet_request_destroy(*request);
	*request = NULL;
	enum guichet_error error = guichet_filing_sign_again(cli->filing, cli->identity, 0, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = save(task);
	if (error == GUICHET_ERROR_none)
		error = guichet_file_create(cli->guichet, cli->filing, request, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = cli_wait(cli, *request, "filing");
	return error;
}

/* A receipt that cannot be written is not to be taken for a return that is not filed. */
static void
say_accepted(const struct task *task)
{
	struct guichet_problem *problem = task->cli->problem;
	char expected[512];

	snprintf(expected, sizeof expected,
	    "%s. The return is filed: the same command again, with another --out if need be, gets its receipt",
	    guichet_problem_expected(problem));
	problem_set_expected(problem, expected);
}

static enum guichet_error
keep(struct task *task, struct guichet_record answer)
{
	enum guichet_error error = cli_write_receipt(task->cli, task->receipt_path,
	    guichet_record_bytes(answer, "receipt"), guichet_record_bytes(answer, "proof"));

	/* From now on the receipt is what is kept. */
	if (error == GUICHET_ERROR_none)
		unlink(task->saved_path);
	else
		say_accepted(task);
	return error;
}

static void
report_json(const struct task *task, struct guichet_record answer)
{
	struct buf *buf = cli_buf();

	buf_put_text(buf, "{\"receipt\":");
	buf_put(buf, slice_of_public(guichet_record_bytes(answer, "receipt")));
	buf_put_text(buf, ",\"out\":");
	cli_put_string(buf, task->receipt_path);
	if (guichet_record_has(answer, "superseded_by")) {
		buf_put_text(buf, ",\"superseded_by\":");
		json_put_string(buf, slice_of_public(guichet_record_bytes(answer, "superseded_by")));
	}
	buf_put_text(buf, ",\"advices\":[");
	for (size_t i = 0; i < guichet_record_count(answer, "advices"); i++)
		cli_put_record(buf, guichet_record_row(answer, "advices", i), i == 0);
	buf_put_text(buf, "]}\n");
	cli_print_buf(buf);
}

static void
report(const struct task *task, struct guichet_record answer)
{
	struct guichet_bytes by = guichet_record_bytes(answer, "superseded_by");
	struct guichet_blob *printed = NULL;

	if (task->cli->is_json) {
		report_json(task, answer);
		return;
	}
	struct buf *buf = cli_buf();
	if (guichet_receipt_print(guichet_record_bytes(answer, "receipt"), &printed, NULL) == GUICHET_ERROR_none)
		buf_put(buf, slice_of_public(guichet_blob_bytes(printed)));
	guichet_blob_destroy(printed);
	if (by.size != 0)
		buf_put_format(buf, "\nThis filing has since been rectified by %.*s.\n", (int)by.size,
		    (const char *)by.data);
	buf_put_format(buf, "\nReceipt kept in %s, its proof beside it.\n", task->receipt_path);
	cli_print_buf(buf);
}

/* Nothing refuses the documents; what the rules advise is in the problem. */
static void
report_check(const struct cli *cli)
{
	struct buf *buf = cli_buf();

	if (cli->is_json) {
		buf_put_text(buf, "{\"errors\":0,\"advices\":");
		cli_put_findings(cli, buf);
		buf_put_text(buf, "}\n");
	} else {
		buf_put_text(buf, "No rule refuses these documents.\n");
	}
	cli_print_buf(buf);
}

static enum exit_code
send_and_keep(struct task *task)
{
	struct guichet_request *request = NULL;
	enum guichet_error error = send(task, &request);

	if (error == GUICHET_ERROR_signing_time_invalid && task->is_resumed)
		error = sign_again_and_send(task, &request);
	if (error == GUICHET_ERROR_none)
		error = keep(task, guichet_request_answer(request));
	if (error == GUICHET_ERROR_none)
		report(task, guichet_request_answer(request));
	guichet_request_destroy(request);
	return error == GUICHET_ERROR_none ? EXIT_CODE_OK : cli_fail(task->cli);
}

static enum exit_code
run(struct task *task)
{
	struct cli *cli = task->cli;
	bool only_check = cli_value(cli, OPTION_CHECK) != NULL;
	enum guichet_error error = cli_load_trust(cli);

	if (error == GUICHET_ERROR_none && cli_value(cli, OPTION_AS) != NULL && !only_check)
		error = cli_open_identity(cli);
	if (error == GUICHET_ERROR_none)
		error = make_filing(task);
	if (error == GUICHET_ERROR_none && !only_check)
		error = take_names(task);
	if (error == GUICHET_ERROR_none)
		error = only_check ? check_filing(task) : sign_or_resume(task);
	if (only_check && error == GUICHET_ERROR_none) {
		report_check(cli);
		return EXIT_CODE_OK;
	}
	return error == GUICHET_ERROR_none ? send_and_keep(task) : cli_fail(cli);
}

/* A mistyped number is told before a password is asked for; says so. */
static bool
replaces_is_good(struct cli *cli)
{
	const char *typed = cli_value(cli, OPTION_REPLACES);
	char canonical[RECEIPT_NUMBER_SIZE + 1];

	if (typed == NULL || receipt_number_parse(slice_of_text(typed), canonical))
		return true;
	(void)cli_fail_usage(cli, options_name(OPTION_REPLACES), typed,
	    receipt_number_has_form(slice_of_text(typed)) ? RECEIPT_NUMBER_MISTYPED : RECEIPT_NUMBER_FORM);
	return false;
}

enum exit_code
cli_file(struct cli *cli)
{
	const unsigned needed = OPTION_BIT(OPTION_SERVER) | OPTION_BIT(OPTION_AS);
	enum option_number missing = options_find_missing(&cli->options, needed);
	const char *out = cli_value(cli, OPTION_OUT);

	if (cli_value(cli, OPTION_CHECK) == NULL && missing != OPTION_COUNT)
		return cli_fail_usage(cli, options_name(missing), "missing", "this option, or --check");
	if (!replaces_is_good(cli))
		return EXIT_CODE_USAGE;
	struct task task = { .cli = cli, .receipt_path = out != NULL ? out : "receipt.json", .hold = HOLD_NONE };
	task.saved_path = cli_path_beside(task.receipt_path, ".json", ".filing");
	if (task.saved_path == NULL)
		return cli_fail_memory(cli);
	enum exit_code code = run(&task);
	hold_remove(&task.hold);
	free(task.saved_path);
	return code;
}
