/* SPDX-License-Identifier: Apache-2.0
 *
 * A group of reads that meets a cold blob becomes one job: the thread reads the entries, the loop opens them. */
#include "server/store/blobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"

struct part {
	struct store_read *read;
	struct segment_place place;
	uint8_t *entry; /* NULL once opened */
	int code;       /* errno of the thread's read; 0: good */
};

struct group {
	struct blobs *blobs;
	store_done done;
	void *context;
	size_t size; /* of all entries */
	size_t count;
	struct part parts[];
};

static size_t
entry_size(const struct segment_place *place)
{
	return SEGMENT_HEADER_SIZE + place->size;
}

bool
blobs_put(struct blobs *blobs, struct retention retention, struct slice plain, uint64_t batch, uint32_t segment,
    uint64_t start, struct buf *bytes, struct blob_ref *ref)
{
	uint8_t associated[SEGMENT_ASSOCIATED_SIZE];
	struct segment_place place = {
		.segment = segment,
		.size = (uint32_t)(plain.size + SEALED_OVERHEAD),
		.offset = start + buf_size(bytes),
	};
	uint8_t *to = buf_reserve(bytes, entry_size(&place));

	if (to == NULL || !keyring_random(blobs->keyring, place.id, sizeof place.id))
		return false;
	segment_header_put(&place, batch, to);
	segment_associated(&place, to, associated);
	if (keyring_seal(blobs->keyring, retention, slice_of(associated, sizeof associated), plain,
	    to + SEGMENT_HEADER_SIZE) != ERROR_NONE)
		return false;
	buf_commit(bytes, entry_size(&place));
	*ref = segment_place_put(&place);
	return true;
}

/* ---- opening ---- */

static enum error
entry_open(struct blobs *blobs, const struct segment_place *place, const uint8_t *entry, uint8_t *out,
    struct retention *retention)
{
	uint8_t associated[SEGMENT_ASSOCIATED_SIZE];

	segment_associated(place, entry, associated);
	return keyring_unseal(blobs->keyring, slice_of(associated, sizeof associated),
	    slice_of(entry + SEGMENT_HEADER_SIZE, place->size), out, retention);
}

static enum error
failed(const struct segment_place *place, int code, const char *what, struct disk_failure *failure)
{
	char name[SEGMENT_NAME_SIZE];

	segment_name(place->segment, name);
	disk_failure_set(failure, code, "segments/%s at %llu: %s", name, (unsigned long long)place->offset,
	    what);
	return code == 0 || code == ENODATA || code == EBADMSG || code == ENOENT ? ERROR_store_damaged :
	    ERROR_file_unreadable;
}

static void
read_failed(struct store_read *read, const struct segment_place *place, int code, const char *what)
{
	struct disk_failure failure = { .text = "" };

	read->error = failed(place, code, what, &failure);
	read->cause = disk_failure_cause(&failure, read->arena);
}

/* Opens an entry that was read into its read's arena. */
static void
part_answer(struct blobs *blobs, struct part *part)
{
	struct store_read *read = part->read;
	size_t size = part->place.size - SEALED_OVERHEAD;

	if (part->code != 0) {
		read_failed(read, &part->place, part->code, "reading a blob");
		return;
	}
	uint8_t *plain = arena_alloc(read->arena, size + 1);
	if (plain == NULL) {
		read->error = ERROR_out_of_memory;
		return;
	}
	enum error error = entry_open(blobs, &part->place, part->entry, plain, NULL);
	if (error != ERROR_NONE) {
		read_failed(read, &part->place, 0, error == ERROR_not_found ?
		    "the data key of a blob is missing" : "a blob is not what was sealed");
		return;
	}
	read->found = true;
	read->value = slice_of(plain, size);
}

/* ---- reading ---- */

static void
group_run(void *argument)
{
	struct group *group = argument;

	for (size_t i = 0; i < group->count; i++) {
		struct part *part = &group->parts[i];
		part->code = segment_read(group->blobs->directory, &part->place, part->entry) ? 0 : errno;
	}
}

static void
group_free(struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		free(group->parts[i].entry);
	free(group);
}

static void
group_done(void *argument)
{
	struct group *group = argument;
	struct blobs *blobs = group->blobs;
	store_done done = group->done;
	void *context = group->context;

	for (size_t i = 0; i < group->count; i++)
		part_answer(blobs, &group->parts[i]);
	blobs->reading -= group->size;
	blobs->reading_count--;
	group_free(group);
	done(context, ERROR_NONE);
}

/* Answers what can be answered without waiting; else adds a part to the group. */
static void
group_add(struct group *group, struct store_read *read)
{
	struct blobs *blobs = group->blobs;
	struct part part = { .read = read };

	if (!segment_place_get(&read->ref, &part.place))
		return;
	if (part.place.size < SEALED_OVERHEAD || part.place.size > STORE_BLOB_MAX + SEALED_OVERHEAD) {
		read_failed(read, &part.place, 0, "the size in a blob's place cannot be");
		return;
	}
	part.entry = malloc(entry_size(&part.place));
	if (part.entry == NULL) {
		read->error = ERROR_out_of_memory;
		return;
	}
	bool cached = !blobs->cold &&
	    segment_read_cached(&blobs->cache, blobs->directory, &part.place, part.entry);
	if (!cached && (blobs->cold || errno == EAGAIN)) {
		group->size += entry_size(&part.place);
		group->parts[group->count++] = part;
		return;
	}
	part.code = cached ? 0 : errno;
	part_answer(blobs, &part);
	free(part.entry);
}

static void
group_refuse(struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		group->parts[i].read->error = ERROR_busy;
}

enum store_progress
blobs_read(struct blobs *blobs, struct store_read *reads, size_t count, store_done done, void *context)
{
	size_t blobs_count = 0;

	for (size_t i = 0; i < count; i++)
		blobs_count += reads[i].kind == STORE_BLOB;
	if (blobs_count == 0)
		return STORE_READY;
	struct group *group = calloc(1, sizeof *group + blobs_count * sizeof group->parts[0]);
	for (size_t i = 0; i < count; i++) {
		if (reads[i].kind == STORE_BLOB && group == NULL)
			reads[i].error = ERROR_out_of_memory;
		if (group == NULL || reads[i].kind != STORE_BLOB)
			continue;
		group->blobs = blobs;
		group_add(group, &reads[i]);
	}
	if (group == NULL)
		return STORE_READY;
	group->done = done;
	group->context = context;
	if (group->count != 0) {
		if ((blobs->reading == 0 || blobs->reading + group->size <= BLOBS_READING_MAX) &&
		    worker_submit(blobs->reader, group_run, group_done, group)) {
			blobs->reading += group->size;
			blobs->reading_count++;
			return STORE_PENDING;
		}
		group_refuse(group);
	}
	group_free(group);
	return STORE_READY;
}

/* ---- the walk ---- */

enum error
blobs_visit(struct blobs *blobs, uint32_t segment, uint64_t offset, struct segment_place *place,
    struct retention *retention, uint8_t **plain, enum error *opened, struct disk_failure *failure)
{
	*plain = NULL;
	*place = (struct segment_place){ .segment = segment, .offset = offset };
	if (!segment_peek(blobs->directory, segment, offset, place))
		return failed(place, errno, "reading an entry's header", failure);
	if (place->size < SEALED_OVERHEAD || place->size > STORE_BLOB_MAX + SEALED_OVERHEAD)
		return failed(place, 0, "the size in an entry's header cannot be", failure);
	uint8_t *entry = malloc(entry_size(place));
	uint8_t *out = malloc(place->size);
	enum error error = entry == NULL || out == NULL ? ERROR_out_of_memory : ERROR_NONE;
	if (error == ERROR_NONE && !segment_read(blobs->directory, place, entry))
		error = failed(place, errno, "reading an entry", failure);
	if (error == ERROR_NONE) {
		*opened = entry_open(blobs, place, entry, out, retention);
		if (*opened == ERROR_NONE) {
			*plain = out;
			out = NULL;
		}
	}
	free(entry);
	free(out);
	return error;
}

void
blobs_close(struct blobs *blobs)
{
	check(blobs->reading_count == 0);
	segment_cache_close(&blobs->cache);
}
