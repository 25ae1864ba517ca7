/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's texts. Every one of them has exactly one spelling: what parses here is, byte for byte, what the put
 * functions would write, but for the extra line, the extension lines and the foreign signatures that C2SP allows. */
#include "protocol/note.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "protocol/character.h"
#include "protocol/check.h"
#include "protocol/digest.h"
#include "protocol/origin.h"

#define PROOF_FIRST_LINE "c2sp.org/tlog-proof@v1"
#define SIGNATURE_PREFIX "\xe2\x80\x94 " /* em dash, space */
#define SIGNATURE_TYPE_ED25519 1
#define PUBLIC_KEY_SIZE ((size_t)32)
#define SIGNATURE_SIZE ((size_t)64)
#define KEY_ID_SIZE ((size_t)4)
/* Characters of base64 for `size` bytes. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4)
#define HASH_TEXT_SIZE BASE64_SIZE(DIGEST_SIZE)
/* Origin, size, root, each with its LF, and a NUL. */
#define CHECKPOINT_BODY_MAX (LIMIT_ORIGIN + 1 + 20 + 1 + HASH_TEXT_SIZE + 1 + 1)

/* ---- base64, RFC 4648 section 4, in its one canonical spelling ---- */

static int
base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes padded base64 whose unused bits are 0; only the first `size` bytes are written, *decoded counts them all.
 * `out` may be NULL when size is 0. */
static bool
base64_decode(struct slice text, uint8_t *out, size_t size, size_t *decoded)
{
	uint32_t bits = 0;
	size_t padding = 0, written = 0;

	if (text.size == 0 || text.size % 4 != 0)
		return false;
	while (padding < 2 && text.data[text.size - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < text.size - padding; i++) {
		int value = base64_value(text.data[i]);
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 == 0)
			continue;
		/* After the 2nd, 3rd and 4th character of a group 4, 2 and 0 bits are left over. */
		if (written < size)
			out[written] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
		written++;
	}
	*decoded = written;
	return (bits & ((1U << 2 * padding) - 1)) == 0;
}

static bool
base64_decode_exactly(struct slice text, uint8_t *out, size_t size)
{
	size_t decoded;

	return text.size == BASE64_SIZE(size) && base64_decode(text, out, size, &decoded) && decoded == size;
}

/* ---- names ---- */

bool
note_name_valid(struct slice name)
{
	uint32_t character;
	size_t size;

	if (name.size == 0 || name.size > LIMIT_ORIGIN)
		return false;
	for (; name.size != 0; name = slice_from(name, size)) {
		size = slice_take_character(name, &character);
		if (size == 0 || character <= ' ' || character == '+' || character_is_space(character))
			return false;
	}
	return true;
}

static void
key_id_make(struct slice name, const uint8_t public_key[PUBLIC_KEY_SIZE], uint8_t key_id[KEY_ID_SIZE])
{
	const struct slice pieces[] = { name, SLICE_LITERAL("\n\x01"), slice_of(public_key, PUBLIC_KEY_SIZE) };
	uint8_t digest[DIGEST_SIZE];

	_Static_assert(SIGNATURE_TYPE_ED25519 == 1, "the second byte of the middle piece");
	digest_pieces(pieces, 3, digest);
	memcpy(key_id, digest, KEY_ID_SIZE);
}

/* ---- lines ---- */

/* A value for a fault: what is short and printable everywhere; else nothing. */
static struct slice
shown(struct slice value)
{
	if (value.size > LIMIT_ORIGIN)
		return SLICE_EMPTY;
	for (size_t i = 0; i < value.size; i++)
		if (value.data[i] < ' ' || value.data[i] > '~')
			return SLICE_EMPTY;
	return value;
}

static enum error
refuse(struct fault *fault, const char *place, struct slice value, const char *expected)
{
	return fault_set(fault, ERROR_proof_invalid, place, shown(value), expected);
}

/* Takes the next line off `rest`, without its LF; false when no LF is left. */
static bool
line_take(struct slice *rest, struct slice *line)
{
	const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);

	if (end == NULL) {
		*line = SLICE_EMPTY;
		return false;
	}
	*line = slice_of(rest->data, (size_t)(end - rest->data));
	*rest = slice_from(*rest, line->size + 1);
	return true;
}

/* Splits `text` at its first `separator`, which belongs to neither part. */
static bool
split_at(struct slice text, char separator, struct slice *head, struct slice *tail)
{
	const uint8_t *place = text.size == 0 ? NULL : memchr(text.data, separator, text.size);

	if (place == NULL)
		return false;
	*head = slice_of(text.data, (size_t)(place - text.data));
	*tail = slice_from(text, head->size + 1);
	return true;
}

/* signed-note: UTF-8, no control character but LF; and within our limit. */
static bool
is_note_text(struct slice text)
{
	if (text.size > LIMIT_PROOF_SIZE || !slice_is_utf8(text))
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < ' ' && text.data[i] != '\n')
			return false;
	return true;
}

/* ---- verifier keys ---- */

void
note_verifier_put(struct buf *buf, const char *name, const uint8_t public_key[32])
{
	uint8_t typed[1 + PUBLIC_KEY_SIZE], key_id[KEY_ID_SIZE];
	uint8_t base64[BASE64_SIZE(sizeof typed) + 1];
	char hex[2 * KEY_ID_SIZE + 1];

	check(origin_valid(slice_of_text(name)));
	key_id_make(slice_of_text(name), public_key, key_id);
	hex_encode(slice_of(key_id, KEY_ID_SIZE), hex);
	typed[0] = SIGNATURE_TYPE_ED25519;
	memcpy(typed + 1, public_key, PUBLIC_KEY_SIZE);
	EVP_EncodeBlock(base64, typed, sizeof typed);
	buf_put_format(buf, "%s+%s+%s", name, hex, (const char *)base64);
}

enum error
note_verifier_parse(struct slice text, struct note_verifier *out, struct fault *fault)
{
	static const char place[] = "verifier key";
	struct slice name, rest, hex, base64;
	uint8_t typed[1 + PUBLIC_KEY_SIZE], key_id[KEY_ID_SIZE];

	if (text.size > 0 && text.data[text.size - 1] == '\n')
		text.size--;
	if (!split_at(text, '+', &name, &rest) || !split_at(rest, '+', &hex, &base64))
		return refuse(fault, place, text, "name+key id+base64");
	if (!origin_valid(name))
		return refuse(fault, place, name, "an origin: " ORIGIN_EXPECTED);
	if (!hex_decode(hex, out->key_id, KEY_ID_SIZE))
		return refuse(fault, place, hex, "a key id of 8 lower-case hexadecimal digits");
	if (!base64_decode_exactly(base64, typed, sizeof typed) || typed[0] != SIGNATURE_TYPE_ED25519)
		return refuse(fault, place, base64, "base64 of an Ed25519 key: the byte 1 and the key's 32 bytes");
	key_id_make(name, typed + 1, key_id);
	if (memcmp(key_id, out->key_id, KEY_ID_SIZE) != 0)
		return refuse(fault, place, hex, "the key id that name and key give");
	memcpy(out->name, name.data, name.size);
	out->name[name.size] = '\0';
	memcpy(out->public_key, typed + 1, PUBLIC_KEY_SIZE);
	return ERROR_NONE;
}

/* ---- checkpoints ---- */

/* Writes the note text of a checkpoint; returns its size. */
static size_t
checkpoint_body(const struct checkpoint *checkpoint, char out[CHECKPOINT_BODY_MAX])
{
	uint8_t root[HASH_TEXT_SIZE + 1];
	int size;

	EVP_EncodeBlock(root, checkpoint->root.bytes, DIGEST_SIZE);
	size = snprintf(out, CHECKPOINT_BODY_MAX, "%s\n%" PRIu64 "\n%s\n", checkpoint->origin, checkpoint->size,
	    (const char *)root);
	check(size > 0 && (size_t)size < CHECKPOINT_BODY_MAX);
	return (size_t)size;
}

/* One Ed25519 signature; OpenSSL's complaints do not outlive the call. */
static bool
ed25519_sign(EVP_PKEY *key, struct slice text, uint8_t signature[SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t size = SIGNATURE_SIZE;
	bool good;

	ERR_set_mark();
	good = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(context, signature, &size, text.data, text.size) == 1 && size == SIGNATURE_SIZE;
	ERR_pop_to_mark();
	EVP_MD_CTX_free(context);
	return good;
}

enum error
checkpoint_sign(struct buf *buf, const struct checkpoint *checkpoint, EVP_PKEY *key)
{
	struct slice origin = slice_of_text(checkpoint->origin);
	char body[CHECKPOINT_BODY_MAX];
	size_t body_size = checkpoint_body(checkpoint, body);
	uint8_t public_key[PUBLIC_KEY_SIZE], signed_bytes[KEY_ID_SIZE + SIGNATURE_SIZE];
	uint8_t base64[BASE64_SIZE(sizeof signed_bytes) + 1];
	size_t key_size = sizeof public_key;

	check(origin_valid(origin));
	if (!EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_get_raw_public_key(key, public_key, &key_size) != 1)
		return ERROR_key_failed;
	key_id_make(origin, public_key, signed_bytes);
	if (!ed25519_sign(key, slice_of(body, body_size), signed_bytes + KEY_ID_SIZE))
		return ERROR_key_failed;
	EVP_EncodeBlock(base64, signed_bytes, sizeof signed_bytes);
	buf_put_format(buf, "%s\n" SIGNATURE_PREFIX "%s %s\n", body, checkpoint->origin, (const char *)base64);
	return buf_ok(buf) ? ERROR_NONE : ERROR_out_of_memory;
}

/* Splits a note at its last empty line: the text with its last LF, and the signature lines. */
static bool
note_split(struct slice text, struct slice *body, struct slice *signatures)
{
	if (!is_note_text(text) || text.size < 2 || text.data[text.size - 1] != '\n')
		return false;
	for (size_t end = text.size - 1; end-- > 0;)
		if (text.data[end] == '\n' && text.data[end + 1] == '\n') {
			*body = slice_of(text.data, end + 1);
			*signatures = slice_from(text, end + 2);
			return true;
		}
	return false;
}

static enum error
checkpoint_parse_body(struct slice body, const struct note_verifier *verifier, struct checkpoint *out,
    struct fault *fault)
{
	struct slice line;

	if (!line_take(&body, &line) || !slice_equal_text(line, verifier->name))
		return refuse(fault, "checkpoint, origin", line, verifier->name);
	memcpy(out->origin, line.data, line.size);
	out->origin[line.size] = '\0';
	if (!line_take(&body, &line) || !decimal_decode(line, UINT64_MAX, &out->size))
		return refuse(fault, "checkpoint, tree size", line, "a decimal number without leading zeros");
	if (!line_take(&body, &line) || !base64_decode_exactly(line, out->root.bytes, DIGEST_SIZE))
		return refuse(fault, "checkpoint, root", line, "base64 of 32 bytes");
	while (line_take(&body, &line))
		if (line.size == 0)
			return refuse(fault, "checkpoint, extension", line, "no empty line before the signatures");
	return ERROR_NONE;
}

static bool
ed25519_verify(const uint8_t public_key[PUBLIC_KEY_SIZE], struct slice text, const uint8_t signature[SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY *key;
	bool good;

	ERR_set_mark();
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, PUBLIC_KEY_SIZE);
	good = context != NULL && key != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestVerify(context, signature, SIGNATURE_SIZE, text.data, text.size) == 1;
	ERR_pop_to_mark();
	EVP_PKEY_free(key);
	EVP_MD_CTX_free(context);
	return good;
}

/* One signature line: *ours when its name and key id are the verifier's, and then it must hold. */
static enum error
signature_check(struct slice line, struct slice body, const struct note_verifier *verifier, bool *ours,
    struct fault *fault)
{
	static const char place[] = "checkpoint, signature";
	uint8_t signed_bytes[KEY_ID_SIZE + SIGNATURE_SIZE];
	struct slice name, base64;
	size_t size;

	if (!slice_starts_with(line, SLICE_LITERAL(SIGNATURE_PREFIX)) ||
	    !split_at(slice_from(line, sizeof SIGNATURE_PREFIX - 1), ' ', &name, &base64))
		return refuse(fault, place, line, "em dash, space, name, space, base64");
	if (!note_name_valid(name))
		return refuse(fault, place, name, "a name without space or plus");
	if (!base64_decode(base64, signed_bytes, sizeof signed_bytes, &size) || size <= KEY_ID_SIZE)
		return refuse(fault, place, base64, "base64 of key id and signature");
	*ours = slice_equal_text(name, verifier->name) && memcmp(signed_bytes, verifier->key_id, KEY_ID_SIZE) == 0;
	if (!*ours)
		return ERROR_NONE;
	if (size != sizeof signed_bytes || !ed25519_verify(verifier->public_key, body, signed_bytes + KEY_ID_SIZE))
		return refuse(fault, place, name, "a signature that verifies with the log's key");
	return ERROR_NONE;
}

enum error
checkpoint_verify(struct slice text, const struct note_verifier *verifier, struct checkpoint *out, struct fault *fault)
{
	struct slice body, signatures, line;
	struct checkpoint parsed;
	bool found = false;
	enum error error;

	if (!note_split(text, &body, &signatures))
		return refuse(fault, "checkpoint", text, "a text, an empty line, signature lines");
	error = checkpoint_parse_body(body, verifier, &parsed, fault);
	while (error == ERROR_NONE && line_take(&signatures, &line)) {
		bool ours = false;
		error = signature_check(line, body, verifier, &ours, fault);
		found |= ours;
	}
	if (error != ERROR_NONE)
		return error;
	if (!found)
		return refuse(fault, "checkpoint, signature", SLICE_EMPTY, "a signature by the log's key");
	*out = parsed;
	return ERROR_NONE;
}

/* ---- proofs ---- */

void
tlog_proof_put(struct buf *buf, uint64_t index, const struct merkle_proof *proof, struct slice checkpoint_text)
{
	const size_t line_size = HASH_TEXT_SIZE + 1;
	uint8_t *lines;

	check(proof->count <= MERKLE_PROOF_MAX);
	buf_put_text(buf, PROOF_FIRST_LINE "\nindex ");
	buf_put_decimal(buf, index);
	buf_put_u8(buf, '\n');
	lines = buf_reserve(buf, proof->count * line_size);
	for (size_t i = 0; lines != NULL && i < proof->count; i++) {
		/* The NUL that ends the block is where the LF goes. */
		EVP_EncodeBlock(lines + i * line_size, proof->hashes[i].bytes, DIGEST_SIZE);
		lines[i * line_size + HASH_TEXT_SIZE] = '\n';
	}
	if (lines != NULL)
		buf_commit(buf, proof->count * line_size);
	buf_put_u8(buf, '\n');
	buf_put(buf, checkpoint_text);
}

/* The index line, after the extra line if there is one; nobody signed that one, so it is only checked for form. */
static enum error
tlog_proof_parse_index(struct slice *rest, uint64_t *index, struct fault *fault)
{
	const struct slice extra_word = SLICE_LITERAL("extra "), index_word = SLICE_LITERAL("index ");
	struct slice line;
	size_t size;
	bool taken = line_take(rest, &line);

	if (taken && slice_starts_with(line, extra_word)) {
		if (!base64_decode(slice_from(line, extra_word.size), NULL, 0, &size))
			return refuse(fault, "proof, extra", line, "extra and base64");
		taken = line_take(rest, &line);
	}
	if (!taken || !slice_starts_with(line, index_word) ||
	    !decimal_decode(slice_from(line, index_word.size), UINT64_MAX, index))
		return refuse(fault, "proof, index", line, "index and a decimal number without leading zeros");
	return ERROR_NONE;
}

enum error
tlog_proof_parse(struct slice text, uint64_t *index, struct merkle_proof *proof, struct slice *checkpoint_text,
    struct fault *fault)
{
	struct slice rest = text, line;
	enum error error;

	proof->count = 0;
	if (text.size > LIMIT_PROOF_SIZE)
		return refuse(fault, "proof", SLICE_EMPTY, "a text within the limit");
	if (!line_take(&rest, &line) || !slice_equal_text(line, PROOF_FIRST_LINE))
		return refuse(fault, "proof, first line", line, PROOF_FIRST_LINE);
	error = tlog_proof_parse_index(&rest, index, fault);
	if (error != ERROR_NONE)
		return error;
	for (;;) {
		if (!line_take(&rest, &line))
			return refuse(fault, "proof", SLICE_EMPTY, "an empty line and a checkpoint");
		if (line.size == 0)
			break;
		if (proof->count == MERKLE_PROOF_MAX ||
		    !base64_decode_exactly(line, proof->hashes[proof->count].bytes, DIGEST_SIZE))
			return refuse(fault, "proof, hash", line, "base64 of 32 bytes");
		proof->count++;
	}
	if (rest.size == 0)
		return refuse(fault, "proof", SLICE_EMPTY, "a checkpoint");
	*checkpoint_text = rest;
	return ERROR_NONE;
}

enum error
tlog_proof_verify(struct slice text, struct slice body, const struct note_verifier *verifier, struct checkpoint *out,
    uint64_t *index, struct fault *fault)
{
	struct slice checkpoint_text;
	struct merkle_proof proof;
	struct hash leaf;
	enum error error;

	error = tlog_proof_parse(text, index, &proof, &checkpoint_text, fault);
	if (error == ERROR_NONE)
		error = checkpoint_verify(checkpoint_text, verifier, out, fault);
	if (error != ERROR_NONE)
		return error;
	merkle_hash_leaf(body, &leaf);
	if (merkle_verify_inclusion(&leaf, *index, out->size, &proof, &out->root) != ERROR_NONE)
		return refuse(fault, "proof, hashes", SLICE_EMPTY, "the way from these very bytes to the signed root");
	return ERROR_NONE;
}

/* ---- tiles ---- */

void
tile_path_put(struct buf *buf, unsigned level, uint64_t index, unsigned width)
{
	unsigned groups[7]; /* of three digits, lowest first: 2^64 has 20 digits */
	size_t count = 0;

	check(level < 64 && width >= 1 && width <= 256);
	do {
		groups[count++] = (unsigned)(index % 1000);
		index /= 1000;
	} while (index != 0);
	buf_put_format(buf, "tile/%u", level);
	while (count-- > 0)
		buf_put_format(buf, count > 0 ? "/x%03u" : "/%03u", groups[count]);
	if (width < 256)
		buf_put_format(buf, TILE_PARTIALS "/%u", width);
}
