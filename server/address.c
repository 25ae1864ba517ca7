/* SPDX-License-Identifier: Apache-2.0
 *
 * The two rules. */
#include "server/address.h"

#include <string.h>

static bool
address_is_v4(const uint8_t address[ADDRESS_SIZE])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, mapped, sizeof mapped) == 0;
}

struct slice
address_party(const uint8_t address[ADDRESS_SIZE])
{
	return slice_of(address, address_is_v4(address) ? ADDRESS_SIZE : 8);
}

struct slice
address_network(const uint8_t address[ADDRESS_SIZE])
{
	return slice_of(address, address_is_v4(address) ? 0 : 6);
}
