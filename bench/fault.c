/* SPDX-License-Identifier: Apache-2.0
 *
 * Three texts, as far as there are. */
#include "bench/fault.h"

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
