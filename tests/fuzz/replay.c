/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over every file of the directories named: what libFuzzer once found stays found, in the normal
 * run and with any compiler. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

/* Larger than any input worth keeping. */
#define FILE_MAX ((size_t)4 << 20)

/* The bytes stand at the very end of an allocation of their size, so that a sanitizer sees every read beyond them. */
static bool
file_run(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *all = malloc(FILE_MAX), *exact = NULL;
	bool done = false;

	if (file == NULL || all == NULL)
		goto out;
	size_t size = fread(all, 1, FILE_MAX, file);
	if (ferror(file) || !feof(file) || (exact = malloc(size > 0 ? size : 1)) == NULL)
		goto out;
	for (size_t i = 0; i < size; i++)
		exact[i] = all[i];
	done = LLVMFuzzerTestOneInput(exact, size) == 0;
out:
	if (file != NULL)
		fclose(file);
	free(all);
	free(exact);
	return done;
}

static bool
directory_run(const char *path, size_t *count)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	bool good = directory != NULL;

	while (good && (entry = readdir(directory)) != NULL) {
		char name[4096];
		if (entry->d_name[0] == '.')
			continue;
		int size = snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		good = size > 0 && (size_t)size < sizeof name && file_run(name);
		if (!good)
			fprintf(stderr, "%s: cannot be run\n", name);
		(*count)++;
	}
	if (directory != NULL)
		closedir(directory);
	return good;
}

int
main(int argc, char **argv)
{
	size_t count = 0;

	for (int i = 1; i < argc; i++) {
		if (!directory_run(argv[i], &count)) {
			fprintf(stderr, "%s: %s failed\n", argv[0], argv[i]);
			return EXIT_FAILURE;
		}
	}
	printf("%s: %zu inputs\n", argv[0], count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
