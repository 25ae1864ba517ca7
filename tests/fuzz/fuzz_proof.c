/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the texts that a client reads from files and peers: proofs, checkpoints, verifier keys. Beyond not
 * crashing: what parses is what would be written, so that no two texts mean the same proof. */
#include <string.h>

#include "protocol/check.h"
#include "protocol/note.h"
#include "tests/fuzz/fuzz.h"

/* The key of tests/vectors/log.json, under which the corpus is signed, and its receipt. */
static const char vectors_key[] =
    "impots.example/guichet/vectors+93e34ca6+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
static const char vectors_body[] =
    "{\"type\":\"guichet-receipt\",\"nonce\":\"00000000000000000000000000000007\",\"leaf\":7}";

static void
verifier_holds_its_text(struct slice text, struct buf *scratch)
{
	struct note_verifier verifier;
	struct fault fault;

	if (note_verifier_parse(text, &verifier, &fault) != ERROR_NONE)
		return;
	note_verifier_put(scratch, verifier.name, verifier.public_key);
	if (text.data[text.size - 1] == '\n')
		buf_put_u8(scratch, '\n');
	check(buf_ok(scratch) && slice_equal(buf_peek(scratch), text));
	buf_clear(scratch);
}

static void
proof_holds_its_text(struct slice text, struct buf *scratch)
{
	struct slice rest, extra = SLICE_LITERAL("c2sp.org/tlog-proof@v1\nextra ");
	struct merkle_proof proof;
	struct fault fault;
	uint64_t index;

	if (tlog_proof_parse(text, &index, &proof, &rest, &fault) != ERROR_NONE || slice_starts_with(text, extra))
		return;
	tlog_proof_put(scratch, index, &proof, rest);
	check(buf_ok(scratch) && slice_equal(buf_peek(scratch), text));
	buf_clear(scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	struct buf *scratch = buf_create(2 * LIMIT_PROOF_SIZE);
	struct note_verifier verifier;
	struct checkpoint checkpoint;
	struct fault fault;
	uint64_t index;

	check(scratch != NULL);
	check(note_verifier_parse(slice_of_text(vectors_key), &verifier, &fault) == ERROR_NONE);
	verifier_holds_its_text(text, scratch);
	proof_holds_its_text(text, scratch);
	if (checkpoint_verify(text, &verifier, &checkpoint, &fault) == ERROR_NONE)
		check(strcmp(checkpoint.origin, verifier.name) == 0);
	/* Signatures are not forged by chance: what verifies is the one leaf in the one tree. */
	if (tlog_proof_verify(text, slice_of_text(vectors_body), &verifier, &checkpoint, &index, &fault) == ERROR_NONE)
		check(index == 7 && checkpoint.size == 13);
	buf_destroy(scratch);
	return 0;
}
