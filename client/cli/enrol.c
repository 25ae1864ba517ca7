/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet enrol: a key pair made here, certified by the office, kept in a PKCS#12 file under a password (A1-A6). The
 * certificate revokes the one before it as soon as the office has made it, so the key that it is for is on disk before
 * it is asked for: the same command after a crash asks again with the same key. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/cli/password.h"
#include "client/cli/typed.h"
#include "client/filesystem.h"
#include "client/problem.h"
#include "client/request.h"
#include "protocol/json.h"
#include "protocol/key.h"
#include "protocol/manifest.h"
#include "protocol/time.h"

struct task {
	struct cli *cli;
	const char *path; /* of the key file */
	char *waiting_path; /* of the key while it waits for its certificate */
	bool resumes;
	struct hold hold;
	char password[PASSWORD_SIZE_MAX];
};

/* From before the office is asked to the end nobody else enrols into this file, and what was there before is not
 * overwritten: a certificate that cannot be written would be lost, and revokes the other's. */
static enum guichet_error
take_target(struct task *task)
{
	struct cli *cli = task->cli;
	enum guichet_error error = cli_hold(cli, task->path, task->path, "enrolling into this file", &task->hold);

	if (error == GUICHET_ERROR_none)
		error = filesystem_clear(task->waiting_path, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = cli_check_absent(cli, task->path);
	task->resumes = access(task->waiting_path, F_OK) == 0;
	return error;
}

/* The contract, for who has not accepted it yet (A6). */
static enum guichet_error
check_contract(struct cli *cli)
{
	if (cli_value(cli, OPTION_ACCEPT_CONTRACT) != NULL)
		return GUICHET_ERROR_none;
	if (!cli->is_json) {
		struct guichet_bytes text = guichet_trust_contract_text(cli->trust);
		terminal_print(stderr, slice_of_public(text), TERMINAL_LINES);
		fputs("\n\n", stderr);
	}
	return problem_set(cli->problem, ERROR_usage, "--accept-contract", SLICE_LITERAL("missing"),
	    "this option, once you have read the contract and accept it");
}

/* ---- the key ---- */

/* The key of an earlier run: without a certificate, or it is another file of that name. */
static enum guichet_error
open_waiting(struct task *task, struct guichet_bytes file)
{
	struct cli *cli = task->cli;
	enum guichet_error error = guichet_identity_open(file, task->password, &cli->identity, cli->problem);

	if (error == GUICHET_ERROR_none && guichet_identity_certificate(cli->identity).size == 0)
		return GUICHET_ERROR_none;
	if (error == GUICHET_ERROR_none)
		return problem_set(cli->problem, ERROR_usage, task->waiting_path, SLICE_LITERAL("a certificate"),
		    "a key that waits for its certificate, or no such file");
	problem_set_place(cli->problem, task->waiting_path);
	problem_set_expected(cli->problem, "the key that an earlier run of this command left, and the password chosen "
					   "then; with another --out, a new key is made");
	return error;
}

static enum guichet_error
resume(struct task *task)
{
	struct guichet_blob *file = NULL;
	enum guichet_error error = guichet_file_read(task->waiting_path, CLI_KEY_FILE_MAX, &file, task->cli->problem);

	if (error == GUICHET_ERROR_none)
		error = open_waiting(task, guichet_blob_bytes(file));
	guichet_blob_destroy(file);
	return error;
}

static enum guichet_error
make_key(struct task *task)
{
	struct cli *cli = task->cli;

	cli_begin(cli, "making a key pair");
	enum guichet_error error = guichet_identity_generate(cli_value(cli, OPTION_KEY), &cli->identity, cli->problem);
	cli_end(cli);
	return error;
}

static enum guichet_error
get_password(struct task *task)
{
	const char *prompt = task->resumes ? "Password chosen when this enrolment began: " :
					     "Choose a password for the key file: ";

	return password_get(cli_value(task->cli, OPTION_PASSWORD_FILE), prompt, !task->resumes, task->password,
	    task->cli->problem);
}

static enum guichet_error
save(const struct task *task, const char *path)
{
	struct guichet_problem *problem = task->cli->problem;
	struct guichet_blob *file = NULL;
	enum guichet_error error = guichet_identity_save(task->cli->identity, task->password, &file, problem);

	if (error == GUICHET_ERROR_none)
		error = filesystem_create(path, guichet_blob_bytes(file), problem);
	guichet_blob_destroy(file);
	return error;
}

static enum guichet_error
keep(const struct task *task)
{
	struct guichet_problem *problem = task->cli->problem;
	enum guichet_error error = save(task, task->path);

	if (error == GUICHET_ERROR_none)
		unlink(task->waiting_path);
	/* No guichet did that, since this one has the name. */
	else if (error == GUICHET_ERROR_usage)
		problem_set(problem, ERROR_usage, "--out", slice_of_text(task->path),
		    "a file that does not exist yet: something else has come there, and is not overwritten; once it is "
		    "moved away, the same command gets the certificate");
	return error;
}

/* ---- its certificate ---- */

/* A new key whose one sending the office refused has no certificate, and whoever mends a fact may choose another
 * password. A key that may have one stays, whatever was refused since. */
static void
after_failure(const struct task *task, const struct guichet_request *request, enum guichet_error error)
{
	bool was_refused = cli_exit_code(error) == EXIT_CODE_REFUSED && request->attempts == 0;

	if (!task->resumes && was_refused)
		unlink(task->waiting_path);
	if (task->resumes && error == GUICHET_ERROR_key_in_use)
		problem_set_expected(task->cli->problem,
		    "the facts of the person whom this key was certified for; when its certificate has ended, "
		    "another --out, for a new key");
}

static enum guichet_error
ask(struct task *task, struct guichet_request *request)
{
	enum guichet_error error = task->resumes ? GUICHET_ERROR_none : save(task, task->waiting_path);

	if (error != GUICHET_ERROR_none)
		return error;
	error = cli_wait(task->cli, request, "waiting for the certificate");
	if (error != GUICHET_ERROR_none)
		after_failure(task, request, error);
	return error;
}

/* A fact that no request can carry, which has the name of a field, by that of its option. */
static void
name_option(struct cli *cli)
{
	bool is_typed;
	const char *option = typed_find(cli, slice_of_text(guichet_problem_place(cli->problem)), true, &is_typed);

	if (is_typed)
		problem_set_place(cli->problem, option);
}

static enum guichet_error
enrol(struct task *task)
{
	struct cli *cli = task->cli;
	const struct guichet_facts facts = {
		.spi = cli_value(cli, OPTION_SPI),
		.birth_name = cli_value(cli, OPTION_BIRTH_NAME),
		.filer_number = cli_value(cli, OPTION_FILER_NUMBER),
		.reference_income = cli_value(cli, OPTION_REFERENCE_INCOME),
		.email = cli_value(cli, OPTION_EMAIL),
		.accepts_contract = true,
	};
	struct guichet_request *request = NULL;
	enum guichet_error error = task->resumes ? resume(task) : make_key(task);

	if (error == GUICHET_ERROR_none)
		error = cli_connect(cli);
	if (error == GUICHET_ERROR_none)
		error = guichet_enrol_create(cli->guichet, cli->identity, &facts, &request, cli->problem);
	if (error == GUICHET_ERROR_usage)
		name_option(cli);
	if (error == GUICHET_ERROR_none)
		error = ask(task, request);
	guichet_request_destroy(request);
	return error;
}

static void
report(const struct cli *cli)
{
	struct guichet_bytes serial = guichet_identity_serial(cli->identity);
	struct guichet_bytes holder = guichet_identity_holder(cli->identity);
	char serial_text[2 * SERIAL_SIZE + 1];
	struct buf *buf = cli_buf();

	hex_encode(slice_of_public(serial), serial_text);
	if (cli->is_json) {
		buf_put_format(buf, "{\"serial\":\"%s\",\"holder\":", serial_text);
		json_put_string(buf, slice_of_public(holder));
		buf_put_format(
		    buf, ",\"not_after\":%llu,\"out\":", (unsigned long long)guichet_identity_not_after(cli->identity));
		cli_put_string(buf, cli_value(cli, OPTION_OUT));
		buf_put_text(buf, "}\n");
	} else {
		buf_put_format(buf, "Certificate %s\n  of      %.*s\n  until   ", serial_text, (int)holder.size,
		    (const char *)holder.data);
		time_put_paris(buf, guichet_identity_not_after(cli->identity));
		buf_put_format(buf, "\n  kept in %s, under your password\n", cli_value(cli, OPTION_OUT));
	}
	cli_print_buf(buf);
}

/* What is no such number, whatever the office knows, costs no attempt there: a digit forgotten, or one typed twice. */
static enum guichet_error
check_facts(struct cli *cli)
{
	struct slice spi = slice_of_text(cli_value(cli, OPTION_SPI));
	struct slice income = slice_of_text(cli_value(cli, OPTION_REFERENCE_INCOME));
	uint64_t euros;

	if (!spi_valid(spi))
		return problem_set(cli->problem, ERROR_usage, options_name(OPTION_SPI), spi,
		    "a tax number: 13 digits without blanks, the last three of which check the others");
	if (!decimal_decode(income, UINT64_MAX, &euros))
		return problem_set(cli->problem, ERROR_usage, options_name(OPTION_REFERENCE_INCOME), income,
		    "whole euros: digits alone, without blanks, zeros in front or cents");
	return GUICHET_ERROR_none;
}

static enum guichet_error
run(struct task *task)
{
	struct cli *cli = task->cli;
	enum guichet_error error = cli_load_trust(cli);

	if (error == GUICHET_ERROR_none)
		error = check_contract(cli);
	if (error == GUICHET_ERROR_none)
		error = check_facts(cli);
	if (error == GUICHET_ERROR_none)
		error = take_target(task);
	if (error == GUICHET_ERROR_none)
		error = get_password(task);
	if (error == GUICHET_ERROR_none)
		error = enrol(task);
	if (error == GUICHET_ERROR_none)
		error = keep(task);
	return error;
}

enum exit_code
cli_enrol(struct cli *cli)
{
	const char *key = cli_value(cli, OPTION_KEY);
	struct task task = { .cli = cli, .path = cli_value(cli, OPTION_OUT), .hold = HOLD_NONE };

	if (key != NULL && key_algorithm_find(slice_of_text(key)) == 0)
		return cli_fail_usage(cli, "--key", key, options_value(OPTION_KEY));
	task.waiting_path = cli_path_beside(task.path, "", ".new");
	if (task.waiting_path == NULL)
		return cli_fail_memory(cli);
	enum guichet_error error = run(&task);
	hold_remove(&task.hold);
	OPENSSL_cleanse(task.password, sizeof task.password);
	free(task.waiting_path);
	if (error != GUICHET_ERROR_none)
		return cli_fail(cli);
	report(cli);
	return EXIT_CODE_OK;
}
