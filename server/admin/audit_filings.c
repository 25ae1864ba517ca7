/* SPDX-License-Identifier: Apache-2.0
 *
 * Filings: each with its evidence (A19), its leaf, its number, the persons it concerns, what it replaces and what
 * replaced it; and all of these back again. */
#include "server/admin/audit.h"

#include <string.h>

#include "protocol/digest.h"
#include "protocol/manifest.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"

/* A filing while it is checked. */
struct filing {
	struct audit *audit;
	struct rec_filing record;
	struct rec_archive_filing archive;
	struct rec_certificate certificate;
	struct manifest manifest;
	struct receipt receipt;
};

static struct slice
filing_key(struct audit *audit, struct slice id, struct slice signer)
{
	return KEY_MAKE(audit->arena, KEY_filing, id, signer);
}

bool
audit_find_number(struct audit *audit, struct slice number, struct rec_filing *out)
{
	struct rec_filing_pointer pointer;

	return receipt_number_valid(number) &&
	    audit_find(audit, KEY_MAKE(audit->arena, KEY_number, number), record_filing_pointer(), &pointer) &&
	    audit_find(audit, filing_key(audit, pointer.id, pointer.signer), record_filing(), out);
}

/* Notes what is wrong with a filing, by its number. */
static void
expect(struct filing *filing, bool holds, const char *expected)
{
	struct slice number = filing->record.number;

	if (!holds)
		audit_disagree(filing->audit, "filing",
		    receipt_number_valid(number) ? number : SLICE_LITERAL("of a malformed number"), expected);
}

/* ---- evidence ---- */

/* The key that the certificate's record names made this signature over this manifest, while it was valid. */
static void
check_signature(struct filing *filing)
{
	struct audit *audit = filing->audit;
	const struct rec_archive_filing *archive = &filing->archive;
	const struct rec_certificate *certificate = &filing->certificate;
	struct buf *attributes = buf_create(1024);
	const struct key_public key = record_certificate_key(certificate);
	bool is_good = false;

	if (attributes != NULL) {
		signature_attributes_put(attributes, archive->signing_time, filing->record.id.data,
		    certificate->digest.data);
		is_good = buf_ok(attributes) &&
		    key_verify(audit->key_verifier, &key, buf_peek(attributes), archive->signature) == ERROR_NONE;
	}
	buf_destroy(attributes);
	expect(filing, is_good, "a signature that holds over its manifest");
	expect(filing,
	    archive->signing_time >= certificate->not_before && archive->signing_time <= certificate->not_after,
	    "a signing time within the certificate's validity");
}

/* The filing's leaf has to stand before the revocation's: places in the log, not times, since a clock may have been set
 * back in between. A revocation from before such records had their place in the log is compared by its time. */
static void
check_not_revoked(struct filing *filing)
{
	struct audit *audit = filing->audit;
	const struct rec_certificate *certificate = &filing->certificate;
	struct rec_revocation revocation;

	if (!certificate->has_revoked_at)
		return;
	bool found = audit_find(audit, KEY_MAKE(audit->arena, KEY_revocation, certificate->serial),
	    record_revocation(), &revocation);
	bool is_before = found && revocation.has_leaf ?
	    filing->record.leaf < revocation.leaf :
	    certificate->revoked_at >= filing->record.received_ms / 1000;
	expect(filing, is_before, "a certificate not yet revoked when it was received");
}

static void
check_signer(struct filing *filing)
{
	struct audit *audit = filing->audit;
	struct slice key = KEY_MAKE(audit->arena, KEY_certificate, filing->archive.serial);

	if (!audit_find(audit, key, record_certificate(), &filing->certificate)) {
		expect(filing, false, "the signer's certificate on record");
		return;
	}
	struct keyed signer = audit_keyed(audit, "person", filing->certificate.spi);
	expect(filing, filing->certificate.has_spi && slice_equal(filing->record.signer, key_part_keyed(&signer)),
	    "the certificate's holder as signer");
	check_signature(filing);
	check_not_revoked(filing);
}

static void
check_manifest(struct filing *filing)
{
	const struct rec_filing *record = &filing->record;
	const struct manifest *manifest = &filing->manifest;
	uint8_t id[DIGEST_SIZE];

	digest_bytes(filing->archive.manifest, id);
	expect(filing, slice_equal(record->id, slice_of(id, sizeof id)), "the SHA-256 of its manifest as id");
	expect(filing, slice_equal_text(manifest->origin, filing->audit->settings.origin),
	    "a manifest for this office");
	expect(filing, slice_equal(manifest->campaign, record->campaign), "the manifest's campaign");
	expect(filing,
	    record->has_replaces ? slice_equal(manifest->replaces, record->replaces) : manifest->replaces.size == 0,
	    "the number that the manifest replaces");
}

static bool
receipt_has_documents(const struct receipt *receipt, const struct manifest *manifest)
{
	if (receipt->documents_count != manifest->documents_count)
		return false;
	for (size_t i = 0; i < manifest->documents_count; i++) {
		const struct receipt_document *told = &receipt->documents[i];
		const struct manifest_document *signed_for = &manifest->documents[i];
		if (!slice_equal(told->type, signed_for->type) ||
		    !slice_equal(told->media_type, signed_for->media_type) ||
		    told->size != signed_for->size || memcmp(told->digest, signed_for->digest, DIGEST_SIZE) != 0)
			return false;
	}
	return true;
}

static bool
has_person(const struct rec_filing *record, const struct keyed *person)
{
	for (size_t i = 0; i < record->persons_count; i++)
		if (slice_equal(record->persons[i].person, key_part_keyed(person)))
			return true;
	return false;
}

/* The receipt names the persons that are entitled, the subject among them. */
static bool
receipt_has_persons(const struct filing *filing)
{
	const struct receipt *receipt = &filing->receipt;
	bool has_subject = false;

	if (receipt->persons_count != filing->record.persons_count)
		return false;
	for (size_t i = 0; i < receipt->persons_count; i++) {
		struct keyed person = audit_keyed(filing->audit, "person", receipt->persons[i].spi);
		if (!has_person(&filing->record, &person))
			return false;
		has_subject |= slice_equal(receipt->persons[i].spi, filing->manifest.spi);
	}
	return has_subject || filing->manifest.spi.size == 0;
}

static bool
receipt_has_signer(const struct filing *filing)
{
	for (size_t i = 0; i < filing->receipt.signers_count; i++) {
		const struct receipt_signer *signer = &filing->receipt.signers[i];
		if (slice_equal(slice_of(signer->serial, SERIAL_SIZE), filing->archive.serial) &&
		    signer->signing_time == filing->archive.signing_time)
			return true;
	}
	return false;
}

/* The one year that the campaign stands for; none is on record for filings older than such records. */
static bool
receipt_has_year(const struct filing *filing)
{
	struct audit *audit = filing->audit;
	struct keyed campaign = audit_keyed(audit, "campaign", filing->record.campaign);
	struct rec_campaign_year year;

	return !audit_find(audit, KEY_MAKE(audit->arena, KEY_campaign_year, key_part_keyed(&campaign)),
	    record_campaign_year(), &year) || year.income_year == filing->receipt.income_year;
}

static void
check_receipt(struct filing *filing)
{
	const struct rec_filing *record = &filing->record;
	const struct receipt *receipt = &filing->receipt;
	const char *mode = filing->manifest.mode == MODE_OFFLINE ? "offline" : "online";

	expect(filing, slice_equal(receipt->number, record->number), "its number in its receipt");
	expect(filing, slice_equal(slice_of(receipt->filing_id, DIGEST_SIZE), record->id), "its id in its receipt");
	expect(filing, slice_equal_text(receipt->origin, filing->audit->settings.origin), "a receipt of this office");
	expect(filing, slice_equal(receipt->campaign, record->campaign), "its campaign in its receipt");
	expect(filing, receipt_has_year(filing), "its campaign's year in its receipt");
	expect(filing, receipt->received_at == record->received_ms / 1000, "its reception time in its receipt");
	expect(filing, slice_equal(receipt->replaces, filing->manifest.replaces), "in its receipt what it replaces");
	expect(filing, slice_equal_text(receipt->mode, mode), "its mode in its receipt");
	expect(filing,
	    receipt->last_in_time == 0 || receipt->in_time == (receipt->received_at <= receipt->last_in_time),
	    "a receipt that says in time or late as its times do");
	expect(filing, receipt_has_documents(receipt, &filing->manifest), "the manifest's documents in its receipt");
	expect(filing, receipt_has_persons(filing), "the persons it concerns in its receipt");
	expect(filing, receipt_has_signer(filing), "its signer in its receipt");
}

/* ---- who points at it, and where it points ---- */

static void
check_leaf(struct filing *filing)
{
	struct audit *audit = filing->audit;
	const struct rec_filing *record = &filing->record;
	struct rec_log_batch batch;
	struct slice key = KEY_MAKE(audit->arena, KEY_log_batch, key_part_u64(audit->arena, record->log_batch));

	if (!audit_find(audit, key, record_log_batch(), &batch)) {
		expect(filing, false, "its log batch on record");
		return;
	}
	uint64_t nth = record->leaf - batch.size_before, count = batch.archives.size / sizeof(struct blob_ref);
	expect(filing,
	    record->leaf >= batch.size_before && nth < count &&
		slice_equal(record->archive,
		    slice_of(batch.archives.data + nth * sizeof(struct blob_ref), sizeof(struct blob_ref))),
	    "its archive entry behind its leaf");
}

static bool
points_at(const struct rec_filing_pointer *pointer, const struct rec_filing *record)
{
	return slice_equal(pointer->id, record->id) && slice_equal(pointer->signer, record->signer);
}

/* What the key of a person's entry begins with, whatever makes it unique behind that. */
static struct slice
person_key(struct audit *audit, struct slice person, const struct rec_filing *record)
{
	return KEY_MAKE(audit->arena, KEY_person_filing, person, key_part_down(audit->arena, record->received_ms),
	    record->id);
}

static bool
person_lists(struct audit *audit, struct slice person, const struct rec_filing *record)
{
	struct slice from = person_key(audit, person, record), end;
	static const uint8_t last[17] = { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
	    255,
		255 };
	struct rec_filing_pointer pointer;
	struct store_pair *pairs;
	size_t count;

	end = KEY_MAKE(audit->arena, KEY_person_filing, slice_from(from, 1), slice_of(last, sizeof last));
	if (from.size == 0 || end.size == 0 ||
	    store_range_now(audit->store, from, end, false, 16, audit->arena, &pairs, &count) != ERROR_NONE)
		return false;
	for (size_t i = 0; i < count; i++)
		if (record_decode(record_filing_pointer(), pairs[i].value, audit->arena, &pointer) == ERROR_NONE &&
		    points_at(&pointer, record))
			return true;
	return false;
}

static void
check_pointers(struct filing *filing)
{
	struct audit *audit = filing->audit;
	const struct rec_filing *record = &filing->record;
	struct rec_filing_pointer pointer;

	expect(filing, slice_equal(filing_key(audit, record->id, record->signer), audit->key),
	    "id and signer as its key");
	expect(filing,
	    audit_find(audit, KEY_MAKE(audit->arena, KEY_number, record->number), record_filing_pointer(), &pointer) &&
		points_at(&pointer, record),
	    "its number to lead to it");
	for (size_t i = 0; i < record->persons_count; i++)
		expect(filing, person_lists(audit, record->persons[i].person, record),
		    "an entry for each person it concerns");
}

/* The id of the filing with that number; each who signed the same bytes has a number for it. */
static bool
number_is_of(struct audit *audit, struct slice number, struct slice id)
{
	struct rec_filing_pointer pointer;

	return receipt_number_valid(number) &&
	    audit_find(audit, KEY_MAKE(audit->arena, KEY_number, number), record_filing_pointer(), &pointer) &&
	    slice_equal(pointer.id, id);
}

/* Both ends of a rectification know each other, and the later one stands later in the log. */
static void
check_chain(struct filing *filing)
{
	struct audit *audit = filing->audit;
	const struct rec_filing *record = &filing->record;
	struct rec_filing other;

	if (record->has_replaces)
		expect(filing,
		    audit_find_number(audit, record->replaces, &other) && other.has_superseded_by &&
			number_is_of(audit, other.superseded_by, record->id) && other.leaf < record->leaf &&
			slice_equal(other.campaign, record->campaign),
		    "what it replaces to be superseded by it");
	if (record->has_superseded_by)
		expect(filing,
		    audit_find_number(audit, record->superseded_by, &other) && other.has_replaces &&
			number_is_of(audit, other.replaces, record->id) && other.leaf > record->leaf,
		    "what superseded it to replace it");
}

void
audit_filing(struct audit *audit, struct slice value)
{
	struct filing filing = { .audit = audit };
	struct fault fault;

	if (record_decode(record_filing(), value, audit->arena, &filing.record) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	audit->counts[AUDIT_filings]++;
	check_pointers(&filing);
	check_chain(&filing);
	check_leaf(&filing);
	if (!audit_archive(audit, filing.record.archive, record_archive_filing(), &filing.archive)) {
		expect(&filing, false, "its archived evidence");
		return;
	}
	if (manifest_parse(filing.archive.manifest, audit->arena, &filing.manifest, &fault) != ERROR_NONE) {
		expect(&filing, false, "a canonical manifest");
		return;
	}
	check_manifest(&filing);
	if (receipt_parse(filing.archive.leaf, audit->arena, &filing.receipt, &fault) == ERROR_NONE)
		check_receipt(&filing);
	else
		expect(&filing, false, "a well-formed receipt");
	check_signer(&filing);
	audit_documents(audit, filing.record.number, &filing.archive, &filing.manifest);
}

/* ---- back again ---- */

void
audit_leaf_receipt(struct audit *audit, uint64_t index, struct slice body, struct slice ref)
{
	struct receipt receipt;
	struct rec_filing record;
	struct fault fault;

	audit->counts[AUDIT_receipts]++;
	/* Records of many leaves would pile up in the record's arena. */
	struct arena *arena = audit->arena;
	audit->arena = audit->scratch;
	if (receipt_parse(body, audit->arena, &receipt, &fault) != ERROR_NONE)
		audit_disagree_number(audit, "leaf", index, "a well-formed receipt");
	else if (!audit_find_number(audit, receipt.number, &record) || record.leaf != index ||
	    !slice_equal(record.archive, ref))
		audit_disagree_number(audit, "leaf", index, "a filing of the receipt's number that names this leaf");
	audit->arena = arena;
}

void
audit_number(struct audit *audit, struct slice value)
{
	struct rec_filing_pointer pointer;
	struct rec_filing record;

	if (record_decode(record_filing_pointer(), value, audit->arena, &pointer) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
	else if (!audit_find(audit, filing_key(audit, pointer.id, pointer.signer), record_filing(), &record) ||
	    !slice_equal(KEY_MAKE(audit->arena, KEY_number, record.number), audit->key))
		audit_disagree_record(audit, "a filing of this number");
}

void
audit_campaign_year(struct audit *audit, struct slice value)
{
	struct rec_campaign_year record;

	if (record_decode(record_campaign_year(), value, audit->arena, &record) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
}

void
audit_person_filing(struct audit *audit, struct slice value)
{
	struct rec_filing_pointer pointer;
	struct rec_filing record;

	if (record_decode(record_filing_pointer(), value, audit->arena, &pointer) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	if (!audit_find(audit, filing_key(audit, pointer.id, pointer.signer), record_filing(), &record)) {
		audit_disagree_record(audit, "a filing that it points at");
		return;
	}
	for (size_t i = 0; i < record.persons_count; i++)
		if (slice_starts_with(audit->key, person_key(audit, record.persons[i].person, &record)))
			return;
	audit_disagree_record(audit, "a person that the filing concerns, its reception time and id");
}

void
audit_filings_end(struct audit *audit)
{
	if (audit->counts[AUDIT_receipts] != audit->counts[AUDIT_filings])
		audit_disagree_number(audit, "filings", audit->counts[AUDIT_filings],
		    "one for each receipt in the log");
}
