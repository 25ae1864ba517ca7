/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue of all known boxes, protocol/data/catalogue.json, carried in the programs: what `guichetd init` writes
 * and what `guichet convert` goes by when no office is at hand. Not part of libguichet. */
#ifndef GUICHET_DEFAULT_CATALOGUE_H
#define GUICHET_DEFAULT_CATALOGUE_H

#include "protocol/bytes.h"

/* The file's bytes, for as long as the program runs. */
struct slice default_catalogue(void);

#endif
