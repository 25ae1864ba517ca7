/* SPDX-License-Identifier: Apache-2.0
 *
 * What the jobs of a scenario send, out of a corpus: one script a kind of client. Scripts keep what they were answered,
 * so that every receipt can be verified after the run and compared with what the server gives when asked again. */
#ifndef GUICHET_BENCH_SCRIPT_H
#define GUICHET_BENCH_SCRIPT_H

#include "bench/corpus.h"
#include "bench/drive.h"

struct script;

struct script_kind {
	const char *name;
	/* As drive_script.next. */
	bool (*next)(struct script *script, const struct drive_job *job, struct caller *caller,
	    const struct dialect_reply *reply, struct slice *request);
};

/* file: the filing. file_over: the same, from the first again after the last, for those who store what they are sent
 * and know no duplicates; answers are not kept. enrol: the enrolment. mixed: log-in, list of filings, the filing, its
 * receipt again. receipt: log-in, the receipt of what was filed before. hello. */
extern const struct script_kind script_file, script_file_over, script_enrol, script_mixed, script_receipt, script_hello;

/* Keeps answers for as many jobs as the corpus has items. NULL when memory is short. */
must_check struct script *script_create(const struct script_kind *kind, struct corpus *corpus);
void script_destroy(struct script *script);
/* For a sample: job n is of item first + n * step, and its answer kept as that item's (else of item n). */
void script_spread(struct script *script, uint64_t first, uint64_t step);
/* Called with every answer that is kept, as it comes. */
void script_on_answer(struct script *script, void (*take)(void *context, uint64_t number, struct slice answer),
    void *context);
/* For a plan; borrowed. */
const struct drive_script *script_drive(const struct script *script);
/* The body of the last answer kept for that item; empty when there was none. Borrowed until script_destroy. */
struct slice script_answer(const struct script *script, uint64_t item);

#endif
