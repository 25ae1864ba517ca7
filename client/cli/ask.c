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

struct reference {
	char number[RECEIPT_NUMBER_SIZE + 1], id[2 * DIGEST_SIZE + 1];
	struct slice text; /* what the office is asked for: either in its canonical form, or what was typed */
};

static void
normalise(const char *typed, struct reference *out)
{
	uint8_t id[DIGEST_SIZE];

	out->text = slice_of_text(typed);
	if (receipt_number_parse(out->text, out->number)) {
		out->text = slice_of_text(out->number);
	} else if (cli_read_hex(typed, id, sizeof id)) {
		hex_encode(slice_of(id, sizeof id), out->id);
		out->text = slice_of_text(out->id);
	}
}

static enum guichet_error
ask(struct cli *cli, const char *operation, const struct reference *reference, struct guichet_request **out)
{
	enum guichet_error error = guichet_request_create(cli->guichet, operation, out, cli->problem);

	if (error != GUICHET_ERROR_none)
		return error;
	error = guichet_request_set_bytes(*out, "reference", public_of_slice(reference->text));
	if (error != GUICHET_ERROR_none)
		return problem_set(cli->problem, ERROR_usage, "NUMBER-or-ID", reference->text,
		    "a receipt number, or a filing id of 64 hexadecimal digits");
	return cli_wait(cli, *out, "waiting for the office");
}

static enum guichet_error
ask_receipt(struct cli *cli, const struct reference *reference, struct arena *arena, struct receipt *receipt,
    struct guichet_request **out)
{
	enum guichet_error error = ask(cli, "receipt", reference, out);

	if (error != GUICHET_ERROR_none)
		return error;
	return answer_check_receipt(
	    cli->trust, reference->text, guichet_request_answer(*out).values, arena, receipt, cli->problem);
}

static enum guichet_error
no_memory(struct cli *cli, const struct reference *reference)
{
	return problem_set(cli->problem, ERROR_out_of_memory, "NUMBER-or-ID", reference->text, NULL);
}

enum guichet_error
cli_ask_receipt(struct cli *cli, const char *typed, struct guichet_request **out)
{
	struct arena *arena = arena_create(PARSED_SIZE_MAX);
	struct reference reference;
	struct receipt receipt;

	normalise(typed, &reference);
	enum guichet_error error = arena == NULL ? no_memory(cli, &reference) :
						   ask_receipt(cli, &reference, arena, &receipt, out);
	arena_destroy(arena);
	return error;
}

enum guichet_error
cli_ask_filing(struct cli *cli, const char *typed, struct guichet_request **out)
{
	struct arena *arena = arena_create(PARSED_SIZE_MAX);
	struct guichet_request *proof = NULL;
	struct reference reference;
	struct receipt receipt;

	normalise(typed, &reference);
	enum guichet_error error = arena == NULL ? no_memory(cli, &reference) : ask(cli, "filing", &reference, out);
	if (error == GUICHET_ERROR_none)
		error = ask_receipt(cli, &reference, arena, &receipt, &proof);
	if (error == GUICHET_ERROR_none)
		error = answer_check_filing(
		    cli->trust, &receipt, guichet_request_answer(*out).values, arena, cli->problem);
	guichet_request_destroy(proof);
	arena_destroy(arena);
	return error;
}
