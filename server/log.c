/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines are put together in a fixed buffer and written whole or not at all. */
#include "server/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/time.h"

#define TRUNCATED " truncated=1"
/* A bucket holds the lines of two seconds at most: so many may go out at once. */
#define CREDIT_MAX_MS 2000U

/* Addresses counted for one event: whoever causes more than one line in COUNTED_MAX + 1 of those withheld is among
 * them, with too few lines at most (Misra and Gries 1982). */
#define COUNTED_MAX 8

/* A token bucket for one event. */
struct limit {
	const char *event; /* NULL: none yet */
	uint64_t seen_ms;
	uint64_t credit_ms; /* time that was not used for lines; a line costs 1,000 ms divided by the rate */
	uint64_t withheld;
	struct counted {
		uint8_t network[ADDRESS_SIZE];
		uint64_t lines; /* 0: free */
	} counted[COUNTED_MAX];
};

struct log {
	int fd;
	enum log_level most;
	uint64_t (*wall_ms)(void);
	void (*name)(const void *context, struct slice address, uint8_t *out); /* NULL: no names */
	const void *name_context;
	uint64_t dropped;
	struct limit limits[LOG_PEER_EVENTS_MAX];
};

/* A line under construction; room for TRUNCATED and the newline is kept. */
struct line {
	char text[LOG_LINE_MAX];
	size_t size;
	bool truncated;
};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

struct log *
log_create(int fd, enum log_level most, uint64_t (*wall_ms)(void))
{
	struct log *log = calloc(1, sizeof *log);
	if (log == NULL)
		return NULL;
	log->fd = fd;
	log->most = most;
	log->wall_ms = wall_ms;
	return log;
}

void
log_destroy(struct log *log)
{
	free(log);
}

bool
log_level_parse(struct slice word, enum log_level *out)
{
	for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
		if (slice_equal_text(word, level_names[i])) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

void
log_set_level(struct log *log, enum log_level most)
{
	log->most = most;
}

void
log_name_addresses(struct log *log, void (*name)(const void *context, struct slice address, uint8_t *out),
    const void *context)
{
	log->name = name;
	log->name_context = context;
}

/* ---- fields ---- */

struct log_field
log_uint(const char *key, uint64_t value)
{
	return (struct log_field){ .type = LOG_FIELD_UINT, .key = key, .number = value };
}

struct log_field
log_field_text(const char *key, const char *constant)
{
	return (struct log_field){ .type = LOG_FIELD_TEXT, .key = key, .text = constant };
}

struct log_field
log_error(const char *key, enum error error)
{
	return log_field_text(key, error_name(error));
}

struct log_field
log_errno(const char *key, int number)
{
	const char *name = strerrorname_np(number);
	return name != NULL ? log_field_text(key, name) : log_uint(key, (uint64_t)number);
}

struct log_field
log_setting(const char *key, const char *text)
{
	return log_field_text(key, text);
}

/* What an address is counted by: its network of 48 bits, or all of it. The rest is zero. */
static void
network_of(const uint8_t address[ADDRESS_SIZE], uint8_t out[ADDRESS_SIZE])
{
	struct slice network = address_network(address);

	memset(out, 0, ADDRESS_SIZE);
	memcpy(out, address, network.size != 0 ? network.size : ADDRESS_SIZE);
}

struct log_field
log_address(const char *key, const uint8_t *address)
{
	struct log_field field = { .type = address == NULL ? LOG_FIELD_NONE : LOG_FIELD_ADDRESS, .key = key };

	if (address != NULL)
		memcpy(field.bytes, address, ADDRESS_SIZE);
	return field;
}

struct log_field
log_network(const char *key, const uint8_t address[ADDRESS_SIZE])
{
	struct log_field field = { .type = LOG_FIELD_NETWORK, .key = key };

	network_of(address, field.bytes);
	return field;
}

struct log_field
log_correlation(const char *key, const uint8_t id[CORRELATION_SIZE])
{
	_Static_assert(CORRELATION_SIZE == 8, "a correlation id fills a field's bytes");
	struct log_field field = { .type = LOG_FIELD_HEX, .key = key };
	memcpy(field.bytes, id, CORRELATION_SIZE);
	return field;
}

/* ---- lines ---- */

static size_t
line_room(const struct line *line)
{
	return sizeof line->text - sizeof TRUNCATED - line->size;
}

/* All of `text` or nothing. */
static bool
line_put(struct line *line, const char *text, size_t size)
{
	if (size > line_room(line))
		return false;
	memcpy(line->text + line->size, text, size);
	line->size += size;
	return true;
}

static bool
line_put_text(struct line *line, const char *text)
{
	return line_put(line, text, strlen(text));
}

/* A value that stands for itself without quotes. */
static bool
is_bare(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '"' || *text == '=' || *text == '\\')
			return false;
	return true;
}

/* In double quotes; what would end the value or the line is written \xHH. */
static bool
line_put_quoted(struct line *line, const char *text)
{
	bool fits = line_put(line, "\"", 1);
	for (; fits && *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char escaped[5];
		if (c < ' ' || c == '"' || c == '\\' || c == 0x7f) {
			snprintf(escaped, sizeof escaped, "\\x%02x", c);
			fits = line_put_text(line, escaped);
		} else {
			fits = line_put(line, text, 1);
		}
	}
	return fits && line_put(line, "\"", 1);
}

static bool
line_put_name(struct line *line, const struct log *log, struct slice address)
{
	uint8_t name[LOG_NAME_SIZE];
	char text[2 * LOG_NAME_SIZE + 1];

	log->name(log->name_context, address, name);
	hex_encode(slice_of(name, sizeof name), text);
	return line_put_text(line, text);
}

/* Both names of an IPv6 address, or the first. */
static bool
line_put_address(struct line *line, const struct log *log, const struct log_field *field)
{
	struct slice network = address_network(field->bytes), party = address_party(field->bytes);

	if (network.size == 0)
		return line_put_name(line, log, party);
	return line_put_name(line, log, network) &&
	    (field->type == LOG_FIELD_NETWORK || (line_put(line, "/", 1) && line_put_name(line, log, party)));
}

static bool
line_put_value(struct line *line, const struct log *log, const struct log_field *field)
{
	char text[24];

	switch (field->type) {
	case LOG_FIELD_UINT:
		return line_put(line, text, decimal_encode(field->number, 1, text));
	case LOG_FIELD_HEX:
		hex_encode(slice_of(field->bytes, 8), text);
		return line_put_text(line, text);
	case LOG_FIELD_TEXT:
		return is_bare(field->text) ? line_put_text(line, field->text) : line_put_quoted(line, field->text);
	case LOG_FIELD_ADDRESS:
	case LOG_FIELD_NETWORK:
		return line_put_address(line, log, field);
	case LOG_FIELD_NONE:
		break;
	}
	return true;
}

static bool
is_address(const struct log_field *field)
{
	return field->type == LOG_FIELD_ADDRESS || field->type == LOG_FIELD_NETWORK;
}

static void
line_put_field(struct line *line, const struct log *log, const struct log_field *field)
{
	size_t before = line->size;

	if (line->truncated || field->type == LOG_FIELD_NONE || (is_address(field) && log->name == NULL))
		return;
	if (line_put(line, " ", 1) && line_put_text(line, field->key) && line_put(line, "=", 1) &&
	    line_put_value(line, log, field))
		return;
	line->size = before;
	line->truncated = true;
}

static void
line_begin(struct line *line, uint64_t wall_ms, enum log_level level, const char *event)
{
	char ms[3];

	line->truncated = false;
	time_format_utc(wall_ms / 1000, line->text);
	line->size = TIME_UTC_SIZE - 1; /* the Z comes behind the thousandths */
	bool fits = line_put(line, ".", 1) && line_put(line, ms, decimal_encode(wall_ms % 1000, sizeof ms, ms)) &&
	    line_put_text(line, "Z ") && line_put_text(line, level_names[level]) && line_put(line, " ", 1) &&
	    line_put_text(line, event);
	check(fits);
}

/* True when the line is out. */
static bool
line_end(struct line *line, int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

	if (line->truncated) {
		memcpy(line->text + line->size, TRUNCATED, sizeof TRUNCATED - 1);
		line->size += sizeof TRUNCATED - 1;
	}
	line->text[line->size++] = '\n';
	/* O_NONBLOCK would change the descriptor for everyone who shares it, a shell's terminal for one. A pipe
	 * that polls writable takes PIPE_BUF bytes at once (POSIX), more than a line. */
	if (poll(&poll_fd, 1, 0) != 1 || !(poll_fd.revents & POLLOUT))
		return false;
	return write(fd, line->text, line->size) == (ssize_t)line->size;
}

/* True when the line is out, or is not for this log. */
static bool
line_write(struct log *log, enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	struct line line;

	if (level > log->most)
		return true;
	uint64_t wall_ms = log->wall_ms();
	if (log->dropped != 0) {
		struct log_field lines = log_uint("lines", log->dropped);
		line_begin(&line, wall_ms, LOG_LEVEL_WARN, "log_lines_dropped");
		line_put_field(&line, log, &lines);
		if (line_end(&line, log->fd))
			log->dropped = 0;
	}
	line_begin(&line, wall_ms, level, event);
	for (size_t i = 0; i < count; i++)
		line_put_field(&line, log, &fields[i]);
	/* A gap in the log is told before anything that came after it: while log_lines_dropped cannot be written, no
	 * other line is. */
	if (log->dropped == 0 && line_end(&line, log->fd))
		return true;
	log->dropped++;
	return false;
}

void
log_write(struct log *log, enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	(void)line_write(log, level, event, fields, count);
}

/* ---- what peers cause ---- */

static struct limit *
limit_find(struct log *log, const char *event)
{
	size_t i = 0;

	while (i < LOG_PEER_EVENTS_MAX && log->limits[i].event != NULL && strcmp(log->limits[i].event, event) != 0)
		i++;
	check(i < LOG_PEER_EVENTS_MAX);
	log->limits[i].event = event;
	return &log->limits[i];
}

/* May a line be written now? A clock that is set back adds no credit and takes none: it goes on from there. */
static bool
limit_take(struct limit *limit, unsigned rate, uint64_t now_ms)
{
	uint64_t passed = now_ms > limit->seen_ms ? now_ms - limit->seen_ms : 0, cost_ms = 1000U / rate;

	limit->seen_ms = now_ms;
	limit->credit_ms = passed > CREDIT_MAX_MS - limit->credit_ms ? CREDIT_MAX_MS : limit->credit_ms + passed;
	if (limit->credit_ms < cost_ms)
		return false;
	limit->credit_ms -= cost_ms;
	return true;
}

static void
limit_count(struct limit *limit, const uint8_t address[ADDRESS_SIZE])
{
	struct counted *at = NULL;
	uint8_t network[ADDRESS_SIZE];

	network_of(address, network);
	for (size_t i = 0; i < COUNTED_MAX; i++) {
		struct counted *counted = &limit->counted[i];
		if (counted->lines != 0 && memcmp(counted->network, network, sizeof network) == 0) {
			counted->lines++;
			return;
		}
		if (counted->lines == 0)
			at = counted;
	}
	if (at != NULL) {
		memcpy(at->network, network, sizeof network);
		at->lines = 1;
		return;
	}
	for (size_t i = 0; i < COUNTED_MAX; i++)
		limit->counted[i].lines--;
}

static void
limit_withhold(struct limit *limit, const struct log_field *fields, size_t count)
{
	limit->withheld++;
	for (size_t i = 0; i < count; i++)
		if (is_address(&fields[i]))
			limit_count(limit, fields[i].bytes);
}

/* The one with most lines; NULL when no line had an address. */
static const struct counted *
limit_most(const struct limit *limit)
{
	const struct counted *most = &limit->counted[0];

	for (size_t i = 1; i < COUNTED_MAX; i++)
		if (limit->counted[i].lines > most->lines)
			most = &limit->counted[i];
	return most->lines == 0 ? NULL : most;
}

void
log_write_peer(struct log *log, enum log_level level, unsigned rate, const char *event, const struct log_field *fields,
    size_t count)
{
	struct limit *limit = limit_find(log, event);

	if (level > log->most)
		return;
	if (level == LOG_LEVEL_ERROR || log->most == LOG_LEVEL_DEBUG || limit_take(limit, rate, log->wall_ms()))
		log_write(log, level, event, fields, count);
	else
		limit_withhold(limit, fields, count);
}

void
log_settle(struct log *log)
{
	for (size_t i = 0; i < LOG_PEER_EVENTS_MAX; i++) {
		struct limit *limit = &log->limits[i];
		const struct counted *most = log->name == NULL ? NULL : limit_most(limit);
		const struct log_field fields[] = {
			log_field_text("event", limit->event), log_uint("lines", limit->withheld),
			most == NULL ? (struct log_field){ 0 } : log_network("most_of", most->network),
			most == NULL ? (struct log_field){ 0 } : log_uint("at_least", most->lines),
		};
		if (limit->withheld == 0 || !line_write(log, LOG_LEVEL_WARN, "log_lines_withheld", fields, 4))
			continue;
		limit->withheld = 0;
		memset(limit->counted, 0, sizeof limit->counted);
	}
}
