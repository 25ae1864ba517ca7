/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of the register that guichetd import taxpayers reads: what it says, or where it is wrong. */
#ifndef GUICHET_IMPORT_LINE_H
#define GUICHET_IMPORT_LINE_H

#include "protocol/campaign.h"
#include "server/store/records.h"

/* The longest line, its end included. */
#define IMPORT_LINE_MAX ((size_t)4096)

/* What is wrong with a line. Nothing of what stands there: it is personal. */
struct import_fault {
	size_t column; /* in characters, from 1: where the field begins, or the line has one too many or ends */
	const char *field; /* its name; "line" for the line as a whole */
	const char *expected;
};

/* Reads a taxpayer out of `line`, at most IMPORT_LINE_MAX bytes without the line's end, which is changed and borrowed
 * by *out; *where is the household's place then, for who finds that it takes no more. False with the first fault
 * otherwise. */
must_check bool import_line_read(char *line, size_t size, const struct campaign *campaign, struct rec_taxpayer *out,
    struct import_fault *where);
/* The column behind those bytes. */
size_t import_line_column(struct slice before);
/* Could it be a line of column names, and no taxpayer's? */
bool import_line_is_header(struct slice line);

#endif
