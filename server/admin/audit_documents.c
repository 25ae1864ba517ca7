/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents, inline and in parts: the bytes that were signed for. And uploads not completed, with their quotas. */
#include "server/admin/audit.h"

#include <string.h>

#include "protocol/digest.h"
#include "server/services/part.h"

/* ---- accepted documents ---- */

/* Adds a part's bytes to the digest; false when they are not there, not of this place or not as many. */
static bool
part_add(struct audit *audit, const struct part_place *place, const struct rec_part *part,
    uint8_t state[DIGEST_STATE_SIZE])
{
	struct slice sealed, bytes;

	audit->parts++;
	arena_reset(audit->scratch);
	return audit_blob(audit, part->blob, audit->scratch, &sealed) &&
	    part_open(place, sealed, audit->scratch, &bytes) == ERROR_NONE && bytes.size == part->size &&
	    digest_state_add(state, bytes);
}

/* The digest of so many parts of a document, the first at place->offset, which is moved behind the last. */
static bool
parts_digest(struct audit *audit, struct part_place *place, const struct rec_part *parts, size_t count,
    uint8_t out[DIGEST_SIZE])
{
	uint8_t state[DIGEST_STATE_SIZE];
	bool is_good = true;

	digest_state_start(state);
	for (size_t i = 0; i < count; i++) {
		is_good &= part_add(audit, place, &parts[i], state);
		place->offset += parts[i].size;
	}
	return is_good && digest_state_finish(state, out);
}

/* The document's bytes have the digest; those that came deflated, inflated. */
static bool
document_holds(struct audit *audit, const struct rec_archive_document *document)
{
	struct slice content = document->content;
	uint8_t digest[DIGEST_SIZE];
	uint64_t size;

	if (document->has_parts == document->has_content)
		return false;
	if (document->has_parts) {
		struct part_place place = { document->key, document->digest, 0 };
		if (!parts_digest(audit, &place, document->parts, document->parts_count, digest))
			return false;
		size = place.offset;
	} else {
		arena_reset(audit->scratch);
		if (document->encoding != 0 &&
		    inflater_run(audit->inflater, document->content, (size_t)document->size, audit->scratch,
		    &content) !=
			ERROR_NONE)
			return false;
		size = content.size;
		digest_bytes(content, digest);
	}
	return size == document->size && slice_equal(document->digest, slice_of(digest, sizeof digest));
}

void
audit_documents(struct audit *audit, struct slice number, const struct rec_archive_filing *archive,
    const struct manifest *manifest)
{
	if (archive->documents_count != manifest->documents_count) {
		audit_disagree(audit, "filing", number, "as many documents as its manifest has");
		return;
	}
	for (size_t i = 0; i < archive->documents_count; i++) {
		const struct rec_archive_document *document = &archive->documents[i];
		const struct manifest_document *signed_for = &manifest->documents[i];
		if (!document_holds(audit, document) || document->size != signed_for->size ||
		    !slice_equal(document->digest, slice_of(signed_for->digest, DIGEST_SIZE)))
			audit_disagree(audit, "filing", number, "every document with size and digest of the manifest");
		else
			audit->counts[AUDIT_documents]++;
	}
}

/* ---- uploads not completed ---- */

void
audit_upload(struct audit *audit, struct slice value)
{
	struct rec_upload upload;

	if (record_decode(record_upload(), value, audit->arena, &upload) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	audit->counts[AUDIT_uploads]++;
	audit->announced += upload.announced;
}

/* A copy of the upload as it was opened, under the time when it is swept. */
void
audit_upload_expiry(struct audit *audit, struct slice value)
{
	struct rec_upload opened, upload;
	struct slice key = audit->key;

	audit->expiries++;
	if (record_decode(record_upload(), value, audit->arena, &opened) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
	else if (key.size != 1 + 8 + DIGEST_SIZE || bytes_peek_u64(key.data + 1) <= opened.opened_at ||
	    !audit_find(audit, KEY_MAKE(audit->arena, KEY_upload, slice_from(key, 1 + 8)), record_upload(), &upload) ||
	    upload.opened_at != opened.opened_at || !slice_equal(upload.signer, opened.signer))
		audit_disagree_record(audit, "an upload that was opened then, and expires later");
}

/* How far a document is: its parts are there, and its digest goes on from their bytes. */
void
audit_upload_document(struct audit *audit, struct slice value)
{
	struct rec_upload_document document;
	struct rec_upload upload;
	uint8_t digest[DIGEST_SIZE], stored[DIGEST_SIZE], state[DIGEST_STATE_SIZE];

	if (record_decode(record_upload_document(), value, audit->arena, &document) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	if (audit->key.size != 1 + 2 * DIGEST_SIZE ||
	    !audit_find(audit, KEY_MAKE(audit->arena, KEY_upload, slice_of(audit->key.data + 1, DIGEST_SIZE)),
		record_upload(), &upload))
		audit_disagree_record(audit, "an upload that it belongs to");
	memcpy(state, document.state.data, sizeof state);
	struct part_place place = { document.key, slice_from(audit->key, 1 + DIGEST_SIZE), 0 };
	if (!parts_digest(audit, &place, document.parts, document.parts_count, digest) ||
	    place.offset != document.received || document.received > document.size ||
	    !digest_state_finish(state, stored) || memcmp(stored, digest, sizeof digest) != 0)
		audit_disagree_record(audit, "parts with the bytes that were received");
}

void
audit_quota(struct audit *audit, struct slice value)
{
	struct rec_quota quota;

	if (record_decode(record_quota(), value, audit->arena, &quota) != ERROR_NONE)
		audit_disagree_record(audit, "a record of its kind");
	else
		audit->quotas += quota.announced + (quota.has_overtaken ? quota.overtaken : 0);
}

void
audit_documents_end(struct audit *audit)
{
	if (audit->expiries != audit->counts[AUDIT_uploads])
		audit_disagree_number(audit, "uploads", audit->counts[AUDIT_uploads], "a time of expiry for each");
	if (audit->announced != audit->quotas)
		audit_disagree_number(audit, "quotas", audit->quotas, "the bytes announced by uploads not completed");
}
