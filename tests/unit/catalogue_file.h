/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue as it is delivered, for tests that check returns against the real thing. */
#ifndef GUICHET_TESTS_CATALOGUE_FILE_H
#define GUICHET_TESTS_CATALOGUE_FILE_H

#include <stdio.h>
#include <stdlib.h>

#include "protocol/catalogue.h"

#define CATALOGUE_FILE "protocol/data/catalogue.json"

/* The whole file, to be freed; ends the test when it cannot be read (run from the top of the tree). */
static inline char *
file_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("%s cannot be read: run from the top of the source tree", path);
	char *text = malloc(1 << 22);
	assert_non_null(text);
	*size = fread(text, 1, 1 << 22, file);
	assert_int_equal(ferror(file), 0);
	fclose(file);
	return text;
}

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
