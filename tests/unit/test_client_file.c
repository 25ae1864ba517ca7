/* SPDX-License-Identifier: Apache-2.0
 *
 * A filing made, signed, put away, taken up and sent: whole, in parts, and in parts with the connection lost in
 * between. */
#include "tests/unit/client_office.h"
#include "tests/unit/stream_pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/filing.h"
#include "client/identity.h"
#include "protocol/codec.h"
#include "protocol/digest.h"
#include "protocol/receipt.h"
#include "tests/unit/catalogue_file.h"
#include "tests/unit/file.h"

#define SPI "3023217600053"
#define RETURN_TEXT "{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"1AJ\":15000}}"
#define ATTACHMENT_SIZE ((size_t)150000)

static char attachment_path[64];

static int
set_up(void **state)
{
	snprintf(attachment_path, sizeof attachment_path, "/tmp/guichet-attachment-%ld.pdf", (long)getpid());
	FILE *file = fopen(attachment_path, "wb");
	assert_non_null(file);
	for (size_t i = 0; i < ATTACHMENT_SIZE; i++)
		fputc((int)(i * 2654435761u >> 13 & 0xff), file);
	fclose(file);
	return pair_set_up(state);
}

static int
tear_down(void **state)
{
	unlink(attachment_path);
	return pair_tear_down(state);
}

/* ---- an office that takes filings ---- */

static const uint8_t token[UPLOAD_TOKEN_SIZE] = "of this upload";

/* What the script keeps between requests. */
struct counter {
	struct arena *arena;
	struct buf *received; /* of the attachment */
	unsigned parts, uploads, files;
	unsigned drop_at_part; /* cut the connection when that part comes, stored or not; 0: never */
	bool stores_dropped;
	bool corrupts; /* finds the attachment wrong when its last byte is there, until it begins anew */
	bool corrupts_always;
	bool forgets; /* says of all that was uploaded that it is missing */
	bool keeps_token; /* an office that opens uploads and gives no token */
	size_t documents;	/* in the last file request */
	struct slice signature; /* of the last request that had one */
};

static void
answer_receipt(struct office *office, const struct frame *request, struct slice manifest)
{
	struct receipt receipt = { .origin = SLICE_LITERAL(OFFICE_ORIGIN),
		.campaign = SLICE_LITERAL("ir-2025"),
		.income_year = 2025,
		.received_at = 1800000000,
		.mode = SLICE_LITERAL("online") };
	struct receipt_person person = {
		.spi = SLICE_LITERAL(SPI), .birth_name = SLICE_LITERAL("Garçon"), .first_names = SLICE_LITERAL("Zoé")
	};
	struct receipt_signer signer = { .spi = SLICE_LITERAL(SPI), .signing_time = 1800000000 };
	struct receipt_document document = {
		.type = SLICE_LITERAL("2042"), .media_type = SLICE_LITERAL("application/json"), .size = 5
	};
	char number[RECEIPT_NUMBER_SIZE + 1];
	struct buf *body = buf_create(LIMIT_RECEIPT_SIZE), *checkpoint_text = buf_create(LIMIT_PROOF_SIZE);
	struct buf *proof_text = buf_create(LIMIT_PROOF_SIZE);
	struct checkpoint checkpoint = { .origin = OFFICE_ORIGIN, .size = 1 };
	const struct merkle_proof proof = { .count = 0 };

	receipt_number_make((const uint8_t[10]){ 1, 2, 3 }, number);
	receipt.number = slice_of_text(number);
	receipt.persons = &person;
	receipt.signers = &signer;
	receipt.documents = &document;
	receipt.persons_count = receipt.signers_count = receipt.documents_count = 1;
	digest_bytes(manifest, receipt.filing_id);
	receipt_put(body, &receipt);
	assert_true(buf_ok(body));
	merkle_hash_leaf(buf_peek(body), &checkpoint.root);
	assert_int_equal(checkpoint_sign(checkpoint_text, &checkpoint, office->log_key), ERROR_NONE);
	tlog_proof_put(proof_text, 0, &proof, buf_peek(checkpoint_text));
	struct msg_receipt_answer answer = { .receipt = buf_peek(body), .proof = buf_peek(proof_text) };
	office_answer(office, request, &answer);
	buf_destroy(body);
	buf_destroy(checkpoint_text);
	buf_destroy(proof_text);
}

static enum verdict
take_upload(struct office *office, const struct frame *request, struct counter *counter)
{
	const struct msg_upload_request *upload = office_decode(request, counter->arena);
	struct manifest manifest;
	struct fault fault;
	uint8_t id[DIGEST_SIZE];

	counter->uploads++;
	counter->signature = upload->signature;
	assert_int_equal(manifest_parse(upload->manifest, counter->arena, &manifest, &fault), ERROR_NONE);
	assert_int_equal(manifest.documents_count, 2);
	digest_bytes(upload->manifest, id);
	struct msg_upload_state upload_state = { .digest = slice_of(manifest.documents[1].digest, DIGEST_SIZE),
		.received = buf_size(counter->received) };
	struct msg_upload_answer answer = {
		.id = slice_of(id, sizeof id), .documents = &upload_state, .documents_count = 1,
		.has_token = !counter->keeps_token, .token = slice_of(token, sizeof token)
	};
	office_answer(office, request, &answer);
	return VERDICT_DONE;
}

static enum verdict
take_part(struct office *office, const struct frame *request, struct counter *counter)
{
	const struct msg_part_request *part = office_decode(request, counter->arena);
	bool drops = ++counter->parts == counter->drop_at_part;

	assert_true(slice_equal(part->token, slice_of(token, sizeof token)));
	if (part->offset == 0 && buf_size(counter->received) != 0) {
		buf_clear(counter->received);
		counter->corrupts = counter->corrupts_always;
	}
	if (part->offset != buf_size(counter->received)) {
		office_refuse(office, request, ERROR_upload_offset, 0);
		return VERDICT_DONE;
	}
	if (part->offset + part->content.size == ATTACHMENT_SIZE && counter->corrupts) {
		office_refuse(office, request, ERROR_document_corrupt, 0);
		return VERDICT_DONE;
	}
	if (!drops || counter->stores_dropped)
		buf_put(counter->received, part->content);
	if (drops)
		return VERDICT_DROP;
	struct msg_part_answer answer = { .received = buf_size(counter->received) };
	office_answer(office, request, &answer);
	return VERDICT_DONE;
}

static enum verdict
take_filing(struct office *office, const struct frame *request)
{
	struct counter *counter = office->context;

	if (request->op == OPERATION_upload)
		return take_upload(office, request, counter);
	if (request->op == OPERATION_part)
		return take_part(office, request, counter);
	assert_int_equal(request->op, OPERATION_file);
	const struct msg_file_request *file = office_decode(request, counter->arena);
	counter->files++;
	if (counter->forgets) {
		buf_clear(counter->received);
		office_refuse(office, request, ERROR_documents_missing, 0);
		return VERDICT_DONE;
	}
	counter->documents = file->documents_count;
	counter->signature = file->signature;
	answer_receipt(office, request, file->manifest);
	return VERDICT_DONE;
}

/* ---- filings ---- */

static struct guichet_filing *
make_filing(struct office *office, bool with_attachment)
{
	struct guichet_filing *filing;
	office->trust.has_campaign = true;
	office->trust.campaign.name = SLICE_LITERAL("ir-2025");
	office->trust.campaign.income_year = 2025;
	assert_int_equal(guichet_filing_create(&office->trust, SPI, &filing, NULL), GUICHET_ERROR_none);
	assert_int_equal(
	    guichet_filing_add_return(filing, guichet_bytes_of_text(RETURN_TEXT), NULL), GUICHET_ERROR_none);
	if (with_attachment)
		assert_int_equal(
		    guichet_filing_add_attachment(filing, attachment_path, "document", NULL, NULL), GUICHET_ERROR_none);
	return filing;
}

/* Sends a signed filing through the script and expects a receipt. */
static void
send_filing(struct office *office, const struct guichet_filing *filing)
{
	struct guichet *guichet;
	struct guichet_request *request;
	assert_int_equal(guichet_create(&office->trust, office->address, &guichet, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_file_create(guichet, filing, &request, NULL), GUICHET_ERROR_none);
	office_run(office, request);
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_none);
	assert_true(guichet_record_bytes(guichet_request_answer(request), "receipt").size != 0);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
}

static void
open_counter(struct office *office, struct counter *counter)
{
	*counter = (struct counter){ .arena = arena_create(64 << 20), .received = buf_create(1 << 20) };
	office_open(office, take_filing);
	office->context = counter;
}

static void
close_counter(struct office *office, struct counter *counter)
{
	office_close(office);
	arena_destroy(counter->arena);
	buf_destroy(counter->received);
}

static void
assert_attachment_arrived(const struct counter *counter)
{
	size_t size;
	char *sent = file_read(attachment_path, &size);
	assert_int_equal(size, ATTACHMENT_SIZE);
	assert_int_equal(buf_size(counter->received), size);
	assert_memory_equal(buf_peek(counter->received).data, sent, size);
	free(sent);
}

static void
what_fits_goes_in_one_message(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	struct guichet_identity *identity = office_identity(1);
	struct guichet_filing *filing = make_filing(&office, true);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_none);
	send_filing(&office, filing);
	assert_int_equal(counter.files, 1);
	assert_int_equal(counter.documents, 2);
	assert_int_equal(counter.uploads, 0);
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
	close_counter(&office, &counter);
}

/* 64 KB parts of a 150 KB attachment, a frame that is too small for it. */
static void
run_upload(struct counter *counter, struct office *office)
{
	office->frame_body_max = 100000;
	office->part_size_max = LIMIT_PART_MIN;
	struct guichet_identity *identity = office_identity(1);
	struct guichet_filing *filing = make_filing(office, true);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_none);
	send_filing(office, filing);
	assert_attachment_arrived(counter);
	assert_int_equal(counter->files, 1);
	assert_int_equal(counter->documents, 1); /* the return alone */
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
}

static void
what_does_not_fit_is_uploaded(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	run_upload(&counter, &office);
	assert_int_equal(counter.uploads, 1);
	assert_int_equal(counter.parts, 3);
	close_counter(&office, &counter);
}

static void
upload_goes_on_where_the_connection_was_lost(void **state)
{
	(void)state;
	for (int stored = 0; stored < 2; stored++) {
		struct office office;
		struct counter counter;
		open_counter(&office, &counter);
		counter.drop_at_part = 2;
		counter.stores_dropped = stored != 0;
		run_upload(&counter, &office);
		assert_int_equal(office.connections, 2);
		assert_int_equal(counter.uploads, 2);
		/* The part whose answer was lost is sent again only when it had not been stored. */
		assert_int_equal(counter.parts, stored ? 3 : 4);
		close_counter(&office, &counter);
	}
}

/* Signs and sends a filing with an attachment; what came of it. */
static enum guichet_error
try_filing(struct office *office)
{
	struct guichet *guichet;
	struct guichet_request *request;
	struct guichet_identity *identity = office_identity(1);
	struct guichet_filing *filing = make_filing(office, true);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_create(&office->trust, office->address, &guichet, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_file_create(guichet, filing, &request, NULL), GUICHET_ERROR_none);
	office_run(office, request);
	enum guichet_error error = guichet_request_error(request);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
	return error;
}

/* The office keeps the parts before the last, one of which is wrong: going on after them would never end well. */
static void
what_arrived_wrong_goes_again_from_its_beginning(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	counter.corrupts = true;
	run_upload(&counter, &office);
	assert_int_equal(office.connections, 1);
	assert_int_equal(counter.parts, 6);
	close_counter(&office, &counter);
}

static void
what_arrives_wrong_twice_is_refused(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	counter.corrupts = counter.corrupts_always = true;
	office.frame_body_max = 100000;
	office.part_size_max = LIMIT_PART_MIN;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_document_corrupt);
	assert_int_equal(counter.parts, 6);
	assert_int_equal(counter.files, 0);
	close_counter(&office, &counter);
}

/* An office that says of all that it stored that it is missing. */
static void
what_is_forgotten_for_ever_has_an_end(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	counter.forgets = true;
	office.frame_body_max = 100000;
	office.part_size_max = LIMIT_PART_MIN;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_answer_malformed);
	/* Three parts, and eight times again. */
	assert_int_equal(counter.parts, 27);
	assert_int_equal(counter.files, 9);
	close_counter(&office, &counter);
}

static void
an_upload_without_a_token_is_no_upload(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	counter.keeps_token = true;
	office.frame_body_max = 100000;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_answer_malformed);
	assert_int_equal(counter.parts, 0);
	close_counter(&office, &counter);
}

/* An office that takes less than this library knows of: it has said so, and is not sent what it would refuse. */
static void
what_an_office_does_not_take_is_not_sent(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	office.returns_total_max = 10;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_documents_too_large);
	office.returns_total_max = LIMIT_RETURNS_TOTAL;
	office.manifest_size_max = 100;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_documents_too_large);
	assert_int_equal(office.requests, 0);
	close_counter(&office, &counter);
}

/* An older office does not tell the limits that were added: it is sent what it may take. */
static void
limits_that_an_office_does_not_tell_are_none(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	open_counter(&office, &counter);
	office.is_older = true;
	office.returns_total_max = office.manifest_size_max = 1;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_none);
	/* Parts of any size that it names, then, and none that is nothing. */
	office.part_size_max = 1;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_none);
	office.part_size_max = 0;
	assert_int_equal(try_filing(&office), GUICHET_ERROR_answer_malformed);
	close_counter(&office, &counter);
}

static enum verdict
answer_for_another_filing(struct office *office, const struct frame *request)
{
	answer_receipt(office, request, SLICE_LITERAL("another manifest"));
	return VERDICT_DONE;
}

static void
receipt_of_another_filing_is_not_taken(void **state)
{
	(void)state;
	struct office office;
	struct guichet *guichet;
	struct guichet_request *request;
	office_open(&office, answer_for_another_filing);
	struct guichet_identity *identity = office_identity(1);
	struct guichet_filing *filing = make_filing(&office, false);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_create(&office.trust, office.address, &guichet, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_file_create(guichet, filing, &request, NULL), GUICHET_ERROR_none);
	office_run(&office, request);
	assert_int_equal(guichet_request_error(request), GUICHET_ERROR_proof_invalid);
	guichet_request_destroy(request);
	guichet_destroy(guichet);
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
	office_close(&office);
}

static void
saved_filing_is_sent_byte_for_byte(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	struct guichet_filing *loaded;
	struct guichet_problem *problem = guichet_problem_create();
	struct guichet_blob *saved, *again;
	struct catalogue *catalogue;
	struct guichet_request *request;
	struct guichet *guichet;
	open_counter(&office, &counter);
	struct guichet_identity *identity = office_identity(7);
	struct guichet_filing *filing = make_filing(&office, true);
	assert_int_equal(guichet_filing_save(filing, &saved, NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_save(filing, &saved, NULL), GUICHET_ERROR_none);
	assert_int_equal(
	    guichet_filing_load(&office.trust, guichet_blob_bytes(saved), &loaded, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_save(loaded, &again, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_blob_bytes(again).size, guichet_blob_bytes(saved).size);
	assert_memory_equal(
	    guichet_blob_bytes(again).data, guichet_blob_bytes(saved).data, guichet_blob_bytes(saved).size);
	assert_true(guichet_filing_equal(filing, loaded));

	/* Not to be sent before its documents are there, which must be the ones that were signed. */
	assert_int_equal(guichet_create(&office.trust, office.address, &guichet, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_file_create(guichet, loaded, &request, NULL), GUICHET_ERROR_documents_missing);
	guichet_destroy(guichet);
	assert_int_equal(guichet_filing_supply(loaded, "Makefile", NULL), GUICHET_ERROR_document_not_listed);
	assert_int_equal(guichet_filing_supply(loaded, attachment_path, NULL), GUICHET_ERROR_none);
	file_write(pair_path("return.json"), slice_of_text(RETURN_TEXT));
	assert_int_equal(guichet_filing_supply(loaded, pair_path("return.json"), NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_supply(loaded, pair_path("return.json"), NULL), GUICHET_ERROR_none);
	unlink(pair_path("return.json"));
	office.trust.catalogue = catalogue = catalogue_file_load();
	assert_int_equal(guichet_filing_check(loaded, problem), guichet_filing_check(filing, NULL));
	assert_int_not_equal(guichet_problem_error(problem), GUICHET_ERROR_out_of_memory);
	assert_int_equal(loaded->returns_total, strlen(RETURN_TEXT)); /* the measure of the memory that rules have */
	catalogue_destroy(catalogue);
	guichet_problem_destroy(problem);
	send_filing(&office, loaded);
	assert_true(slice_equal(counter.signature, filing->signature));
	guichet_blob_destroy(saved);
	guichet_blob_destroy(again);
	guichet_filing_destroy(filing);
	guichet_filing_destroy(loaded);
	guichet_identity_destroy(identity);
	close_counter(&office, &counter);
}

/* The clock was wrong: the text, and so the filing, is the one it was, its signature another. */
static void
signed_anew_it_is_the_same_filing(void **state)
{
	(void)state;
	struct office office;
	struct counter counter;
	struct guichet_problem *problem = guichet_problem_create();
	open_counter(&office, &counter);
	struct guichet_identity *identity = office_identity(7), *bare;
	struct guichet_filing *filing = make_filing(&office, false);
	uint64_t not_before = identity_not_before(identity);
	uint8_t id[DIGEST_SIZE];
	char value[TIME_UTC_SIZE + 1] = "";

	assert_int_equal(guichet_filing_sign_again(filing, identity, 0, NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_filing_sign(filing, identity, not_before + 86400, NULL), GUICHET_ERROR_none);
	memcpy(id, filing->id, sizeof id);
	/* What cannot be signed leaves what was, and is told in a form that people read. */
	assert_int_equal(guichet_identity_generate("p256", &bare, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_sign_again(filing, bare, 0, NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_filing_sign_again(filing, identity, not_before - 1, problem),
	    GUICHET_ERROR_signing_time_invalid);
	time_format_utc(not_before - 1, value);
	assert_string_equal(guichet_problem_value(problem), value);
	assert_int_equal(filing->signing_time, not_before + 86400);
	assert_int_equal(guichet_filing_sign_again(filing, identity, not_before + 1, NULL), GUICHET_ERROR_none);
	assert_int_equal(filing->signing_time, not_before + 1);
	assert_memory_equal(filing->id, id, sizeof id);
	send_filing(&office, filing);
	assert_true(slice_equal(counter.signature, filing->signature));
	guichet_problem_destroy(problem);
	guichet_identity_destroy(bare);
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
	close_counter(&office, &counter);
}

static void
saved_filing_that_was_changed_is_refused(void **state)
{
	(void)state;
	struct office office;
	struct guichet_filing *loaded;
	struct guichet_blob *saved;
	office_open(&office, take_filing);
	struct guichet_identity *identity = office_identity(7);
	struct guichet_filing *filing = make_filing(&office, false);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_save(filing, &saved, NULL), GUICHET_ERROR_none);
	struct guichet_bytes bytes = guichet_blob_bytes(saved);
	for (size_t size = 0; size < bytes.size; size++)
		assert_int_not_equal(
		    guichet_filing_load(&office.trust, (struct guichet_bytes){ bytes.data, size }, &loaded, NULL),
		    GUICHET_ERROR_none);
	guichet_blob_destroy(saved);
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
	office_close(&office);
}

static void
signed_filing_takes_no_more(void **state)
{
	(void)state;
	struct office office;
	struct guichet_filing *empty;
	office_open(&office, take_filing);
	struct guichet_identity *identity = office_identity(7), *bare;
	struct guichet_filing *filing = make_filing(&office, false);
	assert_int_equal(
	    guichet_filing_add_return(filing, guichet_bytes_of_text(RETURN_TEXT), NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_filing_add_attachment(filing, "Makefile", "document", NULL, NULL),
	    GUICHET_ERROR_media_type_refused);
	assert_int_equal(
	    guichet_filing_add_attachment(filing, attachment_path, "Not a word", NULL, NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_filing_set_replaces(filing, "not a number", NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_identity_generate("p256", &bare, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_sign(filing, bare, 0, NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_filing_sign(filing, identity, 1, NULL), GUICHET_ERROR_signing_time_invalid);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, NULL), GUICHET_ERROR_usage);
	assert_int_equal(
	    guichet_filing_add_attachment(filing, attachment_path, "document", NULL, NULL), GUICHET_ERROR_usage);
	assert_int_equal(guichet_filing_create(&office.trust, "3023217600054", &empty, NULL), GUICHET_ERROR_usage);
	guichet_identity_destroy(bare);
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
	office_close(&office);
}

/* It is kept for guichet_filing_check to say what is wrong with it. */
static void
return_without_form_is_not_signed(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, take_filing);
	struct guichet_identity *identity = office_identity(7);
	struct guichet_filing *filing = make_filing(&office, false);
	struct guichet_problem *problem = guichet_problem_create();
	assert_int_equal(
	    guichet_filing_add_return(filing, guichet_bytes_of_text("{\"form\":"), problem), GUICHET_ERROR_none);
	assert_int_equal(guichet_filing_sign(filing, identity, 0, problem), GUICHET_ERROR_json_malformed);
	assert_string_equal(guichet_problem_place(problem), "document 2");
	guichet_problem_destroy(problem);
	guichet_filing_destroy(filing);
	guichet_identity_destroy(identity);
	office_close(&office);
}

static void
identity_lives_in_its_file_under_its_password(void **state)
{
	(void)state;
	struct guichet_identity *identity = office_identity(9), *opened;
	struct guichet_blob *file;
	assert_int_equal(guichet_identity_save(identity, "pâsse", &file, NULL), GUICHET_ERROR_none);
	assert_int_equal(
	    guichet_identity_open(guichet_blob_bytes(file), "passe", &opened, NULL), GUICHET_ERROR_password_wrong);
	assert_int_equal(guichet_identity_open(guichet_bytes_of_text("no file"), "pâsse", &opened, NULL),
	    GUICHET_ERROR_password_wrong);
	assert_int_equal(guichet_identity_open(guichet_blob_bytes(file), "pâsse", &opened, NULL), GUICHET_ERROR_none);
	assert_memory_equal(guichet_identity_serial(opened).data, guichet_identity_serial(identity).data, SERIAL_SIZE);
	assert_memory_equal(guichet_identity_spi(opened).data, SPI, 13);
	assert_memory_equal(guichet_identity_holder(opened).data, "Zoé Garçon", strlen("Zoé Garçon"));
	assert_memory_equal(identity_digest(opened), identity_digest(identity), DIGEST_SIZE);
	guichet_blob_destroy(file);
	guichet_identity_destroy(identity);
	guichet_identity_destroy(opened);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_goes_in_one_message),
		cmocka_unit_test(what_does_not_fit_is_uploaded),
		cmocka_unit_test(upload_goes_on_where_the_connection_was_lost),
		cmocka_unit_test(what_arrived_wrong_goes_again_from_its_beginning),
		cmocka_unit_test(what_arrives_wrong_twice_is_refused),
		cmocka_unit_test(what_is_forgotten_for_ever_has_an_end),
		cmocka_unit_test(an_upload_without_a_token_is_no_upload),
		cmocka_unit_test(what_an_office_does_not_take_is_not_sent),
		cmocka_unit_test(limits_that_an_office_does_not_tell_are_none),
		cmocka_unit_test(receipt_of_another_filing_is_not_taken),
		cmocka_unit_test(saved_filing_is_sent_byte_for_byte),
		cmocka_unit_test(signed_anew_it_is_the_same_filing),
		cmocka_unit_test(saved_filing_that_was_changed_is_refused),
		cmocka_unit_test(signed_filing_takes_no_more),
		cmocka_unit_test(return_without_form_is_not_signed),
		cmocka_unit_test(identity_lives_in_its_file_under_its_password),
	};
	return cmocka_run_group_tests_name("client file", tests, set_up, tear_down);
}
