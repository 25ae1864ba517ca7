/* SPDX-License-Identifier: Apache-2.0
 *
 * What is gone from what is published is put back from its copy among the keys, whole or not at all. */
#include "tests/unit/authority_place.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = { AUTHORITY_CA_FILE, AUTHORITY_VKEY_FILE, AUTHORITY_TLS_FILE };

#define NAMES_COUNT (sizeof names / sizeof names[0])

static void
note(void *context, const char *name)
{
	*(const char **)context = name;
}

static enum error
restore(const char **restored, struct fault *fault)
{
	*restored = NULL;
	return authority_restore(place_path("keys"), place_path("public"), note, restored, fault);
}

static const char *
public_path(const char *name, const char *end)
{
	char within[64];

	snprintf(within, sizeof within, "public/%s%s", name, end);
	return place_path(within);
}

static void
what_is_gone_is_put_back(void **state)
{
	struct fault fault;
	const char *restored;

	(void)state;
	assert_int_equal(restore(&restored, &fault), ERROR_NONE);
	assert_null(restored);
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		char before[8192], after[8192], within[64];
		snprintf(within, sizeof within, "public/%s", names[i]);
		size_t size = place_read(within, before, sizeof before);
		assert_int_equal(unlink(place_path(within)), 0);
		assert_int_equal(restore(&restored, &fault), ERROR_NONE);
		assert_string_equal(restored, names[i]);
		assert_int_equal(place_read(within, after, sizeof after), size);
		assert_memory_equal(before, after, size);
	}
}

/* It is written beside and gets its name when it is whole: what a crash leaves in between is no published file, and is
 * no hindrance to the next start. */
static void
a_crash_leaves_nothing_under_the_files_name(void **state)
{
	struct fault fault;
	const char *restored;

	(void)state;
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		const char *fresh = public_path(names[i], ".new");
		char within[64];
		snprintf(within, sizeof within, "public/%s.new", names[i]);
		assert_int_equal(unlink(public_path(names[i], "")), 0);
		assert_int_equal(mkdir(fresh, 0755), 0);
		assert_int_equal(restore(&restored, &fault), ERROR_file_unreadable);
		assert_true(slice_equal_text(fault.place, names[i]) && fault.value.size != 0);
		assert_null(restored);
		assert_int_equal(access(public_path(names[i], ""), F_OK), -1);
		assert_int_equal(rmdir(fresh), 0);
		place_write(within, SLICE_LITERAL("half of it"));
		assert_int_equal(restore(&restored, &fault), ERROR_NONE);
		assert_string_equal(restored, names[i]);
		assert_false(place_has(within));
	}
	assert_int_equal(authority_check_kept(place_path("keys"), place_path("public"), &fault), ERROR_NONE);
}

static int
set_up(void **state)
{
	struct fault fault;

	(void)state;
	place_begin();
	place_expect("rm -rf keys public && mkdir keys public");
	return place_create("keys", "public", PLACE_ORIGIN, NULL, &fault) == ERROR_NONE ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	place_end();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_gone_is_put_back),
		cmocka_unit_test(a_crash_leaves_nothing_under_the_files_name),
	};
	return cmocka_run_group_tests_name("authority_kept", tests, set_up, tear_down);
}
