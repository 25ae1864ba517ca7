/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of all known boxes, as it is delivered: for commands that need no office. */
#ifndef GUICHET_KNOWN_CATALOGUE_H
#define GUICHET_KNOWN_CATALOGUE_H

#include "protocol/bytes.h"

/* JSON, as catalogue_parse reads it. Constant. */
struct slice known_catalogue(void);

#endif
