/* SPDX-License-Identifier: Apache-2.0
 *
 * All that a suite found out, as results.json: the figures by name, and every run whole, so that whoever doubts a
 * figure can work it out again. */
#ifndef GUICHET_BENCH_RESULTS_H
#define GUICHET_BENCH_RESULTS_H

#include "bench/floor.h"
#include "bench/stage.h"

/* Holders' keys, and where they do not matter. The first is the default kind, whose figures stand for the whole. */
enum results_kind { RESULTS_RSA3072, RESULTS_P256, RESULTS_KINDS };

#define RESULTS_RUNS_MAX 64
#define RESULTS_FIGURES_MAX 64

/* "resident.rate", of one kind. */
struct results_figure {
	const char *group, *name;
	enum results_kind kind;
	double value;
};

struct results {
	struct floor_result floor[RESULTS_KINDS];
	bool has_floor[RESULTS_KINDS];
	struct stage_result runs[RESULTS_RUNS_MAX];
	size_t runs_count;
	struct results_figure figures[RESULTS_FIGURES_MAX];
	size_t figures_count;
};

const char *results_kind_name(enum results_kind kind);
/* The next run's place; there must be one (asserted). One whose outcome stays NULL is no run. */
struct stage_result *results_run(struct results *results);
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
