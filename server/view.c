/* SPDX-License-Identifier: Apache-2.0
 *
 * The read set as a list of reads; decisions read a handful of keys, so a list is found through fastest. */
#include "server/view.h"

#include <string.h>

#include "protocol/check.h"
#include "server/store/disk.h"

/* `read` first: a list of reads is one of entries. */
struct entry {
	struct store_read read;
	bool is_pending;
	struct view *view;
};

struct view {
	struct store *store;
	struct arena *arena;
	void (*loaded)(void *context);
	void *context;
	const struct store_read *reads;
	size_t pending;
	enum error error;
	const char *cause;
};

struct view *
view_create(struct store *store, struct arena *arena, void (*loaded)(void *context), void *context)
{
	struct view *view = arena_alloc(arena, sizeof *view);
	if (view == NULL)
		return NULL;
	view->store = store;
	view->arena = arena;
	view->loaded = loaded;
	view->context = context;
	view->cause = "";
	return view;
}

enum error
view_error(const struct view *view)
{
	return view->error;
}

const char *
view_cause(const struct view *view)
{
	return view->cause;
}

/* The first error is the view's. */
static void
view_fail(struct view *view, enum error error, const char *cause)
{
	if (error == ERROR_NONE || view->error != ERROR_NONE)
		return;
	view->error = error;
	view->cause = cause;
}

bool
view_is_loading(const struct view *view)
{
	return view->pending != 0;
}

static void
view_entry_done(void *context, enum error error)
{
	struct entry *entry = context;
	struct view *view = entry->view;

	entry->is_pending = false;
	view->pending--;
	view_fail(view, error, "");
	view_fail(view, entry->read.error, entry->read.cause);
	if (view->pending == 0)
		view->loaded(view->context);
}

static bool
read_is_same(const struct store_read *a, const struct store_read *b)
{
	return a->kind == b->kind && slice_equal(a->key, b->key) && slice_equal(a->end, b->end) &&
	    a->backward == b->backward && a->limit == b->limit && memcmp(&a->ref, &b->ref, sizeof a->ref) == 0;
}

static struct entry *
entry_of(const struct store_read *read)
{
	return (struct entry *)(uintptr_t)read;
}

/* The entry for `wanted`, begun if it is new; NULL (and view->error) when memory is short. */
static struct entry *
view_entry(struct view *view, const struct store_read *wanted)
{
	struct entry *entry;

	for (const struct store_read *read = view->reads; read != NULL; read = read->next)
		if (read_is_same(read, wanted))
			return entry_of(read);
	/* An empty key is one that could not be made: the arena was full. */
	if ((wanted->kind != STORE_BLOB && wanted->key.size == 0) ||
	    (wanted->kind == STORE_RANGE && wanted->end.size == 0))
		goto short_of_memory;
	entry = arena_alloc(view->arena, sizeof *entry);
	if (entry == NULL)
		goto short_of_memory;
	entry->view = view;
	entry->read = *wanted;
	entry->read.arena = view->arena;
	if (!arena_copy(view->arena, wanted->key, &entry->read.key) ||
	    !arena_copy(view->arena, wanted->end, &entry->read.end))
		goto short_of_memory;
	entry->read.next = view->reads;
	view->reads = &entry->read;
	view->pending++;
	entry->is_pending = true;
	if (store_read(view->store, &entry->read, 1, view_entry_done, entry) == STORE_READY) {
		entry->is_pending = false;
		view->pending--;
		view_fail(view, entry->read.error, entry->read.cause);
	}
	return entry;

short_of_memory:
	view_fail(view, ERROR_out_of_memory, "");
	return NULL;
}

/* The finished read, or NULL: again. */
static const struct store_read *
view_read(struct view *view, const struct store_read *wanted)
{
	struct entry *entry = view_entry(view, wanted);
	if (entry == NULL || entry->is_pending || view->error != ERROR_NONE)
		return NULL;
	return &entry->read;
}

enum view_state
view_get_value(struct view *view, struct slice key, struct slice *value)
{
	const struct store_read *read = view_read(view, &(struct store_read){ .kind = STORE_GET, .key = key });
	if (read == NULL)
		return VIEW_AGAIN;
	*value = read->value;
	return read->found ? VIEW_FOUND : VIEW_ABSENT;
}

/* `where` is the record's key or the blob's place. */
static enum view_state
view_decode(struct view *view, struct slice where, struct slice value, const struct record *record, void *out)
{
	enum error error = record_decode(record, value, view->arena, out);
	struct disk_failure failure = { .text = "" };
	char hex[2 * STORE_KEY_MAX + 1];

	if (error == ERROR_NONE)
		return VIEW_FOUND;
	hex_encode(where, hex);
	disk_failure_set(&failure, 0, "%s: it is not a record of the kind %s", hex, record->name);
	view_fail(view, error, error == ERROR_store_damaged ? disk_failure_cause(&failure, view->arena) : "");
	return VIEW_AGAIN;
}

enum view_state
view_get(struct view *view, struct slice key, const struct record *record, void *out)
{
	struct slice value;
	enum view_state state = view_get_value(view, key, &value);
	return state == VIEW_FOUND ? view_decode(view, key, value, record, out) : state;
}

void
view_want(struct view *view, struct slice key)
{
	(void)view_entry(view, &(struct store_read){ .kind = STORE_GET, .key = key });
}

enum view_state
view_range(struct view *view, struct slice from, struct slice end, bool backward, size_t limit,
    const struct store_pair **pairs, size_t *count)
{
	const struct store_read *read = view_read(view,
	    &(struct store_read){ .kind = STORE_RANGE, .key = from, .end = end, .backward = backward, .limit = limit });
	if (read == NULL)
		return VIEW_AGAIN;
	*pairs = read->pairs;
	*count = read->pairs_count;
	return VIEW_FOUND;
}

enum view_state
view_blob_bytes(struct view *view, struct slice ref, struct slice *bytes)
{
	struct store_read wanted = { .kind = STORE_BLOB };

	check(ref.size == sizeof wanted.ref);
	memcpy(&wanted.ref, ref.data, ref.size);
	const struct store_read *read = view_read(view, &wanted);
	if (read == NULL)
		return VIEW_AGAIN;
	if (!read->found) {
		view_fail(view, ERROR_store_damaged, "a record that names no blob");
		return VIEW_AGAIN;
	}
	*bytes = read->value;
	return VIEW_FOUND;
}

enum view_state
view_blob(struct view *view, struct slice ref, const struct record *record, void *out)
{
	struct slice bytes;
	enum view_state state = view_blob_bytes(view, ref, &bytes);
	return state == VIEW_FOUND ? view_decode(view, ref, bytes, record, out) : state;
}

const struct store_read *
view_reads(const struct view *view)
{
	check(view->pending == 0);
	return view->reads;
}

bool
view_meets(const struct view *view, const struct view_keys *keys)
{
	for (const struct store_read *read = view->reads; read != NULL; read = read->next) {
		if (read->kind == STORE_GET && keys->has(keys->context, read->key))
			return true;
		if (read->kind == STORE_RANGE && keys->has_within(keys->context, read->key, read->end))
			return true;
	}
	return false;
}
