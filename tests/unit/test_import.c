/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd import where the store has damage: a line is taken whole or not at all, and the damage is told as such. */
#include "tests/unit/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/admin/admin.h"
#include "tests/unit/file.h"

#define OUTPUT_MAX ((size_t)4096)

static struct slice
household_key(struct decision_fixture *fixture, const char *household)
{
	struct keyed name = decision_fixture_keyed(fixture, "household", household);

	return KEY_MAKE(fixture->arena, KEY_household, key_part_keyed(&name));
}

static struct slice
taxpayer_key(struct decision_fixture *fixture, struct slice spi)
{
	char text[16] = "";

	memcpy(text, spi.data, spi.size);
	struct keyed person = decision_fixture_keyed(fixture, "person", text);
	return KEY_MAKE(fixture->arena, KEY_taxpayer, key_part_keyed(&person));
}

/* Instead of the record there is something else, sealed as it should be. */
static void
spoil(struct decision_fixture *fixture, struct slice key)
{
	struct store_batch *batch = store_batch_create(fixture->store);

	assert_non_null(batch);
	store_put(batch, (struct retention){ RETENTION_REGISTER, 2026 }, key, SLICE_LITERAL("\x01no record"));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

/* Imports one line for each of two people, the second moving into THERE. Gives the exit code; what is told goes to
 * `output`. */
static int
import(struct decision_fixture *fixture, struct slice first, struct slice second, char output[OUTPUT_MAX])
{
	char path[80], text[512];
	char *argv[] = { (char *)(uintptr_t)"import", (char *)(uintptr_t)"taxpayers", fixture->directory, path, NULL };
	FILE *captured = tmpfile();

	snprintf(path, sizeof path, "%s/register.csv", fixture->directory);
	int size = snprintf(text, sizeof text, "%.*s,LEROY,Anne,A-1,30000,75,NEW,\n"
	    "%.*s,MARTIN,Luc,A-2,31000,75,THERE,\n",
	    (int)first.size, (const char *)first.data, (int)second.size, (const char *)second.data);
	file_write(path, slice_of(text, (size_t)size));
	assert_non_null(captured);
	fflush(stderr);
	int saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fileno(captured), STDERR_FILENO) >= 0);
	decision_fixture_close_store(fixture);
	int exit = admin_import(4, argv);
	decision_fixture_open_store(fixture);
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(captured);
	output[fread(output, 1, OUTPUT_MAX - 1, captured)] = '\0';
	fclose(captured);
	return exit;
}

/* Somebody moves. Either household, or what the register had of the person, cannot be read: nothing has moved. */
static void
a_damaged_record_leaves_nobody_half_moved(void **state)
{
	char output[OUTPUT_MAX];

	(void)state;
	for (int spoilt = 0; spoilt < 4; spoilt++) {
		struct decision_fixture *fixture = decision_fixture_create_on_disk();
		struct person *moves = people_register(fixture, 1000000001, "OLD"),
			      *stays = people_register(fixture, 1000000002, "THERE");
		struct slice new_spi = people_spi(fixture, 1000000003), spi = moves->taxpayer.spi;
		struct rec_household there;
		struct rec_taxpayer register_has;

		if (spoilt == 0)
			spoil(fixture, household_key(fixture, "OLD"));
		else if (spoilt == 1)
			spoil(fixture, household_key(fixture, "THERE"));
		else if (spoilt == 2)
			spoil(fixture, taxpayer_key(fixture, spi));
		int exit = import(fixture, new_spi, spi, output);
		if (spoilt == 3) {
			assert_int_equal(exit, ADMIN_DONE);
		} else {
			assert_int_equal(exit, ADMIN_FAILED);
			assert_non_null(strstr(output, error_find(ERROR_store_damaged)->english));
			assert_non_null(strstr(output, "line 2"));
			/* Nor is the line before it: they are committed together. */
			assert_false(decision_fixture_get(fixture, taxpayer_key(fixture, new_spi), record_taxpayer(),
			    &register_has));
		}
		if (spoilt != 1) {
			assert_true(decision_fixture_get(fixture, household_key(fixture, "THERE"), record_household(),
			    &there));
			assert_int_equal(there.members_count, spoilt == 3 ? 2 : 1);
			assert_true(slice_equal(there.members[0].spi, stays->taxpayer.spi));
		}
		if (spoilt != 2) {
			assert_true(decision_fixture_get(fixture, taxpayer_key(fixture, spi), record_taxpayer(),
			    &register_has));
			assert_true(slice_equal_text(register_has.household, spoilt == 3 ? "THERE" : "OLD"));
		}
		decision_fixture_destroy(fixture);
	}
	people_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_record_leaves_nobody_half_moved),
	};
	return cmocka_run_group_tests_name("import", tests, NULL, NULL);
}
