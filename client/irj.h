/* SPDX-License-Identifier: Apache-2.0
 *
 * Return documents out of an .irj file: returns of the public test base of the income tax, one after another. Reads
 * text, hands out text; opens no file. */
#ifndef GUICHET_IRJ_H
#define GUICHET_IRJ_H

#include "protocol/catalogue.h"

struct irj_options {
	const struct catalogue *catalogue; /* says which box holds a date, a real number, a donation */
	uint64_t income_year;              /* of the documents made */
	bool names_beneficiaries;          /* give donations that need one a generated beneficiary, marked as such */
};

/* Takes one document, JSON with a newline at its end, valid during the call; `number` counts from 1. An error ends
 * the reading and is returned. */
struct irj_sink {
	enum error (*take)(void *context, size_t number, struct slice document, struct fault *fault);
	void *context;
};

/* Reads every return of `text`, which must be well formed to its last line: sections in their order, each return
 * ended by "##". Entries whose code is a digit and two characters are boxes, all others are skipped. Amounts lose a
 * ".0", dates get their eight digits. The day of a marriage, divorce or death keeps its distance from the income
 * year (ANREV) of its return, so that an event of that year stays one. Everything else stays as it is, right or
 * wrong: to judge it is the rules' work. ERROR_file_unreadable with "line 3, column 5" as the place in *fault when the
 * file is not of this format. The arena holds what the reading needs and the texts of *fault. */
must_check enum error irj_read(struct slice text, const struct irj_options *options, struct irj_sink sink,
    struct arena *arena, struct fault *fault);

/* An arena of so many bytes is enough. */
#define IRJ_ARENA_SIZE ((size_t)512 * 1024)

#endif
