/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters; no decision is made here. */
#include "bench/outcome.h"

#include <stdlib.h>

#include "protocol/check.h"

#define SECOND_NS ((uint64_t)1000000000)

struct outcome *
outcome_create(bool is_open, uint64_t warmup_ns, uint64_t duration_ns, uint64_t grace_ns)
{
	struct outcome *outcome = calloc(1, sizeof *outcome);

	if (outcome == NULL)
		return NULL;
	outcome->is_open = is_open;
	outcome->warmup_ns = warmup_ns;
	outcome->duration_ns = duration_ns;
	outcome->seconds_count = (size_t)((warmup_ns + duration_ns + grace_ns) / SECOND_NS) + 2;
	outcome->seconds = calloc(outcome->seconds_count, sizeof *outcome->seconds);
	outcome->latency = histogram_create();
	outcome->refusal = histogram_create();
	outcome->lag = histogram_create();
	outcome->second = histogram_create();
	if (outcome->seconds != NULL && outcome->latency != NULL && outcome->refusal != NULL && outcome->lag != NULL &&
	    outcome->second != NULL)
		return outcome;
	outcome_destroy(outcome);
	return NULL;
}

void
outcome_destroy(struct outcome *outcome)
{
	if (outcome == NULL)
		return;
	free(outcome->seconds);
	histogram_destroy(outcome->latency);
	histogram_destroy(outcome->refusal);
	histogram_destroy(outcome->lag);
	histogram_destroy(outcome->second);
	free(outcome);
}

static void
second_close(struct outcome *outcome)
{
	struct outcome_second *second = &outcome->seconds[outcome->second_now];

	if (histogram_count(outcome->second) == 0)
		return;
	second->p50_ns = histogram_percentile_ns(outcome->second, 50);
	second->p99_ns = histogram_percentile_ns(outcome->second, 99);
	second->max_ns = histogram_max_ns(outcome->second);
	histogram_clear(outcome->second);
}

/* The row of that moment; what comes after the last second counts in it. */
static struct outcome_second *
second_at(struct outcome *outcome, uint64_t now_ns)
{
	size_t nth = (size_t)(now_ns / SECOND_NS);

	if (nth >= outcome->seconds_count)
		nth = outcome->seconds_count - 1;
	if (nth != outcome->second_now) {
		second_close(outcome);
		outcome->second_now = nth;
	}
	return &outcome->seconds[nth];
}

static void
count_code(struct outcome *outcome, uint32_t status)
{
	size_t at = 0;

	while (at < outcome->codes_count && outcome->codes[at].status != status)
		at++;
	if (at == outcome->codes_count && at < OUTCOME_CODES_MAX)
		outcome->codes[outcome->codes_count++].status = status;
	outcome->codes[at < OUTCOME_CODES_MAX ? at : OUTCOME_CODES_MAX - 1].count++;
}

static uint64_t
end_ns(const struct outcome *outcome)
{
	return outcome->warmup_ns + outcome->duration_ns;
}

/* Does a job's latency belong to the measured part? A closed loop begins little while its server stalls, so there the
 * stall is found with what had begun before. */
static bool
is_measured(const struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns)
{
	return begun_ns < end_ns(outcome) && (outcome->is_open ? begun_ns : now_ns) >= outcome->warmup_ns;
}

void
outcome_answered(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns, uint32_t status)
{
	struct outcome_second *second = second_at(outcome, now_ns);
	bool is_accepted = status == 0;

	outcome->answered++;
	count_code(outcome, status);
	*(is_accepted ? &second->accepted : &second->refused) += 1;
	if (is_accepted)
		histogram_record(outcome->second, now_ns - begun_ns);
	if (now_ns >= outcome->warmup_ns && now_ns < end_ns(outcome))
		*(is_accepted ? &outcome->accepted : &outcome->refused) += 1;
	if (is_measured(outcome, begun_ns, now_ns))
		histogram_record(is_accepted ? outcome->latency : outcome->refusal, now_ns - begun_ns);
}

/* What was not answered took at least as long as it was waited for. */
static void
record_bound(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns)
{
	if (!is_measured(outcome, begun_ns, now_ns))
		return;
	histogram_record(outcome->latency, now_ns > begun_ns ? now_ns - begun_ns : 0);
	outcome->bounds++;
}

void
outcome_lost(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns)
{
	second_at(outcome, now_ns)->lost++;
	outcome->lost++;
	record_bound(outcome, begun_ns, now_ns);
}

void
outcome_unanswered(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns)
{
	outcome->unanswered++;
	record_bound(outcome, begun_ns, now_ns);
}

void
outcome_unsent(struct outcome *outcome, uint64_t begun_ns, uint64_t now_ns)
{
	outcome->unsent++;
	record_bound(outcome, begun_ns, now_ns);
}

void
outcome_close(struct outcome *outcome)
{
	second_close(outcome);
	check(outcome->started == outcome->answered + outcome->lost + outcome->unanswered);
	check(!outcome->is_open || outcome->due == outcome->started + outcome->unsent);
}

double
outcome_rate(const struct outcome *outcome)
{
	return outcome->duration_ns == 0 ? 0 : (double)outcome->accepted * 1e9 / (double)outcome->duration_ns;
}

uint64_t
outcome_count_of(const struct outcome *outcome, uint32_t status)
{
	for (size_t i = 0; i < outcome->codes_count; i++)
		if (outcome->codes[i].status == status)
			return outcome->codes[i].count;
	return 0;
}
