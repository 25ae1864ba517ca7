/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command says while it works: at a terminal, elsewhere, and to a program. The clock is the test's. */
#include "tests/unit/unit.h"

#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/admin/progress.h"

/* Takes standard error away for as long as the script runs; what came is in `out`. */
static void
listen(bool is_terminal, void script(struct progress *progress), char *out, size_t size)
{
	int ends[2], before = dup(STDERR_FILENO);
	struct progress progress;

	assert_int_equal(is_terminal ? openpty(&ends[0], &ends[1], NULL, NULL, NULL) : pipe(ends), 0);
	fflush(stderr);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	script(&progress);
	fputs("#", stderr); /* the end of it: a terminal hands on what it has, in parts */
	fflush(stderr);
	dup2(before, STDERR_FILENO);
	size_t total = 0;
	while (total == 0 || out[total - 1] != '#') {
		ssize_t got = read(ends[0], out + total, size - total);
		assert_true(got > 0);
		total += (size_t)got;
	}
	out[total - 1] = '\0';
	close(before);
	close(ends[0]);
	close(ends[1]);
}

static void
work(struct progress *progress)
{
	progress_begin(progress, "auditing office", false, 5000);
	progress_tell(progress, 1, "records", 5999);
	progress_tell(progress, 2, "records", 6000);
	progress_tell(progress, 3, "records", 6999);
	progress_tell(progress, 4, "segments", 7000);
	progress_wipe(progress);
	progress_wipe(progress);
}

static void
work_for_a_program(struct progress *progress)
{
	progress_begin(progress, "auditing office", true, 5000);
	progress_tell(progress, 2, "records", 9000);
	progress_wipe(progress);
}

static void
work_shortly(struct progress *progress)
{
	progress_begin(progress, "auditing office", false, 5000);
	progress_tell(progress, 2, "records", 5500);
	progress_wipe(progress);
}

/* Longer than a line has room for, and of characters of two bytes. */
static void
work_with_a_long_name(struct progress *progress)
{
	progress_begin(progress, "auditing éééééééééééé", false, 0);
	progress_tell(progress, UINT64_MAX, "segments of the archive", 1000);
	progress_wipe(progress);
}

static void
terminal_has_a_line_that_changes_and_is_wiped(void **state)
{
	(void)state;
	char said[1000], expected[1000], wipe[82];

	snprintf(wipe, sizeof wipe, "\r%79s\r", "");
	snprintf(expected, sizeof expected, "guichetd: auditing office ...%sguichetd: auditing office, 2 records ...%s"
	    "guichetd: auditing office, 4 segments ...%s", wipe, wipe, wipe);
	listen(true, work, said, sizeof said);
	assert_string_equal(said, expected);
	listen(true, work_shortly, said, sizeof said);
	snprintf(expected, sizeof expected, "guichetd: auditing office ...%s", wipe);
	assert_string_equal(said, expected);
	listen(true, work_with_a_long_name, said, sizeof said);
	assert_non_null(strstr(said, "é, 18446744073709551615 segments of the archive ...\r"));
}

static void
elsewhere_one_line_is_said_once_after_a_second(void **state)
{
	(void)state;
	char said[1000];

	listen(false, work, said, sizeof said);
	assert_string_equal(said, "guichetd: auditing office ...\n");
	listen(false, work_shortly, said, sizeof said);
	assert_string_equal(said, "");
}

static void
programs_are_told_nothing(void **state)
{
	(void)state;
	char said[1000];

	for (int is_terminal = 0; is_terminal < 2; is_terminal++) {
		listen(is_terminal, work_for_a_program, said, sizeof said);
		assert_string_equal(said, "");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(terminal_has_a_line_that_changes_and_is_wiped),
		cmocka_unit_test(elsewhere_one_line_is_said_once_after_a_second),
		cmocka_unit_test(programs_are_told_nothing),
	};
	return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
