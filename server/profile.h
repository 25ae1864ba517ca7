/* SPDX-License-Identifier: Apache-2.0
 *
 * What certificates made here look like (RFC 5280): one profile for each kind of certificate, and the steps that all of
 * them share. Only for authority*.c. */
#ifndef GUICHET_PROFILE_H
#define GUICHET_PROFILE_H

#include <openssl/x509v3.h>

#include "protocol/bytes.h"
#include "protocol/limits.h"

/* The extended key usage of holders' certificates: "signs exchanges with this office" (A5: serves only these). An
 * object identifier that nobody had to register: 2.25, the UUID cfb24099-04f3-4eaf-a240-840e0677b149 as a number
 * (X.667), 1. */
#define PROFILE_HOLDER_USAGE "2.25.276075734165952363996226375985216860489.1"

struct profile {
	bool is_authority;
	int path_length; /* of an authority; -1: none stated */
	unsigned usage;  /* set of bits, 1 << number in RFC 5280 4.2.1.3 */
	const char *extended_usage; /* one object identifier, or NULL */
	bool extended_critical;
};

extern const struct profile profile_root, profile_issuing, profile_tls_root, profile_tls_server, profile_holder;

/* The extensions that are the same in every certificate of a profile; NULL on failure. Free with
 * profile_extensions_destroy. */
must_check STACK_OF(X509_EXTENSION) *profile_extensions_create(const struct profile *profile);
void profile_extensions_destroy(STACK_OF(X509_EXTENSION) *extensions);

/* A certificate with version, serial number, validity and these extensions; NULL on failure. */
must_check X509 *profile_certificate_create(STACK_OF(X509_EXTENSION) *extensions, const uint8_t serial[SERIAL_SIZE],
    uint64_t not_before, uint64_t not_after);
/* Completes a certificate that has its subject and public key: issuer (NULL: itself), key identifiers, signature. */
must_check bool profile_certificate_sign(X509 *certificate, X509 *issuer, EVP_PKEY *key);

/* A text fit for a name: not empty, UTF-8, no control character. */
must_check bool profile_text_ok(struct slice text);
/* The front of a text, at most 64 characters: longer ones RFC 5280 forbids in most attributes (A.1, upper bounds). */
struct slice profile_text_cut(struct slice text);
/* Fit for this attribute: for serialNumber, whose only type in X.520 is PrintableString, that is a subset of ASCII. */
must_check bool profile_attribute_ok(int nid, struct slice text);
/* Adds an attribute. An empty text adds nothing; one that is not fit for it is an error. */
must_check bool profile_name_put(X509_NAME *name, int nid, struct slice text);
/* A time as certificates and CRLs have it; NULL on failure. The caller frees it. */
must_check ASN1_TIME *profile_time_create(uint64_t time);
/* The time that a certificate has; false when it is none, or before 1970. */
must_check bool profile_time_get(const ASN1_TIME *asn1, uint64_t *out);
/* SHA-256, SHA-384 for a key of 384 bits. */
const EVP_MD *profile_digest(EVP_PKEY *key);

#endif
