/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's texts: examples that others published come out byte for byte; what is not spelled as C2SP has it, or not
 * signed, is refused. */
#include "tests/unit/unit.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/note.h"
#include "protocol/origin.h"
#include "tests/unit/answered.h"

#define ORIGIN "impots.example/guichet"
#define DASH "\xe2\x80\x94 "

struct fixture {
	EVP_PKEY *key;
	struct note_verifier verifier;
	struct buf *checkpoint; /* of the four leaves "a" to "d" */
	struct buf *scratch;
	struct hash root;
};

static EVP_PKEY *
key_of_seed(const uint8_t seed[32], uint8_t public_key[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
	size_t size = 32;

	assert_non_null(key);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public_key, &size), 1);
	return key;
}

static struct checkpoint
checkpoint_of(const char *origin, const struct merkle_frontier *frontier)
{
	struct checkpoint checkpoint = { .size = frontier->size };

	strcpy(checkpoint.origin, origin);
	merkle_frontier_root(frontier, &checkpoint.root);
	return checkpoint;
}

static void
assert_text(const struct buf *buf, const char *expected)
{
	struct slice held = buf_peek(buf);

	assert_true(buf_ok(buf));
	assert_int_equal(held.size, strlen(expected));
	assert_memory_equal(held.data, expected, held.size);
}

/* Verifies a copy of exactly the text, so that a sanitizer sees a read past its end. */
static enum error
verify_checkpoint(struct slice text, const struct note_verifier *verifier, struct checkpoint *out)
{
	struct fault fault = { .error = ERROR_NONE };
	uint8_t *copy = malloc(text.size + 1);
	enum error error;

	if (text.size != 0)
		memcpy(copy + 1, text.data, text.size);
	error = checkpoint_verify(slice_of(copy + 1, text.size), verifier, out, &fault);
	free(copy);
	assert_int_equal(error, fault.error);
	assert_true(error == ERROR_NONE || error == ERROR_proof_invalid);
	/* What OpenSSL thinks of it must not turn up in a TLS connection's next error. */
	assert_int_equal(ERR_peek_error(), 0);
	return error;
}

static enum error
parse_verifier(const char *text)
{
	struct note_verifier verifier;
	struct fault fault;
	return note_verifier_parse(slice_of_text(text), &verifier, &fault);
}

/* ---- published examples ---- */

/* The example key of C2SP signed-note. */
static void
specification_key_is_read_and_written(void **state)
{
	struct fixture *f = *state;
	static const char vkey[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
	struct note_verifier verifier;
	struct fault fault;

	assert_int_equal(note_verifier_parse(slice_of_text(vkey), &verifier, &fault), ERROR_NONE);
	assert_string_equal(verifier.name, "example.com/foo");
	buf_clear(f->scratch);
	note_verifier_put(f->scratch, verifier.name, verifier.public_key);
	assert_text(f->scratch, vkey);
	/* A key file ends in a line feed; one, not two. */
	buf_put_text(f->scratch, "\n");
	assert_int_equal(note_verifier_parse(buf_peek(f->scratch), &verifier, &fault), ERROR_NONE);
	buf_put_text(f->scratch, "\n");
	assert_int_equal(note_verifier_parse(buf_peek(f->scratch), &verifier, &fault), ERROR_proof_invalid);
}

/* The test log of the Tessera project (Apache-2.0, testdata/log): its published key signs the same checkpoint over the
 * same leaves, to the byte. */
static void
tessera_test_log_comes_out_the_same(void **state)
{
	struct fixture *f = *state;
	static const char *const leaves[] = { "one", "two", "three", "four", "five", "six", "seven", "eit", "nain",
		"ten", "ileven", "twelf", "threeten", "fourten", "fivten" };
	static const char vkey[] = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
	static const char expected[] =
	    "example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n\n" DASH
	    "example.com/log/testdata "
	    "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n";
	uint8_t seed[32], public_key[32];
	struct merkle_frontier frontier = { .size = 0 };
	struct note_verifier verifier;
	struct checkpoint read;
	struct fault fault;

	static const char seed_hex[] = "eca663f499017d2365c27c7a7679158d43cfec1330bdb259290afbd0d21777a0";
	assert_true(hex_decode(slice_of_text(seed_hex), seed, 32));
	for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
		struct hash leaf;
		merkle_hash_leaf(slice_of_text(leaves[i]), &leaf);
		merkle_frontier_append(&frontier, &leaf);
	}
	struct checkpoint checkpoint = checkpoint_of("example.com/log/testdata", &frontier);
	EVP_PKEY *key = key_of_seed(seed, public_key);
	buf_clear(f->scratch);
	assert_int_equal(checkpoint_sign(f->scratch, &checkpoint, key), ERROR_NONE);
	assert_text(f->scratch, expected);
	assert_int_equal(note_verifier_parse(slice_of_text(vkey), &verifier, &fault), ERROR_NONE);
	assert_int_equal(verify_checkpoint(slice_of_text(expected), &verifier, &read), ERROR_NONE);
	assert_int_equal(read.size, 15);
	assert_memory_equal(&read.root, &checkpoint.root, sizeof read.root);
	EVP_PKEY_free(key);
}

/* The examples of C2SP tlog-tiles, and the edges. */
static void
tile_paths(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t index;
		unsigned level, width;
		const char *path;
	} rows[] = {
		{ 1234067, 0, 256, "tile/0/x001/x234/067" },
		{ 0, 0, 256, "tile/0/000" },
		{ 273, 0, 112, "tile/0/273.p/112" },
		{ 999, 1, 1, "tile/1/999.p/1" },
		{ 1000, 63, 255, "tile/63/x001/000.p/255" },
		{ UINT64_MAX, 7, 256, "tile/7/x018/x446/x744/x073/x709/x551/615" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_clear(f->scratch);
		tile_path_put(f->scratch, rows[i].level, rows[i].index, rows[i].width);
		assert_text(f->scratch, rows[i].path);
	}
}

/* ---- names and keys ---- */

static void
names(void **state)
{
	(void)state;
	static const char *const good[] = { "a", "impots.example/guichet", "\xc3\xa9t\xc3\xa9.example", "a\x7f",
		"\xf0\x9f\x93\xac", "\xe2\x80\x8b" /* zero width, but no space */ };
	static const char *const bad[] = { "", " ", "a b", "a+b", "a\tb", "a\nb", "a\x01", "\xc2\x85", "a\xc2\xa0",
		"\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
		"\xe2\x81\x9f", "\xe3\x80\x80", "\xff", "a\xc3" };
	char longest[LIMIT_ORIGIN + 1];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(note_name_valid(slice_of_text(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(note_name_valid(slice_of_text(bad[i])));
	assert_false(note_name_valid(SLICE_LITERAL("a\0b")));
	memset(longest, 'x', sizeof longest);
	assert_true(note_name_valid(slice_of(longest, LIMIT_ORIGIN)));
	assert_false(note_name_valid(slice_of(longest, LIMIT_ORIGIN + 1)));
}

/* Those that every text of the protocol can carry, of all that a key may be named. */
static void
origins(void **state)
{
	(void)state;
	static const char *const bad[] = { "", " ", "a b", "a+b", "a\tb", "a\x7f", "imp\xc3\xb4ts.example/\xc3\xa9",
		"\xf0\x9f\x93\xac", "a\xff" };
	char longest[LIMIT_ORIGIN + 1];
	char every[0x5f];
	size_t size = 0;

	for (char c = '!'; c <= '~'; c++)
		if (c != '+')
			every[size++] = c;
	assert_true(origin_valid(slice_of(every, size)));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(origin_valid(slice_of_text(bad[i])));
	memset(longest, 'x', sizeof longest);
	assert_true(origin_valid(slice_of(longest, LIMIT_ORIGIN)));
	assert_false(origin_valid(slice_of(longest, LIMIT_ORIGIN + 1)));
	/* The name of a verifier key is one. */
	struct note_verifier out;
	struct fault fault;
	assert_int_equal(note_verifier_parse(
	    SLICE_LITERAL("\xc3\xa9+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"), &out, &fault),
	    ERROR_proof_invalid);
	assert_true(slice_equal_text(fault.expected, "an origin: " ORIGIN_EXPECTED));
}

static void
verifier_keys_not_canonical_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"\n",
		"example.com/foo",
		"example.com/foo+530d903a",
		"+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", /* not its name */
		"example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		"example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", /* type 4: cosignatures */
		"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
		"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2kAAAA",
		"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k ",
		"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\r\n",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(parse_verifier(bad[i]), ERROR_proof_invalid);
}

/* ---- checkpoints ---- */

/* Every signature of the fixture's key, whatever the text: for notes that are well signed and wrong all the same. */
static void
sign_text(struct fixture *f, const char *body, struct buf *out)
{
	uint8_t bytes[68], base64[93];
	size_t size = 64;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	memcpy(bytes, f->verifier.key_id, 4);
	assert_int_equal(EVP_DigestSignInit(context, NULL, NULL, NULL, f->key), 1);
	assert_int_equal(EVP_DigestSign(context, bytes + 4, &size, (const uint8_t *)body, strlen(body)), 1);
	EVP_MD_CTX_free(context);
	EVP_EncodeBlock(base64, bytes, sizeof bytes);
	buf_clear(out);
	buf_put_format(out, "%s\n" DASH ORIGIN " %s\n", body, (const char *)base64);
	assert_true(buf_ok(out));
}

static void
signed_checkpoint_is_read_back(void **state)
{
	struct fixture *f = *state;
	struct checkpoint read;

	assert_int_equal(verify_checkpoint(buf_peek(f->checkpoint), &f->verifier, &read), ERROR_NONE);
	assert_string_equal(read.origin, ORIGIN);
	assert_int_equal(read.size, 4);
	assert_memory_equal(&read.root, &f->root, sizeof f->root);
}

static void
every_altered_byte_of_a_checkpoint_fails(void **state)
{
	struct fixture *f = *state;
	struct slice whole = buf_peek(f->checkpoint);
	uint8_t altered[1024];
	struct checkpoint read;

	memcpy(altered, whole.data, whole.size);
	for (size_t i = 0; i < whole.size; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			altered[i] ^= (uint8_t)(1U << bit);
			assert_int_equal(verify_checkpoint(slice_of(altered, whole.size), &f->verifier, &read),
			    ERROR_proof_invalid);
			altered[i] = whole.data[i];
		}
	for (size_t size = 0; size < whole.size; size++)
		assert_int_equal(verify_checkpoint(slice_of(altered, size), &f->verifier, &read), ERROR_proof_invalid);
}

static void
checkpoint_bodies_have_one_spelling(void **state)
{
	struct fixture *f = *state;
	static const char root[] = "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=";
	static const struct {
		bool good;
		const char *body; /* a % stands for the root */
	} rows[] = {
		{ true, ORIGIN "\n4\n%\n" },
		{ true, ORIGIN "\n0\n%\n" },
		{ true, ORIGIN "\n18446744073709551615\n%\n" },
		{ true, ORIGIN "\n4\n%\nextension\nanother \xc3\xa9\n" },
		{ false, ORIGIN "\n18446744073709551616\n%\n" },
		{ false, ORIGIN "\n04\n%\n" },
		{ false, ORIGIN "\n+4\n%\n" },
		{ false, ORIGIN "\n 4\n%\n" },
		{ false, ORIGIN "\n\n%\n" },
		{ false, ORIGIN " \n4\n%\n" },
		{ false, "impots.example/guichet2\n4\n%\n" },
		{ false, "impots.example\n4\n%\n" },
		{ false, "\n" ORIGIN "\n4\n%\n" },
		{ false, ORIGIN "\n4\n" },
		{ false, ORIGIN "\n4\n%\n\nextension\n" },
		{ false, ORIGIN "\n4\n%\n\n" },
		{ false, ORIGIN "\n4\n% \n" },
		{ false, ORIGIN "\n4\n%\r\n" },
		{ false, ORIGIN "\n4\n%\nbell \x07\n" },
		{ false, ORIGIN "\n4\n%\nnot UTF-8 \xff\n" },
		/* The same bytes in another spelling of base64: unused bits set, no padding, 33 bytes, 31 bytes. */
		{ false, ORIGIN "\n4\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383ct=\n" },
		{ false, ORIGIN "\n4\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs\n" },
		{ false, ORIGIN "\n4\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383csA\n" },
		{ false, ORIGIN "\n4\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383Q==\n" },
		{ false, ORIGIN "\n4\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja_1nk427v383cs=\n" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char body[256];
		struct checkpoint read;
		size_t at = strcspn(rows[i].body, "%");
		bool has_root = rows[i].body[at] == '%';
		snprintf(body, sizeof body, "%.*s%s%s", (int)at, rows[i].body, has_root ? root : "",
		    has_root ? rows[i].body + at + 1 : "");
		sign_text(f, body, f->scratch);
		assert_int_equal(verify_checkpoint(buf_peek(f->scratch), &f->verifier, &read),
		    rows[i].good ? ERROR_NONE : ERROR_proof_invalid);
	}
}

/* Puts the fixture's checkpoint with `lines` before and after its own signature line, as told. */
static enum error
verify_with_lines(struct fixture *f, const char *before, const char *after)
{
	struct slice whole = buf_peek(f->checkpoint);
	struct checkpoint read;
	size_t at = whole.size;

	while (!slice_starts_with(slice_from(whole, at), SLICE_LITERAL("\n\n")))
		at--;
	buf_clear(f->scratch);
	buf_put(f->scratch, slice_of(whole.data, at + 2));
	buf_put_text(f->scratch, before);
	buf_put(f->scratch, slice_from(whole, at + 2));
	buf_put_text(f->scratch, after);
	return verify_checkpoint(buf_peek(f->scratch), &f->verifier, &read);
}

static void
signatures_by_others_are_passed_over(void **state)
{
	struct fixture *f = *state;
	static const char witness[] = DASH "witness.example mJirIgAAAAA=\n";
	char same_name[256], own[256], id[7];
	uint8_t zeros[68] = { 0 }, base64[93];

	assert_int_equal(verify_with_lines(f, witness, ""), ERROR_NONE);
	assert_int_equal(verify_with_lines(f, "", witness), ERROR_NONE);
	/* Same name, other key; other name, same key id: neither is the key we know. */
	EVP_EncodeBlock(base64, zeros, sizeof zeros);
	snprintf(same_name, sizeof same_name, DASH ORIGIN " %s\n", (const char *)base64);
	assert_int_equal(verify_with_lines(f, same_name, same_name), ERROR_NONE);
	memcpy(zeros, f->verifier.key_id, 4);
	EVP_EncodeBlock(base64, zeros, sizeof zeros);
	snprintf(own, sizeof own, DASH "other.example %s\n", (const char *)base64);
	assert_int_equal(verify_with_lines(f, own, ""), ERROR_NONE);
	/* The key we know and a signature that does not hold: refused, though another does. */
	snprintf(own, sizeof own, DASH ORIGIN " %s\n", (const char *)base64);
	assert_int_equal(verify_with_lines(f, own, ""), ERROR_proof_invalid);
	assert_int_equal(verify_with_lines(f, "", own), ERROR_proof_invalid);
	/* The key we know, no signature at all behind its id, or one that is too short. */
	EVP_EncodeBlock((uint8_t *)id, zeros, 4);
	snprintf(own, sizeof own, DASH ORIGIN " %.6s==\n", id);
	assert_int_equal(verify_with_lines(f, "", own), ERROR_proof_invalid);
}

static void
malformed_signature_lines_are_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "- witness.example mJirIgAAAAA=\n", DASH "witness.example\n",
		DASH " mJirIgAAAAA=\n", DASH "wit+ness mJirIgAAAAA=\n", DASH "witness.example  mJirIgAAAAA=\n",
		DASH "witness.example mJirIgAAAAA=", DASH "witness.example mJirIgAAAAB=\n",
		DASH "witness.example mJirIg==\n", DASH "witness.example mJirIgAAAAA= \n", DASH "witness.example \n",
		"text\n", "\n" };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		/* A line without its LF can only stand last. */
		bool last = bad[i][strlen(bad[i]) - 1] != '\n';
		assert_int_equal(verify_with_lines(f, last ? "" : bad[i], last ? bad[i] : ""), ERROR_proof_invalid);
		assert_int_equal(verify_with_lines(f, "", bad[i]), ERROR_proof_invalid);
	}
}

static void
sixteen_signatures_are_accepted(void **state)
{
	struct fixture *f = *state;
	char lines[16 * 256] = "";
	uint8_t bytes[76] = { 1 }, base64[105];

	/* Ed25519 cosignatures carry a time stamp: 4 + 8 + 64 bytes. */
	EVP_EncodeBlock(base64, bytes, sizeof bytes);
	for (int i = 0; i < 16; i++)
		snprintf(lines + strlen(lines), 256, DASH "witness-%d.example %s\n", i, (const char *)base64);
	assert_int_equal(verify_with_lines(f, lines, ""), ERROR_NONE);
}

static void
another_key_or_name_verifies_nothing(void **state)
{
	struct fixture *f = *state;
	struct note_verifier other = f->verifier;
	struct checkpoint read;

	other.public_key[5] ^= 1;
	assert_int_equal(verify_checkpoint(buf_peek(f->checkpoint), &other, &read), ERROR_proof_invalid);
	other = f->verifier;
	other.key_id[3] ^= 1;
	assert_int_equal(verify_checkpoint(buf_peek(f->checkpoint), &other, &read), ERROR_proof_invalid);
	other = f->verifier;
	other.name[0] ^= 1;
	assert_int_equal(verify_checkpoint(buf_peek(f->checkpoint), &other, &read), ERROR_proof_invalid);
}

static void
only_ed25519_signs(void **state)
{
	struct fixture *f = *state;
	struct checkpoint checkpoint = { .origin = ORIGIN, .size = 4, .root = f->root };
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");

	buf_clear(f->scratch);
	assert_int_equal(checkpoint_sign(f->scratch, &checkpoint, key), ERROR_key_failed);
	answered_note(NULL, ERROR_key_failed);
	assert_int_equal(buf_size(f->scratch), 0);
	EVP_PKEY_free(key);
	struct buf *small = buf_create(100);
	assert_int_equal(checkpoint_sign(small, &checkpoint, f->key), ERROR_out_of_memory);
	buf_destroy(small);
}

/* The largest numbers and the longest name still fit where they are written. */
static void
the_largest_checkpoint(void **state)
{
	struct fixture *f = *state;
	struct checkpoint checkpoint = { .size = UINT64_MAX, .root = f->root }, read;
	struct note_verifier verifier = f->verifier;
	struct fault fault;

	memset(checkpoint.origin, 'o', LIMIT_ORIGIN);
	buf_clear(f->scratch);
	note_verifier_put(f->scratch, checkpoint.origin, verifier.public_key);
	assert_int_equal(note_verifier_parse(buf_peek(f->scratch), &verifier, &fault), ERROR_NONE);
	buf_clear(f->scratch);
	assert_int_equal(checkpoint_sign(f->scratch, &checkpoint, f->key), ERROR_NONE);
	assert_int_equal(verify_checkpoint(buf_peek(f->scratch), &verifier, &read), ERROR_NONE);
	assert_true(read.size == UINT64_MAX);
	assert_string_equal(read.origin, checkpoint.origin);
}

static void
checkpoints_over_the_limit_are_refused(void **state)
{
	struct fixture *f = *state;
	struct buf *large = buf_create(2 * LIMIT_PROOF_SIZE);
	struct checkpoint read;

	buf_put_text(large, ORIGIN "\n4\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n");
	while (buf_size(large) < LIMIT_PROOF_SIZE)
		buf_put_text(large, "extension line, signed and of no use\n");
	buf_put_u8(large, 0);
	sign_text(f, (const char *)buf_peek(large).data, f->scratch);
	assert_int_equal(verify_checkpoint(buf_peek(f->scratch), &f->verifier, &read), ERROR_proof_invalid);
	buf_destroy(large);
}

/* ---- */

static int
fixture_setup(void **state)
{
	static struct fixture f;
	uint8_t seed[32], public_key[32];
	struct merkle_frontier frontier = { .size = 0 };
	struct fault fault;

	memset(seed, 1, sizeof seed);
	f.key = key_of_seed(seed, public_key);
	f.scratch = buf_create(4 * LIMIT_PROOF_SIZE);
	f.checkpoint = buf_create(LIMIT_PROOF_SIZE);
	note_verifier_put(f.scratch, ORIGIN, public_key);
	assert_int_equal(note_verifier_parse(buf_peek(f.scratch), &f.verifier, &fault), ERROR_NONE);
	for (size_t i = 0; i < 4; i++) {
		struct hash leaf;
		merkle_hash_leaf(slice_of(&"abcd"[i], 1), &leaf);
		merkle_frontier_append(&frontier, &leaf);
	}
	struct checkpoint checkpoint = checkpoint_of(ORIGIN, &frontier);
	f.root = checkpoint.root;
	assert_int_equal(checkpoint_sign(f.checkpoint, &checkpoint, f.key), ERROR_NONE);
	*state = &f;
	return 0;
}

static int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	buf_destroy(f->checkpoint);
	buf_destroy(f->scratch);
	EVP_PKEY_free(f->key);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specification_key_is_read_and_written),
		cmocka_unit_test(tessera_test_log_comes_out_the_same),
		cmocka_unit_test(tile_paths),
		cmocka_unit_test(names),
		cmocka_unit_test(origins),
		cmocka_unit_test(verifier_keys_not_canonical_are_refused),
		cmocka_unit_test(signed_checkpoint_is_read_back),
		cmocka_unit_test(every_altered_byte_of_a_checkpoint_fails),
		cmocka_unit_test(checkpoint_bodies_have_one_spelling),
		cmocka_unit_test(signatures_by_others_are_passed_over),
		cmocka_unit_test(malformed_signature_lines_are_refused),
		cmocka_unit_test(sixteen_signatures_are_accepted),
		cmocka_unit_test(another_key_or_name_verifies_nothing),
		cmocka_unit_test(only_ed25519_signs),
		cmocka_unit_test(the_largest_checkpoint),
		cmocka_unit_test(checkpoints_over_the_limit_are_refused),
	};
	return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
