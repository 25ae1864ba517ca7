/* SPDX-License-Identifier: Apache-2.0
 *
 * Civil time: dates against the C library's calendar, Paris against values of the zone database around both changes. */
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "protocol/time.h"

/* From Python's zoneinfo, "Europe/Paris". */
static const struct {
	uint64_t time;
	const char *utc, *paris;
	unsigned weekday;
} known[] = {
	{ 852076800, "1997-01-01T00:00:00Z", "1997-01-01T01:00:00+01:00", 3 },
	{ 951825600, "2000-02-29T12:00:00Z", "2000-02-29T13:00:00+01:00", 2 },
	{ 1709249400, "2024-02-29T23:30:00Z", "2024-03-01T00:30:00+01:00", 5 },
	{ 1735686000, "2024-12-31T23:00:00Z", "2025-01-01T00:00:00+01:00", 3 },
	{ 1743296399, "2025-03-30T00:59:59Z", "2025-03-30T01:59:59+01:00", 0 },
	{ 1743296400, "2025-03-30T01:00:00Z", "2025-03-30T03:00:00+02:00", 0 },
	{ 1761440399, "2025-10-26T00:59:59Z", "2025-10-26T02:59:59+02:00", 0 },
	{ 1761440400, "2025-10-26T01:00:00Z", "2025-10-26T02:00:00+01:00", 0 },
	{ 1774745999, "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00", 0 },
	{ 1774746000, "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00", 0 },
	{ 1784023200, "2026-07-14T10:00:00Z", "2026-07-14T12:00:00+02:00", 2 },
	{ 1792889999, "2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00", 0 },
	{ 1792890000, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00", 0 },
	{ 1795362029, "2026-11-22T15:40:29Z", "2026-11-22T16:40:29+01:00", 0 },
	{ 1806195599, "2027-03-28T00:59:59Z", "2027-03-28T01:59:59+01:00", 0 },
	{ 1806195600, "2027-03-28T01:00:00Z", "2027-03-28T03:00:00+02:00", 0 },
	{ 2140045200, "2037-10-25T01:00:00Z", "2037-10-25T02:00:00+01:00", 0 },
};

#define KNOWN_COUNT (sizeof known / sizeof known[0])

/* The same without what stands between them. */
static void
assert_digits(uint64_t time, const char *utc)
{
	uint8_t digits[TIME_DIGITS_SIZE];
	size_t count = 0;

	time_format_digits(time, digits);
	for (; *utc != '\0'; utc++)
		if (*utc >= '0' && *utc <= '9')
			assert_true(count < sizeof digits && digits[count++] == (uint8_t)*utc);
	assert_int_equal(count, sizeof digits);
}

static void
test_known(void **state)
{
	(void)state;
	struct buf *buf = buf_create(128);

	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		uint64_t back = 0;
		time_put_utc(buf, known[i].time);
		assert_true(slice_equal_text(buf_peek(buf), known[i].utc));
		assert_true(time_parse_utc(buf_peek(buf), &back));
		assert_true(back == known[i].time);
		assert_digits(known[i].time, known[i].utc);
		buf_clear(buf);
		time_put_paris(buf, known[i].time);
		assert_true(slice_equal_text(buf_peek(buf), known[i].paris));
		assert_true(time_equal_paris(buf_peek(buf), known[i].time));
		assert_false(time_equal_paris(buf_peek(buf), known[i].time + 1));
		buf_clear(buf);
		assert_int_equal(time_civil_paris(known[i].time).weekday, known[i].weekday);
	}
	buf_destroy(buf);
}

/* Every day from 1970 to 9999, at an hour that moves through the day. */
static void
test_calendar(void **state)
{
	(void)state;
	for (uint64_t time = 0; time <= TIME_MAX; time += 86400 + 1013) {
		time_t system = (time_t)time;
		struct tm tm;
		struct time_civil c = time_civil_utc(time);
		assert_non_null(gmtime_r(&system, &tm));
		if (c.year != (unsigned)tm.tm_year + 1900 || c.month != (unsigned)tm.tm_mon + 1 ||
		    c.day != (unsigned)tm.tm_mday || c.hour != (unsigned)tm.tm_hour ||
		    c.minute != (unsigned)tm.tm_min || c.second != (unsigned)tm.tm_sec ||
		    c.weekday != (unsigned)tm.tm_wday)
			fail_msg("%llu", (unsigned long long)time);
	}
}

/* In every year there are two changes, both at 01:00 UTC on a Sunday that is the last of its month. */
static void
test_two_changes_a_year(void **state)
{
	(void)state;
	uint64_t hour = 0;

	for (unsigned year = 1970; year < 2100; year++) {
		unsigned changes = 0;
		for (; time_civil_utc(hour).year == year; hour += 3600) {
			if (hour == 0 || time_paris_offset(hour) == time_paris_offset(hour - 3600))
				continue;
			struct time_civil c = time_civil_utc(hour);
			changes++;
			assert_int_equal(c.month, changes == 1 ? 3 : 10);
			assert_int_equal(c.weekday, 0);
			assert_true(c.day > 24);
			assert_int_equal(c.hour, 1);
			assert_int_equal(time_paris_offset(hour), changes == 1 ? 7200 : 3600);
			assert_int_equal(time_paris_offset(hour - 1), changes == 1 ? 3600 : 7200);
		}
		assert_int_equal(changes, 2);
	}
}

static void
test_parse_refuses(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "2026-11-22T15:40:29", "2026-11-22T15:40:29z", "2026-11-22 15:40:29Z",
		"2026-11-22T15:40:60Z", "2026-11-22T24:00:00Z", "2026-11-22T15:60:29Z", "2026-11-31T15:40:29Z",
		"2026-00-22T15:40:29Z", "2026-13-22T15:40:29Z", "2026-11-00T15:40:29Z", "2026-02-29T15:40:29Z",
		"2100-02-29T00:00:00Z", "1969-12-31T23:59:59Z", "2026-11-22T15:40:2 Z", "+026-11-22T15:40:29Z",
		"2026-11-22T15:40:29Z " };
	uint64_t out;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (time_parse_utc(slice_of_text(bad[i]), &out))
			fail_msg("accepted: %s", bad[i]);
	assert_true(time_parse_utc(SLICE_LITERAL("1970-01-01T00:00:00Z"), &out) && out == 0);
	assert_true(time_parse_utc(SLICE_LITERAL("9999-12-31T23:59:59Z"), &out) && out == TIME_MAX);
	assert_true(time_parse_utc(SLICE_LITERAL("2000-02-29T00:00:00Z"), &out));
}

/* The days of both changes begin by the time before, the days after them by the new one; each ends where the next
 * begins. */
static void
test_days_in_paris(void **state)
{
	(void)state;
	static const struct {
		const char *date;
		uint64_t start, end;
	} days[] = {
		{ "2026-03-28", 1774652400, 1774738800 }, { "2026-03-29", 1774738800, 1774821600 },
		{ "2026-03-30", 1774821600, 1774908000 }, { "2026-10-24", 1792792800, 1792879200 },
		{ "2026-10-25", 1792879200, 1792969200 }, { "2026-10-26", 1792969200, 1793055600 },
		{ "2024-02-29", 1709161200, 1709247600 }, { "2026-05-28", 1779919200, 1780005600 },
		{ "2025-12-31", 1767135600, 1767222000 }, { "9999-12-31", 253402210800, 253402297200 },
	};
	static const char *const none[] = { "", "2026-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "2026-04-00",
		"0000-01-01", "1900-02-29", "2026-4-9", "2026/04/09", "2026-04-09 ", "26-04-2009", "2026-04-0:" };
	unsigned year, month, day;
	uint64_t start, end;

	for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
		assert_true(time_parse_date(slice_of_text(days[i].date), &year, &month, &day));
		assert_true(time_paris_day(year, month, day, &start, &end));
		if (start != days[i].start || end != days[i].end)
			fail_msg("%s: %llu to %llu", days[i].date, (unsigned long long)start, (unsigned long long)end);
	}
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
		if (time_parse_date(slice_of_text(none[i]), &year, &month, &day))
			fail_msg("accepted: %s", none[i]);
	assert_false(time_paris_day(2026, 2, 29, &start, &end));
	assert_false(time_paris_day(1970, 12, 31, &start, &end));
	assert_true(time_date_exists(2000, 2, 29) && time_date_exists(1, 1, 1) && time_date_exists(9999, 12, 31));
	assert_false(time_date_exists(1900, 2, 29) || time_date_exists(0, 1, 1) || time_date_exists(10000, 1, 1));
}

static void
test_past_the_end(void **state)
{
	(void)state;
	struct buf *buf = buf_create(128);

	time_put_utc(buf, TIME_MAX + 1);
	assert_false(buf_ok(buf));
	buf_clear(buf);
	time_put_paris(buf, UINT64_MAX);
	assert_false(buf_ok(buf));
	buf_destroy(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_two_changes_a_year),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_days_in_paris),
		cmocka_unit_test(test_past_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
