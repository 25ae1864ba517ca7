/* SPDX-License-Identifier: Apache-2.0
 *
 * The .irj reader: a line at a time, a return at a time. */
#include "client/irj.h"

#include <stdio.h>
#include <string.h>

#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/time.h"

/* Entries of one return: every box twice over. */
#define ENTRIES_MAX ((size_t)4096)
/* Longest code and amount. */
#define WORD_MAX ((size_t)32)

static const char *const sections[] = { "#NOM", "#ENTREES-PRIMITIF", "#CONTROLES-PRIMITIF", "#RESULTATS-PRIMITIF",
	"#ENTREES-CORRECTIF", "#CONTROLES-CORRECTIF", "#RESULTATS-CORRECTIF", "##" };
enum { AFTER_ENTRIES_BEGAN = 2, SECTIONS_COUNT = sizeof sections / sizeof sections[0] };

#define LINE_END_EXPECTED "a line that ends with LF alone, without the CR before it"
_Static_assert(ENTRIES_MAX == 4096 && WORD_MAX == 32, "as is said of more");

struct entry {
	struct slice code, amount;       /* amount without a fraction of zeros */
	const struct catalogue_box *box; /* NULL: unknown to the catalogue */
};

struct reader {
	const struct irj_options *options;
	struct irj_sink sink;
	struct fault *fault;
	struct arena *arena;
	struct buf *buf; /* the document under way */
	struct entry *entries;
	size_t entries_count;
	uint64_t own_year; /* ANREV; 0: none given */
	size_t section;    /* the next to come: index into sections */
	size_t line, number;
};

/* ---- lines ---- */

/* At the byte `at` of a line; columns are counted in characters, from 1. */
static enum error
refuse(struct reader *r, struct slice value, size_t at, const char *expected)
{
	char place[64];
	size_t column = 1;

	for (size_t i = 0; i < at; i++)
		column += (value.data[i] & 0xc0) != 0x80;
	int size = snprintf(place, sizeof place, "line %zu, column %zu", r->line, column);
	enum error error = fault_set(r->fault, ERROR_file_unreadable, NULL, SLICE_EMPTY, expected);

	if (!arena_copy(r->arena, slice_of(place, (size_t)size), &r->fault->place) ||
	    !arena_copy(r->arena, slice_of(value.data, value.size < 64 ? value.size : 64), &r->fault->value))
		return fault_set(r->fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	return error;
}

/* The next line without its LF; false at the end. A last line without LF counts. */
static bool
line_next(struct slice *text, struct slice *line)
{
	size_t size = 0;
	if (text->size == 0)
		return false;
	while (size < text->size && text->data[size] != '\n')
		size++;
	*line = slice_of(text->data, size);
	*text = slice_from(*text, size + 1);
	return true;
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static size_t
digits_count(struct slice s, size_t from)
{
	size_t at = from;
	while (at < s.size && is_digit(s.data[at]))
		at++;
	return at - from;
}

static bool
is_word(struct slice s)
{
	for (size_t i = 0; i < s.size; i++)
		if (!is_digit(s.data[i]) && !(s.data[i] >= 'A' && s.data[i] <= 'Z') && s.data[i] != '_')
			return false;
	return s.size != 0 && s.size <= WORD_MAX;
}

static bool
code_is_box(struct slice code)
{
	return code.size == 3 && is_digit(code.data[0]);
}

/* Reads "-12.50": a sign, digits, a point and digits. Takes a fraction of zeros and zeros in front off. */
static bool
amount_normalize(struct slice *amount)
{
	size_t sign = amount->size != 0 && amount->data[0] == '-';
	size_t whole = digits_count(*amount, sign), zeros = sign + whole + 1;

	if (whole == 0 || amount->size > WORD_MAX)
		return false;
	if (sign + whole < amount->size) {
		if (amount->data[sign + whole] != '.' || zeros == amount->size ||
		    zeros + digits_count(*amount, zeros) != amount->size)
			return false;
		while (zeros < amount->size && amount->data[zeros] == '0')
			zeros++;
		if (zeros == amount->size)
			amount->size = sign + whole;
	}
	for (; sign == 0 && whole > 1 && amount->data[0] == '0'; whole--)
		*amount = slice_from(*amount, 1);
	return true;
}

/* ---- one return ---- */

static unsigned
number_of(const char *digits, size_t count)
{
	unsigned value = 0;
	for (size_t i = 0; i < count; i++)
		value = value * 10 + (unsigned)(digits[i] - '0');
	return value;
}

/* Puts a date as a string of eight digits. The day of a family event, when it exists, moves by as many years as the
 * return does; a 29th of February becomes the 28th where there is none. */
static void
date_put(struct reader *r, struct slice amount, bool is_event)
{
	char digits[9] = "00000000";
	unsigned day, month, year;

	if (amount.size > 8 || digits_count(amount, 0) != amount.size) {
		json_put_string(r->buf, amount);
		return;
	}
	memcpy(digits + 8 - amount.size, amount.data, amount.size);
	day = number_of(digits, 2);
	month = number_of(digits + 2, 2);
	year = number_of(digits + 4, 4);
	if (is_event && r->own_year != 0 && time_date_exists(year, month, day)) {
		uint64_t moved = year + r->options->income_year - r->own_year;
		if (moved >= 1 && moved <= 9999) {
			year = (unsigned)moved;
			if (!time_date_exists(year, month, day))
				day = 28;
		}
	}
	buf_put_format(r->buf, "\"%02u%02u%04u\"", day, month, year);
}

/* A fraction goes into a string, in the box where it belongs; elsewhere it stays the number it is, for the rules. */
static void
amount_put(struct reader *r, const struct entry *entry)
{
	bool has_fraction = memchr(entry->amount.data, '.', entry->amount.size) != NULL;

	if (entry->box != NULL && entry->box->type == BOX_DATE)
		date_put(r, entry->amount, entry->box->is_family_event);
	else if (entry->box != NULL && entry->box->type == BOX_REAL && has_fraction)
		json_put_string(r->buf, entry->amount);
	else
		buf_put(r->buf, entry->amount);
}

static bool
entry_needs_name(const struct reader *r, const struct entry *entry, uint64_t *value)
{
	if (entry->box == NULL || !decimal_decode(entry->amount, UINT64_MAX, value) || *value == 0)
		return false;
	if (entry->box->donation == DONATION_CAMPAIGN)
		return *value > catalogue_donation_free_max(r->options->catalogue);
	return entry->box->donation == DONATION_NAMED;
}

static void
donations_put(struct reader *r)
{
	size_t count = 0;
	uint64_t value;

	for (size_t i = 0; i < r->entries_count; i++) {
		if (!entry_needs_name(r, &r->entries[i], &value))
			continue;
		buf_put_text(r->buf, count++ == 0 ? ",\"donations\":[" : ",");
		buf_put_format(r->buf, "{\"box\":\"%.*s\",\"amount\":%llu,\"beneficiary\":\"Bénéficiaire généré %zu\"}",
		    (int)r->entries[i].code.size, (const char *)r->entries[i].code.data, (unsigned long long)value,
		    count);
	}
	if (count != 0)
		buf_put_u8(r->buf, ']');
}

static enum error
return_end(struct reader *r)
{
	buf_clear(r->buf);
	buf_put_format(r->buf, "{\"form\":\"2042\",\"income_year\":%llu,\"boxes\":{",
	    (unsigned long long)r->options->income_year);
	for (size_t i = 0; i < r->entries_count; i++) {
		if (i != 0)
			buf_put_u8(r->buf, ',');
		json_put_string(r->buf, r->entries[i].code);
		buf_put_u8(r->buf, ':');
		amount_put(r, &r->entries[i]);
	}
	buf_put_u8(r->buf, '}');
	if (r->options->names_beneficiaries)
		donations_put(r);
	buf_put_text(r->buf, "}\n");
	if (!buf_ok(r->buf))
		return fault_set(r->fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	r->entries_count = 0;
	r->own_year = 0;
	return r->sink.take(r->sink.context, ++r->number, buf_peek(r->buf), r->fault);
}

static enum error
entry_read(struct reader *r, struct slice line)
{
	struct entry entry = { .box = NULL };
	size_t slash = 0;

	while (slash < line.size && line.data[slash] != '/')
		slash++;
	entry.code = slice_of(line.data, slash);
	size_t amount_at = slash < line.size ? slash + 1 : slash;
	entry.amount = slice_from(line, amount_at);
	if (line.size != 0 && line.data[line.size - 1] == '\r')
		return refuse(r, line, line.size - 1, LINE_END_EXPECTED);
	if (!is_word(entry.code))
		return refuse(r, line, 0,
		    "a code, a slash and an amount: 1AJ/15000; a code has at most 32 of A-Z, 0-9 and _");
	if (!amount_normalize(&entry.amount))
		return refuse(r, line, amount_at,
		    "an amount behind the slash: 15000, -12.50; at most 32 digits, with sign and point");
	if (slice_equal_text(entry.code, "ANREV") && !decimal_decode(entry.amount, 9999, &r->own_year))
		return refuse(r, line, amount_at, "a year behind ANREV: ANREV/2025");
	if (!code_is_box(entry.code))
		return ERROR_NONE;
	if (r->entries_count == ENTRIES_MAX)
		return refuse(r, line, 0, "at most 4096 entries in one return");
	entry.box = catalogue_find_box(r->options->catalogue, entry.code);
	r->entries[r->entries_count++] = entry;
	return ERROR_NONE;
}

static enum error
line_read(struct reader *r, struct slice line)
{
	r->line++;
	if (line.size != 0 && line.data[0] == '#') {
		if (line.data[line.size - 1] == '\r')
			return refuse(r, line, line.size - 1, LINE_END_EXPECTED);
		if (!slice_equal_text(line, sections[r->section]))
			return refuse(r, line, 0, sections[r->section]);
		r->section = (r->section + 1) % SECTIONS_COUNT;
		return r->section == 0 ? return_end(r) : ERROR_NONE;
	}
	if (r->section == 0)
		return refuse(r, line, 0, "#NOM, the line with which a return begins");
	return r->section == AFTER_ENTRIES_BEGAN ? entry_read(r, line) : ERROR_NONE;
}

enum error
irj_read(struct slice text, const struct irj_options *options, struct irj_sink sink, struct arena *arena,
    struct fault *fault)
{
	struct reader r = { .options = options, .sink = sink, .fault = fault, .arena = arena };
	struct slice line;
	enum error error = ERROR_NONE;

	r.buf = buf_create(LIMIT_RETURN_SIZE);
	r.entries = arena_alloc_array(arena, ENTRIES_MAX, sizeof *r.entries);
	if (r.buf == NULL || r.entries == NULL) {
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
		goto out;
	}
	while (error == ERROR_NONE && line_next(&text, &line))
		error = line_read(&r, line);
	if (error == ERROR_NONE && (r.section != 0 || r.number == 0)) {
		r.line++;
		error = refuse(&r, SLICE_LITERAL("the end of the file"), 0, sections[r.section]);
	}
out:
	buf_destroy(r.buf);
	return error;
}
