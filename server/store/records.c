/* SPDX-License-Identifier: Apache-2.0
 *
 * Values: a version byte and deterministic CBOR. */
#include "server/store/records.h"

#include <string.h>

#include "protocol/buf.h"
#include "protocol/codec.h"

/* Raised when a record changes in a way that its old readers cannot overlook; readers then accept both. */
#define RECORD_VERSION 1

/* The largest value: an archive blob with a whole frame of documents, or a batch of 65,536 leaves. */
#define VALUE_MAX ((size_t)8 * 1024 * 1024)

#define RECORD_TABLE "server/store/records.def"
#define RECORD_STRUCT(name) rec_##name
#define RECORD_FUNCTION(name) record_##name
#include "protocol/record_tables.h"

struct slice
record_encode(const struct record *record, const void *value, struct arena *arena)
{
	struct buf *buf = buf_create(VALUE_MAX);
	struct slice out = SLICE_EMPTY;

	if (buf == NULL)
		return out;
	buf_put_u8(buf, RECORD_VERSION);
	codec_encode(record, value, buf);
	if (!buf_ok(buf) || !arena_copy(arena, buf_peek(buf), &out))
		out = SLICE_EMPTY;
	buf_destroy(buf);
	return out;
}

static enum error
decode(const struct record *record, struct slice stored, enum codec_unknown unknown, struct arena *arena, void *out)
{
	struct fault fault;

	if (stored.size == 0 || stored.data[0] != RECORD_VERSION)
		return ERROR_store_damaged;
	enum error error = codec_decode(record, slice_from(stored, 1), unknown, arena, out, &fault);
	return error == ERROR_NONE || error == ERROR_out_of_memory ? error : ERROR_store_damaged;
}

enum error
record_decode(const struct record *record, struct slice stored, struct arena *arena, void *out)
{
	return decode(record, stored, CODEC_STORED, arena, out);
}

struct key_public
record_certificate_key(const struct rec_certificate *certificate)
{
	struct key_public key = { .algorithm = (enum key_algorithm)certificate->algorithm,
		.size = certificate->public_key.size };

	memcpy(key.bytes, certificate->public_key.data, key.size); /* at most KEY_PUBLIC_MAX: the record's limit */
	return key;
}

enum error
record_decode_leaf(struct slice stored, struct arena *arena, struct slice *leaf)
{
	struct rec_archive_entry entry;
	enum error error = decode(record_archive_entry(), stored, CODEC_ANSWER, arena, &entry);

	if (error == ERROR_NONE)
		*leaf = entry.leaf;
	return error;
}
