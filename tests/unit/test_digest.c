/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256: published vectors, pieces against the whole, HMAC, saved states at every split, and states that nobody
 * saved. */
#include "tests/unit/unit.h"

#include <string.h>

#include "protocol/digest.h"

static void
assert_hex(const uint8_t digest[DIGEST_SIZE], const char *expected)
{
	char text[2 * DIGEST_SIZE + 1];

	hex_encode(slice_of(digest, DIGEST_SIZE), text);
	assert_string_equal(text, expected);
}

static void
fill(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 251);
}

/* FIPS 180-4's examples, as NIST publishes them. */
static void
published_vectors_hold(void **state)
{
	(void)state;
	uint8_t digest[DIGEST_SIZE];

	digest_bytes(SLICE_EMPTY, digest);
	assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_bytes(SLICE_LITERAL("abc"), digest);
	assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_bytes(SLICE_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest);
	assert_hex(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void
pieces_are_one_text(void **state)
{
	(void)state;
	const struct slice pieces[] = { SLICE_LITERAL("a"), SLICE_EMPTY, SLICE_LITERAL("bc") };
	uint8_t whole[DIGEST_SIZE], parts[DIGEST_SIZE];

	digest_bytes(SLICE_LITERAL("abc"), whole);
	digest_pieces(pieces, 3, parts);
	assert_memory_equal(parts, whole, DIGEST_SIZE);
	digest_bytes(SLICE_EMPTY, whole);
	digest_pieces(NULL, 0, parts);
	assert_memory_equal(parts, whole, DIGEST_SIZE);
}

/* RFC 4231, test cases 1 to 4, in one piece and in two. */
static void
published_keyed_vectors_hold(void **state)
{
	(void)state;
	static const struct {
		const char *key, *text, *digest;
	} vectors[] = {
		{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
		    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
		    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
		    "dddddddddddddddddddddddddddddddddddd",
		    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
		    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
		    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
		    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	};

	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		uint8_t secret[64], text[64], digest[DIGEST_SIZE];
		size_t secret_size = strlen(vectors[i].key) / 2, size = strlen(vectors[i].text) / 2;
		assert_true(hex_decode(slice_of_text(vectors[i].key), secret, secret_size));
		assert_true(hex_decode(slice_of_text(vectors[i].text), text, size));
		struct digest_key *key = digest_key_create(slice_of(secret, secret_size));
		assert_non_null(key);
		/* The key is the same after each digest. */
		for (size_t cut = 0; cut <= size; cut++) {
			const struct slice pieces[] = { slice_of(text, cut), slice_of(text + cut, size - cut) };
			digest_keyed(key, pieces, 2, digest);
			assert_hex(digest, vectors[i].digest);
		}
		digest_key_destroy(key);
	}
}

static void
every_split_gives_the_same(void **state)
{
	(void)state;
	uint8_t bytes[200], saved[DIGEST_STATE_SIZE], direct[DIGEST_STATE_SIZE], whole[DIGEST_SIZE], split[DIGEST_SIZE];

	fill(bytes, sizeof bytes);
	for (size_t size = 0; size <= sizeof bytes; size++) {
		digest_bytes(slice_of(bytes, size), whole);
		digest_state_start(direct);
		assert_true(digest_state_add(direct, slice_of(bytes, size)));
		for (size_t at = 0; at <= size; at++) {
			digest_state_start(saved);
			assert_true(digest_state_add(saved, slice_of(bytes, at)));
			assert_true(digest_state_add(saved, slice_of(bytes + at, size - at)));
			/* One state for one text, whatever its parts were. */
			assert_memory_equal(saved, direct, sizeof saved);
			assert_true(digest_state_finish(saved, split));
			assert_memory_equal(split, whole, DIGEST_SIZE);
		}
	}
}

/* A count beyond 32 bits of bits: FIPS 180-4 pads with all 64. 512 MB and a little, checked
 * against the same text hashed straight through by `openssl dgst`. */
static void
long_counts_carry(void **state)
{
	(void)state;
	static uint8_t zeros[1 << 20];
	uint8_t saved[DIGEST_STATE_SIZE], digest[DIGEST_SIZE];

	digest_state_start(saved);
	for (int i = 0; i < 512; i++)
		assert_true(digest_state_add(saved, slice_of(zeros, sizeof zeros)));
	assert_true(digest_state_add(saved, SLICE_LITERAL("end")));
	assert_true(digest_state_finish(saved, digest));
	assert_hex(digest, "1bc5af844248147391aeeb145c8459cda71e6d2b3eae680e0222e34fb2b86627");
}

static void
foreign_states_are_refused(void **state)
{
	(void)state;
	uint8_t saved[DIGEST_STATE_SIZE], digest[DIGEST_SIZE];

	memset(saved, 0, sizeof saved);
	assert_false(digest_state_finish(saved, digest)); /* not the initial words */
	digest_state_start(saved);
	saved[40] = 1; /* a byte that the count does not have */
	assert_false(digest_state_finish(saved, digest));
	assert_false(digest_state_add(saved, SLICE_LITERAL("x")));
	digest_state_start(saved);
	assert_true(digest_state_add(saved, SLICE_LITERAL("x")));
	saved[103] = 1;
	assert_false(digest_state_finish(saved, digest));
	digest_state_start(saved);
	memset(saved + 32, 0xff, 7);
	saved[39] = 0xc0;
	assert_false(digest_state_finish(saved, digest)); /* more bytes than SHA-256 can count */
	saved[32] = 0x1f;
	assert_true(digest_state_add(saved, SLICE_LITERAL("the last sixty-three bytes, no more")));
	assert_false(digest_state_add(saved, SLICE_LITERAL("one that is too many for the rest")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_hold),
		cmocka_unit_test(pieces_are_one_text),
		cmocka_unit_test(published_keyed_vectors_hold),
		cmocka_unit_test(every_split_gives_the_same),
		cmocka_unit_test(long_counts_carry),
		cmocka_unit_test(foreign_states_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
