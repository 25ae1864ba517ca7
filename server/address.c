/* SPDX-License-Identifier: Apache-2.0
 *
 * The one rule. */
#include "server/address.h"

#include <string.h>

struct slice
address_party(const uint8_t address[ADDRESS_SIZE])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool is_v4 = memcmp(address, mapped, sizeof mapped) == 0;

	return slice_of(address, is_v4 ? ADDRESS_SIZE : 8);
}
