/* SPDX-License-Identifier: Apache-2.0
 *
 * One format, checked; directories, from the top. */
#include "bench/path.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "protocol/check.h"

void
path_make(char out[PATH_SIZE], const char *format, ...)
{
	va_list list;

	va_start(list, format);
	int size = vsnprintf(out, PATH_SIZE, format, list);
	va_end(list);
	check(size >= 0 && (size_t)size < PATH_SIZE);
}

/* What is there and is no directory is told when something is made in it. */
bool
path_make_directories(const char *path)
{
	char part[PATH_SIZE];

	for (size_t size = 1; path[size - 1] != '\0'; size++) {
		if (path[size] != '/' && path[size] != '\0')
			continue;
		path_make(part, "%.*s", (int)size, path);
		if (mkdir(part, 0777) != 0 && errno != EEXIST)
			return false;
	}
	return true;
}
