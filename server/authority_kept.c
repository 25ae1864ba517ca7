/* SPDX-License-Identifier: Apache-2.0
 *
 * What the directory of keys keeps for the day that something is lost. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/authority.h"
#include "server/authority_files.h"
#include "server/settings.h"
#include "server/store/disk.h"

#define CA_COPY AUTHORITY_CA_FILE AUTHORITY_COPY
#define VKEY_COPY AUTHORITY_VKEY_FILE AUTHORITY_COPY
#define TLS_COPY AUTHORITY_TLS_FILE AUTHORITY_COPY

/* A file that cannot be looked for counts as there: whoever reads it says why. */
static bool
is_absent(const char *dir, const char *name)
{
	char *path = authority_path_create(dir, name);
	bool is_gone = path != NULL && access(path, F_OK) != 0 && errno == ENOENT;

	free(path);
	return is_gone;
}

/* ---- the roots' keys ---- */

static enum error
check_root(const char *keys_dir, const char *public_dir, const char *key_name, const char *certificates_name,
    struct fault *fault)
{
	EVP_PKEY *key = NULL;
	STACK_OF(X509) *certificates = NULL;
	bool is_known = false;

	if (is_absent(keys_dir, key_name))
		return ERROR_NONE;
	enum error error = authority_read_key(keys_dir, key_name, &key, fault);
	if (error == ERROR_NONE)
		error = authority_read_certificates(public_dir, certificates_name, &certificates, fault);
	for (int i = 0; error == ERROR_NONE && i < sk_X509_num(certificates); i++)
		is_known |= X509_check_private_key(sk_X509_value(certificates, i), key) == 1;
	if (error == ERROR_NONE && !is_known)
		error = fault_set(fault, ERROR_store_damaged, key_name, SLICE_LITERAL("another key"),
		    "the key of a certificate that is published");
	EVP_PKEY_free(key);
	sk_X509_pop_free(certificates, X509_free);
	ERR_clear_error();
	return error;
}

/* ---- the copies ---- */

static enum error
copy_refuse(const char *copy, const char *found, const char *expected, struct fault *fault)
{
	return fault_set(fault, ERROR_store_damaged, copy, slice_of_text(found), expected);
}

/* How often PEM begins in it. */
static int
pem_count(struct slice text)
{
	static const char begin[] = "-----BEGIN ";
	int count = 0;

	for (; text.size >= sizeof begin - 1; text = slice_from(text, 1))
		count += memcmp(text.data, begin, sizeof begin - 1) == 0;
	return count;
}

/* All of its certificates; one that is cut short is not left out. The caller frees them in any case. */
static enum error
read_copy(const char *keys_dir, const char *copy, STACK_OF(X509) **out, struct fault *fault)
{
	struct buf *text = buf_create(2 * AUTHORITY_FILE_MAX);
	enum error error = text == NULL ? fault_set(fault, ERROR_out_of_memory, copy, SLICE_EMPTY, NULL) :
	    authority_read_certificates(keys_dir, copy, out, fault);

	if (error == ERROR_NONE)
		error = authority_file_read(keys_dir, copy, false, text, fault);
	if (error == ERROR_NONE && pem_count(buf_peek(text)) != sk_X509_num(*out))
		error = copy_refuse(copy, "something that is no certificate", "certificates, each of them whole",
		    fault);
	buf_destroy(text);
	return error;
}

/* Each signed by the next, the last by itself. */
static bool
is_chain(STACK_OF(X509) *certificates)
{
	int count = sk_X509_num(certificates);
	bool is_good = count > 0;

	for (int i = 0; i < count && is_good; i++) {
		X509 *issuer = sk_X509_value(certificates, i + 1 < count ? i + 1 : i);
		is_good = X509_verify(sk_X509_value(certificates, i), X509_get0_pubkey(issuer)) == 1;
	}
	return is_good;
}

static enum error
check_ca(const char *keys_dir, struct fault *fault)
{
	STACK_OF(X509) *certificates = NULL;
	EVP_PKEY *key = NULL;
	enum error error = read_copy(keys_dir, CA_COPY, &certificates, fault);

	if (error == ERROR_NONE)
		error = authority_read_key(keys_dir, AUTHORITY_ISSUING_KEY_FILE, &key, fault);
	if (error == ERROR_NONE && (!is_chain(certificates) ||
	    X509_check_private_key(sk_X509_value(certificates, 0), key) != 1))
		error = copy_refuse(CA_COPY, "other certificates",
		    "that of the key in " AUTHORITY_ISSUING_KEY_FILE ", and the root that signed it", fault);
	EVP_PKEY_free(key);
	sk_X509_pop_free(certificates, X509_free);
	return error;
}

static enum error
check_vkey(const char *keys_dir, struct fault *fault)
{
	struct note_verifier verifier;
	EVP_PKEY *key = NULL;
	enum error error = authority_read_verifier(keys_dir, VKEY_COPY, &verifier, fault);

	if (error == ERROR_NONE)
		error = authority_read_key(keys_dir, AUTHORITY_LOG_KEY_FILE, &key, fault);
	if (error == ERROR_NONE && !authority_log_key_is(key, verifier.public_key))
		error = copy_refuse(VKEY_COPY, "another key", "the public key of " AUTHORITY_LOG_KEY_FILE, fault);
	EVP_PKEY_free(key);
	return error;
}

/* Would who trusts these take the server for the office's, whatever the time is? */
static bool
is_trusted(STACK_OF(X509) *shown, STACK_OF(X509) *trusted)
{
	X509_STORE_CTX *judged = authority_judge_begin(shown, trusted);
	bool is_good = judged != NULL;

	if (is_good) {
		/* A root's own signature as well: it tells damage that nobody else would meet. */
		X509_STORE_CTX_set_flags(judged, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_CHECK_SS_SIGNATURE);
		is_good = X509_verify_cert(judged) == 1;
	}
	authority_judge_end(judged);
	return is_good;
}

static enum error
check_tls(const char *keys_dir, struct fault *fault)
{
	STACK_OF(X509) *shown = NULL, *trusted = NULL;
	enum error error = read_copy(keys_dir, TLS_COPY, &trusted, fault);

	if (error == ERROR_NONE)
		error = authority_read_certificates(keys_dir, AUTHORITY_TLS_CERTIFICATE_FILE, &shown, fault);
	if (error == ERROR_NONE && !is_trusted(shown, trusted))
		error = copy_refuse(TLS_COPY, "other certificates",
		    "those under which that in " AUTHORITY_TLS_CERTIFICATE_FILE " is", fault);
	sk_X509_pop_free(shown, X509_free);
	sk_X509_pop_free(trusted, X509_free);
	return error;
}

/* Before a copy is published it must be what its name says: whole, and of the keys beside it. */
static const struct kept {
	const char *name, *copy;
	bool is_final; /* it never changes; trust for TLS may be replaced */
	enum error (*check)(const char *keys_dir, struct fault *fault);
} kept[] = {
	{ AUTHORITY_CA_FILE, CA_COPY, true, check_ca },
	{ AUTHORITY_VKEY_FILE, VKEY_COPY, true, check_vkey },
	{ AUTHORITY_TLS_FILE, TLS_COPY, false, check_tls },
};

#define KEPT_COUNT (sizeof kept / sizeof kept[0])

static enum error
check_copy(const char *keys_dir, const char *public_dir, const struct kept *file, struct fault *fault)
{
	struct buf *copy = buf_create(2 * AUTHORITY_FILE_MAX), *published = buf_create(2 * AUTHORITY_FILE_MAX);
	enum error error = ERROR_NONE;

	if (copy == NULL || published == NULL)
		error = fault_set(fault, ERROR_out_of_memory, file->copy, SLICE_EMPTY, NULL);
	else if (is_absent(keys_dir, file->copy))
		error = fault_set(fault, ERROR_file_unreadable, file->copy, slice_of_text(strerror(ENOENT)),
		    "a copy of what is published, for a start to put back");
	else
		error = file->check(keys_dir, fault);
	if (error == ERROR_NONE && file->is_final)
		error = authority_file_read(keys_dir, file->copy, false, copy, fault);
	if (error == ERROR_NONE && file->is_final) {
		error = authority_file_read(public_dir, file->name, false, published, fault);
		if (error == ERROR_NONE && !slice_equal(buf_peek(copy), buf_peek(published)))
			error = copy_refuse(file->copy, "something else", "the same as is published", fault);
	}
	buf_destroy(copy);
	buf_destroy(published);
	ERR_clear_error();
	return error;
}

void
authority_check_kept(const char *keys_dir, const char *public_dir,
    void (*wrong)(void *context, const struct fault *fault), void *context)
{
	struct fault fault;

	if (check_root(keys_dir, public_dir, AUTHORITY_ROOT_KEY_FILE, AUTHORITY_CA_FILE, &fault) != ERROR_NONE)
		wrong(context, &fault);
	if (check_root(keys_dir, public_dir, AUTHORITY_TLS_ROOT_KEY_FILE, AUTHORITY_TLS_FILE, &fault) != ERROR_NONE)
		wrong(context, &fault);
	for (size_t i = 0; i < KEPT_COUNT; i++)
		if (check_copy(keys_dir, public_dir, &kept[i], &fault) != ERROR_NONE)
			wrong(context, &fault);
}

static enum error
restore(const char *keys_dir, const char *public_dir, const struct kept *file, struct fault *fault)
{
	struct buf *copy = buf_create(2 * AUTHORITY_FILE_MAX);
	enum error error = copy == NULL ? fault_set(fault, ERROR_out_of_memory, file->copy, SLICE_EMPTY, NULL) :
	    file->check(keys_dir, fault);

	if (error == ERROR_NONE)
		error = authority_file_read(keys_dir, file->copy, false, copy, fault);
	if (error == ERROR_NONE)
		error = authority_file_replace(public_dir, file->name, buf_peek(copy), fault);
	buf_destroy(copy);
	ERR_clear_error();
	return error;
}

/* Makes the directory itself where it is gone, and tells it. */
static enum error
restore_directory(const char *public_dir, void (*restored)(void *context, const char *name), void *context,
    struct fault *fault)
{
	if (mkdir(public_dir, 0755) != 0)
		return errno == EEXIST ? ERROR_NONE :
		    fault_set(fault, disk_error(errno), PUBLIC_DIRECTORY, slice_of_text(strerror(errno)),
			"a directory that can be made");
	restored(context, NULL);
	return ERROR_NONE;
}

enum error
authority_restore(const char *keys_dir, const char *public_dir, void (*restored)(void *context, const char *name),
    void *context, struct fault *fault)
{
	enum error error = restore_directory(public_dir, restored, context, fault);

	for (size_t i = 0; i < KEPT_COUNT && error == ERROR_NONE; i++) {
		if (!is_absent(public_dir, kept[i].name) || is_absent(keys_dir, kept[i].copy))
			continue;
		error = restore(keys_dir, public_dir, &kept[i], fault);
		if (error == ERROR_NONE)
			restored(context, kept[i].name);
	}
	return error;
}
