/* SPDX-License-Identifier: Apache-2.0
 *
 * struct guichet, shared by the two files that are about it, and what requests need of it. */
#ifndef GUICHET_CONNECTION_H
#define GUICHET_CONNECTION_H

#include <guichet/guichet.h>

#include "client/request.h"

/* Waiting: hello or log-in was refused for now and is to be said again. */
enum phase { PHASE_IDLE, PHASE_CONNECTING, PHASE_HELLO, PHASE_LOGIN, PHASE_WAITING, PHASE_READY };

struct guichet {
	const struct guichet_trust *trust;
	const struct guichet_identity *identity;
	char *address, *host, *port; /* as given, and its parts */

	struct link *link; /* NULL when idle */
	enum phase phase;
	uint64_t phase_due_ms;   /* of the phases before ready: when they are given up; of waiting: its end */
	uint64_t connect_at_ms;  /* not before */
	unsigned failures;       /* connections lost since one was ready */
	unsigned refusals;       /* of hello and log-in since both were accepted */
	bool logged_in;

	struct guichet_request *requests; /* all that are not destroyed, in order of creation */
	size_t sent_count;
	size_t dropped_count; /* destroyed on this link while under way: their answers are still to come */
	uint32_t stream_last;
	struct buf *body; /* of the message being encoded */

	struct arena *hello_arena, *login_arena;
	struct msg_hello_answer hello;
	struct msg_login_answer login;
	bool has_hello, has_login;

	struct guichet_problem *problem; /* why the connection was lost */
	unsigned attempts_max;
	uint64_t timeout_ms;
	guichet_on_retry *on_retry;
	void *on_retry_context;
};

/* Appends a new request to the connection's list; takes it out again. */
void connection_add(struct guichet *guichet, struct guichet_request *request);
void connection_remove(struct guichet *guichet, struct guichet_request *request);
const struct guichet_trust *connection_trust(const struct guichet *guichet);
/* What the server announced; there is one whenever a request is being prepared or answered. */
const struct msg_hello_answer *connection_hello(const struct guichet *guichet);

/* The first request in that state; the first that is done without its owner having been told. NULL: none. */
struct guichet_request *connection_find(const struct guichet *guichet, enum request_state state);
struct guichet_request *connection_find_unnotified(const struct guichet *guichet);
/* Can a request be sent now? */
bool connection_may_send(const struct guichet *guichet);

#endif
