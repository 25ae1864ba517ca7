/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints and proofs as texts. Deterministic (Ed25519, and hashes of what is stored), so the proof made when a
 * batch settles and the one made years later from the batch's record are the same bytes. */
#ifndef GUICHET_PROOF_H
#define GUICHET_PROOF_H

#include <openssl/evp.h>

#include "protocol/buf.h"
#include "protocol/merkle.h"
#include "server/store/records.h"

/* Appends the signed checkpoint of that tree. Signs, so only what is durable may be given. */
must_check enum error proof_checkpoint_put(struct buf *buf, struct slice origin, const struct merkle_frontier *frontier,
    EVP_PKEY *log_key);
/* Appends the tlog-proof of a batch's nth leaf in the tree after the batch, whose signed checkpoint is given. */
void proof_put(
    struct buf *buf, const struct merkle_batch *batch, uint64_t size_before, size_t nth, struct slice checkpoint);
/* The tlog-proof of leaf `index` out of its stored batch, into the arena. */
must_check enum error proof_from_record(const struct rec_log_batch *record, uint64_t index, struct slice origin,
    EVP_PKEY *log_key, struct arena *arena, struct slice *out);

#endif
