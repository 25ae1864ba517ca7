/* SPDX-License-Identifier: Apache-2.0
 *
 * Extensions from a table, and the steps from an empty certificate to a signed one. */
#include "server/profile.h"

#include <time.h>

#include "protocol/digest.h"

/* Bits of keyUsage, RFC 5280 4.2.1.3. */
enum {
	USAGE_SIGNATURE = 1 << 0,
	USAGE_NON_REPUDIATION = 1 << 1,
	USAGE_SIGN_CERTIFICATE = 1 << 5,
	USAGE_SIGN_CRL = 1 << 6,
	USAGE_BITS = 9,
};

#define USAGE_TLS_SERVER "1.3.6.1.5.5.7.3.1"

const struct profile profile_root = {
	.is_authority = true, .path_length = 1, .usage = USAGE_SIGN_CERTIFICATE | USAGE_SIGN_CRL,
};
const struct profile profile_issuing = {
	.is_authority = true, .path_length = 0, .usage = USAGE_SIGN_CERTIFICATE | USAGE_SIGN_CRL,
};
const struct profile profile_tls_root = {
	.is_authority = true, .path_length = 0, .usage = USAGE_SIGN_CERTIFICATE | USAGE_SIGN_CRL,
};
const struct profile profile_tls_server = {
	.usage = USAGE_SIGNATURE, .extended_usage = USAGE_TLS_SERVER,
};
const struct profile profile_holder = {
	.usage = USAGE_SIGNATURE | USAGE_NON_REPUDIATION,
	.extended_usage = PROFILE_HOLDER_USAGE, .extended_critical = true,
};

/* ---- extensions that a profile fixes ---- */

static X509_EXTENSION *
basic_constraints_create(const struct profile *profile)
{
	BASIC_CONSTRAINTS *value = BASIC_CONSTRAINTS_new();
	X509_EXTENSION *extension = NULL;

	if (value == NULL)
		return NULL;
	value->ca = profile->is_authority ? 0xff : 0;
	bool stated = !profile->is_authority || profile->path_length < 0;
	if (!stated) {
		value->pathlen = ASN1_INTEGER_new();
		stated = value->pathlen != NULL && ASN1_INTEGER_set(value->pathlen, profile->path_length) == 1;
	}
	if (stated)
		extension = X509V3_EXT_i2d(NID_basic_constraints, 1, value);
	BASIC_CONSTRAINTS_free(value);
	return extension;
}

static X509_EXTENSION *
key_usage_create(const struct profile *profile)
{
	ASN1_BIT_STRING *value = ASN1_BIT_STRING_new();
	X509_EXTENSION *extension = NULL;
	bool set = value != NULL;

	for (int bit = 0; set && bit < USAGE_BITS; bit++)
		if ((profile->usage >> bit & 1) != 0)
			set = ASN1_BIT_STRING_set_bit(value, bit, 1) == 1;
	if (set)
		extension = X509V3_EXT_i2d(NID_key_usage, 1, value);
	ASN1_BIT_STRING_free(value);
	return extension;
}

static X509_EXTENSION *
extended_usage_create(const struct profile *profile)
{
	EXTENDED_KEY_USAGE *value = EXTENDED_KEY_USAGE_new();
	ASN1_OBJECT *usage = OBJ_txt2obj(profile->extended_usage, 1);
	X509_EXTENSION *extension = NULL;

	if (value != NULL && usage != NULL && sk_ASN1_OBJECT_push(value, usage) > 0) {
		usage = NULL;
		extension = X509V3_EXT_i2d(NID_ext_key_usage, profile->extended_critical, value);
	}
	ASN1_OBJECT_free(usage);
	EXTENDED_KEY_USAGE_free(value);
	return extension;
}

static bool
extensions_push(STACK_OF(X509_EXTENSION) *extensions, X509_EXTENSION *extension)
{
	if (extension != NULL && sk_X509_EXTENSION_push(extensions, extension) > 0)
		return true;
	X509_EXTENSION_free(extension);
	return false;
}

STACK_OF(X509_EXTENSION) *
profile_extensions_create(const struct profile *profile)
{
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();

	if (extensions == NULL)
		return NULL;
	if (extensions_push(extensions, basic_constraints_create(profile)) &&
	    extensions_push(extensions, key_usage_create(profile)) &&
	    (profile->extended_usage == NULL || extensions_push(extensions, extended_usage_create(profile))))
		return extensions;
	profile_extensions_destroy(extensions);
	return NULL;
}

void
profile_extensions_destroy(STACK_OF(X509_EXTENSION) *extensions)
{
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

/* ---- parts ---- */

ASN1_TIME *
profile_time_create(uint64_t time)
{
	return time > INT64_MAX ? NULL : ASN1_TIME_set(NULL, (time_t)time);
}

bool
profile_time_get(const ASN1_TIME *asn1, uint64_t *out)
{
	struct tm date;
	time_t time = ASN1_TIME_to_tm(asn1, &date) == 1 ? timegm(&date) : -1;

	*out = (uint64_t)time;
	return time >= 0;
}

bool
profile_text_ok(struct slice text)
{
	if (text.size == 0 || !slice_is_utf8(text))
		return false;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t byte = text.data[i];
		/* C0 and DEL; C1, which in UTF-8 is C2 80 to C2 9F. */
		if (byte < 0x20 || byte == 0x7f || (byte == 0xc2 && text.data[i + 1] < 0xa0))
			return false;
	}
	return true;
}

struct slice
profile_text_cut(struct slice text)
{
	enum { CHARACTERS_MAX = 64 };
	size_t size = 0;

	for (int characters = 0; size < text.size; size++) {
		bool begins = (text.data[size] & 0xc0) != 0x80;
		if (begins && characters++ == CHARACTERS_MAX)
			break;
	}
	return slice_of(text.data, size);
}

bool
profile_attribute_ok(int nid, struct slice text)
{
	return text.size <= LIMIT_CERTIFICATE && profile_text_ok(text) &&
	    (nid != NID_serialNumber || ASN1_PRINTABLE_type(text.data, (int)text.size) == V_ASN1_PRINTABLESTRING);
}

bool
profile_name_put(X509_NAME *name, int nid, struct slice text)
{
	int type = nid == NID_serialNumber ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;

	return text.size == 0 || (profile_attribute_ok(nid, text) &&
	    X509_NAME_add_entry_by_NID(name, nid, type, text.data, (int)text.size, -1, 0) == 1);
}

const EVP_MD *
profile_digest(EVP_PKEY *key)
{
	return EVP_PKEY_get_bits(key) >= 384 ? EVP_sha384() : EVP_sha256();
}

/* ---- certificates ---- */

static bool
certificate_set_validity(X509 *certificate, uint64_t not_before, uint64_t not_after)
{
	ASN1_TIME *first = profile_time_create(not_before), *last = profile_time_create(not_after);
	bool set = first != NULL && last != NULL && X509_set1_notBefore(certificate, first) == 1 &&
	    X509_set1_notAfter(certificate, last) == 1;

	ASN1_TIME_free(first);
	ASN1_TIME_free(last);
	return set;
}

static bool
certificate_set_serial(X509 *certificate, const uint8_t serial[SERIAL_SIZE])
{
	BIGNUM *number = BN_bin2bn(serial, SERIAL_SIZE, NULL);
	ASN1_INTEGER *integer = number == NULL ? NULL : BN_to_ASN1_INTEGER(number, NULL);
	bool set = integer != NULL && X509_set_serialNumber(certificate, integer) == 1;

	BN_free(number);
	ASN1_INTEGER_free(integer);
	return set;
}

X509 *
profile_certificate_create(STACK_OF(X509_EXTENSION) *extensions, const uint8_t serial[SERIAL_SIZE],
    uint64_t not_before, uint64_t not_after)
{
	X509 *certificate = X509_new();

	if (certificate == NULL)
		return NULL;
	bool made = X509_set_version(certificate, X509_VERSION_3) == 1 && certificate_set_serial(certificate, serial) &&
	    certificate_set_validity(certificate, not_before, not_after);
	for (int i = 0; made && i < sk_X509_EXTENSION_num(extensions); i++)
		made = X509_add_ext(certificate, sk_X509_EXTENSION_value(extensions, i), -1) == 1;
	if (made)
		return certificate;
	X509_free(certificate);
	return NULL;
}

/* The subject's key identifier: the first 160 bits of the public key's SHA-256 (RFC 7093 2, method 1). */
static bool
certificate_put_subject_key(X509 *certificate)
{
	enum { IDENTIFIER_SIZE = 20 };
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(certificate);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	uint8_t digest[DIGEST_SIZE];

	if (bits == NULL || value == NULL) {
		ASN1_OCTET_STRING_free(value);
		return false;
	}
	digest_bytes(slice_of(ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits)), digest);
	bool put = ASN1_OCTET_STRING_set(value, digest, IDENTIFIER_SIZE) == 1 &&
	    X509_add1_ext_i2d(certificate, NID_subject_key_identifier, value, 0, X509V3_ADD_DEFAULT) == 1;
	ASN1_OCTET_STRING_free(value);
	return put;
}

static bool
certificate_put_authority_key(X509 *certificate, X509 *issuer)
{
	const ASN1_OCTET_STRING *identifier = X509_get0_subject_key_id(issuer);
	AUTHORITY_KEYID *value = AUTHORITY_KEYID_new();
	bool put = false;

	if (identifier != NULL && value != NULL) {
		value->keyid = ASN1_OCTET_STRING_dup(identifier);
		put = value->keyid != NULL &&
		    X509_add1_ext_i2d(certificate, NID_authority_key_identifier, value, 0, X509V3_ADD_DEFAULT) == 1;
	}
	AUTHORITY_KEYID_free(value);
	return put;
}

bool
profile_certificate_sign(X509 *certificate, X509 *issuer, EVP_PKEY *key)
{
	X509 *by = issuer == NULL ? certificate : issuer;

	return X509_set_issuer_name(certificate, X509_get_subject_name(by)) == 1 &&
	    certificate_put_subject_key(certificate) &&
	    (issuer == NULL || certificate_put_authority_key(certificate, issuer)) &&
	    X509_sign(certificate, key, profile_digest(key)) > 0;
}
