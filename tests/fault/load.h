/* SPDX-License-Identifier: Apache-2.0
 *
 * The load's memory: what it asked of the office and what the office answered. load.c asks, verify.c asks again. */
#ifndef GUICHET_TESTS_FAULT_LOAD_H
#define GUICHET_TESTS_FAULT_LOAD_H

#include <guichet/guichet.h>
#include <stdio.h>

/* Of its own bytes; data NULL: none. */
struct kept {
	uint8_t *data;
	size_t size;
};

/* A signed filing and, once acknowledged, its receipt. */
struct paper {
	struct guichet_filing *filing; /* NULL: not signed yet */
	struct kept receipt, proof;
};

enum { PAPER_FIRST, PAPER_RECTIFYING, PAPERS };

struct person {
	struct load *load;
	char *spi, *birth_name, *filer_number, *reference_income;
	struct guichet_identity *identity;
	struct guichet_blob *content;     /* the return document */
	char *attachment;                 /* path; NULL: none */
	bool is_enrolled;
	struct paper papers[PAPERS];
	bool rectifies;
	bool is_under_way;
};

/* Errors of the protocol's own numbers are below. */
#define REFUSALS 100

struct load {
	const struct guichet_trust *trust;
	struct guichet_problem *problem;
	struct person *people;
	size_t count;
	size_t active; /* the first so many of them are worked on */
	bool is_lenient;
	FILE *journal;
	uint64_t draw; /* state of the seeded draw */
	size_t first_open; /* everybody before is done */
	size_t acknowledged, repeated;
	size_t refused[REFUSALS]; /* in this run, by error */
	struct kept *checkpoints; /* of each run's beginning */
	size_t checkpoints_count;
};

/* Ends the process after "wrong ..." on standard output: what was promised was not kept. */
void wrong(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The same for an error of the library's. */
void wrong_problem(const char *what, const struct guichet_problem *problem) __attribute__((noreturn));
void kept_set(struct kept *kept, struct guichet_bytes bytes);
bool kept_equal(const struct kept *kept, struct guichet_bytes bytes);
struct guichet_bytes kept_bytes(const struct kept *kept);

/* Everything acknowledged is there, as it was: asked of a running office, answered by "verified ..." */
void verify_all(struct load *load, const char *address);

#endif
