/* SPDX-License-Identifier: Apache-2.0
 *
 * The authority at work: its keys in memory, requests checked, certificates and revocation lists made. */
#include "server/authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/check.h"
#include "protocol/digest.h"
#include "server/authority_files.h"
#include "server/profile.h"
#include "server/revocation_list.h"

struct authority {
	EVP_PKEY *issuing_key, *log_key;
	X509 *issuing;
	STACK_OF(X509_EXTENSION) *holder_extensions;
	struct note_verifier log_verifier;
	char *tls_certificate_path, *tls_key_path;
};

/* ---- life cycle ---- */

static enum error
authority_load(struct authority *authority, const char *keys_dir, const char *public_dir, struct fault *fault)
{
	enum error error = authority_read_key(keys_dir, AUTHORITY_ISSUING_KEY_FILE, &authority->issuing_key, fault);

	if (error == ERROR_NONE)
		error = authority_read_key(keys_dir, AUTHORITY_LOG_KEY_FILE, &authority->log_key, fault);
	if (error == ERROR_NONE)
		error = authority_read_certificate(public_dir, AUTHORITY_CA_FILE, &authority->issuing, fault);
	if (error == ERROR_NONE)
		error = authority_read_verifier(public_dir, AUTHORITY_VKEY_FILE, &authority->log_verifier, fault);
	if (error != ERROR_NONE)
		return error;
	if (X509_check_private_key(authority->issuing, authority->issuing_key) != 1 ||
	    X509_get0_subject_key_id(authority->issuing) == NULL)
		return fault_set(fault, ERROR_store_damaged, AUTHORITY_CA_FILE, SLICE_LITERAL("another certificate"),
		    "the issuing CA's certificate, first, for the key in " AUTHORITY_ISSUING_KEY_FILE);
	if (!authority_log_key_is(authority->log_key, authority->log_verifier.public_key))
		return fault_set(fault, ERROR_store_damaged, AUTHORITY_VKEY_FILE, SLICE_LITERAL("another key"),
		    "the public key of " AUTHORITY_LOG_KEY_FILE);
	authority->holder_extensions = profile_extensions_create(&profile_holder);
	authority->tls_certificate_path = authority_path_create(keys_dir, AUTHORITY_TLS_CERTIFICATE_FILE);
	authority->tls_key_path = authority_path_create(keys_dir, AUTHORITY_TLS_KEY_FILE);
	if (authority->holder_extensions == NULL || authority->tls_certificate_path == NULL ||
	    authority->tls_key_path == NULL)
		return fault_set(fault, ERROR_out_of_memory, "authority", SLICE_EMPTY, NULL);
	return ERROR_NONE;
}

enum error
authority_open(const char *keys_dir, const char *public_dir, struct authority **out, struct fault *fault)
{
	struct authority *authority = calloc(1, sizeof *authority);

	*out = NULL;
	if (authority == NULL)
		return fault_set(fault, ERROR_out_of_memory, "authority", SLICE_EMPTY, NULL);
	enum error error = authority_load(authority, keys_dir, public_dir, fault);
	ERR_clear_error();
	if (error != ERROR_NONE) {
		authority_close(authority);
		return error;
	}
	*out = authority;
	return ERROR_NONE;
}

void
authority_close(struct authority *authority)
{
	if (authority == NULL)
		return;
	EVP_PKEY_free(authority->issuing_key);
	EVP_PKEY_free(authority->log_key);
	X509_free(authority->issuing);
	profile_extensions_destroy(authority->holder_extensions);
	free(authority->tls_certificate_path);
	free(authority->tls_key_path);
	free(authority);
}

EVP_PKEY *
authority_log_key(const struct authority *authority)
{
	return authority->log_key;
}

const struct note_verifier *
authority_log_verifier(const struct authority *authority)
{
	return &authority->log_verifier;
}

const char *
authority_tls_certificate_path(const struct authority *authority)
{
	return authority->tls_certificate_path;
}

const char *
authority_tls_key_path(const struct authority *authority)
{
	return authority->tls_key_path;
}

/* ---- requests ---- */

#define ACCEPTED_KEYS "RSA of 3072 bits with exponent 65537, or P-256 by name"

static void
request_take_common_name(X509_REQ *request, char out[4 * AUTHORITY_NAME_MAX + 1])
{
	X509_NAME *name = X509_REQ_get_subject_name(request);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;

	out[0] = '\0';
	if (at < 0)
		return;
	int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (size > 0 && (size_t)size <= 4 * AUTHORITY_NAME_MAX && profile_text_ok(slice_of(text, (size_t)size))) {
		memcpy(out, text, (size_t)size);
		out[size] = '\0';
	}
	if (size >= 0)
		OPENSSL_free(text);
}

/* Moves *at past the header of one element, or past all of it when it is not to be entered; false when there is none of
 * this tag and a definite length before `end`. */
static bool
der_step(const unsigned char **at, const unsigned char *end, int tag, bool enter)
{
	long size;
	int found, class;

	if (*at >= end || (ASN1_get_object(at, &size, &found, &class, end - *at) & ~V_ASN1_CONSTRUCTED) != 0 ||
	    found != tag || class != V_ASN1_UNIVERSAL)
		return false;
	if (!enter)
		*at += size;
	return true;
}

/* AlgorithmIdentifier of the keys accepted: rsaEncryption with NULL (RFC 8017 A.1), ecPublicKey with the name of P-256
 * (RFC 5480 2.1.1). */
static const uint8_t algorithm_rsa[] = {
	0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
};
static const uint8_t algorithm_p256[] = {
	0x30,
	0x13,
	0x06,
	0x07,
	0x2a,
	0x86,
	0x48,
	0xce,
	0x3d,
	0x02,
	0x01,
	0x06,
	0x08,
	0x2a,
	0x86,
	0x48,
	0xce,
	0x3d,
	0x03,
	0x01,
	0x07,
};

/* Looks at the kind of key before OpenSSL does: its decoders would compute on any curve that a stranger describes. */
static enum error
request_peek_algorithm(struct slice der)
{
	const unsigned char *at = der.data, *end = der.data + der.size;

	ERR_clear_error();
	if (!der_step(&at, end, V_ASN1_SEQUENCE, true) || !der_step(&at, end, V_ASN1_SEQUENCE, true) ||
	    !der_step(&at, end, V_ASN1_INTEGER, false) || !der_step(&at, end, V_ASN1_SEQUENCE, false) ||
	    !der_step(&at, end, V_ASN1_SEQUENCE, true))
		return ERROR_request_invalid;
	struct slice algorithm = slice_of(at, (size_t)(end - at));
	if (slice_starts_with(algorithm, slice_of(algorithm_rsa, sizeof algorithm_rsa)) ||
	    slice_starts_with(algorithm, slice_of(algorithm_p256, sizeof algorithm_p256)))
		return ERROR_NONE;
	return ERROR_key_refused;
}

/* The key comes first: verifying costs what the peer's key makes it cost. */
static enum error
request_take(X509_REQ *request, struct authority_request *out, struct fault *fault)
{
	EVP_PKEY *key = X509_REQ_get0_pubkey(request);
	int algorithm = X509_REQ_get_signature_nid(request);

	enum error error = key == NULL ? ERROR_key_refused : key_public_of(key, &out->key);
	if (error == ERROR_out_of_memory)
		return fault_set(fault, error, "csr", SLICE_EMPTY, NULL);
	if (error != ERROR_NONE)
		return fault_set(fault, ERROR_key_refused, "csr", SLICE_EMPTY, ACCEPTED_KEYS);
	if (algorithm != (out->key.algorithm == KEY_P256 ? NID_ecdsa_with_SHA256 : NID_sha256WithRSAEncryption))
		return fault_set(fault, ERROR_request_invalid, "csr", SLICE_EMPTY, "a signature with SHA-256");
	if (X509_REQ_verify(request, key) != 1)
		return fault_set(
		    fault, ERROR_request_invalid, "csr", SLICE_EMPTY, "a signature by the key in the request");
	request_take_common_name(request, out->common_name);
	return ERROR_NONE;
}

enum error
authority_check_request(struct slice der, struct authority_request *out, struct fault *fault)
{
	const unsigned char *at = der.data;

	memset(out, 0, sizeof *out);
	if (der.size == 0 || der.size > LIMIT_CSR)
		return fault_set(fault, ERROR_request_invalid, "csr", SLICE_EMPTY, "1 to 4096 bytes");
	enum error error = request_peek_algorithm(der);
	X509_REQ *request = error == ERROR_NONE ? d2i_X509_REQ(NULL, &at, (long)der.size) : NULL;
	if (error == ERROR_key_refused)
		fault_set(fault, error, "csr", SLICE_EMPTY, ACCEPTED_KEYS);
	else if (request == NULL || at != der.data + der.size)
		error = fault_set(fault, ERROR_request_invalid, "csr", SLICE_EMPTY,
		    "one PKCS#10 request in DER and nothing behind it");
	else
		error = request_take(request, out, fault);
	X509_REQ_free(request);
	/* What fails for want of memory says nothing about the request. */
	if (key_errors_tell_memory() && error != ERROR_NONE)
		error = fault_set(fault, ERROR_out_of_memory, "csr", SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		digest_bytes(der, out->digest);
	return error;
}

/* ---- certificates ---- */

uint64_t
authority_expiry(uint64_t time, unsigned years)
{
	time_t begin = (time_t)time;
	struct tm date;

	/* 29 February runs on to 1 March. */
	check(time <= INT32_MAX * (uint64_t)100 && years <= 100 && gmtime_r(&begin, &date) != NULL);
	date.tm_year += (int)years;
	return (uint64_t)timegm(&date) - 1;
}

void
authority_shape_serial(uint8_t serial[SERIAL_SIZE])
{
	/* The first bit would be a sign; a second one that is set keeps DER from dropping leading zeros. */
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
}

static enum error
holder_put_names(X509_NAME *name, const struct authority_holder *holder, struct fault *fault)
{
	const struct {
		int nid;
		const char *place;
		struct slice text;
	} rows[] = {
		{ NID_organizationalUnitName, "kind", slice_of_text(role_name(holder->kind)) },
		{ NID_commonName, "common_name", profile_text_cut(holder->common_name) },
		{ NID_surname, "birth_name", holder->birth_name },
		{ NID_givenName, "first_names", holder->first_names },
		{ NID_serialNumber, "spi", holder->spi },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].text.size != 0 && !profile_attribute_ok(rows[i].nid, rows[i].text))
			return fault_set(fault, ERROR_field_invalid, rows[i].place, SLICE_EMPTY,
			    rows[i].nid == NID_serialNumber ? "letters and digits" :
							      "UTF-8 without control characters");
		else if (!profile_name_put(name, rows[i].nid, rows[i].text))
			return fault_set(fault, ERROR_key_failed, rows[i].place, SLICE_EMPTY, NULL);
	return ERROR_NONE;
}

/* What stands around every modulus of 3072 bits in its RSAPublicKey (RFC 8017 A.1.1). */
static const uint8_t rsa_before[] = { 0x30, 0x82, 0x01, 0x8a, 0x02, 0x82, 0x01, 0x81, 0x00 };
static const uint8_t rsa_behind[] = { 0x02, 0x03, 0x01, 0x00, 0x01 };

/* Puts the key in as bytes: through an EVP_PKEY it would be decoded and encoded again for nothing. */
static bool
certificate_set_key(X509 *certificate, const struct key_public *key)
{
	bool is_rsa = key->algorithm == KEY_RSA3072;
	size_t before = is_rsa ? sizeof rsa_before : 0, behind = is_rsa ? sizeof rsa_behind : 0;
	size_t size = before + key->size + behind;
	unsigned char *bits = OPENSSL_malloc(size);

	if (bits == NULL)
		return false;
	if (is_rsa) {
		memcpy(bits, rsa_before, before);
		memcpy(bits + before + key->size, rsa_behind, behind);
	}
	memcpy(bits + before, key->bytes, key->size);
	ASN1_OBJECT *algorithm = OBJ_nid2obj(is_rsa ? NID_rsaEncryption : NID_X9_62_id_ecPublicKey);
	void *parameter = is_rsa ? NULL : OBJ_nid2obj(NID_X9_62_prime256v1);
	/* Takes the bits; the objects are constants of the library. */
	if (X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate), algorithm, is_rsa ? V_ASN1_NULL : V_ASN1_OBJECT,
	    parameter, bits, (int)size) == 1)
		return true;
	OPENSSL_free(bits);
	return false;
}

static enum error
certificate_append(X509 *certificate, struct buf *out)
{
	int size = i2d_X509(certificate, NULL);
	if (size <= 0 || (size_t)size > LIMIT_CERTIFICATE)
		return ERROR_key_failed;
	unsigned char *to = buf_reserve(out, (size_t)size);
	if (to == NULL)
		return ERROR_out_of_memory;
	buf_commit(out, (size_t)i2d_X509(certificate, &to));
	return ERROR_NONE;
}

enum error
authority_issue(struct authority *authority, const struct authority_holder *holder, const uint8_t serial[SERIAL_SIZE],
    struct buf *out, struct fault *fault)
{
	const struct key_public *key = &holder->key;

	check(serial[0] >= 0x40 && serial[0] < 0x80 && role_name(holder->kind) != NULL);
	check(key->size == (key->algorithm == KEY_RSA3072 ? (size_t)384 : (size_t)65));
	if (holder->common_name.size == 0)
		return fault_set(fault, ERROR_field_invalid, "common_name", SLICE_EMPTY, "a name");
	X509 *certificate = profile_certificate_create(authority->holder_extensions, serial, holder->not_before,
	    holder->not_after);
	enum error error = ERROR_key_failed;
	if (certificate == NULL)
		goto done;
	if ((error = holder_put_names(X509_get_subject_name(certificate), holder, fault)) != ERROR_NONE)
		goto done;
	if (certificate_set_key(certificate, key) &&
	    profile_certificate_sign(certificate, authority->issuing, authority->issuing_key))
		error = certificate_append(certificate, out);
	else
		error = ERROR_key_failed;
done:
	X509_free(certificate);
	ERR_clear_error();
	if (error == ERROR_key_failed || error == ERROR_out_of_memory)
		fault_set(fault, error, "certificate", SLICE_EMPTY, NULL);
	return error;
}

/* ---- revocation ---- */

enum error
authority_crl(struct authority *authority, const struct authority_revoked *revoked, size_t count,
    uint64_t this_update, uint64_t next_update, uint64_t number, struct buf *pem)
{
	const struct revocation_list list = {
		.issuer = authority->issuing,
		.key = authority->issuing_key,
		.revoked = revoked,
		.count = count,
		.this_update = this_update,
		.next_update = next_update,
		.number = number,
	};
	return revocation_list_put(pem, &list);
}

bool
authority_crl_number(const struct authority *authority, struct slice pem, uint64_t *number)
{
	return revocation_list_number(pem, authority->issuing_key, number);
}
