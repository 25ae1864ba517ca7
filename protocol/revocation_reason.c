/* SPDX-License-Identifier: Apache-2.0
 *
 * Reasons of revocation, by number and by word. */
#include "protocol/revocation_reason.h"

static const struct {
	enum revocation_reason number;
	const char *word;
} table[] = {
#define REVOCATION_REASON(number, name, word) { REVOCATION_REASON_##name, word },
	REVOCATION_REASONS(REVOCATION_REASON, REVOCATION_REASON)
#undef REVOCATION_REASON
};

#define TABLE_COUNT (sizeof table / sizeof table[0])

const char *
revocation_reason_word(uint64_t number)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if ((uint64_t)table[i].number == number)
			return table[i].word;
	return NULL;
}

bool
revocation_reason_find(struct slice word, uint64_t *number)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (slice_equal_text(word, table[i].word)) {
			*number = (uint64_t)table[i].number;
			return true;
		}
	return false;
}
