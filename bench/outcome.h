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
	/* Accepted in the measured part: from the intended moment (open loop) or the sending. */
	struct histogram *latency;
	struct histogram *refusal; /* refused in it */
	struct histogram *lag;     /* of the generator behind its schedule */
	uint64_t accepted, refused; /* in the measured part */
	uint64_t due, started, lost, unanswered, unsent, reconnects, retries; /* of the whole run */
	uint64_t bytes_sent, bytes_received;
	struct outcome_code codes[OUTCOME_CODES_MAX]; /* of the whole run, by first appearance */
	size_t codes_count;
	struct outcome_second *seconds; /* since the run's start, warm-up included */
	size_t seconds_count;
	struct histogram *second; /* scratch: of the second that is under way */
	size_t second_now;
};

/* NULL when memory is short. The run ends grace_ns after warm-up and duration at the latest. */
must_check struct outcome *outcome_create(uint64_t warmup_ns, uint64_t duration_ns, uint64_t grace_ns);
void outcome_destroy(struct outcome *outcome);

/* At `now_ns` since the run's start a job was answered, `took_ns` after its beginning. */
void outcome_answered(struct outcome *outcome, uint64_t now_ns, uint32_t status, uint64_t took_ns);
void outcome_lost(struct outcome *outcome, uint64_t now_ns);
/* No more will come. */
void outcome_close(struct outcome *outcome);
/* Accepted a second in the measured part. */
double outcome_rate(const struct outcome *outcome);
uint64_t outcome_count_of(const struct outcome *outcome, uint32_t status);

#endif
