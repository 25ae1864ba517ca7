/* SPDX-License-Identifier: Apache-2.0
 *
 * What the office writes to taxpayers by e-mail, in French. */
#ifndef GUICHET_SERVICES_LETTERS_H
#define GUICHET_SERVICES_LETTERS_H

struct letter {
	const char *requirement; /* why it is sent, "A5" */
	const char *subject, *text;
};

enum letter_kind { LETTER_CERTIFICATE_REPLACED };

const struct letter *letter_of(enum letter_kind kind);

#endif
