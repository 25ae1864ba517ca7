/* SPDX-License-Identifier: Apache-2.0
 *
 * Records by the names of their fields, inside the library. */
#ifndef GUICHET_CLIENT_RECORD_H
#define GUICHET_CLIENT_RECORD_H

#include <guichet/guichet.h>

#include "protocol/record.h"

/* The field of that name; NULL when the record has none. */
const struct field *record_find_field(const struct record *record, const char *name);
/* The public view of a struct that fits the descriptor; borrows both. */
struct guichet_record record_view(const struct record *record, const void *values);

#endif
