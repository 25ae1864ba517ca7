/* SPDX-License-Identifier: Apache-2.0
 *
 * What the log says of publishing that fails: when it begins, when its reason changes, every ten minutes, and when it
 * is over; each kind of work by itself. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "server/loop.h"
#include "server/publish_watch.h"
#include "tests/unit/log_pipe.h"

#define MINUTE_MS ((uint64_t)60 * 1000)
/* What every line begins with. */
#define AT "2026-11-22T15:40:29.123Z "

static const struct publish_failure full = { PUBLISH_LOG, "write", "tile/0/000.p/7", ENOSPC, ERROR_NONE },
				    unsynced = { PUBLISH_LOG, "sync", "tile/0/000.p/7", ENOSPC, ERROR_NONE },
				    broken = { PUBLISH_LOG, "write", "tile/0/000.p/8", EIO, ERROR_NONE },
				    damaged = { PUBLISH_MEND, "read", "tile/0/005", 0, ERROR_store_damaged },
				    list = { PUBLISH_SINGLE, "write", "crl.pem", EACCES, ERROR_NONE };

/* What one failure has the log say; "" for nothing. */
static const char *
said(struct log_pipe *p, struct publish_watch *watch, const struct publish_failure *failure, uint64_t now_ms)
{
	publish_watch_failed(watch, failure, now_ms);
	return log_pipe_read(p);
}

static const char *
said_of_end(struct log_pipe *p, struct publish_watch *watch, enum publish_work work, uint64_t now_ms)
{
	publish_watch_done(watch, work, now_ms);
	return log_pipe_read(p);
}

static void
a_failure_that_lasts_is_told_when_it_begins_and_ends(void **state)
{
	struct log_pipe *p = *state;
	struct publish_watch watch = { .log = p->log };
	struct publish_failure other_file = full;

	assert_string_equal(said_of_end(p, &watch, PUBLISH_LOG, 0), "");
	assert_string_equal(said(p, &watch, &full, 5000),
	    AT "error publish_failed work=log file=tile/0/000.p/7 step=write reason=ENOSPC times=1 seconds=0 "
	    "answer=\"tried again every second; receipts are given all the same\"\n");
	other_file.file = "tile/0/000.p/9";
	for (uint64_t ms = 1000; ms < 10 * MINUTE_MS; ms += 1000)
		assert_string_equal(said(p, &watch, &other_file, 5000 + ms), "");
	assert_non_null(strstr(said(p, &watch, &full, 5000 + 10 * MINUTE_MS), " times=601 seconds=600 "));
	assert_string_equal(said(p, &watch, &full, 6000 + 10 * MINUTE_MS), "");
	assert_string_equal(said_of_end(p, &watch, PUBLISH_LOG, 7000 + 10 * MINUTE_MS),
	    AT "info publish_resumed work=log times=602 seconds=602\n");
	assert_string_equal(said_of_end(p, &watch, PUBLISH_LOG, 8000 + 10 * MINUTE_MS), "");
	/* The next one begins anew. */
	assert_non_null(strstr(said(p, &watch, &full, 9000 + 10 * MINUTE_MS), " times=1 seconds=0 "));
}

static void
what_is_not_published_is_known_until_it_is(void **state)
{
	struct log_pipe *p = *state;
	struct publish_watch watch = { .log = p->log };
	const struct publish_failure sweeping = { PUBLISH_SWEEP, "remove", "tile/0/000.p", EACCES, ERROR_NONE };

	assert_int_equal(publish_watch_error(&watch), ERROR_NONE);
	(void)said(p, &watch, &sweeping, 0);
	assert_int_equal(publish_watch_error(&watch), ERROR_NONE);
	(void)said(p, &watch, &damaged, 0);
	assert_int_equal(publish_watch_error(&watch), ERROR_store_damaged);
	(void)said(p, &watch, &list, 0);
	assert_int_equal(publish_watch_error(&watch), ERROR_file_unreadable);
	(void)said(p, &watch, &full, 0);
	assert_int_equal(publish_watch_error(&watch), ERROR_disk_full);
	(void)said_of_end(p, &watch, PUBLISH_LOG, 0);
	assert_int_equal(publish_watch_error(&watch), ERROR_file_unreadable);
	(void)said_of_end(p, &watch, PUBLISH_SINGLE, 0);
	(void)said_of_end(p, &watch, PUBLISH_MEND, 0);
	assert_int_equal(publish_watch_error(&watch), ERROR_NONE);
}

static void
another_reason_is_told_at_once(void **state)
{
	struct log_pipe *p = *state;
	struct publish_watch watch = { .log = p->log };

	(void)said(p, &watch, &full, 0);
	assert_non_null(strstr(
	    said(p, &watch, &broken, 1000), " file=tile/0/000.p/8 step=write reason=EIO times=2 seconds=1 "));
	assert_string_equal(said(p, &watch, &broken, 2000), "");
	assert_non_null(strstr(said(p, &watch, &full, 3000), " reason=ENOSPC times=4 "));
	assert_non_null(strstr(said(p, &watch, &unsynced, 4000), " step=sync reason=ENOSPC times=5 "));
	assert_non_null(strstr(said_of_end(p, &watch, PUBLISH_LOG, 5000), " times=5 seconds=5\n"));
}

static void
each_kind_of_work_has_its_own(void **state)
{
	struct log_pipe *p = *state;
	struct publish_watch watch = { .log = p->log };

	(void)said(p, &watch, &full, 0);
	assert_non_null(strstr(said(p, &watch, &list, 0), " work=file file=crl.pem step=write reason=EACCES "));
	assert_non_null(strstr(
	    said(p, &watch, &damaged, 0), " work=mend file=tile/0/005 step=read reason=store_damaged "));
	assert_non_null(strstr(said_of_end(p, &watch, PUBLISH_SINGLE, 1000), " work=file times=1 "));
	assert_string_equal(said(p, &watch, &full, 1000), "");
}

static void
the_publishers_calls_reach_the_log(void **state)
{
	struct log_pipe *p = *state;
	struct loop *loop = loop_create(NULL);
	struct publish_watch watch = { .log = p->log, .loop = loop };
	const struct publisher_calls calls = publish_watch_calls(&watch);

	assert_non_null(loop);
	calls.failed(calls.context, &full);
	assert_non_null(strstr(log_pipe_read(p), " error publish_failed "));
	calls.done(calls.context, PUBLISH_LOG);
	assert_non_null(strstr(log_pipe_read(p), " info publish_resumed "));
	calls.mended(calls.context, "tile/0/005", 3);
	assert_non_null(strstr(log_pipe_read(p), " warn publication_missing file=tile/0/005 tiles=3 "));
	loop_destroy(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_failure_that_lasts_is_told_when_it_begins_and_ends, log_pipe_open_still, log_pipe_close),
		cmocka_unit_test_setup_teardown(what_is_not_published_is_known_until_it_is,
		    log_pipe_open_still, log_pipe_close),
		cmocka_unit_test_setup_teardown(another_reason_is_told_at_once, log_pipe_open_still, log_pipe_close),
		cmocka_unit_test_setup_teardown(each_kind_of_work_has_its_own, log_pipe_open_still, log_pipe_close),
		cmocka_unit_test_setup_teardown(the_publishers_calls_reach_the_log,
		    log_pipe_open_still, log_pipe_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
