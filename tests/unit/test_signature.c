/* SPDX-License-Identifier: Apache-2.0
 *
 * Signatures against tools that nobody here wrote: what is exported, the stock `openssl cms -verify` accepts, and
 * refuses over an altered text; what OpenSSL's CMS signs has the very attributes that are built here. */
#include "tests/unit/unit.h"

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/key.h"
#include "protocol/signature.h"
#include "protocol/time.h"
#include "tests/unit/file.h"

#define SIGNERS 3

struct holder {
	EVP_PKEY *key;
	struct slice certificate; /* DER, owned */
	struct key_public public;
};

struct fixture {
	char directory[32];
	EVP_PKEY *ca_key;
	X509 *ca;
	struct holder holders[SIGNERS]; /* RSA, P-256, P-256 */
	struct key_verifier *verifier;
};

static const char text[] = "guichet-filing 1\norigin guichet.example/2026\n";

static void
add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* Certificates like those the office issues; a NULL issuer makes the CA itself. */
static X509 *
make_certificate(const char *name, long serial, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0), 1);
	const X509_NAME *issuer_name = issuer == NULL ? subject : X509_get_subject_name(issuer);
	assert_int_equal(X509_set_issuer_name(certificate, issuer_name), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	if (issuer == NULL) {
		add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	} else {
		add_extension(certificate, NID_key_usage, "critical,digitalSignature,nonRepudiation");
		add_extension(certificate, NID_ext_key_usage, "critical,1.3.6.1.4.1.32473.1.1");
	}
	assert_true(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
	return certificate;
}

static void
write_in(const struct fixture *f, const char *name, struct slice content)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", f->directory, name);
	file_write(path, content);
}

static void
make_holder(struct fixture *f, struct holder *holder, enum key_algorithm algorithm, long serial)
{
	uint8_t *der = NULL;

	holder->key = key_generate(algorithm);
	assert_non_null(holder->key);
	assert_int_equal(key_public_of(holder->key, &holder->public), ERROR_NONE);
	X509 *certificate = make_certificate("Zo\xc3\xa9 Martin 3023217600053", serial, holder->key, f->ca, f->ca_key);
	int size = i2d_X509(certificate, &der);
	assert_true(size > 0);
	holder->certificate = slice_of(der, (size_t)size);
	X509_free(certificate);
}

static int
setup(void **state)
{
	static struct fixture f = { .directory = "/tmp/guichet-test-XXXXXX" };
	char path[128];

	assert_non_null(mkdtemp(f.directory));
	f.ca_key = key_generate(KEY_P256);
	f.ca = make_certificate("Issuing CA", 1, f.ca_key, NULL, f.ca_key);
	for (size_t i = 0; i < SIGNERS; i++)
		make_holder(&f, &f.holders[i], i == 0 ? KEY_RSA3072 : KEY_P256, i == 1 ? 0xfedcba : (long)i + 2);
	f.verifier = key_verifier_create();
	assert_non_null(f.verifier);
	snprintf(path, sizeof path, "%s/ca.pem", f.directory);
	FILE *file = fopen(path, "w");
	assert_int_equal(PEM_write_X509(file, f.ca), 1);
	fclose(file);
	write_in(&f, "good", slice_of_text(text));
	write_in(&f, "altered", SLICE_LITERAL("guichet-filing 1\norigin guichet.example/2027\n"));
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "ca.pem", "good", "altered", "p7s" };
	char path[128];

	for (size_t i = 0; i < SIGNERS; i++) {
		EVP_PKEY_free(f->holders[i].key);
		OPENSSL_free((void *)(uintptr_t)f->holders[i].certificate.data);
	}
	key_verifier_destroy(f->verifier);
	X509_free(f->ca);
	EVP_PKEY_free(f->ca_key);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", f->directory, files[i]);
		unlink(path);
	}
	return rmdir(f->directory);
}

/* Signs the text's attributes as a client does; the value is appended to `out`. */
static struct signature_signer
sign(const struct holder *holder, uint64_t time, struct buf *out)
{
	uint8_t text_digest[DIGEST_SIZE], certificate_digest[DIGEST_SIZE];
	struct buf *attributes = buf_create(256);

	digest_bytes(slice_of_text(text), text_digest);
	digest_bytes(holder->certificate, certificate_digest);
	signature_attributes_put(attributes, time, text_digest, certificate_digest);
	assert_true(buf_ok(attributes));
	assert_int_equal(key_sign(holder->key, buf_peek(attributes), out), ERROR_NONE);
	buf_destroy(attributes);
	return (struct signature_signer){ holder->certificate, time, buf_peek(out) };
}

/* What the stock tool says about f's p7s over the file `content`. */
static bool
stock_verifies(const struct fixture *f, const char *content, const char *option)
{
	char command[512];

	snprintf(command, sizeof command,
	    "cd %s && openssl cms -verify -inform DER -binary -purpose any -CAfile ca.pem -in p7s -content %s %s "
	    ">/dev/null 2>&1", f->directory, content, option);
	int status = system(command);
	assert_true(status != -1 && WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

/* Exports `count` signers from `first` on to p7s. */
static void
export(const struct fixture *f, size_t first, size_t count, uint64_t time)
{
	struct signature_signer signers[SIGNERS];
	struct buf *values[SIGNERS], *out = buf_create(65536);
	uint8_t digest[DIGEST_SIZE];

	for (size_t i = 0; i < count; i++) {
		values[i] = buf_create(LIMIT_SIGNATURE);
		signers[i] = sign(&f->holders[first + i], time, values[i]);
	}
	digest_bytes(slice_of_text(text), digest);
	assert_int_equal(signature_export(out, digest, signers, count), ERROR_NONE);
	write_in(f, "p7s", buf_peek(out));
	/* DER, not merely BER: decoding and encoding gives the same bytes. */
	const uint8_t *cursor = buf_peek(out).data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &cursor, (long)buf_size(out));
	assert_non_null(cms);
	uint8_t *again = NULL;
	int size = i2d_CMS_ContentInfo(cms, &again);
	assert_int_equal(size, buf_size(out));
	assert_memory_equal(again, buf_peek(out).data, buf_size(out));
	assert_int_equal(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms)), (int)count);
	OPENSSL_free(again);
	CMS_ContentInfo_free(cms);
	buf_destroy(out);
	for (size_t i = 0; i < count; i++)
		buf_destroy(values[i]);
}

static void
test_export_stock_tool(void **state)
{
	struct fixture *f = *state;
	static const struct { size_t first, count; } cases[] = { { 0, 1 }, { 1, 1 }, { 0, 2 }, { 1, 2 }, { 0, 3 } };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		export(f, cases[i].first, cases[i].count, 1795362029);
		assert_true(stock_verifies(f, "good", ""));
		assert_true(stock_verifies(f, "good", "-cades"));
		assert_false(stock_verifies(f, "altered", ""));
	}
}

/* Lets OpenSSL's CMS sign the text with our choice of attributes (its own signing-certificate-v2 would name issuer and
 * serial number too), in whatever order and form it writes them. */
static CMS_ContentInfo *
openssl_signs(const struct holder *holder, time_t at)
{
	static const uint8_t head[] = { 0x30, 0x26, 0x30, 0x24, 0x30, 0x22, 0x04, 0x20 };
	uint8_t id[sizeof head + DIGEST_SIZE];
	const uint8_t *cursor = holder->certificate.data;
	X509 *certificate = d2i_X509(NULL, &cursor, (long)holder->certificate.size);
	BIO *content = BIO_new_mem_buf(text, (int)strlen(text));
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_DETACHED | CMS_BINARY);
	CMS_SignerInfo *signer = CMS_add1_signer(cms, certificate, holder->key, EVP_sha256(),
	    CMS_PARTIAL | CMS_NOSMIMECAP | CMS_BINARY);
	ASN1_TIME *time = ASN1_TIME_set(NULL, at);

	memcpy(id, head, sizeof head);
	digest_bytes(holder->certificate, id + sizeof head);
	assert_int_equal(CMS_signed_add1_attr_by_NID(signer, NID_id_smime_aa_signingCertificateV2, V_ASN1_SEQUENCE, id,
	    sizeof id), 1);
	assert_int_equal(CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, time->type, time, -1), 1);
	assert_int_equal(CMS_final(cms, content, NULL, CMS_DETACHED | CMS_BINARY), 1);
	ASN1_TIME_free(time);
	BIO_free(content);
	X509_free(certificate);
	return cms;
}

/* What OpenSSL signed, verifies over the attributes rebuilt here: so they are the same byte for byte. */
static void
test_attributes_as_openssl(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 2; i++) {
		const struct holder *holder = &f->holders[i];
		CMS_ContentInfo *cms = openssl_signs(holder, 1795362029);
		CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms), 0);
		const ASN1_OCTET_STRING *value = CMS_SignerInfo_get0_signature(signer);
		struct slice signature = slice_of(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
		uint8_t text_digest[DIGEST_SIZE], certificate_digest[DIGEST_SIZE];
		struct buf *attributes = buf_create(512);

		digest_bytes(slice_of_text(text), text_digest);
		digest_bytes(holder->certificate, certificate_digest);
		signature_attributes_put(attributes, 1795362029, text_digest, certificate_digest);
		assert_int_equal(key_verify(f->verifier, &holder->public, buf_peek(attributes), signature), ERROR_NONE);
		buf_clear(attributes);
		signature_attributes_put(attributes, 1795362030, text_digest, certificate_digest);
		assert_int_equal(key_verify(f->verifier, &holder->public, buf_peek(attributes), signature),
		    ERROR_signature_invalid);
		buf_destroy(attributes);
		CMS_ContentInfo_free(cms);
	}
}

static void
test_time_range(void **state)
{
	(void)state;
	uint8_t digest[DIGEST_SIZE] = { 0 };
	struct buf *buf = buf_create(512);

	signature_attributes_put(buf, SIGNING_TIME_MAX, digest, digest);
	assert_true(buf_ok(buf));
	assert_memory_equal(buf_peek(buf).data + 44, "\x17\x0d" "491231235959Z", 15);
	signature_attributes_put(buf, SIGNING_TIME_MAX + 1, digest, digest);
	assert_false(buf_ok(buf));
	buf_destroy(buf);
}

/* Bytes that are no certificate, bytes behind one, sizes over the limits, no signer at all. */
static void
test_export_refuses(void **state)
{
	struct fixture *f = *state;
	static uint8_t big[LIMIT_CERTIFICATE + 1];
	uint8_t digest[DIGEST_SIZE] = { 0 };
	struct slice good = f->holders[1].certificate;
	struct buf *out = buf_create(65536);

	memcpy(big, good.data, good.size);
	const struct signature_signer cases[] = {
		{ SLICE_LITERAL("no certificate"), 0, SLICE_LITERAL("x") },
		{ slice_of(good.data, good.size - 1), 0, SLICE_LITERAL("x") },
		{ slice_of(big, good.size + 1), 0, SLICE_LITERAL("x") },
		{ slice_of(big, sizeof big), 0, SLICE_LITERAL("x") },
		{ good, 0, slice_of(big, LIMIT_SIGNATURE + 1) },
		{ good, SIGNING_TIME_MAX + 1, SLICE_LITERAL("x") },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(signature_export(out, digest, &cases[i], 1), ERROR_key_refused);
	assert_int_equal(signature_export(out, digest, cases, 0), ERROR_key_refused);
	assert_int_equal(buf_size(out), 0);
	buf_destroy(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_export_stock_tool),
		cmocka_unit_test(test_attributes_as_openssl),
		cmocka_unit_test(test_time_range),
		cmocka_unit_test(test_export_refuses),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
