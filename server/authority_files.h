/* SPDX-License-Identifier: Apache-2.0
 *
 * The authority's files: their names, and how they are read and written. Only for authority*.c. */
#ifndef GUICHET_AUTHORITY_FILES_H
#define GUICHET_AUTHORITY_FILES_H

#include <openssl/x509.h>

#include "protocol/buf.h"
#include "protocol/error.h"
#include "protocol/note.h"

/* In keys_dir. The roots' keys are needed only to certify anew, and may be kept elsewhere. */
#define AUTHORITY_ROOT_KEY_FILE "root.key"
#define AUTHORITY_ISSUING_KEY_FILE "issuing.key"
#define AUTHORITY_TLS_ROOT_KEY_FILE "tls-root.key"
#define AUTHORITY_TLS_KEY_FILE "tls-server.key"
#define AUTHORITY_TLS_CERTIFICATE_FILE "tls-server.pem"
#define AUTHORITY_LOG_KEY_FILE "log.key"

/* Of what is published in public_dir and cannot be made the same again. */
#define AUTHORITY_COPY ".copy"

/* The next ones, until the ones before are replaced. */
#define AUTHORITY_TLS_KEY_NEXT_FILE "tls-server.key.new"
#define AUTHORITY_TLS_CERTIFICATE_NEXT_FILE "tls-server.pem.new"

/* None of the files is larger. */
#define AUTHORITY_FILE_MAX ((size_t)64 * 1024)

/* "dir/name"; NULL when memory is short. The caller frees it. */
must_check char *authority_path_create(const char *dir, const char *name);
/* Appends a file's content to *out, whose maximum is 2 * AUTHORITY_FILE_MAX. ERROR_file_unreadable, also when it is
 * `private` and others than its owner may read it; ERROR_out_of_memory when it does not fit; the fault's place is the
 * file's name, a constant that it borrows. */
must_check enum error authority_file_read(const char *dir, const char *name, bool private, struct buf *out,
    struct fault *fault);
/* A private key, or certificates, out of a PEM file: the first, or all, at least one. As authority_file_read; NULL on
 * failure, else the caller frees it. OpenSSL's queue of errors is left as it is then. */
must_check enum error authority_read_key(const char *dir, const char *name, EVP_PKEY **out, struct fault *fault);
must_check enum error authority_read_certificate(const char *dir, const char *name, X509 **out, struct fault *fault);
must_check enum error authority_read_certificates(
    const char *dir, const char *name, STACK_OF(X509) **out, struct fault *fault);
/* The log's public key out of a file like log.vkey, a C2SP verifier key. As authority_file_read. */
must_check enum error authority_read_verifier(const char *dir, const char *name, struct note_verifier *out,
    struct fault *fault);
/* Is this the private key of that one? */
must_check bool authority_log_key_is(EVP_PKEY *key, const uint8_t public_key[32]);
/* Writes a new file, mode 0600 if `private`, else 0644, and syncs it; an existing one is left alone and an error. */
must_check enum error authority_file_write(const char *dir, const char *name, bool private, struct slice content,
    struct fault *fault);
/* Makes or replaces a file, mode 0644: whole or not at all, whenever it is cut short, and durable. */
must_check enum error authority_file_replace(const char *dir, const char *name, struct slice content,
    struct fault *fault);
/* Removes a file that was just written. */
void authority_file_remove(const char *dir, const char *name);
/* Gives a file the name of another, which it replaces; the directory is synced. Sets errno on failure. */
must_check bool authority_file_rename(const char *dir, const char *from, const char *to);
/* Makes the directory's entries durable. Sets errno on failure. */
must_check bool authority_directory_sync(const char *dir);

/* To judge what is shown, its first certificate with the others as its chain, by what is trusted alone: both are
 * borrowed, and time, purpose and flags are the caller's to set before X509_verify_cert. NULL when memory is short. */
must_check X509_STORE_CTX *authority_judge_begin(STACK_OF(X509) *shown, STACK_OF(X509) *trusted);
/* NULL is allowed. */
void authority_judge_end(X509_STORE_CTX *judged);

/* Both under authority_tls_lock. Replaces the server's TLS key and certificate. They are two names, so a
 * crash may come between: then the certificate is still there as the next one, for the key that is in force already,
 * and authority_tls_settle gives it its name. */
must_check enum error authority_tls_replace(const char *keys_dir, struct slice key, struct slice certificate,
    struct fault *fault);
must_check enum error authority_tls_settle(const char *keys_dir, struct fault *fault);

#endif
