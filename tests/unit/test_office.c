/* SPDX-License-Identifier: Apache-2.0
 *
 * A reload: what may take the place of the office that is in force, and what may not. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "protocol/default_campaign.h"
#include "protocol/digest.h"
#include "server/authority.h"
#include "server/campaign_year.h"
#include "server/publication_record.h"
#include "server/settings.h"
#include "server/store/memory.h"
#include "tests/unit/file.h"
#include "tests/unit/people.h"

static void
write_public(struct decision_fixture *fixture, const char *name, struct slice content)
{
	char path[128];

	snprintf(path, sizeof path, "%s/" PUBLIC_DIRECTORY "/%s", fixture->directory, name);
	file_write(path, content);
}

/* The fixture's campaign with one text in it replaced. */
static void
change_campaign(struct decision_fixture *fixture, const char *text, const char *by)
{
	struct buf *campaign = buf_create(65536), *changed = buf_create(65536);

	default_campaign_put(campaign, 2025);
	struct slice before = buf_peek(campaign);
	const char *at = memmem(before.data, before.size, text, strlen(text));
	assert_non_null(at);
	size_t size = (size_t)(at - (const char *)before.data);
	buf_put(changed, slice_of(before.data, size));
	buf_put_text(changed, by);
	buf_put(changed, slice_from(before, size + strlen(text)));
	assert_true(buf_ok(changed));
	write_public(fixture, CAMPAIGN_FILE, buf_peek(changed));
	buf_destroy(campaign);
	buf_destroy(changed);
}

static void
assert_fault(const struct fault *fault, const char *place, const char *value, const char *expected)
{
	assert_true(slice_equal_text(fault->place, place));
	assert_true(slice_equal_text(fault->value, value));
	assert_true(slice_equal_text(fault->expected, expected));
}

/* Any campaign may follow but another year's under the same name, and the same year's under another. */
static void
a_name_and_its_year_stay_together(void **state)
{
	struct decision_fixture *fixture = *state;
	static const struct {
		const char *name;
		uint64_t income_year;
		enum error error;
	} rows[] = {
		{ "ir-2025", 2025, ERROR_NONE },
		{ "ir-2025", 2024, ERROR_json_malformed },
		{ "ir-2025", 2026, ERROR_json_malformed },
		{ "ir-2026", 2026, ERROR_NONE },
		{ "ir-2025-bis", 2025, ERROR_json_malformed },
		{ "ir-2025-bis", 2024, ERROR_NONE },
	};

	assert_true(slice_equal_text(fixture->office->campaign.name, "ir-2025"));
	assert_int_equal(fixture->office->campaign.income_year, 2025);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct office next = *fixture->office;
		struct fault fault = { .error = ERROR_NONE };
		next.campaign.name = slice_of_text(rows[i].name);
		next.campaign.income_year = rows[i].income_year;
		assert_int_equal(office_check_next(fixture->office, &next, fixture->arena, &fault), rows[i].error);
		assert_int_equal(fault.error, rows[i].error);
	}
}

static void
a_slip_in_the_campaign_is_refused_and_named(void **state)
{
	struct decision_fixture *fixture = *state;
	struct office *next;
	struct fault fault;

	change_campaign(fixture, "\"income_year\": 2025", "\"income_year\": 2024");
	assert_int_equal(office_reload(fixture->directory, fixture->office, fixture->arena, &next, &fault),
	    ERROR_json_malformed);
	assert_fault(&fault, "campaign.json, income_year", "2024", "2025 while its name is ir-2025");
	change_campaign(fixture, "\"ir-2025\"", "\"\"");
	assert_int_equal(office_reload(fixture->directory, fixture->office, fixture->arena, &next, &fault),
	    ERROR_json_malformed);
	change_campaign(fixture, "\"ir-2025\"", "\"ir-2025-2\"");
	assert_int_equal(office_reload(fixture->directory, fixture->office, fixture->arena, &next, &fault),
	    ERROR_json_malformed);
	assert_fault(&fault, "campaign.json, name", "ir-2025-2", "ir-2025 while its income year is 2025");
	change_campaign(fixture, "\"ir-2025\",\n\"income_year\": 2025", "\"ir-2024-2\",\n\"income_year\": 2024");
	assert_int_equal(office_reload(fixture->directory, fixture->office, fixture->arena, &next, &fault), ERROR_NONE);
	assert_true(slice_equal_text(next->campaign.name, "ir-2024-2"));
	assert_ptr_equal(next->authority, fixture->office->authority);
	office_release(next);
}

/* From the first filing on the year is kept, whoever reads the file: the next start as well as a reload. */
static void
a_year_is_kept_once_something_was_filed(void **state)
{
	struct decision_fixture *fixture = *state;
	struct person *jeanne = people_enrol(fixture, 3000000001, "H1");
	struct office next = *fixture->office;
	struct fault fault;

	next.campaign.income_year = 2024;
	assert_int_equal(campaign_year_check(fixture->store, &next, fixture->arena, &fault), ERROR_NONE);
	assert_false(next.has_kept_year);
	struct draft *draft = draft_simple(fixture, jeanne);
	const struct msg_file_request request = draft_sign(fixture, draft, jeanne);
	(void)people_file(fixture, &request);
	assert_int_equal(campaign_year_check(fixture->store, &next, fixture->arena, &fault), ERROR_json_malformed);
	assert_fault(&fault, "campaign.json, income_year", "2024",
	    "2025, of which returns were filed as ir-2025; or another name");
	/* Nor has the year another name, under which everybody would file a first return once more. */
	next.campaign.income_year = 2025;
	next.campaign.name = SLICE_LITERAL("ir-2025b");
	assert_int_equal(campaign_year_check(fixture->store, &next, fixture->arena, &fault), ERROR_json_malformed);
	assert_fault(&fault, "campaign.json, name", "ir-2025b",
	    "ir-2025, as which returns of 2025 were filed; or another income year");
	next.campaign.income_year = 2024;
	next.campaign.name = SLICE_LITERAL("ir-2024");
	assert_int_equal(campaign_year_check(fixture->store, &next, fixture->arena, &fault), ERROR_NONE);
	assert_false(next.has_kept_year);
	assert_int_equal(campaign_year_check(fixture->store, fixture->office, fixture->arena, &fault), ERROR_NONE);
	assert_true(fixture->office->has_kept_year);
}

/* log.vkey says under which origin and by which key the log is signed. */
static void
another_log_is_refused(void **state)
{
	struct decision_fixture *fixture = *state;
	struct office *next;
	struct fault fault;
	struct slice key;
	static const char *const others[] = { "", "another.example/2026+01234567+AAAA" };

	assert_true(publications_find(fixture->publications, SLICE_LITERAL(AUTHORITY_VKEY_FILE), &key));
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		write_public(fixture, AUTHORITY_VKEY_FILE, slice_of_text(others[i]));
		assert_int_equal(office_reload(fixture->directory, fixture->office, fixture->arena, &next, &fault),
		    ERROR_store_damaged);
		assert_true(slice_equal_text(fault.place, AUTHORITY_VKEY_FILE));
		assert_true(slice_equal_text(fault.value, others[i]));
		assert_true(slice_equal(fault.expected, key));
	}
	write_public(fixture, AUTHORITY_VKEY_FILE, key);
	assert_int_equal(office_reload(fixture->directory, fixture->office, fixture->arena, &next, &fault), ERROR_NONE);
	office_release(next);
}

/* What a recorder has told. */
struct told {
	unsigned failures, changes;
	const char *file; /* of the last change */
};

static void
count_failure(void *context, enum error error, const char *cause)
{
	assert_int_not_equal(error, ERROR_NONE);
	((struct told *)context)->failures++;
	assert_string_not_equal(cause, "");
}

static void
count_change(void *context, const char *file)
{
	struct told *told = context;

	told->changes++;
	told->file = file;
}

static struct publication_recorder *
recorder_create(struct store *store, struct decision_fixture *fixture, struct told *told)
{
	const struct publication_recorder_calls calls = { count_failure, count_change, told };
	struct publication_recorder *recorder = publication_recorder_create(store, fixture->keyring, &calls);

	assert_non_null(recorder);
	return recorder;
}

/* The digest that a store has of campaign.json; false when it has none. */
static bool
find_kept(struct store *store, struct decision_fixture *fixture, struct slice *digest)
{
	static const uint8_t from = KEY_publication, past = KEY_publication + 1;
	struct rec_publication record;
	struct store_pair *pairs;
	size_t count;
	bool found = false;

	assert_int_equal(store_range_now(store, slice_of(&from, 1), slice_of(&past, 1), false, 10, fixture->arena,
	    &pairs, &count), ERROR_NONE);
	assert_true(count == 0 || count == 2);
	for (size_t i = 0; i < count; i++) {
		const char *file = publication_record_file(fixture->keyring, pairs[i].key, fixture->arena);
		assert_non_null(file);
		assert_int_equal(record_decode(record_publication(), pairs[i].value, fixture->arena, &record),
		    ERROR_NONE);
		if (strcmp(file, CAMPAIGN_FILE) == 0) {
			*digest = record.digest;
			found = true;
		}
	}
	return found;
}

static void
assert_kept(struct store *store, struct decision_fixture *fixture, const struct publications *publications)
{
	uint8_t digest[DIGEST_SIZE];
	struct slice kept, campaign;

	assert_true(publications_find(publications, SLICE_LITERAL(CAMPAIGN_FILE), &campaign));
	digest_bytes(campaign, digest);
	assert_true(find_kept(store, fixture, &kept));
	assert_true(slice_equal(kept, slice_of(digest, sizeof digest)));
}

static struct publications *
load_campaign(struct decision_fixture *fixture, const char *name)
{
	struct publications *publications;
	struct fault fault;

	change_campaign(fixture, "ir-2025", name);
	assert_int_equal(
	    publications_load(fixture->directory, NULL, fixture->arena, &publications, &fault), ERROR_NONE);
	return publications;
}

/* While one batch is on its way, the last of those that come after it is the one that is put on record. */
static void
the_last_that_was_taken_is_kept(void **state)
{
	struct decision_fixture *fixture = *state;
	const struct memory_config late = { .defer_reads = true, .defer_commits = true };
	struct publications *second = load_campaign(fixture, "ir-second"), *third = load_campaign(fixture, "ir-third");
	struct told told = { 0 };
	struct slice kept;
	struct store *store;

	assert_int_equal(memory_store_open(&late, &store), ERROR_NONE);
	struct publication_recorder *recorder = recorder_create(store, fixture, &told);
	publication_recorder_take(recorder, fixture->publications);
	publication_recorder_take(recorder, second);
	publication_recorder_take(recorder, third);
	publications_release(second);
	/* The loop waits for neither the reads nor the commit. */
	assert_int_equal(memory_store_pump(store, 1), 1);
	memory_store_defer(store, false, true);
	assert_false(find_kept(store, fixture, &kept));
	assert_int_equal(memory_store_pump(store, 1), 1);
	assert_kept(store, fixture, fixture->publications);
	assert_int_equal(told.changes, 1);
	assert_string_equal(told.file, CAMPAIGN_FILE);
	assert_int_equal(memory_store_pump(store, 10), 1);
	assert_kept(store, fixture, third);
	/* What is on record is not written again. */
	publication_recorder_take(recorder, third);
	assert_int_equal(memory_store_pending(store), 0);
	assert_int_equal(told.changes, 1);
	publications_release(third);
	publication_recorder_destroy(recorder);
	store_close(store);
	assert_int_equal(told.failures, 0);
}

/* At a start, over what the last one put on record. */
static void
what_changed_since_is_told(void **state)
{
	struct decision_fixture *fixture = *state;
	const struct memory_config late = { .defer_reads = true, .defer_commits = true };
	struct publications *second = load_campaign(fixture, "ir-second");
	struct told told = { 0 };
	struct fault fault;
	struct store *store;

	assert_int_equal(memory_store_open(&late, &store), ERROR_NONE);
	struct publication_recorder *recorder = recorder_create(store, fixture, &told);
	for (int times = 0; times < 2; times++)
		assert_int_equal(
		    publication_recorder_settle(recorder, fixture->publications, &fault), ERROR_NONE);
	assert_int_equal(told.changes, 0);
	assert_int_equal(publication_recorder_settle(recorder, second, &fault), ERROR_NONE);
	assert_int_equal(told.changes, 1);
	assert_string_equal(told.file, CAMPAIGN_FILE);
	assert_kept(store, fixture, second);
	publications_release(second);
	publication_recorder_destroy(recorder);
	store_close(store);
	assert_int_equal(told.failures, 0);
}

static void
what_cannot_be_kept_is_told(void **state)
{
	struct decision_fixture *fixture = *state;
	const struct memory_config failing = { .fail_commit_at = 1 };
	struct publication_recorder *recorder;
	struct fault fault;
	struct store *store;
	struct told told = { 0 };

	assert_int_equal(memory_store_open(&failing, &store), ERROR_NONE);
	recorder = recorder_create(store, fixture, &told);
	publication_recorder_take(recorder, fixture->publications);
	assert_int_equal(told.failures, 1);
	assert_int_not_equal(publication_recorder_settle(recorder, fixture->publications, &fault), ERROR_NONE);
	assert_true(slice_equal_text(fault.place, "publication"));
	assert_int_equal(told.failures, 1);
	publication_recorder_destroy(recorder);
	store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(a_name_and_its_year_stay_together),
		PEOPLE_TEST(a_slip_in_the_campaign_is_refused_and_named),
		PEOPLE_TEST(a_year_is_kept_once_something_was_filed),
		PEOPLE_TEST(another_log_is_refused),
		PEOPLE_TEST(the_last_that_was_taken_is_kept),
		PEOPLE_TEST(what_changed_since_is_told),
		PEOPLE_TEST(what_cannot_be_kept_is_told),
	};
	return RUN_OVER_BOTH("office", tests);
}
