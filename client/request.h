/* SPDX-License-Identifier: Apache-2.0
 *
 * A request, inside the library. The connection (connection.c) moves it from state to state; its kind says what to send
 * next. A plain request is one message; the others are tables of functions. */
#ifndef GUICHET_REQUEST_H
#define GUICHET_REQUEST_H

#include <guichet/guichet.h>

#include "protocol/arena.h"
#include "protocol/message.h"

enum request_state {
	REQUEST_NEW,     /* fields may be set */
	REQUEST_QUEUED,  /* to be sent as soon as the connection is ready */
	REQUEST_SENT,    /* an answer is due by due_at_ms */
	REQUEST_WAITING, /* to be queued at due_at_ms */
	REQUEST_DONE,
};

/* What a request of several messages does. All may be NULL, then nothing is done. */
struct request_kind {
	/* The connection was lost: begin with the first message again. */
	void (*restart)(struct guichet_request *request);
	/* Sets operation and message, allocated from request->sending, for the next frame. An error ends the
	 * request; the function has put it into request->problem. */
	enum guichet_error (*prepare)(struct guichet_request *request);
	/* Reads request->answer. *more: another message follows. Errors as above. */
	enum guichet_error (*answered)(struct guichet_request *request, bool *more);
	/* The server refused a message: true to begin again, which counts as one more attempt. Asked once a refusal. */
	bool (*recovers)(struct guichet_request *request, enum guichet_error error);
	/* Frees `work`. */
	void (*release)(void *work);
};

struct guichet_request {
	struct guichet *guichet; /* NULL once that is destroyed */
	struct guichet_request *next;
	const struct request_kind *kind;
	void *work; /* the kind's own */
	enum request_state state;

	const struct operation *operation;
	void *message;          /* struct of operation->request, in `arena` or `sending` */
	struct arena *arena;    /* lives as long as the request */
	struct arena *sending;  /* reset before each prepare */
	struct arena *receiving; /* reset before each answer */
	void *answer;           /* struct of operation->answer, in `receiving`; NULL: none */

	uint32_t stream;
	uint64_t due_at_ms;
	unsigned attempts; /* sendings that failed */
	uint64_t progress, progress_total;

	enum guichet_error error;
	struct guichet_problem *problem;
	bool notified;
	guichet_on_done *on_done;
	void *on_done_context;
};

/* A request for the operation that has `kind` and owns `work` (release is called for it also on failure). */
must_check enum guichet_error request_create(struct guichet *guichet, enum operation_number operation,
    const struct request_kind *kind, void *work, struct guichet_request **out, struct guichet_problem *problem);
/* Decodes an answer's body, which is copied, into request->answer; ERROR_answer_malformed otherwise. */
must_check enum guichet_error request_read_answer(struct guichet_request *request, struct slice body);
/* Ends it; the error stands in request->problem already. */
void request_finish(struct guichet_request *request, enum guichet_error error);
/* Allocates the message of that operation in `sending`. ERROR_out_of_memory. */
must_check enum guichet_error request_new_message(struct guichet_request *request, enum operation_number operation);

#endif
