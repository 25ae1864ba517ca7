/* SPDX-License-Identifier: Apache-2.0
 *
 * Example: verify a receipt with libguichet, without a network. Compiled and run by the tests; uses nothing but the
 * public header.
 *
 *   verify_receipt TRUST-DIRECTORY RECEIPT.json PROOF [DOCUMENT]... */
#include <stdio.h>

#include <guichet/guichet.h>

static enum guichet_error
begin(
    const struct guichet_trust *trust, char **argv, struct guichet_verification **out, struct guichet_problem *problem)
{
	struct guichet_blob *receipt = NULL, *proof = NULL;
	enum guichet_error error = guichet_file_read(argv[2], 65536, &receipt, problem);

	if (error == GUICHET_ERROR_none)
		error = guichet_file_read(argv[3], 65536, &proof, problem);
	if (error == GUICHET_ERROR_none)
		error = guichet_verification_create(
		    trust, guichet_blob_bytes(receipt), guichet_blob_bytes(proof), out, problem);
	guichet_blob_destroy(receipt);
	guichet_blob_destroy(proof);
	return error;
}

int
main(int argc, char **argv)
{
	struct guichet_problem *problem = guichet_problem_create();
	struct guichet_trust *trust = NULL;
	struct guichet_verification *verification = NULL;
	bool holds = false;

	if (argc < 4 || problem == NULL) {
		fprintf(stderr, "usage: %s TRUST RECEIPT.json PROOF [DOCUMENT]...\n", argv[0]);
		guichet_problem_destroy(problem);
		return 2;
	}
	enum guichet_error error = guichet_trust_load(argv[1], &trust, problem);
	if (error == GUICHET_ERROR_none)
		error = begin(trust, argv, &verification, problem);
	for (int i = 4; i < argc && error == GUICHET_ERROR_none; i++)
		error = guichet_verification_add_document(verification, argv[i], problem);
	if (error == GUICHET_ERROR_none) {
		for (size_t i = 0; i < guichet_verification_count(verification); i++)
			printf("%s %s\n", guichet_verification_passed(verification, i) ? "ok" : "FAILED",
			    guichet_verification_text(verification, i));
		holds = guichet_verification_holds(verification);
	} else {
		fprintf(stderr, "%s: %s: %s\n", guichet_problem_place(problem), guichet_problem_english(problem),
		    guichet_problem_value(problem));
	}
	guichet_verification_destroy(verification);
	guichet_trust_destroy(trust);
	guichet_problem_destroy(problem);
	return holds ? 0 : 1;
}
