/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries stand between the times and the extensions of the list. They are made twice, and kept neither time: to be
 * signed, and to become PEM. */
#include "server/revocation_list.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/time.h"
#include "server/profile.h"

#define PEM_BEGIN "-----BEGIN X509 CRL-----\n"
#define PEM_END "-----END X509 CRL-----\n"
/* Bytes in a line of PEM, and its characters with the line's end. */
#define LINE_BYTES ((size_t)48)
#define LINE_CHARACTERS ((size_t)65)

/* ---- where DER goes ---- */

/* Into a signature, or as base64 to `at`, where there is room. */
struct sink {
	EVP_MD_CTX *signing;
	EVP_ENCODE_CTX *encoding;
	uint8_t *at;
};

static bool
sink_put(struct sink *sink, struct slice der)
{
	int written = 0;

	if (sink->signing != NULL)
		return EVP_DigestSignUpdate(sink->signing, der.data, der.size) == 1;
	if (EVP_EncodeUpdate(sink->encoding, sink->at, &written, der.data, (int)der.size) != 1)
		return false;
	sink->at += written;
	return true;
}

/* Tag and length of what follows. */
static bool
sink_put_header(struct sink *sink, int tag, size_t size)
{
	uint8_t header[8], *at = header;

	ASN1_put_object(&at, tag == V_ASN1_SEQUENCE, (int)size, tag, V_ASN1_UNIVERSAL);
	return sink_put(sink, slice_of(header, (size_t)(at - header)));
}

static size_t
size_with_header(size_t size)
{
	return (size_t)ASN1_object_size(0, (int)size, V_ASN1_SEQUENCE);
}

/* ---- entries ---- */

#define ENTRY_MAX ((size_t)51)

/* An entry's header, and that of its serial number. */
static const uint8_t entry_begin[] = { V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED, 0, V_ASN1_INTEGER, SERIAL_SIZE };
/* Extensions, of which there is one: reasonCode (2.5.29.21), an ENUMERATED of one byte, which follows. */
static const uint8_t entry_reason[] = { 0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01 };

/* The serial is one of authority_shape_serial, so that its bytes are its DER. Of the reasons 7 was never given out, and
 * 8 is only for delta lists (RFC 5280 5.3.1). */
static bool
entry_ok(const struct authority_revoked *revoked)
{
	return revoked->serial[0] >= 0x40 && revoked->serial[0] < 0x80 && revoked->time <= TIME_MAX &&
	    revoked->reason <= 10 && revoked->reason != 7 && revoked->reason != 8;
}

/* UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 5.1.2.6). */
static uint8_t *
put_time(uint8_t *at, uint64_t time)
{
	bool is_long = time_civil_utc(time).year >= 2050;
	size_t cut = is_long ? 0 : 2;
	uint8_t digits[TIME_DIGITS_SIZE];

	time_format_digits(time, digits);
	*at++ = is_long ? V_ASN1_GENERALIZEDTIME : V_ASN1_UTCTIME;
	*at++ = is_long ? 15 : 13;
	memcpy(at, digits + cut, sizeof digits - cut);
	at += sizeof digits - cut;
	*at++ = 'Z';
	return at;
}

static struct slice
entry_make(const struct authority_revoked *revoked, uint8_t entry[ENTRY_MAX])
{
	uint8_t *at = entry + sizeof entry_begin + SERIAL_SIZE;

	memcpy(entry, entry_begin, sizeof entry_begin);
	memcpy(entry + sizeof entry_begin, revoked->serial, SERIAL_SIZE);
	at = put_time(at, revoked->time);
	/* "Unspecified" is said by saying nothing. */
	if (revoked->reason != 0) {
		memcpy(at, entry_reason, sizeof entry_reason);
		at += sizeof entry_reason;
		*at++ = (uint8_t)revoked->reason;
	}
	entry[1] = (uint8_t)(at - entry - 2);
	return slice_of(entry, (size_t)(at - entry));
}

static size_t
entries_size(const struct revocation_list *list)
{
	uint8_t entry[ENTRY_MAX];
	size_t size = 0;

	for (size_t i = 0; i < list->count; i++)
		size += entry_make(&list->revoked[i], entry).size;
	return size;
}

/* ---- the list around them ---- */

/* An empty list, taken apart. */
struct shell {
	X509_CRL *crl;
	unsigned char *tbs;
	struct slice front, extensions; /* of the part that is signed */
	unsigned char *algorithm;
	size_t algorithm_size;
};

static bool
crl_put_times(X509_CRL *crl, uint64_t this_update, uint64_t next_update)
{
	ASN1_TIME *now = profile_time_create(this_update), *next = profile_time_create(next_update);
	bool put = now != NULL && next != NULL && X509_CRL_set1_lastUpdate(crl, now) == 1 &&
	    X509_CRL_set1_nextUpdate(crl, next) == 1;

	ASN1_TIME_free(now);
	ASN1_TIME_free(next);
	return put;
}

static bool
crl_put_extensions(X509_CRL *crl, X509 *issuer, uint64_t number)
{
	AUTHORITY_KEYID *key = AUTHORITY_KEYID_new();
	ASN1_INTEGER *serial = ASN1_INTEGER_new();
	bool put = key != NULL && serial != NULL &&
	    (key->keyid = ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(issuer))) != NULL &&
	    ASN1_INTEGER_set_uint64(serial, number) == 1 &&
	    X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, key, 0, X509V3_ADD_DEFAULT) == 1 &&
	    X509_CRL_add1_ext_i2d(crl, NID_crl_number, serial, 0, X509V3_ADD_DEFAULT) == 1;

	AUTHORITY_KEYID_free(key);
	ASN1_INTEGER_free(serial);
	return put;
}

/* Signing also settles the algorithm's name, which stands in the part that is signed. */
static bool
shell_make(struct shell *shell, const struct revocation_list *list)
{
	const X509_ALGOR *algorithm;
	const unsigned char *content;
	long size;
	int tag, class;

	shell->crl = X509_CRL_new();
	if (shell->crl == NULL || X509_CRL_set_version(shell->crl, X509_CRL_VERSION_2) != 1 ||
	    X509_CRL_set_issuer_name(shell->crl, X509_get_subject_name(list->issuer)) != 1 ||
	    !crl_put_times(shell->crl, list->this_update, list->next_update) ||
	    !crl_put_extensions(shell->crl, list->issuer, list->number) ||
	    X509_CRL_sign(shell->crl, list->key, profile_digest(list->key)) <= 0)
		return false;
	X509_CRL_get0_signature(shell->crl, NULL, &algorithm);
	int algorithm_size = i2d_X509_ALGOR(algorithm, &shell->algorithm);
	int tbs_size = i2d_re_X509_CRL_tbs(shell->crl, &shell->tbs);
	int extensions_size = i2d_X509_EXTENSIONS(X509_CRL_get0_extensions(shell->crl), NULL);
	if (algorithm_size <= 0 || tbs_size <= 0 || extensions_size <= 0)
		return false;
	shell->algorithm_size = (size_t)algorithm_size;
	content = shell->tbs;
	if (ASN1_get_object(&content, &size, &tag, &class, tbs_size) != V_ASN1_CONSTRUCTED)
		return false;
	size_t behind = size_with_header((size_t)extensions_size);
	shell->front = slice_of(content, (size_t)size - behind);
	shell->extensions = slice_of(content + shell->front.size, behind);
	return true;
}

static void
shell_free(struct shell *shell)
{
	X509_CRL_free(shell->crl);
	OPENSSL_free(shell->tbs);
	OPENSSL_free(shell->algorithm);
}

/* ---- all together ---- */

/* Bytes in all of the list's parts; a list without entries has no sequence of them. */
struct sizes {
	size_t entries, tbs, list;
};

static bool
tbs_put(struct sink *sink, const struct revocation_list *list, const struct shell *shell, const struct sizes *sizes)
{
	uint8_t entry[ENTRY_MAX];
	bool put = sink_put_header(sink, V_ASN1_SEQUENCE, sizes->tbs) && sink_put(sink, shell->front) &&
	    (list->count == 0 || sink_put_header(sink, V_ASN1_SEQUENCE, sizes->entries));

	for (size_t i = 0; i < list->count && put; i++)
		put = sink_put(sink, entry_make(&list->revoked[i], entry));
	return put && sink_put(sink, shell->extensions);
}

static bool
tbs_sign(const struct revocation_list *list, const struct shell *shell, const struct sizes *sizes, uint8_t *signature,
    size_t *size)
{
	struct sink sink = { .signing = EVP_MD_CTX_new() };
	bool is_signed = sink.signing != NULL &&
	    EVP_DigestSignInit(sink.signing, NULL, profile_digest(list->key), NULL, list->key) == 1 &&
	    tbs_put(&sink, list, shell, sizes) && EVP_DigestSignFinal(sink.signing, signature, size) == 1;

	EVP_MD_CTX_free(sink.signing);
	return is_signed;
}

/* As PEM to `at`. -> where it ends; NULL on failure */
static uint8_t *
list_encode(const struct revocation_list *list, const struct shell *shell, const struct sizes *sizes,
    struct slice signature, uint8_t *at)
{
	static const uint8_t no_spare_bits = 0;
	struct sink sink = { .encoding = EVP_ENCODE_CTX_new(), .at = at };
	int written = 0;

	if (sink.encoding == NULL)
		return NULL;
	EVP_EncodeInit(sink.encoding);
	bool is_good = sink_put_header(&sink, V_ASN1_SEQUENCE, sizes->list) && tbs_put(&sink, list, shell, sizes) &&
	    sink_put(&sink, slice_of(shell->algorithm, shell->algorithm_size)) &&
	    sink_put_header(&sink, V_ASN1_BIT_STRING, 1 + signature.size) &&
	    sink_put(&sink, slice_of(&no_spare_bits, 1)) && sink_put(&sink, signature);
	EVP_EncodeFinal(sink.encoding, sink.at, &written);
	EVP_ENCODE_CTX_free(sink.encoding);
	return is_good ? sink.at + written : NULL;
}

static enum error
list_put(struct buf *pem, const struct revocation_list *list, const struct shell *shell)
{
	struct sizes sizes = { .entries = entries_size(list) };
	uint8_t signature[LIMIT_SIGNATURE];
	size_t size = sizeof signature;

	/* OpenSSL's lengths are ints. */
	if (sizes.entries > INT32_MAX / 2)
		return ERROR_out_of_memory;
	sizes.tbs = shell->front.size + shell->extensions.size +
	    (list->count == 0 ? 0 : size_with_header(sizes.entries));
	if (!tbs_sign(list, shell, &sizes, signature, &size))
		return ERROR_key_failed;
	sizes.list = size_with_header(sizes.tbs) + shell->algorithm_size + size_with_header(1 + size);
	size_t lines = size_with_header(sizes.list) / LINE_BYTES + 1;
	buf_put_text(pem, PEM_BEGIN);
	/* In one piece: to grow means to hold it twice. One byte for the NUL that is put behind it. */
	uint8_t *at = buf_reserve(pem, lines * LINE_CHARACTERS + 1);
	if (at == NULL)
		return ERROR_out_of_memory;
	const uint8_t *end = list_encode(list, shell, &sizes, slice_of(signature, size), at);
	buf_commit(pem, end == NULL ? 0 : (size_t)(end - at));
	buf_put_text(pem, PEM_END);
	if (end == NULL)
		return ERROR_key_failed;
	return buf_ok(pem) ? ERROR_NONE : ERROR_out_of_memory;
}

enum error
revocation_list_put(struct buf *pem, const struct revocation_list *list)
{
	struct shell shell = { .crl = NULL };

	for (size_t i = 0; i < list->count; i++)
		if (!entry_ok(&list->revoked[i]))
			return ERROR_field_invalid;
	enum error error = shell_make(&shell, list) ? list_put(pem, list, &shell) : ERROR_key_failed;
	shell_free(&shell);
	ERR_clear_error();
	return error;
}

/* ---- the number of a list ---- */

/* Moves past one element; *content is what is in it. False when there is no whole one of this tag and class. */
static bool
der_take(struct slice *der, int tag, int class, struct slice *content)
{
	const unsigned char *at = der->data;
	long size;
	int found, of_class;

	if (der->size == 0 ||
	    (ASN1_get_object(&at, &size, &found, &of_class, (long)der->size) & ~V_ASN1_CONSTRUCTED) != 0 ||
	    found != tag || of_class != class)
		return false;
	*content = slice_of(at, (size_t)size);
	*der = slice_from(*der, (size_t)(at - der->data) + (size_t)size);
	return true;
}

static bool
list_verify(struct slice tbs, struct slice signature, EVP_PKEY *issuer)
{
	EVP_MD_CTX *verifying = EVP_MD_CTX_new();
	bool is_good = verifying != NULL && signature.size > 1 &&
	    EVP_DigestVerifyInit(verifying, NULL, EVP_sha256(), NULL, issuer) == 1 &&
	    EVP_DigestVerify(verifying, signature.data + 1, signature.size - 1, tbs.data, tbs.size) == 1;

	EVP_MD_CTX_free(verifying);
	return is_good;
}

/* Of the extensions, which come last. */
static bool
extensions_number(struct slice der, uint64_t *number)
{
	const unsigned char *at = der.data;
	X509_EXTENSIONS *extensions = d2i_X509_EXTENSIONS(NULL, &at, (long)der.size);
	ASN1_INTEGER *serial = extensions == NULL ? NULL : X509V3_get_d2i(extensions, NID_crl_number, NULL, NULL);
	bool is_good = serial != NULL && ASN1_INTEGER_get_uint64(number, serial) == 1;

	ASN1_INTEGER_free(serial);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return is_good;
}

/* The entries, of which there may be many, are stepped over. */
static bool
list_number(struct slice der, EVP_PKEY *issuer, uint64_t *number)
{
	struct slice list, tbs, part, signature;

	if (!der_take(&der, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &list))
		return false;
	struct slice signed_part = list;
	if (!der_take(&list, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &tbs))
		return false;
	signed_part.size -= list.size;
	if (!der_take(&list, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &part) ||
	    !der_take(&list, V_ASN1_BIT_STRING, V_ASN1_UNIVERSAL, &signature) ||
	    !list_verify(signed_part, signature, issuer))
		return false;
	/* Version, algorithm, issuer, the two times, and the entries unless there are none. */
	return der_take(&tbs, V_ASN1_INTEGER, V_ASN1_UNIVERSAL, &part) &&
	    der_take(&tbs, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &part) &&
	    der_take(&tbs, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &part) &&
	    (der_take(&tbs, V_ASN1_UTCTIME, V_ASN1_UNIVERSAL, &part) ||
	    der_take(&tbs, V_ASN1_GENERALIZEDTIME, V_ASN1_UNIVERSAL, &part)) &&
	    (der_take(&tbs, V_ASN1_UTCTIME, V_ASN1_UNIVERSAL, &part) ||
	    der_take(&tbs, V_ASN1_GENERALIZEDTIME, V_ASN1_UNIVERSAL, &part)) &&
	    (der_take(&tbs, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL, &part) || tbs.size != 0) &&
	    der_take(&tbs, 0, V_ASN1_CONTEXT_SPECIFIC, &part) && extensions_number(part, number);
}

bool
revocation_list_number(struct slice pem, EVP_PKEY *issuer, uint64_t *number)
{
	BIO *bio = pem.size > INT32_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.size);
	char *name = NULL, *header = NULL;
	unsigned char *der = NULL;
	long size = 0;
	bool is_good = bio != NULL && PEM_read_bio(bio, &name, &header, &der, &size) == 1 &&
	    strcmp(name, PEM_STRING_X509_CRL) == 0 && list_number(slice_of(der, (size_t)size), issuer, number);

	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	BIO_free(bio);
	ERR_clear_error();
	return is_good;
}
