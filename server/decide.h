/* SPDX-License-Identifier: Apache-2.0
 *
 * A decision: (context, view, request) -> effects. It sees no socket, no frame and no database, and reads no clock and
 * no randomness of its own, so every rule of the law is a plain unit test and a replay is exact.
 *
 * Handlers are straight-line code. Whatever they read may answer "again"; then they return AGAIN and are run once more
 * from the top when it is there. All memory is the decision's arena. */
#ifndef GUICHET_DECIDE_H
#define GUICHET_DECIDE_H

#include "protocol/key.h"
#include "protocol/message.h"
#include "protocol/rules.h"
#include "server/office.h"
#include "server/store/keys.h"
#include "server/view.h"

/* Who the connection speaks for. role is ROLE_NOBODY before log-in. */
struct holder {
	enum role role;
	uint8_t serial[SERIAL_SIZE];
	bool has_person; /* a taxpayer: person is the keyed hash of the SPI */
	struct keyed person;
};

/* All that a decision knows besides records. */
struct context {
	/* The loop's clock at the wake-up that read the request's last byte: seconds since 1970, and the
	 * milliseconds that they were cut from, for what has to be kept in order. */
	uint64_t now, now_ms;
	const struct office *office;
	struct holder holder;
	uint8_t address[16];
	uint8_t channel_binding[32];
	uint8_t random[64]; /* drawn once for each request */
	/* What this run is told if it writes: ERROR_NONE, or ERROR_disk_full or ERROR_busy for want of room. For who
	 * must not go on where nothing could be noted: every other finds out when it is decided. */
	enum error room;
};

/* ---- effects ---- */

/* A record to be stored. Encoded only when the batch is sealed, so that bound fields (below) are known by then. */
struct effect_put {
	struct effect_put *next;
	struct slice key;
	const struct record *record; /* NULL: remove the key */
	const void *value;
};

/* Bytes to be archived; their place is written as 24 bytes into each slice bound to it. */
struct effect_blob {
	struct effect_blob *next;
	struct slice bytes;
	enum retention_class class;
	struct blob_ref ref; /* when sealed */
};

/* A leaf for the log: its data are `body`, kept in `archive`. */
struct effect_leaf {
	struct effect_leaf *next;
	struct slice body;
	struct effect_blob *archive;
	uint64_t *index; /* set when sealed; may be NULL */
	uint64_t *batch; /* likewise: size of the tree before the batch */
	struct slice *proof; /* set when durable: the tlog-proof; may be NULL */
};

/* One of several reasons to refuse. */
struct effect_reason {
	struct effect_reason *next;
	struct fault fault;
};

struct effects {
	struct effect_put *puts;
	struct effect_blob *blobs;
	struct effect_leaf *leaves;
	bool logs_in;         /* the connection speaks for `holder` from now on */
	struct holder holder;
	bool changes_crl;
	bool keeps_year; /* the campaign's year is put on record */
	bool has_more; /* of the office's own work: this step was full, and another may follow at once */
	bool failed; /* memory was short while effects were noted */

	/* The answer: a struct of the operation's answer record, unless refusal says otherwise. */
	void *answer;
	struct fault refusal; /* error ERROR_NONE: accepted */
	struct msg_finding *findings;
	size_t findings_count;
	struct effect_reason *reasons; /* noted so far; all of the refusal, the first included */
	uint64_t retry_after_ms;
};

/* One run. */
struct decision {
	const struct context *context;
	struct view *view;
	struct arena *arena;
	struct effects *effects;
	struct verified **verified; /* signatures verified by earlier runs, in `kept` */
	struct arena *kept; /* outlives the run, as `arena` does not: it ends with the request */
};

enum outcome {
	DECIDED,
	AGAIN,
	PROCEED, /* of a stage within a handler: go on to the next */
};

/* A handler (never PROCEED). `request` is the operation's decoded request struct; the answer struct is
 * effects->answer, zeroed. */
typedef enum outcome (*decide)(struct decision *decision, const void *request);

/* ---- what handlers call ---- */

/* Refuses: drops all effects and noted reasons so far, tells error, place, value (borrowed from the arena or request)
 * and expectation. */
must_check enum outcome refuse(struct decision *decision, enum error error);
must_check enum outcome refuse_with(struct decision *decision, const struct fault *fault);
must_check enum outcome refuse_value(struct decision *decision, enum error error, const char *place, struct slice value,
    struct slice expected);
/* Notes a reason to refuse and goes on, so that others are found as well; refuse_noted refuses with all of them, the
 * first before the others. PROCEED when none was noted. */
void refuse_later(struct decision *decision, enum error error, const char *place, struct slice value,
    struct slice expected);
void refuse_later_with(struct decision *decision, const struct fault *fault);
must_check enum outcome refuse_noted(struct decision *decision);
/* For what another record refers to and so has to be there: PROCEED when it was found, AGAIN, or refused as damage of
 * the store. */
must_check enum outcome decision_need(struct decision *decision, enum view_state state);
/* Texts in the arena; empty when it is full. decision_text cuts at 1,023 bytes. */
struct slice decision_hex(struct decision *decision, struct slice bytes);
struct slice decision_utc(struct decision *decision, uint64_t time);
struct slice decision_text(struct decision *decision, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Effects are noted in the arena. When it is full they are dropped and the decision fails as a whole with
 * ERROR_out_of_memory, so handlers need not look. */
void effects_put(struct decision *decision, struct slice key, const struct record *record, const void *value);
void effects_remove(struct decision *decision, struct slice key);
/* The record's encoding as a blob of that class; `bound` (may be NULL) becomes its 24 bytes. */
struct effect_blob *effects_archive(struct decision *decision, enum retention_class class, const struct record *record,
    const void *value, struct slice *bound);
struct effect_blob *effects_blob(
    struct decision *decision, enum retention_class class, struct slice bytes, struct slice *bound);
struct effect_leaf *effects_leaf(struct decision *decision, struct slice body, struct effect_blob *archive);

/* key_verify, remembered between the runs of one request. */
must_check enum error decision_verify(struct decision *decision, const struct key_public *key, struct slice message,
    struct slice signature);
/* The keyed hash that stands for a tax number, and for other words by their domain. */
struct keyed decision_person(const struct decision *decision, struct slice spi);
struct keyed decision_keyed(const struct decision *decision, const char *domain, struct slice word);


#endif
