/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's TLS certificate: whether clients will accept it, and how it is replaced by one that they accept as
 * well. */
#include "tests/unit/authority_place.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

static struct arena *texts;

/* As OpenSSL writes it in one line. */
#define ORIGIN_NAME "/O=impots.example.fr\\/guichet"

/* The openssl command certifies the server's key anew under the TLS root, for that many days from today on. */
#define SIGN_ANEW(days) "openssl req -new -key keys/tls-server.key -subj /CN=anew -out anew.csr && " \
	"openssl x509 -req -in anew.csr -CA public/tls.pem -CAkey keys/tls-root.key -CAcreateserial -days " days

static enum error
check_tls(const char *keys, const char *public, uint64_t now, uint64_t *not_after, struct fault *fault)
{
	return authority_check_tls(place_path(keys), place_path(public), now, texts, not_after, fault);
}

static bool
says(struct slice text, const char *words)
{
	return memmem(text.data, text.size, words, strlen(words)) != NULL;
}

static void
server_certificate_is_what_clients_trust(void **state)
{
	static const struct {
		uint64_t now;
		const char *found; /* NULL: nothing is wrong */
	} rows[] = {
		{ PLACE_NOW, NULL },
		{ PLACE_NOW + 4 * 365 * PLACE_DAY, NULL },
		{ PLACE_NOW + 6 * 365 * PLACE_DAY, "certificate has expired: " ORIGIN_NAME "/CN=TLS server, "
		    "issued by " ORIGIN_NAME "/CN=TLS root CA, "
		    "in force from 2026-03-31T10:00:00Z to 2031-04-01T09:59:59Z" },
		{ PLACE_NOW - 2 * PLACE_DAY, "certificate is not yet valid: " },
	};
	struct fault fault;
	uint64_t not_after;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum error error = check_tls("keys", "public", rows[i].now, &not_after, &fault);
		assert_int_equal(error, rows[i].found == NULL ? ERROR_NONE : ERROR_tls_failed);
		if (rows[i].found == NULL) {
			assert_int_equal(not_after, authority_expiry(PLACE_NOW, 5));
			continue;
		}
		assert_true(slice_equal_text(fault.place, "tls-server.pem"));
		assert_true(says(fault.value, rows[i].found));
	}
	assert_true(says(fault.expected, "in force at 2026-03-30T10:00:00Z"));
}

static void
server_certificate_that_clients_would_refuse_is_named(void **state)
{
	static const struct {
		const char *damage;
		enum error error;
		const char *name, *found;
	} rows[] = {
		{ "cat k0/tls-server.pem > k/tls-server.pem", ERROR_tls_failed, "tls-server.pem",
		    "unable to get local issuer certificate: /O=elsewhere.example/CN=TLS server" },
		{ "cat p0/tls.pem > p/tls.pem", ERROR_tls_failed, "tls-server.pem",
		    "unable to get local issuer certificate: " ORIGIN_NAME "/CN=TLS server" },
		{ "openssl req -x509 -key keys/tls-server.key -subj /CN=self -out k/tls-server.pem", ERROR_tls_failed,
		    "tls-server.pem", "self-signed certificate: /CN=self" },
		/* The holders' authority signs no server. */
		{ "cat public/ca.pem > p/tls.pem", ERROR_tls_failed, "tls-server.pem", "unable to get local issuer" },
		/* A certificate authority's own, and one that is for clients. */
		{ "cat public/tls.pem > k/tls-server.pem && cat keys/tls-root.key > k/tls-server.key", ERROR_tls_failed,
		    "tls-server.pem", "unsuitable certificate purpose: " ORIGIN_NAME "/CN=TLS root CA" },
		{ SIGN_ANEW("9000") " -extfile usage -out k/tls-server.pem", ERROR_tls_failed, "tls-server.pem",
		    "unsuitable certificate purpose: /CN=anew" },
		{ "cat k0/tls-server.key > k/tls-server.key", ERROR_tls_failed, "tls-server.key", "another key" },
		{ "chmod 644 k/tls-server.key", ERROR_file_unreadable, "tls-server.key",
		    "a private key that others than its owner may use" },
		{ "rm k/tls-server.pem && mkfifo k/tls-server.pem", ERROR_file_unreadable, "tls-server.pem",
		    "no regular file" },
		{ ": > p/tls.pem", ERROR_file_unreadable, "tls.pem", "something else" },
	};
	struct fault fault;
	uint64_t not_after;

	(void)state;
	place_write("usage", SLICE_LITERAL("extendedKeyUsage=clientAuth\n"));
	place_expect("rm -rf k0 p0");
	assert_int_equal(place_create("k0", "p0", "elsewhere.example", NULL, &fault), ERROR_NONE);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		place_expect("rm -rf k p && cp -rp keys k && cp -rp public p");
		place_expect(rows[i].damage);
		assert_int_equal(check_tls("k", "p", PLACE_NOW, &not_after, &fault), rows[i].error);
		assert_true(slice_equal_text(fault.place, rows[i].name));
		assert_true(says(fault.value, rows[i].found));
	}
}

/* Its own end, or its root's when that comes first. */
static void
the_end_is_that_of_the_whole_chain(void **state)
{
	struct fault fault;
	uint64_t not_after;

	(void)state;
	place_expect("rm -rf k p && cp -rp keys k && cp -rp public p");
	place_write("usage", SLICE_LITERAL("extendedKeyUsage=serverAuth\n"));
	place_expect(SIGN_ANEW("9000") " -extfile usage -out k/tls-server.pem");
	uint64_t today = (uint64_t)time(NULL);
	assert_int_equal(check_tls("k", "p", today > PLACE_NOW ? today : PLACE_NOW, &not_after, &fault), ERROR_NONE);
	assert_int_equal(not_after, authority_expiry(PLACE_NOW, 20));
}

/* ---- renewing it ---- */

static enum error
renew(const char *host, uint64_t now, struct authority_renewal *out, struct fault *fault)
{
	const struct authority_plan plan = {
		.keys_dir = place_path("k"), .public_dir = place_path("p"), .origin = PLACE_ORIGIN, .hosts = &host,
		.hosts_count = host != NULL, .now = now,
	};
	return authority_renew_tls(&plan, out, fault);
}

static void
renewed_certificate_is_under_the_same_root(void **state)
{
	struct authority_renewal renewal;
	struct fault fault;
	uint64_t not_after, later = PLACE_NOW + 4 * 365 * PLACE_DAY;
	char serial[2 * SERIAL_SIZE + 1];
	struct stat facts;

	(void)state;
	place_expect("rm -rf k p && cp -rp keys k && cp -rp public p");
	assert_int_equal(renew(NULL, later, &renewal, &fault), ERROR_NONE);
	assert_int_equal(renewal.not_after, authority_expiry(later, 5));
	assert_int_equal(check_tls("k", "public", later + 4 * 365 * PLACE_DAY, &not_after, &fault), ERROR_NONE);
	assert_int_equal(not_after, renewal.not_after);
	/* Nothing else has changed, and nothing is left over. */
	place_expect("diff -r public p && test \"$(diff -rq keys k | wc -l)\" = 2 && test -z \"$(ls k | grep new)\"");
	assert_int_equal(stat(place_path("k/tls-server.key"), &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0600);
	/* The hosts of the one before. */
	place_expect("openssl verify -attime 1901268000 -CAfile public/tls.pem -purpose sslserver "
	    "-verify_hostname guichet.example.fr -verify_ip 192.0.2.7 k/tls-server.pem");
	hex_encode(slice_of(renewal.serial, SERIAL_SIZE), serial);
	place_expect("openssl x509 -in k/tls-server.pem -noout -serial | tr A-F a-f");
	place_expect_output(serial);
	/* Another host instead. */
	assert_int_equal(renew("other.example.fr", later, &renewal, &fault), ERROR_NONE);
	place_expect("openssl verify -attime 1901268000 -CAfile public/tls.pem -verify_hostname other.example.fr "
	    "k/tls-server.pem");
	assert_int_not_equal(place_run("openssl verify -attime 1901268000 -CAfile public/tls.pem "
	    "-verify_hostname guichet.example.fr k/tls-server.pem"), 0);
	/* It ends with its root at the latest. */
	assert_int_equal(renew(NULL, PLACE_NOW + 18 * 365 * PLACE_DAY, &renewal, &fault), ERROR_NONE);
	assert_int_equal(renewal.not_after, authority_expiry(PLACE_NOW, 20));
}

static void
what_cannot_be_renewed_is_left_as_it_is(void **state)
{
	static const struct {
		const char *damage, *host;
		enum error error;
		const char *place, *value; /* a NULL value: anything */
	} rows[] = {
		{ "rm k/tls-root.key", NULL, ERROR_file_unreadable, "tls-root.key", "No such file or directory" },
		{ "cat k0/tls-root.key > k/tls-root.key", NULL, ERROR_tls_failed, "tls.pem", NULL },
		{ "cat public/ca.pem > p/tls.pem", NULL, ERROR_tls_failed, "tls.pem", NULL },
		{ "cat k0/tls-server.pem > k/tls-server.pem", NULL, ERROR_tls_failed, "tls-server.pem", NULL },
		{ "true", "a b", ERROR_usage, "host", "a b" },
	};
	struct authority_renewal renewal;
	struct fault fault;

	(void)state;
	place_expect("rm -rf k0 p0");
	assert_int_equal(place_create("k0", "p0", "elsewhere.example", NULL, &fault), ERROR_NONE);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		place_expect("rm -rf k p && cp -rp keys k && cp -rp public p");
		place_expect(rows[i].damage);
		place_expect("find k p -type f | xargs sha256sum > sums");
		assert_int_equal(renew(rows[i].host, PLACE_NOW, &renewal, &fault), rows[i].error);
		assert_true(slice_equal_text(fault.place, rows[i].place));
		assert_true(rows[i].value == NULL || slice_equal_text(fault.value, rows[i].value));
		place_expect("sha256sum -c sums && test -z \"$(ls k | grep new)\"");
	}
	/* With the hosts by name, what another authority's certificate said is of no interest. */
	place_expect("cat k0/tls-server.pem > k/tls-server.pem");
	assert_int_equal(renew("guichet.example.fr", PLACE_NOW, &renewal, &fault), ERROR_NONE);
}

/* Every state that a crash may leave: the server has the pair of before or the new one, and it can be renewed again. */
static void
a_renewal_cut_short_is_settled(void **state)
{
	static const char *const crashes[] = {
		"cp -p n/tls-server.key k/tls-server.key.new",
		"head -c 100 n/tls-server.key > k/tls-server.key.new",
		"cp -p n/tls-server.key k/tls-server.key.new && cp -p n/tls-server.pem k/tls-server.pem.new",
		"cp -p n/tls-server.key k/tls-server.key.new && head -c 99 n/tls-server.pem > k/tls-server.pem.new",
		"cp -p n/tls-server.key k/tls-server.key && cp -p n/tls-server.pem k/tls-server.pem.new",
	};
	struct authority_renewal renewal;
	struct fault fault;
	uint64_t not_after;

	(void)state;
	place_expect("rm -rf k p n && cp -rp keys k && cp -rp public p");
	assert_int_equal(renew(NULL, PLACE_NOW, &renewal, &fault), ERROR_NONE);
	place_expect("mv k n");
	for (size_t i = 0; i < 2 * sizeof crashes / sizeof crashes[0]; i++) {
		place_expect("rm -rf k && cp -rp keys k");
		place_expect(crashes[i / 2]);
		if (i % 2 == 0)
			assert_int_equal(check_tls("k", "p", PLACE_NOW, &not_after, &fault), ERROR_NONE);
		assert_int_equal(renew(NULL, PLACE_NOW, &renewal, &fault), ERROR_NONE);
		assert_int_equal(check_tls("k", "p", PLACE_NOW, &not_after, &fault), ERROR_NONE);
		place_expect("test -z \"$(ls k | grep new)\"");
	}
}

static int
set_up(void **state)
{
	(void)state;
	texts = arena_create((size_t)1024 * 1024);
	assert_non_null(texts);
	place_begin();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	place_end();
	arena_destroy(texts);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_certificate_is_what_clients_trust),
		cmocka_unit_test(server_certificate_that_clients_would_refuse_is_named),
		cmocka_unit_test(the_end_is_that_of_the_whole_chain),
		cmocka_unit_test(renewed_certificate_is_under_the_same_root),
		cmocka_unit_test(what_cannot_be_renewed_is_left_as_it_is),
		cmocka_unit_test(a_renewal_cut_short_is_settled),
	};
	return cmocka_run_group_tests_name("authority_tls", tests, set_up, tear_down);
}
