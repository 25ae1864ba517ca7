/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivered catalogue; its bytes are made into numbers by the Makefile. */
#include "protocol/default_catalogue.h"

struct slice
default_catalogue(void)
{
	static const uint8_t bytes[] = {
#include "protocol/data/catalogue.json.inc"
	};
	return slice_of(bytes, sizeof bytes);
}
