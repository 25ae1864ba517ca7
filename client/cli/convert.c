/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet convert: the files around client/irj. */
#include "client/cli/convert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "client/irj.h"
#include "protocol/limits.h"

struct arguments {
	const char *catalogue;
	const char *input;
	const char *directory;
	uint64_t year;
	bool unnamed;
};

struct output {
	const char *directory;
	size_t count;
};

static int
usage(void)
{
	fprintf(stderr, "usage: guichet convert %s\n", CONVERT_USAGE);
	fprintf(stderr, "  --catalogue FILE  which boxes there are (catalogue.json, as the office publishes it)\n");
	fprintf(stderr, "  --year N          income year of the documents (default: last calendar year)\n");
	fprintf(stderr, "  --unnamed         leave donations without the generated beneficiaries they need\n");
	return 2;
}

static uint64_t
last_calendar_year(void)
{
	time_t now = time(NULL);
	struct tm *utc = gmtime(&now);
	return utc == NULL ? 1970 : (uint64_t)(utc->tm_year + 1900 - 1);
}

static bool
arguments_parse(int argc, char **argv, struct arguments *out)
{
	const char *plain[2] = { NULL, NULL };
	size_t count = 0;

	*out = (struct arguments){ .year = last_calendar_year() };
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--unnamed") == 0)
			out->unnamed = true;
		else if (strcmp(argv[i], "--catalogue") == 0 && i + 1 < argc)
			out->catalogue = argv[++i];
		else if (strcmp(argv[i], "--year") == 0 && i + 1 < argc) {
			if (!decimal_decode(slice_of_text(argv[++i]), 9998, &out->year) || out->year < 1970)
				return false;
		} else if (argv[i][0] == '-' || count == 2)
			return false;
		else
			plain[count++] = argv[i];
	}
	out->input = plain[0];
	out->directory = plain[1];
	return out->catalogue != NULL && count == 2;
}

/* A whole file of at most LIMIT_JSON_FILE bytes, to be freed; NULL when it cannot be read, which is said. */
static char *
file_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *text = file == NULL ? NULL : malloc(LIMIT_JSON_FILE + 1);

	*size = text == NULL ? 0 : fread(text, 1, LIMIT_JSON_FILE + 1, file);
	if (text != NULL && (ferror(file) || *size > LIMIT_JSON_FILE)) {
		errno = ferror(file) ? errno : EFBIG;
		free(text);
		text = NULL;
	}
	if (text == NULL)
		fprintf(stderr, "guichet: %s: %s\n", path, strerror(errno));
	if (file != NULL)
		fclose(file);
	return text;
}

static enum error
document_write(void *context, size_t number, struct slice document, struct fault *fault)
{
	struct output *output = context;
	char path[4096];
	int size = snprintf(path, sizeof path, "%s/%04zu.json", output->directory, number);
	FILE *file = size < 0 || (size_t)size >= sizeof path ? NULL : fopen(path, "wb");
	bool is_written = file != NULL && fwrite(document.data, 1, document.size, file) == document.size;

	if (file != NULL)
		is_written = fclose(file) == 0 && is_written;
	if (!is_written)
		return fault_set(fault, ERROR_file_unreadable, "document", SLICE_EMPTY,
		    "a directory that can be written to");
	output->count = number;
	return ERROR_NONE;
}

static void
fault_print(const char *path, const struct fault *fault)
{
	const struct error_entry *entry = error_find(fault->error);
	fprintf(stderr, "guichet: %s: %.*s: %s\n", path, (int)fault->place.size, (const char *)fault->place.data,
	    entry == NULL ? "failed" : entry->english);
	if (fault->value.size != 0)
		fprintf(stderr, "  found: %.*s\n", (int)fault->value.size, (const char *)fault->value.data);
	if (fault->expected.size != 0)
		fprintf(stderr, "  expected: %.*s\n", (int)fault->expected.size, (const char *)fault->expected.data);
}

static int
convert_run(const struct arguments *arguments, struct slice text, const struct catalogue *catalogue)
{
	const struct irj_options options = { catalogue, arguments->year, !arguments->unnamed };
	struct output output = { arguments->directory, 0 };
	struct irj_sink sink = { document_write, &output };
	struct arena *arena = arena_create(IRJ_ARENA_SIZE);
	struct fault fault = { .error = ERROR_out_of_memory };
	enum error error = arena == NULL ? ERROR_out_of_memory : irj_read(text, &options, sink, arena, &fault);

	if (error != ERROR_NONE)
		fault_print(arguments->input, &fault);
	else
		printf("%zu documents\n", output.count);
	arena_destroy(arena);
	return error == ERROR_NONE ? 0 : 1;
}

int
command_convert(int argc, char **argv)
{
	struct arguments arguments;
	struct catalogue *catalogue = NULL;
	struct fault fault;
	char *catalogue_text = NULL, *text = NULL;
	size_t catalogue_size, size;
	int code = 1;

	if (!arguments_parse(argc, argv, &arguments))
		return usage();
	catalogue_text = file_read(arguments.catalogue, &catalogue_size);
	text = file_read(arguments.input, &size);
	if (catalogue_text == NULL || text == NULL)
		goto out;
	if (catalogue_parse(slice_of(catalogue_text, catalogue_size), &catalogue, &fault) != ERROR_NONE) {
		fault_print(arguments.catalogue, &fault);
		goto out;
	}
	if (mkdir(arguments.directory, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "guichet: %s: %s\n", arguments.directory, strerror(errno));
		goto out;
	}
	code = convert_run(&arguments, slice_of(text, size), catalogue);
out:
	catalogue_destroy(catalogue);
	free(catalogue_text);
	free(text);
	return code;
}
