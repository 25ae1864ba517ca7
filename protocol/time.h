/* SPDX-License-Identifier: Apache-2.0
 *
 * Points in time, in seconds since 1970-01-01T00:00:00Z, as calendar dates of UTC and of Paris and back. Pure: no clock
 * and no zone files. Good to the end of the year 9999. */
#ifndef GUICHET_TIME_H
#define GUICHET_TIME_H

#include "protocol/buf.h"

/* 9999-12-31T23:59:59Z: the last point in time whose year has four digits. */
#define TIME_MAX ((uint64_t)253402300799)

/* A calendar date and time of day, proleptic Gregorian. */
struct time_civil {
	unsigned year, month, day; /* month and day from 1 */
	unsigned hour, minute, second;
	unsigned weekday; /* 0 is Sunday */
};

/* The calendar date of `time`, at most TIME_MAX (asserted), in UTC. */
struct time_civil time_civil_utc(uint64_t time);
/* The same in Paris, by the rule in force since 1996 (Directive 2000/84/EC: summer time from the last Sunday of March
 * to the last of October, 01:00 UTC). */
struct time_civil time_civil_paris(uint64_t time);
/* Seconds that Paris is ahead of UTC at `time`: 3600 or 7200. */
unsigned time_paris_offset(uint64_t time);

/* Is there such a day? Any year from 1 to 9999. */
bool time_date_exists(unsigned year, unsigned month, unsigned day);
/* A day in Paris: its first second, and that of the next. False when there is no such day between 1971 and 9999. */
must_check bool time_paris_day(unsigned year, unsigned month, unsigned day, uint64_t *start, uint64_t *end);

/* Writes "2026-11-22T15:40:29Z", without a NUL; `time` at most TIME_MAX (asserted). */
#define TIME_UTC_SIZE ((size_t)20)
void time_format_utc(uint64_t time, char out[TIME_UTC_SIZE]);
/* Writes its digits alone, as certificates and their lists have them: "20261122154029". The same bound. */
#define TIME_DIGITS_SIZE ((size_t)14)
void time_format_digits(uint64_t time, uint8_t out[TIME_DIGITS_SIZE]);
/* Appends what time_format_utc writes. Fails `buf` past TIME_MAX, as does the next. */
void time_put_utc(struct buf *buf, uint64_t time);
/* Appends Paris civil time, "2026-11-22T16:40:29+01:00". */
void time_put_paris(struct buf *buf, uint64_t time);
/* Parses "2026-05-28", a day that exists, of any year from 1 to 9999. */
must_check bool time_parse_date(struct slice text, unsigned *year, unsigned *month, unsigned *day);
/* Parses what time_put_utc writes, and nothing else: no leap second, no day that the month has not. */
must_check bool time_parse_utc(struct slice text, uint64_t *out);
/* Is `text` what time_put_paris writes for `time`? */
bool time_equal_paris(struct slice text, uint64_t time);

#endif
