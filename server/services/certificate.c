/* SPDX-License-Identifier: Apache-2.0
 *
 * Issuing and revoking as effects. */
#include "server/services/certificate.h"

#include <string.h>

#include "protocol/codec.h"
#include "protocol/digest.h"
#include "protocol/json.h"
#include "protocol/receipt.h"
#include "server/gate.h"
#include "server/office.h"
#include "server/services/attempts.h"
#include "server/services/letters.h"

/* Where the decision's randomness goes, 16 bytes each. */
enum random_use { RANDOM_ISSUE_NONCE, RANDOM_SERIAL, RANDOM_REVOKE_NONCE, RANDOM_MAIL };

#define LEAF_MAX ((size_t)1024)

enum view_state
certificate_find(struct decision *decision, struct slice serial, struct rec_certificate *out, struct key_public *key)
{
	enum view_state state = view_get(decision->view, KEY_MAKE(decision->arena, KEY_certificate, serial),
	    record_certificate(), out);

	if (state != VIEW_FOUND)
		return state;
	*key = record_certificate_key(out);
	return VIEW_FOUND;
}

/* ---- leaves ---- */

static void
put_hex_member(struct buf *body, const char *name, struct slice bytes)
{
	char hex[2 * DIGEST_SIZE + 1];

	hex_encode(bytes, hex);
	json_put_name(body, name);
	json_put_string(body, slice_of_text(hex));
}

static void
leaf_begin(struct buf *body, const struct decision *decision, const char *type, enum random_use nonce)
{
	buf_put_text(body, "{");
	json_put_name(body, "type");
	json_put_string(body, slice_of_text(type));
	put_hex_member(body, "nonce", slice_of(decision->context->random + 16 * (size_t)nonce, 16));
	json_put_name(body, "origin");
	json_put_string(body, decision->context->office->origin);
}

static void
leaf_end(struct buf *body, const char *time_name, uint64_t time)
{
	json_put_name(body, time_name);
	buf_put_text(body, "\"");
	time_put_utc(body, time);
	buf_put_text(body, "\"}");
}

static void
put_digest_of(struct buf *body, const char *name, struct slice bytes)
{
	uint8_t digest[DIGEST_SIZE];

	digest_bytes(bytes, digest);
	put_hex_member(body, name, slice_of(digest, sizeof digest));
}

/* The finished body in the arena; frees the buffer. */
static struct slice
leaf_take(struct decision *decision, struct buf *body)
{
	struct slice taken = SLICE_EMPTY;

	if (!buf_ok(body) || !arena_copy(decision->arena, buf_peek(body), &taken))
		taken = SLICE_EMPTY;
	buf_destroy(body);
	return taken;
}

static struct slice
issue_leaf(struct decision *decision, const struct rec_certificate *record, struct slice message, struct slice contract)
{
	struct buf *body = buf_create(LEAF_MAX);

	if (body == NULL)
		return SLICE_EMPTY;
	leaf_begin(body, decision, "guichet-certificate", RANDOM_ISSUE_NONCE);
	put_hex_member(body, "serial", record->serial);
	json_put_name(body, "kind");
	json_put_string(body, slice_of_text(role_name((enum role)record->role)));
	put_hex_member(body, "certificate_sha256", record->digest);
	put_digest_of(body, "message_sha256", message);
	if (contract.size != 0)
		put_hex_member(body, "contract_sha256", contract);
	leaf_end(body, "issued_at", decision->context->now);
	return leaf_take(decision, body);
}

static struct slice
revocation_leaf(struct decision *decision, const struct rec_certificate *record)
{
	struct buf *body = buf_create(LEAF_MAX);

	if (body == NULL)
		return SLICE_EMPTY;
	leaf_begin(body, decision, "guichet-revocation", RANDOM_REVOKE_NONCE);
	put_hex_member(body, "serial", record->serial);
	json_put_name(body, "reason");
	buf_put_format(body, "%llu", (unsigned long long)record->reason);
	leaf_end(body, "revoked_at", record->revoked_at);
	return leaf_take(decision, body);
}

/* ---- revocation ---- */

void
certificate_revoke(struct decision *decision, struct rec_certificate *certificate, uint64_t reason)
{
	struct rec_revocation *line = arena_alloc(decision->arena, sizeof *line);

	certificate->has_revoked_at = true;
	certificate->revoked_at = decision->context->now;
	certificate->has_reason = true;
	certificate->reason = reason;
	struct rec_archive_entry entry = { .leaf = revocation_leaf(decision, certificate) };
	if (line == NULL || entry.leaf.size == 0) {
		decision->effects->failed = true;
		return;
	}
	*line = (struct rec_revocation){ .revoked_at = certificate->revoked_at,
		.reason = reason,
		.has_not_after = true,
		.not_after = certificate->not_after,
		.has_leaf = true };
	effects_put(decision, KEY_MAKE(decision->arena, KEY_certificate, certificate->serial), record_certificate(),
	    certificate);
	effects_put(decision, KEY_MAKE(decision->arena, KEY_revocation, certificate->serial), record_revocation(),
	    line);
	struct effect_leaf *leaf = effects_leaf(decision, entry.leaf,
	    effects_archive(decision, RETENTION_CERTIFICATE, record_archive_entry(), &entry, NULL));
	if (leaf != NULL)
		leaf->index = &line->leaf;
	decision->effects->changes_crl = true;
}

/* ---- issuing ---- */

struct issuing {
	const struct certificate_plan *plan;
	uint8_t certificate_digest[DIGEST_SIZE];
	uint8_t serial[SERIAL_SIZE];
	struct slice der;
	struct slice contract; /* SHA-256 of the text accepted; empty for none */
	struct rec_certificate *record;
	uint64_t replaced; /* certificates of this holder, lately, the one that is ended now included */
};

static struct slice
key_owner_key(struct decision *decision, const struct key_public *key)
{
	uint8_t algorithm = (uint8_t)key->algorithm, digest[DIGEST_SIZE];
	const struct slice pieces[] = { slice_of(&algorithm, 1), slice_of(key->bytes, key->size) };

	digest_pieces(pieces, 2, digest);
	return KEY_MAKE(decision->arena, KEY_key_owner, slice_of(digest, DIGEST_SIZE));
}

static struct slice
holder_key(struct decision *decision, const struct certificate_plan *plan)
{
	struct keyed person = decision_person(decision, plan->spi);
	uint8_t role = (uint8_t)plan->role;
	return KEY_MAKE(decision->arena, KEY_holder, key_part_keyed(&person), slice_of(&role, 1));
}

struct slice
certificate_message(struct decision *decision, const struct record *record, const void *request)
{
	struct buf *buf = buf_create(EVIDENCE_MESSAGE_MAX);
	struct slice message = SLICE_EMPTY;

	if (buf == NULL)
		return message;
	codec_encode(record, request, buf);
	if (!buf_ok(buf) || !arena_copy(decision->arena, buf_peek(buf), &message))
		message = SLICE_EMPTY;
	buf_destroy(buf);
	return message;
}

/* Whose is the key of the request? PROCEED when it is nobody's (record->serial is empty then), or this holder's with
 * this very request; refused when anything else is known of it. */
static enum outcome
check_owner(struct decision *decision, const struct certificate_plan *plan, struct rec_certificate *record)
{
	struct rec_serial known;
	struct key_public key;

	*record = (struct rec_certificate){ .serial = SLICE_EMPTY };
	switch (view_get(decision->view, key_owner_key(decision, &plan->request.key), record_serial(), &known)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return PROCEED;
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = decision_need(decision, certificate_find(decision, known.serial, record, &key));
	if (outcome != PROCEED)
		return outcome;
	/* One that no longer counts would help nobody: a new key is what is needed. */
	if (certificate_status(record, decision->context->now) != ERROR_NONE ||
	    record->role != (uint64_t)plan->role || !slice_equal(record->spi, plan->spi) ||
	    !slice_equal(record->request_digest, slice_of(plan->request.digest, DIGEST_SIZE)))
		return refuse_value(decision, ERROR_key_in_use, "csr", SLICE_EMPTY,
		    SLICE_LITERAL("a request for a key of its own"));
	return PROCEED;
}

enum outcome
certificate_check_request(struct decision *decision, struct certificate_plan *plan)
{
	struct rec_certificate owned;
	struct fault fault;

	if (authority_check_request(plan->csr, &plan->request, &fault) != ERROR_NONE)
		return refuse_with(decision, &fault);
	return check_owner(decision, plan, &owned);
}

/* The same request of the same holder gets the same certificate. */
static enum outcome
answer_known(struct decision *decision, const struct rec_certificate *record)
{
	struct msg_certificate_answer *answer = decision->effects->answer;
	struct rec_archive_certificate archive;

	if (view_blob(decision->view, record->archive, record_archive_certificate(), &archive) != VIEW_FOUND)
		return AGAIN;
	answer->certificate = archive.certificate;
	answer->serial = record->serial;
	return DECIDED;
}

/* Has the certificate lasted long enough to be replaced, after so many before it? A clock that was set back makes
 * nobody wait for longer than the longest. */
static enum outcome
check_lasted(struct decision *decision, const struct rec_serial *current, const struct rec_certificate *earlier,
    struct issuing *issuing)
{
	uint64_t now = decision->context->now;
	uint64_t age = earlier->not_before < now ? now - earlier->not_before : 0;
	uint64_t replaced = current->has_replaced && age < ATTEMPTS_FORGET_S ? current->replaced : 0;
	uint64_t wait = attempts_wait(replaced, CERTIFICATE_REPLACED_FREE);

	issuing->replaced = replaced + 1;
	if (age >= wait)
		return PROCEED;
	enum outcome outcome = refuse_value(decision, ERROR_attempts_exceeded, "csr", SLICE_EMPTY,
	    SLICE_LITERAL("the certificate of before, or a new one later: many were replaced lately"));
	decision->effects->retry_after_ms = (wait - age) * 1000;
	return outcome;
}

/* A person's certificate of this role, if there is one, ends with the new one. */
static enum outcome
revoke_earlier(struct decision *decision, struct issuing *issuing)
{
	const struct certificate_plan *plan = issuing->plan;
	struct rec_serial current;
	struct rec_certificate *earlier = arena_alloc(decision->arena, sizeof *earlier);
	struct key_public key;

	if (earlier == NULL)
		return refuse(decision, ERROR_out_of_memory);
	switch (view_get(decision->view, holder_key(decision, plan), record_serial(), &current)) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return PROCEED;
	case VIEW_FOUND:
		break;
	}
	enum outcome outcome = decision_need(decision, certificate_find(decision, current.serial, earlier, &key));
	if (outcome == PROCEED)
		outcome = check_lasted(decision, &current, earlier, issuing);
	if (outcome != PROCEED)
		return outcome;
	if (!earlier->has_revoked_at)
		certificate_revoke(decision, earlier, REVOCATION_REASON_superseded);
	if (earlier->has_email && earlier->email.size != 0)
		letter_post(decision, LETTER_CERTIFICATE_REPLACED, earlier->email,
		    decision->context->random + 16 * RANDOM_MAIL);
	return PROCEED;
}

/* The text that was accepted goes on record with the first who accepts it, under its SHA-256: campaign.json may say
 * something else tomorrow. */
static enum outcome
keep_contract(struct decision *decision, struct issuing *issuing)
{
	const struct certificate_plan *plan = issuing->plan;
	struct rec_contract *contract = arena_alloc(decision->arena, sizeof *contract);
	uint8_t digest[DIGEST_SIZE];

	digest_bytes(plan->contract_text, digest);
	if (contract == NULL || !arena_copy(decision->arena, slice_of(digest, sizeof digest), &issuing->contract))
		return refuse(decision, ERROR_out_of_memory);
	struct slice key = KEY_MAKE(decision->arena, KEY_contract, issuing->contract);
	enum view_state state = view_get(decision->view, key, record_contract(), contract);
	if (state == VIEW_AGAIN)
		return AGAIN;
	if (state == VIEW_ABSENT) {
		*contract = (struct rec_contract){ plan->contract, plan->contract_text, decision->context->now };
		effects_put(decision, key, record_contract(), contract);
	}
	return PROCEED;
}

static enum error
sign_certificate(struct decision *decision, struct issuing *issuing, uint64_t not_after, struct fault *fault)
{
	const struct certificate_plan *plan = issuing->plan;
	const struct authority_holder holder = {
		.kind = plan->role,
		.key = plan->request.key,
		.common_name = plan->common_name,
		.birth_name = plan->birth_name,
		.first_names = plan->first_names,
		.spi = plan->spi,
		.not_before = decision->context->now,
		.not_after = not_after,
	};
	struct buf *der = buf_create(LIMIT_CERTIFICATE);
	enum error error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);

	memcpy(issuing->serial, decision->context->random + 16 * RANDOM_SERIAL, SERIAL_SIZE);
	authority_shape_serial(issuing->serial);
	if (der != NULL)
		error = authority_issue(decision->context->office->authority, &holder, issuing->serial, der, fault);
	if (error == ERROR_NONE && !(buf_ok(der) && arena_copy(decision->arena, buf_peek(der), &issuing->der)))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	buf_destroy(der);
	if (error == ERROR_NONE)
		digest_bytes(issuing->der, issuing->certificate_digest);
	return error;
}

static void
put_certificate(struct decision *decision, struct issuing *issuing)
{
	const struct certificate_plan *plan = issuing->plan;
	struct rec_certificate *record = issuing->record;
	struct rec_serial *serial = arena_alloc(decision->arena, sizeof *serial);
	struct rec_serial *current = arena_alloc(decision->arena, sizeof *current);
	struct rec_archive_certificate archive = {
		.leaf = issue_leaf(decision, record, plan->message, issuing->contract),
		.certificate = issuing->der,
		.message = plan->message,
		.has_contract = issuing->contract.size != 0,
		.contract = issuing->contract,
		.issued_at = decision->context->now,
	};

	if (serial == NULL || current == NULL || archive.leaf.size == 0) {
		decision->effects->failed = true;
		return;
	}
	serial->serial = record->serial;
	*current = (struct rec_serial){ .serial = record->serial, .has_replaced = issuing->replaced != 0,
		.replaced = issuing->replaced };
	(void)effects_leaf(decision, archive.leaf,
	    effects_archive(decision, RETENTION_CERTIFICATE, record_archive_certificate(), &archive, &record->archive));
	effects_put(decision, KEY_MAKE(decision->arena, KEY_certificate, record->serial), record_certificate(), record);
	effects_put(decision, key_owner_key(decision, &plan->request.key), record_serial(), serial);
	if (plan->spi.size != 0)
		effects_put(decision, holder_key(decision, plan), record_serial(), current);
}

enum outcome
certificate_issue(struct decision *decision, const struct certificate_plan *plan)
{
	struct msg_certificate_answer *answer = decision->effects->answer;
	struct issuing *issuing = arena_alloc(decision->arena, sizeof *issuing);
	struct rec_certificate *record = arena_alloc(decision->arena, sizeof *record);
	struct fault fault;

	if (issuing == NULL || record == NULL)
		return refuse(decision, ERROR_out_of_memory);
	issuing->plan = plan;
	issuing->record = record;
	if (plan->spi.size != 0)
		view_want(decision->view, holder_key(decision, plan));
	enum outcome outcome = check_owner(decision, plan, record);
	if (outcome != PROCEED)
		return outcome;
	if (record->serial.size != 0)
		return answer_known(decision, record);
	if (plan->message.size == 0)
		return refuse(decision, ERROR_out_of_memory);
	if (plan->spi.size != 0)
		outcome = revoke_earlier(decision, issuing);
	if (outcome == PROCEED && plan->contract.size != 0)
		outcome = keep_contract(decision, issuing);
	if (outcome != PROCEED)
		return outcome;
	uint64_t not_after = authority_expiry(decision->context->now,
	    (unsigned)decision->context->office->campaign.certificate_years);
	if (sign_certificate(decision, issuing, not_after, &fault) != ERROR_NONE)
		return refuse_with(decision, &fault);
	*record = (struct rec_certificate){
		.serial = slice_of(issuing->serial, SERIAL_SIZE),
		.role = (uint64_t)plan->role,
		.algorithm = (uint64_t)plan->request.key.algorithm,
		.public_key = slice_of(plan->request.key.bytes, plan->request.key.size),
		.digest = slice_of(issuing->certificate_digest, DIGEST_SIZE),
		.not_before = decision->context->now,
		.not_after = not_after,
		.has_spi = plan->spi.size != 0,
		.spi = plan->spi,
		.names = plan->common_name,
		.has_email = plan->email.size != 0,
		.email = plan->email,
		.request_digest = slice_of(plan->request.digest, DIGEST_SIZE),
	};
	put_certificate(decision, issuing);
	answer->certificate = issuing->der;
	answer->serial = record->serial;
	return DECIDED;
}
