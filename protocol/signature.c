/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed attributes are one constant with three holes, since every length in them is fixed. The exported SignedData is
 * written from its end to its start, because in DER a length stands before what it measures. */
#include "protocol/signature.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/key.h"
#include "protocol/limits.h"
#include "protocol/time.h"

/* ---- signed attributes ---- */

#define ATTRIBUTES_SIZE ((size_t)165)
#define HOLE_TIME 46
#define HOLE_TEXT 76
#define HOLE_CERTIFICATE 133

#define ZERO_32 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

/* The order is that of DER: by the attributes' bytes, which their lengths decide. */
static const uint8_t attributes[ATTRIBUTES_SIZE] = {
	0x31, 0x81, 0xa2,
	/* content type (1.2.840.113549.1.9.3): id-data */
	0x30, 0x18, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03, 0x31, 0x0b,
	0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01,
	/* signing time (1.2.840.113549.1.9.5): UTCTime */
	0x30, 0x1c, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05, 0x31, 0x0f,
	0x17, 0x0d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'Z',
	/* message digest (1.2.840.113549.1.9.4): OCTET STRING */
	0x30, 0x2f, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04, 0x31, 0x22,
	0x04, 0x20, ZERO_32,
	/* signing certificate v2 (1.2.840.113549.1.9.16.2.47): one ESSCertIDv2 with nothing but the hash */
	0x30, 0x37, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f, 0x31, 0x28,
	0x30, 0x26, 0x30, 0x24, 0x30, 0x22, 0x04, 0x20, ZERO_32,
};

/* The attributes into `out`; signing_time at most SIGNING_TIME_MAX. */
static void
attributes_make(uint8_t out[ATTRIBUTES_SIZE], uint64_t signing_time, const uint8_t text_digest[DIGEST_SIZE],
    const uint8_t certificate_digest[DIGEST_SIZE])
{
	uint8_t digits[TIME_DIGITS_SIZE];

	time_format_digits(signing_time, digits);
	memcpy(out, attributes, ATTRIBUTES_SIZE);
	memcpy(out + HOLE_TIME, digits + 2, sizeof digits - 2); /* a year of two digits */
	memcpy(out + HOLE_TEXT, text_digest, DIGEST_SIZE);
	memcpy(out + HOLE_CERTIFICATE, certificate_digest, DIGEST_SIZE);
}

void
signature_attributes_put(struct buf *buf, uint64_t signing_time, const uint8_t text_digest[DIGEST_SIZE],
    const uint8_t certificate_digest[DIGEST_SIZE])
{
	uint8_t bytes[ATTRIBUTES_SIZE];

	if (signing_time > SIGNING_TIME_MAX) {
		buf_fail(buf);
		return;
	}
	attributes_make(bytes, signing_time, text_digest, certificate_digest);
	buf_put(buf, slice_of(bytes, sizeof bytes));
}

/* ---- DER from its end ---- */

#define TAG_OCTETS 0x04
#define TAG_SEQUENCE 0x30
#define TAG_SET 0x31
#define TAG_CONTEXT_0 0xa0 /* constructed */

/* What is written so far stands at `at`, up to the end of the memory. */
struct der {
	uint8_t *start, *at;
};

/* Puts `s` before what is written. There is room: the caller counted (asserted). */
static void
der_put(struct der *der, struct slice s)
{
	check(s.size <= (size_t)(der->at - der->start));
	der->at -= s.size;
	if (s.size != 0)
		memcpy(der->at, s.data, s.size);
}

/* Puts tag and length before all that was written since der->at was `end`. */
static void
der_wrap(struct der *der, uint8_t tag, const uint8_t *end)
{
	size_t size = (size_t)(end - der->at);
	uint8_t header[6] = { tag };
	size_t count = 2;

	if (size < 0x80) {
		header[1] = (uint8_t)size;
	} else {
		size_t octets = size > 0xffffff ? 4 : size > 0xffff ? 3 : size > 0xff ? 2 : 1;
		check(size <= UINT32_MAX);
		header[1] = (uint8_t)(0x80 | octets);
		for (size_t i = 0; i < octets; i++)
			header[2 + i] = (uint8_t)(size >> 8 * (octets - 1 - i));
		count += octets;
	}
	der_put(der, slice_of(header, count));
}

/* ---- SignedData ---- */

/* Version 1. */
static const uint8_t version_1[] = { 0x02, 0x01, 0x01 };
/* AlgorithmIdentifiers: SHA-256 without parameters (RFC 5754 2), rsaEncryption with NULL (RFC 3370 3.2),
 * ecdsa-with-SHA256 without (RFC 5754 3.3). */
static const uint8_t algorithm_sha256[] = { 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
	0x01 };
static const uint8_t algorithm_rsa[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
	0x05, 0x00 };
static const uint8_t algorithm_ecdsa[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
/* Detached: the content's type alone. */
static const uint8_t content_data[] = { 0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01 };
static const uint8_t oid_signed_data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02 };

#define CONSTANT(bytes) slice_of(bytes, sizeof(bytes))
/* More than headers, algorithms and attributes of one SignerInfo take, and of the SignedData around. */
#define SIGNER_OVERHEAD (ATTRIBUTES_SIZE + 128)
#define SIGNED_OVERHEAD ((size_t)256)

/* The SET that came as `items` (in any order), sorted and each once, as DER asks. */
static void
der_put_set(struct der *der, uint8_t tag, struct slice *items, size_t count, int (*compare)(const void *, const void *))
{
	const uint8_t *end = der->at;

	qsort(items, count, sizeof items[0], compare);
	for (size_t i = count; i-- > 0;)
		if (i + 1 == count || !slice_equal(items[i], items[i + 1]))
			der_put(der, items[i]);
	der_wrap(der, tag, end);
}

static int
compare_slices(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* IssuerAndSerialNumber, with the bytes that the certificate has. */
static enum error
put_issuer_serial(struct der *der, const X509 *certificate)
{
	const uint8_t *end = der->at, *name;
	uint8_t *serial = NULL;
	size_t name_size;
	int serial_size = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &serial);

	if (serial_size <= 0 || X509_NAME_get0_der(X509_get_issuer_name(certificate), &name, &name_size) != 1) {
		OPENSSL_free(serial);
		return ERROR_out_of_memory;
	}
	der_put(der, slice_of(serial, (size_t)serial_size));
	der_put(der, slice_of(name, name_size));
	der_wrap(der, TAG_SEQUENCE, end);
	OPENSSL_free(serial);
	return ERROR_NONE;
}

/* One SignerInfo (RFC 5652 5.3), from its last member to its first. */
static enum error
put_signer_info(struct der *der, const uint8_t text_digest[DIGEST_SIZE], const struct signature_signer *signer,
    X509 *certificate)
{
	const uint8_t *end = der->at, *mark = der->at;
	uint8_t signed_attributes[ATTRIBUTES_SIZE], certificate_digest[DIGEST_SIZE];
	struct key_public public;
	enum error error = key_public_of(X509_get0_pubkey(certificate), &public);

	if (error != ERROR_NONE)
		return error;
	digest_bytes(signer->certificate, certificate_digest);
	attributes_make(signed_attributes, signer->signing_time, text_digest, certificate_digest);
	/* In the SignerInfo the attributes are [0] IMPLICIT; signed they are a SET OF (RFC 5652 5.4). */
	signed_attributes[0] = TAG_CONTEXT_0;

	der_put(der, signer->signature);
	der_wrap(der, TAG_OCTETS, mark);
	der_put(der, public.algorithm == KEY_RSA3072 ? CONSTANT(algorithm_rsa) : CONSTANT(algorithm_ecdsa));
	der_put(der, CONSTANT(signed_attributes));
	der_put(der, CONSTANT(algorithm_sha256));
	error = put_issuer_serial(der, certificate);
	der_put(der, CONSTANT(version_1));
	der_wrap(der, TAG_SEQUENCE, end);
	return error;
}

/* Parses a signer's certificate and writes the SignerInfo; *info is what was written. */
static enum error
put_signer(struct der *der, const uint8_t text_digest[DIGEST_SIZE], const struct signature_signer *signer,
    struct slice *info)
{
	const uint8_t *cursor = signer->certificate.data, *end = der->at;
	X509 *certificate = d2i_X509(NULL, &cursor, (long)signer->certificate.size);
	enum error error = ERROR_key_refused;

	/* Bytes behind the certificate would be covered by its digest and not by the signature of the issuer. */
	if (certificate != NULL && cursor == signer->certificate.data + signer->certificate.size &&
	    X509_get0_pubkey(certificate) != NULL)
		error = put_signer_info(der, text_digest, signer, certificate);
	*info = slice_of(der->at, (size_t)(end - der->at));
	X509_free(certificate);
	ERR_clear_error();
	return error;
}

/* Writes the ContentInfo around the sorted certificates and SignerInfos (RFC 5652 3, 5.1), from its end. */
static void
put_signed_data(struct der *der, struct slice *infos, struct slice *certificates, size_t count)
{
	const uint8_t *end = der->at, *mark;

	der_put_set(der, TAG_SET, infos, count, compare_slices);
	der_put_set(der, TAG_CONTEXT_0, certificates, count, compare_slices);
	der_put(der, CONSTANT(content_data));
	mark = der->at;
	der_put(der, CONSTANT(algorithm_sha256));
	der_wrap(der, TAG_SET, mark);
	der_put(der, CONSTANT(version_1));
	der_wrap(der, TAG_SEQUENCE, end);
	der_wrap(der, TAG_CONTEXT_0, end);
	der_put(der, CONSTANT(oid_signed_data));
	der_wrap(der, TAG_SEQUENCE, end);
}

/* What the signers' infos and the whole take at most; 0 when a size is over its limit. */
static size_t
space_needed(const struct signature_signer *signers, size_t count, size_t *infos)
{
	size_t certificates = 0;

	*infos = 0;
	for (size_t i = 0; i < count; i++) {
		if (signers[i].certificate.size > LIMIT_CERTIFICATE || signers[i].signature.size > LIMIT_SIGNATURE ||
		    signers[i].signing_time > SIGNING_TIME_MAX)
			return 0;
		certificates += signers[i].certificate.size;
		/* Issuer and serial number are part of the certificate. */
		*infos += signers[i].certificate.size + signers[i].signature.size + SIGNER_OVERHEAD;
	}
	return *infos + certificates + SIGNED_OVERHEAD;
}

enum error
signature_export(struct buf *buf, const uint8_t text_digest[DIGEST_SIZE], const struct signature_signer *signers,
    size_t count)
{
	enum error error = ERROR_out_of_memory;
	size_t infos_space, whole_space = space_needed(signers, count, &infos_space);

	if (count == 0 || whole_space == 0)
		return ERROR_key_refused;
	uint8_t *memory = malloc(infos_space + whole_space);
	struct slice *infos = calloc(2 * count, sizeof *infos);
	if (memory == NULL || infos == NULL)
		goto done;
	struct slice *certificates = infos + count;
	struct der der = { memory, memory + infos_space };
	for (size_t i = 0; i < count; i++) {
		certificates[i] = signers[i].certificate;
		error = put_signer(&der, text_digest, &signers[i], &infos[i]);
		if (error != ERROR_NONE)
			goto done;
	}
	uint8_t *end = memory + infos_space + whole_space;
	der = (struct der){ memory + infos_space, end };
	put_signed_data(&der, infos, certificates, count);
	buf_put(buf, slice_of(der.at, (size_t)(end - der.at)));
	error = buf_ok(buf) ? ERROR_NONE : ERROR_out_of_memory;
done:
	free(infos);
	free(memory);
	return error;
}
