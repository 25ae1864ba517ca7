/* SPDX-License-Identifier: Apache-2.0
 *
 * What the log says of the disk's reserve: a line for each change, however often it is looked at. */
#include "tests/unit/unit.h"

#include <string.h>

#include "server/disk_watch.h"
#include "tests/unit/log_pipe.h"

#define RESERVE ((uint64_t)100000000)

/* What one look has the log say; "" for nothing. */
static const char *
said(struct log_pipe *p, struct disk_watch *watch, uint64_t bytes_free)
{
	disk_watch_look(watch, bytes_free);
	return log_pipe_read(p);
}

static void
each_change_has_one_line(void **state)
{
	struct log_pipe *p = *state;
	struct disk_watch watch = { .log = p->log, .reserve = RESERVE };

	assert_string_equal(said(p, &watch, RESERVE + 1), "");
	assert_string_equal(said(p, &watch, RESERVE),
	    "2026-11-22T15:40:29.123Z warn disk_reserve_reached bytes_free=100000000 disk_reserve=100000000 "
	    "answer=\"disk_full to whatever would have to be stored\"\n");
	assert_string_equal(said(p, &watch, 0), "");
	/* A little more is no change yet. */
	assert_string_equal(said(p, &watch, RESERVE + 1), "");
	assert_string_equal(said(p, &watch, RESERVE + DISK_WATCH_MARGIN - 1), "");
	assert_string_equal(said(p, &watch, RESERVE + DISK_WATCH_MARGIN),
	    "2026-11-22T15:40:29.123Z info disk_reserve_left bytes_free=104194304 disk_reserve=100000000\n");
	assert_string_equal(said(p, &watch, RESERVE + 1), "");
	assert_non_null(strstr(said(p, &watch, RESERVE - 1), " warn disk_reserve_reached bytes_free=99999999 "));
}

/* At the start as well, and when a request was larger than what is left: from then on until a look finds enough and
 * nobody was refused since the last. */
static void
who_is_refused_is_heard_of(void **state)
{
	struct log_pipe *p = *state;
	struct disk_watch watch = { .log = p->log, .reserve = RESERVE };

	for (int i = 0; i < 3; i++)
		disk_watch_refused(&watch);
	assert_non_null(strstr(said(p, &watch, RESERVE + 5), " warn disk_reserve_reached bytes_free=100000005 "));
	disk_watch_refused(&watch);
	assert_string_equal(said(p, &watch, RESERVE + DISK_WATCH_MARGIN), "");
	assert_non_null(strstr(said(p, &watch, RESERVE + DISK_WATCH_MARGIN), " info disk_reserve_left "));
	watch = (struct disk_watch){ .log = p->log, .reserve = RESERVE };
	assert_non_null(strstr(said(p, &watch, 7), " warn disk_reserve_reached bytes_free=7 "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_change_has_one_line, log_pipe_open_still, log_pipe_close),
		cmocka_unit_test_setup_teardown(who_is_refused_is_heard_of, log_pipe_open_still, log_pipe_close),
	};
	return cmocka_run_group_tests_name("disk_watch", tests, NULL, NULL);
}
