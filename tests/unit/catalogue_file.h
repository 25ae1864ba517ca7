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
	assert_int_equal(catalogue_parse(slice_of(text, size), &catalogue, &fault), ERROR_NONE);
	free(text);
	return catalogue;
}

#endif
