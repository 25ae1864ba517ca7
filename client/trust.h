/* SPDX-License-Identifier: Apache-2.0
 *
 * What an office publishes, loaded. Only the log's key is always there: a receipt can be verified with that file alone,
 * and years later nothing else may be left. What needs another file asks for it here. */
#ifndef GUICHET_TRUST_H
#define GUICHET_TRUST_H

#include <openssl/x509.h>

#include <guichet/guichet.h>

#include "protocol/catalogue.h"
#include "protocol/net/tls_config.h"
#include "protocol/note.h"

struct guichet_trust {
	struct arena *arena; /* of the campaign, and paths */
	const char *directory;
	struct note_verifier verifier;
	struct tls_config *tls;      /* NULL: no tls.pem */
	X509_STORE *authority;       /* NULL: no ca.pem */
	struct catalogue *catalogue; /* NULL: no catalogue.json */
	bool has_campaign;
	struct campaign campaign;
};

/* ERROR_file_unreadable naming the file unless what is asked for is there. */
must_check enum guichet_error trust_need(const struct guichet_trust *trust, bool is_there, const char *file,
    struct guichet_problem *problem);
/* ERROR_proof_invalid unless the office's authority certified it, whatever the time. */
must_check enum guichet_error trust_check_certificate(const struct guichet_trust *trust, X509 *certificate,
    struct guichet_problem *problem);

#endif
