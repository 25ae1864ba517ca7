/* SPDX-License-Identifier: Apache-2.0
 *
 * Calendar arithmetic. Years are counted from March, so that the day a leap year adds is its last one. */
#include "protocol/time.h"

#include <string.h>

#include "protocol/check.h"

#define DAY_S 86400
/* Days of 400, 100, 4 and 1 years counted from March, less the leap day that the last of them may add. */
#define DAYS_400 146097
#define DAYS_100 36524
#define DAYS_4 1461
#define DAYS_1 365
/* From 0000-03-01 to 1970-01-01. */
#define DAYS_TO_1970 719468
/* 1970-01-01 was a Thursday. */
#define WEEKDAY_1970 4

static unsigned
smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

struct time_civil
time_civil_utc(uint64_t time)
{
	check(time <= TIME_MAX);
	unsigned days = (unsigned)(time / DAY_S), second = (unsigned)(time % DAY_S);
	unsigned left = days + DAYS_TO_1970, year;

	year = left / DAYS_400 * 400;
	left %= DAYS_400;
	/* The last century and the last year of a cycle are the ones with a day more. */
	unsigned centuries = smaller(left / DAYS_100, 3);
	left -= centuries * DAYS_100;
	year += centuries * 100 + left / DAYS_4 * 4;
	left %= DAYS_4;
	unsigned years = smaller(left / DAYS_1, 3);
	left -= years * DAYS_1;
	year += years;
	/* From March on, every five months have 153 days: 31 30 31 30 31. */
	unsigned month = (5 * left + 2) / 153, day = left - (153 * month + 2) / 5 + 1;

	return (struct time_civil){
		.year = month < 10 ? year : year + 1,
		.month = month < 10 ? month + 3 : month - 9,
		.day = day,
		.hour = second / 3600,
		.minute = second / 60 % 60,
		.second = second % 60,
		.weekday = (days + WEEKDAY_1970) % 7,
	};
}

/* The day of the last Sunday in the month of `date`, which has 31 days. */
static unsigned
last_sunday(const struct time_civil *date)
{
	return 31 - (date->weekday + 31 - date->day) % 7;
}

unsigned
time_paris_offset(uint64_t time)
{
	struct time_civil utc = time_civil_utc(time);
	bool summer = utc.month > 3 && utc.month < 10;

	if (utc.month == 3 || utc.month == 10) {
		unsigned change = last_sunday(&utc);
		bool after = utc.day > change || (utc.day == change && utc.hour >= 1);
		summer = after == (utc.month == 3);
	}
	return summer ? 7200 : 3600;
}

struct time_civil
time_civil_paris(uint64_t time)
{
	uint64_t local = time + time_paris_offset(time);

	/* The last hour of 9999 has no Paris date of four digits. */
	return time_civil_utc(local <= TIME_MAX ? local : TIME_MAX);
}

#define PARIS_SIZE (sizeof "2026-11-22T15:40:29+01:00" - 1)

/* `value` in so many digits, then `end`. */
static char *
format_part(char *at, unsigned value, size_t digits, const char *end)
{
	at += decimal_encode(value, digits, at);
	while (*end != '\0')
		*at++ = *end++;
	return at;
}

/* "2026-11-22T15:40:29" and the zone into `out`; how long that is. */
static size_t
format(const struct time_civil *c, const char *zone, char *out)
{
	char *at = out;

	at = format_part(at, c->year, 4, "-");
	at = format_part(at, c->month, 2, "-");
	at = format_part(at, c->day, 2, "T");
	at = format_part(at, c->hour, 2, ":");
	at = format_part(at, c->minute, 2, ":");
	at = format_part(at, c->second, 2, zone);
	return (size_t)(at - out);
}

static size_t
format_paris(uint64_t time, char out[PARIS_SIZE])
{
	struct time_civil local = time_civil_paris(time);

	return format(&local, time_paris_offset(time) == 7200 ? "+02:00" : "+01:00", out);
}

void
time_format_utc(uint64_t time, char out[TIME_UTC_SIZE])
{
	struct time_civil utc = time_civil_utc(time);

	check(format(&utc, "Z", out) == TIME_UTC_SIZE);
}

void
time_format_digits(uint64_t time, uint8_t out[TIME_DIGITS_SIZE])
{
	struct time_civil utc = time_civil_utc(time);
	const unsigned parts[] = { utc.year / 100, utc.year % 100, utc.month, utc.day, utc.hour, utc.minute,
		utc.second };

	for (size_t i = 0; i < TIME_DIGITS_SIZE / 2; i++) {
		out[2 * i] = (uint8_t)('0' + parts[i] / 10);
		out[2 * i + 1] = (uint8_t)('0' + parts[i] % 10);
	}
}

void
time_put_utc(struct buf *buf, uint64_t time)
{
	char text[TIME_UTC_SIZE];

	if (time > TIME_MAX) {
		buf_fail(buf);
		return;
	}
	time_format_utc(time, text);
	buf_put(buf, slice_of(text, sizeof text));
}

void
time_put_paris(struct buf *buf, uint64_t time)
{
	char text[PARIS_SIZE];

	if (time > TIME_MAX)
		buf_fail(buf);
	else
		buf_put(buf, slice_of(text, format_paris(time, text)));
}

bool
time_equal_paris(struct slice text, uint64_t time)
{
	char expected[PARIS_SIZE];

	return time <= TIME_MAX && slice_equal(text, slice_of(expected, format_paris(time, expected)));
}

/* ---- from a date ---- */

bool
time_date_exists(unsigned year, unsigned month, unsigned day)
{
	static const unsigned char days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
	       day <= days[month - 1] + (month == 2 && is_leap ? 1U : 0U);
}

/* The start in UTC of a day that exists, from 1970 on. */
static uint64_t
day_start_utc(unsigned year, unsigned month, unsigned day)
{
	unsigned from_march = (month + 9) % 12;

	if (month < 3)
		year--;
	uint64_t days = (uint64_t)year * 365 + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day -
	    1;
	return (days - DAYS_TO_1970) * DAY_S;
}

/* The clocks turn at 01:00 UTC, an hour that begins in Paris after midnight and before the day's end: the offset that
 * was in force an hour before that midnight of UTC still is when the day begins in Paris. */
static uint64_t
day_start_paris(uint64_t start_utc)
{
	return start_utc - time_paris_offset(start_utc - 3600);
}

bool
time_paris_day(unsigned year, unsigned month, unsigned day, uint64_t *start, uint64_t *end)
{
	if (year < 1971 || !time_date_exists(year, month, day))
		return false;
	uint64_t start_utc = day_start_utc(year, month, day);
	*start = day_start_paris(start_utc);
	*end = day_start_paris(start_utc + DAY_S);
	return true;
}

/* The numbers in a text of that form, in which 'd' stands for a digit and all else for itself; there are as many as
 * groups of digits in the form. */
static bool
numbers_parse(struct slice text, const char *form, unsigned *numbers)
{
	if (text.size != strlen(form))
		return false;
	*numbers = 0;
	for (size_t i = 0; i < text.size; i++) {
		unsigned digit = (unsigned)text.data[i] - '0';
		if (form[i] == 'd' ? digit > 9 : text.data[i] != (uint8_t)form[i])
			return false;
		if (form[i] == 'd')
			*numbers = *numbers * 10 + digit;
		else if (form[i + 1] == 'd')
			*++numbers = 0;
	}
	return true;
}

bool
time_parse_date(struct slice text, unsigned *year, unsigned *month, unsigned *day)
{
	unsigned numbers[3];

	if (!numbers_parse(text, "dddd-dd-dd", numbers) || !time_date_exists(numbers[0], numbers[1], numbers[2]))
		return false;
	*year = numbers[0];
	*month = numbers[1];
	*day = numbers[2];
	return true;
}

bool
time_parse_utc(struct slice text, uint64_t *out)
{
	unsigned numbers[6];

	if (!numbers_parse(text, "dddd-dd-ddTdd:dd:ddZ", numbers) || numbers[0] < 1970 ||
	    !time_date_exists(numbers[0], numbers[1], numbers[2]) || numbers[3] > 23 || numbers[4] > 59 ||
	    numbers[5] > 59)
		return false;
	*out = day_start_utc(numbers[0], numbers[1], numbers[2]) + numbers[3] * 3600 + numbers[4] * 60 + numbers[5];
	return true;
}
