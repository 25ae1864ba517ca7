/* SPDX-License-Identifier: Apache-2.0
 *
 * What a filing cannot cost less than: the primitives alone, over the very bytes of a corpus, on the core that the
 * server has, in CPU time of this thread. Storing is not in it, nor anything that the server decides.
 *
 * The functions measured are the ones that the server calls, so what they cost here they cost there. */
#ifndef GUICHET_BENCH_FLOOR_H
#define GUICHET_BENCH_FLOOR_H

#include "bench/corpus.h"

/* About a receipt's answer, in bytes, where none was measured; and how many filings stand for all. */
#define FLOOR_ANSWER ((size_t)2000)
#define FLOOR_SAMPLE ((size_t)2000)

enum floor_part {
	FLOOR_VERIFY,  /* the signature, its key imported first: each taxpayer comes once */
	FLOOR_TLS,     /* the request's records in and the answer's out, over a socket of 127.0.0.1 */
	FLOOR_INFLATE, /* the document */
	FLOOR_DIGEST,  /* SHA-256 of manifest and document */
	FLOOR_SEAL,    /* AES-256-GCM over what is archived */
	FLOOR_SCAN,    /* the document's JSON through the parser, nothing built */
	FLOOR_PARTS,
};

struct floor_result {
	double ns[FLOOR_PARTS]; /* a filing */
	double total_ns;
	size_t answer_size; /* of a receipt's answer, in bytes, as it leaves */
};

struct floor_plan {
	const char *directory, *programs, *kind; /* as in struct scenario_plan */
	struct corpus *corpus;
	size_t count; /* its first items, so many at most */
	struct arena *texts; /* of faults */
};

/* The part's name in tables and results. */
const char *floor_part_name(enum floor_part part);

/* Files the sample at a real server, over a copy of the office, so that what is archived and answered is what it would
 * be; then measures on the server's core, several times, the fastest of which counts for each part. */
must_check enum error floor_measure(const struct floor_plan *plan, struct floor_result *out, struct fault *fault);

#endif
