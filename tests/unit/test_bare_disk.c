/* SPDX-License-Identifier: Apache-2.0
 *
 * The bare disk: every append is there and synced, timed, and leaves nothing. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench/bare_disk.h"

#define COUNT 20

static char directory[] = "/tmp/guichet-disk-XXXXXX";
static char path[64];
static uint8_t bytes[5000];
static uint64_t durations_ns[COUNT];

static struct bare_disk_plan
plan_of(const char *where)
{
	return (struct bare_disk_plan){ where, slice_of(bytes, sizeof bytes), COUNT, NULL };
}

static size_t synced; /* times */

/* In the place of libc's: each sync is of one more append. */
int
fdatasync(int fd)
{
	struct stat stat;
	assert_int_equal(fstat(fd, &stat), 0);
	assert_int_equal(stat.st_size, ++synced * sizeof bytes);
	return (int)syscall(SYS_fdatasync, fd);
}

static void
every_append_is_timed(void **state)
{
	(void)state;
	struct fault fault;
	const struct bare_disk_plan plan = plan_of(path);
	uint64_t total_ns, sum_ns = 0;
	assert_int_equal(bare_disk_run(&plan, durations_ns, &total_ns, &fault), ERROR_NONE);
	for (size_t i = 0; i < COUNT; i++) {
		assert_true(durations_ns[i] > 0);
		sum_ns += durations_ns[i];
	}
	assert_int_equal(sum_ns, total_ns);
	assert_int_equal(synced, COUNT);
	assert_int_equal(access(path, F_OK), -1);
}

static void
it_runs_on_the_given_cpus_and_gives_them_back(void **state)
{
	(void)state;
	struct fault fault;
	cpu_set_t before, after, none;
	struct bare_disk_plan plan = plan_of(path);
	uint64_t total_ns;
	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	CPU_ZERO(&none);
	CPU_SET(CPU_SETSIZE - 1, &none);
	plan.cpus = &none;
	assert_int_equal(bare_disk_run(&plan, durations_ns, &total_ns, &fault), ERROR_usage);
	cpu_set_t one;
	CPU_ZERO(&one);
	for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &before))
			CPU_SET(cpu, &one);
	plan.cpus = &one;
	assert_int_equal(bare_disk_run(&plan, durations_ns, &total_ns, &fault), ERROR_NONE);
	assert_int_equal(sched_getaffinity(0, sizeof after, &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

static void
what_cannot_be_written_is_said(void **state)
{
	(void)state;
	struct fault fault;
	char absent[80];
	struct rlimit before, small;
	uint64_t total_ns;
	snprintf(absent, sizeof absent, "%s/absent/file", directory);
	struct bare_disk_plan plan = plan_of(absent);
	assert_int_equal(bare_disk_run(&plan, durations_ns, &total_ns, &fault), ERROR_file_unreadable);
	assert_true(slice_equal_text(fault.value, "No such file or directory"));
	/* A disk that fills up. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 3 * sizeof bytes / 2;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	plan = plan_of(path);
	assert_int_equal(bare_disk_run(&plan, durations_ns, &total_ns, &fault), ERROR_file_unreadable);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(slice_equal_text(fault.value, "File too large"));
	assert_int_equal(access(path, F_OK), -1);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/file", directory);
	return 0;
}

static int
forget_syncs(void **state)
{
	(void)state;
	synced = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_append_is_timed, forget_syncs),
		cmocka_unit_test_setup(it_runs_on_the_given_cpus_and_gives_them_back, forget_syncs),
		cmocka_unit_test_setup(what_cannot_be_written_is_said, forget_syncs),
	};
	return cmocka_run_group_tests_name("bare_disk", tests, set_up, tear_down);
}
