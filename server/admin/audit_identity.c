/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may sign: the register's persons and households, certificates with their evidence (A6), their leaves, and what
 * points at them; revocations on both sides. */
#include "server/admin/audit.h"

#include <openssl/x509.h>
#include <string.h>

#include "protocol/codec.h"
#include "protocol/digest.h"
#include "protocol/json.h"
#include "protocol/message.h"
#include "protocol/time.h"

/* A leaf that is no receipt: a small flat object. */
static const struct json_limits leaf_limits = { 4096, 32, 2 };

/* ---- register ---- */

void
audit_taxpayer(struct audit *audit, struct slice value)
{
	struct rec_taxpayer taxpayer;
	struct rec_household household;
	bool is_member = false;

	if (record_decode(record_taxpayer(), value, audit->arena, &taxpayer) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	struct keyed person = audit_keyed(audit, "person", taxpayer.spi);
	struct keyed keyed = audit_keyed(audit, "household", taxpayer.household);
	if (!slice_equal(slice_from(audit->key, 1), key_part_keyed(&person)))
		audit_disagree_record(audit, "the hash of its tax number as key");
	if (audit_find(audit, KEY_MAKE(audit->arena, KEY_household, key_part_keyed(&keyed)), record_household(),
	    &household))
		for (size_t i = 0; i < household.members_count; i++)
			is_member |= slice_equal(household.members[i].spi, taxpayer.spi);
	if (is_member)
		audit->counts[AUDIT_taxpayers]++;
	else
		audit_disagree_record(audit, "a household that lists the person");
}

void
audit_household(struct audit *audit, struct slice value)
{
	struct rec_household household;
	struct rec_taxpayer taxpayer;

	if (record_decode(record_household(), value, audit->arena, &household) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	for (size_t i = 0; i < household.members_count; i++) {
		struct keyed person = audit_keyed(audit, "person", household.members[i].spi), keyed = { { 0 } };
		bool found = audit_find(audit, KEY_MAKE(audit->arena, KEY_taxpayer, key_part_keyed(&person)),
		    record_taxpayer(),
		    &taxpayer);
		if (found)
			keyed = audit_keyed(audit, "household", taxpayer.household);
		if (!found || !slice_equal(slice_from(audit->key, 1), key_part_keyed(&keyed)))
			audit_disagree_record(audit, "members whose household it is");
	}
}

/* ---- certificates ---- */

/* Notes what is wrong with the certificate that is looked at, by its serial. */
static void
expect(struct audit *audit, const struct rec_certificate *record, bool holds, const char *expected)
{
	char hex[2 * SERIAL_SIZE + 1];

	if (holds)
		return;
	hex_encode(record->serial, hex);
	audit_disagree(audit, "certificate", slice_of_text(hex), expected);
}

static struct slice
certificate_key(struct audit *audit, struct slice serial)
{
	return KEY_MAKE(audit->arena, KEY_certificate, serial);
}

static struct slice
owner_key(struct audit *audit, const struct rec_certificate *record)
{
	uint8_t algorithm = (uint8_t)record->algorithm, digest[DIGEST_SIZE];
	const struct slice pieces[] = { slice_of(&algorithm, 1), record->public_key };

	digest_pieces(pieces, 2, digest);
	return KEY_MAKE(audit->arena, KEY_key_owner, slice_of(digest, sizeof digest));
}

static struct slice
holder_key(struct audit *audit, const struct rec_certificate *record)
{
	struct keyed person = audit_keyed(audit, "person", record->spi);
	uint8_t role = (uint8_t)record->role;

	return KEY_MAKE(audit->arena, KEY_holder, key_part_keyed(&person), slice_of(&role, 1));
}

/* What the certificate itself says: serial, key, and who signed it. */
static bool
certificate_is(const struct audit *audit, struct slice der, const struct rec_certificate *record)
{
	const unsigned char *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
	struct key_public key = { .size = 0 };
	uint8_t serial[SERIAL_SIZE];
	BIGNUM *number = certificate == NULL ? NULL : ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	bool is_good = number != NULL && at == der.data + der.size &&
	    BN_bn2binpad(number, serial, sizeof serial) == (int)sizeof serial &&
	    slice_equal(record->serial, slice_of(serial, sizeof serial)) &&
	    key_public_of(X509_get0_pubkey(certificate), &key) == ERROR_NONE &&
	    (uint64_t)key.algorithm == record->algorithm &&
	    slice_equal(record->public_key, slice_of(key.bytes, key.size)) &&
	    (audit->issuer == NULL || X509_verify(certificate, audit->issuer) == 1);

	BN_free(number);
	X509_free(certificate);
	return is_good;
}

/* The message that it was asked for with: of its kind, by this holder. *csr is the PKCS#10 request in it. */
static bool
message_is(struct audit *audit, struct slice message, const struct rec_certificate *record, struct slice *csr)
{
	struct msg_enrol_request enrol;
	struct msg_issue_request issue;
	struct fault fault;

	*csr = SLICE_EMPTY;
	if (record->role != ROLE_TAXPAYER) {
		bool is_issue = codec_decode(message_issue_request(), message, CODEC_STORED, audit->arena, &issue,
		    &fault) == ERROR_NONE;
		if (is_issue)
			*csr = issue.csr;
		return is_issue && (uint64_t)role_find(issue.kind) == record->role && !record->has_spi;
	}
	if (codec_decode(message_enrol_request(), message, CODEC_STORED, audit->arena, &enrol, &fault) != ERROR_NONE)
		return false;
	*csr = enrol.csr;
	return slice_equal(enrol.spi, record->spi) && slice_equal(enrol.email, record->email);
}

/* What the leaf binds by its digest is what is archived: nobody can have put another message, or another text of the
 * contract, in its place since. */
static bool
leaf_binds(struct audit *audit, const struct rec_archive_certificate *archive)
{
	uint8_t message[DIGEST_SIZE];
	const struct {
		const char *name;
		bool is_there;
		struct slice digest;
	} members[] = {
		{ "message_sha256", true, slice_of(message, sizeof message) },
		{ "contract_sha256", archive->has_contract, archive->contract },
	};
	const struct json *root;
	struct fault fault;
	bool binds = json_parse(archive->leaf, &leaf_limits, audit->arena, &root, &fault) == ERROR_NONE;

	digest_bytes(archive->message, message);
	for (size_t i = 0; binds && i < sizeof members / sizeof members[0]; i++) {
		uint8_t digest[DIGEST_SIZE];
		bool is_there = json_find(root, members[i].name) != NULL;
		binds = is_there == members[i].is_there &&
		    (!is_there || (hex_decode(json_find_text(root, members[i].name), digest, sizeof digest) &&
				      slice_equal(members[i].digest, slice_of(digest, sizeof digest))));
	}
	return binds;
}

static void
check_evidence(struct audit *audit, const struct rec_certificate *record)
{
	struct rec_archive_certificate archive;
	struct rec_contract contract;
	struct slice csr;
	uint8_t digest[DIGEST_SIZE], request[DIGEST_SIZE];

	if (!audit_archive(audit, record->archive, record_archive_certificate(), &archive)) {
		expect(audit, record, false, "its archived evidence");
		return;
	}
	digest_bytes(archive.certificate, digest);
	bool is_message = message_is(audit, archive.message, record, &csr);
	digest_bytes(csr, request);
	expect(audit, record, slice_equal(record->digest, slice_of(digest, sizeof digest)),
	    "an archived certificate with its digest");
	expect(audit, record, slice_equal(record->request_digest, slice_of(request, sizeof request)),
	    "an archived request with its digest");
	expect(audit, record, is_message, "the holder that the evidence names");
	expect(audit, record, leaf_binds(audit, &archive),
	    "a leaf with the digests of what was transmitted and accepted");
	expect(audit, record, archive.has_contract == (record->role == ROLE_TAXPAYER),
	    "a contract that a taxpayer, and nobody else, has accepted");
	expect(audit, record, !archive.has_contract ||
	    audit_find(audit, KEY_MAKE(audit->arena, KEY_contract, archive.contract), record_contract(), &contract),
	    "the text of the contract that was accepted");
	expect(audit, record, certificate_is(audit, archive.certificate, record),
	    "a certificate of this serial and key, signed by the office");
}

static void
check_pointers(struct audit *audit, const struct rec_certificate *record)
{
	struct rec_serial pointer;
	struct rec_revocation revocation;
	bool found = audit_find(audit, KEY_MAKE(audit->arena, KEY_revocation, record->serial), record_revocation(),
	    &revocation);

	expect(audit, record,
	    audit_find(audit, owner_key(audit, record), record_serial(), &pointer) &&
		slice_equal(pointer.serial, record->serial),
	    "its key to lead to it");
	if (record->has_spi && !record->has_revoked_at)
		expect(audit, record,
		    audit_find(audit, holder_key(audit, record), record_serial(), &pointer) &&
			slice_equal(pointer.serial, record->serial),
		    "its holder to lead to it");
	expect(audit, record, found == record->has_revoked_at, "a revocation on both sides or on neither");
	if (found && record->has_revoked_at)
		expect(audit, record, revocation.revoked_at == record->revoked_at &&
		    revocation.reason == record->reason &&
		    (!revocation.has_not_after || revocation.not_after == record->not_after),
		    "one time, reason and expiry of its revocation");
}

void
audit_certificate(struct audit *audit, struct slice value)
{
	struct rec_certificate record;

	if (record_decode(record_certificate(), value, audit->arena, &record) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	audit->counts[AUDIT_certificates]++;
	expect(audit, &record, slice_equal(certificate_key(audit, record.serial), audit->key), "its serial as its key");
	expect(audit, &record, role_name((enum role)record.role) != NULL, "a single role");
	expect(audit, &record, record.not_before <= record.not_after, "a validity that ends after it begins");
	check_pointers(audit, &record);
	check_evidence(audit, &record);
}

void
audit_key_owner(struct audit *audit, struct slice value)
{
	struct rec_serial pointer;
	struct rec_certificate record;

	if (record_decode(record_serial(), value, audit->arena, &pointer) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
	else if (!audit_find(audit, certificate_key(audit, pointer.serial), record_certificate(), &record) ||
	    !slice_equal(owner_key(audit, &record), audit->key))
		audit_disagree_record(audit, "a certificate with this key");
}

void
audit_holder(struct audit *audit, struct slice value)
{
	struct rec_serial pointer;
	struct rec_certificate record;

	if (record_decode(record_serial(), value, audit->arena, &pointer) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
	else if (!audit_find(audit, certificate_key(audit, pointer.serial), record_certificate(), &record) ||
	    !record.has_spi || !slice_equal(holder_key(audit, &record), audit->key))
		audit_disagree_record(audit, "a certificate of this holder and role");
}

void
audit_revocation(struct audit *audit, struct slice value)
{
	struct rec_revocation revocation;
	struct rec_certificate record;

	if (record_decode(record_revocation(), value, audit->arena, &revocation) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	audit->counts[AUDIT_revocations]++;
	if (!audit_find(audit, certificate_key(audit, slice_from(audit->key, 1)), record_certificate(), &record) ||
	    !record.has_revoked_at)
		audit_disagree_record(audit, "a certificate that is revoked");
}

void
audit_contract(struct audit *audit, struct slice value)
{
	struct rec_contract contract;
	uint8_t digest[DIGEST_SIZE];

	if (record_decode(record_contract(), value, audit->arena, &contract) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	audit->counts[AUDIT_contracts]++;
	digest_bytes(contract.text, digest);
	if (!slice_equal(slice_from(audit->key, 1), slice_of(digest, sizeof digest)))
		audit_disagree_record(audit, "the SHA-256 of the text as key");
}

/* ---- their leaves ---- */

/* The leaf's members, and the serial it speaks of. */
static const struct json *
leaf_parse(struct slice body, struct arena *arena, uint8_t serial[SERIAL_SIZE])
{
	const struct json *root;
	struct fault fault;

	if (json_parse(body, &leaf_limits, arena, &root, &fault) != ERROR_NONE ||
	    !hex_decode(json_find_text(root, "serial"), serial, SERIAL_SIZE))
		return NULL;
	return root;
}

static bool
leaf_names_certificate(struct audit *audit, struct slice body, struct slice ref)
{
	uint8_t serial[SERIAL_SIZE], digest[DIGEST_SIZE];
	struct rec_certificate record;
	const struct json *root = leaf_parse(body, audit->arena, serial);

	return root != NULL && hex_decode(json_find_text(root, "certificate_sha256"), digest, sizeof digest) &&
	    audit_find(audit, certificate_key(audit, slice_of(serial, sizeof serial)), record_certificate(), &record) &&
	    slice_equal(record.digest, slice_of(digest, sizeof digest)) && slice_equal(record.archive, ref) &&
	    role_name((enum role)record.role) != NULL &&
	    slice_equal_text(json_find_text(root, "kind"), role_name((enum role)record.role));
}

static bool
leaf_names_revocation(struct audit *audit, uint64_t index, struct slice body)
{
	uint8_t serial[SERIAL_SIZE];
	struct rec_revocation record;
	uint64_t reason, time;
	const struct json *root = leaf_parse(body, audit->arena, serial);

	return root != NULL && json_find_uint(root, "reason", 10, &reason) &&
	    time_parse_utc(json_find_text(root, "revoked_at"), &time) &&
	    audit_find(audit, KEY_MAKE(audit->arena, KEY_revocation, slice_of(serial, sizeof serial)),
	    record_revocation(),
		&record) &&
	    record.reason == reason && record.revoked_at == time && (!record.has_leaf || record.leaf == index);
}

/* Records of many leaves would pile up in the record's arena: these are of the one leaf. */
void
audit_leaf_certificate(struct audit *audit, uint64_t index, struct slice body, struct slice ref)
{
	struct arena *arena = audit->arena;

	audit->counts[AUDIT_certificate_leaves]++;
	audit->arena = audit->scratch;
	if (!leaf_names_certificate(audit, body, ref))
		audit_disagree_number(audit, "leaf", index, "the certificate that it names, archived with it");
	audit->arena = arena;
}

void
audit_leaf_revocation(struct audit *audit, uint64_t index, struct slice body)
{
	struct arena *arena = audit->arena;

	audit->counts[AUDIT_revocation_leaves]++;
	audit->arena = audit->scratch;
	if (!leaf_names_revocation(audit, index, body))
		audit_disagree_number(audit, "leaf", index, "the revocation that it names");
	audit->arena = arena;
}

void
audit_identity_end(struct audit *audit)
{
	if (audit->counts[AUDIT_certificate_leaves] != audit->counts[AUDIT_certificates])
		audit_disagree_number(audit, "certificates", audit->counts[AUDIT_certificates],
		    "one for each that was logged");
	if (audit->counts[AUDIT_revocation_leaves] != audit->counts[AUDIT_revocations])
		audit_disagree_number(audit, "revocations", audit->counts[AUDIT_revocations],
		    "one for each that was logged");
}
