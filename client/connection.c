/* SPDX-License-Identifier: Apache-2.0
 *
 * struct guichet: keeps one link to the office as long as something is to be asked, says hello and logs in on each, and
 * sends again what was not answered. All operations may be sent twice: that is what makes this safe.
 *
 *   idle -> connecting -> hello -> [log-in] -> ready,  and from each back to idle when the link is lost
 *
 * Hello and log-in may be refused for now; then the link waits, and says the same again. */
#include "client/connection.h"

#include <string.h>

#include "client/backoff.h"
#include "client/blob.h"
#include "client/clock.h"
#include "client/hello.h"
#include "client/identity.h"
#include "client/link.h"
#include "client/problem.h"
#include "client/record.h"
#include "client/request.h"
#include "client/trust.h"
#include "protocol/check.h"
#include "protocol/codec.h"
#include "protocol/key.h"

/* Connecting, TLS, hello, log-in: each has so long. */
#define PHASE_TIMEOUT_MS 15000
/* The longest wait, named by a refusal, after which a request is sent again by itself; it grows with each in vain. */
#define WAIT_WORTH_MS 5000
/* Rounds of one step, so that one connection cannot hold an event loop. */
#define ROUNDS_MAX 32
/* Hello and log-in travel on this stream; requests have others. */
#define STREAM_CONTROL 0

/* ---- losing a link ---- */

struct guichet_request *
connection_find(const struct guichet *guichet, enum request_state state)
{
	struct guichet_request *request = guichet->requests;

	while (request != NULL && request->state != state)
		request = request->next;
	return request;
}

static void
tell_retry(struct guichet *guichet, const struct guichet_problem *problem, uint64_t wait_ms)
{
	if (guichet->on_retry != NULL)
		guichet->on_retry(guichet->on_retry_context, problem, wait_ms);
}

static void
drop_link(struct guichet *guichet)
{
	link_destroy(guichet->link);
	guichet->link = NULL;
	guichet->phase = PHASE_IDLE;
	guichet->logged_in = false;
	guichet->has_login = false;
	for (struct guichet_request *request = guichet->requests; request != NULL; request = request->next) {
		if (request->state == REQUEST_SENT)
			request->state = REQUEST_QUEUED;
		if (request->state == REQUEST_QUEUED && request->kind->restart != NULL)
			request->kind->restart(request);
	}
	guichet->sent_count = guichet->dropped_count = 0;
}

/* What is to be sent has waited in vain once more, for the reason in guichet->problem; what may not again ends. False
 * when nothing is left to be sent. */
static bool
count_attempt(struct guichet *guichet, bool try_again)
{
	for (struct guichet_request *request = guichet->requests; request != NULL; request = request->next) {
		if (request->state != REQUEST_QUEUED)
			continue;
		request->attempts++;
		if (try_again && request->attempts < guichet->attempts_max)
			continue;
		problem_copy(request->problem, guichet->problem);
		request_finish(request, guichet_problem_error(guichet->problem));
	}
	return connection_find(guichet, REQUEST_QUEUED) != NULL;
}

/* The link is of no more use, for the reason in guichet->problem: what was under way is sent again on another one,
 * or ends. What the office asked to wait for is waited for all the same. */
static void
lose_link(struct guichet *guichet, bool try_again)
{
	uint64_t asked_ms = guichet->phase == PHASE_WAITING ? guichet->phase_due_ms : 0;

	drop_link(guichet);
	if (!count_attempt(guichet, try_again))
		return;
	uint64_t now_ms = clock_monotonic_ms(), wait_ms = backoff_connect_ms(guichet->failures);
	if (now_ms + wait_ms < asked_ms)
		wait_ms = asked_ms - now_ms;
	guichet->failures++;
	guichet->connect_at_ms = now_ms + wait_ms;
	tell_retry(guichet, guichet->problem, wait_ms);
}

static void
lose_link_for(struct guichet *guichet, enum error error, const char *reason, bool try_again)
{
	problem_set(guichet->problem, error, guichet->address, slice_of_text(reason), NULL);
	lose_link(guichet, try_again);
}

/* ---- sending ---- */

/* Appends one message as a frame. ERROR_usage: it does not fit the message table or the frame. ERROR_out_of_memory: the
 * link has been lost over it, for half a frame may be in its output. */
static enum error
put_message(struct guichet *guichet, const struct operation *operation, uint32_t stream, const void *message)
{
	struct frame frame = { .op = (uint16_t)operation->number, .stream = stream };

	buf_clear(guichet->body);
	codec_encode(operation->request(), message, guichet->body);
	frame.body = buf_peek(guichet->body);
	if (buf_ok(guichet->body)) {
		if (guichet->has_hello && frame.body.size > guichet->hello.frame_body_max)
			return ERROR_usage;
		frame_put(link_output(guichet->link), &frame);
		if (buf_ok(link_output(guichet->link)))
			return ERROR_NONE;
	} else {
		/* With memory for the largest body it was the message that did not fit. */
		buf_clear(guichet->body);
		if (buf_reserve(guichet->body, LIMIT_FRAME_BODY) != NULL)
			return ERROR_usage;
	}
	lose_link_for(guichet, ERROR_out_of_memory, operation->name, false);
	return ERROR_out_of_memory;
}

static void
enter_phase(struct guichet *guichet, enum phase phase)
{
	guichet->phase = phase;
	guichet->phase_due_ms = clock_monotonic_ms() + PHASE_TIMEOUT_MS;
	if (phase != PHASE_READY)
		return;
	guichet->failures = 0;
	if (guichet->identity == NULL || guichet->logged_in)
		guichet->refusals = 0;
}

/* Says what the connection itself has to say, which always fits. False when the link was lost over it. */
static bool
say(struct guichet *guichet, enum operation_number operation, const void *message, enum phase phase)
{
	enum error error = put_message(guichet, operation_find(operation), STREAM_CONTROL, message);

	check(error != ERROR_usage);
	if (error == ERROR_NONE)
		enter_phase(guichet, phase);
	return error == ERROR_NONE;
}

static bool
say_hello(struct guichet *guichet)
{
	const struct msg_hello_request message = { .client = SLICE_LITERAL("libguichet " GUICHET_VERSION) };

	guichet->has_hello = false;
	return say(guichet, OPERATION_hello, &message, PHASE_HELLO);
}

static enum error
sign_login(struct guichet *guichet, struct buf *input, struct buf *signature)
{
	uint8_t binding[32];

	if (input == NULL || signature == NULL)
		return ERROR_out_of_memory;
	if (!link_binding(guichet->link, binding))
		return ERROR_key_failed;
	login_input_put(input, binding, slice_of_public(guichet_identity_serial(guichet->identity)));
	if (!buf_ok(input))
		return ERROR_usage; /* an identity without a certificate */
	enum error error = identity_sign(guichet->identity, buf_peek(input), signature);
	return error == ERROR_NONE && !buf_ok(signature) ? ERROR_key_failed : error;
}

/* False when the link was lost over it. */
static bool
say_login(struct guichet *guichet)
{
	struct buf *input = buf_create(LIMIT_SIGNATURE), *signature = buf_create(LIMIT_SIGNATURE);
	enum error error =
	    identity_has_certificate(guichet->identity) ? sign_login(guichet, input, signature) : ERROR_usage;

	if (error == ERROR_NONE) {
		const struct msg_login_request message = { .signature = buf_peek(signature),
			.serial = slice_of_public(guichet_identity_serial(guichet->identity)) };
		error = say(guichet, OPERATION_login, &message, PHASE_LOGIN) ? ERROR_NONE : ERROR_out_of_memory;
	} else {
		lose_link_for(guichet, error, "the log-in cannot be signed", false);
	}
	buf_destroy(input);
	buf_destroy(signature);
	return error == ERROR_NONE;
}

static void
set_deadline(const struct guichet *guichet, struct guichet_request *request)
{
	const struct field *field = record_find_field(request->operation->request(), "deadline_ms");
	char *message = request->message;

	*(bool *)(void *)(message + field->has_offset) = true;
	*(uint64_t *)(void *)(message + field->offset) = guichet->timeout_ms;
}

static uint32_t
next_stream(struct guichet *guichet)
{
	if (++guichet->stream_last == STREAM_CONTROL)
		++guichet->stream_last;
	return guichet->stream_last;
}

static void
send_request(struct guichet *guichet, struct guichet_request *request)
{
	enum guichet_error unprepared =
	    request->kind->prepare != NULL ? request->kind->prepare(request) : GUICHET_ERROR_none;
	if (unprepared != GUICHET_ERROR_none) {
		request_finish(request, unprepared);
		return;
	}
	set_deadline(guichet, request);
	request->stream = next_stream(guichet);
	enum error error = put_message(guichet, request->operation, request->stream, request->message);
	if (error == ERROR_usage)
		request_finish(request, problem_set(request->problem, error, request->operation->name, SLICE_EMPTY,
		    "every field that is required, within its limits, and all within one frame"));
	if (error != ERROR_NONE)
		return;
	request->state = REQUEST_SENT;
	request->due_at_ms = clock_monotonic_ms() + guichet->timeout_ms;
	guichet->sent_count++;
}

bool
connection_may_send(const struct guichet *guichet)
{
	return guichet->phase == PHASE_READY && guichet->sent_count < guichet->hello.streams_max &&
	    buf_space(link_output(guichet->link)) >= LIMIT_FRAME_BODY + FRAME_HEADER_SIZE;
}

/* True when something was sent. */
static bool
send_queued(struct guichet *guichet)
{
	struct guichet_request *request;
	bool sent = false;

	while (connection_may_send(guichet) && (request = connection_find(guichet, REQUEST_QUEUED)) != NULL) {
		send_request(guichet, request);
		sent = true;
	}
	return sent;
}

/* ---- receiving ---- */

/* Copies an answer's body into the arena and decodes it. */
static bool
keep_answer(
    struct arena *arena, const struct record *record, struct slice body, void *out, struct guichet_problem *problem)
{
	struct fault fault = { 0 };
	struct slice copy;

	arena_reset(arena);
	enum error error = arena_copy(arena, body, &copy) ?
	    codec_decode(record, copy, CODEC_ANSWER, arena, out, &fault) :
	    ERROR_out_of_memory;
	if (error == ERROR_NONE)
		return true;
	problem_set_fault(problem, ERROR_answer_malformed, &fault);
	return false;
}

/* Puts what the server refused into a problem. The findings are not kept longer than that. */
static enum guichet_error
read_refusal(const struct frame *frame, struct guichet_problem *problem)
{
	struct arena *arena = arena_create(2 * LIMIT_FRAME_BODY);
	struct msg_refusal refusal;
	struct fault fault = { 0 };
	enum guichet_error error;

	if (arena == NULL)
		return problem_set(problem, ERROR_out_of_memory, "answer", SLICE_EMPTY, NULL);
	if (codec_decode(message_refusal(), frame->body, CODEC_ANSWER, arena, &refusal, &fault) == ERROR_NONE)
		error = problem_set_refusal(problem, frame->status, &refusal);
	else
		error = problem_set_fault(problem, ERROR_answer_malformed, &fault);
	arena_destroy(arena);
	return error;
}

/* What the office says passes by itself, and soon: whether to wait for more than that is the caller's to decide. So is
 * whether to repeat facts that have failed to identify anybody: it would be one more attempt. */
static bool
worth_waiting(const struct guichet_problem *problem)
{
	enum guichet_error error = guichet_problem_error(problem);

	return guichet_error_retry(error) == GUICHET_RETRY_later && error != GUICHET_ERROR_out_of_memory &&
	    error != GUICHET_ERROR_attempts_exceeded &&
	    guichet_problem_retry_after_ms(problem) <= WAIT_WORTH_MS;
}

/* The office cannot say hello or log one in now. The link is kept: another one would cost it more than this. False
 * when nobody is left to wait. */
static bool
wait_on_link(struct guichet *guichet)
{
	if (!count_attempt(guichet, true) && guichet->sent_count == 0)
		return false;
	uint64_t wait_ms = backoff_refusal_ms(guichet->problem, guichet->refusals);
	guichet->refusals++;
	guichet->phase = PHASE_WAITING;
	guichet->phase_due_ms = clock_monotonic_ms() + wait_ms;
	tell_retry(guichet, guichet->problem, wait_ms);
	return true;
}

static bool
refuse_control(struct guichet *guichet, const struct frame *frame, bool *try_again)
{
	enum guichet_error error = read_refusal(frame, guichet->problem);

	if (worth_waiting(guichet->problem) && (guichet->phase == PHASE_HELLO || guichet->phase == PHASE_LOGIN))
		return wait_on_link(guichet);
	*try_again = guichet_error_retry(error) == GUICHET_RETRY_new;
	return false;
}

static bool
take_hello(struct guichet *guichet, const struct frame *frame)
{
	struct guichet_problem *problem = guichet->problem;

	if (!keep_answer(guichet->hello_arena, message_hello_answer(), frame->body, &guichet->hello, problem))
		return false;
	if (!slice_equal_text(guichet->hello.origin, guichet->trust->verifier.name)) {
		problem_set(problem, ERROR_origin_mismatch, guichet->address, guichet->hello.origin,
		    guichet->trust->verifier.name);
		return false;
	}
	if (hello_check(&guichet->hello, problem) != GUICHET_ERROR_none)
		return false;
	guichet->has_hello = true;
	enter_phase(guichet, PHASE_READY);
	return true;
}

/* Hello and log-in. False: the link is of no more use, see guichet->problem and *try_again. */
static bool
receive_control(struct guichet *guichet, const struct frame *frame, bool *try_again)
{
	struct guichet_problem *problem = guichet->problem;

	if (frame->status != 0)
		return refuse_control(guichet, frame, try_again);
	if (guichet->phase == PHASE_HELLO && frame->op == OPERATION_hello)
		return take_hello(guichet, frame);
	if (guichet->phase == PHASE_LOGIN && frame->op == OPERATION_login) {
		if (!keep_answer(guichet->login_arena, message_login_answer(), frame->body, &guichet->login, problem))
			return false;
		guichet->logged_in = guichet->has_login = true;
		enter_phase(guichet, PHASE_READY);
		return true;
	}
	problem_set(problem, ERROR_answer_malformed, guichet->address, SLICE_LITERAL("an answer to nothing"), NULL);
	return false;
}

/* A refusal, which stands in request->problem. */
static void
take_refusal(struct guichet *guichet, struct guichet_request *request, enum guichet_error error)
{
	bool recovers = request->kind->recovers != NULL && request->kind->recovers(request, error);

	if ((!recovers && !worth_waiting(request->problem)) || ++request->attempts >= guichet->attempts_max) {
		request_finish(request, error);
		return;
	}
	uint64_t wait_ms = recovers ? 0 : backoff_refusal_ms(request->problem, request->attempts - 1);
	request->state = REQUEST_WAITING;
	request->due_at_ms = clock_monotonic_ms() + wait_ms;
	if (request->kind->restart != NULL)
		request->kind->restart(request);
	tell_retry(guichet, request->problem, wait_ms);
}

/* The server finishes what it accepted and takes no more: everything else goes to a new connection. */
static bool
stop_with_server(struct guichet *guichet, struct guichet_request *request, const struct frame *frame, bool *try_again)
{
	(void)read_refusal(frame, guichet->problem);
	request->state = REQUEST_QUEUED;
	*try_again = true;
	return false;
}

static void
take_answer(struct guichet_request *request, const struct frame *frame)
{
	bool more = false;
	enum guichet_error error = request_read_answer(request, frame->body);

	if (error == GUICHET_ERROR_none && request->kind->answered != NULL)
		error = request->kind->answered(request, &more);
	if (error != GUICHET_ERROR_none || !more)
		request_finish(request, error);
	else
		request->state = REQUEST_QUEUED;
}

/* False: the link is of no more use. */
static bool
receive_frame(struct guichet *guichet, const struct frame *frame, bool *try_again)
{
	struct guichet_request *request = guichet->requests;

	if (frame->flags != FRAME_ANSWER) {
		problem_set(guichet->problem, ERROR_answer_malformed, guichet->address,
		    SLICE_LITERAL("a frame that is no answer"), NULL);
		return false;
	}
	if (frame->stream == STREAM_CONTROL)
		return receive_control(guichet, frame, try_again);
	while (request != NULL && (request->state != REQUEST_SENT || request->stream != frame->stream))
		request = request->next;
	if (request == NULL && guichet->dropped_count != 0) {
		guichet->dropped_count--; /* it was destroyed while under way */
		return true;
	}
	if (request == NULL) {
		problem_set(guichet->problem, ERROR_answer_malformed, guichet->address,
		    SLICE_LITERAL("an answer on a stream without a request"), NULL);
		return false;
	}
	guichet->sent_count--;
	if (frame->op != (unsigned)request->operation->number)
		request_finish(request,
		    problem_set(request->problem, ERROR_answer_malformed, request->operation->name,
			SLICE_LITERAL("the answer to another operation"), NULL));
	else if (frame->status == ERROR_server_stopping)
		return stop_with_server(guichet, request, frame, try_again);
	else if (frame->status != 0)
		take_refusal(guichet, request, read_refusal(frame, request->problem));
	else
		take_answer(request, frame);
	return true;
}

static void
receive(struct guichet *guichet)
{
	struct frame frame;
	size_t size;

	for (;;) {
		bool try_again = false;
		enum error error = link_peek(guichet->link, &frame, &size);
		if (error != ERROR_NONE) {
			lose_link_for(guichet, ERROR_answer_malformed, error_name(error), false);
			return;
		}
		if (size == 0)
			return;
		bool good = receive_frame(guichet, &frame, &try_again);
		link_consume(guichet->link, size);
		if (!good) {
			lose_link(guichet, try_again);
			return;
		}
	}
}

/* ---- steps ---- */

static void
open_link(struct guichet *guichet)
{
	guichet->link = link_create(guichet->trust->tls, guichet->host, guichet->port);
	enter_phase(guichet, PHASE_CONNECTING);
	if (guichet->link == NULL)
		lose_link_for(guichet, ERROR_out_of_memory, "", false);
}

/* What the office refused before the wait. */
static bool
say_again(struct guichet *guichet)
{
	if (guichet->has_hello)
		enter_phase(guichet, PHASE_READY); /* which begins with the log-in */
	return guichet->has_hello || say_hello(guichet);
}

/* One round with an open or opening link. True when another round may move more. */
static bool
step_link(struct guichet *guichet)
{
	enum link_state state = link_step(guichet->link);

	receive(guichet);
	if (guichet->link == NULL)
		return false;
	if (state == LINK_DOWN) {
		enum error error = link_error(guichet->link);
		lose_link_for(guichet, error, link_reason(guichet->link), error != ERROR_tls_failed);
		return false;
	}
	if (guichet->phase == PHASE_CONNECTING && state == LINK_OPEN)
		return say_hello(guichet);
	if (guichet->phase == PHASE_WAITING && clock_monotonic_ms() >= guichet->phase_due_ms)
		return say_again(guichet);
	if (guichet->phase == PHASE_READY && guichet->identity != NULL && !guichet->logged_in)
		return say_login(guichet);
	return send_queued(guichet) || (guichet->link != NULL && link_pending(guichet->link));
}

static void
expire(struct guichet *guichet, uint64_t now_ms)
{
	if (guichet->link == NULL)
		return;
	if (guichet->phase != PHASE_READY && guichet->phase != PHASE_WAITING && now_ms >= guichet->phase_due_ms) {
		lose_link_for(guichet, ERROR_timed_out, "no connection within the time given", true);
		return;
	}
	for (struct guichet_request *request = guichet->requests; request != NULL; request = request->next)
		if (request->state == REQUEST_SENT && now_ms >= request->due_at_ms) {
			lose_link_for(guichet, ERROR_timed_out, request->operation->name, true);
			return;
		}
}

static void
wake_waiting(struct guichet *guichet, uint64_t now_ms)
{
	for (struct guichet_request *request = guichet->requests; request != NULL; request = request->next)
		if (request->state == REQUEST_WAITING && now_ms >= request->due_at_ms)
			request->state = REQUEST_QUEUED;
}

struct guichet_request *
connection_find_unnotified(const struct guichet *guichet)
{
	struct guichet_request *request = guichet->requests;

	while (request != NULL && (request->state != REQUEST_DONE || request->notified || request->on_done == NULL))
		request = request->next;
	return request;
}

void
guichet_step(struct guichet *guichet)
{
	struct guichet_request *request;
	uint64_t now_ms = clock_monotonic_ms();

	wake_waiting(guichet, now_ms);
	if (guichet->link == NULL && now_ms >= guichet->connect_at_ms &&
	    connection_find(guichet, REQUEST_QUEUED) != NULL)
		open_link(guichet);
	for (int round = 0; round < ROUNDS_MAX && guichet->link != NULL && step_link(guichet); round++)
		;
	expire(guichet, now_ms);
	while ((request = connection_find_unnotified(guichet)) != NULL) {
		request->notified = true;
		request->on_done(request->on_done_context, request);
	}
}

void
guichet_login(struct guichet *guichet, const struct guichet_identity *identity)
{
	if (guichet->identity == identity)
		return;
	guichet->identity = identity;
	if (guichet->phase == PHASE_LOGIN || guichet->logged_in)
		drop_link(guichet);
}
