/* SPDX-License-Identifier: Apache-2.0
 *
 * Return documents that the rules accept, to be filed over and over by different holders: real ones out of an .irj
 * file, or generated from the catalogue where there is none. */
#ifndef GUICHET_BENCH_RETURNS_H
#define GUICHET_BENCH_RETURNS_H

#include "protocol/catalogue.h"

struct returns {
	struct arena *arena;
	struct slice *items; /* JSON, form 2042 */
	size_t count;
};

/* `path` NULL: generated, about as long as the real ones. ERROR_file_unreadable; ERROR_usage when no return of the file
 * is accepted. */
must_check enum error returns_load(const char *path, const struct catalogue *catalogue, uint64_t income_year,
    struct returns *out, struct fault *fault);
void returns_free(struct returns *returns);

#endif
