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

struct wrong {
	const char *name;
	size_t count;
};

static void
wrong_note(void *context, const struct fault *fault)
{
	struct wrong *wrong = context;

	wrong->count++;
	if (wrong->name != NULL)
		assert_true(slice_equal_text(fault->place, wrong->name) && fault->value.size != 0 &&
		    fault->expected.size != 0);
}

/* How much is wrong with what is kept; all of it, unless NULL, with the file of that name. */
static size_t
wrong_count(const char *name)
{
	struct wrong wrong = { name, 0 };

	authority_check_kept(place_path("keys"), place_path("public"), wrong_note, &wrong);
	return wrong.count;
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
	assert_int_equal(wrong_count(NULL), 0);
}

/* ---- copies ---- */

/* Cut short, of another kind, with a byte that differs: what a copy may have become. */
static void
spoil(const char *copy, const char *content, size_t size, unsigned way)
{
	static const char other[] = "-----BEGIN CERTIFICATE-----\nMIIB\n";
	char spoilt[16384];
	size_t at = size * 2 / 3 + (content[size * 2 / 3] == '\n');

	memcpy(spoilt, content, size);
	memcpy(spoilt + size, other, sizeof other);
	if (way == 0)
		place_write(copy, slice_of(content, size / 2));
	else if (way == 1)
		place_write(copy, SLICE_LITERAL("something else\n"));
	else if (way == 2)
		place_write(copy, slice_of(spoilt, size + sizeof other - 1));
	else {
		/* In the middle of the base64. */
		spoilt[at] = spoilt[at] == 'A' ? 'B' : 'A';
		place_write(copy, slice_of(spoilt, size));
	}
}

static void
a_damaged_copy_is_told_and_never_published(void **state)
{
	struct fault fault;
	const char *restored;

	(void)state;
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		char before[8192], after[8192], copy[64], within[64], name[64];
		snprintf(copy, sizeof copy, "keys/%s.copy", names[i]);
		snprintf(within, sizeof within, "public/%s", names[i]);
		snprintf(name, sizeof name, "%s.copy", names[i]);
		size_t size = place_read(copy, before, sizeof before);
		for (unsigned way = 0; way < 4; way++) {
			spoil(copy, before, size, way);
			assert_int_equal(wrong_count(name), 1);
			assert_int_equal(unlink(place_path(within)), 0);
			if (restore(&restored, &fault) == ERROR_NONE || !slice_equal_text(fault.place, name))
				fail_msg("%s, way %u: %.*s", name, way, (int)fault.place.size,
				    (const char *)fault.place.data);
			assert_null(restored);
			assert_false(place_has(within));
			place_write(copy, slice_of(before, size));
			assert_int_equal(restore(&restored, &fault), ERROR_NONE);
			assert_int_equal(place_read(within, after, sizeof after), size);
			assert_memory_equal(before, after, size);
		}
	}
}

static void
copies_of_another_office_are_not_published(void **state)
{
	struct fault fault;
	const char *restored;

	(void)state;
	place_expect("rm -rf other other-public && mkdir other other-public");
	assert_int_equal(place_create("other", "other-public", PLACE_ORIGIN, NULL, &fault), ERROR_NONE);
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		char before[8192], others[8192], copy[64], within[64], from[64], name[64];
		snprintf(copy, sizeof copy, "keys/%s.copy", names[i]);
		snprintf(from, sizeof from, "other/%s.copy", names[i]);
		snprintf(within, sizeof within, "public/%s", names[i]);
		snprintf(name, sizeof name, "%s.copy", names[i]);
		size_t size = place_read(copy, before, sizeof before);
		place_write(copy, slice_of(others, place_read(from, others, sizeof others)));
		assert_int_equal(wrong_count(name), 1);
		assert_int_equal(unlink(place_path(within)), 0);
		assert_int_equal(restore(&restored, &fault), ERROR_store_damaged);
		assert_true(slice_equal_text(fault.place, name) && !place_has(within));
		place_write(copy, slice_of(before, size));
		assert_int_equal(restore(&restored, &fault), ERROR_NONE);
	}
}

static void
a_copy_that_is_gone_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		char before[8192], copy[64], name[64];
		snprintf(copy, sizeof copy, "keys/%s.copy", names[i]);
		snprintf(name, sizeof name, "%s.copy", names[i]);
		size_t size = place_read(copy, before, sizeof before);
		assert_int_equal(unlink(place_path(copy)), 0);
		assert_int_equal(wrong_count(name), 1);
		place_write(copy, slice_of(before, size));
	}
	place_expect("mkdir kept && mv keys/*.copy kept");
	assert_int_equal(wrong_count(NULL), NAMES_COUNT);
	place_expect("mv kept/* keys && rmdir kept");
	assert_int_equal(wrong_count(NULL), 0);
}

static void
note_all(void *context, const char *name)
{
	size_t *count = context;
	++*count;
	assert_true((*count == 1) == (name == NULL));
}

static void
the_directory_itself_is_made_again(void **state)
{
	struct fault fault;
	size_t count = 0;

	(void)state;
	place_expect("rm -rf public");
	assert_int_equal(authority_restore(place_path("keys"), place_path("public"), note_all, &count, &fault),
	    ERROR_NONE);
	assert_int_equal(count, 1 + NAMES_COUNT);
	assert_int_equal(wrong_count(NULL), 0);
	/* What stands in its place is no directory to write to. */
	place_expect("rm -rf public && ln -s nowhere public");
	assert_int_equal(authority_restore(place_path("keys"), place_path("public"), note_all, &count, &fault),
	    ERROR_file_unreadable);
	place_expect("rm public && mkdir public");
	count = 1;
	assert_int_equal(authority_restore(place_path("keys"), place_path("public"), note_all, &count, &fault),
	    ERROR_NONE);
	assert_int_equal(count, 1 + NAMES_COUNT);
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
		cmocka_unit_test(a_damaged_copy_is_told_and_never_published),
		cmocka_unit_test(copies_of_another_office_are_not_published),
		cmocka_unit_test(a_copy_that_is_gone_is_told),
		cmocka_unit_test(the_directory_itself_is_made_again),
	};
	return cmocka_run_group_tests_name("authority_kept", tests, set_up, tear_down);
}
