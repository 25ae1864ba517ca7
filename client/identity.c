/* SPDX-License-Identifier: Apache-2.0
 *
 * A holder's private key and certificate, and the PKCS#12 file they live in (A2, A4). */
#include "client/identity.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/problem.h"
#include "protocol/digest.h"
#include "protocol/key.h"
#include "protocol/manifest.h"

/* PBKDF2 rounds for the key file: a tenth of a second a guess on the reference machine. */
#define PKCS12_ITERATIONS 100000
/* A filing's signature costs the office 30 µs to verify with RSA-3072 and 45 µs with P-256, import of the key
 * included. */
#define ALGORITHM_DEFAULT KEY_RSA3072
/* Key, certificate and wrapping. */
#define PKCS12_SIZE_MAX ((size_t)64 * 1024)
#define ALGORITHM_NAME_SIZE 64

struct guichet_identity {
	EVP_PKEY *key;
	struct buf *request; /* PKCS#10, made once, so that asking again is the same request; NULL: opened with a
			      * certificate and not asked with */
	X509 *certificate; /* NULL: none yet; all below is empty then */
	struct buf *der;
	uint8_t serial[SERIAL_SIZE];
	uint8_t digest[DIGEST_SIZE];
	char spi[14];
	char holder[2 * LIMIT_NAME + 64];
	uint64_t not_before, not_after;
};

static struct guichet_identity *
identity_create(EVP_PKEY *key)
{
	struct guichet_identity *identity = calloc(1, sizeof *identity);

	if (identity == NULL)
		return NULL;
	identity->der = buf_create(LIMIT_CERTIFICATE);
	if (identity->der == NULL) {
		free(identity);
		return NULL;
	}
	identity->key = key;
	return identity;
}

void
guichet_identity_destroy(struct guichet_identity *identity)
{
	if (identity == NULL)
		return;
	EVP_PKEY_free(identity->key);
	buf_destroy(identity->request);
	X509_free(identity->certificate);
	buf_destroy(identity->der);
	OPENSSL_cleanse(identity, sizeof *identity);
	free(identity);
}

/* ---- making a key, and the request for its certificate ---- */

static bool
put_der(struct buf *out, int size, int encode(const void *object, unsigned char **to), const void *object)
{
	uint8_t *at = size > 0 ? buf_reserve(out, (size_t)size) : NULL;
	unsigned char *to = at;

	if (at == NULL || encode(object, &to) != size) {
		buf_fail(out);
		return false;
	}
	buf_commit(out, (size_t)size);
	return true;
}

static int
encode_request(const void *object, unsigned char **to)
{
	return i2d_X509_REQ(object, to);
}

/* Proves possession of the key. NULL when that failed. */
static struct buf *
make_request(EVP_PKEY *key)
{
	struct buf *der = buf_create(LIMIT_CSR);
	X509_REQ *request = X509_REQ_new();
	bool good = der != NULL && request != NULL && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
	    X509_REQ_set_pubkey(request, key) == 1 && X509_REQ_sign(request, key, EVP_sha256()) > 0;

	good = good && put_der(der, i2d_X509_REQ(request, NULL), encode_request, request);
	X509_REQ_free(request);
	ERR_clear_error();
	if (good && buf_ok(der))
		return der;
	buf_destroy(der);
	return NULL;
}

enum error
identity_put_request(struct guichet_identity *identity, struct buf *out)
{
	if (identity->request == NULL)
		identity->request = make_request(identity->key);
	if (identity->request == NULL)
		return ERROR_key_failed;
	buf_put(out, buf_peek(identity->request));
	return ERROR_NONE;
}

enum guichet_error
guichet_identity_generate(const char *algorithm, struct guichet_identity **out, struct guichet_problem *problem)
{
	enum key_algorithm number =
	    algorithm == NULL ? ALGORITHM_DEFAULT : key_algorithm_find(slice_of_text(algorithm));

	*out = NULL;
	if (number == 0)
		return problem_set(problem, ERROR_usage, "key", slice_of_text(algorithm), "p256 or rsa3072");
	EVP_PKEY *key = key_generate(number);
	if (key == NULL)
		return problem_set(problem, ERROR_key_failed, "key", slice_of_text(key_algorithm_name(number)),
		    "a new key pair");
	struct guichet_identity *identity = identity_create(key);
	if (identity == NULL) {
		EVP_PKEY_free(key);
		return problem_set(problem, ERROR_out_of_memory, "key", SLICE_EMPTY, NULL);
	}
	identity->request = make_request(key);
	if (identity->request == NULL) {
		guichet_identity_destroy(identity);
		return problem_set(problem, ERROR_key_failed, "key", SLICE_EMPTY, "a request for a certificate");
	}
	*out = identity;
	return GUICHET_ERROR_none;
}

/* ---- reading a certificate ---- */

/* Copies the first value of that kind in the subject as UTF-8; leaves `out` empty when there is none or it is too
 * long. */
static void
read_name(X509 *certificate, int nid, char *out, size_t size_max)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, nid, -1);
	unsigned char *text = NULL;

	out[0] = '\0';
	if (at < 0)
		return;
	int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (size > 0 && (size_t)size < size_max) {
		memcpy(out, text, (size_t)size);
		out[size] = '\0';
	}
	OPENSSL_free(text);
}

/* The tax number stands in the subject's serialNumber (X.520), whatever may stand before it. */
static void
read_spi(X509 *certificate, char out[14])
{
	char text[LIMIT_LABEL];
	size_t size;

	read_name(certificate, NID_serialNumber, text, sizeof text);
	size = strlen(text);
	out[0] = '\0';
	if (size >= 13 && spi_valid(slice_of(text + size - 13, 13)))
		memcpy(out, text + size - 13, 14);
}

bool
identity_read_serial(X509 *certificate, uint8_t out[SERIAL_SIZE])
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	int size = ASN1_STRING_length(serial);

	if (size < 1 || size > SERIAL_SIZE || ASN1_STRING_type(serial) != V_ASN1_INTEGER)
		return false;
	memset(out, 0, SERIAL_SIZE);
	memcpy(out + SERIAL_SIZE - size, ASN1_STRING_get0_data(serial), (size_t)size);
	return true;
}

/* Seconds since 1970; 0 for what is no time or lies before. */
static uint64_t
read_time(const ASN1_TIME *time)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool good = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 && days >= 0 && seconds >= 0;

	ASN1_TIME_free(epoch);
	return good ? (uint64_t)days * 86400 + (uint64_t)seconds : 0;
}

static int
encode_certificate(const void *object, unsigned char **to)
{
	return i2d_X509(object, to);
}

/* Nothing of the identity changes before all that can fail has been done. */
enum error
identity_take_certificate(struct guichet_identity *identity, X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	uint8_t serial[SERIAL_SIZE];

	if (key == NULL || EVP_PKEY_eq(key, identity->key) != 1) {
		ERR_clear_error();
		return ERROR_proof_invalid;
	}
	if (!identity_read_serial(certificate, serial))
		return ERROR_certificate_unknown;
	struct buf *der = buf_create(LIMIT_CERTIFICATE);
	if (der == NULL)
		return ERROR_out_of_memory;
	if (!put_der(der, i2d_X509(certificate, NULL), encode_certificate, certificate)) {
		buf_destroy(der);
		return ERROR_certificate_unknown;
	}
	buf_destroy(identity->der);
	identity->der = der;
	memcpy(identity->serial, serial, SERIAL_SIZE);
	digest_bytes(buf_peek(identity->der), identity->digest);
	read_name(certificate, NID_commonName, identity->holder, sizeof identity->holder);
	read_spi(certificate, identity->spi);
	identity->not_before = read_time(X509_get0_notBefore(certificate));
	identity->not_after = read_time(X509_get0_notAfter(certificate));
	X509_free(identity->certificate);
	identity->certificate = certificate;
	return ERROR_NONE;
}

/* ---- the key file ---- */

/* A key without a certificate has its request behind it. That one is nobody's secret, so it need not lie under the
 * password: its own signature tells whether it is the one. */
static enum error
take_request(struct guichet_identity *identity, struct slice der)
{
	const unsigned char *at = der.data;
	X509_REQ *request = der.size <= LIMIT_CSR ? d2i_X509_REQ(NULL, &at, (long)der.size) : NULL;
	bool good = request != NULL && at == der.data + der.size && X509_REQ_verify(request, identity->key) == 1;

	X509_REQ_free(request);
	ERR_clear_error();
	if (!good)
		return ERROR_key_refused;
	identity->request = buf_create(LIMIT_CSR);
	if (identity->request == NULL)
		return ERROR_out_of_memory;
	buf_put(identity->request, der);
	return buf_ok(identity->request) ? ERROR_NONE : ERROR_out_of_memory;
}

/* Takes ownership of key and certificate on success. `rest`: what stands behind the PKCS#12. */
static enum guichet_error
identity_of(EVP_PKEY *key, X509 *certificate, struct slice rest, struct guichet_identity **out,
    struct guichet_problem *problem)
{
	struct key_public public_key;

	if (key == NULL || (certificate == NULL && rest.size == 0))
		return problem_set(problem, ERROR_key_refused, "key file",
		    SLICE_LITERAL("no private key or no certificate"), "a private key with its certificate");
	enum error error = key_public_of(key, &public_key);
	if (error != ERROR_NONE)
		return problem_set(problem, error, "key file", SLICE_EMPTY, "an RSA-3072 or P-256 key");
	struct guichet_identity *identity = identity_create(key);
	if (identity == NULL)
		return problem_set(problem, ERROR_out_of_memory, "key file", SLICE_EMPTY, NULL);
	error = certificate != NULL ? identity_take_certificate(identity, certificate) : take_request(identity, rest);
	if (error == ERROR_NONE) {
		*out = identity;
		return GUICHET_ERROR_none;
	}
	identity->key = NULL; /* still the caller's */
	guichet_identity_destroy(identity);
	return problem_set(problem, error, "key file", SLICE_EMPTY,
	    "the certificate of the private key in the same file, or its request behind it");
}

/* What OpenSSL has just said that it cannot do, "RC2-40-CBC", empty when it does not say what; false when that is not
 * why it failed. The password is checked before anything is decrypted, so a wrong one never comes to this. */
static bool
find_unsupported(char name[ALGORITHM_NAME_SIZE])
{
	static const char before[] = "Algorithm (";
	unsigned long code;
	const char *data;
	int flags;

	name[0] = '\0';
	while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
		if (ERR_GET_REASON(code) != ERR_R_UNSUPPORTED)
			continue;
		const char *at = (flags & ERR_TXT_STRING) != 0 ? strstr(data, before) : NULL;
		if (at != NULL)
			snprintf(name, ALGORITHM_NAME_SIZE, "%.*s", (int)strcspn(at + sizeof before - 1, " )"),
			    at + sizeof before - 1);
		return true;
	}
	return false;
}

static enum guichet_error
cannot_parse(struct guichet_problem *problem)
{
	char name[ALGORITHM_NAME_SIZE], value[ALGORITHM_NAME_SIZE + 32];

	if (!find_unsupported(name))
		return problem_set(
		    problem, ERROR_password_wrong, "key file", SLICE_EMPTY, "the password chosen at enrolment");
	snprintf(value, sizeof value, "encryption not supported%s%s", name[0] != '\0' ? ": " : "", name);
	return problem_set(problem, ERROR_key_failed, "key file", slice_of_text(value),
	    "a file of today's encryption: openssl pkcs12 -legacy -in OLD.p12 -out KEY.pem && "
	    "openssl pkcs12 -export -in KEY.pem -out NEW.p12");
}

enum guichet_error
guichet_identity_open(
    struct guichet_bytes pkcs12, const char *password, struct guichet_identity **out, struct guichet_problem *problem)
{
	const unsigned char *at = pkcs12.data;
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	enum guichet_error error;

	*out = NULL;
	ERR_clear_error();
	PKCS12 *file = pkcs12.size <= PKCS12_SIZE_MAX ? d2i_PKCS12(NULL, &at, (long)pkcs12.size) : NULL;
	if (file == NULL)
		error = problem_set(problem, ERROR_password_wrong, "key file", SLICE_LITERAL("not a PKCS#12 file"),
		    "the .p12 file that enrolment wrote");
	else if (PKCS12_parse(file, password, &key, &certificate, NULL) != 1)
		error = cannot_parse(problem);
	else
		error = identity_of(
		    key, certificate, slice_of(at, (size_t)(pkcs12.data + pkcs12.size - at)), out, problem);
	if (error != GUICHET_ERROR_none) {
		EVP_PKEY_free(key);
		X509_free(certificate);
	}
	PKCS12_free(file);
	ERR_clear_error();
	return error;
}

enum guichet_error
guichet_identity_save(const struct guichet_identity *identity, const char *password, struct guichet_blob **out,
    struct guichet_problem *problem)
{
	struct buf *buf = NULL;
	unsigned char *der = NULL;

	*out = NULL;
	bool waits = identity->certificate == NULL;
	struct slice rest = waits ? buf_peek(identity->request) : SLICE_EMPTY;
	PKCS12 *file = PKCS12_create(password, waits ? NULL : identity->holder, identity->key, identity->certificate,
	    NULL, NID_aes_256_cbc, NID_aes_256_cbc, PKCS12_ITERATIONS, PKCS12_ITERATIONS, 0);
	int size = file != NULL ? i2d_PKCS12(file, &der) : -1;
	if (size > 0) {
		buf = buf_create((size_t)size + rest.size);
		if (buf != NULL) {
			buf_put(buf, slice_of(der, (size_t)size));
			buf_put(buf, rest);
		}
		OPENSSL_clear_free(der, (size_t)size);
	}
	PKCS12_free(file);
	ERR_clear_error();
	if (size > 0)
		*out = blob_take(buf);
	if (*out != NULL)
		return GUICHET_ERROR_none;
	return problem_set(problem, ERROR_key_failed, "key file", SLICE_EMPTY, "a PKCS#12 file that can be made");
}

/* ---- what the key does ---- */

enum error
identity_sign(const struct guichet_identity *identity, struct slice message, struct buf *out)
{
	return key_sign(identity->key, message, out);
}

/* ---- what it says ---- */

bool
identity_has_certificate(const struct guichet_identity *identity)
{
	return identity->certificate != NULL;
}

const uint8_t *
identity_digest(const struct guichet_identity *identity)
{
	return identity->digest;
}

uint64_t
identity_not_before(const struct guichet_identity *identity)
{
	return identity->not_before;
}

struct guichet_bytes
guichet_identity_serial(const struct guichet_identity *identity)
{
	if (identity->certificate == NULL)
		return (struct guichet_bytes){ NULL, 0 };
	return (struct guichet_bytes){ identity->serial, SERIAL_SIZE };
}

struct guichet_bytes
guichet_identity_certificate(const struct guichet_identity *identity)
{
	return public_of_slice(buf_peek(identity->der));
}

struct guichet_bytes
guichet_identity_holder(const struct guichet_identity *identity)
{
	return guichet_bytes_of_text(identity->holder);
}

struct guichet_bytes
guichet_identity_spi(const struct guichet_identity *identity)
{
	return guichet_bytes_of_text(identity->spi);
}

uint64_t
guichet_identity_not_after(const struct guichet_identity *identity)
{
	return identity->not_after;
}
