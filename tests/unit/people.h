/* SPDX-License-Identifier: Apache-2.0
 *
 * People for tests of decisions, over an office of decision_fixture.h: taxpayers with keys, their facts and requests
 * for a certificate, and filings signed as a client signs them. Everything lives in the fixture's arena, keys until
 * people_end. */
#ifndef GUICHET_PEOPLE_H
#define GUICHET_PEOPLE_H

#include "protocol/manifest.h"
#include "server/services/services.h"
#include "tests/unit/decision_fixture.h"

#define PEOPLE_EMAIL "jeanne@example.fr"
/* A return that no rule finds fault with, and a PDF. */
#define PEOPLE_RETURN "{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"0AM\":1,\"1AJ\":15000}}"
#define PEOPLE_PDF "%PDF-1.4 an invoice"

struct person {
	struct rec_taxpayer taxpayer;
	EVP_PKEY *key;
	struct slice csr;
	uint8_t serial[SERIAL_SIZE];
	struct slice certificate; /* DER */
	struct holder holder;     /* as after a log-in; nobody before people_enrol */
};

/* The valid tax number whose first ten digits are `first`. */
struct slice people_spi(struct decision_fixture *fixture, unsigned long first);
/* A line of the register with made-up facts, and a P-256 key; no certificate yet. */
struct person *people_register(struct decision_fixture *fixture, unsigned long first, const char *household);
/* A PKCS#10 request by that key. */
struct slice people_csr(struct decision_fixture *fixture, EVP_PKEY *key, const char *common_name);
/* The request that a person with all facts right sends. */
struct msg_enrol_request people_facts(struct decision_fixture *fixture, const struct person *person);
/* Registered and enrolled. */
struct person *people_enrol(struct decision_fixture *fixture, unsigned long first, const char *household);
/* A certificate for a new key, which ends the one of before. */
void people_enrol_anew(struct decision_fixture *fixture, struct person *person);
/* Sends the person's enrolment (again, after a new key) and takes over the certificate. */
void people_take_certificate(struct decision_fixture *fixture, struct person *person);
/* A certificate of another kind, issued by an operator. */
struct person *people_issue(struct decision_fixture *fixture, const char *kind);
void people_end(void);

/* ---- filings ---- */

struct draft {
	struct manifest manifest;
	struct manifest_document documents[LIMIT_DOCUMENTS];
	struct msg_document_sent sent[LIMIT_DOCUMENTS];
	size_t sent_count;
	uint64_t signing_time;
	struct slice text;
	uint8_t id[DIGEST_SIZE];
	uint8_t token[UPLOAD_TOKEN_SIZE]; /* of its upload; zeros before it is open */
};

/* An online filing without documents for that subject, in the open campaign, signed at the fixture's time. */
struct draft *draft_begin(struct decision_fixture *fixture, const struct person *subject);
/* Lists a document, and sends it along as it is. */
void draft_add(struct draft *draft, const char *type, const char *media_type, struct slice bytes);
/* Lists a document without sending it. */
void draft_list(struct draft *draft, const char *type, const char *media_type, struct slice bytes);
/* draft_begin with PEOPLE_RETURN. */
struct draft *draft_simple(struct decision_fixture *fixture, const struct person *subject);
/* Signs, and gives the request. */
struct msg_file_request draft_sign(struct decision_fixture *fixture, struct draft *draft, const struct person *signer);
struct msg_upload_request draft_upload(struct decision_fixture *fixture, struct draft *draft,
    const struct person *signer);

/* ---- asking ---- */

/* Files what is accepted; ends the test when it is refused. */
const struct msg_receipt_answer *people_file(struct decision_fixture *fixture, const struct msg_file_request *request);
/* The number in a receipt's body. */
const char *people_number(struct decision_fixture *fixture, struct slice receipt);
/* Fails unless the decision is refused like this; NULL or "" is nothing there, "*" anything. */
void assert_refused(const struct effects *effects, enum error error, const char *place, const char *value,
    const char *expected);
/* The same for one of several reasons, from 0. */
void assert_reason(const struct effects *effects, size_t nth, enum error error, const char *place, const char *value,
    const char *expected);
size_t count_reasons(const struct effects *effects);
size_t count_puts(const struct effects *effects, enum key_prefix prefix);

/* The two stores that every group of tests runs over: one that answers at once and one that is late. */
#define RUN_OVER_BOTH(name, tests)                                                                                 \
	(cmocka_run_group_tests_name(name, tests, people_group_at_once, NULL) |                                    \
	    cmocka_run_group_tests_name(name " over a late store", tests, people_group_late, NULL))
int people_group_at_once(void **state);
int people_group_late(void **state);
/* Setup and teardown of one test: *state is a fixture over the group's store. */
int people_setup(void **state);
int people_teardown(void **state);
#define PEOPLE_TEST(function) cmocka_unit_test_setup_teardown(function, people_setup, people_teardown)

#endif
