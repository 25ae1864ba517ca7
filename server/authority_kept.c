/* SPDX-License-Identifier: Apache-2.0
 *
 * What the directory of keys keeps for the day that something is lost. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/authority.h"
#include "server/authority_files.h"

static const struct kept {
	const char *name, *copy;
	bool is_final; /* it never changes; trust for TLS may be replaced */
} kept[] = {
	{ AUTHORITY_CA_FILE, AUTHORITY_CA_FILE AUTHORITY_COPY, true },
	{ AUTHORITY_VKEY_FILE, AUTHORITY_VKEY_FILE AUTHORITY_COPY, true },
	{ AUTHORITY_TLS_FILE, AUTHORITY_TLS_FILE AUTHORITY_COPY, false },
};

#define KEPT_COUNT (sizeof kept / sizeof kept[0])

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
check_copy(const char *keys_dir, const char *public_dir, const struct kept *file, struct fault *fault)
{
	struct buf *copy = buf_create(2 * AUTHORITY_FILE_MAX), *published = buf_create(2 * AUTHORITY_FILE_MAX);
	enum error error = ERROR_NONE;

	if (copy == NULL || published == NULL)
		error = fault_set(fault, ERROR_out_of_memory, file->copy, SLICE_EMPTY, NULL);
	else if (!is_absent(keys_dir, file->copy))
		error = authority_file_read(keys_dir, file->copy, false, copy, fault);
	if (error == ERROR_NONE && file->is_final && buf_size(copy) != 0) {
		error = authority_file_read(public_dir, file->name, false, published, fault);
		if (error == ERROR_NONE && !slice_equal(buf_peek(copy), buf_peek(published)))
			error = fault_set(fault, ERROR_store_damaged, file->copy, SLICE_LITERAL("something else"),
			    "the same as is published");
	}
	buf_destroy(copy);
	buf_destroy(published);
	return error;
}

enum error
authority_check_kept(const char *keys_dir, const char *public_dir, struct fault *fault)
{
	enum error error =
	    check_root(keys_dir, public_dir, AUTHORITY_ROOT_KEY_FILE, AUTHORITY_CA_FILE, fault);

	if (error == ERROR_NONE)
		error = check_root(keys_dir, public_dir, AUTHORITY_TLS_ROOT_KEY_FILE, AUTHORITY_TLS_FILE, fault);
	for (size_t i = 0; i < KEPT_COUNT && error == ERROR_NONE; i++)
		error = check_copy(keys_dir, public_dir, &kept[i], fault);
	return error;
}

static enum error
restore(const char *keys_dir, const char *public_dir, const struct kept *file, struct fault *fault)
{
	struct buf *copy = buf_create(2 * AUTHORITY_FILE_MAX);
	enum error error = copy == NULL ? fault_set(fault, ERROR_out_of_memory, file->copy, SLICE_EMPTY, NULL) :
	    authority_file_read(keys_dir, file->copy, false, copy, fault);

	if (error == ERROR_NONE)
		error = authority_file_replace(public_dir, file->name, buf_peek(copy), fault);
	buf_destroy(copy);
	return error;
}

enum error
authority_restore(const char *keys_dir, const char *public_dir, void (*restored)(void *context, const char *name),
    void *context, struct fault *fault)
{
	enum error error = ERROR_NONE;

	for (size_t i = 0; i < KEPT_COUNT && error == ERROR_NONE; i++) {
		if (!is_absent(public_dir, kept[i].name) || is_absent(keys_dir, kept[i].copy))
			continue;
		error = restore(keys_dir, public_dir, &kept[i], fault);
		if (error == ERROR_NONE)
			restored(context, kept[i].name);
	}
	return error;
}
