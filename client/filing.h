/* SPDX-License-Identifier: Apache-2.0
 *
 * A filing, inside the library. */
#ifndef GUICHET_CLIENT_FILING_H
#define GUICHET_CLIENT_FILING_H

#include <guichet/guichet.h>

#include "protocol/manifest.h"
#include "protocol/message.h"

struct guichet_filing {
	const struct guichet_trust *trust;
	struct arena *arena; /* everything below that is not embedded */
	struct manifest content;
	struct manifest_document documents[LIMIT_DOCUMENTS]; /* content.documents */
	struct slice returns[LIMIT_DOCUMENTS];               /* bytes of return documents; data NULL: not supplied */
	struct slice names[LIMIT_DOCUMENTS];                 /* of returns, for findings; end with NUL */
	const char *paths[LIMIT_DOCUMENTS];                  /* of attachments; NULL: not supplied */
	size_t attachments_count;
	size_t returns_total; /* bytes */

	bool is_signed; /* what follows is set then */
	struct slice manifest;
	uint8_t id[DIGEST_SIZE];
	uint8_t serial[SERIAL_SIZE];
	uint64_t signing_time;
	struct slice signature;
};

/* ERROR_documents_missing naming the first document that was not supplied; ERROR_usage when it is not signed. */
must_check enum guichet_error filing_need_complete(const struct guichet_filing *filing,
    struct guichet_problem *problem);

/* guichet_filing_add_return under a name: what findings and problems call a document that does not tell its form. */
must_check enum guichet_error filing_add_return(struct guichet_filing *filing, const char *name,
    struct guichet_bytes content, struct guichet_problem *problem);
/* Keeps the name under which the nth document's bytes were given, for findings; false when memory is short. */
must_check bool filing_keep_name(struct guichet_filing *filing, size_t nth, const char *name);
/* What the nth document was read from: a path as it was given or, of bytes, the name given with them; NULL when it was
 * not supplied. Lives as long as the filing. */
const char *filing_document_path(const struct guichet_filing *filing, size_t nth);
/* A filing without anything; NULL when memory is short. */
must_check struct guichet_filing *filing_create(const struct guichet_trust *trust);
/* The signed text and its signature, borrowed from a filing that is signed, as they open an upload and are saved. */
struct msg_upload_request filing_upload_message(const struct guichet_filing *filing);
/* The document with that digest; the count when there is none. */
size_t filing_find_document(const struct guichet_filing *filing, const uint8_t digest[DIGEST_SIZE]);

#endif
