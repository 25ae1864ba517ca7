/* SPDX-License-Identifier: Apache-2.0
 *
 * Key and certificate, inside the library. */
#ifndef GUICHET_CLIENT_IDENTITY_H
#define GUICHET_CLIENT_IDENTITY_H

#include <openssl/x509.h>

#include <guichet/guichet.h>

#include "protocol/buf.h"
#include "protocol/error.h"
#include "protocol/limits.h"

bool identity_has_certificate(const struct guichet_identity *identity);
/* SHA-256 of the certificate's DER; there must be one. */
const uint8_t *identity_digest(const struct guichet_identity *identity);
/* Validity of the certificate, in seconds since 1970. */
uint64_t identity_not_before(const struct guichet_identity *identity);
/* Appends the signature of `message` with the private key. */
must_check enum error identity_sign(const struct guichet_identity *identity, struct slice message, struct buf *out);
/* Appends a PKCS#10 request, DER, with an empty subject: the office knows the holder's names. The same bytes each
 * time, so that asking again is the same request. */
must_check enum error identity_put_request(struct guichet_identity *identity, struct buf *out);
/* The serial number of a certificate of an office, 16 bytes; false when it is none. */
must_check bool identity_read_serial(X509 *certificate, uint8_t out[SERIAL_SIZE]);
/* Takes ownership of a certificate, on success. ERROR_proof_invalid when it is for another key,
 * ERROR_certificate_unknown when it is no certificate of an office (serial number, size), ERROR_out_of_memory: then
 * the identity is as it was. */
must_check enum error identity_take_certificate(struct guichet_identity *identity, X509 *certificate);

#endif
