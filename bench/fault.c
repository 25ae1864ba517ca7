/* SPDX-License-Identifier: Apache-2.0
 *
 * Three texts. */
#include "bench/fault.h"

static void
keep(struct slice *text, struct arena *texts)
{
	if (text->size > FAULT_TEXT_MAX)
		text->size = FAULT_TEXT_MAX;
	if (text->size == 0 || !arena_copy(texts, *text, text))
		*text = SLICE_EMPTY;
}

enum error
fault_keep(struct fault *fault, struct arena *texts)
{
	keep(&fault->place, texts);
	keep(&fault->value, texts);
	keep(&fault->expected, texts);
	return fault->error;
}

void
fault_print(FILE *out, const struct fault *fault)
{
	const struct error_entry *entry = error_find((unsigned)fault->error);
	const struct slice texts[] = { fault->place, fault->value, fault->expected };
	static const char *const before[] = { " ", ": ", ", expected " };

	fprintf(out, "%s: %s", error_name(fault->error), entry == NULL ? "" : entry->english);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (texts[i].size != 0)
			fprintf(out, "%s%.*s", before[i], (int)texts[i].size, (const char *)texts[i].data);
	fprintf(out, "\n");
}
