/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of things in the order in which they came. A link is embedded in its owner and stands in one chain at most;
 * nothing is allocated. Both zeroed before first use. */
#ifndef GUICHET_CHAIN_H
#define GUICHET_CHAIN_H

#include "protocol/bytes.h"

struct chain_link {
	struct chain *chain; /* the one it stands in; NULL: none */
	struct chain_link *next, *prev;
};

struct chain {
	struct chain_link *first, *last; /* NULL when empty */
};

/* Puts it last; out of the chain where it stood, if any. */
void chain_append(struct chain *chain, struct chain_link *link);
/* May be called on a link that stands nowhere. */
void chain_remove(struct chain_link *link);

/* The struct that embeds `member` at `link`, which may be NULL. */
#define chain_owner(link, type, member)                                                                            \
	((link) == NULL ? NULL : (type *)(void *)((char *)(link) - offsetof(type, member)))

#endif
