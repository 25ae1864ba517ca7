/* SPDX-License-Identifier: Apache-2.0
 *
 * Doubly linked. */
#include "server/chain.h"

void
chain_remove(struct chain_link *link)
{
	struct chain *chain = link->chain;

	if (chain == NULL)
		return;
	if (link->next != NULL)
		link->next->prev = link->prev;
	else
		chain->last = link->prev;
	if (link->prev != NULL)
		link->prev->next = link->next;
	else
		chain->first = link->next;
	*link = (struct chain_link){ NULL, NULL, NULL };
}

void
chain_append(struct chain *chain, struct chain_link *link)
{
	chain_remove(link);
	*link = (struct chain_link){ chain, NULL, chain->last };
	if (chain->last != NULL)
		chain->last->next = link;
	else
		chain->first = link;
	chain->last = link;
}
