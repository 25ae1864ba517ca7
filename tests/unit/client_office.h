/* SPDX-License-Identifier: Apache-2.0
 *
 * An office for the client's tests: a listener on a port that the system chose, TLS, and a script that says what
 * becomes of each request. Stepped in turns with the client, in one thread, so that every test sees the same order of
 * events. */
#ifndef GUICHET_CLIENT_OFFICE_H
#define GUICHET_CLIENT_OFFICE_H

#include "tests/unit/unit.h"

#include "client/trust.h"
#include "protocol/frame.h"
#include "protocol/message.h"
#include "protocol/net/stream.h"

#define OFFICE_ORIGIN "test.example/1"

struct office;

/* What becomes of a request other than hello (which is answered by itself unless the script takes it). */
enum verdict {
	VERDICT_DONE, /* the script has answered, or never will */
	VERDICT_HELLO, /* answer as an office does */
	VERDICT_DROP, /* cut the connection */
};
typedef enum verdict office_script(struct office *office, const struct frame *request);

struct office {
	int listener, fd; /* fd -1: nobody is connected */
	char address[32];
	struct stream *stream;
	bool established;
	struct buf *input, *output;
	office_script *script;
	const char *origin;
	unsigned connections, requests; /* hello is not counted */
	unsigned busy_hellos;		/* so many hellos are refused, for busy_ms each */
	uint64_t busy_ms;
	uint64_t frame_body_max, streams_max, documents_max, return_size_max, part_size_max; /* what hello says */
	uint64_t returns_total_max, manifest_size_max;                                       /* likewise */
	bool is_older; /* hello says nothing of the limits that have keys from 12 on */
	void *context; /* the script's */
	EVP_PKEY *log_key;
	struct guichet_trust trust; /* what a client of this office loads */
};

/* Group set-up and tear-down are those of stream_pair.h. */
void office_open(struct office *office, office_script *script);
void office_close(struct office *office);
/* Cuts the connection without a word. */
void office_drop(struct office *office);
void office_step(struct office *office);
/* Steps client and office by turns until the request is done; fails the test when that takes ten seconds. */
void office_run(struct office *office, struct guichet_request *request);

/* Answers a request with the struct of its operation's answer (correlation is filled in), or refuses it. */
void office_answer(struct office *office, const struct frame *request, void *answer);
void office_refuse(struct office *office, const struct frame *request, enum error error, uint64_t retry_after_ms);
/* Decodes a request into the arena; fails the test when it is malformed. */
void *office_decode(const struct frame *request, struct arena *arena);

/* An identity with a certificate that the test made for itself, serial number 16 times `byte`, SPI 3023217600053. */
struct guichet_identity *office_identity(uint8_t byte);

#endif
