/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd audit, in parts: what they share. First one pass over keys, tables and archive, for what is damaged itself;
 * then one over all records in the order of their keys, each checked against those it names and those that name it; one
 * over what is published. Memory is bounded, whatever the size of the office. */
#ifndef GUICHET_AUDIT_H
#define GUICHET_AUDIT_H

#include <openssl/evp.h>

#include "protocol/deflate.h"
#include "protocol/key.h"
#include "protocol/manifest.h"
#include "protocol/merkle.h"
#include "protocol/note.h"
#include "server/admin/admin.h"
#include "server/admin/progress.h"
#include "server/settings.h"
#include "server/store/keyring.h"
#include "server/store/keys.h"
#include "server/store/records.h"
#include "server/tree.h"

/* What was looked at, in the order of the summary: name, in words. */
#define AUDIT_COUNTS(COUNT)                                                                                            \
	COUNT(records, "records opened and decoded")                                                                   \
	COUNT(log_batches, "log batches, each built on the recomputed tree")                                           \
	COUNT(leaves, "leaves whose archived body has the leaf's hash")                                                \
	COUNT(receipts, "receipts among them")                                                                         \
	COUNT(certificate_leaves, "issued certificates among them")                                                    \
	COUNT(revocation_leaves, "revocations among them")                                                             \
	COUNT(tiles, "full tiles, equal to the recomputed hashes")                                                     \
	COUNT(published_checkpoints, "published checkpoints, signed and of this tree")                                 \
	COUNT(kept_checkpoints, "checkpoints kept elsewhere (--checkpoint), signed and of this tree")                  \
	COUNT(published_tiles, "published tiles, equal to the recomputed hashes")                                      \
	COUNT(published_revocations, "revocations in the published list")                                              \
	COUNT(published_files, "of campaign and catalogue, as the office took them last")                              \
	COUNT(filings, "filings, with manifest, receipt and signature")                                                \
	COUNT(documents, "documents with the digest that was signed")                                                  \
	COUNT(dossiers, "dossiers, each with its filing in force")                                                     \
	COUNT(certificates, "certificates, with request, key and issuer's signature")                                  \
	COUNT(contracts, "texts of the contract that were accepted")                                                   \
	COUNT(revocations, "revocations")                                                                              \
	COUNT(taxpayers, "taxpayers in their households")                                                              \
	COUNT(uploads, "uploads not completed")                                                                        \
	COUNT(blobs, "archived blobs opened")                                                                          \
	COUNT(blobs_unmentioned, "of these, not mentioned by any record (uploads begun anew or given up)")

enum audit_count {
#define COUNT(name, words) AUDIT_##name,
	AUDIT_COUNTS(COUNT)
#undef COUNT
	AUDIT_COUNTS_MAX
};

/* Of one level of the tree, the tile in progress. */
struct audit_row {
	uint64_t index;
	unsigned width;
	struct hash hashes[TILE_WIDTH];
};

/* A checkpoint that the tree has to meet: the published one, or one of those kept elsewhere (--checkpoint). */
struct audit_checkpoint {
	const char *path; /* of one kept elsewhere; NULL: the published one */
	struct checkpoint checkpoint;
};

/* The tree as recomputed from the batches read so far. */
struct audit_log {
	struct merkle_frontier frontier;
	struct audit_row rows[TREE_LEVELS];
	bool is_broken; /* a batch is missing: tiles and checkpoints cannot be judged any more */
	/* Signed by the log's key, the smallest first; how many of them the log has grown to. */
	struct audit_checkpoint checkpoints[ADMIN_VALUES_MAX + 1];
	size_t checkpoints_count, checkpoints_met;
};

struct audit {
	const char *directory;
	bool as_json;
	struct progress progress;
	struct settings settings;
	struct keyring *keyring;
	struct worker *worker;
	struct store *store;
	struct key_verifier *key_verifier;
	struct inflater *inflater;
	bool has_log_verifier;
	struct note_verifier log_verifier;
	EVP_PKEY *issuer; /* of certificates; NULL: ca.pem cannot be read */

	struct arena *open;    /* what is needed to the end */
	struct arena *arena;   /* of the record looked at */
	struct arena *scratch; /* of one blob of many that belong to it */
	struct slice key;      /* of the record looked at */

	const char *kept_paths[ADMIN_VALUES_MAX + 1]; /* of the command line; NULL behind the last */
	struct slice kept[ADMIN_VALUES_MAX];          /* what is in them, read before anything else */

	struct audit_log log;
	uint64_t expiries; /* of uploads */
	uint64_t parts; /* blobs mentioned by documents and uploads */
	uint64_t announced, quotas; /* bytes, by uploads and by quotas */

	bool is_damaged; /* tables or archive cannot all be read: what else disagrees may come of that */
	bool has_said_so;

	uint64_t counts[AUDIT_COUNTS_MAX];
	uint64_t disagreements;
};

/* Says that something disagrees: where (what kind, and which one by its number or key, never anything personal), and
 * what was expected. */
void audit_disagree(struct audit *audit, const char *kind, struct slice which, const char *expected);
/* The same with a fault's place, and what it found and expected. */
void audit_disagree_fault(struct audit *audit, const char *kind, const struct fault *fault);
/* The same for the record that is looked at, by its key. */
void audit_disagree_record(struct audit *audit, const char *expected);
/* The same by a number. */
void audit_disagree_number(struct audit *audit, const char *kind, uint64_t number, const char *expected);

/* The record behind a key, in audit->arena; false when it is absent or cannot be opened. */
must_check bool audit_find(struct audit *audit, struct slice key, const struct record *record, void *out);
/* The blob's bytes in that arena; false when there is none or it cannot be opened. `ref` is 24 bytes. */
must_check bool audit_blob(struct audit *audit, struct slice ref, struct arena *arena, struct slice *bytes);
/* audit_blob and record_decode, in audit->arena. */
must_check bool audit_archive(struct audit *audit, struct slice ref, const struct record *record, void *out);
struct keyed audit_keyed(struct audit *audit, const char *domain, struct slice word);
/* A file of DIR/public of at most size_max bytes, in audit->arena; false when it cannot be read. */
must_check bool audit_published_file(struct audit *audit, const char *name, size_t size_max, struct slice *out);

/* ---- the records of each prefix (audit_*.c): audit->key is the key, `value` the bytes behind it ---- */

/* audit_log.c */
void audit_log_start(struct audit *audit);
void audit_log_batch(struct audit *audit, struct slice value);
void audit_tile(struct audit *audit, struct slice value);
void audit_log_end(struct audit *audit);

/* audit_filings.c */
void audit_filing(struct audit *audit, struct slice value);
void audit_number(struct audit *audit, struct slice value);
void audit_campaign_year(struct audit *audit, struct slice value);
void audit_person_filing(struct audit *audit, struct slice value);
void audit_filings_end(struct audit *audit);
/* The filing of a receipt number. */
must_check bool audit_find_number(struct audit *audit, struct slice number, struct rec_filing *out);

/* audit_dossiers.c */
void audit_dossier(struct audit *audit, struct slice value);
void audit_dossiers_end(struct audit *audit);

/* audit_documents.c */
void audit_documents(struct audit *audit, struct slice number, const struct rec_archive_filing *archive,
    const struct manifest *manifest);
void audit_upload(struct audit *audit, struct slice value);
void audit_upload_expiry(struct audit *audit, struct slice value);
void audit_upload_document(struct audit *audit, struct slice value);
void audit_quota(struct audit *audit, struct slice value);
void audit_documents_end(struct audit *audit);

/* audit_identity.c */
void audit_taxpayer(struct audit *audit, struct slice value);
void audit_household(struct audit *audit, struct slice value);
void audit_certificate(struct audit *audit, struct slice value);
void audit_key_owner(struct audit *audit, struct slice value);
void audit_holder(struct audit *audit, struct slice value);
void audit_revocation(struct audit *audit, struct slice value);
void audit_contract(struct audit *audit, struct slice value);
void audit_identity_end(struct audit *audit);

/* audit_published.c */
void audit_publication(struct audit *audit, struct slice value);
void audit_published(struct audit *audit);

/* A leaf of the log that is a certificate's or a revocation's, by its serial (audit_identity.c); a receipt
 * (audit_filings.c). */
void audit_leaf_certificate(struct audit *audit, uint64_t index, struct slice body, struct slice ref);
void audit_leaf_revocation(struct audit *audit, uint64_t index, struct slice body);
void audit_leaf_receipt(struct audit *audit, uint64_t index, struct slice body, struct slice ref);

#endif
