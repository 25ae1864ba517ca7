/* SPDX-License-Identifier: Apache-2.0
 *
 * Append, read, and the comparison with what the records say. */
#include "server/store/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "protocol/check.h"

#define MAGIC 0x47534501 /* "GSE", version 1 */
/* What sealing adds is small change beside this bound on sizes that come from disk. */
#define ENTRY_SIZE_MAX (STORE_BLOB_MAX + 1024)

struct blob_ref
segment_place_put(const struct segment_place *place)
{
	struct blob_ref ref;

	bytes_poke_u32(ref.bytes, place->segment);
	bytes_poke_u32(ref.bytes + 4, place->size);
	bytes_poke_u64(ref.bytes + 8, place->offset);
	memcpy(ref.bytes + 16, place->id, SEGMENT_ID_SIZE);
	return ref;
}

bool
segment_place_get(const struct blob_ref *ref, struct segment_place *place)
{
	static const struct blob_ref none;

	place->segment = bytes_peek_u32(ref->bytes);
	place->size = bytes_peek_u32(ref->bytes + 4);
	place->offset = bytes_peek_u64(ref->bytes + 8);
	memcpy(place->id, ref->bytes + 16, SEGMENT_ID_SIZE);
	return memcmp(ref, &none, sizeof none) != 0;
}

void
segment_name(uint32_t segment, char name[SEGMENT_NAME_SIZE])
{
	snprintf(name, SEGMENT_NAME_SIZE, "%08" PRIu32 ".seg", segment);
}

void
segment_header_put(const struct segment_place *place, uint64_t batch, uint8_t header[SEGMENT_HEADER_SIZE])
{
	bytes_poke_u32(header, MAGIC);
	bytes_poke_u32(header + 4, place->size);
	bytes_poke_u64(header + 8, batch);
	memcpy(header + 16, place->id, SEGMENT_ID_SIZE);
}

bool
segment_header_get(const uint8_t header[SEGMENT_HEADER_SIZE], struct segment_place *place, uint64_t *batch)
{
	place->size = bytes_peek_u32(header + 4);
	*batch = bytes_peek_u64(header + 8);
	memcpy(place->id, header + 16, SEGMENT_ID_SIZE);
	return bytes_peek_u32(header) == MAGIC && place->size <= ENTRY_SIZE_MAX;
}

void
segment_associated(const struct segment_place *place, const uint8_t header[SEGMENT_HEADER_SIZE],
    uint8_t out[SEGMENT_ASSOCIATED_SIZE])
{
	bytes_poke_u32(out, place->segment);
	bytes_poke_u64(out + 4, place->offset);
	memcpy(out + 12, header, SEGMENT_HEADER_SIZE);
}

/* ---- writing ---- */

static void
files_close(struct segment_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		disk_close(files->fds[i]);
	*files = (struct segment_files){ .count = 0 };
}

bool
segment_files_sync(struct segment_files *files, struct disk *disk, int directory)
{
	bool good = true;

	for (size_t i = 0; good && i < files->count; i++)
		good = disk_sync(disk, files->fds[i]);
	if (good && files->is_made)
		good = disk_sync_directory(disk, directory);
	files_close(files);
	return good;
}

/* The file is left for another, and still to be synced. */
static void
writer_leave(struct segment_writer *writer)
{
	if (writer->fd >= 0)
		writer->left.fds[writer->left.count++] = writer->fd;
	writer->fd = -1;
}

void
segment_writer_hand_over(struct segment_writer *writer, struct segment_files *files)
{
	check(files->count == 0);
	writer_leave(writer);
	*files = writer->left;
	writer->left = (struct segment_files){ .count = 0 };
}

void
segment_writer_close(struct segment_writer *writer)
{
	writer_leave(writer);
	files_close(&writer->left);
}

static bool
writer_open(struct segment_writer *writer, struct disk *disk, uint32_t segment, bool make)
{
	char name[SEGMENT_NAME_SIZE];

	writer_leave(writer);
	/* Room for this one, when it is left in its turn. */
	if (writer->left.count == SEGMENTS_UNSYNCED_MAX &&
	    !segment_files_sync(&writer->left, disk, writer->directory))
		return false;
	segment_name(segment, name);
	if (make && !disk_count(disk))
		return false;
	writer->fd = openat(writer->directory, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
	writer->segment = segment;
	writer->left.is_made |= make;
	return writer->fd >= 0;
}

bool
segment_write(struct segment_writer *writer, struct disk *disk, uint32_t segment, uint64_t offset, struct slice bytes)
{
	if ((writer->fd < 0 || writer->segment != segment) && !writer_open(writer, disk, segment, offset == 0))
		return false;
	return disk_write_at(disk, writer->fd, bytes, offset);
}

/* ---- reading ---- */

/* Never waits, as for the other end of a FIFO that stands in a segment's place. */
static int
segment_open(int directory, uint32_t segment, int flags)
{
	char name[SEGMENT_NAME_SIZE];

	segment_name(segment, name);
	return openat(directory, name, flags | O_NONBLOCK | O_CLOEXEC);
}

/* Is what was read the entry that the place speaks of? */
static bool
is_at(const struct segment_place *place, const uint8_t header[SEGMENT_HEADER_SIZE])
{
	struct segment_place found;
	uint64_t batch;

	if (segment_header_get(header, &found, &batch) && found.size == place->size &&
	    memcmp(found.id, place->id, SEGMENT_ID_SIZE) == 0)
		return true;
	errno = EBADMSG;
	return false;
}

bool
segment_read(int directory, const struct segment_place *place, uint8_t *out)
{
	int fd = segment_open(directory, place->segment, O_RDONLY);

	if (fd < 0)
		return false;
	bool good = disk_read_at(fd, out, SEGMENT_HEADER_SIZE + place->size, place->offset);
	disk_close(fd);
	return good && is_at(place, out);
}

bool
segment_read_cached(struct segment_cache *cache, int directory, const struct segment_place *place, uint8_t *out)
{
	const size_t slot = place->segment % (sizeof cache->slots / sizeof cache->slots[0]);
	struct iovec whole = { out, SEGMENT_HEADER_SIZE + place->size };

	if (cache->slots[slot].segment != place->segment) {
		if (cache->slots[slot].segment != 0)
			close(cache->slots[slot].fd);
		int fd = segment_open(directory, place->segment, O_RDONLY);
		cache->slots[slot].segment = fd < 0 ? 0 : place->segment;
		cache->slots[slot].fd = fd;
		if (fd < 0)
			return false;
	}
	/* A file system without the flag, or with only a part in memory, is a miss like any other. */
	ssize_t got = preadv2(cache->slots[slot].fd, &whole, 1, (off_t)place->offset, RWF_NOWAIT);
	if (got == (ssize_t)whole.iov_len)
		return is_at(place, out);
	errno = EAGAIN;
	return false;
}

void
segment_cache_close(struct segment_cache *cache)
{
	for (size_t i = 0; i < sizeof cache->slots / sizeof cache->slots[0]; i++)
		if (cache->slots[i].segment != 0)
			close(cache->slots[i].fd);
	*cache = (struct segment_cache){ 0 };
}

bool
segment_size(int directory, uint32_t segment, uint64_t *size)
{
	struct stat stat;
	char name[SEGMENT_NAME_SIZE];

	segment_name(segment, name);
	if (fstatat(directory, name, &stat, 0) != 0)
		return false;
	*size = (uint64_t)stat.st_size;
	return true;
}

bool
segment_peek(int directory, uint32_t segment, uint64_t offset, struct segment_place *place)
{
	uint8_t header[SEGMENT_HEADER_SIZE];
	uint64_t batch;
	int fd = segment_open(directory, segment, O_RDONLY);

	if (fd < 0)
		return false;
	bool good = disk_read_at(fd, header, sizeof header, offset);
	disk_close(fd);
	if (!good)
		return false;
	place->segment = segment;
	place->offset = offset;
	if (segment_header_get(header, place, &batch))
		return true;
	errno = EBADMSG;
	return false;
}

/* ---- at open ---- */

struct comparison {
	int directory;
	const struct segment_length *lengths;
	size_t count;
	struct arena *arena;
	struct fault *fault;
};

static enum error
damaged(struct comparison *comparison, uint32_t segment, int code, const char *expected)
{
	char name[SEGMENT_NAME_SIZE];

	segment_name(segment, name);
	return disk_fault(comparison->fault, comparison->arena, ERROR_store_damaged, code, expected, "segments/%s",
	    name);
}

/* A segment is as long as recorded, no more and no less. One that was begun by a batch without blobs has no file. */
static enum error
length_check(struct comparison *comparison, const struct segment_length *recorded)
{
	uint64_t size = 0;

	if (!segment_size(comparison->directory, recorded->segment, &size) &&
	    (errno != ENOENT || recorded->length != 0))
		return damaged(comparison, recorded->segment, errno, "the file");
	if (size != recorded->length)
		return damaged(comparison, recorded->segment, 0, "the length that is recorded");
	return ERROR_NONE;
}

static bool
name_parse(const char *name, uint32_t *segment)
{
	char again[SEGMENT_NAME_SIZE];
	uint64_t number = 0;

	if (strlen(name) != 12 || strcmp(name + 8, ".seg") != 0)
		return false;
	for (size_t i = 0; i < 8; i++)
		number = number * 10 + (uint64_t)(name[i] - '0');
	*segment = (uint32_t)number;
	segment_name(*segment, again);
	return strcmp(name, again) == 0;
}

static bool
is_known(const struct comparison *comparison, uint32_t segment)
{
	for (size_t i = 0; i < comparison->count; i++)
		if (comparison->lengths[i].segment == segment)
			return true;
	return false;
}

/* No file that no record speaks of. */
static enum error
strangers_check(struct comparison *comparison)
{
	enum error error = ERROR_NONE;
	struct dirent *entry;
	uint32_t segment;
	int fd = openat(comparison->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);

	if (entries == NULL) {
		if (fd >= 0)
			close(fd);
		return disk_fault(comparison->fault, comparison->arena, ERROR_file_unreadable, errno, NULL, "segments");
	}
	while (error == ERROR_NONE && (entry = readdir(entries)) != NULL)
		if (name_parse(entry->d_name, &segment) && !is_known(comparison, segment))
			error = damaged(comparison, segment, 0, "only segments that are recorded");
	closedir(entries);
	return error;
}

enum error
segments_check(int directory, const struct segment_length *lengths, size_t count, struct arena *arena,
    struct fault *fault)
{
	struct comparison comparison = { directory, lengths, count, arena, fault };
	enum error error = strangers_check(&comparison);

	for (size_t i = 0; error == ERROR_NONE && i < count; i++)
		error = length_check(&comparison, &lengths[i]);
	return error;
}
