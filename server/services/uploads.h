/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents that did not fit into the filing's frame: sent before it in parts, taken when it is filed.
 *
 * Who may send. `upload` is signed; a part is not, and what addresses it, the filing's id and a document's digest, is
 * known to whoever has seen the manifest. So the answer to `upload` gives a token, and every part shows it; a person of
 * the household who signs the same manifest is given the same one, and may go on with the upload as well as file it.
 *
 * Where the bytes live. Each part is a blob of RETENTION_FILING from when it arrives, since a filing that is
 * accepted takes its parts where they are: up to 2 GiB are not read and sealed a second time in one decision. Its
 * year is that of the part's arrival, which may be the one before the filing's; the class of a year ends so late
 * that no part goes before its filing (store.h, enum retention_class). But before that the part is sealed under a
 * key of its document (part.h), drawn when the document is begun. What moves into the filing's archive entry is this
 * key. The sweep forgets it with the records of an upload that was never completed, and a document begun anew at
 * offset 0 puts another in its place: what was given up lies in the segments, and who has them and all keys of the
 * office reads nothing of it. (LevelDB drops what was removed or replaced from its files only when it next merges
 * them. Until then the document's key could be dug out of those files, by who has the key of that year's filings
 * too, under which the record was sealed.) What was given up makes no room on the disk; how much one signer can
 * leave there without filing is bounded for the whole of a campaign (quota.h). */
#ifndef GUICHET_SERVICES_UPLOADS_H
#define GUICHET_SERVICES_UPLOADS_H

#include "server/services/signed.h"

/* An upload that is not completed by then is swept, as a draft would be (A9). */
#define UPLOAD_LIFE_S ((uint64_t)15 * 86400)

/* Asks for all that is stored of the manifest's attachments, so that it comes in one round trip. */
void upload_want(struct decision *decision, const struct signed_filing *filing);
/* How many bytes of an attachment are stored; when it is all of them, they go into the filing's archive entry.
 * PROCEED or AGAIN. */
must_check enum outcome upload_take(struct decision *decision, const struct signed_filing *filing,
    const struct manifest_document *document, struct rec_archive_document *out, uint64_t *received);
/* Effects: the upload of a filing that is about to be accepted is over, if there was one. The parts of the documents
 * that were `taken` from it (upload_take, in the manifest's order) now belong to the filing; what was uploaded of those
 * that came with the filing all the same is given up. PROCEED or AGAIN. */
must_check enum outcome upload_close(struct decision *decision, const struct signed_filing *filing,
    const struct rec_archive_document *taken);

/* Of an upload, and of one of its attachments by digest. */
struct slice upload_record_key(struct decision *decision, struct slice id);
struct slice upload_document_key(struct decision *decision, struct slice id, struct slice digest);
/* What every part has to show. A keyed hash of what makes this upload this one: any process gives and knows it, nothing
 * is kept, and the same filing's upload, once it is swept and opened anew, has another. */
struct keyed upload_token(const struct decision *decision, const struct rec_upload *upload, struct slice id);

/* Uploads forgotten in one step of the sweep, at most: fewer when they have many documents, but always two. */
#define UPLOAD_SWEEP_MAX ((size_t)16)

/* The office's own work (dispatch_work): a step of the sweep, which forgets uploads that have expired. */
enum outcome decide_upload_sweep(struct decision *decision, const void *request);

#endif
