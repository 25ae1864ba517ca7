/* SPDX-License-Identifier: Apache-2.0
 *
 * Enrolment (A1, A2, A6): the facts and a PKCS#10 request go out, a certificate comes back and is checked. */
#include <openssl/err.h>

#include "client/blob.h"
#include "client/connection.h"
#include "client/identity.h"
#include "client/problem.h"
#include "client/trust.h"

/* The identity is borrowed from the caller, and so is not freed. */
static enum guichet_error
certificate_came(struct guichet_request *request, bool *more)
{
	const struct msg_certificate_answer *answer = request->answer;
	const unsigned char *at = answer->certificate.data;

	*more = false;
	X509 *certificate = d2i_X509(NULL, &at, (long)answer->certificate.size);
	if (certificate == NULL || at != answer->certificate.data + answer->certificate.size) {
		X509_free(certificate);
		ERR_clear_error();
		return problem_set(
		    request->problem, ERROR_answer_malformed, "certificate", SLICE_EMPTY, "a certificate, DER");
	}
	enum guichet_error error =
	    trust_check_certificate(connection_trust(request->guichet), certificate, request->problem);
	if (error == GUICHET_ERROR_none) {
		enum error taken = identity_take_certificate(request->work, certificate);
		if (taken == ERROR_NONE)
			return GUICHET_ERROR_none;
		error = problem_set(
		    request->problem, taken, "certificate", SLICE_EMPTY, "a certificate for the key that was sent");
	}
	X509_free(certificate);
	return error;
}

static const struct request_kind enrolment = { .answered = certificate_came };

static enum guichet_error
set_text(struct guichet_request *request, const char *field, const char *text, const char *expected,
    struct guichet_problem *problem)
{
	struct slice value = slice_of_text(text != NULL ? text : "");
	enum guichet_error error = guichet_request_set_bytes(request, field, public_of_slice(value));

	return error == GUICHET_ERROR_none ? error : problem_set(problem, (enum error)error, field, value, expected);
}

static enum guichet_error
set_request(struct guichet_request *request, struct guichet_identity *identity, struct guichet_problem *problem)
{
	struct buf *csr = buf_create(LIMIT_CSR);
	enum error error = ERROR_out_of_memory;

	if (csr != NULL)
		error = identity_put_request(identity, csr);
	if (error == ERROR_NONE)
		error = (enum error)guichet_request_set_bytes(request, "csr", public_of_slice(buf_peek(csr)));
	buf_destroy(csr);
	return error == ERROR_NONE ? GUICHET_ERROR_none : problem_set(problem, error, "csr", SLICE_EMPTY, NULL);
}

static enum guichet_error
set_facts(struct guichet_request *request, const struct guichet_facts *facts, const struct guichet_trust *trust,
    struct guichet_problem *problem)
{
	const struct {
		const char *field, *text, *expected;
	} texts[] = {
		{ "spi", facts->spi, "the 13 digits of a tax number" },
		{ "birth_name", facts->birth_name, "the birth name, to the character" },
		{ "filer_number", facts->filer_number, "the digits of the yearly filer number" },
		{ "reference_income", facts->reference_income, "the reference income, in whole euros" },
		{ "email", facts->email, "an address of the form local@domain" },
	};
	enum guichet_error error = GUICHET_ERROR_none;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0] && error == GUICHET_ERROR_none; i++)
		error = set_text(request, texts[i].field, texts[i].text, texts[i].expected, problem);
	/* Not accepted is an empty version, which the office refuses: it decides, and says it in French. */
	if (error == GUICHET_ERROR_none && facts->accepts_contract)
		error = guichet_request_set_bytes(request, "contract", guichet_trust_contract(trust));
	return error;
}

enum guichet_error
guichet_enrol_create(struct guichet *guichet, struct guichet_identity *identity, const struct guichet_facts *facts,
    struct guichet_request **out, struct guichet_problem *problem)
{
	const struct guichet_trust *trust = connection_trust(guichet);
	enum guichet_error error = trust_need(trust, trust->has_campaign, "campaign.json", problem);

	*out = NULL;
	if (error == GUICHET_ERROR_none)
		error = trust_need(trust, trust->authority != NULL, "ca.pem", problem);
	if (error == GUICHET_ERROR_none)
		error = request_create(guichet, OPERATION_enrol, &enrolment, identity, out, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	error = set_facts(*out, facts, trust, problem);
	if (error == GUICHET_ERROR_none)
		error = set_request(*out, identity, problem);
	if (error != GUICHET_ERROR_none) {
		guichet_request_destroy(*out);
		*out = NULL;
	}
	return error;
}
