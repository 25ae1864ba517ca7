/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands for a network address wherever something is counted for it. */
#ifndef GUICHET_ADDRESS_H
#define GUICHET_ADDRESS_H

#include "protocol/bytes.h"

#define ADDRESS_SIZE ((size_t)16)

/* All of an IPv4 address (mapped, RFC 4291 2.5.5.2), the network of 64 bits of an IPv6 one, since a subscriber has all
 * of such a network. Borrowed from `address`. */
struct slice address_party(const uint8_t address[ADDRESS_SIZE]);

#endif
