/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd import taxpayers: the register, streamed in bounded memory. A bad line is reported by its number and
 * skipped; the good ones are taken. Taking the same file again changes nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/campaign.h"
#include "protocol/check.h"
#include "protocol/manifest.h"
#include "protocol/time.h"
#include "server/admin/admin.h"
#include "server/admin/progress.h"
#include "server/clock.h"
#include "server/store/keyring.h"

#define HEADER "spi,birth_name,first_names,filer_number,reference_income,department,household,family_change"

static const struct admin_command command = {
	"import", "taxpayers DIR FILE.csv", 3,
	"Reads the register: UTF-8, comma-separated, with or without this first line:\n"
	"  " HEADER "\n"
	"A field with a comma stands in double quotes, a double quote in it is doubled, and no line ends in it.\n"
	"Taxpayers with the same household are taxed jointly. department is one of those in the open campaign.\n"
	"family_change tells when the family situation last changed: a year or a date (2025, 2025-06-14), 1 for the\n"
	"income year of the open campaign, 0 or empty for never. FILE.csv is a file or a pipe.\n"
	"Bad lines are reported by number on standard error and skipped; then the exit code is 3. Refuses while a\n"
	"server uses DIR.",
	NULL,
};

#define FIELDS ((size_t)8)
#define LINE_MAX_SIZE ((size_t)4096)
/* A longer line is skipped like any bad one, but what has no line end in so many bytes is no register. */
#define LINE_SKIPPED_MAX ((size_t)1024 * 1024)
/* What some programs put before UTF-8. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define BYTE_ORDER_MARK_SIZE (sizeof BYTE_ORDER_MARK - 1)
/* Lines in one commit. */
#define BATCH_LINES ((size_t)2000)
#define BATCH_ARENA ((size_t)64 * 1024 * 1024)

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

/* A household touched by the open batch; its record is written when the batch is. */
struct touched {
	struct touched *next;
	struct slice key;
	struct rec_household record;
};

#define TOUCHED_BUCKETS ((size_t)4096)
/* More than twice the lines of a batch. */
#define PERSON_SLOTS ((size_t)4096)
/* Lines between two looks at the clock. */
#define PROGRESS_LINES 256

struct import {
	struct admin_office *office;
	struct store *store;
	struct keyring *keyring;
	struct store_batch *batch;
	struct arena *arena; /* of the batch */
	struct touched *touched[TOUCHED_BUCKETS];
	uint64_t persons[PERSON_SLOTS]; /* marks of those in the batch; 0: free */
	struct retention retention;
	const struct campaign *campaign; /* the open one */
	size_t lines_in_batch;
	uint64_t line, taken, bad;
	struct progress progress;
	bool as_json, has_foreign_header;
	const char *path;
	char told[32]; /* where, for a fault */
};

/* ---- one line ---- */

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

/* Cuts a line into its fields in place. NULL, or what was expected, with *place where. */
static const char *
line_cut(char *line, size_t size, struct slice fields[FIELDS], const char **place)
{
	size_t from = 0, count = 0;

	do {
		if (count == FIELDS)
			break;
		bool is_quoted = from < size && line[from] == '"';
		const char *expected = (is_quoted ? quoted_cut : bare_cut)(line, size, &from, &fields[count]);
		*place = field_names[count++];
		if (expected != NULL)
			return expected;
	} while (from++ < size);
	*place = "line";
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

/* The first field that is wrong, and what it should be; NULL when all are right. */
static const char *
fields_check(const struct slice fields[FIELDS], const struct campaign *campaign, struct rec_taxpayer *out,
    const char **expected)
{
	static const size_t text_max[FIELDS] = { 13, LIMIT_NAME, LIMIT_NAME, LIMIT_LABEL, LIMIT_LABEL, 3, LIMIT_LABEL,
		10 };
	uint64_t number;

	*expected = "13 digits with their check digits";
	if (!spi_valid(fields[SPI]))
		return field_names[SPI];
	*expected = "a text without control characters, not empty, not too long";
	for (size_t i = BIRTH_NAME; i < FAMILY_CHANGE; i++)
		if (!text_is_good(fields[i], text_max[i]))
			return field_names[i];
	*expected = "whole euros";
	if (!decimal_decode(fields[REFERENCE_INCOME], UINT64_MAX / 10 - 1, &number))
		return field_names[REFERENCE_INCOME];
	*expected = "a department of the campaign";
	if (!campaign_has_department(campaign, fields[DEPARTMENT]))
		return field_names[DEPARTMENT];
	*expected = "empty, 0, 1, a year or a date (YYYY-MM-DD)";
	if (!family_change_parse(fields[FAMILY_CHANGE], campaign->income_year, &number))
		return field_names[FAMILY_CHANGE];
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
	return NULL;
}

/* ---- the batch ---- */

static struct slice
keyed_key(struct import *import, enum key_prefix prefix, const char *label, struct slice word)
{
	struct keyed keyed;

	keyring_hash(import->keyring, label, word, keyed.bytes);
	return KEY_MAKE(import->arena, prefix, key_part_keyed(&keyed));
}

/* The household as it is stored, or as this batch has changed it already. */
static struct touched *
household_touch(struct import *import, struct slice household)
{
	struct slice key = keyed_key(import, KEY_household, "household", household), value;
	bool found = false;

	if (key.size == 0)
		return NULL;
	size_t bucket = bytes_peek_u32(key.data + 1) % TOUCHED_BUCKETS;
	for (struct touched *touched = import->touched[bucket]; touched != NULL; touched = touched->next)
		if (slice_equal(touched->key, key))
			return touched;
	struct touched *touched = arena_alloc(import->arena, sizeof *touched);
	if (touched == NULL || store_get_now(import->store, key, import->arena, &found, &value) != ERROR_NONE)
		return NULL;
	if (found && record_decode(record_household(), value, import->arena, &touched->record) != ERROR_NONE)
		return NULL;
	touched->key = key;
	touched->next = import->touched[bucket];
	import->touched[bucket] = touched;
	return touched;
}

/* False: too many members. */
static bool
household_add(struct import *import, struct rec_household *record, struct slice spi)
{
	for (size_t i = 0; i < record->members_count; i++)
		if (slice_equal(record->members[i].spi, spi))
			return true;
	if (record->members_count == PERSONS_MAX)
		return false;
	struct rec_member *members = arena_alloc_array(import->arena, record->members_count + 1, sizeof *members);
	check(members != NULL);
	if (record->members_count != 0)
		memcpy(members, record->members, record->members_count * sizeof *members);
	check(arena_copy(import->arena, spi, &members[record->members_count].spi));
	record->members = members;
	record->members_count++;
	return true;
}

static void
household_remove(struct rec_household *record, struct slice spi)
{
	for (size_t i = 0; i < record->members_count; i++)
		if (slice_equal(record->members[i].spi, spi)) {
			record->members[i] = record->members[--record->members_count];
			return;
		}
}

/* Is this person in the open batch? Remembered by eight bytes of the keyed hash: a chance likeness costs a batch. */
static bool
person_is_in_batch(struct import *import, struct slice spi)
{
	struct keyed keyed;

	keyring_hash(import->keyring, "person", spi, keyed.bytes);
	uint64_t mark = bytes_peek_u64(keyed.bytes) | 1;
	size_t slot = (size_t)(mark >> 1) % PERSON_SLOTS;
	while (import->persons[slot] != 0 && import->persons[slot] != mark)
		slot = (slot + 1) % PERSON_SLOTS;
	bool is_there = import->persons[slot] == mark;
	import->persons[slot] = mark;
	return is_there;
}

static enum error
batch_write(struct import *import)
{
	if (import->batch == NULL)
		return ERROR_NONE;
	for (size_t i = 0; i < TOUCHED_BUCKETS; i++) {
		for (struct touched *touched = import->touched[i]; touched != NULL; touched = touched->next) {
			struct slice value = record_encode(record_household(), &touched->record, import->arena);
			if (value.size == 0)
				return ERROR_out_of_memory;
			store_put(import->batch, import->retention, touched->key, value);
		}
		import->touched[i] = NULL;
	}
	enum error error = store_commit_now(import->batch);
	import->batch = NULL;
	import->lines_in_batch = 0;
	memset(import->persons, 0, sizeof import->persons);
	arena_reset(import->arena);
	return error;
}

/* Takes a taxpayer: the record, and its place in a household (and no more in an earlier one). *bad says what is
 * wrong with the line beyond its fields. */
static enum error
taxpayer_take(struct import *import, const struct rec_taxpayer *taxpayer, const char **bad)
{
	struct slice key = keyed_key(import, KEY_taxpayer, "person", taxpayer->spi), before, value;
	struct rec_taxpayer earlier;
	bool found = false;

	if (key.size == 0)
		return ERROR_out_of_memory;
	enum error error = store_get_now(import->store, key, import->arena, &found, &before);
	if (error != ERROR_NONE)
		return error;
	if (found && record_decode(record_taxpayer(), before, import->arena, &earlier) != ERROR_NONE)
		return ERROR_store_damaged;
	struct touched *household = household_touch(import, taxpayer->household);
	if (household == NULL)
		return ERROR_out_of_memory;
	if (!household_add(import, &household->record, taxpayer->spi)) {
		*bad = "a household of at most 16 members";
		return ERROR_NONE;
	}
	if (found && !slice_equal(earlier.household, taxpayer->household)) {
		struct touched *left = household_touch(import, earlier.household);
		if (left == NULL)
			return ERROR_out_of_memory;
		household_remove(&left->record, taxpayer->spi);
	}
	value = record_encode(record_taxpayer(), taxpayer, import->arena);
	if (value.size == 0)
		return ERROR_out_of_memory;
	store_put(import->batch, import->retention, key, value);
	return ERROR_NONE;
}

/* ---- the file ---- */

static void
report_bad(struct import *import, const char *place, const char *expected)
{
	import->bad++;
	progress_wipe(&import->progress);
	/* What stands in the field is personal: the number of the line finds it. */
	if (import->as_json)
		admin_say(stderr, (const struct admin_fact[]) { { "line", NULL, import->line }, { "place", place, 0 },
			{ "expected", expected, 0 }, { NULL, NULL, 0 } });
	else
		fprintf(stderr, "line %" PRIu64 ": %s: expected %s\n", import->line, place, expected);
}

static enum error
line_take(struct import *import, char *line, size_t size)
{
	struct slice fields[FIELDS];
	struct rec_taxpayer taxpayer;
	const char *expected = NULL, *bad = NULL;

	if (import->line == 1 && size >= BYTE_ORDER_MARK_SIZE &&
	    memcmp(line, BYTE_ORDER_MARK, BYTE_ORDER_MARK_SIZE) == 0) {
		line += BYTE_ORDER_MARK_SIZE;
		size -= BYTE_ORDER_MARK_SIZE;
	}
	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	if (size == 0 || (import->line == 1 && slice_equal_text(slice_of(line, size), HEADER)))
		return ERROR_NONE;
	/* Columns in another order would have every field taken for another. */
	if (import->line == 1 && size > 3 && memcmp(line, "spi", 3) == 0) {
		import->has_foreign_header = true;
		return ERROR_file_unreadable;
	}
	const char *wrong = NULL;
	expected = line_cut(line, size, fields, &wrong);
	if (expected == NULL)
		wrong = fields_check(fields, import->campaign, &taxpayer, &expected);
	if (wrong != NULL) {
		report_bad(import, wrong, expected);
		return ERROR_NONE;
	}
	enum error error = ERROR_NONE;
	if (person_is_in_batch(import, taxpayer.spi)) {
		/* Where they were a line before has to be read back. */
		error = batch_write(import);
		(void)person_is_in_batch(import, taxpayer.spi);
	}
	if (error != ERROR_NONE)
		return error;
	if (import->batch == NULL)
		import->batch = store_batch_create(import->store);
	if (import->batch == NULL)
		return ERROR_out_of_memory;
	error = taxpayer_take(import, &taxpayer, &bad);
	if (error != ERROR_NONE)
		return error;
	if (bad != NULL)
		report_bad(import, "household", bad);
	else
		import->taken++;
	return ++import->lines_in_batch == BATCH_LINES ? batch_write(import) : ERROR_NONE;
}

static enum error
unreadable(struct import *import, struct fault *fault)
{
	return fault_set(
	    fault, ERROR_file_unreadable, import->path, slice_of_text(strerror(errno)), "a file that can be read");
}

/* Reads one line, its end included, whatever bytes are in it, up to LINE_SKIPPED_MAX. Of one longer than LINE_MAX_SIZE
 * the rest is left out of `line` but counted. False at the end. (getline would take all the memory that a file without
 * line ends asks for.) */
static bool
line_read(FILE *file, char line[LINE_MAX_SIZE], size_t *size)
{
	int byte;

	for (*size = 0; *size < LINE_SKIPPED_MAX && (byte = getc_unlocked(file)) != EOF;) {
		if (*size < LINE_MAX_SIZE)
			line[*size] = (char)byte;
		(*size)++;
		if (byte == '\n')
			break;
	}
	return *size != 0;
}

/* The lines, until they end or cannot go on; *fault when not. */
static enum error
lines_take(struct import *import, FILE *file, struct fault *fault)
{
	char line[LINE_MAX_SIZE];
	size_t size;
	enum error error = ERROR_NONE;

	while (error == ERROR_NONE && line_read(file, line, &size)) {
		import->line++;
		if (import->line % PROGRESS_LINES == 0)
			progress_tell(&import->progress, import->line, "lines", clock_steady_ms());
		if (size == LINE_SKIPPED_MAX) {
			snprintf(import->told, sizeof import->told, "line %" PRIu64, import->line);
			return fault_set(fault, ERROR_file_unreadable, import->told,
			    SLICE_LITERAL("a megabyte without a line end"), "lines of at most 4096 bytes");
		}
		if (size > sizeof line)
			report_bad(import, "line", "a shorter line");
		else if (memchr(line, '\0', size) != NULL)
			report_bad(import, "line", "text without NUL bytes");
		else
			error = line_take(import, line, size);
	}
	if (error == ERROR_NONE && ferror(file))
		return unreadable(import, fault);
	if (import->has_foreign_header)
		return fault_set(
		    fault, error, import->path, SLICE_LITERAL("another first line"), "first line: " HEADER);
	return error == ERROR_NONE ? error : fault_set(fault, error, import->path, SLICE_EMPTY, "a durable import");
}

/* What was taken before the file broke off stays taken. */
static enum error
file_take(struct import *import, FILE *file, struct fault *fault)
{
	enum error error = lines_take(import, file, fault), written = batch_write(import);

	if (error != ERROR_NONE || written == ERROR_NONE)
		return error;
	return fault_set(fault, written, import->path, SLICE_EMPTY, "a durable import");
}

/* A device would be read for ever, or waited for. */
static FILE *
file_open(struct import *import, struct fault *fault)
{
	FILE *file = fopen(import->path, "re");
	struct stat status;

	if (file == NULL || fstat(fileno(file), &status) != 0) {
		(void)unreadable(import, fault);
	} else if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode)) {
		(void)fault_set(fault, ERROR_file_unreadable, import->path,
		    S_ISDIR(status.st_mode) ? SLICE_LITERAL("a directory") : SLICE_LITERAL("a device"),
		    "a file or a pipe");
	} else {
		return file;
	}
	if (file != NULL)
		fclose(file);
	return NULL;
}

static enum error
import_file(struct import *import, struct fault *fault)
{
	FILE *file = file_open(import, fault);

	if (file == NULL)
		return fault->error;
	enum error error = file_take(import, file, fault);
	fclose(file);
	return error;
}

static void
say_imported(const struct import *import, uint64_t rate)
{
	if (import->as_json)
		admin_say(stdout, (const struct admin_fact[]) { { "type", "guichet-import", 0 },
			{ "taken", NULL, import->taken }, { "bad", NULL, import->bad }, { "lines_per_s", NULL, rate },
			{ NULL, NULL, 0 } });
	else
		printf("%" PRIu64 " taxpayers taken, %" PRIu64 " bad lines, %" PRIu64 " lines/s\n", import->taken,
		    import->bad, rate);
}

int
admin_import(int argc, char **argv)
{
	const char *words[3];
	bool as_json = false;
	const struct admin_option options[] = {
		{ "--json", NULL, "the result as JSON, and each bad line as a line of JSON", NULL, &as_json, false },
		ADMIN_OPTIONS_END,
	};
	struct import *import = calloc(1, sizeof *import);
	struct arena *arena = arena_create((size_t)2 * LIMIT_JSON_FILE);
	struct fault fault = { .error = ERROR_out_of_memory };
	uint64_t start_ms = clock_steady_ms();
	char what[PATH_SIZE];
	int exit = ADMIN_FAILED;

	if (import == NULL || arena == NULL)
		goto done;
	if (!admin_options(argc, argv, &command, options, words, &exit))
		goto done;
	if (strcmp(words[0], "taxpayers") != 0) {
		exit = admin_refuse("import", words[0], "taxpayers", as_json);
		goto done;
	}
	import->as_json = as_json;
	import->path = words[2];
	snprintf(what, sizeof what, "importing %s", words[2]);
	progress_begin(&import->progress, what, as_json, start_ms);
	import->arena = arena_create(BATCH_ARENA);
	enum error error =
	    import->arena == NULL ? ERROR_out_of_memory : admin_office_open(words[1], arena, &import->office, &fault);
	if (error == ERROR_NONE) {
		import->store = admin_office_store(import->office);
		import->keyring = admin_office_keyring(import->office);
		import->campaign = &admin_office_facts(import->office)->campaign;
		import->retention = (struct retention){ RETENTION_REGISTER, admin_year() };
		error = import_file(import, &fault);
	}
	if (error == ERROR_NONE)
		error = admin_office_settle(import->office, arena, &fault);
	progress_wipe(&import->progress);
	if (error != ERROR_NONE) {
		exit = admin_report(&fault, as_json);
		goto done;
	}
	uint64_t ms = clock_steady_ms() - start_ms;
	say_imported(import, import->line * 1000 / (ms == 0 ? 1 : ms));
	exit = import->bad == 0 ? ADMIN_DONE : ADMIN_REFUSED;
done:
	if (import != NULL) {
		admin_office_close(import->office);
		arena_destroy(import->arena);
	}
	arena_destroy(arena);
	free(import);
	return exit;
}
