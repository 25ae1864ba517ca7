/* SPDX-License-Identifier: Apache-2.0
 *
 * The report's two files: the results in, the page out. */
#include <guichet/guichet.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/path.h"
#include "bench/report.h"
#include "protocol/json.h"

static const struct json_limits limits = { .size_max = REPORT_RESULTS_MAX, .values_max = 4000000, .depth_max = 16 };

/* What the library said about a file; the system's words for it are still in errno, unless it was 0. */
static enum error
file_fault(struct fault *fault, enum guichet_error error, const char *name, const char *expected)
{
	struct slice reason = errno == 0 ? SLICE_EMPTY : slice_of_text(strerror(errno));

	return fault_set(fault, (enum error)error, name, reason, expected);
}

static enum error
results_check(struct slice results, struct fault *fault)
{
	struct arena *arena = arena_create(json_arena_max(&limits));
	const struct json *root = NULL;
	enum error error = ERROR_out_of_memory;

	if (arena != NULL)
		error = json_parse(results, &limits, arena, &root, fault);
	if (error == ERROR_NONE && !slice_equal_text(json_find_text(root, "format"), REPORT_FORMAT))
		error = ERROR_json_malformed;
	/* What json_parse told of the place is the arena's, and ends with it. */
	if (error != ERROR_NONE)
		error = fault_set(fault, error, REPORT_RESULTS_FILE, SLICE_EMPTY,
		    "JSON with \"format\": \"" REPORT_FORMAT "\"");
	arena_destroy(arena);
	return error;
}

static enum error
page_write(const char *path, struct slice results, struct fault *fault)
{
	struct buf *page = buf_create(report_size_max(results.size));

	if (page != NULL)
		report_put(page, results);
	if (page == NULL || !buf_ok(page)) {
		buf_destroy(page);
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	}
	struct slice bytes = buf_peek(page);
	errno = 0;
	enum guichet_error error =
	    guichet_file_write(path, (struct guichet_bytes){ bytes.data, bytes.size }, NULL);
	if (error != GUICHET_ERROR_none)
		file_fault(fault, error, REPORT_PAGE_FILE, "a file that can be written");
	else
		/* The library writes for its user alone; this is to be shown. */
		(void)chmod(path, 0644);
	buf_destroy(page);
	return (enum error)error;
}

enum error
report_write(const char *directory, struct fault *fault)
{
	char path[PATH_SIZE];
	struct guichet_blob *blob = NULL;

	path_make(path, "%s/%s", directory, REPORT_RESULTS_FILE);
	errno = 0;
	enum guichet_error read_error = guichet_file_read(path, REPORT_RESULTS_MAX, &blob, NULL);
	if (read_error != GUICHET_ERROR_none)
		return file_fault(fault, read_error, REPORT_RESULTS_FILE, "the results of a run, at most 64 MiB");
	struct guichet_bytes bytes = guichet_blob_bytes(blob);
	struct slice results = slice_of(bytes.data, bytes.size);
	enum error error = results_check(results, fault);
	path_make(path, "%s/%s", directory, REPORT_PAGE_FILE);
	if (error == ERROR_NONE)
		error = page_write(path, results, fault);
	guichet_blob_destroy(blob);
	return error;
}
