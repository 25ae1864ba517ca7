/* SPDX-License-Identifier: Apache-2.0
 *
 * The line on standard error. */
#include "server/admin/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "protocol/bytes.h"

#define TELL_MS 1000U
/* Of a terminal, but for the last column: a line that is full would move on. */
#define WIDTH 79

/* As much of what is done as leaves room for how far it is. */
static void
show(struct progress *progress, size_t size_max)
{
	struct slice what = slice_cut(slice_of_text(progress->what), size_max);

	fprintf(stderr, "guichetd: %.*s", (int)what.size, (const char *)what.data);
	progress->is_shown = true;
}

void
progress_begin(struct progress *progress, const char *what, bool is_quiet, uint64_t now_ms)
{
	*progress = (struct progress){
		.what = what, .is_quiet = is_quiet, .is_terminal = isatty(STDERR_FILENO) == 1, .told_ms = now_ms
	};
	if (is_quiet || !progress->is_terminal)
		return;
	show(progress, 60);
	fputs(" ...", stderr);
	fflush(stderr);
}

void
progress_tell(struct progress *progress, uint64_t done, const char *things, uint64_t now_ms)
{
	if (progress->is_quiet || progress->is_told || now_ms < progress->told_ms + TELL_MS)
		return;
	progress->told_ms = now_ms;
	if (!progress->is_terminal) {
		fprintf(stderr, "guichetd: %s ...\n", progress->what);
		progress->is_told = true;
		return;
	}
	progress_wipe(progress);
	show(progress, 30);
	fprintf(stderr, ", %" PRIu64 " %s ...", done, things);
	fflush(stderr);
}

void
progress_wipe(struct progress *progress)
{
	if (progress->is_shown)
		fprintf(stderr, "\r%*s\r", WIDTH, "");
	progress->is_shown = false;
}
