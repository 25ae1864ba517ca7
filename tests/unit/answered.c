/* SPDX-License-Identifier: Apache-2.0
 *
 * The file: a line for each answer, the operation or "-", and the error. */
#include "tests/unit/answered.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"

#define SUFFIX ".answered"

static FILE *record;

/* Set by the first of the program's processes. */
#define BEGUN "GUICHET_ANSWERED"

/* With the program's start, so that one without a record has not been run; a child that is the same program again goes
 * on with it. */
__attribute__((constructor)) static void
record_begin(void)
{
	char path[PATH_MAX + sizeof SUFFIX];
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);

	check(size > 0);
	memcpy(path + size, SUFFIX, sizeof SUFFIX);
	if (getenv(BEGUN) == NULL)
		check((record = fopen(path, "we")) != NULL && fclose(record) == 0 && setenv(BEGUN, "1", 1) == 0);
	record = fopen(path, "ae");
	check(record != NULL);
	/* Line by line: a child of the suite repeats nothing, and its death loses nothing. */
	check(setvbuf(record, NULL, _IOLBF, 0) == 0);
}

void
answered_note(const struct operation *operation, enum error error)
{
	check(fprintf(record, "%s %s\n", operation == NULL ? "-" : operation->name,
	    error == ERROR_NONE ? "none" : error_name(error)) > 0);
}
