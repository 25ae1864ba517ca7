/* SPDX-License-Identifier: Apache-2.0
 *
 * The targets stand in one table; the JSON is written member by member. */
#include "bench/results.h"

#include "bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/error.h"
#include "protocol/json.h"

/* Of a longer text the beginning is written. */
#define TEXT_MAX ((size_t)8192)

static const char *const kind_names[RESULTS_KINDS] = { "rsa3072", "p256" };

/* What each figure is to reach; the kinds are those for which it is asked. */
static const struct target {
	const char *group, *name;
	bool is_most; /* at most, else at least */
	bool of_both_kinds;
	double value;
	const char *about;
} targets[] = {
	{ "resident", "efficiency", false, true, 0.75, "floor CPU per filing over server CPU per filing" },
	{ "resident", "vs_redis", false, true, 0.5, "filings a second over redis's durable SET of the same bytes" },
	{ "evening", "vs_nginx", false, true, 0.8, "nginx's CPU per request on a new connection over ours per filing" },
	{ "idle", "vs_nginx", true, false, 1.0, "resident bytes of an idle connection over nginx's" },
	{ "latency70", "p99_over_fsync", true, true, 3.0,
	    "p99 at 70 % of the highest rate over p99 of append and sync" },
	{ "overload", "goodput_ratio", false, true, 0.9, "accepted a second at 150 % offered over the highest rate" },
	{ "overload", "p99_ms", true, true, 1000.0, "p99 of those accepted at 150 % offered" },
	{ "growth", "rate_ratio", false, false, 0.85,
	    "rate with 5 million taxpayers and 1 million filings over that with a thousand taxpayers" },
	{ "growth", "rss_anon_mib", true, false, 400.0,
	    "RssAnon with 5 million taxpayers and 5,000 active connections" },
};

#define TARGETS_COUNT (sizeof targets / sizeof targets[0])

const char *
results_kind_name(enum results_kind kind)
{
	return kind_names[kind];
}

struct results_run *
results_run(struct results *results)
{
	check(results->runs_count < RESULTS_RUNS_MAX);
	return &results->runs[results->runs_count++];
}

void
results_finish(struct results_run *run)
{
	run->is_finished = true;
}

const char *
results_why_invalid(const struct results_run *run)
{
	return run->is_finished ? run->stage.why_invalid : "not finished";
}

void
results_failure(struct results *results, const char *step, enum results_kind kind, const struct fault *fault)
{
	check(results->failures_count < RESULTS_FAILURES_MAX);
	results->failures[results->failures_count++] = (struct results_failure){ step, kind, *fault };
}

void
results_figure(struct results *results, const char *group, const char *name, enum results_kind kind, double value)
{
	check(results->figures_count < RESULTS_FIGURES_MAX);
	results->figures[results->figures_count++] = (struct results_figure){ group, name, kind, value };
}

bool
results_find(const struct results *results, const char *group, const char *name, enum results_kind kind, double *value)
{
	for (size_t i = 0; i < results->figures_count; i++) {
		const struct results_figure *figure = &results->figures[i];
		if ((figure->kind == kind || kind == RESULTS_KINDS) && strcmp(figure->group, group) == 0 &&
		    strcmp(figure->name, name) == 0) {
			*value = figure->value;
			return true;
		}
	}
	return false;
}

void
results_free(struct results *results)
{
	for (size_t i = 0; i < results->runs_count; i++)
		stage_result_free(&results->runs[i].stage);
}

/* ---- members ---- */

static void
put_value(struct buf *buf, double value)
{
	if (!isfinite(value))
		buf_put_text(buf, "null");
	else
		buf_put_format(buf, "%.6g", value);
}

static void
put_number(struct buf *buf, const char *name, double value)
{
	json_put_name(buf, name);
	put_value(buf, value);
}

static void
put_count(struct buf *buf, const char *name, uint64_t count)
{
	json_put_name(buf, name);
	buf_put_format(buf, "%llu", (unsigned long long)count);
}

static void
put_count_or_null(struct buf *buf, const char *name, uint64_t count, bool has)
{
	if (has)
		put_count(buf, name, count);
	else
		put_number(buf, name, NAN);
}

/* Some texts are the world's: a path, what a program said. Bytes that are no UTF-8 become question marks. */
static void
put_slice(struct buf *buf, const char *name, struct slice text)
{
	char copy[TEXT_MAX];
	size_t size = text.size < sizeof copy ? text.size : sizeof copy;

	for (size_t i = 0; i < size; i++) {
		size_t good = slice_utf8_prefix(slice_of(text.data + i, size - i));
		memcpy(copy + i, text.data + i, good);
		i += good;
		if (i < size)
			copy[i] = '?';
	}
	json_put_name(buf, name);
	json_put_string(buf, slice_of(copy, size));
}

static void
put_text(struct buf *buf, const char *name, const char *text)
{
	put_slice(buf, name, slice_of_text(text == NULL ? "" : text));
}

static void
put_bool(struct buf *buf, const char *name, bool value)
{
	json_put_name(buf, name);
	buf_put_text(buf, value ? "true" : "false");
}

static void
put_open(struct buf *buf, const char *name, const char *bracket)
{
	json_put_name(buf, name);
	buf_put_text(buf, bracket);
}

/* Before an item of a list. */
static void
put_comma(struct buf *buf, size_t nth)
{
	if (nth != 0)
		buf_put_text(buf, ",");
}

/* ---- machine, targets, floor ---- */

static void
put_machine(struct buf *buf, const struct machine *machine)
{
	const char *started = machine->started == NULL ? "" : machine->started;

	put_open(buf, "machine", "{");
	put_text(buf, "processor", machine->processor);
	put_count(buf, "cores", (uint64_t)machine->cores);
	put_text(buf, "kernel", machine->kernel);
	put_text(buf, "filesystem", machine->filesystem);
	put_text(buf, "guichetd", machine->guichetd);
	put_text(buf, "guichetd_sha256", machine->guichetd_digest);
	put_text(buf, "openssl", machine->openssl);
	put_text(buf, "nginx", machine->nginx);
	put_text(buf, "redis", machine->redis);
	put_slice(buf, "date", slice_of(started, strcspn(started, "T")));
	put_text(buf, "started", started);
	buf_put_text(buf, "}");
}

static void
put_corpora(struct buf *buf, const struct results *results)
{
	put_open(buf, "corpora", "{");
	for (size_t kind = 0; kind < RESULTS_KINDS; kind++) {
		const struct results_corpus *corpus = &results->corpora[kind];
		if (corpus->count == 0)
			continue;
		put_open(buf, kind_names[kind], "{");
		put_count(buf, "count", corpus->count);
		put_text(buf, "taxpayers", corpus->taxpayers);
		put_text(buf, "returns", corpus->returns);
		buf_put_text(buf, "}");
	}
	buf_put_text(buf, "}");
}

static void
put_failures(struct buf *buf, const struct results *results)
{
	put_open(buf, "failures", "[");
	for (size_t i = 0; i < results->failures_count; i++) {
		const struct results_failure *failure = &results->failures[i];
		put_comma(buf, i);
		buf_put_text(buf, "{");
		put_text(buf, "step", failure->step);
		put_text(buf, "kind", kind_names[failure->kind]);
		put_text(buf, "error", error_name(failure->fault.error));
		put_slice(buf, "place", failure->fault.place);
		put_slice(buf, "value", failure->fault.value);
		put_slice(buf, "expected", failure->fault.expected);
		buf_put_text(buf, "}");
	}
	buf_put_text(buf, "]");
}

static bool
is_reached(const struct target *target, double value)
{
	return target->is_most ? value <= target->value : value >= target->value;
}

/* The nth kind of those for which it is asked. */
static enum results_kind
kind_of(const struct target *target, int nth)
{
	return target->of_both_kinds ? (enum results_kind)nth : RESULTS_KINDS;
}

static void
put_targets(struct buf *buf, const struct results *results)
{
	size_t nth = 0;

	put_open(buf, "targets", "[");
	for (size_t i = 0; i < TARGETS_COUNT; i++)
		for (int kind = 0; kind < (targets[i].of_both_kinds ? RESULTS_KINDS : 1); kind++) {
			const struct target *target = &targets[i];
			double value = 0;
			bool has = results_find(results, target->group, target->name, kind_of(target, kind), &value);
			put_comma(buf, nth++);
			buf_put_format(buf, "{\"figure\":\"%s.%s\"", target->group, target->name);
			put_number(buf, target->is_most ? "at_most" : "at_least", target->value);
			json_put_name(buf, "value");
			put_value(buf, has ? value : NAN);
			put_bool(buf, "reached", has && is_reached(target, value));
			put_text(buf, "kind", target->of_both_kinds ? kind_names[kind] : "");
			put_text(buf, "about", target->about);
			buf_put_text(buf, "}");
		}
	buf_put_text(buf, "]");
}

static void
put_floors(struct buf *buf, const struct results *results)
{
	char name[32];

	put_open(buf, "floor", "{");
	for (size_t kind = 0; kind < RESULTS_KINDS; kind++) {
		const struct floor_result *floor = &results->floor[kind];
		if (!results->has_floor[kind])
			continue;
		put_open(buf, kind_names[kind], "{");
		for (size_t part = 0; part < FLOOR_PARTS; part++) {
			snprintf(name, sizeof name, "%s_us", floor_part_name((enum floor_part)part));
			put_number(buf, name, floor->ns[part] / 1e3);
		}
		put_number(buf, "total_us", floor->total_ns / 1e3);
		put_count(buf, "answer_bytes", floor->answer_size);
		buf_put_text(buf, "}");
	}
	buf_put_text(buf, "}");
}

/* ---- figures: a group is an object; the default kind's stand in it, and each kind's in one of its own ---- */

/* Those that are asked for of one kind only, whichever that is, stand for the whole too. */
static bool
is_of_one_kind(const char *group)
{
	for (size_t i = 0; i < TARGETS_COUNT; i++)
		if (strcmp(targets[i].group, group) == 0)
			return !targets[i].of_both_kinds;
	return false;
}

/* Does it stand in its group, beside those of a kind? */
static bool
is_of_the_whole(const struct results *results, const struct results_figure *figure)
{
	double value;

	return figure->kind == RESULTS_RSA3072 || (is_of_one_kind(figure->group) &&
	    !results_find(results, figure->group, figure->name, RESULTS_RSA3072, &value));
}

/* The figures of that kind; those of the whole when it is RESULTS_KINDS. */
static void
put_group_of(struct buf *buf, const struct results *results, const char *group, enum results_kind kind)
{
	for (size_t i = 0; i < results->figures_count; i++) {
		const struct results_figure *figure = &results->figures[i];
		if (strcmp(figure->group, group) == 0 &&
		    (kind == RESULTS_KINDS ? is_of_the_whole(results, figure) : figure->kind == kind))
			put_number(buf, figure->name, figure->value);
	}
}

static bool
is_first_of_group(const struct results *results, size_t nth)
{
	for (size_t i = 0; i < nth; i++)
		if (strcmp(results->figures[i].group, results->figures[nth].group) == 0)
			return false;
	return true;
}

/* Every group that a figure names: none is left out. */
static void
put_figures(struct buf *buf, const struct results *results)
{
	for (size_t i = 0; i < results->figures_count; i++) {
		const char *group = results->figures[i].group;
		if (!is_first_of_group(results, i))
			continue;
		put_open(buf, group, "{");
		put_group_of(buf, results, group, RESULTS_KINDS);
		for (size_t kind = 0; kind < RESULTS_KINDS; kind++) {
			put_open(buf, kind_names[kind], "{");
			put_group_of(buf, results, group, (enum results_kind)kind);
			buf_put_text(buf, "}");
		}
		buf_put_text(buf, "}");
	}
}

/* ---- runs ---- */

/* The points of the percentile distribution: five steps to each halving of the rest. */
static void
put_latency(struct buf *buf, const struct histogram *histogram)
{
	size_t nth = 0;

	put_open(buf, "latency", "[");
	for (double at = 0; histogram_count(histogram) != 0 && at < 99.9995;
	     at += 100 / (5 * exp2(floor(log2(100 / (100 - at))) + 1))) {
		put_comma(buf, nth++);
		buf_put_format(buf, "{\"percentile\":%.7g,\"ms\":%.6g}", at,
		    (double)histogram_percentile_ns(histogram, at) / 1e6);
	}
	if (nth != 0)
		buf_put_format(buf, ",{\"percentile\":100,\"ms\":%.6g}", (double)histogram_max_ns(histogram) / 1e6);
	buf_put_text(buf, "]");
}

/* A latency is of those accepted: a second without one has none. */
static void
put_second(struct buf *buf, const struct outcome_second *second)
{
	const struct {
		const char *name;
		uint64_t ns;
	} latencies[] = { { "p50_ms", second->p50_ns }, { "p99_ms", second->p99_ns }, { "max_ms", second->max_ns } };

	buf_put_text(buf, "{");
	put_count(buf, "accepted", second->accepted);
	put_count(buf, "refused", second->refused);
	put_count(buf, "lost", second->lost);
	for (size_t i = 0; i < sizeof latencies / sizeof latencies[0]; i++)
		put_number(buf, latencies[i].name, second->accepted == 0 ? NAN : (double)latencies[i].ns / 1e6);
	buf_put_text(buf, "}");
}

static void
put_seconds(struct buf *buf, const struct outcome *outcome)
{
	size_t count = outcome->seconds_count;

	while (count != 0 && outcome->seconds[count - 1].accepted == 0 && outcome->seconds[count - 1].refused == 0 &&
	    outcome->seconds[count - 1].lost == 0)
		count--;
	put_open(buf, "seconds", "[");
	for (size_t i = 0; i < count; i++) {
		put_comma(buf, i);
		put_second(buf, &outcome->seconds[i]);
	}
	buf_put_text(buf, "]");
}

static void
put_codes(struct buf *buf, const struct stage_result *run)
{
	const struct outcome *outcome = run->outcome;
	bool is_ours = strcmp(run->server, "guichetd") == 0;
	char number[16];

	put_open(buf, "codes", "[");
	for (size_t i = 0; i < outcome->codes_count; i++) {
		snprintf(number, sizeof number, "%u", outcome->codes[i].status);
		put_comma(buf, i);
		buf_put_text(buf, "{");
		put_text(buf, "name", outcome->codes[i].status == 0 ? "accepted" :
			is_ours ? error_name((enum error)outcome->codes[i].status) : number);
		put_count(buf, "count", outcome->codes[i].count);
		buf_put_text(buf, "}");
	}
	buf_put_text(buf, "]");
}

/* Of certificates some are looked at as they come, and none afterwards. */
static void
put_receipts(struct buf *buf, const struct stage_result *run)
{
	const struct receipts_report *receipts = &run->receipts;
	const struct {
		const char *name;
		uint64_t count;
	} after[] = {
		{ "received", receipts->received },
		{ "verified", receipts->verified },
		{ "same", receipts->same },
		{ "fetched", receipts->fetched },
		{ "fetched_same", receipts->fetched_same },
	};

	json_put_name(buf, "receipts");
	if (!run->has_receipts && receipts->sampled == 0) {
		buf_put_text(buf, "null");
		return;
	}
	buf_put_text(buf, "{");
	put_count(buf, "sampled", receipts->sampled);
	put_count(buf, "genuine", receipts->genuine);
	for (size_t i = 0; i < sizeof after / sizeof after[0]; i++)
		put_count_or_null(buf, after[i].name, after[i].count, run->has_receipts);
	buf_put_text(buf, "}");
}

/* How it was meant to be. */
static void
put_plan(struct buf *buf, const struct stage_result *run)
{
	put_text(buf, "mode", run->is_open_loop ? "open" : "closed");
	put_number(buf, "offered", run->is_open_loop ? run->offered : NAN);
	put_text(buf, "arrivals", !run->is_open_loop ? "" : run->arrivals == SCHEDULE_EVEN ? "even" : "poisson");
	put_count_or_null(buf, "seed", run->seed, run->is_open_loop && run->arrivals != SCHEDULE_EVEN);
	put_count(buf, "connections", run->connections);
	put_count(buf, "window", run->window);
	put_count(buf, "idlers_planned", run->idlers_planned);
	put_count(buf, "idlers", run->idlers);
}

static void
put_counts(struct buf *buf, const struct outcome *outcome)
{
	put_number(buf, "rate", outcome_rate(outcome));
	put_number(buf, "warmup_s", (double)outcome->warmup_ns / 1e9);
	put_number(buf, "duration_s", (double)outcome->duration_ns / 1e9);
	put_count(buf, "due", outcome->due);
	put_count(buf, "started", outcome->started);
	put_count(buf, "answered", outcome->answered);
	put_count(buf, "accepted", outcome->accepted);
	put_count(buf, "refused", outcome->refused);
	put_count(buf, "lost", outcome->lost);
	put_count(buf, "unanswered", outcome->unanswered);
	put_count(buf, "unsent", outcome->unsent);
	put_count(buf, "reconnects", outcome->reconnects);
	put_count(buf, "retries", outcome->retries);
	put_count(buf, "latencies", histogram_count(outcome->latency));
	put_count(buf, "bounds", outcome->bounds);
	put_count(buf, "bytes_sent", outcome->bytes_sent);
	put_count(buf, "bytes_received", outcome->bytes_received);
	put_number(buf, "lag_p99_ms", (double)histogram_percentile_ns(outcome->lag, 99) / 1e6);
	put_number(buf, "lag_max_ms", (double)histogram_max_ns(outcome->lag) / 1e6);
}

static void
put_run(struct buf *buf, const struct results_run *whole)
{
	const struct stage_result *run = &whole->stage;
	const char *why = results_why_invalid(whole);

	buf_put_text(buf, "{");
	put_text(buf, "name", run->name);
	put_text(buf, "scenario", run->scenario);
	put_text(buf, "kind", run->kind);
	put_text(buf, "server", run->server);
	put_bool(buf, "valid", why == NULL);
	put_text(buf, "why", why);
	put_bool(buf, "repeated", whole->is_repeated);
	put_plan(buf, run);
	put_counts(buf, run->outcome);
	put_number(buf, "generator_busy", run->generator_busy);
	put_number(buf, "server_busy", run->server_busy);
	put_count(buf, "cpu_ns", run->cpu_ns);
	put_number(buf, "cpu_us", stage_cpu_us(run));
	put_number(buf, "system_share", run->cpu_ns == 0 ? NAN : (double)run->system_ns / (double)run->cpu_ns);
	put_count(buf, "resident_bytes", run->resident_bytes);
	put_count(buf, "anonymous_bytes", run->anonymous_bytes);
	put_count(buf, "idle_bytes", run->idle_bytes);
	put_count(buf, "idle_bytes_end", run->idle_bytes_end);
	put_codes(buf, run);
	put_latency(buf, run->outcome->latency);
	put_seconds(buf, run->outcome);
	put_receipts(buf, run);
	buf_put_text(buf, "}");
}

void
results_put(struct buf *buf, const struct results *results)
{
	buf_put_text(buf, "{");
	put_text(buf, "format", REPORT_FORMAT);
	put_bool(buf, "complete", results->is_complete);
	put_text(buf, "command", results->command);
	put_machine(buf, &results->machine);
	put_corpora(buf, results);
	put_failures(buf, results);
	put_targets(buf, results);
	put_floors(buf, results);
	put_figures(buf, results);
	put_open(buf, "runs", "[");
	for (size_t i = 0, nth = 0; i < results->runs_count; i++)
		if (results->runs[i].stage.outcome != NULL) {
			put_comma(buf, nth++);
			put_run(buf, &results->runs[i]);
		}
	buf_put_text(buf, "]}\n");
}

/* ---- the terminal ---- */

void
results_print(const struct results *results)
{
	printf("\n%-26s %-8s %10s %12s\n", "figure", "keys", "target", "value");
	for (size_t i = 0; i < TARGETS_COUNT; i++)
		for (int kind = 0; kind < (targets[i].of_both_kinds ? RESULTS_KINDS : 1); kind++) {
			const struct target *target = &targets[i];
			char name[64];
			double value = 0;
			snprintf(name, sizeof name, "%s.%s", target->group, target->name);
			printf("%-26s %-8s %s %7g ", name, target->of_both_kinds ? kind_names[kind] : "",
			    target->is_most ? "<=" : ">=", target->value);
			if (!results_find(results, target->group, target->name, kind_of(target, kind), &value))
				printf("%12s\n", "not measured");
			else
				printf("%12.3f  %s\n", value, is_reached(target, value) ? "reached" : "MISSED");
		}
}
