/* SPDX-License-Identifier: Apache-2.0
 *
 * The targets stand in one table; the JSON is written member by member. */
#include "bench/results.h"

#include "bench/report.h"

#include <math.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/error.h"
#include "protocol/json.h"

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

struct stage_result *
results_run(struct results *results)
{
	check(results->runs_count < RESULTS_RUNS_MAX);
	return &results->runs[results->runs_count++];
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
		stage_result_free(&results->runs[i]);
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
put_text(struct buf *buf, const char *name, const char *text)
{
	json_put_name(buf, name);
	json_put_string(buf, slice_of_text(text));
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
put_processor(struct buf *buf)
{
	char line[256], *name = NULL;
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file != NULL && name == NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "model name", 10) == 0 && (name = strchr(line, ':')) != NULL)
			name[strcspn(name, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
	put_text(buf, "processor", name == NULL ? "unknown" : name + 1 + strspn(name + 1, " "));
}

static void
put_machine(struct buf *buf)
{
	struct utsname system;
	time_t now = time(NULL);
	struct tm utc;
	char date[16] = "";

	if (gmtime_r(&now, &utc) != NULL)
		strftime(date, sizeof date, "%Y-%m-%d", &utc);
	put_open(buf, "machine", "{");
	put_processor(buf);
	put_count(buf, "cores", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	put_text(buf, "kernel", uname(&system) == 0 ? system.release : "unknown");
	put_text(buf, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
	put_text(buf, "date", date);
	buf_put_text(buf, "}");
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
		buf_put_text(buf, "}");
	}
	buf_put_text(buf, "}");
}

/* ---- figures: a group is an object; the default kind's stand in it, and each kind's in one of its own ---- */

static void
put_group_of(struct buf *buf, const struct results *results, const char *group, enum results_kind kind)
{
	for (size_t i = 0; i < results->figures_count; i++) {
		const struct results_figure *figure = &results->figures[i];
		if (figure->kind == kind && strcmp(figure->group, group) == 0)
			put_number(buf, figure->name, figure->value);
	}
}

static void
put_figures(struct buf *buf, const struct results *results)
{
	static const char *const groups[] = { "resident", "evening", "enrol", "mixed", "idle", "latency70", "overload",
		"growth", "disk", "redis", "nginx" };

	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		put_open(buf, groups[i], "{");
		put_group_of(buf, results, groups[i], RESULTS_RSA3072);
		for (size_t kind = 0; kind < RESULTS_KINDS; kind++) {
			put_open(buf, kind_names[kind], "{");
			put_group_of(buf, results, groups[i], (enum results_kind)kind);
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

static void
put_seconds(struct buf *buf, const struct outcome *outcome)
{
	size_t count = outcome->seconds_count;

	while (count != 0 && outcome->seconds[count - 1].accepted == 0 && outcome->seconds[count - 1].refused == 0)
		count--;
	put_open(buf, "seconds", "[");
	for (size_t i = 0; i < count; i++) {
		const struct outcome_second *second = &outcome->seconds[i];
		put_comma(buf, i);
		buf_put_format(buf,
		    "{\"accepted\":%llu,\"refused\":%llu,\"lost\":%llu,\"p50_ms\":%.6g,\"p99_ms\":%.6g,"
		    "\"max_ms\":%.6g}",
		    (unsigned long long)second->accepted, (unsigned long long)second->refused,
		    (unsigned long long)second->lost, (double)second->p50_ns / 1e6, (double)second->p99_ns / 1e6,
		    (double)second->max_ns / 1e6);
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

static void
put_receipts(struct buf *buf, const struct stage_result *run)
{
	json_put_name(buf, "receipts");
	if (!run->has_receipts) {
		buf_put_text(buf, "null");
		return;
	}
	buf_put_text(buf, "{");
	put_count(buf, "sampled", run->receipts.sampled);
	put_count(buf, "genuine", run->receipts.genuine);
	put_count(buf, "received", run->receipts.received);
	put_count(buf, "verified", run->receipts.verified);
	put_count(buf, "same", run->receipts.same);
	buf_put_text(buf, "}");
}

static void
put_run(struct buf *buf, const struct stage_result *run)
{
	const struct outcome *outcome = run->outcome;

	buf_put_text(buf, "{");
	put_text(buf, "name", run->name);
	put_text(buf, "scenario", run->scenario);
	put_text(buf, "kind", run->kind);
	put_text(buf, "server", run->server);
	put_text(buf, "mode", run->is_open_loop ? "open" : "closed");
	json_put_name(buf, "offered");
	put_value(buf, run->is_open_loop ? run->offered : NAN);
	put_bool(buf, "valid", run->why_invalid == NULL);
	put_text(buf, "why", run->why_invalid == NULL ? "" : run->why_invalid);
	put_number(buf, "rate", outcome_rate(outcome));
	put_count(buf, "accepted", outcome->accepted);
	put_count(buf, "refused", outcome->refused);
	put_count(buf, "lost", outcome->lost);
	put_count(buf, "unanswered", outcome->unanswered);
	put_count(buf, "unsent", outcome->unsent);
	put_count(buf, "reconnects", outcome->reconnects);
	put_count(buf, "retries", outcome->retries);
	put_number(buf, "cpu_us", stage_cpu_us(run));
	put_number(buf, "system_share", run->cpu_ns == 0 ? NAN : (double)run->system_ns / (double)run->cpu_ns);
	put_count(buf, "resident_bytes", run->resident_bytes);
	put_count(buf, "anonymous_bytes", run->anonymous_bytes);
	put_count(buf, "bytes_sent", outcome->bytes_sent);
	put_count(buf, "bytes_received", outcome->bytes_received);
	put_number(buf, "warmup_s", (double)outcome->warmup_ns / 1e9);
	put_number(buf, "lag_p99_ms", (double)histogram_percentile_ns(outcome->lag, 99) / 1e6);
	put_codes(buf, run);
	put_latency(buf, outcome->latency);
	put_seconds(buf, outcome);
	put_receipts(buf, run);
	buf_put_text(buf, "}");
}

void
results_put(struct buf *buf, const struct results *results)
{
	buf_put_text(buf, "{");
	put_text(buf, "format", REPORT_FORMAT);
	put_machine(buf);
	put_targets(buf, results);
	put_floors(buf, results);
	put_figures(buf, results);
	put_open(buf, "runs", "[");
	for (size_t i = 0, nth = 0; i < results->runs_count; i++)
		if (results->runs[i].outcome != NULL) {
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
