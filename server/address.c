/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules, and the one place that knows how an IPv4 address is mapped. */
#include "server/address.h"

#include <arpa/inet.h>
#include <string.h>

/* ::ffff:0:0/96. */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool
address_is_v4(const uint8_t address[ADDRESS_SIZE])
{
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

bool
address_is_same(const uint8_t a[ADDRESS_SIZE], const uint8_t b[ADDRESS_SIZE])
{
	return address_is_v4(a) ? memcmp(a, b, ADDRESS_SIZE) == 0 : slice_equal(address_network(a), address_network(b));
}

void
address_map_v4(const void *v4, uint8_t out[ADDRESS_SIZE])
{
	memcpy(out, mapped, sizeof mapped);
	memcpy(out + sizeof mapped, v4, ADDRESS_SIZE - sizeof mapped);
}

bool
address_parse(const char *text, uint8_t out[ADDRESS_SIZE])
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) != 1)
		return inet_pton(AF_INET6, text, out) == 1;
	address_map_v4(&v4, out);
	return true;
}
