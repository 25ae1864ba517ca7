/* SPDX-License-Identifier: Apache-2.0
 *
 * struct guichet as its owner sees it: made, set, waited for. What it does is connection.c's. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/clock.h"
#include "client/connection.h"
#include "client/link.h"
#include "client/problem.h"
#include "client/record.h"
#include "client/request.h"
#include "client/trust.h"
#include "protocol/check.h"

#define ATTEMPTS_DEFAULT 4
#define TIMEOUT_DEFAULT_MS 60000
#define DEADLINE_MAX_MS ((uint64_t)86400000)
/* What hello and log-in answer, kept. */
#define CONTROL_ANSWER_MAX ((size_t)8192)

/* ---- life ---- */

/* Splits "host:port" or "[address]:port". */
static bool
split_address(const char *address, char **host, char **port)
{
	const char *colon = strrchr(address, ':'), *begin = address, *end = colon;
	uint64_t number;

	if (colon == NULL || !decimal_decode(slice_of_text(colon + 1), UINT16_MAX, &number) || number == 0)
		return false;
	if (address[0] == '[') {
		begin++;
		end--;
		if (end <= begin || *end != ']')
			return false;
	} else if (memchr(address, ':', (size_t)(colon - address)) != NULL) {
		return false;
	}
	if (end <= begin)
		return false;
	*host = strndup(begin, (size_t)(end - begin));
	*port = strdup(colon + 1);
	return true;
}

enum guichet_error
guichet_create(
    const struct guichet_trust *trust, const char *address, struct guichet **out, struct guichet_problem *problem)
{
	enum guichet_error error = trust_need(trust, trust->tls != NULL, "tls.pem", problem);
	struct guichet *guichet;

	*out = NULL;
	if (error != GUICHET_ERROR_none)
		return error;
	guichet = calloc(1, sizeof *guichet);
	if (guichet == NULL)
		return problem_set(problem, ERROR_out_of_memory, "server", SLICE_EMPTY, NULL);
	if (!split_address(address, &guichet->host, &guichet->port)) {
		guichet_destroy(guichet);
		return problem_set(problem, ERROR_usage, "server", slice_of_text(address),
		    "host:port or [IPv6 address]:port, a port from 1 to 65535");
	}
	guichet->address = strdup(address);
	guichet->trust = trust;
	guichet->attempts_max = ATTEMPTS_DEFAULT;
	guichet->timeout_ms = TIMEOUT_DEFAULT_MS;
	guichet->body = buf_create(LIMIT_FRAME_BODY);
	guichet->hello_arena = arena_create(CONTROL_ANSWER_MAX);
	guichet->login_arena = arena_create(CONTROL_ANSWER_MAX);
	guichet->problem = guichet_problem_create();
	if (guichet->address == NULL || guichet->host == NULL || guichet->port == NULL || guichet->body == NULL ||
	    guichet->hello_arena == NULL || guichet->login_arena == NULL || guichet->problem == NULL) {
		guichet_destroy(guichet);
		return problem_set(problem, ERROR_out_of_memory, "server", SLICE_EMPTY, NULL);
	}
	*out = guichet;
	return GUICHET_ERROR_none;
}

void
guichet_destroy(struct guichet *guichet)
{
	if (guichet == NULL)
		return;
	while (guichet->requests != NULL) {
		struct guichet_request *request = guichet->requests;
		if (request->state != REQUEST_DONE)
			request_finish(
			    request, problem_set(request->problem, ERROR_unreachable, "server", SLICE_EMPTY, NULL));
		connection_remove(guichet, request);
	}
	link_destroy(guichet->link);
	guichet_problem_destroy(guichet->problem);
	arena_destroy(guichet->hello_arena);
	arena_destroy(guichet->login_arena);
	buf_destroy(guichet->body);
	free(guichet->address);
	free(guichet->host);
	free(guichet->port);
	free(guichet);
}

void
connection_add(struct guichet *guichet, struct guichet_request *request)
{
	struct guichet_request **at = &guichet->requests;

	while (*at != NULL)
		at = &(*at)->next;
	*at = request;
	request->guichet = guichet;
}

void
connection_remove(struct guichet *guichet, struct guichet_request *request)
{
	struct guichet_request **at = &guichet->requests;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	request->next = NULL;
	request->guichet = NULL;
	if (request->state == REQUEST_SENT) {
		guichet->sent_count--;
		guichet->dropped_count++;
	}
}

const struct guichet_trust *
connection_trust(const struct guichet *guichet)
{
	return guichet->trust;
}

const struct msg_hello_answer *
connection_hello(const struct guichet *guichet)
{
	check(guichet->has_hello);
	return &guichet->hello;
}

void
guichet_set_attempts(struct guichet *guichet, unsigned attempts)
{
	guichet->attempts_max = attempts != 0 ? attempts : 1;
}

void
guichet_set_timeout(struct guichet *guichet, uint64_t timeout_ms)
{
	guichet->timeout_ms = timeout_ms == 0 ? 1 : timeout_ms < DEADLINE_MAX_MS ? timeout_ms : DEADLINE_MAX_MS;
}

void
guichet_set_on_retry(struct guichet *guichet, guichet_on_retry *on_retry, void *context)
{
	guichet->on_retry = on_retry;
	guichet->on_retry_context = context;
}

struct guichet_record
guichet_hello(const struct guichet *guichet)
{
	return record_view(message_hello_answer(), guichet->has_hello ? &guichet->hello : NULL);
}

struct guichet_record
guichet_holder(const struct guichet *guichet)
{
	return record_view(message_login_answer(), guichet->has_login ? &guichet->login : NULL);
}

/* ---- for an event loop ---- */

int
guichet_fd(const struct guichet *guichet)
{
	return guichet->link != NULL ? link_fd(guichet->link) : -1;
}

unsigned
guichet_events(const struct guichet *guichet)
{
	return guichet->link != NULL ? link_events(guichet->link) : 0;
}

static uint64_t
due_at_ms(const struct guichet *guichet)
{
	uint64_t due = UINT64_MAX;

	if (connection_find_unnotified(guichet) != NULL || (guichet->link != NULL && link_pending(guichet->link)))
		return 0;
	if (guichet->link != NULL && guichet->phase != PHASE_READY)
		due = guichet->phase_due_ms;
	for (const struct guichet_request *request = guichet->requests; request != NULL; request = request->next) {
		uint64_t at = UINT64_MAX;
		if (request->state == REQUEST_SENT || request->state == REQUEST_WAITING)
			at = request->due_at_ms;
		else if (request->state == REQUEST_QUEUED && guichet->link == NULL)
			at = guichet->connect_at_ms;
		else if (request->state == REQUEST_QUEUED && connection_may_send(guichet))
			at = 0;
		due = at < due ? at : due;
	}
	return due;
}

int
guichet_due_ms(const struct guichet *guichet)
{
	uint64_t due = due_at_ms(guichet), now_ms = clock_monotonic_ms();

	if (due == UINT64_MAX)
		return -1;
	return due <= now_ms ? 0 : due - now_ms < INT32_MAX ? (int)(due - now_ms) : INT32_MAX;
}

/* ---- waiting ---- */

void
guichet_request_start(struct guichet_request *request)
{
	if (request->state == REQUEST_NEW)
		request->state = REQUEST_QUEUED;
}

/* Until something can be done, or for wait_ms; -1: however long. */
static void
wait_for_event(const struct guichet *guichet, int wait_ms)
{
	unsigned events = guichet_events(guichet);
	struct pollfd poll_fd = { .fd = guichet_fd(guichet) };
	int due_ms = guichet_due_ms(guichet);

	if (events & GUICHET_READ)
		poll_fd.events |= POLLIN;
	if (events & GUICHET_WRITE)
		poll_fd.events |= POLLOUT;
	if (wait_ms >= 0 && (due_ms < 0 || due_ms > wait_ms))
		due_ms = wait_ms;
	(void)poll(&poll_fd, poll_fd.fd >= 0 ? 1 : 0, due_ms); /* a signal only makes the next step come earlier */
}

void
guichet_request_wait_ms(struct guichet_request *request, int wait_ms)
{
	uint64_t until_ms = clock_monotonic_ms() + (wait_ms > 0 ? (uint64_t)wait_ms : 0);

	guichet_request_start(request);
	while (request->state != REQUEST_DONE && request->guichet != NULL) {
		guichet_step(request->guichet);
		uint64_t now_ms = clock_monotonic_ms();
		if (request->state == REQUEST_DONE || (wait_ms >= 0 && now_ms >= until_ms))
			return;
		wait_for_event(request->guichet, wait_ms < 0 ? -1 : (int)(until_ms - now_ms));
	}
}

enum guichet_error
guichet_request_wait(struct guichet_request *request)
{
	guichet_request_wait_ms(request, -1);
	return request->error;
}
