/* SPDX-License-Identifier: Apache-2.0
 *
 * The report of a load run: results.json in one page, results.html, that shows it without a network and can be sent to
 * anybody as it is. The page is bench/report.html, carried in the program; all that is drawn is drawn by it, from the
 * JSON, when it is opened. What it reads of the JSON stands at the head of its script. */
#ifndef GUICHET_BENCH_REPORT_H
#define GUICHET_BENCH_REPORT_H

#include "protocol/buf.h"
#include "protocol/error.h"

/* Its member "format" says so; another is refused. */
#define REPORT_FORMAT "guichet-bench 1"
#define REPORT_RESULTS_FILE "results.json"
#define REPORT_PAGE_FILE "results.html"
/* A day, second by second, of several runs. */
#define REPORT_RESULTS_MAX ((size_t)64 * 1024 * 1024)

/* Appends the page with the results, which are JSON, put in: `<` becomes \u003c, so that no string of theirs can end
 * the element they stand in. */
void report_put(struct buf *out, struct slice results_json);
/* It never appends more. */
size_t report_size_max(size_t results_size);

/* Makes DIR/results.html of DIR/results.json, whole or not at all. ERROR_file_unreadable, or ERROR_json_malformed when
 * the results are not JSON of this format. Texts of the fault are constants, or the system's of the moment. */
must_check enum error report_write(const char *directory, struct fault *fault);

#endif
