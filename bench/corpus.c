/* SPDX-License-Identifier: Apache-2.0
 *
 * One reader and one writer of the same layout. */
#include "bench/corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/check.h"

#define MAGIC "guichet-corpus 2"
#define MAGIC_SIZE (sizeof MAGIC - 1)
#define HEADER_SIZE ((size_t)128)
/* Places of the header's numbers. */
enum { AT_ALGORITHM = 16, AT_ITEMS = 24, AT_KEYS = 32, AT_ITEM_TABLE = 40, AT_KEY_TABLE = 48 };
/* Before the frames of an item. */
#define SIZES_AT ((size_t)SERIAL_SIZE + 2 * DIGEST_SIZE)
#define ITEM_HEAD (SIZES_AT + 12)
#define KEY_ROW ((size_t)16)

struct corpus {
	struct slice file;
	enum key_algorithm algorithm;
	size_t items, keys;
	const uint8_t *item_table, *key_table;
	EVP_PKEY **loaded;
};

/* ---- reading ---- */

static bool
within(const struct corpus *corpus, uint64_t at, uint64_t count, uint64_t size)
{
	return at <= corpus->file.size && count <= (corpus->file.size - at) / size;
}

static bool
item_is_whole(const struct corpus *corpus, size_t nth)
{
	uint64_t at = bytes_peek_u64(corpus->item_table + 8 * nth);

	if (!within(corpus, at, 1, ITEM_HEAD))
		return false;
	const uint8_t *sizes = corpus->file.data + at + SIZES_AT;
	uint64_t frames = (uint64_t)bytes_peek_u32(sizes + 4) + bytes_peek_u32(sizes + 8);
	return bytes_peek_u32(sizes) < corpus->keys && within(corpus, at + ITEM_HEAD, 1, frames == 0 ? 1 : frames);
}

static bool
key_is_whole(const struct corpus *corpus, size_t nth)
{
	const uint8_t *row = corpus->key_table + KEY_ROW * nth;
	uint64_t size = bytes_peek_u64(row + 8);
	return size != 0 && within(corpus, bytes_peek_u64(row), 1, size);
}

static bool
corpus_is_whole(struct corpus *corpus)
{
	const uint8_t *header = corpus->file.data;

	if (corpus->file.size < HEADER_SIZE || memcmp(header, MAGIC, MAGIC_SIZE) != 0)
		return false;
	uint64_t item_table = bytes_peek_u64(header + AT_ITEM_TABLE), key_table = bytes_peek_u64(header + AT_KEY_TABLE);
	corpus->algorithm = (enum key_algorithm)bytes_peek_u64(header + AT_ALGORITHM);
	corpus->items = bytes_peek_u64(header + AT_ITEMS);
	corpus->keys = bytes_peek_u64(header + AT_KEYS);
	if (key_algorithm_name(corpus->algorithm) == NULL || !within(corpus, item_table, corpus->items, 8) ||
	    !within(corpus, key_table, corpus->keys, KEY_ROW))
		return false;
	corpus->item_table = header + item_table;
	corpus->key_table = header + key_table;
	for (size_t i = 0; i < corpus->items; i++)
		if (!item_is_whole(corpus, i))
			return false;
	for (size_t i = 0; i < corpus->keys; i++)
		if (!key_is_whole(corpus, i))
			return false;
	return true;
}

static bool
corpus_map(struct corpus *corpus, const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	void *at = MAP_FAILED;
	if (fstat(fd, &status) == 0 && status.st_size > 0)
		at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	int reason = errno;
	close(fd);
	errno = reason;
	if (at == MAP_FAILED)
		return false;
	corpus->file = slice_of(at, (size_t)status.st_size);
	return true;
}

enum error
corpus_open(const char *path, struct corpus **out, struct fault *fault)
{
	struct corpus *corpus = calloc(1, sizeof *corpus);
	enum error error = ERROR_NONE;

	if (corpus == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (!corpus_map(corpus, path))
		error = fault_set(fault, ERROR_file_unreadable, path, slice_of_text(strerror(errno)),
		    "a corpus: make one with guichet-bench prepare");
	else if (!corpus_is_whole(corpus))
		error = fault_set(fault, ERROR_usage, path, SLICE_EMPTY,
		    "a corpus of this version: make a new one with guichet-bench prepare");
	else if ((corpus->loaded = calloc(corpus->keys, sizeof *corpus->loaded)) == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error != ERROR_NONE) {
		corpus_close(corpus);
		return error;
	}
	*out = corpus;
	return ERROR_NONE;
}

void
corpus_close(struct corpus *corpus)
{
	if (corpus == NULL)
		return;
	for (size_t i = 0; corpus->loaded != NULL && i < corpus->keys; i++)
		EVP_PKEY_free(corpus->loaded[i]);
	free(corpus->loaded);
	if (corpus->file.size != 0)
		munmap((void *)(uintptr_t)corpus->file.data, corpus->file.size);
	free(corpus);
}

enum key_algorithm
corpus_algorithm(const struct corpus *corpus)
{
	return corpus->algorithm;
}

size_t
corpus_count(const struct corpus *corpus)
{
	return corpus->items;
}

struct corpus_item
corpus_item(const struct corpus *corpus, size_t nth)
{
	check(nth < corpus->items);
	const uint8_t *at = corpus->file.data + bytes_peek_u64(corpus->item_table + 8 * nth);
	const uint8_t *sizes = at + SIZES_AT, *frames = at + ITEM_HEAD;
	size_t enrol_size = bytes_peek_u32(sizes + 4);
	return (struct corpus_item){
		.serial = at,
		.id = at + SERIAL_SIZE,
		.certificate_digest = at + SERIAL_SIZE + DIGEST_SIZE,
		.key = bytes_peek_u32(sizes),
		.enrol = slice_of(frames, enrol_size),
		.file = slice_of(frames + enrol_size, bytes_peek_u32(sizes + 8)),
	};
}

EVP_PKEY *
corpus_key(struct corpus *corpus, size_t key)
{
	check(key < corpus->keys);
	const uint8_t *row = corpus->key_table + KEY_ROW * key;
	const unsigned char *der = corpus->file.data + bytes_peek_u64(row);

	if (corpus->loaded[key] == NULL)
		corpus->loaded[key] = d2i_AutoPrivateKey(NULL, &der, (long)bytes_peek_u64(row + 8));
	return corpus->loaded[key];
}

/* ---- writing ---- */

struct corpus_writer {
	char path[4096], fresh[4096 + 8];
	FILE *file;
	enum key_algorithm algorithm;
	uint64_t at;
	struct buf *items, *keys; /* the tables */
	bool has_failed;
};

static void
writer_put(struct corpus_writer *writer, struct slice bytes)
{
	if (bytes.size != 0 && fwrite(bytes.data, 1, bytes.size, writer->file) != bytes.size)
		writer->has_failed = true;
	writer->at += bytes.size;
}

static void
writer_free(struct corpus_writer *writer)
{
	if (writer->file != NULL)
		fclose(writer->file);
	buf_destroy(writer->items);
	buf_destroy(writer->keys);
	free(writer);
}

enum error
corpus_writer_create(const char *path, enum key_algorithm algorithm, struct corpus_writer **out, struct fault *fault)
{
	static const uint8_t blank[HEADER_SIZE];
	struct corpus_writer *writer = calloc(1, sizeof *writer);

	if (writer == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	writer->algorithm = algorithm;
	writer->items = buf_create((size_t)1 << 30);
	writer->keys = buf_create((size_t)1 << 30);
	int size = snprintf(writer->path, sizeof writer->path, "%s", path);
	snprintf(writer->fresh, sizeof writer->fresh, "%s.new", writer->path);
	if (size >= 0 && (size_t)size < sizeof writer->path)
		writer->file = fopen(writer->fresh, "wb");
	if (writer->file == NULL || writer->items == NULL || writer->keys == NULL) {
		writer_free(writer);
		return fault_set(fault, ERROR_file_unreadable, path, slice_of_text(strerror(errno)),
		    "a file that can be written");
	}
	writer_put(writer, slice_of(blank, sizeof blank));
	*out = writer;
	return ERROR_NONE;
}

void
corpus_writer_item(struct corpus_writer *writer, const struct corpus_item *item)
{
	uint8_t sizes[12];

	buf_put_u64(writer->items, writer->at);
	bytes_poke_u32(sizes, (uint32_t)item->key);
	bytes_poke_u32(sizes + 4, (uint32_t)item->enrol.size);
	bytes_poke_u32(sizes + 8, (uint32_t)item->file.size);
	writer_put(writer, slice_of(item->serial, SERIAL_SIZE));
	writer_put(writer, slice_of(item->id, DIGEST_SIZE));
	writer_put(writer, slice_of(item->certificate_digest, DIGEST_SIZE));
	writer_put(writer, slice_of(sizes, sizeof sizes));
	writer_put(writer, item->enrol);
	writer_put(writer, item->file);
}

void
corpus_writer_key(struct corpus_writer *writer, struct slice der)
{
	buf_put_u64(writer->keys, writer->at);
	buf_put_u64(writer->keys, der.size);
	writer_put(writer, der);
}

enum error
corpus_writer_end(struct corpus_writer *writer, struct fault *fault)
{
	uint8_t header[HEADER_SIZE] = MAGIC;

	bytes_poke_u64(header + AT_ALGORITHM, writer->algorithm);
	bytes_poke_u64(header + AT_ITEMS, buf_size(writer->items) / 8);
	bytes_poke_u64(header + AT_KEYS, buf_size(writer->keys) / KEY_ROW);
	bytes_poke_u64(header + AT_ITEM_TABLE, writer->at);
	bytes_poke_u64(header + AT_KEY_TABLE, writer->at + buf_size(writer->items));
	writer->has_failed |= !buf_ok(writer->items) || !buf_ok(writer->keys);
	writer_put(writer, buf_peek(writer->items));
	writer_put(writer, buf_peek(writer->keys));
	if (fseek(writer->file, 0, SEEK_SET) != 0)
		writer->has_failed = true;
	writer_put(writer, slice_of(header, sizeof header));
	if (fclose(writer->file) != 0)
		writer->has_failed = true;
	writer->file = NULL;
	bool is_good = !writer->has_failed && rename(writer->fresh, writer->path) == 0;
	int reason = errno;
	writer_free(writer);
	return is_good ? ERROR_NONE : fault_set(fault, ERROR_file_unreadable, "corpus", slice_of_text(strerror(reason)),
	    "room to write it");
}
