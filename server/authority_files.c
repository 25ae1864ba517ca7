/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files, whole, with care for who may read them and for what a crash leaves. */
#include "server/authority_files.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/store/disk.h"

char *
authority_path_create(const char *dir, const char *name)
{
	size_t dir_size = strlen(dir), name_size = strlen(name);
	char *path = malloc(dir_size + 1 + name_size + 1);

	if (path == NULL)
		return NULL;
	memcpy(path, dir, dir_size);
	path[dir_size] = '/';
	memcpy(path + dir_size + 1, name, name_size + 1);
	return path;
}

/* A descriptor, or -1 with errno. */
static int
file_open(const char *dir, const char *name, int flags, mode_t mode)
{
	char *path = authority_path_create(dir, name);
	if (path == NULL)
		return -1;
	int fd = open(path, flags | O_CLOEXEC, mode);
	int reason = errno;
	free(path);
	errno = reason;
	return fd;
}

static bool
read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t *to = buf_reserve(out, 4096);
		if (to == NULL)
			return false;
		ssize_t n = read(fd, to, 4096);
		buf_commit(out, n > 0 ? (size_t)n : 0);
		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
	}
}

/* What is wrong with a file, by its name. */
static enum error
file_refuse(struct fault *fault, const char *name, const char *found, const char *expected)
{
	return fault_set(fault, ERROR_file_unreadable, name, slice_of_text(found), expected);
}

enum error
authority_file_read(const char *dir, const char *name, bool private, struct buf *out, struct fault *fault)
{
	struct stat facts;
	int fd = file_open(dir, name, O_RDONLY | O_NONBLOCK, 0);
	enum error error = ERROR_NONE;

	if (fd < 0)
		return file_refuse(fault, name, strerror(errno), "a file that can be read");
	if (fstat(fd, &facts) != 0)
		error = file_refuse(fault, name, strerror(errno), "a file that can be looked at");
	else if (!S_ISREG(facts.st_mode))
		error = file_refuse(fault, name, "no regular file", "a regular file");
	else if (facts.st_size > (off_t)AUTHORITY_FILE_MAX)
		error = file_refuse(fault, name, "a larger file", "a file of at most 64 KB");
	else if (private && (facts.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		error = file_refuse(fault, name, "a private key that others than its owner may use", "mode 0600");
	else if (!read_all(fd, out))
		/* One that grew while it was read does not fit either. */
		error = buf_ok(out) ? file_refuse(fault, name, strerror(errno), "a file that can be read to its end") :
		    fault_set(fault, ERROR_out_of_memory, name, SLICE_EMPTY, "memory for a file of at most 64 KB");
	close(fd);
	return error;
}

/* A key under a password is refused instead of asked for: nobody sits at this terminal. */
static int
no_password(char *to, int size, int writing, void *argument)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)argument;
	return -1;
}

/* What PEM holds: one of the readers of openssl/pem.h, behind one shape. NULL when it holds no such thing. */
typedef void *(*pem_reader)(BIO *bio);

static void *
pem_key(BIO *bio)
{
	return PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
}

/* The first certificate of a PEM file. */
static void *
pem_certificate(BIO *bio)
{
	return PEM_read_bio_X509(bio, NULL, no_password, NULL);
}

/* All certificates, at least one. */
static void *
pem_certificates(BIO *bio)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	X509 *certificate;

	while (certificates != NULL && (certificate = pem_certificate(bio)) != NULL)
		if (sk_X509_push(certificates, certificate) <= 0)
			X509_free(certificate);
	if (sk_X509_num(certificates) > 0)
		return certificates;
	sk_X509_free(certificates);
	return NULL;
}

static enum error
read_pem(const char *dir, const char *name, bool is_private, pem_reader reader, void **out, struct fault *fault)
{
	struct buf *content = buf_create(2 * AUTHORITY_FILE_MAX);
	if (content == NULL)
		return fault_set(fault, ERROR_out_of_memory, name, SLICE_EMPTY, NULL);
	enum error error = authority_file_read(dir, name, is_private, content, fault);
	if (error == ERROR_NONE) {
		struct slice pem = buf_peek(content);
		BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
		*out = bio == NULL ? NULL : reader(bio);
		BIO_free(bio);
		if (*out == NULL)
			error = file_refuse(fault, name, "something else",
			    is_private ? "a private key in PEM without a password" : "a certificate in PEM");
	}
	buf_destroy(content);
	return error;
}

enum error
authority_read_key(const char *dir, const char *name, EVP_PKEY **out, struct fault *fault)
{
	void *key = NULL;
	enum error error = read_pem(dir, name, true, pem_key, &key, fault);
	*out = key;
	return error;
}

enum error
authority_read_certificate(const char *dir, const char *name, X509 **out, struct fault *fault)
{
	void *certificate = NULL;
	enum error error = read_pem(dir, name, false, pem_certificate, &certificate, fault);
	*out = certificate;
	return error;
}

enum error
authority_read_certificates(const char *dir, const char *name, STACK_OF(X509) **out, struct fault *fault)
{
	void *certificates = NULL;
	enum error error = read_pem(dir, name, false, pem_certificates, &certificates, fault);
	*out = certificates;
	return error;
}

enum error
authority_read_verifier(const char *dir, const char *name, struct note_verifier *out, struct fault *fault)
{
	struct buf *content = buf_create(2 * AUTHORITY_FILE_MAX);
	if (content == NULL)
		return fault_set(fault, ERROR_out_of_memory, name, SLICE_EMPTY, NULL);
	enum error error = authority_file_read(dir, name, false, content, fault);
	if (error == ERROR_NONE && note_verifier_parse(buf_peek(content), out, fault) != ERROR_NONE)
		error = file_refuse(fault, name, "something else", "a C2SP verifier key");
	buf_destroy(content);
	return error;
}

bool
authority_log_key_is(EVP_PKEY *key, const uint8_t public_key[32])
{
	uint8_t raw[32];
	size_t size = sizeof raw;

	return EVP_PKEY_is_a(key, "ED25519") && EVP_PKEY_get_raw_public_key(key, raw, &size) == 1 &&
	       size == sizeof raw && memcmp(raw, public_key, sizeof raw) == 0;
}

enum error
authority_file_write(const char *dir, const char *name, bool private, struct slice content, struct fault *fault)
{
	char *path = authority_path_create(dir, name);

	if (path == NULL)
		return fault_set(fault, ERROR_out_of_memory, name, SLICE_EMPTY, NULL);
	bool is_written = disk_make_file(NULL, AT_FDCWD, path, private ? 0600 : 0644, content);
	int reason = errno;
	free(path);
	if (is_written)
		return ERROR_NONE;
	return file_refuse(fault, name, strerror(reason), reason == EEXIST ?
	    "no file of this name: an authority is never overwritten" : "a file that can be written");
}

enum error
authority_file_replace(const char *dir, const char *name, struct slice content, struct fault *fault)
{
	char *path = authority_path_create(dir, name);

	if (path == NULL)
		return fault_set(fault, ERROR_out_of_memory, name, SLICE_EMPTY, NULL);
	bool is_written =
	    disk_replace_file(NULL, AT_FDCWD, path, 0644, content) && authority_directory_sync(dir);
	int reason = errno;
	free(path);
	return is_written ? ERROR_NONE : file_refuse(fault, name, strerror(reason), "a file that can be written");
}

void
authority_file_remove(const char *dir, const char *name)
{
	char *path = authority_path_create(dir, name);
	if (path != NULL)
		(void)unlink(path);
	free(path);
}

bool
authority_file_rename(const char *dir, const char *from, const char *to)
{
	char *path_from = authority_path_create(dir, from), *path_to = authority_path_create(dir, to);
	bool is_renamed = path_from != NULL && path_to != NULL && rename(path_from, path_to) == 0;

	free(path_from);
	free(path_to);
	return is_renamed && authority_directory_sync(dir);
}

bool
authority_directory_sync(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool synced = fsync(fd) == 0;
	int reason = errno;
	bool closed = close(fd) == 0;
	if (!synced)
		errno = reason;
	return closed && synced;
}

X509_STORE_CTX *
authority_judge_begin(STACK_OF(X509) *shown, STACK_OF(X509) *trusted)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *judged = X509_STORE_CTX_new();
	bool is_good = store != NULL && judged != NULL;

	for (int i = 0; is_good && i < sk_X509_num(trusted); i++)
		is_good = X509_STORE_add_cert(store, sk_X509_value(trusted, i)) == 1;
	if (is_good && X509_STORE_CTX_init(judged, store, sk_X509_value(shown, 0), shown) == 1)
		return judged;
	X509_STORE_CTX_free(judged);
	X509_STORE_free(store);
	return NULL;
}

void
authority_judge_end(X509_STORE_CTX *judged)
{
	X509_STORE *store = judged == NULL ? NULL : X509_STORE_CTX_get0_store(judged);

	X509_STORE_CTX_free(judged);
	X509_STORE_free(store);
}
