/* SPDX-License-Identifier: Apache-2.0
 *
 * Every return goes through the rules before it is taken: a load of refusals measures something else. */
#include "bench/returns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/irj.h"
#include "protocol/json.h"
#include "protocol/rules.h"

#define RETURNS_MAX ((size_t)1000)
#define RETURNS_ARENA ((size_t)64 * 1024 * 1024)
#define RULES_ARENA ((size_t)16 * 1024 * 1024)
#define FILE_MAX ((size_t)64 * 1024 * 1024)
/* Generated returns: how many, and how many boxes each has, as in the real ones. */
#define GENERATED ((size_t)200)
#define GENERATED_BOXES 44

struct collector {
	struct returns *returns;
	const struct catalogue *catalogue;
	uint64_t income_year;
	struct arena *scratch;
};

static bool
is_accepted(struct collector *collector, struct slice content)
{
	const struct rules_document document = { .type = SLICE_LITERAL("2042"), .content = content };
	struct rules_result result;

	arena_reset(collector->scratch);
	return rules_check(collector->catalogue, collector->income_year, &document, 1, collector->scratch, &result) ==
	    ERROR_NONE &&
	    result.findings.errors == 0;
}

static enum error
take(void *context, size_t number, struct slice document, struct fault *fault)
{
	struct collector *collector = context;
	struct returns *returns = collector->returns;

	(void)number;
	if (returns->count == RETURNS_MAX || !is_accepted(collector, document))
		return ERROR_NONE;
	if (!arena_copy(returns->arena, document, &returns->items[returns->count]))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	returns->count++;
	return ERROR_NONE;
}

static enum error
read_file(const char *path, uint8_t **bytes, size_t *size, struct fault *fault)
{
	FILE *file = fopen(path, "rb");
	bool is_good = file != NULL;

	*bytes = is_good ? malloc(FILE_MAX) : NULL;
	*size = *bytes == NULL ? 0 : fread(*bytes, 1, FILE_MAX, file);
	is_good = is_good && *bytes != NULL && ferror(file) == 0;
	if (file != NULL)
		fclose(file);
	return is_good ? ERROR_NONE :
			 fault_set(fault, ERROR_file_unreadable, path, slice_of_text(strerror(errno)), "an .irj file");
}

static enum error
read_irj(struct collector *collector, const char *path, struct fault *fault)
{
	const struct irj_options options = { collector->catalogue, collector->income_year, true };
	struct arena *arena = arena_create(IRJ_ARENA_SIZE);
	uint8_t *bytes = NULL;
	size_t size;
	enum error error = read_file(path, &bytes, &size, fault);

	if (error == ERROR_NONE && arena == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	if (error == ERROR_NONE)
		error = irj_read(slice_of(bytes, size), &options, (struct irj_sink){ take, collector }, arena, fault);
	/* The texts of the fault live in the arena that ends here. */
	if (error != ERROR_NONE && arena != NULL)
		error = fault_set(fault, error, path, SLICE_EMPTY, "an .irj file");
	arena_destroy(arena);
	free(bytes);
	return error;
}

/* A box whose presence calls for nothing else: amounts of the main form that are no donation. */
static bool
is_plain(const struct collector *collector, const struct catalogue_box *box)
{
	return box->type == BOX_EUROS && box->donation == DONATION_NONE && box->paper == NULL &&
	    catalogue_allows(collector->catalogue,
		catalogue_find_form(collector->catalogue, SLICE_LITERAL("2042")), box);
}

static enum error
generate(struct collector *collector, struct fault *fault)
{
	size_t boxes = catalogue_boxes_count(collector->catalogue);
	struct buf *buf = buf_create((size_t)64 * 1024);
	enum error error = buf == NULL ? ERROR_out_of_memory : ERROR_NONE;

	for (size_t nth = 0; nth < GENERATED && error == ERROR_NONE; nth++) {
		buf_clear(buf);
		buf_put_format(buf, "{\"form\":\"2042\",\"income_year\":%llu,\"boxes\":{",
		    (unsigned long long)collector->income_year);
		for (size_t at = nth, taken = 0; at < boxes && taken < GENERATED_BOXES; at += 1 + nth % 7) {
			const struct catalogue_box *box = catalogue_box_at(collector->catalogue, at);
			if (!is_plain(collector, box))
				continue;
			buf_put_format(buf, "%s\"%.*s\":%zu", taken++ == 0 ? "" : ",", (int)box->code.size,
			    (const char *)box->code.data, 100 + (nth * 7919 + at * 104729) % 60000);
		}
		buf_put_text(buf, "}}\n");
		error = take(collector, nth, buf_peek(buf), fault);
	}
	buf_destroy(buf);
	return error;
}

enum error
returns_load(const char *path, const struct catalogue *catalogue, uint64_t income_year, struct returns *out,
    struct fault *fault)
{
	struct collector collector = { out, catalogue, income_year, arena_create(RULES_ARENA) };
	enum error error = ERROR_NONE;

	*out = (struct returns){ .arena = arena_create(RETURNS_ARENA) };
	if (out->arena != NULL)
		out->items = arena_alloc_array(out->arena, RETURNS_MAX, sizeof *out->items);
	if (out->items == NULL || collector.scratch == NULL)
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	else
		error = path == NULL ? generate(&collector, fault) : read_irj(&collector, path, fault);
	if (error == ERROR_NONE && out->count == 0)
		error = fault_set(fault, ERROR_usage, path == NULL ? "catalogue" : path, SLICE_EMPTY,
		    "at least one return that the rules accept");
	arena_destroy(collector.scratch);
	if (error != ERROR_NONE)
		returns_free(out);
	return error;
}

void
returns_free(struct returns *returns)
{
	arena_destroy(returns->arena);
	*returns = (struct returns){ .arena = NULL };
}
