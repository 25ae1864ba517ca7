/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys that a batch writes, for the check of read sets against it. Holds borrowed slices, at most KEYSET_MAX;
 * whoever fills it keeps their bytes alive. */
#ifndef GUICHET_KEYSET_H
#define GUICHET_KEYSET_H

#include "protocol/bytes.h"

#define KEYSET_MAX ((size_t)32768)

struct keyset;

must_check struct keyset *keyset_create(void);
void keyset_destroy(struct keyset *keyset);
void keyset_clear(struct keyset *keyset);
size_t keyset_count(const struct keyset *keyset);
/* Adding a key twice is allowed. The caller sees to KEYSET_MAX (checked). */
void keyset_add(struct keyset *keyset, struct slice key);
bool keyset_has(const struct keyset *keyset, struct slice key);
/* Is there a key with from <= key < end? */
bool keyset_has_within(const struct keyset *keyset, struct slice from, struct slice end);

#endif
