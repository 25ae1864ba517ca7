/* SPDX-License-Identifier: Apache-2.0
 *
 * How a command fails: exit codes, and what it says to a person or to a program. */
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/cli/cli.h"
#include "client/cli/typed.h"
#include "client/problem.h"
#include "protocol/error.h"
#include "protocol/json.h"
#include "protocol/rules.h"

/* Errors from here on are made on this side of the wire. */
#define FIRST_LOCAL_ERROR 900

enum exit_code
cli_exit_code(enum guichet_error error)
{
	switch (error) {
	case GUICHET_ERROR_none:
		return EXIT_CODE_OK;
	case GUICHET_ERROR_usage:
		return EXIT_CODE_USAGE;
	case GUICHET_ERROR_unreachable:
	case GUICHET_ERROR_timed_out:
	case GUICHET_ERROR_busy:
	case GUICHET_ERROR_disk_full:
	case GUICHET_ERROR_internal:
	case GUICHET_ERROR_server_stopping:
	case GUICHET_ERROR_deadline_passed:
		return EXIT_CODE_UNREACHABLE;
	default:
		return (int)error >= FIRST_LOCAL_ERROR && (int)error < 1000 ? EXIT_CODE_FAILED : EXIT_CODE_REFUSED;
	}
}

bool
cli_is_told(const struct guichet_problem *problem)
{
	return guichet_problem_correlation(problem)[0] != '\0';
}

/* ---- for programs ---- */

static void
put_text(struct buf *buf, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	json_put_name(buf, name);
	cli_put_string(buf, text);
}

/* What was typed for a place, where something was: as it would be typed again. */
static void
put_typed(const struct cli *cli, struct buf *buf, struct slice place)
{
	bool is_typed;
	const char *word = typed_find(cli, place, cli_is_told(cli->problem), &is_typed);

	if (is_typed)
		put_text(buf, "option", word);
}

typedef struct guichet_record find_row(const struct guichet_problem *problem, size_t index);

/* The rows as they are on the wire, each with what was typed for that field of it. */
static void
put_rows(const struct cli *cli, struct buf *buf, size_t count, find_row *find, const char *field)
{
	buf_put_text(buf, "[");
	for (size_t i = 0; i < count; i++) {
		struct guichet_record row = find(cli->problem, i);
		struct guichet_blob *json = NULL;
		if (guichet_record_json(row, &json) != GUICHET_ERROR_none) {
			buf_fail(buf);
			return;
		}
		struct slice members = slice_of_public(guichet_blob_bytes(json));
		buf_put_text(buf, i == 0 ? "" : ",");
		buf_put(buf, slice_of(members.data, members.size - 1)); /* but for the closing brace */
		put_typed(cli, buf, slice_of_public(guichet_record_bytes(row, field)));
		buf_put_text(buf, "}");
		guichet_blob_destroy(json);
	}
	buf_put_text(buf, "]");
}

void
cli_put_findings(const struct cli *cli, struct buf *buf)
{
	put_rows(cli, buf, guichet_problem_findings(cli->problem), guichet_problem_finding, "document");
}

static void
print_json(const struct cli *cli)
{
	const struct guichet_problem *problem = cli->problem;
	enum guichet_error error = guichet_problem_error(problem);
	struct buf *buf = cli_buf();

	buf_put_format(buf, "{\"error\":\"%s\",\"number\":%d", guichet_error_name(error), (int)error);
	put_text(buf, "text", guichet_problem_english(problem));
	put_text(buf, "text_fr", guichet_problem_french(problem));
	put_text(buf, "place", guichet_problem_place(problem));
	put_typed(cli, buf, slice_of_text(guichet_problem_place(problem)));
	put_text(buf, "value", guichet_problem_value(problem));
	put_text(buf, "expected", guichet_problem_expected(problem));
	put_text(buf, "correlation", guichet_problem_correlation(problem));
	/* Not 0 for what is refused again whenever it is sent: a program would take that for "at once". */
	if (guichet_problem_retry_after_ms(problem) != 0)
		buf_put_format(buf, ",\"retry_after_ms\":%llu",
		    (unsigned long long)guichet_problem_retry_after_ms(problem));
	if (guichet_problem_reasons(problem) != 0) {
		json_put_name(buf, "reasons");
		put_rows(cli, buf, guichet_problem_reasons(problem), guichet_problem_reason, "place");
	}
	if (guichet_problem_findings(problem) != 0) {
		json_put_name(buf, "findings");
		cli_put_findings(cli, buf);
	}
	buf_put_text(buf, "}\n");
	cli_print_buf(buf);
}

/* ---- for people ---- */

/* Prints "name: text" unless there is no text. */
static void
print_line(const char *indent, const char *name, const char *text, size_t size)
{
	if (size == 0)
		return;
	fprintf(stderr, "%s%s", indent, name);
	terminal_print(stderr, slice_of(text, size), TERMINAL_LINE);
	fputc('\n', stderr);
}

static void
print_field(const char *name, struct guichet_record record, const char *field)
{
	struct guichet_bytes bytes = guichet_record_bytes(record, field);

	print_line("    ", name, (const char *)bytes.data, bytes.size);
}

/* A place or a document, by what was typed for it. */
static void
print_place(const struct cli *cli, const char *indent, const char *name, struct slice place)
{
	bool is_typed;
	const char *word = typed_find(cli, place, cli_is_told(cli->problem), &is_typed);

	if (word != NULL)
		place = slice_of_text(word);
	print_line(indent, name, (const char *)place.data, place.size);
}

static void
print_place_field(const struct cli *cli, const char *name, struct guichet_record record, const char *field)
{
	print_place(cli, "    ", name, slice_of_public(guichet_record_bytes(record, field)));
}

/* A newer office may have rules that have no name here. */
static const char *
rule_name(unsigned number)
{
	const struct rule_entry *rule = rule_find(number);

	return rule != NULL ? rule->name : "unknown";
}

void
cli_print_findings(const struct cli *cli)
{
	for (size_t i = 0; i < guichet_problem_findings(cli->problem); i++) {
		struct guichet_record finding = guichet_problem_finding(cli->problem, i);
		unsigned number = (unsigned)guichet_record_uint(finding, "rule");
		fprintf(stderr, "  %s, rule %u (%s)\n",
		    guichet_record_uint(finding, "severity") == SEVERITY_ERROR ? "error" : "advice", number,
		    rule_name(number));
		print_place_field(cli, "document: ", finding, "document");
		print_field("place:    ", finding, "place");
		print_field("value:    ", finding, "value");
		print_field("expected: ", finding, "expected");
		print_field("", finding, "text");
		print_field("", finding, "text_fr");
	}
}

/* What one can do about it, where that is not said by the text itself. */
static const char *
advice(enum guichet_error error)
{
	switch (error) {
	case GUICHET_ERROR_replaces_mismatch:
		return "--replaces with the receipt in force; guichet filings lists what is filed already";
	case GUICHET_ERROR_offline_binding:
		return "--offline, for a return that was prepared so";
	case GUICHET_ERROR_tls_failed:
	case GUICHET_ERROR_origin_mismatch:
		return "check that --server and --trust are of the same office, and --trust is what it publishes now";
	case GUICHET_ERROR_contract_not_accepted:
	case GUICHET_ERROR_campaign_unknown:
		return "fetch what the office publishes again, for --trust";
	case GUICHET_ERROR_certificate_unknown:
	case GUICHET_ERROR_login_refused:
		return "check that --as is of the office of --server; guichet enrol gets a certificate there";
	case GUICHET_ERROR_certificate_revoked:
	case GUICHET_ERROR_certificate_expired:
		return "guichet enrol, with another --out";
	case GUICHET_ERROR_unreachable:
	case GUICHET_ERROR_timed_out:
		return "check --server, or run the same command again later; nothing is filed twice";
	default:
		break;
	}
	switch (cli_exit_code(error)) {
	case EXIT_CODE_UNREACHABLE:
		return "run the same command again later; nothing is filed twice";
	case EXIT_CODE_USAGE:
		return "see --help";
	default:
		return "";
	}
}

/* The reasons beside the first, which is the error itself: so that who mends one does not meet the next only then. */
static void
print_other_reasons(const struct cli *cli)
{
	const struct guichet_problem *problem = cli->problem;

	for (size_t i = 1; i < guichet_problem_reasons(problem); i++) {
		struct guichet_record reason = guichet_problem_reason(problem, i);
		enum guichet_error error = (enum guichet_error)guichet_record_uint(reason, "error");
		const char *to_do = advice(error);
		fprintf(stderr, "  and error %d (%s)\n", (int)error, guichet_error_name(error));
		print_field("", reason, "text");
		print_field("", reason, "text_fr");
		print_place_field(cli, "where:    ", reason, "place");
		print_field("value:    ", reason, "value");
		print_field("expected: ", reason, "expected");
		print_line("    ", "to do:    ", to_do, strlen(to_do));
	}
}

static void
print_text_line(const char *name, const char *text)
{
	print_line("  ", name, text, strlen(text));
}

static void
print_text(const struct cli *cli)
{
	const struct guichet_problem *problem = cli->problem;
	enum guichet_error error = guichet_problem_error(problem);
	char retry[64] = "";

	fprintf(stderr, "guichet: error %d (%s)\n", (int)error, guichet_error_name(error));
	const struct {
		const char *name, *text;
	} lines[] = {
		{ "value:    ", guichet_problem_value(problem) },
		{ "expected: ", guichet_problem_expected(problem) },
		{ "retry in: ", retry },
		{ "reference for questions: ", guichet_problem_correlation(problem) },
		{ "to do:    ", advice(error) },
	};
	if (guichet_problem_retry_after_ms(problem) != 0)
		snprintf(retry, sizeof retry, "%.1f s", (double)guichet_problem_retry_after_ms(problem) / 1000);
	print_text_line("", guichet_problem_english(problem));
	print_text_line("", (int)error < FIRST_LOCAL_ERROR ? guichet_problem_french(problem) : "");
	print_place(cli, "  ", "where:    ", slice_of_text(guichet_problem_place(problem)));
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		print_text_line(lines[i].name, lines[i].text);
	print_other_reasons(cli);
	cli_print_findings(cli);
}

enum exit_code
cli_fail(struct cli *cli)
{
	if (cli->is_json)
		print_json(cli);
	else
		print_text(cli);
	return cli_exit_code(guichet_problem_error(cli->problem));
}

enum exit_code
cli_fail_memory(struct cli *cli)
{
	problem_set(cli->problem, ERROR_out_of_memory, cli->command->name, SLICE_EMPTY, NULL);
	return cli_fail(cli);
}

enum exit_code
cli_fail_usage(struct cli *cli, const char *place, const char *value, const char *expected)
{
	problem_set(cli->problem, ERROR_usage, place, slice_of_text(value), expected);
	return cli_fail(cli);
}
