/* SPDX-License-Identifier: Apache-2.0
 *
 * One format, checked. */
#include "bench/path.h"

#include <stdarg.h>
#include <stdio.h>

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
