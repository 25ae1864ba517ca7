/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's texts, each as C2SP specifies it (https://c2sp.org): signed-note (with Ed25519), tlog-checkpoint,
 * tlog-proof, and the paths of tlog-tiles.
 *
 * Whatever a text has wrong, form or signature, the error is ERROR_proof_invalid; the fault says where, its value being
 * borrowed from the text and its expectation from a constant or the verifier. Outputs count only with ERROR_NONE.
 * Texts over LIMIT_PROOF_SIZE are refused. */
#ifndef GUICHET_NOTE_H
#define GUICHET_NOTE_H

#include <openssl/evp.h>

#include "protocol/buf.h"
#include "protocol/merkle.h"

/* May this be the name of a key that signs beside the office's, as C2SP signed-note has them? UTF-8 of 1 to
 * LIMIT_ORIGIN bytes without Unicode space, ASCII control character or plus. The office's own name is an origin. */
bool note_name_valid(struct slice name);

/* A verifier key "name+key id+base64" (C2SP signed-note). */
struct note_verifier {
	char name[LIMIT_ORIGIN + 1];
	uint8_t key_id[4];
	uint8_t public_key[32]; /* Ed25519 */
};

/* A tree head. */
struct checkpoint {
	char origin[LIMIT_ORIGIN + 1];
	uint64_t size;
	struct hash root;
};

/* Appends the verifier key line (no LF) for an Ed25519 key. The name must be valid (asserted). */
void note_verifier_put(struct buf *buf, const char *name, const uint8_t public_key[32]);
/* Parses one; a LF at its end is allowed; the key id must be the one computed from name and key. */
must_check enum error note_verifier_parse(struct slice text, struct note_verifier *out, struct fault *fault);

/* Appends the signed checkpoint: origin, size, root, blank line, one signature by `key` (Ed25519, not owned). The same
 * checkpoint and key give the same bytes. The origin must be valid (asserted). ERROR_key_failed, or
 * ERROR_out_of_memory when the buffer failed. */
must_check enum error checkpoint_sign(struct buf *buf, const struct checkpoint *checkpoint, EVP_PKEY *key);
/* Parses and verifies: the origin must be the verifier's name, at least one signature be by it and all by it hold;
 * those by others (witnesses) are passed over. */
must_check enum error checkpoint_verify(struct slice text, const struct note_verifier *verifier, struct checkpoint *out,
    struct fault *fault);

/* Appends a tlog-proof: index, inclusion proof, and the signed checkpoint's text as it stands. */
void tlog_proof_put(struct buf *buf, uint64_t index, const struct merkle_proof *proof, struct slice checkpoint_text);
/* Takes one apart: *checkpoint_text is borrowed from `text`. Says nothing about validity: verify the parts. */
must_check enum error tlog_proof_parse(struct slice text, uint64_t *index, struct merkle_proof *proof,
    struct slice *checkpoint_text, struct fault *fault);
/* All of it, the checkpoint's signature and the way to its root: does this proof show `body` as a leaf of the log with
 * this verifier key? */
must_check enum error tlog_proof_verify(struct slice text, struct slice body, const struct note_verifier *verifier,
    struct checkpoint *out, uint64_t *index, struct fault *fault);

/* Behind a tile's path: the directory of the partial ones, each named by its width. */
#define TILE_PARTIALS ".p"
/* Appends the path of a tile as tlog-tiles has it, "tile/0/x001/234", with ".p/5" behind it when width < 256. Level at
 * most 63, width 1 to 256 (asserted). */
void tile_path_put(struct buf *buf, unsigned level, uint64_t index, unsigned width);

#endif
