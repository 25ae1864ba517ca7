/* SPDX-License-Identifier: Apache-2.0
 *
 * What proc(5) and the processes' own CPU clocks say. */
#include "bench/family.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 64
/* A status has some 1,400 bytes, a list of FAMILY_MAX children fewer. */
#define TEXT_SIZE 4096
/* Of stat, counted from 1 (proc(5)); what stands before the third may contain spaces. */
#define FIELD_STATE 3
#define FIELD_SYSTEM_TICKS 15

/* The beginning of a file, NUL-terminated; false when it cannot be read. */
static bool
read_text(const char *path, char out[TEXT_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got = 0;

	if (fd < 0)
		return false;
	while (size < TEXT_SIZE - 1 && (got = read(fd, out + size, TEXT_SIZE - 1 - size)) > 0)
		size += (size_t)got;
	close(fd);
	out[size] = '\0';
	return got >= 0;
}

/* The number behind `name` at the beginning of a line; 0 when there is none. */
static uint64_t
number_of(const char *text, const char *name)
{
	size_t size = strlen(name);

	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, size) == 0)
			return strtoull(line + size, NULL, 10);
	}
	return 0;
}

/* ---- threads ---- */

/* Calls `take` with the id of each thread that there is, until it says false; false then. */
static bool
each_thread(pid_t pid, bool (*take)(void *context, pid_t pid, pid_t thread), void *context)
{
	char path[PATH_SIZE];
	const struct dirent *entry;
	bool is_good = true;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *threads = opendir(path);
	if (threads == NULL)
		return true;
	while (is_good && (entry = readdir(threads)) != NULL)
		if (entry->d_name[0] != '.')
			is_good = take(context, pid, (pid_t)strtol(entry->d_name, NULL, 10));
	closedir(threads);
	return is_good;
}

/* ---- who they are ---- */

/* Appends the children that a thread made; one that has ended has none any more. False when there are too many. */
static bool
take_children(void *context, pid_t pid, pid_t thread)
{
	struct family *family = context;
	char path[PATH_SIZE], text[TEXT_SIZE], *end;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, thread);
	if (!read_text(path, text))
		return true;
	for (const char *at = text;; at = end) {
		pid_t child = (pid_t)strtol(at, &end, 10);
		if (end == at)
			return true;
		if (family->count == FAMILY_MAX)
			return false;
		family->pids[family->count++] = child;
	}
}

bool
family_find(pid_t elder, struct family *out)
{
	char path[PATH_SIZE];

	*out = (struct family){ .pids = { elder }, .count = 1 };
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", elder, elder);
	if (access(path, R_OK) != 0)
		return false;
	for (size_t i = 0; i < out->count; i++)
		if (!each_thread(out->pids[i], take_children, out))
			return false;
	return true;
}

/* ---- what they had ---- */

static bool
count_cpu(pid_t pid, struct account *account)
{
	clockid_t clock;
	struct timespec spent;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &spent) != 0)
		return false;
	account->cpu_ns += (uint64_t)spent.tv_sec * 1000000000 + (uint64_t)spent.tv_nsec;
	return true;
}

static bool
count_system(pid_t pid, struct account *account)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	const uint64_t ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (!read_text(path, text))
		return false;
	const char *at = strrchr(text, ')');
	for (int field = FIELD_STATE - 1; at != NULL && field < FIELD_SYSTEM_TICKS; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL)
		return false;
	account->system_ns += strtoull(at, NULL, 10) * (1000000000 / ticks_per_second);
	return true;
}

static bool
count_memory(pid_t pid, struct account *account)
{
	char path[PATH_SIZE], text[TEXT_SIZE];

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	if (!read_text(path, text))
		return false;
	account->resident_bytes += number_of(text, "VmRSS:") * 1024;
	account->anonymous_bytes += number_of(text, "RssAnon:") * 1024;
	return true;
}

/* One that ended since the directory was read is none. */
static bool
count_thread(void *context, pid_t pid, pid_t thread)
{
	struct account *account = context;
	char path[PATH_SIZE], text[TEXT_SIZE];

	snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, thread);
	if (!read_text(path, text))
		return true;
	account->voluntary_switches += number_of(text, "voluntary_ctxt_switches:");
	account->involuntary_switches += number_of(text, "nonvoluntary_ctxt_switches:");
	account->threads++;
	return true;
}

bool
family_account(const struct family *family, struct account *out)
{
	*out = (struct account){ 0 };
	for (size_t i = 0; i < family->count; i++) {
		pid_t pid = family->pids[i];
		if (!count_cpu(pid, out) || !count_system(pid, out) || !count_memory(pid, out) ||
		    !each_thread(pid, count_thread, out))
			return false;
	}
	return true;
}
