/* SPDX-License-Identifier: Apache-2.0
 *
 * Where requests come in, and their answers go out: which of them become jobs (job.h: decoded, decided, committed), and
 * what is said to the others. Every request is answered exactly once, unless its asker has gone or a failed commit ends
 * the process. */
#ifndef GUICHET_DISPATCH_H
#define GUICHET_DISPATCH_H

#include "protocol/frame.h"
#include "server/arrival.h"
#include "server/commit.h"

struct dispatch;

/* Who asks: embedded in the session. */
struct dispatch_asker {
	uint8_t address[16];
	uint8_t channel_binding[32];
	struct holder holder; /* set by a log-in */
	/* One answer; the frame's body is borrowed for the call. */
	void (*answer)(struct dispatch_asker *asker, const struct frame *answer);
};

/* One operation's handler. */
struct dispatch_handler {
	enum operation_number operation;
	decide decide;
};

/* What is said of each answer in the log. */
struct dispatch_event {
	const struct operation *operation; /* NULL: unknown */
	enum error error, cause; /* as told, and as it was here */
	bool has_stored; /* what is durable now */
	const uint8_t *correlation; /* CORRELATION_SIZE bytes */
	uint64_t received_ms;
	const uint8_t *address; /* of who asked, 16 bytes; NULL: nobody did, or is gone */
};

struct dispatch_config {
	struct store *store;
	struct commit *commit;
	struct office *office;                   /* a reference is taken */
	const struct dispatch_handler *handlers; /* ended by a NULL decide; one for each operation (checked) */
	size_t jobs_max;                         /* requests under way, beyond which the answer is busy */
	uint64_t busy_after_ms;                  /* waited so long, a request is not begun (admission.h) */
	uint64_t enrolments_per_second;          /* taken however busy the server is; others when it is not */
	size_t waiting_max;                      /* of them, of one address, waiting for each other: likewise */
	uint64_t promised_max;                   /* bytes of the disk, to all decisions under way: room.h */
	uint64_t retry_after_ms;                 /* said with busy */
	uint64_t (*wall_ms)(void *context);
	void (*answered)(void *context, const struct dispatch_event *event);
	void (*crl_changed)(void *context); /* a revocation is durable */
	/* Something stored could not be read, which and why (view_cause): for the log. The request was answered
	 * `internal`. */
	void (*damaged)(void *context, enum error error, const char *cause, const uint8_t *correlation);
	void *context;
};

must_check struct dispatch *dispatch_create(const struct dispatch_config *config);
/* No job may be under way. */
void dispatch_destroy(struct dispatch *dispatch);

/* Who waited longer than is good is told busy before anything else is done for it: consultation first, filings last;
 * enrolment has a budget of its own. Whose deadline has passed is not begun; what is begun here is finished. */
void dispatch_submit(struct dispatch *dispatch, struct dispatch_asker *asker, const struct frame *request,
    const struct arrival *arrival);
/* A request that the session itself refuses (frame errors, a stream in use). The fault is borrowed for the call. */
void dispatch_refuse(struct dispatch *dispatch, struct dispatch_asker *asker, const struct frame *request,
    const struct fault *fault);
/* A decision of the office's own, for nobody: a step of sweeping, for instance. Its request is NULL. What cannot be
 * done now is left to the next call, and so is all of it while the work that this handler began before is under way.
 * It is none of the requests of jobs_max. */
void dispatch_work(struct dispatch *dispatch, decide handler, uint64_t now_ms);
/* The asker is gone: what is under way for it runs to its end and is not answered. */
void dispatch_forget(struct dispatch *dispatch, struct dispatch_asker *asker);

/* Requests that come from now on see this office. */
void dispatch_set_office(struct dispatch *dispatch, struct office *office);
/* From now on every new request is answered server_stopping. */
void dispatch_stop(struct dispatch *dispatch);
size_t dispatch_jobs(const struct dispatch *dispatch);

#endif
