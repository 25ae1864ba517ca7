/* SPDX-License-Identifier: Apache-2.0
 *
 * What was acknowledged, asked for again: every filing sent again and its receipt verified offline, every holder's list
 * of filings, every document, and the log compared with each checkpoint kept on the way. */
#include <stdlib.h>
#include <string.h>

#include "tests/fault/load.h"

struct verified {
	size_t certificates, receipts, documents, checkpoints;
	uint64_t log_size;
};

static struct guichet_request *
ask(struct load *load, struct guichet *guichet, const char *operation)
{
	struct guichet_request *request;

	if (guichet_request_create(guichet, operation, &request, load->problem) != GUICHET_ERROR_none)
		wrong_problem(operation, load->problem);
	return request;
}

static struct guichet_record
answer_of(struct guichet_request *request, const char *what)
{
	if (guichet_request_wait(request) != GUICHET_ERROR_none)
		wrong_problem(what, guichet_request_problem(request));
	return guichet_request_answer(request);
}

/* ---- the log ---- */

/* The newest checkpoint; its size. */
static uint64_t
newest(struct load *load, struct guichet *guichet, struct kept *checkpoint)
{
	struct guichet_request *request = ask(load, guichet, "log_checkpoint");
	uint64_t size;

	kept_set(checkpoint, guichet_record_bytes(answer_of(request, "log_checkpoint"), "checkpoint"));
	guichet_request_destroy(request);
	if (guichet_checkpoint_verify(load->trust, kept_bytes(checkpoint), &size, load->problem) != GUICHET_ERROR_none)
		wrong_problem("checkpoint", load->problem);
	return size;
}

static void
check_all_hold(const struct guichet_verification *verification, const char *what)
{
	for (size_t i = 0; i < guichet_verification_count(verification); i++)
		if (!guichet_verification_passed(verification, i))
			wrong("%s: %s", what, guichet_verification_text(verification, i));
	if (!guichet_verification_holds(verification))
		wrong("%s does not hold", what);
}

/* Does the log that holds this receipt extend the one of the checkpoint, or the other way round? */
static void
check_checkpoint(struct load *load, struct guichet *guichet, const struct paper *paper, const struct kept *checkpoint)
{
	struct guichet_verification *verification;
	struct guichet_request *request = NULL;
	struct guichet_bytes hashes = { NULL, 0 };
	uint64_t size_old, size_new;

	if (guichet_verification_create(load->trust, kept_bytes(&paper->receipt), kept_bytes(&paper->proof),
	    &verification, load->problem) != GUICHET_ERROR_none)
		wrong_problem("verification", load->problem);
	if (!guichet_verification_sizes(verification, kept_bytes(checkpoint), &size_old, &size_new))
		wrong("a checkpoint that cannot be trusted");
	if (size_old != size_new) {
		request = ask(load, guichet, "log_consistency");
		if (guichet_request_set_uint(request, "size_old", size_old) != GUICHET_ERROR_none ||
		    guichet_request_set_uint(request, "size_new", size_new) != GUICHET_ERROR_none)
			wrong("log_consistency: sizes");
		hashes = guichet_record_bytes(answer_of(request, "log_consistency"), "hashes");
	}
	guichet_verification_add_checkpoint(verification, kept_bytes(checkpoint), hashes);
	check_all_hold(verification, "consistency");
	guichet_request_destroy(request);
	guichet_verification_destroy(verification);
}

/* ---- one person's ---- */

static void
check_receipt(struct load *load, struct guichet *guichet, const struct person *person, const struct paper *paper)
{
	struct guichet_verification *verification;
	struct guichet_request *request;

	if (guichet_file_create(guichet, paper->filing, &request, load->problem) != GUICHET_ERROR_none)
		wrong_problem("file", load->problem);
	struct guichet_record answer = answer_of(request, "filing again");
	if (!kept_equal(&paper->receipt, guichet_record_bytes(answer, "receipt")) ||
	    !kept_equal(&paper->proof, guichet_record_bytes(answer, "proof")))
		wrong("a filing sent again got another receipt or proof");
	guichet_request_destroy(request);
	if (guichet_verification_create(load->trust, kept_bytes(&paper->receipt), kept_bytes(&paper->proof),
	    &verification, load->problem) != GUICHET_ERROR_none ||
	    (person->attachment != NULL && guichet_verification_add_document(verification, person->attachment,
	    load->problem) != GUICHET_ERROR_none))
		wrong_problem("verification", load->problem);
	check_all_hold(verification, "receipt");
	guichet_verification_destroy(verification);
}

static void
hex_of(struct guichet_bytes bytes, char *out)
{
	for (size_t i = 0; i < bytes.size; i++)
		sprintf(out + 2 * i, "%02x", bytes.data[i]);
}

/* Is this, byte for byte, the return or the attachment? */
static bool
is_own(struct load *load, const struct person *person, struct guichet_bytes content)
{
	struct guichet_bytes own = guichet_blob_bytes(person->content);
	struct guichet_blob *file = NULL;

	if (own.size == content.size && memcmp(own.data, content.data, own.size) == 0)
		return true;
	if (person->attachment == NULL || guichet_file_read(person->attachment, (size_t)1 << 24, &file,
	    load->problem) != GUICHET_ERROR_none)
		return false;
	own = guichet_blob_bytes(file);
	bool is_equal = own.size == content.size && memcmp(own.data, content.data, own.size) == 0;
	guichet_blob_destroy(file);
	return is_equal;
}

static size_t
check_documents(struct load *load, struct guichet *guichet, const struct person *person, const struct paper *paper)
{
	char reference[65];
	struct guichet_request *request = ask(load, guichet, "filing"), *fetch;

	hex_of(guichet_filing_id(paper->filing), reference);
	if (guichet_request_set_bytes(request, "reference", guichet_bytes_of_text(reference)) != GUICHET_ERROR_none)
		wrong("filing: reference");
	struct guichet_record answer = answer_of(request, "filing");
	size_t count = guichet_record_count(answer, "documents"), expected = person->attachment != NULL ? 2 : 1;
	if (count != expected)
		wrong("%zu documents, not %zu", count, expected);
	for (size_t i = 0; i < count; i++) {
		struct guichet_bytes digest =
		    guichet_record_bytes(guichet_record_row(answer, "documents", i), "digest");
		if (guichet_document_create(guichet, reference, digest, &fetch, load->problem) != GUICHET_ERROR_none)
			wrong_problem("document", load->problem);
		(void)answer_of(fetch, "document");
		if (!is_own(load, person, guichet_document_content(fetch)))
			wrong("a document is not what was sent");
		guichet_request_destroy(fetch);
	}
	guichet_request_destroy(request);
	return count;
}

/* The list has every filing acknowledged, once, and besides at most the one whose answer was lost. */
static void
check_list(struct load *load, struct guichet *guichet, const struct person *person)
{
	struct guichet_request *request = ask(load, guichet, "filings");
	struct guichet_record answer = answer_of(request, "filings");
	size_t rows = guichet_record_count(answer, "filings"), found = 0, signed_papers = 0;

	for (size_t nth = 0; nth < PAPERS; nth++) {
		const struct paper *paper = &person->papers[nth];
		if (paper->filing == NULL)
			continue;
		size_t times = 0;
		struct guichet_bytes id = guichet_filing_id(paper->filing);
		for (size_t i = 0; i < rows; i++) {
			struct guichet_bytes row =
			    guichet_record_bytes(guichet_record_row(answer, "filings", i), "id");
			times += row.size == id.size && memcmp(row.data, id.data, id.size) == 0;
		}
		if (times > 1 || (times == 0 && paper->receipt.data != NULL))
			wrong("an acknowledged filing is listed %zu times", times);
		found += times;
		signed_papers++;
	}
	if (found != rows || rows > signed_papers)
		wrong("%zu filings are listed, %zu of them known", rows, found);
	guichet_request_destroy(request);
}

void
verify_all(struct load *load, const char *address)
{
	struct verified verified = { 0 };
	struct guichet *guichet;
	struct kept checkpoint;
	const struct paper *last = NULL;

	if (guichet_create(load->trust, address, &guichet, load->problem) != GUICHET_ERROR_none)
		wrong_problem("connecting", load->problem);
	verified.log_size = newest(load, guichet, &checkpoint);
	for (size_t i = 0; i < load->count; i++) {
		const struct person *person = &load->people[i];
		verified.certificates += person->is_enrolled;
		if (person->papers[PAPER_FIRST].receipt.data == NULL)
			continue;
		guichet_login(guichet, person->identity);
		check_list(load, guichet, person);
		for (size_t nth = 0; nth < PAPERS; nth++) {
			const struct paper *paper = &person->papers[nth];
			if (paper->receipt.data == NULL)
				continue;
			check_receipt(load, guichet, person, paper);
			verified.documents += check_documents(load, guichet, person, paper);
			verified.receipts++;
			last = paper;
		}
	}
	for (size_t i = 0; last != NULL && i < load->checkpoints_count; i++, verified.checkpoints++)
		check_checkpoint(load, guichet, last, &load->checkpoints[i]);
	if (last != NULL)
		check_checkpoint(load, guichet, last, &checkpoint);
	free(checkpoint.data);
	guichet_destroy(guichet);
	printf("verified certificates %zu receipts %zu documents %zu checkpoints %zu log_size %llu repeated %zu\n",
	    verified.certificates, verified.receipts, verified.documents, verified.checkpoints,
	    (unsigned long long)verified.log_size, load->repeated);
}
