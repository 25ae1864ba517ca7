/* SPDX-License-Identifier: Apache-2.0
 *
 * One table of settings reads, checks and writes them. */
#include "server/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/json.h"
#include "protocol/origin.h"
#include "server/room.h"
#include "server/store/disk.h"

static const struct number {
	const char *name;
	size_t offset;
	uint64_t initial, min, max;
	const char *help;
} numbers[] = {
	{ "disk_reserve", offsetof(struct settings, disk_reserve), 256 * 1024 * 1024, ROOM_RESERVE_MIN,
	    UINT64_C(1) << 50,
	    "bytes of the disk kept free, beside 64 MiB for the journal: with less, filings are refused for now" },
	{ "busy_after_ms", offsetof(struct settings, busy_after_ms), 400, 1, 3600000,
	    "a request that waited so many milliseconds is answered busy" },
	{ "enrolments_per_second", offsetof(struct settings, enrolments_per_second), 300, 1, 100000,
	    "enrolments taken however busy the server is" },
	{ "jobs_max", offsetof(struct settings, jobs_max), 2048, 1, 100000, "requests under way at once" },
	{ "batch_max", offsetof(struct settings, batch_max), 256, 1, 2000, "decisions in one commit to the disk" },
	{ "connections_max", offsetof(struct settings, connections_max), 20000, 1, 1000000,
	    "connections open at once: beyond, the address with most gives up an idle one" },
	{ "handshakes_max", offsetof(struct settings, handshakes_max), 512, 2, 100000,
	    "TLS handshakes under way at once; of one address half as many" },
	{ "buffered_max", offsetof(struct settings, buffered_max), 256 * 1024 * 1024, 1024 * 1024, UINT64_C(1) << 40,
	    "bytes of memory for frames and answers of one address; for all twice as many" },
};

static const struct text {
	const char *name;
	size_t offset, size;
	const char *initial;
	bool (*valid)(struct slice value); /* NULL: any text that fits */
	const char *expected;              /* what it asks for */
	const char *help;
} texts[] = {
	{ "origin", offsetof(struct settings, origin), sizeof(((struct settings *)0)->origin), NULL, origin_valid,
	    ORIGIN_EXPECTED, "the office's name in all that is signed for it; never changed" },
	{ "listen", offsetof(struct settings, listen), sizeof(((struct settings *)0)->listen), "127.0.0.1:7443", NULL,
	    NULL, "numeric address and port that take connections" },
};

#define LOG_LEVEL "log_level"
#define LOG_LEVELS "error, warn, info or debug"
#define LOG_LEVEL_HELP "the least that is written to the log"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void
settings_path(char *out, size_t size, const char *directory, const char *name)
{
	int written = snprintf(out, size, "%s/%s", directory, name);
	check(written > 0 && (size_t)written < size);
}

enum error
settings_sync_directory(const char *directory, struct arena *arena, struct fault *fault)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_synced = fd >= 0 && disk_sync_directory(NULL, fd);
	int reason = errno;

	if (fd >= 0)
		close(fd);
	return is_synced ? ERROR_NONE :
	    disk_fault(fault, arena, disk_error(reason), reason, "a directory that can be synced", "%s", directory);
}

/* Says which file and why not, by errno as disk_open_file sets it. */
static enum error
unreadable(const char *path, struct arena *arena, struct fault *fault)
{
	const char *reason = errno == EINVAL ? "not a regular file" : strerror(errno);
	struct slice name = SLICE_EMPTY, text = SLICE_EMPTY;

	if (!arena_copy(arena, slice_of_text(path), &name) || !arena_copy(arena, slice_of_text(reason), &text))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	*fault = (struct fault){ ERROR_file_unreadable, name, text, SLICE_LITERAL("a readable file") };
	return ERROR_file_unreadable;
}

/* Reads a file that was opened into memory that was got for it, and closes it. */
static enum error
file_take(const char *path, int fd, uint8_t *bytes, size_t size, struct arena *arena, struct fault *fault)
{
	enum error error = ERROR_NONE;

	if (bytes == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	else if (!disk_read_at(fd, bytes, size, 0))
		error = unreadable(path, arena, fault);
	close(fd);
	return error;
}

enum error
settings_read_file(const char *path, size_t size_max, struct arena *arena, struct slice *out, struct fault *fault)
{
	size_t size;
	int fd = disk_open_file(AT_FDCWD, path, size_max, &size);

	if (fd < 0)
		return unreadable(path, arena, fault);
	uint8_t *bytes = arena_alloc(arena, size + 1);
	*out = slice_of(bytes, size);
	return file_take(path, fd, bytes, size, arena, fault);
}

enum error
settings_read_bytes(const char *path, size_t size_max, struct arena *arena, uint8_t **bytes, size_t *size,
    struct fault *fault)
{
	int fd = disk_open_file(AT_FDCWD, path, size_max, size);

	if (fd < 0)
		return unreadable(path, arena, fault);
	uint8_t *taken = malloc(*size + 1);
	enum error error = file_take(path, fd, taken, *size, arena, fault);
	if (error != ERROR_NONE) {
		free(taken);
		taken = NULL;
	}
	*bytes = taken;
	return error;
}

static bool
is_setting(struct slice name)
{
	for (size_t i = 0; i < COUNT(numbers); i++)
		if (slice_equal_text(name, numbers[i].name))
			return true;
	for (size_t i = 0; i < COUNT(texts); i++)
		if (slice_equal_text(name, texts[i].name))
			return true;
	return slice_equal_text(name, LOG_LEVEL) || slice_equal_text(name, "type");
}

enum error
settings_name_file(const char *name, struct arena *arena, struct fault *fault)
{
	char place[256];
	bool has_place = fault->place.size != 0;
	int size = snprintf(place, sizeof place, "%s%s%.*s", name, has_place ? ", " : "",
	    (int)(fault->place.size < 128 ? fault->place.size : 128), has_place ? (const char *)fault->place.data : "");

	fault->place = slice_of(place, (size_t)size);
	return fault_keep(fault, arena);
}

/* What stands in a setting as the fault's value: a text or a number as it is, anything else not at all. */
static enum error
refuse(const struct json *root, const char *name, const char *expected, struct arena *arena, struct fault *fault)
{
	const struct json *member = json_find(root, name);

	(void)fault_set(fault, ERROR_json_malformed, name, member == NULL ? SLICE_EMPTY : member->text, expected);
	return settings_name_file(SETTINGS_FILE, arena, fault);
}

static enum error
take_texts(const struct json *root, struct arena *arena, struct settings *out, struct fault *fault)
{
	char expected[64];

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct slice value = json_find_text(root, texts[i].name);
		if (value.data == NULL && json_find(root, texts[i].name) == NULL && texts[i].initial != NULL)
			value = slice_of_text(texts[i].initial);
		if (value.size == 0 || value.size >= texts[i].size) {
			snprintf(expected, sizeof expected, "a text of 1 to %zu bytes", texts[i].size - 1);
			return refuse(root, texts[i].name, expected, arena, fault);
		}
		if (texts[i].valid != NULL && !texts[i].valid(value))
			return refuse(root, texts[i].name, texts[i].expected, arena, fault);
		memcpy((char *)out + texts[i].offset, value.data, value.size);
	}
	return ERROR_NONE;
}

static enum error
take_numbers(const struct json *root, struct arena *arena, struct settings *out, struct fault *fault)
{
	char expected[96];

	for (size_t i = 0; i < COUNT(numbers); i++) {
		const struct number *number = &numbers[i];
		uint64_t value = number->initial;
		if (json_find(root, number->name) != NULL &&
		    (!json_find_uint(root, number->name, number->max, &value) || value < number->min)) {
			snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64, number->min,
			    number->max);
			return refuse(root, number->name, expected, arena, fault);
		}
		memcpy((char *)out + number->offset, &value, sizeof value);
	}
	return ERROR_NONE;
}

static enum error
take_log_level(const struct json *root, struct arena *arena, struct settings *out, struct fault *fault)
{
	out->log_level = LOG_LEVEL_INFO;
	if (json_find(root, LOG_LEVEL) == NULL || log_level_parse(json_find_text(root, LOG_LEVEL), &out->log_level))
		return ERROR_NONE;
	return refuse(root, LOG_LEVEL, LOG_LEVELS, arena, fault);
}

static enum error
take_all(const struct json *root, struct arena *arena, struct settings *out, struct fault *fault)
{
	if (!slice_equal_text(json_find_text(root, "type"), "guichet-settings"))
		return refuse(root, "type", "guichet-settings", arena, fault);
	for (const struct json *member = root->first; member != NULL; member = member->next)
		if (!is_setting(member->name)) {
			*fault = (struct fault){ ERROR_json_malformed, SLICE_EMPTY, member->name,
				SLICE_LITERAL("a setting that guichetd serve --help lists") };
			return settings_name_file(SETTINGS_FILE, arena, fault);
		}
	enum error error = take_texts(root, arena, out, fault);
	if (error == ERROR_NONE)
		error = take_numbers(root, arena, out, fault);
	return error == ERROR_NONE ? take_log_level(root, arena, out, fault) : error;
}

enum error
settings_load(const char *directory, struct arena *arena, struct settings *out, struct fault *fault)
{
	static const struct json_limits limits = { 65536, 1000, 4 };
	const struct json *root;
	struct slice text;
	char path[PATH_SIZE];

	*out = (struct settings){ .disk_reserve = 0 };
	settings_path(path, sizeof path, directory, SETTINGS_UNFINISHED_FILE);
	if (access(path, F_OK) == 0)
		return disk_fault(fault, arena, ERROR_file_unreadable, 0, SETTINGS_UNFINISHED, "%s", path);
	settings_path(path, sizeof path, directory, SETTINGS_FILE);
	enum error error = settings_read_file(path, limits.size_max, arena, &text, fault);
	if (error != ERROR_NONE)
		return error;
	if (json_parse(text, &limits, arena, &root, fault) != ERROR_NONE)
		return settings_name_file(SETTINGS_FILE, arena, fault);
	return take_all(root, arena, out, fault);
}

void
settings_write(struct buf *buf, const char *origin)
{
	buf_put_text(buf, "{\n\"type\":\"guichet-settings\"");
	for (size_t i = 0; i < COUNT(texts); i++) {
		buf_put_format(buf, ",\n\"%s\":", texts[i].name);
		json_put_string(buf, slice_of_text(texts[i].initial == NULL ? origin : texts[i].initial));
	}
	for (size_t i = 0; i < COUNT(numbers); i++)
		buf_put_format(buf, ",\n\"%s\":%" PRIu64, numbers[i].name, numbers[i].initial);
	buf_put_text(buf, ",\n\"" LOG_LEVEL "\":\"info\"\n}\n");
}

void
settings_print_help(FILE *to)
{
	for (size_t i = 0; i < COUNT(texts); i++)
		fprintf(to, "  %-22s %s; 1 to %zu bytes\n      %s\n", texts[i].name,
		    texts[i].initial == NULL ? "given to init" : texts[i].initial, texts[i].size - 1, texts[i].help);
	for (size_t i = 0; i < COUNT(numbers); i++)
		fprintf(to, "  %-22s %" PRIu64 "; %" PRIu64 " to %" PRIu64 "\n      %s\n", numbers[i].name,
		    numbers[i].initial, numbers[i].min, numbers[i].max, numbers[i].help);
	fprintf(to, "  %-22s %s; %s\n      %s\n", LOG_LEVEL, "info", LOG_LEVELS, LOG_LEVEL_HELP);
}
