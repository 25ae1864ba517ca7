/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a frame, read and written; nothing here looks into a body. */
#include "protocol/frame.h"

#include "protocol/check.h"

/* The length field itself is not counted by the length. */
#define LENGTH_SIZE ((size_t)4)
#define LENGTH_MIN (FRAME_HEADER_SIZE - LENGTH_SIZE)

enum { AT_LENGTH = 0, AT_OP = 4, AT_FLAGS = 6, AT_STATUS = 8, AT_STREAM = 12 };

/* Whether what stands in the header is allowed; the length is judged elsewhere. */
static bool
header_valid(const struct frame *frame)
{
	if ((frame->flags & ~(unsigned)FRAME_ANSWER) != 0)
		return false;
	return (frame->flags & FRAME_ANSWER) != 0 || frame->status == 0;
}

enum error
frame_peek(struct slice bytes, size_t body_max, struct frame *frame, size_t *size)
{
	*frame = (struct frame){ 0 };
	*size = 0;
	if (bytes.size < LENGTH_SIZE)
		return ERROR_NONE;
	uint32_t length = bytes_peek_u32(bytes.data + AT_LENGTH);
	bool whole_header = bytes.size >= FRAME_HEADER_SIZE;
	if (whole_header) {
		frame->op = bytes_peek_u16(bytes.data + AT_OP);
		frame->flags = bytes_peek_u16(bytes.data + AT_FLAGS);
		frame->status = bytes_peek_u32(bytes.data + AT_STATUS);
		frame->stream = bytes_peek_u32(bytes.data + AT_STREAM);
	}
	if (length < LENGTH_MIN)
		return ERROR_frame_malformed;
	if (length - LENGTH_MIN > body_max)
		return ERROR_frame_too_large;
	if (whole_header && !header_valid(frame))
		return ERROR_frame_malformed;
	if (bytes.size - LENGTH_SIZE < length)
		return ERROR_NONE;
	*size = LENGTH_SIZE + length;
	frame->body = slice_of(bytes.data + FRAME_HEADER_SIZE, *size - FRAME_HEADER_SIZE);
	return ERROR_NONE;
}

enum error
frame_check_request(const struct frame *frame, struct number_fault *fault)
{
	if (frame->flags != 0)
		return number_fault_set(fault, ERROR_frame_malformed, "frame.flags", frame->flags, "0 in a request");
	if (frame->status != 0)
		return number_fault_set(fault, ERROR_frame_malformed, "frame.status", frame->status, "0 in a request");
	return ERROR_NONE;
}

enum error
frame_peek_request(
    struct slice bytes, size_t body_max, struct frame *frame, size_t *size, struct number_fault *fault)
{
	enum error error = frame_peek(bytes, body_max, frame, size);
	uint32_t length = bytes.size < LENGTH_SIZE ? LENGTH_MIN : bytes_peek_u32(bytes.data + AT_LENGTH);

	if (length < LENGTH_MIN || error == ERROR_frame_too_large)
		return number_fault_set(fault, error, "frame.length", length,
		    "%zu to %zu: %zu and a body of at most %zu", LENGTH_MIN, LENGTH_MIN + body_max, LENGTH_MIN,
		    body_max);
	error = frame_check_request(frame, fault);
	if (error != ERROR_NONE) {
		frame->body = SLICE_EMPTY;
		*size = 0;
	}
	return error;
}

static void
header_put(struct buf *buf, const struct frame *frame, size_t body_size)
{
	uint8_t header[FRAME_HEADER_SIZE];

	check(body_size <= UINT32_MAX - LENGTH_MIN);
	check(header_valid(frame));
	bytes_poke_u32(header + AT_LENGTH, (uint32_t)(LENGTH_MIN + body_size));
	bytes_poke_u16(header + AT_OP, frame->op);
	bytes_poke_u16(header + AT_FLAGS, frame->flags);
	bytes_poke_u32(header + AT_STATUS, frame->status);
	bytes_poke_u32(header + AT_STREAM, frame->stream);
	buf_put(buf, slice_of(header, sizeof header));
}

void
frame_put(struct buf *buf, const struct frame *frame)
{
	header_put(buf, frame, frame->body.size);
	buf_put(buf, frame->body);
}

size_t
frame_begin(struct buf *buf, const struct frame *frame)
{
	size_t at = buf_size(buf);
	header_put(buf, frame, 0);
	return at;
}

void
frame_end(struct buf *buf, size_t at)
{
	uint8_t length[LENGTH_SIZE];

	/* A failed buffer may not even hold the header. */
	if (!buf_ok(buf))
		return;
	check(at <= buf_size(buf) && buf_size(buf) - at >= FRAME_HEADER_SIZE);
	size_t size = buf_size(buf) - at - LENGTH_SIZE;
	check(size <= UINT32_MAX);
	bytes_poke_u32(length, (uint32_t)size);
	buf_poke(buf, at + AT_LENGTH, slice_of(length, sizeof length));
}
