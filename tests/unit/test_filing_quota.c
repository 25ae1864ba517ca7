/* SPDX-License-Identifier: Apache-2.0
 *
 * The accounts that filings keep. How often each may file and how often a household, and how many bytes: to the last
 * one and not beyond, and never against who sends the same again. And the campaign's year, once. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/people.h"
#include "tests/unit/unit.h"

#define HOUR 3600U
#define DAY 86400U

/* Somebody of a household who corrects a return: each filing is another text. */
struct corrector {
	struct decision_fixture *fixture;
	struct person *person;
	const char *number; /* in force; NULL before the first */
	unsigned made;
};

static struct draft *
correction(struct corrector *corrector)
{
	struct draft *draft = draft_begin(corrector->fixture, corrector->person);
	char *text = arena_alloc(corrector->fixture->arena, 80);

	assert_non_null(text);
	snprintf(text, 80, "{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"1AJ\":%u}}", ++corrector->made);
	draft_add(draft, "2042", MANIFEST_RETURN_MEDIA, slice_of_text(text));
	if (corrector->number != NULL)
		draft->manifest.replaces = slice_of_text(corrector->number);
	return draft;
}

static struct effects *
try_draft(struct corrector *corrector, struct draft *draft)
{
	const struct msg_file_request request = draft_sign(corrector->fixture, draft, corrector->person);
	struct effects *effects = decision_fixture_operate(corrector->fixture, OPERATION_file, &request);
	const struct msg_receipt_answer *answer = effects->answer;

	if (effects->refusal.error == ERROR_NONE)
		corrector->number = people_number(corrector->fixture, answer->receipt);
	return effects;
}

static struct effects *
try_correction(struct corrector *corrector)
{
	return try_draft(corrector, correction(corrector));
}

static void
correct(struct corrector *corrector, unsigned times)
{
	while (times-- > 0)
		assert_string_equal(error_name(try_correction(corrector)->refusal.error), "none");
}

static struct slice
dossier_key(struct decision_fixture *fixture, const char *household)
{
	struct keyed house = decision_fixture_keyed(fixture, "household", household);
	struct keyed campaign = decision_fixture_keyed(fixture, "campaign", "ir-2025");

	return KEY_MAKE(fixture->arena, KEY_dossier, key_part_keyed(&house), key_part_keyed(&campaign));
}

static struct rec_dossier
dossier_of(struct decision_fixture *fixture, const char *household)
{
	struct rec_dossier dossier;

	assert_true(decision_fixture_get(fixture, dossier_key(fixture, household), record_dossier(), &dossier));
	return dossier;
}

static void
an_hour_has_its_number(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector jeanne = { .fixture = fixture, .person = people_enrol(fixture, 3000000001, "H1") };
	struct corrector other = { .fixture = fixture, .person = people_enrol(fixture, 3000000003, "H2") };
	struct draft *first = correction(&jeanne);
	const struct msg_file_request again = draft_sign(fixture, first, jeanne.person);

	assert_int_equal(try_draft(&jeanne, first)->refusal.error, ERROR_NONE);
	fixture->now += 600;
	correct(&jeanne, LIMIT_FILINGS_HOUR - 1);
	fixture->now += 60;
	struct effects *effects = try_correction(&jeanne);
	assert_refused(effects, ERROR_filings_exceeded, "line 4",
	    "filing 61 of this signer in the hour from 2026-04-01T10:00:00Z on",
	    "at most 60, the next not before 2026-04-01T11:00:00Z");
	assert_int_equal(effects->retry_after_ms, (HOUR - 660) * 1000);
	assert_null(effects->puts);
	/* The same again has its receipt, and others have nothing to do with it. */
	effects = decision_fixture_operate(fixture, OPERATION_file, &again);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_null(effects->puts);
	correct(&other, 1);
	/* What was refused did not count: to the second it goes on. */
	fixture->now = FIXTURE_NOW + HOUR - 1;
	assert_refused(try_correction(&jeanne), ERROR_filings_exceeded, "line 4", "*", "*");
	fixture->now = FIXTURE_NOW + HOUR;
	correct(&jeanne, 1);
	assert_int_equal(dossier_of(fixture, "H1").hour_filings, 1);
	assert_int_equal(dossier_of(fixture, "H1").day_filings, LIMIT_FILINGS_HOUR + 1);
}

static void
a_day_has_its_number(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector jeanne = { .fixture = fixture, .person = people_enrol(fixture, 3000000001, "H1") };

	for (unsigned i = 0; i < LIMIT_FILINGS_DAY; i += 40, fixture->now += HOUR)
		correct(&jeanne, 40);
	struct effects *effects = try_correction(&jeanne);
	assert_refused(effects, ERROR_filings_exceeded, "line 4",
	    "filing 121 of this signer in the day from 2026-04-01T10:00:00Z on",
	    "at most 120, the next not before 2026-04-02T10:00:00Z");
	assert_int_equal(effects->retry_after_ms, (DAY - 3 * HOUR) * 1000);
	fixture->now = FIXTURE_NOW + DAY;
	correct(&jeanne, 1);
	assert_int_equal(dossier_of(fixture, "H1").day_filings, 1);
}

/* Hour and day both full, and the hour over later than the day: that is how long it takes. */
static void
of_two_waits_the_longer_is_told(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector jeanne = { .fixture = fixture, .person = people_enrol(fixture, 3000000001, "H1") };

	correct(&jeanne, LIMIT_FILINGS_DAY - LIMIT_FILINGS_HOUR);
	fixture->now += DAY - 600;
	correct(&jeanne, LIMIT_FILINGS_HOUR);
	struct effects *effects = try_correction(&jeanne);
	assert_refused(effects, ERROR_filings_exceeded, "line 4", "*",
	    "at most 60, the next not before 2026-04-02T10:50:00Z");
	assert_int_equal(effects->retry_after_ms, HOUR * 1000);
}

static void
a_clock_set_back_makes_nobody_wait_longer(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector jeanne = { .fixture = fixture, .person = people_enrol(fixture, 3000000001, "H1") };

	fixture->now += 10 * DAY;
	correct(&jeanne, LIMIT_FILINGS_HOUR);
	fixture->now = FIXTURE_NOW;
	struct effects *effects = try_correction(&jeanne);
	assert_refused(effects, ERROR_filings_exceeded, "line 4", "*", "*");
	assert_int_equal(effects->retry_after_ms, HOUR * 1000);
}

/* Rectifications and second signatures of either count for who signs; neither spouse takes from the other. */
static void
spouses_do_not_take_from_each_other(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector jeanne = { .fixture = fixture, .person = people_enrol(fixture, 3000000001, "H1") };
	struct corrector paul = { .fixture = fixture, .person = people_enrol(fixture, 3000000002, "H1") };

	correct(&jeanne, LIMIT_FILINGS_HOUR - 1);
	struct draft *last = correction(&jeanne);
	assert_int_equal(try_draft(&jeanne, last)->refusal.error, ERROR_NONE);
	assert_refused(try_correction(&jeanne), ERROR_filings_exceeded, "line 4", "*", "*");
	struct rec_dossier before = dossier_of(fixture, "H1"), after;
	const struct msg_file_request countersigned = draft_sign(fixture, last, paul.person);
	(void)people_file(fixture, &countersigned);
	/* It is counted, and leaves in force what is in force. */
	after = dossier_of(fixture, "H1");
	assert_true(slice_equal(after.number, before.number) && slice_equal(after.signer, before.signer));
	assert_int_equal(after.hour_filings, LIMIT_FILINGS_HOUR + 1);
	assert_int_equal(after.signers_count, 2);
	fixture->now += 60;
	paul.number = jeanne.number;
	correct(&paul, LIMIT_FILINGS_HOUR - 1);
	assert_refused(try_correction(&paul), ERROR_filings_exceeded, "line 4",
	    "filing 61 of this signer in the hour from 2026-04-01T10:00:00Z on",
	    "at most 60, the next not before 2026-04-01T11:00:00Z");
	/* An account that counts nothing any more is not kept. */
	fixture->now += DAY;
	correct(&paul, 1);
	assert_int_equal(dossier_of(fixture, "H1").signers_count, 1);
}

/* However many they are. */
static void
a_household_files_as_often_as_two(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector people[3];
	struct effects *effects;

	for (unsigned i = 0; i < 3; i++)
		people[i] = (struct corrector){ .fixture = fixture,
			.person = people_enrol(fixture, 3000000001 + i, "H1") };
	correct(&people[0], LIMIT_FILINGS_HOUR);
	fixture->now += 60;
	people[1].number = people[0].number;
	correct(&people[1], LIMIT_FILINGS_HOUR - 1);
	people[2].number = people[1].number;
	correct(&people[2], 1);
	effects = try_correction(&people[2]);
	assert_refused(effects, ERROR_filings_exceeded, "line 4",
	    "filing 121 of this household in the hour from 2026-04-01T10:00:00Z on",
	    "at most 120, the next not before 2026-04-01T11:00:00Z");
	assert_int_equal(effects->retry_after_ms, (HOUR - 60) * 1000);
	people[1].number = people[2].number;
	assert_refused(try_correction(&people[1]), ERROR_filings_exceeded, "line 4",
	    "filing 121 of this household in the hour from 2026-04-01T10:00:00Z on", "*");
	/* The household may again, and of each signer what is left. */
	fixture->now = FIXTURE_NOW + HOUR;
	correct(&people[1], 1);
	assert_refused(try_correction(&people[1]), ERROR_filings_exceeded, "line 4",
	    "filing 61 of this signer in the hour from 2026-04-01T10:01:00Z on", "*");
}

/* ---- bytes ---- */

static struct slice
padding(struct decision_fixture *fixture, size_t size, uint8_t first)
{
	uint8_t *bytes = arena_alloc(fixture->arena, size);

	assert_non_null(bytes);
	bytes[0] = first;
	return slice_of(bytes, size);
}

static void
documents_are_bounded_but_a_return_can_be_corrected(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector jeanne = { .fixture = fixture, .person = people_enrol(fixture, 3000000001, "H1") };
	struct draft *draft = correction(&jeanne);
	const size_t size = (size_t)600 * 1000;
	char value[96];

	draft_add(draft, "attachment/rib", "application/pdf", padding(fixture, size, 1));
	assert_int_equal(try_draft(&jeanne, draft)->refusal.error, ERROR_NONE);
	struct rec_dossier dossier = dossier_of(fixture, "H1");
	uint64_t one = size + draft->documents[0].size;
	assert_int_equal(dossier.filed, one);
	dossier.filed = LIMIT_FILED_QUOTA - one;
	decision_fixture_put(fixture, dossier_key(fixture, "H1"), record_dossier(), &dossier);
	/* To the last byte, and not beyond; nothing is announced in vain. */
	draft = correction(&jeanne);
	draft_add(draft, "attachment/rib", "application/pdf", padding(fixture, size, 2));
	assert_int_equal(try_draft(&jeanne, draft)->refusal.error, ERROR_NONE);
	assert_int_equal(dossier_of(fixture, "H1").filed, LIMIT_FILED_QUOTA);
	draft = correction(&jeanne);
	draft_add(draft, "attachment/rib", "application/pdf", padding(fixture, size, 3));
	snprintf(value, sizeof value, "%llu bytes after %llu of earlier filings", (unsigned long long)one,
	    (unsigned long long)LIMIT_FILED_QUOTA);
	assert_refused(try_draft(&jeanne, draft), ERROR_documents_too_large, "documents", value,
	    "at most 4194304000 of one household in a campaign; then 262144 in a filing");
	const struct msg_upload_request upload = draft_upload(fixture, draft, jeanne.person);
	struct effects *effects = decision_fixture_operate(fixture, OPERATION_upload, &upload);
	assert_refused(effects, ERROR_documents_too_large, "documents", "*", "*");
	assert_null(effects->puts);
	correct(&jeanne, 1);
}

/* ---- the campaign's year ---- */

/* With each household's first filing until the office knows that it is there, then with none. */
static void
a_campaign_s_year_is_put_on_record_once(void **state)
{
	struct decision_fixture *fixture = *state;
	struct corrector people[3];

	for (unsigned i = 0; i < 3; i++) {
		char household[3] = { 'H', (char)('1' + i), '\0' };
		people[i] = (struct corrector){ .fixture = fixture,
			.person = people_enrol(fixture, 3000000001 + i, household) };
	}
	struct effects *effects = try_correction(&people[0]);
	assert_true(effects->keeps_year);
	assert_int_equal(count_puts(effects, KEY_campaign_year), 1);
	effects = try_correction(&people[0]);
	assert_false(effects->keeps_year);
	assert_int_equal(count_puts(effects, KEY_campaign_year), 0);
	/* Nobody has told the office yet. */
	effects = try_correction(&people[1]);
	assert_int_equal(count_puts(effects, KEY_campaign_year), 1);
	fixture->office->has_kept_year = true;
	effects = try_correction(&people[2]);
	assert_int_equal(effects->refusal.error, ERROR_NONE);
	assert_false(effects->keeps_year);
	assert_int_equal(count_puts(effects, KEY_campaign_year), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PEOPLE_TEST(an_hour_has_its_number),
		PEOPLE_TEST(a_day_has_its_number),
		PEOPLE_TEST(of_two_waits_the_longer_is_told),
		PEOPLE_TEST(a_clock_set_back_makes_nobody_wait_longer),
		PEOPLE_TEST(spouses_do_not_take_from_each_other),
		PEOPLE_TEST(a_household_files_as_often_as_two),
		PEOPLE_TEST(a_campaign_s_year_is_put_on_record_once),
		PEOPLE_TEST(documents_are_bounded_but_a_return_can_be_corrected),
	};
	return RUN_OVER_BOTH("filing_quota", tests);
}
