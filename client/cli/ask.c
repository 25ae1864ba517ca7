/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking for a filing or a receipt, and believing no more of the answer than is proven (A18, A19). */
#include "client/answer.h"
#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/problem.h"
#include "protocol/receipt_number.h"

/* A receipt and a manifest, parsed. */
#define PARSED_SIZE_MAX ((size_t)16 * LIMIT_RECEIPT_SIZE)

#define PLACE "NUMBER-or-ID"

enum guichet_error
cli_read_reference(struct cli *cli, const char *typed, struct cli_reference *out)
{
	struct slice text = slice_of_text(typed);
	uint8_t id[DIGEST_SIZE];

	if (cli_read_hex(typed, id, sizeof id))
		hex_encode(slice_of(id, sizeof id), out->text);
	else if (!receipt_number_parse(text, out->text))
		return problem_set(cli->problem, ERROR_usage, PLACE, text,
		    receipt_number_has_form(text) ? RECEIPT_NUMBER_MISTYPED :
						    RECEIPT_NUMBER_FORM ", or a filing id of 64 hexadecimal digits");
	return GUICHET_ERROR_none;
}

static enum guichet_error
ask(struct cli *cli, const char *operation, const struct cli_reference *reference, struct guichet_request **out)
{
	enum guichet_error error = guichet_request_create(cli->guichet, operation, out, cli->problem);

	if (error != GUICHET_ERROR_none)
		return error;
	error = guichet_request_set_bytes(*out, "reference", public_of_slice(slice_of_text(reference->text)));
	if (error != GUICHET_ERROR_none)
		return problem_set(cli->problem, (enum error)error, PLACE, slice_of_text(reference->text), NULL);
	return cli_wait(cli, *out, "waiting for the office");
}

static enum guichet_error
ask_receipt(struct cli *cli, const struct cli_reference *reference, struct arena *arena, struct receipt *receipt,
    struct guichet_request **out)
{
	enum guichet_error error = ask(cli, "receipt", reference, out);

	if (error != GUICHET_ERROR_none)
		return error;
	return answer_check_receipt(cli->trust, slice_of_text(reference->text), guichet_request_answer(*out).values,
	    arena, receipt, cli->problem);
}

static enum guichet_error
no_memory(struct cli *cli, const struct cli_reference *reference)
{
	return problem_set(cli->problem, ERROR_out_of_memory, PLACE, slice_of_text(reference->text), NULL);
}

enum guichet_error
cli_ask_receipt(struct cli *cli, const struct cli_reference *reference, struct guichet_request **out)
{
	struct arena *arena = arena_create(PARSED_SIZE_MAX);
	struct receipt receipt;

	enum guichet_error error = arena == NULL ? no_memory(cli, reference) :
						   ask_receipt(cli, reference, arena, &receipt, out);
	arena_destroy(arena);
	return error;
}

enum guichet_error
cli_ask_filing(struct cli *cli, const struct cli_reference *reference, struct guichet_request **out)
{
	struct arena *arena = arena_create(PARSED_SIZE_MAX);
	struct guichet_request *proof = NULL;
	struct receipt receipt;

	enum guichet_error error = arena == NULL ? no_memory(cli, reference) : ask(cli, "filing", reference, out);
	if (error == GUICHET_ERROR_none)
		error = ask_receipt(cli, reference, arena, &receipt, &proof);
	if (error == GUICHET_ERROR_none)
		error = answer_check_filing(
		    cli->trust, &receipt, guichet_request_answer(*out).values, arena, cli->problem);
	guichet_request_destroy(proof);
	arena_destroy(arena);
	return error;
}
