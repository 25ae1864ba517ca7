/* SPDX-License-Identifier: Apache-2.0
 *
 * The certificate revocation list as bytes (RFC 5280 5, version 2, in PEM). OpenSSL makes and signs an empty list; the
 * entries are put into it here, since as OpenSSL's objects they would take a third of a kilobyte each: a gigabyte for
 * the lists that a country may come to. Here it is their PEM, and nothing besides. Only for authority.c. */
#ifndef GUICHET_REVOCATION_LIST_H
#define GUICHET_REVOCATION_LIST_H

#include <openssl/x509.h>

#include "server/authority.h"

struct revocation_list {
	X509 *issuer;
	EVP_PKEY *key; /* the issuer's */
	const struct authority_revoked *revoked;
	size_t count;
	uint64_t this_update, next_update, number;
};

/* authority_crl_number, with the issuer's key told. */
must_check bool revocation_list_number(struct slice pem, EVP_PKEY *issuer, uint64_t *number);
/* authority_crl, with the issuer told. */
must_check enum error revocation_list_put(struct buf *pem, const struct revocation_list *list);

#endif
