/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet enrol: a key pair made here, certified by the office, kept in a PKCS#12 file under a password (A1-A6). */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/cli/password.h"
#include "client/problem.h"
#include "protocol/json.h"
#include "protocol/key.h"
#include "protocol/time.h"

/* A certificate that cannot be written would be lost, and an old key file is not to be overwritten: looked at
 * first. */
static enum guichet_error
check_target(struct cli *cli, const char *path)
{
	if (access(path, F_OK) == 0)
		return problem_set(
		    cli->problem, ERROR_usage, "--out", slice_of_text(path), "a file that does not exist yet");
	char *directory = strdup(path), *slash = directory != NULL ? strrchr(directory, '/') : NULL;
	const char *where = directory;
	if (slash == NULL)
		where = ".";
	else
		slash[slash == directory ? 1 : 0] = '\0';
	bool writable = directory != NULL && access(where, W_OK | X_OK) == 0;
	free(directory);
	if (writable)
		return GUICHET_ERROR_none;
	return problem_set(cli->problem, ERROR_file_unreadable, path, slice_of_text(strerror(errno)),
	    "a directory that can be written");
}

/* The contract, for who has not accepted it yet (A6). */
static enum guichet_error
check_contract(struct cli *cli)
{
	if (cli_value(cli, OPTION_ACCEPT_CONTRACT) != NULL)
		return GUICHET_ERROR_none;
	if (!cli->is_json) {
		struct guichet_bytes text = guichet_trust_contract_text(cli->trust);
		fprintf(stderr, "%.*s\n\n", (int)text.size, (const char *)text.data);
	}
	return problem_set(cli->problem, ERROR_usage, "--accept-contract", SLICE_LITERAL("missing"),
	    "this option, once you have read the contract and accept it");
}

static enum guichet_error
enrol(struct cli *cli)
{
	const struct guichet_facts facts = {
		.spi = cli_value(cli, OPTION_SPI),
		.birth_name = cli_value(cli, OPTION_BIRTH_NAME),
		.filer_number = cli_value(cli, OPTION_FILER_NUMBER),
		.reference_income = cli_value(cli, OPTION_REFERENCE_INCOME),
		.email = cli_value(cli, OPTION_EMAIL),
		.accepts_contract = true,
	};
	struct guichet_request *request = NULL;

	cli_begin(cli, "making a key pair");
	enum guichet_error error = guichet_identity_generate(cli_value(cli, OPTION_KEY), &cli->identity, cli->problem);
	cli_end(cli);
	if (error == GUICHET_ERROR_none)
		error = cli_connect(cli);
	if (error == GUICHET_ERROR_none)
		error = guichet_enrol_create(cli->guichet, cli->identity, &facts, &request, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = cli_wait(cli, request, "waiting for the certificate");
	guichet_request_destroy(request);
	return error;
}

static enum guichet_error
save(struct cli *cli, const char *password)
{
	struct guichet_blob *file = NULL;
	enum guichet_error error = guichet_identity_save(cli->identity, password, &file, cli->problem);

	if (error == GUICHET_ERROR_none)
		error = guichet_file_write(cli_value(cli, OPTION_OUT), guichet_blob_bytes(file), cli->problem);
	guichet_blob_destroy(file);
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

enum exit_code
cli_enrol(struct cli *cli)
{
	const char *key = cli_value(cli, OPTION_KEY);
	char password[PASSWORD_SIZE_MAX] = "";

	if (key != NULL && key_algorithm_find(slice_of_text(key)) == 0)
		return cli_fail_usage(cli, "--key", key, options_value(OPTION_KEY));
	enum guichet_error error = cli_load_trust(cli);

	if (error == GUICHET_ERROR_none)
		error = check_contract(cli);
	if (error == GUICHET_ERROR_none)
		error = check_target(cli, cli_value(cli, OPTION_OUT));
	if (error == GUICHET_ERROR_none)
		error = password_get(cli_value(cli, OPTION_PASSWORD_FILE), "Choose a password for the key file: ", true,
		    password, cli->problem);
	if (error == GUICHET_ERROR_none)
		error = enrol(cli);
	if (error == GUICHET_ERROR_none)
		error = save(cli, password);
	OPENSSL_cleanse(password, sizeof password);
	if (error != GUICHET_ERROR_none)
		return cli_fail(cli);
	report(cli);
	return EXIT_CODE_OK;
}
