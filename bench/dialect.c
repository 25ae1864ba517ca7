/* SPDX-License-Identifier: Apache-2.0
 *
 * Each dialect as a row: how a request is written, how a reply is read. */
#include "bench/dialect.h"

#include <string.h>

#include "protocol/frame.h"

/* Head of an HTTP reply, and first line of a RESP one, at most. */
#define HEAD_MAX ((size_t)4096)
/* Body of a reply, at most. */
#define BODY_MAX ((uint64_t)4 * 1024 * 1024)
/* Where the stream stands in a frame. */
#define FRAME_STREAM_AT ((size_t)12)

/* ---- Guichet ---- */

static void
guichet_put(struct buf *out, uint32_t stream, uint64_t number, struct slice content)
{
	uint8_t field[4];
	size_t at = buf_size(out);

	(void)number;
	bytes_poke_u32(field, stream);
	buf_put(out, content);
	if (buf_ok(out))
		buf_poke(out, at + FRAME_STREAM_AT, slice_of(field, sizeof field));
}

static bool
guichet_peek(struct slice bytes, struct dialect_reply *reply)
{
	struct frame frame = { 0 };

	if (frame_peek(bytes, (size_t)BODY_MAX, &frame, &reply->size) != ERROR_NONE)
		return false;
	reply->status = frame.status;
	reply->stream = frame.stream;
	reply->body = frame.body;
	return true;
}

const struct dialect dialect_guichet = { "guichet", true, guichet_put, guichet_peek };

/* ---- HTTP/1.1 (RFC 9112), kept alive ---- */

static void
http_put(struct buf *out, uint32_t stream, uint64_t number, struct slice content)
{
	(void)stream;
	(void)number;
	buf_put_format(out, "POST /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", content.size);
	buf_put(out, content);
}

/* The number behind `name` in the head, 0 when it is not there. */
static uint64_t
head_number(struct slice head, const char *name)
{
	const char *at = memmem(head.data, head.size, name, strlen(name));
	uint64_t number = 0;

	if (at == NULL)
		return 0;
	for (at += strlen(name); (const uint8_t *)at < head.data + head.size && *at >= '0' && *at <= '9'; at++)
		if (number <= BODY_MAX)
			number = number * 10 + (uint64_t)(*at - '0');
	return number;
}

static bool
http_peek(struct slice bytes, struct dialect_reply *reply)
{
	const uint8_t *end = memmem(bytes.data, bytes.size, "\r\n\r\n", 4);

	if (end == NULL)
		return bytes.size < HEAD_MAX;
	struct slice head = slice_of(bytes.data, (size_t)(end - bytes.data) + 4);
	uint64_t status = head_number(head, "HTTP/1.1 "), body_size = head_number(head, "Content-Length: ");
	if (status < 100 || status > 999 || body_size > BODY_MAX)
		return false;
	if (bytes.size - head.size < body_size)
		return true;
	reply->size = head.size + (size_t)body_size;
	reply->status = status == 200 ? 0 : (uint32_t)status;
	reply->body = slice_of(bytes.data + head.size, (size_t)body_size);
	return true;
}

const struct dialect dialect_http = { "http", false, http_put, http_peek };

/* ---- RESP ---- */

/* SET, under a key of its own each time. */
static void
resp_put(struct buf *out, uint32_t stream, uint64_t number, struct slice content)
{
	(void)stream;
	buf_put_format(out, "*3\r\n$3\r\nSET\r\n$16\r\n%016llx\r\n$%zu\r\n", (unsigned long long)number, content.size);
	buf_put(out, content);
	buf_put_text(out, "\r\n");
}

static bool
resp_peek(struct slice bytes, struct dialect_reply *reply)
{
	const uint8_t *end = memmem(bytes.data, bytes.size, "\r\n", 2);

	if (end == NULL)
		return bytes.size < HEAD_MAX;
	reply->size = (size_t)(end - bytes.data) + 2;
	reply->body = slice_of(bytes.data, reply->size - 2);
	reply->status = bytes.data[0] == '+' ? 0 : 1;
	return bytes.data[0] == '+' || bytes.data[0] == '-';
}

const struct dialect dialect_resp = { "resp", false, resp_put, resp_peek };
