/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue as it is delivered, for tests that check returns against the real thing. */
#ifndef GUICHET_TESTS_CATALOGUE_FILE_H
#define GUICHET_TESTS_CATALOGUE_FILE_H

#include <stdlib.h>

#include "protocol/catalogue.h"
#include "tests/unit/file.h"

#define CATALOGUE_FILE "protocol/data/catalogue.json"

static inline struct catalogue *
catalogue_file_load(void)
{
	struct catalogue *catalogue;
	struct fault fault;
	size_t size;
	char *text = file_read(CATALOGUE_FILE, &size);
	struct arena *texts = arena_create(4096);
	assert_non_null(texts);
	assert_int_equal(catalogue_parse(slice_of(text, size), texts, &catalogue, &fault), ERROR_NONE);
	arena_destroy(texts);
	free(text);
	return catalogue;
}

#endif
