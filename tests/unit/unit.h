/* SPDX-License-Identifier: Apache-2.0
 *
 * What every unit test includes first: cmocka and the headers it asks for. */
#ifndef GUICHET_UNIT_H
#define GUICHET_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
