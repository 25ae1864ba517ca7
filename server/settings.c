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
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/json.h"

static const struct number {
	const char *name;
	size_t offset;
	uint64_t initial, min, max;
} numbers[] = {
	{ "disk_reserve", offsetof(struct settings, disk_reserve), 256 * 1024 * 1024, 0, UINT64_C(1) << 50 },
	{ "jobs_max", offsetof(struct settings, jobs_max), 2048, 1, 100000 },
	{ "batch_max", offsetof(struct settings, batch_max), 256, 1, 2000 },
	{ "connections_max", offsetof(struct settings, connections_max), 20000, 1, 1000000 },
};

static const struct text {
	const char *name;
	size_t offset, size;
	const char *initial;
} texts[] = {
	{ "origin", offsetof(struct settings, origin), sizeof(((struct settings *)0)->origin), NULL },
	{ "listen", offsetof(struct settings, listen), sizeof(((struct settings *)0)->listen), "127.0.0.1:7443" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

void
settings_path(char *out, size_t size, const char *directory, const char *name)
{
	int written = snprintf(out, size, "%s/%s", directory, name);
	check(written > 0 && (size_t)written < size);
}

static enum error
unreadable(const char *path, int reason, struct arena *arena, struct fault *fault)
{
	struct slice name = SLICE_EMPTY, text = SLICE_EMPTY;

	if (!arena_copy(arena, slice_of_text(path), &name) ||
	    !arena_copy(arena, slice_of_text(strerror(reason)), &text))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	*fault = (struct fault){ ERROR_file_unreadable, name, text, SLICE_LITERAL("a readable file") };
	return ERROR_file_unreadable;
}

/* Opens a file and tells its size; 0, or the reason why not. */
static int
file_open(const char *path, size_t size_max, int *fd, size_t *size)
{
	struct stat status;
	int reason = 0;

	do
		*fd = open(path, O_RDONLY | O_CLOEXEC);
	while (*fd < 0 && errno == EINTR);
	if (*fd < 0)
		return errno;
	if (fstat(*fd, &status) != 0)
		reason = errno;
	else if (status.st_size < 0 || (uint64_t)status.st_size > size_max)
		reason = EFBIG;
	if (reason != 0)
		close(*fd);
	*size = reason != 0 ? 0 : (size_t)status.st_size;
	return reason;
}

/* Reads exactly `size` bytes; 0, or the reason why not: EIO when the file became shorter meanwhile. */
static int
file_take(int fd, uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t got = read(fd, bytes + at, size - at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : EIO;
		at += (size_t)got;
	}
	return 0;
}

enum error
settings_read_file(const char *path, size_t size_max, struct arena *arena, struct slice *out, struct fault *fault)
{
	int fd;
	size_t size;
	int reason = file_open(path, size_max, &fd, &size);

	if (reason != 0)
		return unreadable(path, reason, arena, fault);
	uint8_t *bytes = arena_alloc(arena, size + 1);
	if (bytes != NULL)
		reason = file_take(fd, bytes, size);
	close(fd);
	if (bytes == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (reason != 0)
		return unreadable(path, reason, arena, fault);
	*out = slice_of(bytes, size);
	return ERROR_NONE;
}

enum error
settings_read_bytes(const char *path, size_t size_max, struct arena *arena, uint8_t **bytes, size_t *size,
    struct fault *fault)
{
	int fd;
	int reason = file_open(path, size_max, &fd, size);

	if (reason != 0)
		return unreadable(path, reason, arena, fault);
	*bytes = malloc(*size + 1);
	if (*bytes != NULL)
		reason = file_take(fd, *bytes, *size);
	close(fd);
	if (*bytes == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (reason == 0)
		return ERROR_NONE;
	free(*bytes);
	*bytes = NULL;
	return unreadable(path, reason, arena, fault);
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
	return slice_equal_text(name, "type");
}

static enum error
take_texts(const struct json *root, struct settings *out, struct fault *fault)
{
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct slice value = json_find_text(root, texts[i].name);
		if (value.data == NULL && json_find(root, texts[i].name) == NULL && texts[i].initial != NULL)
			value = slice_of_text(texts[i].initial);
		if (value.size == 0 || value.size >= texts[i].size)
			return fault_set(fault, ERROR_json_malformed, texts[i].name, value, "a short text");
		memcpy((char *)out + texts[i].offset, value.data, value.size);
	}
	return ERROR_NONE;
}

static enum error
take_numbers(const struct json *root, struct settings *out, struct fault *fault)
{
	for (size_t i = 0; i < COUNT(numbers); i++) {
		uint64_t value = numbers[i].initial;
		const struct json *member = json_find(root, numbers[i].name);
		if (member != NULL &&
		    (!json_find_uint(root, numbers[i].name, numbers[i].max, &value) || value < numbers[i].min))
			return fault_set(fault, ERROR_json_malformed, numbers[i].name, member->text,
			    "a whole number within its limits");
		memcpy((char *)out + numbers[i].offset, &value, sizeof value);
	}
	return ERROR_NONE;
}

enum error
settings_load(const char *directory, struct arena *arena, struct settings *out, struct fault *fault)
{
	static const struct json_limits limits = { 65536, 1000, 4 };
	const struct json *root;
	struct slice text;
	char path[PATH_SIZE];

	*out = (struct settings){ .disk_reserve = 0 };
	settings_path(path, sizeof path, directory, SETTINGS_FILE);
	enum error error = settings_read_file(path, limits.size_max, arena, &text, fault);
	if (error == ERROR_NONE)
		error = json_parse(text, &limits, arena, &root, fault);
	if (error != ERROR_NONE)
		return error;
	if (!slice_equal_text(json_find_text(root, "type"), "guichet-settings"))
		return fault_set(fault, ERROR_json_malformed, "type", json_find_text(root, "type"), "guichet-settings");
	for (const struct json *member = root->first; member != NULL; member = member->next)
		if (!is_setting(member->name))
			return fault_set(fault, ERROR_json_malformed, SETTINGS_FILE, member->name, "a known setting");
	error = take_texts(root, out, fault);
	return error == ERROR_NONE ? take_numbers(root, out, fault) : error;
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
	buf_put_text(buf, "\n}\n");
}
