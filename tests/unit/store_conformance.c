/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of store.h, engine by engine the same. */
#include "tests/unit/store_conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)(64 * 1024 * 1024))

static const struct retention register_2026 = { RETENTION_REGISTER, 2026 };
static const struct retention filing_2026 = { RETENTION_FILING, 2026 };

void
conformance_start(struct conformance *conformance)
{
	conformance->arena = arena_create(ARENA_MAX);
	assert_non_null(conformance->arena);
}

void
conformance_end(struct conformance *conformance)
{
	store_close(conformance->store);
	arena_destroy(conformance->arena);
	*conformance = (struct conformance){ NULL, NULL };
}

struct slice
text_slice(const char *text)
{
	return slice_of(text, strlen(text));
}

static struct store_batch *
batch_of(struct store *store)
{
	struct store_batch *batch = store_batch_create(store);
	assert_non_null(batch);
	return batch;
}

void
put_now(struct store *store, const char *key, const char *value)
{
	struct store_batch *batch = batch_of(store);
	store_put(batch, register_2026, text_slice(key), text_slice(value));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

struct blob_ref
blob_now(struct store *store, struct slice bytes)
{
	struct store_batch *batch = batch_of(store);
	struct blob_ref ref = store_blob(batch, filing_2026, bytes);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	return ref;
}

const char *
get_now(struct conformance *conformance, const char *key)
{
	bool found;
	struct slice value;

	assert_int_equal(store_get_now(conformance->store, text_slice(key), conformance->arena, &found, &value),
	    ERROR_NONE);
	/* arena_copy leaves a NUL behind what it copies; engines are asked for no less. */
	return found ? (const char *)value.data : NULL;
}

void
conformance_get_and_absent(void **state)
{
	struct conformance *c = *state;

	assert_null(get_now(c, "a"));
	put_now(c->store, "a", "one");
	put_now(c->store, "b", "");
	assert_string_equal(get_now(c, "a"), "one");
	assert_string_equal(get_now(c, "b"), "");
	assert_null(get_now(c, "ab"));
	assert_null(get_now(c, "c"));
	put_now(c->store, "a", "two");
	assert_string_equal(get_now(c, "a"), "two");
}

/* The keys of a range as one text, "a:b:c:". */
static const char *
keys_of(struct conformance *c, const char *from, const char *end, bool backward, size_t limit)
{
	struct store_pair *pairs;
	size_t count;
	char text[256] = "";

	assert_int_equal(store_range_now(c->store, text_slice(from), text_slice(end), backward, limit, c->arena, &pairs,
	    &count), ERROR_NONE);
	for (size_t i = 0; i < count; i++) {
		assert_true(slice_equal(pairs[i].key, pairs[i].value));
		snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s:", (int)pairs[i].key.size,
		    (const char *)pairs[i].key.data);
	}
	struct slice copy;
	assert_true(arena_copy(c->arena, text_slice(text), &copy));
	return (const char *)copy.data;
}

void
conformance_range(void **state)
{
	struct conformance *c = *state;
	const char *keys[] = { "m2", "m10", "l", "m1", "m3", "n" };

	assert_string_equal(keys_of(c, "a", "z", false, 10), "");
	assert_string_equal(keys_of(c, "a", "z", true, 10), "");
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		put_now(c->store, keys[i], keys[i]);
	assert_string_equal(keys_of(c, "a", "z", false, SIZE_MAX), "l:m1:m10:m2:m3:n:");
	assert_string_equal(keys_of(c, "a", "z", true, SIZE_MAX), "n:m3:m2:m10:m1:l:");
	/* The first key is in, the end is not, in both directions. */
	assert_string_equal(keys_of(c, "m1", "m3", false, 10), "m1:m10:m2:");
	assert_string_equal(keys_of(c, "m1", "m3", true, 10), "m2:m10:m1:");
	assert_string_equal(keys_of(c, "m", "n", false, 2), "m1:m10:");
	assert_string_equal(keys_of(c, "m", "n", true, 2), "m3:m2:");
	assert_string_equal(keys_of(c, "m4", "m9", false, 10), "");
	assert_string_equal(keys_of(c, "m4", "m9", true, 10), "");
	assert_string_equal(keys_of(c, "n", "m", false, 10), "");
	assert_string_equal(keys_of(c, "n", "m", true, 10), "");
	assert_string_equal(keys_of(c, "m3", "m3", true, 10), "");
	/* Nothing behind the end, nothing before the start. */
	assert_string_equal(keys_of(c, "n", "\xff", true, 10), "n:");
	assert_string_equal(keys_of(c, "\x01", "l", true, 10), "");
}

void
conformance_later_wins(void **state)
{
	struct conformance *c = *state;

	put_now(c->store, "kept", "old");
	struct store_batch *batch = batch_of(c->store);
	store_put(batch, register_2026, text_slice("a"), text_slice("first"));
	store_put(batch, register_2026, text_slice("a"), text_slice("second"));
	store_put(batch, register_2026, text_slice("gone"), text_slice("soon"));
	store_remove(batch, text_slice("gone"));
	store_remove(batch, text_slice("kept"));
	store_put(batch, register_2026, text_slice("kept"), text_slice("new"));
	store_remove(batch, text_slice("never there"));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	assert_string_equal(get_now(c, "a"), "second");
	assert_string_equal(get_now(c, "kept"), "new");
	assert_null(get_now(c, "gone"));
}

void
conformance_batch_is_atomic_and_may_be_given_up(void **state)
{
	struct conformance *c = *state;
	struct store_batch *batch = batch_of(c->store);

	store_put(batch, register_2026, text_slice("a"), text_slice("1"));
	/* An open batch is seen by nobody. */
	assert_null(get_now(c, "a"));
	struct blob_ref void_ref = store_blob(batch, filing_2026, text_slice("given up"));
	store_batch_destroy(batch);
	assert_null(get_now(c, "a"));

	/* The place given up is used again, and the next blob is whole. */
	struct blob_ref ref = blob_now(c->store, text_slice("kept after all"));
	struct slice value;
	assert_int_equal(store_blob_now(c->store, ref, c->arena, &value), ERROR_NONE);
	assert_true(slice_equal_text(value, "kept after all"));
	if (memcmp(&void_ref, &ref, sizeof ref) != 0)
		assert_int_equal(store_blob_now(c->store, void_ref, c->arena, &value), ERROR_store_damaged);

	batch = batch_of(c->store);
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

static uint8_t *
pattern(size_t size, unsigned seed)
{
	uint8_t *bytes = malloc(size + 1);
	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((i * 31 + seed * 97 + (i >> 8)) & 0xff);
	return bytes;
}

void
conformance_blobs(void **state)
{
	struct conformance *c = *state;
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 4095, 4096, 70000, 3 * 1024 * 1024 };
	const size_t count = sizeof sizes / sizeof sizes[0];
	struct blob_ref refs[sizeof sizes / sizeof sizes[0]], none = { { 0 } };
	struct slice value;

	struct store_batch *batch = batch_of(c->store);
	for (size_t i = 0; i < count; i++) {
		uint8_t *bytes = pattern(sizes[i], (unsigned)i);
		refs[i] = store_blob(batch, filing_2026, slice_of(bytes, sizes[i]));
		free(bytes);
	}
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	for (size_t i = count; i-- > 0;) {
		uint8_t *bytes = pattern(sizes[i], (unsigned)i);
		assert_memory_not_equal(&refs[i], &none, sizeof none);
		assert_int_equal(store_blob_now(c->store, refs[i], c->arena, &value), ERROR_NONE);
		assert_true(slice_equal(value, slice_of(bytes, sizes[i])));
		free(bytes);
	}
	assert_int_equal(store_blob_now(c->store, none, c->arena, &value), ERROR_not_found);
}

struct order {
	int next;
	int failed;
};

struct numbered {
	struct order *order;
	int number;
};

static void
number_done(void *context, enum store_outcome outcome, enum error error)
{
	struct numbered *numbered = context;

	if (outcome != STORE_DURABLE || error != ERROR_NONE || numbered->number != numbered->order->next)
		numbered->order->failed++;
	numbered->order->next++;
}

void
conformance_commits_keep_their_order(void **state)
{
	struct conformance *c = *state;
	struct order order = { 0, 0 };
	struct numbered numbered[STORE_COMMITS_MAX];
	struct blob_ref refs[STORE_COMMITS_MAX];
	struct slice value;

	/* Each batch is built while those before are on their way. */
	for (int i = 0; i < (int)STORE_COMMITS_MAX; i++) {
		char text[16], key[16];
		snprintf(text, sizeof text, "%d", i);
		snprintf(key, sizeof key, "own %d", i);
		struct store_batch *batch = batch_of(c->store);
		store_put(batch, register_2026, text_slice("last"), text_slice(text));
		store_put(batch, register_2026, text_slice(key), text_slice(text));
		refs[i] = store_blob(batch, filing_2026, text_slice(text));
		numbered[i] = (struct numbered){ &order, i };
		store_commit(batch, number_done, &numbered[i]);
	}
	store_wait(c->store);
	assert_int_equal(order.next, STORE_COMMITS_MAX);
	assert_int_equal(order.failed, 0);
	assert_string_equal(get_now(c, "last"), "63");
	assert_string_equal(get_now(c, "own 0"), "0");
	assert_int_equal(store_blob_now(c->store, refs[40], c->arena, &value), ERROR_NONE);
	assert_true(slice_equal_text(value, "40"));
}

static void
count_done(void *context, enum error error)
{
	assert_int_equal(error, ERROR_NONE);
	++*(int *)context;
}

void
conformance_reads_in_a_group(void **state)
{
	struct conformance *c = *state;
	struct blob_ref ref = blob_now(c->store, text_slice("a blob"));

	put_now(c->store, "a", "1");
	put_now(c->store, "b", "2");
	struct store_read reads[] = {
		{ .kind = STORE_GET, .arena = c->arena, .key = text_slice("b") },
		{ .kind = STORE_BLOB, .arena = c->arena, .ref = ref },
		{ .kind = STORE_GET, .arena = c->arena, .key = text_slice("absent") },
		{ .kind = STORE_RANGE, .arena = c->arena, .key = text_slice("a"), .end = text_slice("c"), .limit = 5 },
		{ .kind = STORE_BLOB, .arena = c->arena },
	};
	int done = 0;
	enum store_progress progress = store_read(c->store, reads, 5, count_done, &done);
	store_wait(c->store);
	assert_int_equal(done, progress == STORE_PENDING ? 1 : 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(reads[i].error, ERROR_NONE);
	assert_true(reads[0].found && slice_equal_text(reads[0].value, "2"));
	assert_true(reads[1].found && slice_equal_text(reads[1].value, "a blob"));
	assert_false(reads[2].found);
	assert_int_equal(reads[3].pairs_count, 2);
	assert_false(reads[4].found);
}

void
conformance_arena_maximum(void **state)
{
	struct conformance *c = *state;
	struct arena *small = arena_create(1024);
	uint8_t *bytes = pattern(5000, 1);
	struct blob_ref ref = blob_now(c->store, slice_of(bytes, 5000));
	bool found;
	struct slice value;
	struct store_pair *pairs;
	size_t count;

	struct store_batch *batch = batch_of(c->store);
	store_put(batch, register_2026, text_slice("large"), slice_of(bytes, 5000));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
	assert_int_equal(store_get_now(c->store, text_slice("large"), small, &found, &value), ERROR_out_of_memory);
	assert_int_equal(store_blob_now(c->store, ref, small, &value), ERROR_out_of_memory);
	assert_int_equal(store_range_now(c->store, text_slice("a"), text_slice("z"), false, 9, small, &pairs, &count),
	    ERROR_out_of_memory);
	free(bytes);
	arena_destroy(small);
}

/* ---- what a batch rests on ---- */

/* What the batches of these tests have read: a value, an absence, ranges whole and cut short, in both directions, and
 * blobs. */
#define READS 6

static void
basis_read(struct conformance *c, struct store_read reads[READS])
{
	const struct store_read wanted[READS] = {
		{ .kind = STORE_GET, .key = text_slice("value") },
		{ .kind = STORE_GET, .key = text_slice("absent") },
		{ .kind = STORE_RANGE, .key = text_slice("m"), .end = text_slice("n"), .limit = 9 },
		{ .kind = STORE_RANGE, .key = text_slice("m"), .end = text_slice("n"), .limit = 1 },
		{ .kind = STORE_RANGE, .key = text_slice("m"), .end = text_slice("n"), .limit = 1, .backward = true },
		{ .kind = STORE_BLOB },
	};
	int done = 0;

	for (size_t i = 0; i < READS; i++) {
		reads[i] = wanted[i];
		reads[i].arena = c->arena;
	}
	if (store_read(c->store, reads, READS, count_done, &done) == STORE_PENDING)
		store_wait(c->store);
	for (size_t i = 0; i < READS; i++)
		reads[i].next = i + 1 < READS ? &reads[i + 1] : NULL;
}

static void
basis_put(struct conformance *c)
{
	put_now(c->store, "value", "one");
	put_now(c->store, "m1", "one");
	put_now(c->store, "m5", "five");
}

static void
take_outcome(void *context, enum store_outcome outcome, enum error error)
{
	assert_int_equal(error, ERROR_NONE);
	*(enum store_outcome *)context = outcome;
}

static enum store_outcome
commit_expecting(struct conformance *c, const struct store_read *reads, const char *key)
{
	enum store_outcome outcome = STORE_FAILED;
	struct store_batch *batch = batch_of(c->store);

	store_expect(batch, reads);
	store_expect(batch, NULL);
	store_put(batch, register_2026, text_slice(key), text_slice("stored"));
	store_commit(batch, take_outcome, &outcome);
	store_wait(c->store);
	return outcome;
}

void
conformance_rests_on_what_was_read(void **state)
{
	struct conformance *c = *state;
	struct store_read reads[READS];

	basis_put(c);
	basis_read(c, reads);
	assert_int_equal(commit_expecting(c, NULL, "k1"), STORE_DURABLE);
	/* What it did not read may change, and what it read may be written again as it was. */
	put_now(c->store, "l", "beside");
	put_now(c->store, "n", "beside");
	put_now(c->store, "value", "one");
	assert_int_equal(commit_expecting(c, reads, "k2"), STORE_DURABLE);
	assert_string_equal(get_now(c, "k1"), "stored");
	assert_string_equal(get_now(c, "k2"), "stored");
}

/* One change that another process makes, and which of the reads it changes. */
struct change {
	const char *key, *value; /* NULL: removed */
	unsigned tells; /* a bit a read */
};

static void
change_make(struct conformance *c, const struct change *change)
{
	struct store_batch *batch = batch_of(c->store);

	if (change->value == NULL)
		store_remove(batch, text_slice(change->key));
	else
		store_put(batch, register_2026, text_slice(change->key), text_slice(change->value));
	assert_int_equal(store_commit_now(batch), ERROR_NONE);
}

void
conformance_conflict_stores_nothing(void **state)
{
	struct conformance *c = *state;
	static const struct change changes[] = {
		{ "value", "two", 1 }, { "value", NULL, 1 }, { "absent", "there", 2 }, { "m1", "two", 4 | 8 },
		{ "m1", NULL, 4 | 8 }, { "m5", "six", 4 | 16 }, { "m5", NULL, 4 | 16 }, { "m3", "new", 4 },
		{ "m0", "new", 4 | 8 }, { "m9", "new", 4 | 16 }, { "l", "beside", 0 }, { "n", "beside", 0 },
	};

	/* Nobody else writes into an exclusive store: there is nothing that this test may do. */
	if (store_is_exclusive(c->store))
		return;
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct store_read reads[READS];
		basis_put(c);
		basis_read(c, reads);
		change_make(c, &changes[i]);
		for (unsigned nth = 0; nth < READS; nth++) {
			bool tells = (changes[i].tells & 1U << nth) != 0;
			reads[nth].next = NULL;
			assert_int_equal(commit_expecting(c, &reads[nth], "k"), tells ? STORE_CONFLICT : STORE_DURABLE);
			assert_int_equal(get_now(c, "k") == NULL, tells);
			change_make(c, &(struct change){ "k", NULL, 0 });
		}
		for (const char *const *key = (const char *const[]){ "absent", "m0", "m3", "m9", NULL }; *key != NULL;
		    key++)
			change_make(c, &(struct change){ *key, NULL, 0 });
	}
	/* Found out wherever it stands in the list. */
	struct store_read reads[READS];
	basis_put(c);
	basis_read(c, reads);
	change_make(c, &(struct change){ "m9", "new", 0 });
	assert_int_equal(commit_expecting(c, reads, "k"), STORE_CONFLICT);
}
