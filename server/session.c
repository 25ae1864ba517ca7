/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams in use, answers ready, and the bounds on both. */
#include "server/session.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "server/dispatch.h"

struct session {
	struct dispatch_asker asker; /* first: answers come back through it */
	struct dispatch *dispatch;
	struct session_peer peer;
	struct buf *answers;
	uint32_t streams[LIMIT_STREAMS];
	size_t streams_count;
	size_t promised; /* bytes that the answers to come may have beside what is small */
};

/* What the answer to come may have that is not small: pages of files and of documents. Everything else a connection's
 * streams can have together is little. */
static size_t
answer_promise(uint16_t op)
{
	const struct operation *operation = operation_find(op);
	size_t promise = 0;

	if (operation == NULL)
		return 0;
	const struct record *answer = operation->answer();
	for (size_t i = 0; i < answer->fields_count; i++)
		if (answer->fields[i].type == FIELD_BYTES && answer->fields[i].max >= LIMIT_PART_SIZE)
			promise += (size_t)answer->fields[i].max;
	return promise;
}

static void
session_answer(struct dispatch_asker *asker, const struct frame *answer)
{
	struct session *session = (struct session *)asker;

	for (size_t i = 0; i < session->streams_count; i++)
		if (session->streams[i] == answer->stream) {
			session->streams[i] = session->streams[--session->streams_count];
			session->promised -= answer_promise(answer->op);
			break;
		}
	frame_put(session->answers, answer);
	session->peer.answered(session->peer.context);
}

/* Refusing leaves the stream's real owner, if there is one, unanswered still. */
static void
session_refuse(struct dispatch_asker *asker, const struct frame *answer)
{
	struct session *session = (struct session *)asker;

	frame_put(session->answers, answer);
	session->peer.answered(session->peer.context);
}

struct session *
session_create(struct dispatch *dispatch, const struct session_peer *peer)
{
	struct session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return NULL;
	/* Bounded by session_wants_more: whatever is admitted has room for its answer. */
	session->answers = buf_create((size_t)LIMIT_ANSWERS_QUEUED + (size_t)LIMIT_STREAMS * 2 * LIMIT_FRAME_BODY);
	if (session->answers == NULL) {
		free(session);
		return NULL;
	}
	session->dispatch = dispatch;
	session->peer = *peer;
	session->asker.answer = session_answer;
	session->asker.holder.role = ROLE_NOBODY;
	memcpy(session->asker.address, peer->address, sizeof peer->address);
	memcpy(session->asker.channel_binding, peer->channel_binding, sizeof peer->channel_binding);
	return session;
}

void
session_destroy(struct session *session)
{
	if (session == NULL)
		return;
	dispatch_forget(session->dispatch, &session->asker);
	buf_destroy(session->answers);
	free(session);
}

static bool
session_has_stream(const struct session *session, uint32_t stream)
{
	for (size_t i = 0; i < session->streams_count; i++)
		if (session->streams[i] == stream)
			return true;
	return false;
}

void
session_refuse_frame(struct session *session, const struct frame *frame, const struct fault *fault)
{
	session->asker.answer = session_refuse;
	dispatch_refuse(session->dispatch, &session->asker, frame, fault);
	session->asker.answer = session_answer;
}

/* May this request be begun, as far as a session knows? */
static enum error
session_check(const struct session *session, const struct frame *frame, struct number_fault *fault)
{
	if (frame_check_request(frame, fault) != ERROR_NONE)
		return fault->fault.error;
	if (session_has_stream(session, frame->stream))
		return number_fault_set(fault, ERROR_stream_in_use, "frame.stream", frame->stream,
		    "the stream of no request that waits for its answer");
	if (session->streams_count == LIMIT_STREAMS)
		return number_fault_set(fault, ERROR_busy, "requests unanswered", session->streams_count,
		    "fewer than %zu of a connection", (size_t)LIMIT_STREAMS);
	return ERROR_NONE;
}

void
session_receive(struct session *session, const struct frame *frame, const struct arrival *arrival)
{
	struct number_fault fault;

	if (session_check(session, frame, &fault) != ERROR_NONE) {
		session_refuse_frame(session, frame, &fault.fault);
		return;
	}
	session->streams[session->streams_count++] = frame->stream;
	session->promised += answer_promise(frame->op);
	dispatch_submit(session->dispatch, &session->asker, frame, arrival);
}

struct buf *
session_answers(struct session *session)
{
	return session->answers;
}

size_t
session_unanswered(const struct session *session)
{
	return session->streams_count;
}

bool
session_wants_more(const struct session *session)
{
	return session->streams_count < LIMIT_STREAMS &&
	    buf_size(session->answers) + session->promised < LIMIT_ANSWERS_QUEUED;
}
