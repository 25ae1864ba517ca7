/* SPDX-License-Identifier: Apache-2.0
 *
 * What a decision sees of the store. It asks for records; the view answers found, absent, or again: not loaded yet, run
 * the decision once more when it is. Everything read stays, the absent and the ranges included: that is the read set.
 *
 * Results live as long as the view's arena. A failure (damage, memory) also answers again; view_error tells it. */
#ifndef GUICHET_VIEW_H
#define GUICHET_VIEW_H

#include "server/store/records.h"
#include "server/store/store.h"

enum view_state { VIEW_FOUND, VIEW_ABSENT, VIEW_AGAIN };

struct view;

/* A new one for each run of a decision, so that it reads afresh. `loaded` is called when all reads that were pending
 * are there; never from within a view_ call. */
must_check struct view *view_create(
    struct store *store, struct arena *arena, void (*loaded)(void *context), void *context);

/* The record behind `key` into `out` (a struct of that record, slices borrowed from the arena). */
must_check enum view_state view_get(struct view *view, struct slice key, const struct record *record, void *out);
/* The same without decoding. */
must_check enum view_state view_get_value(struct view *view, struct slice key, struct slice *value);
/* Asks for a key that will be needed soon, so that several are fetched in one round trip. */
void view_want(struct view *view, struct slice key);
/* Up to `limit` pairs with from <= key < end. VIEW_FOUND even when there are none. */
must_check enum view_state view_range(struct view *view, struct slice from, struct slice end, bool backward,
    size_t limit, const struct store_pair **pairs, size_t *count);
/* The record in a blob; `ref` are the 24 bytes of a struct blob_ref. */
must_check enum view_state view_blob(struct view *view, struct slice ref, const struct record *record, void *out);
/* The bytes of a blob. */
must_check enum view_state view_blob_bytes(struct view *view, struct slice ref, struct slice *bytes);

/* ERROR_NONE, or why the view cannot go on: ERROR_store_damaged, ERROR_file_unreadable,
 * ERROR_out_of_memory, ERROR_busy. */
enum error view_error(const struct view *view);
/* What that is in words, when it is damage or a file that cannot be read: which record or blob, and what is wrong; else
 * empty. Lives as long as the arena. */
const char *view_cause(const struct view *view);
bool view_is_loading(const struct view *view);

/* All that was read, in a list by store_read.next, for store_expect; NULL when nothing was. None may be loading. Lives
 * as long as the arena. */
const struct store_read *view_reads(const struct view *view);

/* A set of keys about to be written. */
struct view_keys {
	bool (*has)(const void *context, struct slice key);
	bool (*has_within)(const void *context, struct slice from, struct slice end);
	const void *context;
};

/* Does the read set meet those keys, singly or within a range? */
bool view_meets(const struct view *view, const struct view_keys *keys);

#endif
