/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's TLS certificate as its clients will judge it: by what is published as their trust, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "protocol/buf.h"
#include "protocol/time.h"
#include "server/authority.h"
#include "server/authority_files.h"
#include "server/profile.h"

/* ---- replacing it ---- */

/* By the system's last word. */
static enum error
settle_failed(struct fault *fault)
{
	return fault_set(fault, ERROR_file_unreadable, AUTHORITY_TLS_CERTIFICATE_FILE, slice_of_text(strerror(errno)),
	    "a directory in which it can be replaced");
}

int
authority_tls_lock(const char *keys_dir, unsigned tries, struct fault *fault)
{
	const struct timespec step = { .tv_nsec = 10L * 1000 * 1000 };
	int directory = open(keys_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0) {
		(void)fault_set(fault, ERROR_file_unreadable, "keys", slice_of_text(strerror(errno)),
		    "a directory that can be opened");
		return -1;
	}
	/* Any other failure is that of a file system that locks no directories: there the operator sees to it. */
	while (flock(directory, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		if (--tries == 0) {
			(void)fault_set(fault, ERROR_directory_locked, "keys",
			    SLICE_LITERAL("a renewal of the TLS certificate under way"),
			    "its end, and then the same again");
			close(directory);
			return -1;
		}
		nanosleep(&step, NULL);
	}
	return directory;
}

enum error
authority_tls_settle(const char *keys_dir, struct fault *fault)
{
	X509 *next = NULL;
	EVP_PKEY *key = NULL;
	struct fault ignored;
	/* Without a next one there is nothing to settle, and without a key whoever needs it says so. */
	bool is_pending =
	    authority_read_certificate(keys_dir, AUTHORITY_TLS_CERTIFICATE_NEXT_FILE, &next, &ignored) == ERROR_NONE &&
	    authority_read_key(keys_dir, AUTHORITY_TLS_KEY_FILE, &key, &ignored) == ERROR_NONE &&
	    X509_check_private_key(next, key) == 1;

	X509_free(next);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (is_pending && !authority_file_rename(keys_dir, AUTHORITY_TLS_CERTIFICATE_NEXT_FILE,
	    AUTHORITY_TLS_CERTIFICATE_FILE))
		return settle_failed(fault);
	return ERROR_NONE;
}

enum error
authority_tls_replace(const char *keys_dir, struct slice key, struct slice certificate, struct fault *fault)
{
	enum error error = authority_tls_settle(keys_dir, fault);

	if (error != ERROR_NONE)
		return error;
	authority_file_remove(keys_dir, AUTHORITY_TLS_KEY_NEXT_FILE);
	authority_file_remove(keys_dir, AUTHORITY_TLS_CERTIFICATE_NEXT_FILE);
	error = authority_file_write(keys_dir, AUTHORITY_TLS_KEY_NEXT_FILE, true, key, fault);
	if (error == ERROR_NONE)
		error = authority_file_write(keys_dir, AUTHORITY_TLS_CERTIFICATE_NEXT_FILE, false, certificate, fault);
	if (error != ERROR_NONE)
		return error;
	/* The key first, durably: from then on settling does the rest. */
	if (!authority_directory_sync(keys_dir) ||
	    !authority_file_rename(keys_dir, AUTHORITY_TLS_KEY_NEXT_FILE, AUTHORITY_TLS_KEY_FILE) ||
	    !authority_file_rename(keys_dir, AUTHORITY_TLS_CERTIFICATE_NEXT_FILE, AUTHORITY_TLS_CERTIFICATE_FILE))
		return settle_failed(fault);
	return ERROR_NONE;
}

/* ---- judging it ---- */

/* What the server shows, the key for it, and what clients were given. */
struct tls_files {
	STACK_OF(X509) *shown; /* the server's own first */
	STACK_OF(X509) *trusted;
	EVP_PKEY *key;
};

static void
files_free(struct tls_files *files)
{
	sk_X509_pop_free(files->shown, X509_free);
	sk_X509_pop_free(files->trusted, X509_free);
	EVP_PKEY_free(files->key);
}

static enum error
files_read(const char *keys_dir, const char *public_dir, struct tls_files *out, struct fault *fault)
{
	enum error error = authority_read_certificates(keys_dir, AUTHORITY_TLS_CERTIFICATE_FILE, &out->shown, fault);

	if (error == ERROR_NONE)
		error = authority_read_key(keys_dir, AUTHORITY_TLS_KEY_FILE, &out->key, fault);
	if (error == ERROR_NONE)
		error = authority_read_certificates(public_dir, AUTHORITY_TLS_FILE, &out->trusted, fault);
	return error;
}

/* What was found and what should be, in the arena. */
static enum error
refuse(struct fault *fault, struct arena *arena, const struct buf *found, const struct buf *expected)
{
	*fault = (struct fault){ ERROR_tls_failed, SLICE_LITERAL(AUTHORITY_TLS_CERTIFICATE_FILE), SLICE_EMPTY,
		SLICE_EMPTY };
	if (!buf_ok(found) || !buf_ok(expected) || !arena_copy(arena, buf_peek(found), &fault->value) ||
	    !arena_copy(arena, buf_peek(expected), &fault->expected))
		return fault_set(fault, ERROR_out_of_memory, "authority", SLICE_EMPTY, NULL);
	return fault->error;
}

static void
put_time(struct buf *buf, const ASN1_TIME *asn1)
{
	uint64_t time;

	if (profile_time_get(asn1, &time))
		time_put_utc(buf, time);
	else
		buf_put_text(buf, "no time");
}

static enum error
refuse_certificate(X509_STORE_CTX *judged, uint64_t now, struct arena *arena, struct fault *fault)
{
	X509 *certificate = X509_STORE_CTX_get_current_cert(judged);
	struct buf *found = buf_create(2048), *expected = buf_create(512);
	char subject[256] = "", issuer[256] = "";
	enum error error = fault_set(fault, ERROR_out_of_memory, "authority", SLICE_EMPTY, NULL);

	if (found == NULL || expected == NULL || certificate == NULL)
		goto done;
	X509_NAME_oneline(X509_get_subject_name(certificate), subject, sizeof subject);
	X509_NAME_oneline(X509_get_issuer_name(certificate), issuer, sizeof issuer);
	buf_put_format(found, "%s: %s, issued by %s, in force from ",
	    X509_verify_cert_error_string(X509_STORE_CTX_get_error(judged)), subject, issuer);
	put_time(found, X509_get0_notBefore(certificate));
	buf_put_text(found, " to ");
	put_time(found, X509_get0_notAfter(certificate));
	buf_put_text(expected, "a server's certificate under " AUTHORITY_TLS_FILE ", in force at ");
	time_put_utc(expected, now);
	error = refuse(fault, arena, found, expected);
done:
	buf_destroy(found);
	buf_destroy(expected);
	return error;
}

/* The end of the first certificate in the chain that ends. */
static uint64_t
chain_end(X509_STORE_CTX *judged)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(judged);
	uint64_t end = UINT64_MAX, time;

	for (int i = 0; i < sk_X509_num(chain); i++)
		if (profile_time_get(X509_get0_notAfter(sk_X509_value(chain, i)), &time) && time < end)
			end = time;
	return end;
}

/* As a client does, but for the name, of which the server may have many. */
static enum error
files_judge(const struct tls_files *files, uint64_t now, struct arena *arena, uint64_t *not_after, struct fault *fault)
{
	X509_STORE_CTX *judged = authority_judge_begin(files->shown, files->trusted);
	X509 *certificate = sk_X509_value(files->shown, 0);
	enum error error = fault_set(fault, ERROR_out_of_memory, "authority", SLICE_EMPTY, NULL);

	if (judged == NULL || X509_STORE_CTX_set_default(judged, "ssl_server") != 1)
		goto done;
	if (now != 0)
		X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(judged), (time_t)now);
	else
		X509_STORE_CTX_set_flags(judged, X509_V_FLAG_NO_CHECK_TIME);
	error = ERROR_NONE;
	if (X509_verify_cert(judged) != 1)
		error = refuse_certificate(judged, now, arena, fault);
	else if (X509_check_private_key(certificate, files->key) != 1)
		error = fault_set(fault, ERROR_tls_failed, AUTHORITY_TLS_KEY_FILE, SLICE_LITERAL("another key"),
		    "the private key of the certificate in " AUTHORITY_TLS_CERTIFICATE_FILE);
	else
		*not_after = chain_end(judged);
done:
	authority_judge_end(judged);
	return error;
}

enum error
authority_check_tls(const char *keys_dir, const char *public_dir, uint64_t now, struct arena *arena,
    uint64_t *not_after, struct fault *fault)
{
	struct tls_files files = { .key = NULL };
	enum error error = authority_tls_settle(keys_dir, fault);

	if (error == ERROR_NONE)
		error = files_read(keys_dir, public_dir, &files, fault);
	if (error == ERROR_NONE)
		error = files_judge(&files, now, arena, not_after, fault);
	files_free(&files);
	ERR_clear_error();
	return error;
}
