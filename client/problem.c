/* SPDX-License-Identifier: Apache-2.0
 *
 * The details of an error, as texts that live until the next one. */
#include "client/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "protocol/arena.h"

/* A refusal with every reason and finding at its longest would be more than four times that; what does not fit is left
 * out. */
#define PROBLEM_SIZE_MAX ((size_t)256 * 1024)

struct guichet_problem {
	struct arena *arena;
	enum guichet_error error;
	const char *english, *french, *place, *value, *expected;
	uint64_t retry_after_ms;
	char correlation[2 * CORRELATION_SIZE + 1];
	struct msg_finding *findings;
	size_t findings_count;
	struct msg_reason *reasons;
	size_t reasons_count;
};

_Static_assert(ERROR_NONE == (int)GUICHET_ERROR_none, "the public numbers are the wire's");

static const char *
text_copy(struct guichet_problem *problem, struct slice s)
{
	struct slice copy;

	return s.size != 0 && arena_copy(problem->arena, s, &copy) ? (const char *)copy.data : "";
}

struct guichet_problem *
guichet_problem_create(void)
{
	struct guichet_problem *problem = malloc(sizeof *problem);

	if (problem == NULL)
		return NULL;
	problem->arena = arena_create(PROBLEM_SIZE_MAX);
	if (problem->arena == NULL) {
		free(problem);
		return NULL;
	}
	problem_clear(problem);
	return problem;
}

void
guichet_problem_destroy(struct guichet_problem *problem)
{
	if (problem == NULL)
		return;
	arena_destroy(problem->arena);
	free(problem);
}

void
problem_clear(struct guichet_problem *problem)
{
	struct arena *arena;

	if (problem == NULL)
		return;
	arena = problem->arena;
	arena_reset(arena);
	*problem = (struct guichet_problem){
		.arena = arena, .english = "", .french = "", .place = "", .value = "", .expected = ""
	};
}

static void
problem_begin(struct guichet_problem *problem, enum guichet_error error)
{
	problem_clear(problem);
	problem->error = error;
	problem->english = guichet_error_english(error);
	problem->french = guichet_error_french(error);
}

enum guichet_error
problem_set(
    struct guichet_problem *problem, enum error error, const char *place, struct slice value, const char *expected)
{
	const struct fault fault = { error, slice_of_text(place != NULL ? place : ""), value,
		slice_of_text(expected != NULL ? expected : "") };

	return problem_set_fault(problem, error, &fault);
}

enum guichet_error
problem_set_fault(struct guichet_problem *problem, enum error error, const struct fault *fault)
{
	if (problem == NULL)
		return (enum guichet_error)error;
	problem_begin(problem, (enum guichet_error)error);
	problem->place = text_copy(problem, fault->place);
	problem->value = text_copy(problem, fault->value);
	problem->expected = text_copy(problem, fault->expected);
	return (enum guichet_error)error;
}

enum guichet_error
problem_set_fault_in(
    struct guichet_problem *problem, enum error error, const char *path, const struct fault *fault)
{
	size_t size = strlen(path) + sizeof ", " + fault->place.size;

	problem_set_fault(problem, error, fault);
	char *place = problem != NULL ? arena_alloc(problem->arena, size) : NULL;
	if (place != NULL) {
		snprintf(place, size, "%s%s%s", path, fault->place.size != 0 ? ", " : "", problem->place);
		problem->place = place;
	}
	return (enum guichet_error)error;
}

void
problem_set_place(struct guichet_problem *problem, const char *place)
{
	if (problem != NULL)
		problem->place = text_copy(problem, slice_of_text(place));
}

void
problem_set_expected(struct guichet_problem *problem, const char *expected)
{
	if (problem != NULL)
		problem->expected = text_copy(problem, slice_of_text(expected));
}

static struct slice
kept_text(struct guichet_problem *problem, struct slice s)
{
	struct slice copy;

	return arena_copy(problem->arena, s, &copy) ? copy : SLICE_EMPTY;
}

/* Room for that many findings; fewer, perhaps none, when there are more than fit. */
static void
findings_begin(struct guichet_problem *problem, size_t count)
{
	problem->findings = arena_alloc_array(problem->arena, count, sizeof *problem->findings);
	problem->findings_count = problem->findings != NULL ? count : 0;
}

static void
findings_copy(struct guichet_problem *problem, const struct msg_finding *findings, size_t count)
{
	findings_begin(problem, count);
	for (size_t i = 0; i < problem->findings_count; i++) {
		struct msg_finding *to = &problem->findings[i];
		*to = findings[i];
		to->document = kept_text(problem, to->document);
		to->place = kept_text(problem, to->place);
		to->value = kept_text(problem, to->value);
		to->expected = kept_text(problem, to->expected);
		to->text = kept_text(problem, to->text);
		to->text_fr = kept_text(problem, to->text_fr);
	}
}

static void
reasons_copy(struct guichet_problem *problem, const struct msg_reason *reasons, size_t count)
{
	problem->reasons = arena_alloc_array(problem->arena, count, sizeof *problem->reasons);
	problem->reasons_count = problem->reasons != NULL ? count : 0;
	for (size_t i = 0; i < problem->reasons_count; i++) {
		struct msg_reason *to = &problem->reasons[i];
		*to = reasons[i];
		to->place = kept_text(problem, to->place);
		to->value = kept_text(problem, to->value);
		to->expected = kept_text(problem, to->expected);
		to->text = kept_text(problem, to->text);
		to->text_fr = kept_text(problem, to->text_fr);
	}
}

enum guichet_error
problem_set_refusal(struct guichet_problem *problem, unsigned status, const struct msg_refusal *refusal)
{
	/* A number that a newer server knows, or one that is none: whatever it is, it is a refusal. */
	enum guichet_error error = status < GUICHET_ERROR_largest ? (enum guichet_error)status : GUICHET_ERROR_largest;

	if (problem == NULL)
		return error;
	problem_begin(problem, error);
	problem->english = text_copy(problem, refusal->text);
	problem->french = text_copy(problem, refusal->text_fr);
	problem->place = text_copy(problem, refusal->place);
	problem->value = text_copy(problem, refusal->value);
	problem->expected = text_copy(problem, refusal->expected);
	problem->retry_after_ms = refusal->retry_after_ms;
	hex_encode(refusal->correlation, problem->correlation);
	reasons_copy(problem, refusal->reasons, refusal->reasons_count);
	findings_copy(problem, refusal->findings, refusal->findings_count);
	return error;
}

enum guichet_error
problem_set_findings(struct guichet_problem *problem, enum error error, const struct findings *findings)
{
	size_t count = 0;

	if (problem == NULL)
		return (enum guichet_error)error;
	problem_begin(problem, (enum guichet_error)error);
	findings_begin(problem, findings->count);
	for (int severity = SEVERITY_ERROR; severity <= SEVERITY_ADVICE; severity++)
		for (size_t i = 0; i < findings->count && count < problem->findings_count; i++) {
			const struct finding *from = &findings->items[i];
			if ((int)from->rule->severity != severity)
				continue;
			problem->findings[count++] = (struct msg_finding){
				.severity = (uint64_t)severity,
				.rule = (uint64_t)from->rule->number,
				.has_document = from->document.size != 0,
				.document = kept_text(problem, from->document),
				.has_place = from->place.size != 0,
				.place = kept_text(problem, from->place),
				.has_value = from->value.size != 0,
				.value = kept_text(problem, from->value),
				.has_expected = from->expected.size != 0,
				.expected = kept_text(problem, from->expected),
				.text = slice_of_text(from->rule->english),
				.text_fr = slice_of_text(from->rule->french),
			};
		}
	return (enum guichet_error)error;
}

void
problem_copy(struct guichet_problem *to, const struct guichet_problem *from)
{
	problem_begin(to, from->error);
	to->english = text_copy(to, slice_of_text(from->english));
	to->french = text_copy(to, slice_of_text(from->french));
	to->place = text_copy(to, slice_of_text(from->place));
	to->value = text_copy(to, slice_of_text(from->value));
	to->expected = text_copy(to, slice_of_text(from->expected));
	to->retry_after_ms = from->retry_after_ms;
	memcpy(to->correlation, from->correlation, sizeof to->correlation);
	reasons_copy(to, from->reasons, from->reasons_count);
	findings_copy(to, from->findings, from->findings_count);
}

enum guichet_error
guichet_problem_error(const struct guichet_problem *problem)
{
	return problem->error;
}

const char *
guichet_problem_english(const struct guichet_problem *problem)
{
	return problem->english;
}

const char *
guichet_problem_french(const struct guichet_problem *problem)
{
	return problem->french;
}

const char *
guichet_problem_place(const struct guichet_problem *problem)
{
	return problem->place;
}

const char *
guichet_problem_value(const struct guichet_problem *problem)
{
	return problem->value;
}

const char *
guichet_problem_expected(const struct guichet_problem *problem)
{
	return problem->expected;
}

uint64_t
guichet_problem_retry_after_ms(const struct guichet_problem *problem)
{
	return problem->retry_after_ms;
}

const char *
guichet_problem_correlation(const struct guichet_problem *problem)
{
	return problem->correlation;
}

size_t
guichet_problem_findings(const struct guichet_problem *problem)
{
	return problem->findings_count;
}

struct guichet_record
guichet_problem_finding(const struct guichet_problem *problem, size_t index)
{
	if (index >= problem->findings_count)
		return (struct guichet_record){ NULL, NULL };
	return (struct guichet_record){ message_finding(), &problem->findings[index] };
}

size_t
guichet_problem_reasons(const struct guichet_problem *problem)
{
	return problem->reasons_count;
}

struct guichet_record
guichet_problem_reason(const struct guichet_problem *problem, size_t index)
{
	if (index >= problem->reasons_count)
		return (struct guichet_record){ NULL, NULL };
	return (struct guichet_record){ message_reason(), &problem->reasons[index] };
}

/* ---- what is known of an error without details ---- */

const char *
guichet_error_name(enum guichet_error error)
{
	return error_name((enum error)error);
}

const char *
guichet_error_english(enum guichet_error error)
{
	const struct error_entry *entry = error_find((unsigned)error);

	return entry != NULL ? entry->english : "";
}

const char *
guichet_error_french(enum guichet_error error)
{
	const struct error_entry *entry = error_find((unsigned)error);

	return entry != NULL ? entry->french : "";
}

enum guichet_retry
guichet_error_retry(enum guichet_error error)
{
	static const enum guichet_retry retries[] = { [RETRY_NEVER] = GUICHET_RETRY_never,
		[RETRY_LATER] = GUICHET_RETRY_later,
		[RETRY_NEW] = GUICHET_RETRY_new };
	const struct error_entry *entry = error_find((unsigned)error);

	return entry != NULL ? retries[entry->retry] : GUICHET_RETRY_never;
}
