/* SPDX-License-Identifier: Apache-2.0
 *
 * The text log: one line for each event, on a descriptor (stderr), for people and for grep:
 *
 *   2026-11-22T15:40:29.123Z info listening port=8443 handshakes_max=64
 *
 * No line can hold personal data, by construction: a field is a number, a text constant of this program, the
 * beginning of a digest, an identifier that was drawn at random, or what the operator wrote in the configuration.
 * There is no way to put a string of any other origin in. Addresses of peers are personal data too: what stands for
 * one is a keyed hash, by which the lines of one address are known as such, and which the operator, who has the key,
 * finds again (guichetd address).
 *
 * Never blocks: a line that the descriptor cannot take at once is dropped and counted, and the next line that
 * goes through follows one that says how many are missing. Nor can a peer fill a disk with it: of each event that
 * peers can cause as often as they like, so many lines a second are written, and then one that says how many were
 * withheld, and of which address most. What they cannot cause for nothing, that something was stored or that the
 * office failed, always has its line (server_log.h). At the level debug nothing is withheld. For the loop's thread
 * only. */
#ifndef GUICHET_LOG_H
#define GUICHET_LOG_H

#include "protocol/error.h"
#include "protocol/limits.h"
#include "server/address.h"

struct log;

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Longest line, its newline included; below PIPE_BUF, so a line is never torn among those of other writers. A field
 * that does not fit is left out and the line ends with truncated=1. */
#define LOG_LINE_MAX ((size_t)1024)

/* Lines of `most` and more important ones go to `fd`, which stays the caller's. wall_ms: the time they bear, as
 * clock_wall_ms. NULL when memory is short. */
must_check struct log *log_create(int fd, enum log_level most, uint64_t (*wall_ms)(void));
void log_destroy(struct log *log);
/* The level called "error", "warn", "info" or "debug"; false for any other word. */
must_check bool log_level_parse(struct slice word, enum log_level *out);
void log_set_level(struct log *log, enum log_level most);
/* What stands for a network address (address_party or address_network); `out` is LOG_NAME_SIZE bytes. Until it is set,
 * and when it is NULL, fields of addresses are left out. `context` is borrowed for as long. */
#define LOG_NAME_SIZE ((size_t)8)
void log_name_addresses(struct log *log, void (*name)(const void *context, struct slice address, uint8_t *out),
    const void *context);
/* Once a second and at the end: says how many lines of each event were withheld since the last call; and of which
 * network (log_network) most, and how many of them at least. */
void log_settle(struct log *log);

/* ---- fields ---- */

struct log_field {
	enum {
		LOG_FIELD_NONE,
		LOG_FIELD_UINT,
		LOG_FIELD_TEXT,
		LOG_FIELD_HEX,
		LOG_FIELD_ADDRESS,
		LOG_FIELD_NETWORK,
	} type;
	const char *key;
	uint64_t number;
	const char *text;
	uint8_t bytes[ADDRESS_SIZE];
};

struct log_field log_uint(const char *key, uint64_t value);
/* A text constant: anything but a literal does not compile. */
#define log_text(key, literal) log_field_text((key), "" literal)
/* The name of an error, "busy". */
struct log_field log_error(const char *key, enum error error);
/* The name of an operating system's error, "ENOSPC". */
struct log_field log_errno(const char *key, int number);
/* What the operator wrote: a path or an address of the configuration or the command line. */
struct log_field log_setting(const char *key, const char *text);
/* A correlation id. */
struct log_field log_correlation(const char *key, const uint8_t id[CORRELATION_SIZE]);
/* A peer: the name of an IPv4 address; of an IPv6 one, those of its networks of 48 and of 64 bits, NAME/NAME. NULL: no
 * field. */
struct log_field log_address(const char *key, const uint8_t *address);
/* The first of these names alone. */
struct log_field log_network(const char *key, const uint8_t address[ADDRESS_SIZE]);
/* For the macro, and for names that stand in a constant table of this program. */
struct log_field log_field_text(const char *key, const char *constant);

/* ---- lines ---- */

/* log_event(log, LOG_LEVEL_INFO, "listening", log_uint("port", port)): the event is a literal, any number of
 * fields. */
#define log_event(log, level, event, ...) log_write((log), (level), "" event, LOG_FIELDS(__VA_ARGS__))
/* The same for an event that a peer can cause as often as it likes; there are at most LOG_PEER_EVENTS_MAX (checked).
 * Above LOG_PEER_RATE lines a second, after those of two seconds at once, its lines are withheld and counted. Errors
 * never are. */
#define log_peer_event(log, level, event, ...)                                                                     \
	log_write_peer((log), (level), LOG_PEER_RATE, "" event, LOG_FIELDS(__VA_ARGS__))
#define LOG_PEER_RATE 20U
#define LOG_PEER_BURST (2 * LOG_PEER_RATE)
#define LOG_PEER_EVENTS_MAX 5
/* The same for answers, whose correlation ids are what people ask about: more of them, and still no more than some
 * 25 kB a second. */
#define log_answer_event(log, level, event, ...)                                                                   \
	log_write_peer((log), (level), LOG_ANSWER_RATE, "" event, LOG_FIELDS(__VA_ARGS__))
#define LOG_ANSWER_RATE 200U

#define LOG_FIELDS(...)                                                                                            \
	(const struct log_field[]){ { 0 }, __VA_ARGS__ },                                                            \
	    sizeof((const struct log_field[]){ { 0 }, __VA_ARGS__ }) / sizeof(struct log_field)

/* The macros' functions; fields of LOG_FIELD_NONE are skipped. rate: lines a second, a divisor of 1000, the same for
 * all of one event. */
void log_write(struct log *log, enum log_level level, const char *event, const struct log_field *fields, size_t count);
void log_write_peer(struct log *log, enum log_level level, unsigned rate, const char *event,
    const struct log_field *fields, size_t count);

#endif
