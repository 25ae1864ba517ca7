/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of all known boxes, server/data/catalogue.json, carried in the program: what `guichetd init` writes. */
#ifndef GUICHET_DEFAULT_CATALOGUE_H
#define GUICHET_DEFAULT_CATALOGUE_H

#include "protocol/bytes.h"

/* The file's bytes, for as long as the program runs. */
struct slice default_catalogue(void);

#endif
