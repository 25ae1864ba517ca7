/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet-bench: one function a subcommand, in a table that is dispatcher and usage. */
#ifndef GUICHET_BENCH_H
#define GUICHET_BENCH_H

#include "protocol/arena.h"
#include "protocol/error.h"

/* Of every run: a beginning that is not measured, and how long is measured when nothing is said. */
#define BENCH_WARMUP_NS ((uint64_t)1000000000)
#define BENCH_SECONDS ((uint64_t)8)

/* What a person may ask for. */
#define BENCH_COUNT_MAX 10000000
#define BENCH_TAXPAYERS_MAX 100000000
/* A day with its warm-up is what a curve may last. */
#define BENCH_SECONDS_MAX (24 * 3600 - 1)
/* What a guichetd takes unless told otherwise. */
#define BENCH_CONNECTIONS_MAX 20000

/* What all subcommands may be told; zero or NULL where nothing was said. */
struct bench_options {
	const char *directory; /* corpora, results */
	const char *programs;  /* where guichetd is: beside this program */
	const char *returns;   /* .irj file */
	const char *kind;      /* p256, rsa3072 */
	const char *scenario;
	const char *only; /* steps of the suite, in one text; NULL: all */
	unsigned long count, taxpayers, seconds, connections, window;
	/* Of an open loop; a closed one without any. */
	double rate;       /* arrivals a second; with a curve, what its rates are multiplied by; 0: not said */
	double rate_end;   /* to which the rate rises or falls; 0: it stays */
	const char *curve; /* file of "second,rate" */
	bool is_even;      /* arrivals evenly, else as by chance (Poisson) */
	const char *hgrm;  /* file for the distribution of latencies */
};

/* The process: made in main, and outlives whatever is told. */
struct bench {
	struct bench_options options;
	const char *command;  /* the whole command line */
	struct arena *texts;  /* of faults and results; curves */
	bool has_invalid_run; /* one that says nothing stands for what was asked */
};

enum error bench_prepare(struct bench *bench, struct fault *fault);
enum error bench_floor(struct bench *bench, struct fault *fault);
enum error bench_all(struct bench *bench, struct fault *fault);
enum error bench_report(struct bench *bench, struct fault *fault);
enum error bench_run(struct bench *bench, struct fault *fault);

#endif
