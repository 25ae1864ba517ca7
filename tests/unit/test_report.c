/* SPDX-License-Identifier: Apache-2.0
 *
 * The report's page: results put in once, nothing in them ends their element, what is no result is refused. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report.h"
#include "protocol/json.h"
#include "tests/unit/file.h"

#define OPENING "<script type=\"application/json\" id=\"results\">"
#define PATH_SIZE ((size_t)64)

static struct buf *
page_of(struct slice results)
{
	struct buf *page = buf_create(report_size_max(results.size));

	assert_non_null(page);
	report_put(page, results);
	assert_true(buf_ok(page));
	return page;
}

/* Where the results begin in a page, which has one place for them. */
static size_t
place_in(const struct buf *page)
{
	struct slice whole = buf_peek(page);
	const uint8_t *at = memmem(whole.data, whole.size, OPENING, strlen(OPENING));

	assert_non_null(at);
	size_t place = (size_t)(at - whole.data) + strlen(OPENING);
	struct slice rest = slice_from(whole, place);
	assert_null(memmem(rest.data, rest.size, OPENING, strlen(OPENING)));
	return place;
}

static void
assert_bytes(struct slice held, struct slice expected)
{
	assert_int_equal(held.size, expected.size);
	assert_memory_equal(held.data, expected.data, expected.size);
}

static void
results_stand_in_the_page_once(void **state)
{
	(void)state;
	/* The second time the placeholder is a text like any other. */
	struct slice results = SLICE_LITERAL("{\"format\":\"guichet-bench 1\",\"a\":\"@RESULTS@ > & \\\" \xc3\xa9\"}");
	struct buf *with = page_of(results), *without = page_of(SLICE_EMPTY);
	size_t place = place_in(with);

	assert_int_equal(place, place_in(without));
	struct slice whole = buf_peek(with), rest = slice_from(whole, place + results.size);
	assert_bytes(slice_of(whole.data + place, results.size), results);
	assert_true(slice_starts_with(rest, SLICE_LITERAL("</script>")));
	assert_bytes(slice_of(whole.data, place), slice_of(buf_peek(without).data, place));
	assert_bytes(rest, slice_from(buf_peek(without), place));
	assert_null(memmem(buf_peek(without).data, buf_size(without), "@RESULTS@", strlen("@RESULTS@")));
	buf_destroy(with);
	buf_destroy(without);
}

static void
no_string_ends_the_element(void **state)
{
	(void)state;
	static const char hostile[] = "</script><!-- <script><";
	static const struct json_limits limits = { 1000, 10, 4 };
	struct slice results = SLICE_LITERAL("{\"a\":\"</script><!-- <script><\"}");
	struct buf *page = page_of(results);
	struct slice inside = slice_from(buf_peek(page), place_in(page));
	const struct json *root = NULL;
	struct fault fault;

	/* All that comes before the next `<` is the results, and says what it said. */
	inside.size = (size_t)((const uint8_t *)memchr(inside.data, '<', inside.size) - inside.data);
	struct arena *arena = arena_create(json_arena_max(&limits));
	assert_int_equal(json_parse(inside, &limits, arena, &root, &fault), ERROR_NONE);
	assert_true(slice_equal_text(json_find_text(root, "a"), hostile));
	arena_destroy(arena);
	buf_destroy(page);
}

static void
too_small_a_buffer_fails(void **state)
{
	(void)state;
	/* Nothing is longer than so many of the one byte that is escaped. */
	struct slice results = SLICE_LITERAL("<<<<<<<<<<<<<<<<");
	size_t size = report_size_max(results.size);
	struct buf *page = page_of(results);

	assert_in_range(buf_size(page), size - strlen("@RESULTS@"), size);
	size = buf_size(page);
	buf_destroy(page);
	static const size_t short_by[] = { 0, 1, 1000, 100000 };
	for (size_t i = 0; i < sizeof short_by / sizeof short_by[0]; i++) {
		page = buf_create(size > short_by[i] ? size - short_by[i] : 0);
		report_put(page, results);
		assert_int_equal(buf_ok(page), short_by[i] == 0);
		buf_destroy(page);
	}
}

/* ---- files ---- */

struct directory {
	char path[PATH_SIZE], results[PATH_SIZE * 2], page[PATH_SIZE * 2];
};

static int
setup(void **state)
{
	struct directory *directory = calloc(1, sizeof *directory);

	assert_non_null(directory);
	snprintf(directory->path, sizeof directory->path, "/tmp/guichet-report-XXXXXX");
	assert_non_null(mkdtemp(directory->path));
	snprintf(directory->results, sizeof directory->results, "%s/results.json", directory->path);
	snprintf(directory->page, sizeof directory->page, "%s/results.html", directory->path);
	*state = directory;
	return 0;
}

static int
teardown(void **state)
{
	struct directory *directory = *state;

	unlink(directory->results);
	(void)remove(directory->page);
	/* Nothing else was left in it. */
	assert_int_equal(rmdir(directory->path), 0);
	free(directory);
	return 0;
}

static void
assert_refused(struct directory *directory, enum error error, const char *place)
{
	struct fault fault;

	assert_int_equal(report_write(directory->path, &fault), error);
	assert_int_equal(fault.error, error);
	assert_true(slice_equal_text(fault.place, place));
	assert_true(fault.expected.size != 0);
	if (error == ERROR_file_unreadable)
		assert_true(fault.value.size != 0);
}

static void
page_is_written_beside_its_results(void **state)
{
	struct directory *directory = *state;
	static const char results[] = "{\"format\":\"guichet-bench 1\",\"runs\":[]}";
	struct fault fault;
	struct stat status;

	file_write(directory->results, SLICE_LITERAL(results));
	file_write(directory->page, SLICE_LITERAL("an older page"));
	assert_int_equal(report_write(directory->path, &fault), ERROR_NONE);
	struct buf *expected = page_of(SLICE_LITERAL(results));
	size_t size;
	uint8_t *held = file_read(directory->page, &size);
	assert_bytes(slice_of(held, size), buf_peek(expected));
	assert_int_equal(stat(directory->page, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0644);
	free(held);
	buf_destroy(expected);
}

static void
what_is_no_result_is_refused(void **state)
{
	struct directory *directory = *state;
	static const char *const bad[] = { "", "{", "[]", "null", "\"guichet-bench 1\"", "{}", "{\"format\":1}",
		"{\"format\":\"guichet-bench 2\"}", "{\"format\":\"guichet-bench 1\"} and more" };
	struct stat status;

	assert_refused(directory, ERROR_file_unreadable, "results.json");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		file_write(directory->results, slice_of_text(bad[i]));
		assert_refused(directory, ERROR_json_malformed, "results.json");
		assert_int_not_equal(stat(directory->page, &status), 0);
	}
}

static void
page_that_cannot_be_written_is_said(void **state)
{
	struct directory *directory = *state;

	file_write(directory->results, SLICE_LITERAL("{\"format\":\"guichet-bench 1\"}"));
	assert_int_equal(mkdir(directory->page, 0755), 0);
	assert_refused(directory, ERROR_file_unreadable, "results.html");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_stand_in_the_page_once),
		cmocka_unit_test(no_string_ends_the_element),
		cmocka_unit_test(too_small_a_buffer_fails),
		cmocka_unit_test_setup_teardown(page_is_written_beside_its_results, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_result_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(page_that_cannot_be_written_is_said, setup, teardown),
	};
	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
