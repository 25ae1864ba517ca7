/* SPDX-License-Identifier: Apache-2.0
 *
 * What a load is made of, prepared beforehand so that the generator spends its time sending: for each holder the whole
 * request frames of an enrolment and of a signed, compressed filing, the filing's id, the certificate's serial number
 * and the private key. A file, mapped; it belongs to the office directory that issued its certificates.
 *
 *   header   128 bytes: magic, algorithm, counts, places of the two tables
 *   items    serial, id, certificate's digest, key's place among the keys, two sizes, two frames
 *   keys     DER of each private key (PKCS#8)
 *   tables   place of each item, place and size of each key
 *
 * All numbers big-endian. The keys have no other use and protect nothing. */
#ifndef GUICHET_BENCH_CORPUS_H
#define GUICHET_BENCH_CORPUS_H

#include "protocol/key.h"
#include "protocol/limits.h"

struct corpus;

struct corpus_item {
	const uint8_t *serial; /* SERIAL_SIZE bytes */
	const uint8_t *id;     /* DIGEST_SIZE bytes: the filing's */
	const uint8_t *certificate_digest; /* DIGEST_SIZE bytes */
	size_t key;
	struct slice enrol, file; /* whole frames, stream 0 */
};

/* Maps the file and checks every place and size in it. ERROR_file_unreadable; ERROR_usage: no corpus of this
 * version. */
must_check enum error corpus_open(const char *path, struct corpus **out, struct fault *fault);
/* NULL is allowed. */
void corpus_close(struct corpus *corpus);
enum key_algorithm corpus_algorithm(const struct corpus *corpus);
size_t corpus_count(const struct corpus *corpus);
/* nth < count (asserted); borrowed from the corpus. */
struct corpus_item corpus_item(const struct corpus *corpus, size_t nth);
/* The private key of an item, loaded at first use; borrowed. NULL when it cannot be. */
EVP_PKEY *corpus_key(struct corpus *corpus, size_t key);

/* ---- writing ---- */

struct corpus_writer;

/* Writes to `path`.new; corpus_writer_end gives it its name. */
must_check enum error corpus_writer_create(const char *path, enum key_algorithm algorithm, struct corpus_writer **out,
    struct fault *fault);
/* Items in their order, then keys in theirs. A failure is told by corpus_writer_end. */
void corpus_writer_item(struct corpus_writer *writer, const struct corpus_item *item);
void corpus_writer_key(struct corpus_writer *writer, struct slice der);
/* Frees the writer. */
must_check enum error corpus_writer_end(struct corpus_writer *writer, struct fault *fault);

#endif
