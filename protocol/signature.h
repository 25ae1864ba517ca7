/* SPDX-License-Identifier: Apache-2.0
 *
 * What is signed: the DER of CMS signed attributes (RFC 5652 5.3, 11; RFC 5035 signing-certificate-v2), as CAdES-BES
 * has them: content type (id-data), signing time, message digest, signing certificate v2, in DER order. Both sides
 * build these bytes with the one function here; the wire carries only serial, time and signature value. */
#ifndef GUICHET_SIGNATURE_H
#define GUICHET_SIGNATURE_H

#include "protocol/buf.h"
#include "protocol/digest.h"
#include "protocol/error.h"

/* signing_time in seconds since 1970, until 2049-12-31 (UTCTime). */
#define SIGNING_TIME_MAX ((uint64_t)2524607999)

/* Appends the DER SET OF attributes (tag 0x31): exactly what is signed. text_digest: SHA-256 of the signed text;
 * certificate_digest: SHA-256 of the certificate's DER. Fails `buf` on a time past SIGNING_TIME_MAX. */
void signature_attributes_put(struct buf *buf, uint64_t signing_time, const uint8_t text_digest[DIGEST_SIZE],
    const uint8_t certificate_digest[DIGEST_SIZE]);

/* One signer of an exported signature. */
struct signature_signer {
	struct slice certificate; /* DER */
	uint64_t signing_time;
	struct slice signature; /* value */
};

/* Appends a detached CMS SignedData (DER .p7s) over a text, certificates of the signers inside, without any private
 * key. `openssl cms -verify -inform DER -binary -purpose any` accepts it with the text as content. Any number of
 * signers. ERROR_key_refused when there is no signer, a certificate cannot be read or its key is of no accepted kind,
 * or a size or time is over its limit. Whether the values verify is not looked at. */
must_check enum error signature_export(struct buf *buf, const uint8_t text_digest[DIGEST_SIZE],
    const struct signature_signer *signers, size_t count);

#endif
