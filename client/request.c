/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests as objects: fields in, answer out. How they travel is connection.c's. */
#include "client/request.h"

#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/connection.h"
#include "client/problem.h"
#include "client/record.h"
#include "protocol/check.h"
#include "protocol/codec.h"

/* Fields that were set: at most a frame. */
#define ARENA_MAX ((size_t)2 * LIMIT_FRAME_BODY)
/* One message or one answer: the bytes of a frame and the lists decoded from them. */
#define MESSAGE_MAX ((size_t)4 * LIMIT_FRAME_BODY)

static const struct request_kind plain = { 0 };

enum guichet_error
request_create(struct guichet *guichet, enum operation_number operation, const struct request_kind *kind, void *work,
    struct guichet_request **out, struct guichet_problem *problem)
{
	struct guichet_request *request = calloc(1, sizeof *request);

	*out = NULL;
	if (request == NULL) {
		if (kind->release != NULL)
			kind->release(work);
		return problem_set(problem, ERROR_out_of_memory, "request", SLICE_EMPTY, NULL);
	}
	request->kind = kind;
	request->work = work;
	request->operation = operation_find((unsigned)operation);
	request->arena = arena_create(ARENA_MAX);
	request->sending = arena_create(MESSAGE_MAX);
	request->receiving = arena_create(MESSAGE_MAX);
	request->problem = guichet_problem_create();
	if (request->arena != NULL && request->sending != NULL && request->receiving != NULL &&
	    request->problem != NULL)
		request->message = arena_alloc(request->arena, request->operation->request()->size);
	if (request->message == NULL) {
		guichet_request_destroy(request);
		return problem_set(problem, ERROR_out_of_memory, "request", SLICE_EMPTY, NULL);
	}
	connection_add(guichet, request);
	*out = request;
	return GUICHET_ERROR_none;
}

static const struct operation *
find_operation(const char *name)
{
	size_t count;
	const struct operation *table = operation_table(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

enum guichet_error
guichet_request_create(
    struct guichet *guichet, const char *operation, struct guichet_request **out, struct guichet_problem *problem)
{
	const struct operation *found = find_operation(operation);

	*out = NULL;
	/* The connection speaks these two itself, in their order. */
	if (found == NULL || found->number == OPERATION_hello || found->number == OPERATION_login)
		return problem_set(problem, ERROR_usage, "operation", slice_of_text(operation),
		    "an operation of PROTOCOL.md other than hello and login");
	return request_create(guichet, found->number, &plain, NULL, out, problem);
}

void
guichet_request_destroy(struct guichet_request *request)
{
	if (request == NULL)
		return;
	if (request->guichet != NULL)
		connection_remove(request->guichet, request);
	if (request->kind->release != NULL)
		request->kind->release(request->work);
	arena_destroy(request->arena);
	arena_destroy(request->sending);
	arena_destroy(request->receiving);
	guichet_problem_destroy(request->problem);
	free(request);
}

/* ---- fields ---- */

static const struct field *
find_settable(const struct guichet_request *request, const char *name, enum field_type type, enum field_type other)
{
	const struct field *field = record_find_field(request->operation->request(), name);

	if (request->state != REQUEST_NEW || field == NULL || (field->type != type && field->type != other))
		return NULL;
	return field;
}

static void *
value_at(const struct guichet_request *request, size_t offset)
{
	return (char *)request->message + offset;
}

static void
mark_present(const struct guichet_request *request, const struct field *field)
{
	if (!field->required)
		*(bool *)value_at(request, field->has_offset) = true;
}

enum guichet_error
guichet_request_set_uint(struct guichet_request *request, const char *name, uint64_t value)
{
	const struct field *field = find_settable(request, name, FIELD_UINT, FIELD_BOOL);

	if (field == NULL || value > (field->type == FIELD_BOOL ? 1 : field->max))
		return GUICHET_ERROR_usage;
	if (field->type == FIELD_BOOL)
		*(bool *)value_at(request, field->offset) = value != 0;
	else
		*(uint64_t *)value_at(request, field->offset) = value;
	mark_present(request, field);
	return GUICHET_ERROR_none;
}

enum guichet_error
guichet_request_set_bytes(struct guichet_request *request, const char *name, struct guichet_bytes value)
{
	const struct field *field = find_settable(request, name, FIELD_BYTES, FIELD_TEXT);
	struct slice copy;

	if (field == NULL || value.size < field->min || value.size > field->max ||
	    (field->type == FIELD_TEXT && !slice_is_utf8(slice_of_public(value))))
		return GUICHET_ERROR_usage;
	if (!arena_copy(request->arena, slice_of_public(value), &copy))
		return GUICHET_ERROR_out_of_memory;
	*(struct slice *)value_at(request, field->offset) = copy;
	mark_present(request, field);
	return GUICHET_ERROR_none;
}

enum guichet_error
request_new_message(struct guichet_request *request, enum operation_number operation)
{
	arena_reset(request->sending);
	request->operation = operation_find((unsigned)operation);
	request->message = arena_alloc(request->sending, request->operation->request()->size);
	if (request->message != NULL)
		return GUICHET_ERROR_none;
	return problem_set(request->problem, ERROR_out_of_memory, "request", SLICE_EMPTY, NULL);
}

/* ---- the end ---- */

enum guichet_error
request_read_answer(struct guichet_request *request, struct slice body)
{
	const struct record *record = request->operation->answer();
	struct fault fault = { 0 };
	struct slice copy;

	arena_reset(request->receiving);
	request->answer = arena_alloc(request->receiving, record->size);
	if (request->answer == NULL || !arena_copy(request->receiving, body, &copy)) {
		request->answer = NULL;
		return problem_set(request->problem, ERROR_out_of_memory, "answer", SLICE_EMPTY, NULL);
	}
	enum error error = codec_decode(record, copy, CODEC_ANSWER, request->receiving, request->answer, &fault);
	if (error == ERROR_NONE)
		return GUICHET_ERROR_none;
	request->answer = NULL;
	return problem_set_fault(request->problem, ERROR_answer_malformed, &fault);
}

void
request_finish(struct guichet_request *request, enum guichet_error error)
{
	request->state = REQUEST_DONE;
	request->error = error;
	if (error == GUICHET_ERROR_none)
		problem_clear(request->problem);
	else
		request->answer = NULL;
}

void
guichet_request_set_on_done(struct guichet_request *request, guichet_on_done *on_done, void *context)
{
	request->on_done = on_done;
	request->on_done_context = context;
}

bool
guichet_request_is_done(const struct guichet_request *request)
{
	return request->state == REQUEST_DONE;
}

void
guichet_request_progress(const struct guichet_request *request, uint64_t *bytes, uint64_t *of)
{
	*bytes = request->progress;
	*of = request->progress_total;
}

enum guichet_error
guichet_request_error(const struct guichet_request *request)
{
	return request->error;
}

const struct guichet_problem *
guichet_request_problem(const struct guichet_request *request)
{
	return request->problem;
}

struct guichet_record
guichet_request_answer(const struct guichet_request *request)
{
	if (request->state != REQUEST_DONE || request->answer == NULL)
		return (struct guichet_record){ NULL, NULL };
	return record_view(request->operation->answer(), request->answer);
}
