/* SPDX-License-Identifier: Apache-2.0
 *
 * The cross-check at start: what the newest batch of the log says must be in the archive and in the records. A crash
 * can only have hurt the end, so the end is what is read; `guichetd audit` reads everything. */
#ifndef GUICHET_RECOVERY_H
#define GUICHET_RECOVERY_H

#include "protocol/arena.h"
#include "protocol/error.h"
#include "protocol/note.h"
#include "server/store/store.h"

struct tree;

/* Every leaf of the newest batch: its archive entry is there, its data hash to the leaf, and a receipt's number
 * leads to a filing with that leaf. ERROR_store_damaged with *fault naming the leaf (texts in `arena`). Blocking: at
 * start only. */
must_check enum error recovery_check(struct store *store, struct arena *arena, struct fault *fault);

/* What DIR/public/checkpoint was found to be. */
enum recovery_checkpoint {
	RECOVERY_CHECKPOINT_OURS,    /* signed by the log's key: it proves how long the log was at least */
	RECOVERY_CHECKPOINT_NONE,    /* gone, or never published */
	RECOVERY_CHECKPOINT_DAMAGED, /* it proves nothing either */
};

/* What the office has published must not be ahead of what it holds: a store put back from an older copy would sign a
 * second history. Compares DIR/public/checkpoint, where there is one that `verifier` signed, with the tree's size, and
 * with its root when both sizes are equal; looks for a tile of a longer log, of which the names suffice; and compares
 * the origin of the settings with the log key's, which never changes. *found (may be NULL) is set with ERROR_NONE. */
must_check enum error recovery_check_published(const char *directory, const char *origin, const struct tree *tree,
    const struct note_verifier *verifier, enum recovery_checkpoint *found, struct arena *arena, struct fault *fault);

#endif
