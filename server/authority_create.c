/* SPDX-License-Identifier: Apache-2.0
 *
 * Making an authority: all keys and certificates first in memory, then the files, each synced, none overwritten. And
 * making one of them anew, the server's TLS certificate. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/origin.h"
#include "server/authority.h"
#include "server/authority_files.h"
#include "server/profile.h"

/* Certificates begin a day early, for clients whose clock is late. */
#define BEGIN_EARLY_S (24 * 3600)
#define ROOT_YEARS 20
#define ISSUING_YEARS 10
#define TLS_SERVER_YEARS 5
/* The first, empty CRL; the running server publishes the next ones. */
#define FIRST_CRL_S (7 * 24 * 3600)

/* Everything that becomes a file, in this order. */
enum made {
	MADE_ROOT_KEY, MADE_ISSUING_KEY, MADE_TLS_ROOT_KEY, MADE_TLS_KEY, MADE_LOG_KEY,
	MADE_TLS_CERTIFICATE, MADE_CA, MADE_TLS, MADE_VKEY, MADE_CA_COPY, MADE_TLS_COPY, MADE_VKEY_COPY,
	MADE_COUNT,
};

static const struct {
	const char *name;
	bool in_keys_dir, private;
} made_files[MADE_COUNT] = {
	[MADE_ROOT_KEY] = { AUTHORITY_ROOT_KEY_FILE, true, true },
	[MADE_ISSUING_KEY] = { AUTHORITY_ISSUING_KEY_FILE, true, true },
	[MADE_TLS_ROOT_KEY] = { AUTHORITY_TLS_ROOT_KEY_FILE, true, true },
	[MADE_TLS_KEY] = { AUTHORITY_TLS_KEY_FILE, true, true },
	[MADE_LOG_KEY] = { AUTHORITY_LOG_KEY_FILE, true, true },
	[MADE_TLS_CERTIFICATE] = { AUTHORITY_TLS_CERTIFICATE_FILE, true, false },
	[MADE_CA] = { AUTHORITY_CA_FILE, false, false },
	[MADE_TLS] = { AUTHORITY_TLS_FILE, false, false },
	[MADE_VKEY] = { AUTHORITY_VKEY_FILE, false, false },
	[MADE_CA_COPY] = { AUTHORITY_CA_FILE AUTHORITY_COPY, true, false },
	[MADE_TLS_COPY] = { AUTHORITY_TLS_FILE AUTHORITY_COPY, true, false },
	[MADE_VKEY_COPY] = { AUTHORITY_VKEY_FILE AUTHORITY_COPY, true, false },
};

/* The authority while it is made. */
struct making {
	const struct authority_plan *plan;
	EVP_PKEY *root_key, *issuing_key, *tls_root_key, *tls_key, *log_key;
	X509 *root, *issuing, *tls_root, *tls_server;
	struct buf *contents[MADE_COUNT];
};

/* ---- certificates ---- */

/* A signed certificate named "O=origin, CN=common_name"; NULL on failure. issuer NULL: signed by its own key. */
static X509 *
make_certificate(const struct making *making, const struct profile *profile, unsigned years, const char *common_name,
    GENERAL_NAMES *hosts, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	uint64_t begin = making->plan->now - BEGIN_EARLY_S, end = authority_expiry(making->plan->now, years), last;
	STACK_OF(X509_EXTENSION) *extensions = profile_extensions_create(profile);
	X509 *certificate = NULL;
	uint8_t serial[SERIAL_SIZE];

	if (extensions == NULL || RAND_bytes(serial, sizeof serial) != 1)
		goto done;
	authority_shape_serial(serial);
	/* Nothing outlives its issuer: it would end with it unseen. */
	if (issuer != NULL && profile_time_get(X509_get0_notAfter(issuer), &last) && last < end)
		end = last;
	certificate = profile_certificate_create(extensions, serial, begin, end);
	if (certificate == NULL)
		goto done;
	X509_NAME *subject = X509_get_subject_name(certificate);
	if (!profile_name_put(subject, NID_organizationName, profile_text_cut(slice_of_text(making->plan->origin))) ||
	    !profile_name_put(subject, NID_commonName, slice_of_text(common_name)) ||
	    X509_set_pubkey(certificate, key) != 1 ||
	    (hosts != NULL &&
		X509_add1_ext_i2d(certificate, NID_subject_alt_name, hosts, 0, X509V3_ADD_DEFAULT) != 1) ||
	    !profile_certificate_sign(certificate, issuer, issuer_key)) {
		X509_free(certificate);
		certificate = NULL;
	}
done:
	profile_extensions_destroy(extensions);
	return certificate;
}

/* Letters, digits, hyphens and dots: what a certificate may claim as a DNS name (RFC 5280 4.2.1.6). */
static bool
is_dns_name(const char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	size_t size = strlen(host);

	return size != 0 && size <= 253 && strspn(host, allowed) == size && host[0] != '.' && host[0] != '-';
}

static bool
hosts_put(GENERAL_NAMES *hosts, const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = NULL;

	if (name == NULL)
		goto failed;
	if (address != NULL) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, address);
		address = NULL;
	} else {
		text = ASN1_IA5STRING_new();
		if (text == NULL || !is_dns_name(host) || ASN1_STRING_set(text, host, -1) != 1)
			goto failed;
		GENERAL_NAME_set0_value(name, GEN_DNS, text);
		text = NULL;
	}
	if (sk_GENERAL_NAME_push(hosts, name) > 0)
		return true;
failed:
	ASN1_OCTET_STRING_free(address);
	ASN1_IA5STRING_free(text);
	GENERAL_NAME_free(name);
	return false;
}

/* Every host the server's certificate bears; NULL and the fault when one is no host. */
static GENERAL_NAMES *
make_hosts(const struct authority_plan *plan, struct fault *fault)
{
	static const char *const local[] = { "localhost", "127.0.0.1", "::1" };
	GENERAL_NAMES *hosts = GENERAL_NAMES_new();
	const char *refused = hosts == NULL ? "" : NULL;

	for (size_t i = 0; refused == NULL && i < sizeof local / sizeof local[0]; i++)
		if (!hosts_put(hosts, local[i]))
			refused = local[i];
	for (size_t i = 0; refused == NULL && i < plan->hosts_count; i++)
		if (!hosts_put(hosts, plan->hosts[i]))
			refused = plan->hosts[i];
	if (refused == NULL)
		return hosts;
	GENERAL_NAMES_free(hosts);
	fault_set(fault, ERROR_usage, "host", slice_of_text(refused), "a DNS name or an IP address");
	return NULL;
}

/* ---- files ---- */

/* Takes what was written to a memory BIO. */
static bool
content_take(struct buf *content, BIO *bio, bool written)
{
	char *text;

	if (written) {
		long size = BIO_get_mem_data(bio, &text);
		buf_put(content, slice_of(text, (size_t)size));
	}
	BIO_free(bio);
	return written && buf_ok(content);
}

static bool
content_put_key(struct buf *content, EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	return content_take(content, bio, bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
	    NULL) == 1);
}

static bool
content_put_certificate(struct buf *content, X509 *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	return content_take(content, bio, bio != NULL && PEM_write_bio_X509(bio, certificate) == 1);
}

static bool
content_put_verifier(struct buf *content, const char *origin, EVP_PKEY *log_key)
{
	uint8_t public_key[32];
	size_t size = sizeof public_key;

	if (EVP_PKEY_get_raw_public_key(log_key, public_key, &size) != 1)
		return false;
	note_verifier_put(content, origin, public_key);
	buf_put_text(content, "\n");
	return buf_ok(content);
}

static bool
content_copy(struct buf *content, const struct buf *from)
{
	buf_put(content, buf_peek(from));
	return buf_ok(content);
}

/* ---- the steps ---- */

static bool
make_keys(struct making *making)
{
	return (making->root_key = EVP_EC_gen("P-384")) != NULL &&
	       (making->issuing_key = EVP_EC_gen("P-256")) != NULL &&
	       (making->tls_root_key = EVP_EC_gen("P-256")) != NULL &&
	       (making->tls_key = EVP_EC_gen("P-256")) != NULL &&
	       (making->log_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")) != NULL;
}

static bool
make_tls_server(struct making *m, GENERAL_NAMES *hosts)
{
	m->tls_server = make_certificate(m, &profile_tls_server, TLS_SERVER_YEARS, "TLS server", hosts, m->tls_key,
	    m->tls_root, m->tls_root_key);
	return m->tls_server != NULL;
}

static bool
make_certificates(struct making *m, GENERAL_NAMES *hosts)
{
	m->root = make_certificate(m, &profile_root, ROOT_YEARS, "Root CA", NULL, m->root_key, NULL, m->root_key);
	if (m->root == NULL)
		return false;
	m->issuing = make_certificate(m, &profile_issuing, ISSUING_YEARS, "Issuing CA", NULL, m->issuing_key, m->root,
	    m->root_key);
	m->tls_root = make_certificate(m, &profile_tls_root, ROOT_YEARS, "TLS root CA", NULL, m->tls_root_key, NULL,
	    m->tls_root_key);
	return m->issuing != NULL && m->tls_root != NULL && make_tls_server(m, hosts);
}

static bool
make_room(struct making *m)
{
	for (int i = 0; i < MADE_COUNT; i++)
		if ((m->contents[i] = buf_create(AUTHORITY_FILE_MAX)) == NULL)
			return false;
	return true;
}

static bool
make_contents(struct making *m)
{
	return make_room(m) && content_put_key(m->contents[MADE_ROOT_KEY], m->root_key) &&
	    content_put_key(m->contents[MADE_ISSUING_KEY], m->issuing_key) &&
	    content_put_key(m->contents[MADE_TLS_ROOT_KEY], m->tls_root_key) &&
	    content_put_key(m->contents[MADE_TLS_KEY], m->tls_key) &&
	    content_put_key(m->contents[MADE_LOG_KEY], m->log_key) &&
	    content_put_certificate(m->contents[MADE_TLS_CERTIFICATE], m->tls_server) &&
	    content_put_certificate(m->contents[MADE_CA], m->issuing) &&
	    content_put_certificate(m->contents[MADE_CA], m->root) &&
	    content_put_certificate(m->contents[MADE_TLS], m->tls_root) &&
	    content_put_verifier(m->contents[MADE_VKEY], m->plan->origin, m->log_key) &&
	    content_copy(m->contents[MADE_CA_COPY], m->contents[MADE_CA]) &&
	    content_copy(m->contents[MADE_TLS_COPY], m->contents[MADE_TLS]) &&
	    content_copy(m->contents[MADE_VKEY_COPY], m->contents[MADE_VKEY]);
}

static const char *
made_dir(const struct authority_plan *plan, int which)
{
	return made_files[which].in_keys_dir ? plan->keys_dir : plan->public_dir;
}

/* Writes all files, or none. */
static enum error
write_contents(const struct making *making, struct fault *fault)
{
	enum error error = ERROR_NONE;
	int count = 0;

	for (; error == ERROR_NONE && count < MADE_COUNT; count++)
		error = authority_file_write(made_dir(making->plan, count), made_files[count].name,
		    made_files[count].private, buf_peek(making->contents[count]), fault);
	if (error == ERROR_NONE)
		return ERROR_NONE;
	/* The last one was not written: it may be another authority's. */
	while (--count > 0)
		authority_file_remove(made_dir(making->plan, count - 1), made_files[count - 1].name);
	return error;
}

/* The first list, by the authority as it will be opened ever after: which shows that it can be. */
static enum error
write_first_crl(const struct authority_plan *plan, struct fault *fault)
{
	struct authority *authority;
	struct buf *pem = buf_create(AUTHORITY_FILE_MAX);
	enum error error = authority_open(plan->keys_dir, plan->public_dir, &authority, fault);

	if (error == ERROR_NONE && (pem == NULL ||
	    authority_crl(authority, NULL, 0, plan->now, plan->now + FIRST_CRL_S, 1, pem) != ERROR_NONE))
		error = fault_set(fault, ERROR_key_failed, AUTHORITY_CRL_FILE, SLICE_EMPTY, "a first list, signed");
	if (error == ERROR_NONE)
		error = authority_file_write(plan->public_dir, AUTHORITY_CRL_FILE, false, buf_peek(pem), fault);
	authority_close(authority);
	buf_destroy(pem);
	if (error == ERROR_NONE &&
	    !(authority_directory_sync(plan->keys_dir) && authority_directory_sync(plan->public_dir))) {
		error = fault_set(fault, ERROR_file_unreadable, "the authority's directories",
		    slice_of_text(strerror(errno)), "directories that can be synced");
		authority_file_remove(plan->public_dir, AUTHORITY_CRL_FILE);
	}
	return error;
}

static void
making_end(struct making *making)
{
	EVP_PKEY *const keys[] = {
		making->root_key, making->issuing_key, making->tls_root_key, making->tls_key, making->log_key,
	};
	X509 *const certificates[] = { making->root, making->issuing, making->tls_root, making->tls_server };

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		EVP_PKEY_free(keys[i]);
	for (size_t i = 0; i < sizeof certificates / sizeof certificates[0]; i++)
		X509_free(certificates[i]);
	for (int i = 0; i < MADE_COUNT; i++)
		buf_destroy(making->contents[i]);
	ERR_clear_error();
}

static enum error
check_origin(const char *origin, struct fault *fault)
{
	if (origin_valid(slice_of_text(origin)))
		return ERROR_NONE;
	return fault_set(fault, ERROR_usage, "origin", slice_of_text(origin), ORIGIN_EXPECTED);
}

enum error
authority_create(const struct authority_plan *plan, struct fault *fault)
{
	struct making making = { .plan = plan };
	enum error error = ERROR_usage;
	GENERAL_NAMES *hosts = make_hosts(plan, fault);

	if (hosts == NULL)
		return error;
	error = check_origin(plan->origin, fault);
	if (error != ERROR_NONE)
		goto done;
	if (!make_keys(&making) || !make_certificates(&making, hosts) || !make_contents(&making)) {
		error = fault_set(fault, ERROR_key_failed, "authority", SLICE_EMPTY, "keys and certificates, made");
		goto done;
	}
	error = write_contents(&making, fault);
	if (error == ERROR_NONE && (error = write_first_crl(plan, fault)) != ERROR_NONE)
		for (int i = 0; i < MADE_COUNT; i++)
			authority_file_remove(made_dir(plan, i), made_files[i].name);
done:
	GENERAL_NAMES_free(hosts);
	making_end(&making);
	return error;
}

/* ---- the server's TLS certificate, anew ---- */

/* The TLS root: its key, and the certificate of it that clients were given. */
static enum error
read_tls_root(struct making *making, struct fault *fault)
{
	const struct authority_plan *plan = making->plan;
	STACK_OF(X509) *trusted = NULL;
	uint64_t last;
	enum error error =
	    authority_read_key(plan->keys_dir, AUTHORITY_TLS_ROOT_KEY_FILE, &making->tls_root_key, fault);

	if (error == ERROR_NONE)
		error = authority_read_certificates(plan->public_dir, AUTHORITY_TLS_FILE, &trusted, fault);
	if (error != ERROR_NONE)
		return error;
	for (int i = 0; i < sk_X509_num(trusted) && making->tls_root == NULL; i++) {
		X509 *root = sk_X509_value(trusted, i);
		if (X509_check_private_key(root, making->tls_root_key) == 1 &&
		    profile_time_get(X509_get0_notAfter(root), &last) && last > plan->now && X509_up_ref(root) == 1)
			making->tls_root = root;
	}
	sk_X509_pop_free(trusted, X509_free);
	return making->tls_root != NULL ? ERROR_NONE :
	    fault_set(fault, ERROR_tls_failed, AUTHORITY_TLS_FILE,
		SLICE_LITERAL("certificates of other keys, or expired"),
		"a certificate of the key in " AUTHORITY_TLS_ROOT_KEY_FILE);
}

/* The hosts of the plan, or else those of the certificate before, if it was under this root. */
static enum error
take_hosts(const struct making *making, GENERAL_NAMES **hosts, struct fault *fault)
{
	X509 *before;

	if (making->plan->hosts_count != 0) {
		*hosts = make_hosts(making->plan, fault);
		return *hosts == NULL ? ERROR_usage : ERROR_NONE;
	}
	enum error error =
	    authority_read_certificate(making->plan->keys_dir, AUTHORITY_TLS_CERTIFICATE_FILE, &before, fault);
	if (error != ERROR_NONE)
		return error;
	*hosts = X509_verify(before, making->tls_root_key) == 1 ?
	    X509_get_ext_d2i(before, NID_subject_alt_name, NULL, NULL) : NULL;
	X509_free(before);
	return *hosts != NULL ? ERROR_NONE :
	    fault_set(fault, ERROR_tls_failed, AUTHORITY_TLS_CERTIFICATE_FILE,
		SLICE_LITERAL("a certificate without hosts, or by another authority"),
		"the server's certificate before, or its hosts by name");
}

static bool
make_renewal(struct making *making, GENERAL_NAMES *hosts)
{
	return (making->tls_key = EVP_EC_gen("P-256")) != NULL && make_tls_server(making, hosts) && make_room(making) &&
	    content_put_key(making->contents[MADE_TLS_KEY], making->tls_key) &&
	    content_put_certificate(making->contents[MADE_TLS_CERTIFICATE], making->tls_server);
}

static void
tell_renewal(const X509 *certificate, struct authority_renewal *out)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	bool is_good = profile_time_get(X509_get0_notAfter(certificate), &out->not_after);

	check(is_good && ASN1_STRING_length(serial) == SERIAL_SIZE);
	memcpy(out->serial, ASN1_STRING_get0_data(serial), SERIAL_SIZE);
}

enum error
authority_renew_tls(const struct authority_plan *plan, struct authority_renewal *out, struct fault *fault)
{
	struct making making = { .plan = plan };
	GENERAL_NAMES *hosts = NULL;
	int lock = authority_tls_lock(plan->keys_dir, 1, fault);

	if (lock < 0)
		return fault->error;
	enum error error = check_origin(plan->origin, fault);
	if (error == ERROR_NONE)
		error = read_tls_root(&making, fault);
	if (error == ERROR_NONE)
		error = take_hosts(&making, &hosts, fault);
	if (error == ERROR_NONE && !make_renewal(&making, hosts))
		error = fault_set(fault, ERROR_key_failed, "authority", SLICE_EMPTY, "keys and certificates, made");
	if (error == ERROR_NONE)
		error = authority_tls_replace(plan->keys_dir, buf_peek(making.contents[MADE_TLS_KEY]),
		    buf_peek(making.contents[MADE_TLS_CERTIFICATE]), fault);
	if (error == ERROR_NONE)
		tell_renewal(making.tls_server, out);
	close(lock);
	GENERAL_NAMES_free(hosts);
	making_end(&making);
	return error;
}
