/* SPDX-License-Identifier: Apache-2.0
 *
 * The authority judged by a tool nobody here wrote: whatever it makes, the openssl command must accept, and refuse
 * where it has to. */
#include "tests/unit/authority_place.h"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "protocol/net/tls_config.h"
#include "protocol/time.h"
#include "server/authority_files.h"

static struct authority *authority;

static int
set_up(void **state)
{
	struct fault fault;

	(void)state;
	place_begin();
	assert_int_equal(authority_open(place_path("keys"), place_path("public"), &authority, &fault), ERROR_NONE);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	authority_close(authority);
	place_end();
	return 0;
}

/* ---- certificates ---- */

static struct authority_holder
holder_of(EVP_PKEY *key)
{
	struct authority_holder holder = {
		.kind = ROLE_TAXPAYER,
		.common_name = SLICE_LITERAL("Zoé Aïcha Lefèvre"),
		.birth_name = SLICE_LITERAL("Lefèvre"),
		.first_names = SLICE_LITERAL("Zoé Aïcha"),
		.spi = SLICE_LITERAL("1234567890123"),
		.not_before = PLACE_NOW,
		.not_after = authority_expiry(PLACE_NOW, 3),
	};
	assert_int_equal(key_public_of(key, &holder.key), ERROR_NONE);
	return holder;
}

/* Issues to "NAME.pem"; the serial number is random but for its last byte. */
static void
issue_file(const struct authority_holder *holder, uint8_t last, const char *name, uint8_t serial[SERIAL_SIZE])
{
	struct fault fault;
	struct buf *der = buf_create(LIMIT_CERTIFICATE);
	char command[160];
	assert_int_equal(RAND_bytes(serial, SERIAL_SIZE), 1);
	serial[SERIAL_SIZE - 1] = last;
	authority_shape_serial(serial);
	assert_int_equal(authority_issue(authority, holder, serial, der, &fault), ERROR_NONE);
	place_write("certificate.der", buf_peek(der));
	snprintf(command, sizeof command, "openssl x509 -inform DER -in certificate.der -out %s.pem", name);
	place_expect(command);
	buf_destroy(der);
}

/* ---- making ---- */

static void
private_keys_are_for_their_owner_only(void **state)
{
	(void)state;
	static const char *const keys[] = {
		"keys/root.key", "keys/issuing.key", "keys/tls-root.key", "keys/tls-server.key", "keys/log.key",
	};
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		struct stat facts;
		char text[256];
		assert_int_equal(stat(place_path(keys[i]), &facts), 0);
		assert_int_equal(facts.st_mode & 07777, 0600);
		place_read(keys[i], text, sizeof text);
		assert_int_equal(strncmp(text, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
	}
	assert_int_equal(place_run("grep -r PRIVATE public"), 1);
}

static void
authority_is_never_overwritten(void **state)
{
	(void)state;
	struct fault fault;
	place_expect("sha256sum keys/* public/* > sums");
	assert_int_equal(place_create("keys", "public", PLACE_ORIGIN, NULL, &fault), ERROR_file_unreadable);
	assert_true(slice_equal_text(fault.place, "root.key"));
	place_expect("sha256sum -c sums");
}

static void
failed_making_leaves_nothing(void **state)
{
	(void)state;
	static const char *const obstacles[] = { "log.vkey", "crl.pem", "ca.pem" };
	for (size_t i = 0; i < sizeof obstacles / sizeof obstacles[0]; i++) {
		struct fault fault;
		char name[64], text[16];
		place_expect("rm -rf k p && mkdir p");
		snprintf(name, sizeof name, "p/%s", obstacles[i]);
		place_write(name, SLICE_LITERAL("mine"));
		assert_int_equal(place_create("k", "p", PLACE_ORIGIN, NULL, &fault), ERROR_file_unreadable);
		assert_true(slice_equal_text(fault.place, obstacles[i]));
		place_expect("test -z \"$(ls k)\" && test \"$(ls p | wc -l)\" = 1");
		place_read(name, text, sizeof text);
		assert_string_equal(text, "mine");
	}
}

static void
unusable_names_are_refused(void **state)
{
	(void)state;
	struct fault fault;
	char long_origin[LIMIT_ORIGIN + 2];
	memset(long_origin, 'a', sizeof long_origin - 1);
	long_origin[sizeof long_origin - 1] = '\0';
	const char *const origins[] = { "", "two words", "a+b", "a\nb", "\xff", "a\x7f", "impôts.example/é",
		long_origin };
	for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
		assert_int_equal(place_create("refused-k", "refused-p", origins[i], NULL, &fault), ERROR_usage);
		assert_true(slice_equal_text(fault.place, "origin"));
	}
	static const char *const hosts[] = { "", "a b", "x,DNS:evil", "*.fr", "1.2.3.4/8", "-x", "é.fr" };
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		assert_int_equal(place_create("refused-k", "refused-p", PLACE_ORIGIN, hosts[i], &fault), ERROR_usage);
		assert_true(slice_equal_text(fault.value, hosts[i]));
	}
	assert_false(place_has("refused-k/root.key"));
	long_origin[LIMIT_ORIGIN] = '\0';
	assert_int_equal(place_create("long-k", "long-p", long_origin, NULL, &fault), ERROR_NONE);
}

static void
two_trusts_are_kept_apart(void **state)
{
	(void)state;
	place_expect("openssl x509 -in public/ca.pem -out issuing.pem");
	place_expect("openssl verify -x509_strict -attime 1775037600 -CAfile public/ca.pem issuing.pem");
	place_expect("openssl verify -x509_strict -attime 1775037600 -CAfile public/tls.pem -purpose sslserver "
	    "-verify_hostname localhost keys/tls-server.pem");
	static const char *const hosts[] = {
		"-verify_hostname guichet.example.fr", "-verify_ip 127.0.0.1", "-verify_ip ::1", "-verify_ip 192.0.2.7",
	};
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		char command[256];
		snprintf(command, sizeof command, "openssl verify -attime 1775037600 -CAfile public/tls.pem %s "
		    "keys/tls-server.pem", hosts[i]);
		place_expect(command);
	}
	assert_int_not_equal(place_run("openssl verify -attime 1775037600 -CAfile public/tls.pem "
	    "-verify_hostname example.fr keys/tls-server.pem"), 0);
	assert_int_not_equal(
	    place_run("openssl verify -attime 1775037600 -CAfile public/ca.pem keys/tls-server.pem"), 0);
	assert_int_not_equal(
	    place_run("openssl verify -attime 1775037600 -partial_chain -CAfile public/tls.pem issuing.pem"), 0);
	place_expect("openssl x509 -in public/tls.pem -noout -subject -enddate -nameopt RFC2253");
	place_expect_output("subject=CN=TLS root CA,O=" PLACE_ORIGIN);
	place_expect_output("notAfter=Apr  1 09:59:59 2046 GMT");
}

static void
server_can_use_the_tls_files(void **state)
{
	(void)state;
	struct tls_config *server, *client;
	struct fault fault;
	assert_int_equal(tls_config_create_server(authority_tls_certificate_path(authority),
	    authority_tls_key_path(authority), &server, &fault), ERROR_NONE);
	assert_int_equal(tls_config_create_client(place_path("public/tls.pem"), &client, &fault), ERROR_NONE);
	tls_config_destroy(server);
	tls_config_destroy(client);
}

static void
log_key_is_the_published_one(void **state)
{
	(void)state;
	const struct note_verifier *verifier = authority_log_verifier(authority);
	uint8_t raw[32];
	size_t size = sizeof raw;
	assert_string_equal(verifier->name, PLACE_ORIGIN);
	assert_int_equal(EVP_PKEY_get_raw_public_key(authority_log_key(authority), raw, &size), 1);
	assert_memory_equal(raw, verifier->public_key, sizeof raw);
}

/* ---- opening ---- */

#define ISSUING_FIRST "the issuing CA's certificate, first, for the key in issuing.key"

static void
what_does_not_belong_together_is_not_opened(void **state)
{
	(void)state;
	static const struct {
		const char *damage;
		enum error error;
		const char *name, *found, *expected;
	} rows[] = {
		{ "chmod 640 k/issuing.key", ERROR_file_unreadable, "issuing.key",
		    "a private key that others than its owner may use", "mode 0600" },
		{ "rm k/log.key", ERROR_file_unreadable, "log.key", "No such file or directory",
		    "a file that can be read" },
		{ "rm p/ca.pem && mkdir p/ca.pem", ERROR_file_unreadable, "ca.pem", "no regular file",
		    "a regular file" },
		{ "truncate -s 65537 p/ca.pem", ERROR_file_unreadable, "ca.pem", "a larger file",
		    "a file of at most 64 KB" },
		{ ": > p/ca.pem", ERROR_file_unreadable, "ca.pem", "something else", "a certificate in PEM" },
		{ "echo nonsense > p/log.vkey", ERROR_file_unreadable, "log.vkey", "something else",
		    "a C2SP verifier key" },
		{ "cat keys/root.key > k/issuing.key", ERROR_store_damaged, "ca.pem", "another certificate",
		    ISSUING_FIRST },
		{ "cat keys/issuing.key > k/issuing.key", ERROR_store_damaged, "ca.pem", "another certificate",
		    ISSUING_FIRST },
		{ "cat public/tls.pem > p/ca.pem", ERROR_store_damaged, "ca.pem", "another certificate",
		    ISSUING_FIRST },
		{ "cat keys/log.key > k/log.key", ERROR_store_damaged, "log.vkey", "another key",
		    "the public key of log.key" },
		{ "openssl pkey -in keys/log.key -aes128 -passout pass:x > k/log.key", ERROR_file_unreadable,
		    "log.key", "something else", "a private key in PEM without a password" },
	};
	struct fault fault;
	struct authority *opened;
	place_expect("rm -rf k0 p0");
	assert_int_equal(place_create("k0", "p0", "elsewhere.example", NULL, &fault), ERROR_NONE);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		place_expect("rm -rf k p && cp -rp k0 k && cp -rp p0 p");
		assert_int_equal(place_run(rows[i].damage), 0);
		assert_int_equal(authority_open(place_path("k"), place_path("p"), &opened, &fault), rows[i].error);
		assert_null(opened);
		assert_true(slice_equal_text(fault.place, rows[i].name));
		assert_true(slice_equal_text(fault.value, rows[i].found));
		assert_true(slice_equal_text(fault.expected, rows[i].expected));
	}
	/* The roots' keys may be kept elsewhere. */
	place_expect("rm -rf k p && cp -rp k0 k && cp -rp p0 p && rm k/root.key k/tls-root.key");
	assert_int_equal(authority_open(place_path("k"), place_path("p"), &opened, &fault), ERROR_NONE);
	authority_close(opened);
}

/* What memory is short for is no fault of the file's. */
static void
a_file_that_does_not_fit_is_told_apart(void **state)
{
	(void)state;
	struct buf *little = buf_create(1024);
	struct fault fault;

	assert_non_null(little);
	place_expect("rm -rf p && mkdir p && head -c 2000 /dev/zero > p/ca.pem");
	assert_int_equal(authority_file_read(place_path("p"), "ca.pem", false, little, &fault), ERROR_out_of_memory);
	assert_true(slice_equal_text(fault.place, "ca.pem"));
	assert_int_equal(fault.value.size, 0);
	buf_destroy(little);
}

/* ---- issuing ---- */

static void
certificates_follow_the_profile(void **state)
{
	(void)state;
	for (int algorithm = KEY_RSA3072; algorithm <= KEY_P256; algorithm++) {
		uint8_t serial[SERIAL_SIZE];
		char line[256], hex[2 * SERIAL_SIZE + 1];
		EVP_PKEY *key = key_generate((enum key_algorithm)algorithm);
		struct authority_holder holder = holder_of(key);
		issue_file(&holder, 7, "holder", serial);
		place_expect(
		    "openssl verify -x509_strict -check_ss_sig -attime 1775037600 -CAfile public/ca.pem -purpose any "
		    "-crl_check -CRLfile public/crl.pem holder.pem");
		/* Not for TLS, not for e-mail. */
		assert_int_not_equal(place_run("openssl verify -attime 1775037600 -CAfile public/ca.pem "
		    "-purpose sslclient holder.pem"), 0);
		assert_int_not_equal(place_run("openssl verify -attime 1775037600 -CAfile public/ca.pem "
		    "-purpose smimesign holder.pem"), 0);
		place_expect("openssl x509 -in holder.pem -noout -text -nameopt utf8,sep_comma_plus,lname");
		place_expect_output("X509v3 Basic Constraints: critical\n                CA:FALSE\n");
		place_expect_output("X509v3 Key Usage: critical\n                Digital Signature, Non Repudiation\n");
		place_expect_output("X509v3 Extended Key Usage: critical\n                "
		    "2.25.276075734165952363996226375985216860489.1\n");
		place_expect_output("X509v3 Subject Key Identifier");
		place_expect_output("X509v3 Authority Key Identifier");
		place_expect_output("organizationalUnitName=taxpayer,commonName=Zoé Aïcha Lefèvre,surname=Lefèvre,"
		    "givenName=Zoé Aïcha,serialNumber=1234567890123\n");
		place_expect_output(
		    "Not Before: Apr  1 10:00:00 2026 GMT\n            Not After : Apr  1 09:59:59 2029 GMT\n");
		place_expect("openssl asn1parse -in holder.pem");
		place_expect_output("UTF8STRING        :Lef");
		place_expect_output("PRINTABLESTRING   :1234567890123");
		hex_encode(slice_of(serial, sizeof serial), hex);
		place_expect("openssl x509 -in holder.pem -noout -serial > serial");
		snprintf(line, sizeof line, "tr A-F a-f <serial | grep -qx serial=%s", hex);
		place_expect(line);

		FILE *file = fopen(place_path("holder.pem"), "r");
		X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
		fclose(file);
		assert_int_equal(X509_check_private_key(certificate, key), 1);
		X509_free(certificate);
		EVP_PKEY_free(key);
	}
}

static void
names_that_cannot_stand_are_refused(void **state)
{
	(void)state;
	struct fault fault;
	struct buf *der = buf_create(LIMIT_CERTIFICATE);
	uint8_t serial[SERIAL_SIZE] = { 0x40, 1 };
	EVP_PKEY *key = key_generate(KEY_P256);
	static const struct {
		size_t offset;
		struct slice text;
		const char *place;
	} rows[] = {
		{ offsetof(struct authority_holder, common_name), { NULL, 0 }, "common_name" },
		{ offsetof(struct authority_holder, common_name), { (const uint8_t *)"a\0b", 3 }, "common_name" },
		{ offsetof(struct authority_holder, birth_name), { (const uint8_t *)"\xc3", 1 }, "birth_name" },
		{ offsetof(struct authority_holder, first_names), { (const uint8_t *)"a\x1b", 2 }, "first_names" },
		{ offsetof(struct authority_holder, spi), { (const uint8_t *)"12é", 4 }, "spi" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct authority_holder holder = holder_of(key);
		*(struct slice *)((char *)&holder + rows[i].offset) = rows[i].text;
		assert_int_equal(authority_issue(authority, &holder, serial, der, &fault), ERROR_field_invalid);
		assert_true(slice_equal_text(fault.place, rows[i].place));
		assert_int_equal(buf_size(der), 0);
	}
	buf_destroy(der);
	EVP_PKEY_free(key);
}

/* 64 characters, not bytes, and never half of one. */
static void
long_common_name_is_cut_between_characters(void **state)
{
	(void)state;
	uint8_t serial[SERIAL_SIZE];
	char name[200], line[300];
	EVP_PKEY *key = key_generate(KEY_P256);
	struct authority_holder holder = holder_of(key);
	for (int i = 0; i < 100; i++)
		memcpy(name + 2 * i, "é", 2);
	holder.common_name = slice_of(name, sizeof name);
	issue_file(&holder, 1, "long", serial);
	snprintf(line, sizeof line, "commonName=%.*s,", (int)(2 * AUTHORITY_NAME_MAX), name);
	place_expect("openssl x509 -in long.pem -noout -subject -nameopt utf8,sep_comma_plus,lname");
	place_expect_output(line);
	EVP_PKEY_free(key);
}

static void
expiry_is_the_same_date_exclusive(void **state)
{
	(void)state;
	assert_int_equal(authority_expiry(PLACE_NOW, 3), 1869731999);         /* 2029-04-01 09:59:59 */
	assert_int_equal(authority_expiry(1709164800, 3), 1803859199);  /* 2024-02-29 -> 2027-02-28 23:59:59 */
	assert_int_equal(authority_expiry(1709164800, 4), 1835395199);  /* 2024-02-29 -> 2028-02-28 23:59:59 */
	assert_int_equal(authority_expiry(4102444800, 20), 4733510399); /* 2100-01-01 -> 2119-12-31 23:59:59 */
}

static void
shaped_serials_are_positive_and_full_length(void **state)
{
	(void)state;
	for (int first = 0; first < 256; first++) {
		uint8_t serial[SERIAL_SIZE] = { (uint8_t)first, 0xab };
		authority_shape_serial(serial);
		assert_in_range(serial[0], 0x40, 0x7f);
		assert_int_equal(serial[0] & 0x3f, first & 0x3f);
		assert_int_equal(serial[1], 0xab);
	}
}

/* ---- revocation ---- */

static void
revoked_certificates_are_refused(void **state)
{
	(void)state;
	struct authority_revoked revoked[3] = {
		{ .time = PLACE_NOW + PLACE_DAY, .reason = 1 },
		{ .time = PLACE_NOW + 2 * PLACE_DAY, .reason = 0 },
		{ .time = PLACE_NOW + 2 * PLACE_DAY, .reason = 4 },
	};
	uint8_t kept_serial[SERIAL_SIZE];
	EVP_PKEY *key = key_generate(KEY_P256);
	struct authority_holder holder = holder_of(key);
	issue_file(&holder, 1, "lost", revoked[0].serial);
	issue_file(&holder, 2, "kept", kept_serial);
	issue_file(&holder, 3, "given-back", revoked[1].serial);
	issue_file(&holder, 4, "replaced", revoked[2].serial);
	struct buf *pem = buf_create(100000);
	assert_int_equal(authority_crl(authority, revoked, 3, PLACE_NOW + 3 * PLACE_DAY, PLACE_NOW + 10 * PLACE_DAY, 77,
	    pem), ERROR_NONE);
	place_write("crl.pem", buf_peek(pem));
	static const struct {
		const char *name;
		int revoked;
	} rows[] = { { "lost", 1 }, { "kept", 0 }, { "given-back", 1 }, { "replaced", 1 } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char command[256];
		snprintf(command, sizeof command,
		    "openssl verify -x509_strict -attime 1775400000 -CAfile public/ca.pem -crl_check "
		    "-CRLfile crl.pem -purpose any %s.pem",
		    rows[i].name);
		if (!rows[i].revoked) {
			place_expect(command);
			continue;
		}
		assert_int_equal(place_run(command), 2);
		place_expect_output("certificate revoked");
	}
	place_expect("openssl crl -in crl.pem -noout -text -CAfile public/ca.pem");
	place_expect_output("verify OK");
	place_expect_output("X509v3 CRL Number: \n                77\n");
	place_expect_output("Key Compromise");
	place_expect_output("Superseded");
	place_expect_output("Last Update: Apr  4 10:00:00 2026 GMT\n        Next Update: Apr 11 10:00:00 2026 GMT\n");
	buf_destroy(pem);
	EVP_PKEY_free(key);
}

/* Entries that differ in what their bytes depend on: time before and from 2050 on, reason or none. */
static void
revoked_make(struct authority_revoked *revoked, size_t count)
{
	static const uint64_t times[] = { PLACE_NOW, 0, 2524607999, 2524608000, TIME_MAX };
	static const unsigned reasons[] = { 0, 1, 4, 10 };

	for (size_t i = 0; i < count; i++) {
		revoked[i] = (struct authority_revoked){ .serial = { 0x40 }, .time = times[i % 5],
			.reason = reasons[i % 4] };
		bytes_poke_u32(revoked[i].serial + 12, (uint32_t)i);
	}
}

static void
expect_entry(X509_REVOKED *entry, const struct authority_revoked *revoked)
{
	const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(entry);
	ASN1_ENUMERATED *reason = X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, NULL, NULL);

	assert_int_equal(serial->length, SERIAL_SIZE);
	assert_memory_equal(serial->data, revoked->serial, SERIAL_SIZE);
	assert_int_equal(ASN1_TIME_cmp_time_t(X509_REVOKED_get0_revocationDate(entry), (time_t)revoked->time), 0);
	assert_int_equal(reason == NULL ? 0 : ASN1_ENUMERATED_get(reason), revoked->reason);
	ASN1_ENUMERATED_free(reason);
}

/* What OpenSSL reads in the list, and that it would have written the same: the part that is signed, and the PEM. */
static void
expect_list(struct slice pem, X509 *issuer, const struct authority_revoked *revoked, size_t count)
{
	BIO *in = BIO_new_mem_buf(pem.data, (int)pem.size), *again = BIO_new(BIO_s_mem());
	X509_CRL *list = PEM_read_bio_X509_CRL(in, NULL, NULL, NULL);
	unsigned char *der = NULL, *tbs = NULL;
	char *text;

	assert_non_null(list);
	assert_int_equal(X509_CRL_verify(list, X509_get0_pubkey(issuer)), 1);
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
	assert_int_equal(count == 0 ? -1 : (int)count, sk_X509_REVOKED_num(entries));
	for (size_t i = 0; i < count; i++)
		expect_entry(sk_X509_REVOKED_value(entries, (int)i), &revoked[i]);
	assert_int_equal(PEM_write_bio_X509_CRL(again, list), 1);
	assert_int_equal(BIO_get_mem_data(again, &text), pem.size);
	assert_memory_equal(text, pem.data, pem.size);
	int der_size = i2d_X509_CRL(list, &der), tbs_size = i2d_re_X509_CRL_tbs(list, &tbs);
	assert_true(tbs_size > 0 && memmem(der, (size_t)der_size, tbs, (size_t)tbs_size) != NULL);
	OPENSSL_free(der);
	OPENSSL_free(tbs);
	X509_CRL_free(list);
	BIO_free(in);
	BIO_free(again);
}

/* Every size of the entries up to some, so that every length of a length and every end of a line occurs. */
static void
lists_are_what_openssl_would_have_written(void **state)
{
	(void)state;
	enum { MANY = 1400 };
	struct authority_revoked revoked[MANY];
	struct buf *pem = buf_create(1024 * 1024);
	FILE *file = fopen(place_path("public/ca.pem"), "rb");
	X509 *issuer = PEM_read_X509(file, NULL, NULL, NULL);

	revoked_make(revoked, MANY);
	for (size_t count = 0; count <= MANY; count += count < 80 ? 1 : 330) {
		assert_int_equal(
		    authority_crl(authority, revoked, count, PLACE_NOW, TIME_MAX, 1 + count, pem), ERROR_NONE);
		expect_list(buf_peek(pem), issuer, revoked, count);
		buf_clear(pem);
	}
	X509_free(issuer);
	fclose(file);
	buf_destroy(pem);
}

static void
what_cannot_be_listed_is_an_error(void **state)
{
	(void)state;
	static const struct authority_revoked rows[] = {
		{ .serial = { 0x3f }, .time = PLACE_NOW },
		{ .serial = { 0x80 }, .time = PLACE_NOW },
		{ .serial = { 0x40 }, .time = TIME_MAX + 1 },
		{ .serial = { 0x40 }, .time = PLACE_NOW, .reason = 7 },
		{ .serial = { 0x40 }, .time = PLACE_NOW, .reason = 8 },
		{ .serial = { 0x40 }, .time = PLACE_NOW, .reason = 11 },
	};
	struct authority_revoked revoked[10];
	struct buf *pem = buf_create(1000);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(authority_crl(authority, &rows[i], 1, PLACE_NOW, PLACE_NOW + PLACE_DAY, 78, pem),
		    ERROR_field_invalid);
	assert_int_equal(buf_size(pem), 0);
	revoked_make(revoked, 10);
	assert_int_equal(
	    authority_crl(authority, revoked, 10, PLACE_NOW, PLACE_NOW + PLACE_DAY, 78, pem), ERROR_out_of_memory);
	buf_destroy(pem);
}

static void
first_list_is_empty_and_valid(void **state)
{
	(void)state;
	place_expect("openssl crl -in public/crl.pem -noout -text -CAfile public/ca.pem");
	place_expect_output("verify OK");
	place_expect_output("No Revoked Certificates.");
	place_expect_output("X509v3 CRL Number: \n                1\n");
}

/* ---- cost ---- */

static double
cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void
costs_are_told(void **state)
{
	(void)state;
	enum { ISSUES = 300, REVOKED = 5000 };
	struct fault fault;
	uint8_t serial[SERIAL_SIZE] = { 0x40 };
	struct buf *out = buf_create(4 * 1024 * 1024);
	EVP_PKEY *key = key_generate(KEY_P256);
	struct authority_holder holder = holder_of(key);
	double begin = cpu_us();
	for (int i = 0; i < ISSUES; i++) {
		assert_int_equal(authority_issue(authority, &holder, serial, out, &fault), ERROR_NONE);
		buf_clear(out);
	}
	double issued = cpu_us();
	struct authority_revoked *revoked = calloc(REVOKED, sizeof *revoked);
	for (int i = 0; i < REVOKED; i++) {
		revoked[i] = (struct authority_revoked){ .serial = { 0x40 }, .time = PLACE_NOW, .reason = 1 };
		bytes_poke_u32(revoked[i].serial + 12, (uint32_t)i);
	}
	double list = cpu_us();
	assert_int_equal(authority_crl(authority, revoked, REVOKED, PLACE_NOW, PLACE_NOW + PLACE_DAY, 1, out),
	    ERROR_NONE);
	print_message("certificate issued in %.0f us, CRL: %.1f us an entry\n", (issued - begin) / ISSUES,
	    (cpu_us() - list) / REVOKED);
	free(revoked);
	buf_destroy(out);
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_keys_are_for_their_owner_only),
		cmocka_unit_test(authority_is_never_overwritten),
		cmocka_unit_test(failed_making_leaves_nothing),
		cmocka_unit_test(unusable_names_are_refused),
		cmocka_unit_test(two_trusts_are_kept_apart),
		cmocka_unit_test(server_can_use_the_tls_files),
		cmocka_unit_test(log_key_is_the_published_one),
		cmocka_unit_test(what_does_not_belong_together_is_not_opened),
		cmocka_unit_test(a_file_that_does_not_fit_is_told_apart),
		cmocka_unit_test(certificates_follow_the_profile),
		cmocka_unit_test(names_that_cannot_stand_are_refused),
		cmocka_unit_test(long_common_name_is_cut_between_characters),
		cmocka_unit_test(expiry_is_the_same_date_exclusive),
		cmocka_unit_test(shaped_serials_are_positive_and_full_length),
		cmocka_unit_test(revoked_certificates_are_refused),
		cmocka_unit_test(lists_are_what_openssl_would_have_written),
		cmocka_unit_test(what_cannot_be_listed_is_an_error),
		cmocka_unit_test(first_list_is_empty_and_valid),
		cmocka_unit_test(costs_are_told),
	};
	return cmocka_run_group_tests_name("authority", tests, set_up, tear_down);
}
