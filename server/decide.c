/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers call: refusals, effects, and the memory of verified signatures. */
#include "server/decide.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/time.h"
#include "server/store/keyring.h"

struct verified {
	struct verified *next;
	struct key_public key;
	struct slice message, signature;
	enum error error;
};

enum outcome
refuse_with(struct decision *decision, const struct fault *fault)
{
	struct effects *effects = decision->effects;

	effects->puts = NULL;
	effects->blobs = NULL;
	effects->leaves = NULL;
	effects->logs_in = effects->changes_crl = effects->keeps_year = false;
	effects->findings = NULL;
	effects->findings_count = 0;
	effects->reasons = NULL;
	effects->refusal = *fault;
	return DECIDED;
}

enum outcome
refuse_value(struct decision *decision, enum error error, const char *place, struct slice value, struct slice expected)
{
	struct fault fault;

	(void)fault_set(&fault, error, place, value, NULL);
	fault.expected = expected;
	return refuse_with(decision, &fault);
}

enum outcome
refuse(struct decision *decision, enum error error)
{
	return refuse_value(decision, error, NULL, SLICE_EMPTY, SLICE_EMPTY);
}

void
refuse_later_with(struct decision *decision, const struct fault *fault)
{
	struct effect_reason *reason = arena_alloc(decision->arena, sizeof *reason),
	    **tail = &decision->effects->reasons;

	if (reason == NULL) {
		decision->effects->failed = true;
		return;
	}
	reason->fault = *fault;
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = reason;
}

void
refuse_later(struct decision *decision, enum error error, const char *place, struct slice value, struct slice expected)
{
	struct fault fault;

	(void)fault_set(&fault, error, place, value, NULL);
	fault.expected = expected;
	refuse_later_with(decision, &fault);
}

enum outcome
refuse_noted(struct decision *decision)
{
	struct effects *effects = decision->effects;
	struct effects noted = *effects;

	if (noted.reasons == NULL)
		return PROCEED;
	enum outcome outcome = refuse_with(decision, &noted.reasons->fault);
	effects->reasons = noted.reasons;
	effects->findings = noted.findings;
	effects->findings_count = noted.findings_count;
	return outcome;
}

enum outcome
decision_need(struct decision *decision, enum view_state state)
{
	switch (state) {
	case VIEW_AGAIN:
		return AGAIN;
	case VIEW_ABSENT:
		return refuse(decision, ERROR_store_damaged);
	case VIEW_FOUND:
		break;
	}
	return PROCEED;
}

struct slice
decision_hex(struct decision *decision, struct slice bytes)
{
	char *text = arena_alloc_array(decision->arena, bytes.size + 1, 2);

	if (text == NULL)
		return SLICE_EMPTY;
	hex_encode(bytes, text);
	return slice_of(text, 2 * bytes.size);
}

struct slice
decision_utc(struct decision *decision, uint64_t time)
{
	struct buf *buf = buf_create(64);
	struct slice text = SLICE_EMPTY;

	if (buf == NULL)
		return text;
	time_put_utc(buf, time);
	if (!buf_ok(buf) || !arena_copy(decision->arena, buf_peek(buf), &text))
		text = SLICE_EMPTY;
	buf_destroy(buf);
	return text;
}

struct slice
decision_text(struct decision *decision, const char *format, ...)
{
	char text[1024];
	struct slice copy;
	va_list list;

	va_start(list, format);
	int size = vsnprintf(text, sizeof text, format, list);
	va_end(list);
	if (size < 0)
		return SLICE_EMPTY;
	size_t kept = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
	return arena_copy(decision->arena, slice_of(text, kept), &copy) ? copy : SLICE_EMPTY;
}

/* Memory for a noted effect; a full arena fails the decision. */
static void *
effects_alloc(struct decision *decision, size_t size)
{
	void *memory = arena_alloc(decision->arena, size);
	if (memory == NULL)
		decision->effects->failed = true;
	return memory;
}

void
effects_put(struct decision *decision, struct slice key, const struct record *record, const void *value)
{
	struct effect_put *put = effects_alloc(decision, sizeof *put), **tail = &decision->effects->puts;

	if (put == NULL || value == NULL || key.size == 0) {
		decision->effects->failed = true;
		return;
	}
	put->key = key;
	put->record = record;
	put->value = value;
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = put;
}

void
effects_remove(struct decision *decision, struct slice key)
{
	effects_put(decision, key, NULL, decision);
}

struct effect_blob *
effects_blob(struct decision *decision, enum retention_class class, struct slice bytes, struct slice *bound)
{
	struct effect_blob *blob = effects_alloc(decision, sizeof *blob), **tail = &decision->effects->blobs;

	if (blob == NULL)
		return NULL;
	blob->bytes = bytes;
	blob->class = class;
	if (bound != NULL)
		*bound = slice_of(blob->ref.bytes, sizeof blob->ref.bytes);
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = blob;
	return blob;
}

struct effect_blob *
effects_archive(struct decision *decision, enum retention_class class, const struct record *record, const void *value,
    struct slice *bound)
{
	struct slice bytes = record_encode(record, value, decision->arena);
	if (bytes.size == 0)
		decision->effects->failed = true;
	return effects_blob(decision, class, bytes, bound);
}

struct effect_leaf *
effects_leaf(struct decision *decision, struct slice body, struct effect_blob *archive)
{
	struct effect_leaf *leaf = effects_alloc(decision, sizeof *leaf), **tail = &decision->effects->leaves;

	if (leaf == NULL || archive == NULL) {
		decision->effects->failed = true;
		return NULL;
	}
	leaf->body = body;
	leaf->archive = archive;
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = leaf;
	return leaf;
}

enum error
decision_verify(struct decision *decision, const struct key_public *key, struct slice message, struct slice signature)
{
	struct verified *known;

	for (known = *decision->verified; known != NULL; known = known->next)
		if (slice_equal(known->signature, signature) && slice_equal(known->message, message) &&
		    known->key.algorithm == key->algorithm &&
		    slice_equal(slice_of(known->key.bytes, known->key.size), slice_of(key->bytes, key->size)))
			return known->error;
	enum error error = key_verify(decision->context->office->verifier, key, message, signature);
	known = arena_alloc(decision->kept, sizeof *known);
	if (known == NULL || !arena_copy(decision->kept, message, &known->message) ||
	    !arena_copy(decision->kept, signature, &known->signature))
		return error;
	known->key = *key;
	known->error = error;
	known->next = *decision->verified;
	*decision->verified = known;
	return error;
}

struct keyed
decision_keyed(const struct decision *decision, const char *domain, struct slice word)
{
	struct keyed keyed;
	keyring_hash(decision->context->office->keyring, domain, word, keyed.bytes);
	return keyed;
}

struct keyed
decision_person(const struct decision *decision, struct slice spi)
{
	return decision_keyed(decision, "person", spi);
}
