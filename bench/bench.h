/* SPDX-License-Identifier: Apache-2.0
 *
 * guichet-bench: one function a subcommand, in a table that is dispatcher and usage. */
#ifndef GUICHET_BENCH_H
#define GUICHET_BENCH_H

#include "protocol/error.h"

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

enum error bench_prepare(const struct bench_options *options, struct fault *fault);
enum error bench_floor(const struct bench_options *options, struct fault *fault);
enum error bench_all(const struct bench_options *options, struct fault *fault);
enum error bench_report(const struct bench_options *options, struct fault *fault);
enum error bench_run(const struct bench_options *options, struct fault *fault);

#endif
