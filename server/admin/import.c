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

#include "server/admin/admin.h"
#include "server/admin/import_line.h"
#include "server/admin/progress.h"
#include "server/clock.h"
#include "server/store/keyring.h"

#define HEADER "spi,birth_name,first_names,filer_number,reference_income,department,household,family_change"

static const struct admin_command command = {
	"import", "taxpayers DIR FILE.csv", 3,
	"Reads the register: UTF-8, comma-separated, with or without this first line:\n"
	"  " HEADER "\n"
	"A field with a comma stands in double quotes, a double quote in it is doubled, and no line ends in it.\n"
	"Taxpayers with the same household are taxed jointly; whoever is not in FILE.csv stays where they are, and\n"
	"nobody leaves a household that has filed before the next campaign is open. department is one of those in\n"
	"the open campaign.\n"
	"family_change tells when the family situation last changed: a year or a date (2025, 2025-06-14), 1 for the\n"
	"income year of the open campaign, 0 or empty for never. FILE.csv is a file or a pipe.\n"
	"Bad lines are reported on standard error, each by the file with the number of the line and the column (in\n"
	"characters) where the field begins, never with what stands there, and skipped; then the exit code is 3.\n"
	"What was taken stays taken, whatever ends the import. Refuses while a server uses DIR.",
	NULL,
};

/* A longer line is skipped like any bad one, but what has no line end in so many bytes is no register. */
#define LINE_SKIPPED_MAX ((size_t)1024 * 1024)
/* What some programs put before UTF-8. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define BYTE_ORDER_MARK_SIZE (sizeof BYTE_ORDER_MARK - 1)
#define LINE_EXPECTED "lines of at most 4096 bytes, their ends included"
_Static_assert(IMPORT_LINE_MAX == 4096, "as is said of a longer line");
/* Lines in one commit. */
#define BATCH_LINES ((size_t)2000)
#define BATCH_ARENA ((size_t)64 * 1024 * 1024)

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
	bool as_json;
	const char *path;
	char place[PATH_SIZE + 64]; /* "register.csv, line 3, column 7", for a fault */
};

/* ---- the batch ---- */

static struct slice
keyed_key(struct import *import, enum key_prefix prefix, const char *label, struct slice word)
{
	struct keyed keyed;

	keyring_hash(import->keyring, label, word, keyed.bytes);
	return KEY_MAKE(import->arena, prefix, key_part_keyed(&keyed));
}

/* The household as it is stored, or as this batch has changed it already. */
static enum error
household_touch(struct import *import, struct slice household, struct touched **out)
{
	struct slice key = keyed_key(import, KEY_household, "household", household), value;
	bool found = false;

	if (key.size == 0)
		return ERROR_out_of_memory;
	size_t bucket = bytes_peek_u32(key.data + 1) % TOUCHED_BUCKETS;
	for (*out = import->touched[bucket]; *out != NULL; *out = (*out)->next)
		if (slice_equal((*out)->key, key))
			return ERROR_NONE;
	struct touched *touched = arena_alloc(import->arena, sizeof *touched);
	enum error error = touched == NULL ? ERROR_out_of_memory :
	    store_get_now(import->store, key, import->arena, &found, &value);
	if (error == ERROR_NONE && found)
		error = record_decode(record_household(), value, import->arena, &touched->record);
	if (error != ERROR_NONE)
		return error;
	touched->key = key;
	touched->next = import->touched[bucket];
	import->touched[bucket] = touched;
	*out = touched;
	return ERROR_NONE;
}

static bool
household_has(const struct rec_household *record, struct slice spi)
{
	for (size_t i = 0; i < record->members_count; i++)
		if (slice_equal(record->members[i].spi, spi))
			return true;
	return false;
}

/* One who is not in it, and for whom there is room. */
static enum error
household_add(struct import *import, struct rec_household *record, struct slice spi)
{
	struct rec_member *members = arena_alloc_array(import->arena, record->members_count + 1, sizeof *members);

	if (members == NULL || !arena_copy(import->arena, spi, &members[record->members_count].spi))
		return ERROR_out_of_memory;
	if (record->members_count != 0)
		memcpy(members, record->members, record->members_count * sizeof *members);
	record->members = members;
	record->members_count++;
	return ERROR_NONE;
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
households_put(struct import *import)
{
	for (size_t i = 0; i < TOUCHED_BUCKETS; i++)
		for (struct touched *touched = import->touched[i]; touched != NULL; touched = touched->next) {
			struct slice value = record_encode(record_household(), &touched->record, import->arena);
			if (value.size == 0)
				return ERROR_out_of_memory;
			store_put(import->batch, import->retention, touched->key, value);
		}
	return ERROR_NONE;
}

/* Ends the open batch: what is known of it is of no use for another. */
static void
batch_forget(struct import *import)
{
	import->batch = NULL;
	import->lines_in_batch = 0;
	memset(import->touched, 0, sizeof import->touched);
	memset(import->persons, 0, sizeof import->persons);
	arena_reset(import->arena);
}

static void
batch_give_up(struct import *import)
{
	if (import->batch != NULL)
		store_batch_destroy(import->batch);
	batch_forget(import);
}

static enum error
batch_write(struct import *import)
{
	if (import->batch == NULL)
		return ERROR_NONE;
	enum error error = households_put(import);
	if (error != ERROR_NONE) {
		batch_give_up(import);
		return error;
	}
	error = store_commit_now(import->batch);
	batch_forget(import);
	return error;
}

/* Puts the taxpayer's record, and the person into `joined` and out of `left` (NULL: out of none). After an error the
 * batch may hold half of it. */
static enum error
taxpayer_put(struct import *import, struct slice key, const struct rec_taxpayer *taxpayer, struct rec_household *joined,
    struct rec_household *left)
{
	struct slice value = record_encode(record_taxpayer(), taxpayer, import->arena);
	enum error error = value.size == 0 ? ERROR_out_of_memory : ERROR_NONE;

	if (error == ERROR_NONE && !household_has(joined, taxpayer->spi))
		error = household_add(import, joined, taxpayer->spi);
	if (error != ERROR_NONE)
		return error;
	if (left != NULL)
		household_remove(left, taxpayer->spi);
	store_put(import->batch, import->retention, key, value);
	return ERROR_NONE;
}

/* Has the household a return in this campaign? It concerns those who are its members: another household would let them
 * file a second first return, and whoever is given this one's name would be asked to rectify theirs. */
static enum error
household_has_filed(struct import *import, struct slice household, bool *has_filed)
{
	struct keyed keyed, campaign;
	struct slice value;

	keyring_hash(import->keyring, "household", household, keyed.bytes);
	keyring_hash(import->keyring, "campaign", import->campaign->name, campaign.bytes);
	struct slice key =
	    KEY_MAKE(import->arena, KEY_dossier, key_part_keyed(&keyed), key_part_keyed(&campaign));
	return key.size == 0 ? ERROR_out_of_memory :
			       store_get_now(import->store, key, import->arena, has_filed, &value);
}

/* Takes a taxpayer: the record, and its place in a household (and no more in an earlier one). Everything is read before
 * anything is changed. *bad says what is wrong with the line beyond its fields. */
static enum error
taxpayer_take(struct import *import, const struct rec_taxpayer *taxpayer, const char **bad)
{
	struct slice key = keyed_key(import, KEY_taxpayer, "person", taxpayer->spi), before;
	struct rec_taxpayer earlier;
	struct touched *joined, *left = NULL;
	bool found = false, has_filed = false;

	if (key.size == 0)
		return ERROR_out_of_memory;
	enum error error = store_get_now(import->store, key, import->arena, &found, &before);
	if (error == ERROR_NONE && found)
		error = record_decode(record_taxpayer(), before, import->arena, &earlier);
	bool moves = error == ERROR_NONE && found && !slice_equal(earlier.household, taxpayer->household);
	if (moves)
		error = household_has_filed(import, earlier.household, &has_filed);
	if (error == ERROR_NONE && has_filed) {
		*bad = "the household as before: it has filed in the open campaign";
		return ERROR_NONE;
	}
	if (error == ERROR_NONE)
		error = household_touch(import, taxpayer->household, &joined);
	if (error == ERROR_NONE && moves)
		error = household_touch(import, earlier.household, &left);
	if (error != ERROR_NONE)
		return error;
	if (joined->record.members_count == PERSONS_MAX && !household_has(&joined->record, taxpayer->spi)) {
		*bad = "a household of at most 16 members";
		return ERROR_NONE;
	}
	return taxpayer_put(import, key, taxpayer, &joined->record, left == NULL ? NULL : &left->record);
}

/* ---- the file ---- */

/* Where in the file: read as its path was typed. */
static const char *
place_name(struct import *import, size_t column)
{
	snprintf(import->place, sizeof import->place, "%s, line %" PRIu64 ", column %zu", import->path, import->line,
	    column);
	return import->place;
}

static void
report_bad(struct import *import, const struct import_fault *bad)
{
	import->bad++;
	progress_wipe(&import->progress);
	if (import->as_json)
		admin_say(stderr, (const struct admin_fact[]) { { "file", import->path, 0 },
			{ "line", NULL, import->line }, { "column", NULL, bad->column }, { "place", bad->field, 0 },
			{ "expected", bad->expected, 0 }, { NULL, NULL, 0 } });
	else
		fprintf(stderr, "%s: %s: expected %s\n", place_name(import, bad->column), bad->field, bad->expected);
}

static void
report_bad_line(struct import *import, struct slice before, const char *expected)
{
	report_bad(import, &(const struct import_fault){ import_line_column(before), "line", expected });
}

/* What went wrong is seldom the file's fault: the store has words for what is its own. */
static enum error
not_taken(struct import *import, enum error error, struct fault *fault)
{
	const char *failure = store_failure(import->store), *cause = store_read_failure(import->store);

	if (error == ERROR_out_of_memory)
		return fault_set(fault, error, import->path, SLICE_EMPTY, NULL);
	if (failure[0] != '\0')
		return fault_set(fault, error, failure, SLICE_EMPTY,
		    "a disk that takes it; then the same command takes what is not taken yet");
	return fault_set(fault, error, place_name(import, 1), slice_of_text(cause),
	    "records that can be read: guichetd audit says which cannot");
}

static enum error
foreign_header(struct import *import, struct fault *fault)
{
	return fault_set(fault, ERROR_file_unreadable, place_name(import, 1), SLICE_LITERAL("another first line"),
	    "a taxpayer, or first line: " HEADER);
}

static enum error
line_take(struct import *import, char *line, size_t size, struct fault *fault)
{
	struct rec_taxpayer taxpayer;
	struct import_fault where;
	const char *bad = NULL;

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
	if (import->line == 1 && import_line_is_header(slice_of(line, size)))
		return foreign_header(import, fault);
	if (!import_line_read(line, size, import->campaign, &taxpayer, &where)) {
		report_bad(import, &where);
		return ERROR_NONE;
	}
	enum error error = ERROR_NONE;
	if (person_is_in_batch(import, taxpayer.spi)) {
		/* Where they were a line before has to be read back. */
		error = batch_write(import);
		(void)person_is_in_batch(import, taxpayer.spi);
	}
	if (error == ERROR_NONE && import->batch == NULL) {
		import->batch = store_batch_create(import->store);
		error = import->batch == NULL ? ERROR_out_of_memory : ERROR_NONE;
	}
	if (error == ERROR_NONE)
		error = taxpayer_take(import, &taxpayer, &bad);
	if (error != ERROR_NONE) {
		/* No line is taken by half. */
		batch_give_up(import);
		return not_taken(import, error, fault);
	}
	if (bad != NULL)
		report_bad(import, &(const struct import_fault){ where.column, where.field, bad });
	else
		import->taken++;
	if (++import->lines_in_batch == BATCH_LINES)
		error = batch_write(import);
	return error == ERROR_NONE ? error : not_taken(import, error, fault);
}

static enum error
unreadable(struct import *import, struct fault *fault)
{
	return fault_set(
	    fault, ERROR_file_unreadable, import->path, slice_of_text(strerror(errno)), "a file that can be read");
}

/* Reads one line, its end included, whatever bytes are in it, up to LINE_SKIPPED_MAX. Of one longer than
 * IMPORT_LINE_MAX the rest is left out of `line` but counted. False at the end. (getline would take all the memory that
 * a file without line ends asks for.) */
static bool
line_read(FILE *file, char line[IMPORT_LINE_MAX], size_t *size)
{
	int byte;

	for (*size = 0; *size < LINE_SKIPPED_MAX && (byte = getc_unlocked(file)) != EOF;) {
		if (*size < IMPORT_LINE_MAX)
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
	char line[IMPORT_LINE_MAX];
	size_t size;
	enum error error = ERROR_NONE;

	while (error == ERROR_NONE && line_read(file, line, &size)) {
		import->line++;
		if (import->line % PROGRESS_LINES == 0)
			progress_tell(&import->progress, import->line, "lines", clock_steady_ms());
		if (size == LINE_SKIPPED_MAX)
			return fault_set(fault, ERROR_file_unreadable,
			    place_name(import, import_line_column(slice_of(line, sizeof line))),
			    SLICE_LITERAL("a megabyte without a line end"), LINE_EXPECTED);
		const char *nul = memchr(line, '\0', size < sizeof line ? size : sizeof line);
		if (size > sizeof line)
			report_bad_line(import, slice_of(line, sizeof line), LINE_EXPECTED);
		else if (nul != NULL)
			report_bad_line(import, slice_of(line, (size_t)(nul - line)), "text without NUL bytes");
		else
			error = line_take(import, line, size, fault);
	}
	return error == ERROR_NONE && ferror(file) ? unreadable(import, fault) : error;
}

/* What was taken before the file broke off stays taken. When the store fails or memory is short, the lines since the
 * last commit are not: the same file is to be imported again. */
static enum error
file_take(struct import *import, FILE *file, struct fault *fault)
{
	enum error error = lines_take(import, file, fault), written = batch_write(import);

	return error != ERROR_NONE || written == ERROR_NONE ? error : not_taken(import, written, fault);
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
		{ "--json", NULL, "the result as JSON, and each bad line as a line of JSON", NULL, &as_json,
		    ADMIN_MAYBE },
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
