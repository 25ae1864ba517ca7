/* SPDX-License-Identifier: Apache-2.0
 *
 * Example: file a return with libguichet, safely. Compiled and run by the tests; uses nothing but the public header.
 *
 *   file_return HOST:PORT TRUST-DIRECTORY ME.p12 PASSWORD RETURN.json RECEIPT.json
 *
 * The proof goes beside the receipt, into RECEIPT.tlog-proof, where `guichet verify` looks for it. The signed filing is
 * kept in RECEIPT.filing until the receipt is there: a program that died in between would load it, supply the document,
 * and send the very same bytes again. */
#include <stdio.h>
#include <string.h>

#include <guichet/guichet.h>

struct example {
	struct guichet_problem *problem;
	struct guichet_trust *trust;
	struct guichet_identity *identity;
	struct guichet_filing *filing;
	struct guichet *guichet;
	struct guichet_request *request;
};

static enum guichet_error
open_identity(struct example *example, const char *path, const char *password)
{
	struct guichet_blob *file;
	enum guichet_error error = guichet_file_read(path, 65536, &file, example->problem);

	if (error != GUICHET_ERROR_none)
		return error;
	error = guichet_identity_open(guichet_blob_bytes(file), password, &example->identity, example->problem);
	guichet_blob_destroy(file);
	return error;
}

static enum guichet_error
make_filing(struct example *example, const char *path)
{
	struct guichet_bytes own = guichet_identity_spi(example->identity);
	struct guichet_blob *file;
	char spi[14] = "";

	if (own.size < sizeof spi)
		memcpy(spi, own.data, own.size);
	enum guichet_error error = guichet_filing_create(example->trust, spi, &example->filing, example->problem);
	if (error != GUICHET_ERROR_none)
		return error;
	error = guichet_file_read(path, 512 * 1024, &file, example->problem);
	if (error != GUICHET_ERROR_none)
		return error;
	error = guichet_filing_add_return(example->filing, guichet_blob_bytes(file), example->problem);
	guichet_blob_destroy(file);
	if (error == GUICHET_ERROR_none)
		error = guichet_filing_check(example->filing, example->problem);
	if (error == GUICHET_ERROR_none)
		error = guichet_filing_sign(example->filing, example->identity, 0, example->problem);
	return error;
}

static enum guichet_error
keep_filing(struct example *example, const char *path)
{
	struct guichet_blob *saved;
	enum guichet_error error = guichet_filing_save(example->filing, &saved, example->problem);

	if (error != GUICHET_ERROR_none)
		return error;
	error = guichet_file_write(path, guichet_blob_bytes(saved), example->problem);
	guichet_blob_destroy(saved);
	return error;
}

static enum guichet_error
send_filing(struct example *example, const char *address)
{
	enum guichet_error error = guichet_create(example->trust, address, &example->guichet, example->problem);

	if (error == GUICHET_ERROR_none)
		error = guichet_file_create(example->guichet, example->filing, &example->request, example->problem);
	return error == GUICHET_ERROR_none ? guichet_request_wait(example->request) : error;
}

/* "receipt.tlog-proof" for "receipt.json": the ending replaced, or appended to another. */
static bool
path_beside(char out[4096], const char *path, const char *ending)
{
	size_t size = strlen(path);

	if (size > strlen(".json") && strcmp(path + size - strlen(".json"), ".json") == 0)
		size -= strlen(".json");
	return snprintf(out, 4096, "%.*s%s", (int)size, path, ending) < 4096;
}

static enum guichet_error
keep_receipt(struct example *example, const char *path)
{
	struct guichet_record answer = guichet_request_answer(example->request);
	char proof_path[4096];

	if (!path_beside(proof_path, path, ".tlog-proof"))
		return GUICHET_ERROR_usage;
	enum guichet_error error =
	    guichet_file_write(proof_path, guichet_record_bytes(answer, "proof"), example->problem);
	if (error == GUICHET_ERROR_none)
		error = guichet_file_write(path, guichet_record_bytes(answer, "receipt"), example->problem);
	return error;
}

static void
explain_in_french(struct guichet_record record)
{
	struct guichet_bytes text = guichet_record_bytes(record, "text_fr");

	fprintf(stderr, "  %.*s\n", (int)text.size, (const char *)text.data);
}

static void
explain(const struct guichet_problem *problem)
{
	fprintf(stderr, "%s: %s (%s, found %s, expected %s)\n", guichet_error_name(guichet_problem_error(problem)),
	    guichet_problem_english(problem), guichet_problem_place(problem), guichet_problem_value(problem),
	    guichet_problem_expected(problem));
	for (size_t i = 0; i < guichet_problem_reasons(problem); i++)
		explain_in_french(guichet_problem_reason(problem, i));
	for (size_t i = 0; i < guichet_problem_findings(problem); i++)
		explain_in_french(guichet_problem_finding(problem, i));
}

static enum guichet_error
run(struct example *example, char **argv)
{
	char filing_path[4096];

	if (!path_beside(filing_path, argv[6], ".filing"))
		return GUICHET_ERROR_usage;
	enum guichet_error error = guichet_trust_load(argv[2], &example->trust, example->problem);
	if (error == GUICHET_ERROR_none)
		error = open_identity(example, argv[3], argv[4]);
	if (error == GUICHET_ERROR_none)
		error = make_filing(example, argv[5]);
	if (error == GUICHET_ERROR_none)
		error = keep_filing(example, filing_path);
	if (error == GUICHET_ERROR_none)
		error = send_filing(example, argv[1]);
	if (error == GUICHET_ERROR_none)
		error = keep_receipt(example, argv[6]);
	if (error == GUICHET_ERROR_none)
		remove(filing_path);
	return error;
}

int
main(int argc, char **argv)
{
	struct example example = { 0 };

	if (argc != 7) {
		fprintf(stderr, "usage: %s HOST:PORT TRUST ME.p12 PASSWORD RETURN.json RECEIPT.json\n", argv[0]);
		return 2;
	}
	example.problem = guichet_problem_create();
	if (example.problem == NULL)
		return 1;
	enum guichet_error error = run(&example, argv);
	/* A request that was refused says more than the problem of the calls that led to it. */
	if (error != GUICHET_ERROR_none)
		explain(example.request != NULL && guichet_request_error(example.request) != GUICHET_ERROR_none ?
			guichet_request_problem(example.request) :
			example.problem);
	else
		printf("receipt in %s\n", argv[6]);
	guichet_request_destroy(example.request);
	guichet_destroy(example.guichet);
	guichet_filing_destroy(example.filing);
	guichet_identity_destroy(example.identity);
	guichet_trust_destroy(example.trust);
	guichet_problem_destroy(example.problem);
	return error == GUICHET_ERROR_none ? 0 : 1;
}
