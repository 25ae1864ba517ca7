/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames: a fixed header of 16 bytes, then the body. All numbers big-endian:
 *
 *   0  length  u32  of what follows this field: 12 + size of the body
 *   4  op      u16  operation
 *   6  flags   u16  see below; unknown ones are refused
 *   8  status  u32  0, or the number of an error; 0 in requests
 *  12  stream  u32  chosen by the requester, repeated in the answer
 */
#ifndef GUICHET_FRAME_H
#define GUICHET_FRAME_H

#include "protocol/buf.h"
#include "protocol/error.h"

#define FRAME_HEADER_SIZE ((size_t)16)

enum frame_flag {
	FRAME_ANSWER = 1 << 0, /* set in answers, clear in requests */
};

struct frame {
	uint16_t op;
	uint16_t flags;
	uint32_t status;
	uint32_t stream;
	struct slice body;
};

/* Looks at the front of `bytes`. ERROR_NONE with *size 0: more bytes are needed. ERROR_NONE with *size > 0: one
 * whole frame of that size is there, its body borrowed from `bytes`. Otherwise ERROR_frame_malformed or
 * ERROR_frame_too_large, told as soon as the length is known; the stream cannot be read on. `frame` holds the
 * header whenever 16 bytes are there, also with an error or an incomplete body. */
must_check enum error frame_peek(struct slice bytes, size_t body_max, struct frame *frame, size_t *size);

/* The same for whoever is asked: also ERROR_frame_malformed for what is no request, as only clients send them. With an
 * error *fault says which of `frame.length`, `frame.flags` and `frame.status` it was, the number there and what it
 * should have been. */
must_check enum error frame_peek_request(
    struct slice bytes, size_t body_max, struct frame *frame, size_t *size, struct number_fault *fault);
/* Of a header alone: flags and status. */
must_check enum error frame_check_request(const struct frame *frame, struct number_fault *fault);

/* Appends a frame whose body is frame->body. */
void frame_put(struct buf *buf, const struct frame *frame);
/* For a body that is encoded in place: appends the header with the length open and returns its place, for
 * frame_end to fill in once the body stands behind it. */
size_t frame_begin(struct buf *buf, const struct frame *frame);
void frame_end(struct buf *buf, size_t at);

#endif
