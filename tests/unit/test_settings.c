/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a file whole: what is no regular file is refused at once, and so is one that is longer than allowed. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/origin.h"
#include "server/settings.h"
#include "server/store/disk.h"

/* A reader that waits for the other end of a FIFO ends the test by then. */
#define PATIENCE_S 20
#define TEXT "nine byte"
#define TEXT_SIZE (sizeof TEXT - 1)

struct place {
	char directory[32];
	int fd; /* of the directory */
	struct arena *arena;
	char path[64];
};

/* What every way of reading says of the file of that name. */
static enum error
read_both(struct place *place, const char *name, size_t size_max, struct fault *fault)
{
	struct slice text;
	uint8_t *bytes;
	size_t size;

	snprintf(place->path, sizeof place->path, "%s/%s", place->directory, name);
	enum error error = settings_read_file(place->path, size_max, place->arena, &text, fault);
	assert_int_equal(settings_read_bytes(place->path, size_max, place->arena, &bytes, &size, fault), error);
	if (error != ERROR_NONE)
		return error;
	assert_true(slice_equal(text, slice_of(bytes, size)));
	assert_true(slice_equal_text(text, TEXT));
	free(bytes);
	return ERROR_NONE;
}

static void
assert_unreadable(struct place *place, const char *name, const char *found)
{
	struct fault fault;

	assert_int_equal(read_both(place, name, TEXT_SIZE, &fault), ERROR_file_unreadable);
	assert_true(slice_equal_text(fault.place, place->path));
	assert_true(slice_equal_text(fault.value, found));
}

static int
setup(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	struct slice text = SLICE_LITERAL(TEXT);

	assert_non_null(place);
	strcpy(place->directory, "/tmp/guichet-settings-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	place->fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	place->arena = arena_create(65536);
	assert_non_null(place->arena);
	assert_true(disk_write_file(NULL, place->fd, "file", text));
	assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("fifo", place->fd, "link"), 0);
	assert_int_equal(symlinkat("/dev/zero", place->fd, "device"), 0);
	assert_int_equal(mkdirat(place->fd, "directory", 0700), 0);
	alarm(PATIENCE_S);
	*state = place;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const files[] = { "file", "fifo", "link", "device" };
	struct place *place = *state;

	alarm(0);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		(void)unlinkat(place->fd, files[i], 0);
	(void)unlinkat(place->fd, "directory", AT_REMOVEDIR);
	(void)rmdir(place->directory);
	close(place->fd);
	arena_destroy(place->arena);
	free(place);
	return 0;
}

static void
a_file_up_to_its_limit_is_read(void **state)
{
	struct place *place = *state;
	struct fault fault;

	assert_int_equal(read_both(place, "file", TEXT_SIZE, &fault), ERROR_NONE);
	assert_int_equal(read_both(place, "file", TEXT_SIZE - 1, &fault), ERROR_file_unreadable);
	assert_unreadable(place, "none", strerror(ENOENT));
}

static void
what_is_no_regular_file_is_refused_at_once(void **state)
{
	static const char *const names[] = { "fifo", "link", "device", "directory" };
	struct place *place = *state;
	uint8_t byte;
	size_t size;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_unreadable(place, names[i], "not a regular file");
		assert_false(disk_read_file(place->fd, names[i], &byte, 1, &size));
		assert_int_equal(errno, EINVAL);
	}
}

/* Every setting has a default but the origin, and the file of defaults is read back as such. */
static void
defaults_are_read_as_they_are_written(void **state)
{
	struct place *place = *state;
	struct settings settings;
	struct fault fault;
	struct buf *buf = buf_create(4096);

	settings_write(buf, "guichet.example/2026");
	assert_true(buf_ok(buf));
	assert_true(disk_write_file(NULL, place->fd, SETTINGS_FILE, buf_peek(buf)));
	assert_int_equal(settings_load(place->directory, place->arena, &settings, &fault), ERROR_NONE);
	assert_string_equal(settings.origin, "guichet.example/2026");
	assert_true(settings.disk_reserve > 0);
	assert_int_equal(settings.log_level, LOG_LEVEL_INFO);
	assert_int_equal(unlinkat(place->fd, SETTINGS_FILE, 0), 0);
	assert_int_equal(symlinkat("fifo", place->fd, SETTINGS_FILE), 0);
	assert_int_equal(settings_load(place->directory, place->arena, &settings, &fault), ERROR_file_unreadable);
	assert_int_equal(unlinkat(place->fd, SETTINGS_FILE, 0), 0);
	buf_destroy(buf);
}

#define SETTINGS "{\"type\":\"guichet-settings\",\"origin\":\"guichet.example/2026\""

/* The file, the setting, what stands there and what may. */
static void
slips_are_said_with_what_is_allowed(void **state)
{
	struct place *place = *state;
	static const struct {
		const char *text, *place, *value, *expected;
	} rows[] = {
		{ SETTINGS ",\"batch_max\":2001}", "guichet.json, batch_max", "2001", "a whole number from 1 to 2000" },
		{ SETTINGS ",\"disk_reserve\":100663295}", "guichet.json, disk_reserve", "100663295",
		    "a whole number from 100663296 to 1125899906842624" },
		{ SETTINGS ",\"jobs_max\":\"many\"}", "guichet.json, jobs_max", "many",
		    "a whole number from 1 to 100000" },
		{ SETTINGS ",\"listen\":\"\"}", "guichet.json, listen", "", "a text of 1 to 63 bytes" },
		{ "{\"type\":\"guichet-settings\",\"origin\":\"impôts.example/é\"}", "guichet.json, origin",
		    "impôts.example/é", ORIGIN_EXPECTED },
		{ SETTINGS ",\"log_level\":\"loud\"}", "guichet.json, log_level", "loud",
		    "error, warn, info or debug" },
		{ SETTINGS ",\"log_level\":3}", "guichet.json, log_level", "3", "error, warn, info or debug" },
		{ SETTINGS ",\"log_level\":[]}", "guichet.json, log_level", "", "error, warn, info or debug" },
		{ SETTINGS ",\"listen\":7443}", "guichet.json, listen", "7443", "a text of 1 to 63 bytes" },
		{ "{\"type\":\"guichet-settings\"}", "guichet.json, origin", "", "a text of 1 to 128 bytes" },
		{ SETTINGS ",\"job_max\":1}", "guichet.json", "job_max",
		    "a setting that guichetd serve --help lists" },
		{ "{\"type\":\"guichet\"}", "guichet.json, type", "guichet", "guichet-settings" },
		{ "{\n\"a\":1 \"b\":2}", "guichet.json, line 2, column 7 (byte 8)", "\"b\"", "a comma, or }" },
	};
	struct settings settings;
	struct fault fault;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_true(disk_write_file(NULL, place->fd, SETTINGS_FILE, slice_of_text(rows[i].text)));
		assert_int_equal(settings_load(place->directory, place->arena, &settings, &fault),
		    ERROR_json_malformed);
		if (!slice_equal_text(fault.place, rows[i].place) || !slice_equal_text(fault.value, rows[i].value) ||
		    !slice_equal_text(fault.expected, rows[i].expected))
			fail_msg("%s: %.*s, %.*s, %.*s", rows[i].text, (int)fault.place.size,
			    (const char *)fault.place.data, (int)fault.value.size, (const char *)fault.value.data,
			    (int)fault.expected.size, (const char *)fault.expected.data);
	}
	assert_true(disk_write_file(NULL, place->fd, SETTINGS_FILE,
	    SLICE_LITERAL(SETTINGS ",\"log_level\":\"debug\"}")));
	assert_int_equal(settings_load(place->directory, place->arena, &settings, &fault), ERROR_NONE);
	assert_int_equal(settings.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(unlinkat(place->fd, SETTINGS_FILE, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_up_to_its_limit_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_refused_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(slips_are_said_with_what_is_allowed, setup, teardown),
		cmocka_unit_test_setup_teardown(defaults_are_read_as_they_are_written, setup, teardown),
	};
	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
