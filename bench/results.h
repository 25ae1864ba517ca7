/* SPDX-License-Identifier: Apache-2.0
 *
 * All that a suite found out, as results.json: the figures by name, every run whole, what failed, and what all of it
 * was made with, so that whoever doubts a figure can work it out again. */
#ifndef GUICHET_BENCH_RESULTS_H
#define GUICHET_BENCH_RESULTS_H

#include "bench/floor.h"
#include "bench/machine.h"
#include "bench/stage.h"

/* Holders' keys, and where they do not matter. The first is the default kind, whose figures stand for the whole. */
enum results_kind { RESULTS_RSA3072, RESULTS_P256, RESULTS_KINDS };

#define RESULTS_RUNS_MAX 64
#define RESULTS_FIGURES_MAX 128
#define RESULTS_FAILURES_MAX 64

/* "resident.rate", of one kind. */
struct results_figure {
	const char *group, *name;
	enum results_kind kind;
	double value;
};

/* What the loads of a kind were made of. */
struct results_corpus {
	size_t count; /* filings; 0: there is none */
	const char *taxpayers, *returns; /* as in record.h */
};

/* A step that came to no end; the texts outlive the results. */
struct results_failure {
	const char *step;
	enum results_kind kind;
	struct fault fault;
};

/* One whose stage.outcome is NULL is no run. It is invalid until results_finish. */
struct results_run {
	struct stage_result stage;
	bool is_finished;
	bool is_repeated; /* invalid, and made anew since: another run stands for it */
};

struct results {
	bool is_complete; /* nothing more will come */
	const char *command;
	struct machine machine;
	struct results_corpus corpora[RESULTS_KINDS];
	struct floor_result floor[RESULTS_KINDS];
	bool has_floor[RESULTS_KINDS];
	struct results_run runs[RESULTS_RUNS_MAX];
	size_t runs_count;
	struct results_figure figures[RESULTS_FIGURES_MAX];
	size_t figures_count;
	struct results_failure failures[RESULTS_FAILURES_MAX];
	size_t failures_count;
};

const char *results_kind_name(enum results_kind kind);
/* The next run's place; there must be one (asserted). */
struct results_run *results_run(struct results *results);
/* The run's step has come to its end: whether it is valid is from now on what the stage says. */
void results_finish(struct results_run *run);
/* NULL: the run is valid. */
const char *results_why_invalid(const struct results_run *run);
/* There must be room (asserted). The fault's texts are borrowed as long as the results are. */
void results_failure(struct results *results, const char *step, enum results_kind kind, const struct fault *fault);
void results_figure(struct results *results, const char *group, const char *name, enum results_kind kind, double value);
/* The figure of that kind, or of any when kind is RESULTS_KINDS; false when there is none. */
bool results_find(const struct results *results, const char *group, const char *name, enum results_kind kind,
    double *value);
/* Appends the JSON. */
void results_put(struct buf *buf, const struct results *results);
/* A table for the terminal. */
void results_print(const struct results *results);
void results_free(struct results *results);

#endif
