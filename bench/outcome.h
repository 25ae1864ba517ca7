/* SPDX-License-Identifier: Apache-2.0
 *
 * What came of one run: latencies, answers by code, a row for each second. Whatever was meant to be sent is counted
 * once: as answered (by code), lost with its connection, unanswered at the end, or never sent. */
#ifndef GUICHET_BENCH_OUTCOME_H
#define GUICHET_BENCH_OUTCOME_H

#include "bench/histogram.h"

/* Different codes counted; further ones count as the last. */
#define OUTCOME_CODES_MAX 32

struct outcome_second {
	uint64_t accepted, refused, lost;
	uint64_t p50_ns, p99_ns, max_ns; /* of those accepted */
};

struct outcome_code {
	uint32_t status; /* 0: accepted */
	uint64_t count;
};

struct outcome {
	uint64_t warmup_ns, duration_ns; /* the measured part begins after the first */
	bool is_open;
	/* Accepted, from the intended moment (open loop) or the sending to the answer, whenever that came: of an open
	 * loop those that were meant in the measured part, of a closed one those under way in it. Whatever was not
	 * answered stands there too, with the age it had when the run gave it up: it took at least so long. */
	struct histogram *latency;
	struct histogram *refusal; /* the same of those refused */
	struct histogram *lag;     /* of the generator behind its schedule */
	uint64_t bounds;           /* in latency: not answered */
	uint64_t accepted, refused; /* answered in the measured part: rates are made of these */
	uint64_t due, started, answered, lost, unanswered, unsent, reconnects, retries; /* of the whole run */
	uint64_t bytes_sent, bytes_received;
	uint64_t busy_ns; /* that the generator worked in the measured part */
	struct outcome_code codes[OUTCOME_CODES_MAX]; /* of the whole run, by first appearance */
	size_t codes_count;
	struct outcome_second *seconds; /* since the run's start, warm-up included; by the moment of the answer */
	size_t seconds_count;
	struct histogram *second; /* scratch: of the second that is under way */
	size_t second_now;
};

/* NULL when memory is short. The run ends grace_ns after warm-up and duration at the latest. */
must_check struct outcome *outcome_create(bool is_open, uint64_t warmup_ns, uint64_t duration_ns, uint64_t grace_ns);
void outcome_destroy(struct outcome *outcome);

/* ---- what became of one job that began, or was meant to, at `begun_ns` since the run's start ---- */

/* Answered at `now_ns`. */
void outcome_answered(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns, uint32_t status);
/* Its connection was lost, or never came about. */
void outcome_lost(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns);
/* At the end of all waiting there was no answer. */
void outcome_unanswered(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns);
/* At the end of the run it had not been sent. */
void outcome_unsent(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns);

/* No more will come. Asserts that each job was counted once. */
void outcome_close(struct outcome *outcome);
/* Accepted a second in the measured part. */
double outcome_rate(const struct outcome *outcome);
uint64_t outcome_count_of(const struct outcome *outcome, uint32_t status);

#endif
