/* SPDX-License-Identifier: Apache-2.0
 *
 * What the office writes to taxpayers by e-mail, in French. A letter is a record in the outbox (A5). Nothing sends it:
 * no program of this repository reads the outbox or talks to a mail server. What is older than LETTER_LIFE_S is
 * forgotten, so that the outbox does not grow for ever with what would warn nobody any more. */
#ifndef GUICHET_SERVICES_LETTERS_H
#define GUICHET_SERVICES_LETTERS_H

#include "server/decide.h"

/* A notice that comes later than this warns nobody. */
#define LETTER_LIFE_S ((uint64_t)30 * 86400)
/* Letters forgotten in one step of the sweep, at most: each is read whole first, and then one removal. */
#define LETTER_SWEEP_MAX 100

enum letter_kind {
	/* To the address given with the certificate of before: whoever asked for the new one knows of it. */
	LETTER_CERTIFICATE_REPLACED,
};

/* Effect: the letter is in the outbox. `to` is borrowed; `random` are 16 bytes that tell it from others of the same
 * second. */
void letter_post(struct decision *decision, enum letter_kind kind, struct slice to, const uint8_t random[16]);

/* The office's own work (dispatch_work): a step of the sweep, which forgets letters that are too old. */
enum outcome decide_letter_sweep(struct decision *decision, const void *request);

#endif
