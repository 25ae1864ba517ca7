/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers that guichetd is compared with, each started in a directory of its own with a configuration made for the
 * comparison: TLS 1.3 only, suites and key as guichetd has them, no resumption, no log of accesses, one process that
 * serves, on 127.0.0.1 at a port that was free. Nothing of theirs lies outside the directory; what they say is in
 * DIR/output.
 *
 * nginx: what receiving alone costs. It keeps connections open without end and takes POST /file; the body is read whole
 * into memory (ngx_http_mirror_module waits for it; `return` by itself would answer at the head and throw the body
 * away), then a constant text of answer_size bytes is the answer. The body is never looked at, nor kept. No plainer
 * directive reads a body; a location that only returns the text, and so reads none before it answers, costs at most
 * 1 us less of the 10 us of CPU that a request on a connection kept alive takes, and on a new one, which takes 300 us,
 * the difference cannot be told.
 *
 * redis: what receiving and keeping costs. Every write is in its append-only file and synced before it is answered
 * (appendfsync always), many at a time when many came at once. No snapshots, no rewriting of that file. */
#ifndef GUICHET_PEER_H
#define GUICHET_PEER_H

#include "bench/process.h"

enum peer_kind { PEER_NGINX, PEER_REDIS };

/* nginx reads a text of its configuration into a buffer of 4 KiB. */
#define PEER_ANSWER_MAX ((size_t)4000)

struct peer_plan {
	const char *directory; /* there, and empty or of an earlier peer of the kind; paths must do without " \ $ */
	const char *certificate_path, *key_path; /* PEM */
	const cpu_set_t *cpus; /* as in struct process_plan */
	size_t connections_max;
	size_t body_max; /* nginx: a longer one is refused (413) */
	size_t answer_size; /* nginx: at most PEER_ANSWER_MAX */
	struct arena *arena; /* for texts of faults; outlives the peer */
};

struct peer {
	uint16_t port;
	struct process *process; /* process_account, family_find(process_id) */
};

/* Where Debian has it. */
const char *peer_program(enum peer_kind kind);

/* Starts it and waits until it takes connections. ERROR_file_unreadable when it is not installed (fault.expected: the
 * Debian package) or a file of the plan is not there; ERROR_usage when the plan cannot be followed; else as
 * process_start and process_await_port, with nothing left running. */
must_check enum error peer_start(
    enum peer_kind kind, const struct peer_plan *plan, struct peer *out, struct fault *fault);
/* Orderly, within a few seconds. */
struct process_end peer_stop(struct peer *peer);

#endif
