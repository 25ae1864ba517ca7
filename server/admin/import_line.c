/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of the register: cut into its fields, each checked. */
#include "server/admin/import_line.h"

#include <string.h>

#include "protocol/manifest.h"
#include "protocol/time.h"

#define FIELDS ((size_t)8)

enum column { SPI, BIRTH_NAME, FIRST_NAMES, FILER_NUMBER, REFERENCE_INCOME, DEPARTMENT, HOUSEHOLD, FAMILY_CHANGE };

static const char *const field_names[FIELDS] = {
	"spi",
	"birth_name",
	"first_names",
	"filer_number",
	"reference_income",
	"department",
	"household",
	"family_change",
};

/* Takes a field that begins with a quote; *from moves behind the closing one. NULL, or what was expected. Lines are
 * taken one by one, so a quote has to be closed in the line that opened it. */
static const char *
quoted_cut(char *line, size_t size, size_t *from, struct slice *field)
{
	size_t at = *from + 1;
	char *begin = line + *from, *out = begin;

	for (; at < size; at++) {
		if (line[at] == '"' && (at + 1 == size || line[at + 1] != '"'))
			break;
		if (line[at] == '"')
			at++;
		*out++ = line[at];
	}
	if (at >= size)
		return "a closing quote: the one that opens this field is not closed in this line";
	*from = at + 1;
	*field = slice_of(begin, (size_t)(out - begin));
	return *from < size && line[*from] != ',' ? "a comma or the line's end behind the closing quote" : NULL;
}

/* The same for a field without quotes. */
static const char *
bare_cut(char *line, size_t size, size_t *from, struct slice *field)
{
	size_t begin = *from;

	while (*from < size && line[*from] != ',')
		if (line[(*from)++] == '"')
			return "quotes around the whole field, and doubled within";
	*field = slice_of(line + begin, *from - begin);
	return NULL;
}

/* The fields of a line, and where in it each begins. */
struct fields {
	struct slice texts[FIELDS];
	size_t at[FIELDS + 1]; /* behind the last one where the line ends, or goes on */
};

/* Cuts a line into its fields in place. NULL, or what was expected of the field *wrong; FIELDS: of the line. */
static const char *
line_cut(char *line, size_t size, struct fields *fields, size_t *wrong)
{
	size_t from = 0, count = 0;

	do {
		fields->at[count] = from;
		if (count == FIELDS)
			break;
		bool is_quoted = from < size && line[from] == '"';
		const char *expected = (is_quoted ? quoted_cut : bare_cut)(line, size, &from, &fields->texts[count]);
		*wrong = count++;
		if (expected != NULL)
			return expected;
	} while (from++ < size);
	*wrong = FIELDS;
	fields->at[FIELDS] = from <= size ? from : size;
	return count == FIELDS && from > size ? NULL : "8 comma-separated fields";
}

static bool
text_is_good(struct slice text, size_t max)
{
	if (text.size == 0 || text.size > max || !slice_is_utf8(text))
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7f)
			return false;
	return true;
}

/* Empty or 0: none; 1: the income year; otherwise YYYY or YYYY-MM-DD. *year is 0 for none. */
static bool
family_change_parse(struct slice text, uint64_t income_year, uint64_t *year)
{
	unsigned date_year, month, day;

	*year = slice_equal_text(text, "1") ? income_year : 0;
	if (text.size == 0 || slice_equal_text(text, "0") || slice_equal_text(text, "1"))
		return true;
	if (time_parse_date(text, &date_year, &month, &day))
		*year = date_year;
	else if (text.size != 4 || !decimal_decode(text, 9999, year))
		return false;
	return *year >= 1900;
}

/* The first field that is wrong, with what it should be; FIELDS when all are right. */
static size_t
fields_check(const struct slice fields[FIELDS], const struct campaign *campaign, struct rec_taxpayer *out,
    const char **expected)
{
	static const size_t text_max[FIELDS] = { 13, LIMIT_NAME, LIMIT_NAME, LIMIT_LABEL, LIMIT_LABEL, 3, LIMIT_LABEL,
		10 };
	uint64_t number;

	*expected = "13 digits with their check digits";
	if (!spi_valid(fields[SPI]))
		return SPI;
	*expected = "a text without control characters, not empty, not too long";
	for (size_t i = BIRTH_NAME; i < FAMILY_CHANGE; i++)
		if (!text_is_good(fields[i], text_max[i]))
			return i;
	*expected = "whole euros";
	if (!decimal_decode(fields[REFERENCE_INCOME], UINT64_MAX / 10 - 1, &number))
		return REFERENCE_INCOME;
	*expected = "a department of the campaign";
	if (!campaign_has_department(campaign, fields[DEPARTMENT]))
		return DEPARTMENT;
	*expected = "empty, 0, 1, a year or a date (YYYY-MM-DD)";
	if (!family_change_parse(fields[FAMILY_CHANGE], campaign->income_year, &number))
		return FAMILY_CHANGE;
	*out = (struct rec_taxpayer){
		.spi = fields[SPI],
		.birth_name = fields[BIRTH_NAME],
		.first_names = fields[FIRST_NAMES],
		.filer_number = fields[FILER_NUMBER],
		.reference_income = fields[REFERENCE_INCOME],
		.department = fields[DEPARTMENT],
		.household = fields[HOUSEHOLD],
		.has_family_change_year = number != 0,
		.family_change_year = number,
	};
	return FIELDS;
}

size_t
import_line_column(struct slice before)
{
	size_t column = 1;

	for (size_t i = 0; i < before.size; i++)
		column += (before.data[i] & 0xc0) != 0x80;
	return column;
}

bool
import_line_read(char *line, size_t size, const struct campaign *campaign, struct rec_taxpayer *out,
    struct import_fault *where)
{
	struct fields fields;
	char whole[IMPORT_LINE_MAX];
	size_t wrong;

	/* Quotes are taken off in place, and columns are those of the file. */
	memcpy(whole, line, size);
	const char *expected = line_cut(line, size, &fields, &wrong);
	if (expected == NULL) {
		wrong = fields_check(fields.texts, campaign, out, &expected);
		if (wrong == FIELDS) {
			wrong = HOUSEHOLD;
			expected = NULL;
		}
	}
	*where = (struct import_fault){
		.column = import_line_column(slice_of(whole, fields.at[wrong])),
		.field = wrong == FIELDS ? "line" : field_names[wrong],
		.expected = expected,
	};
	return expected == NULL;
}

/* The first field of a taxpayer has digits, right or wrong; names of columns have none. */
bool
import_line_is_header(struct slice line)
{
	size_t size = 0;

	while (size < line.size && line.data[size] != ',') {
		if (line.data[size] >= '0' && line.data[size] <= '9')
			return false;
		size++;
	}
	return size != 0;
}
