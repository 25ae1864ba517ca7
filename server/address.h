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
/* The network of 48 bits that an IPv6 address is in: the most that a subscriber has (RFC 6177), with 65,536 parties of
 * its own. Empty for an IPv4 one. Borrowed likewise. */
struct slice address_network(const uint8_t address[ADDRESS_SIZE]);
/* Are both one subscriber's, as far as can be known: the same network, or the same IPv4 address? */
bool address_is_same(const uint8_t a[ADDRESS_SIZE], const uint8_t b[ADDRESS_SIZE]);
/* The address of a text without port, IPv4 mapped; false when it is none. */
must_check bool address_parse(const char *text, uint8_t out[ADDRESS_SIZE]);
/* An IPv4 address, 4 bytes in network order, mapped. */
void address_map_v4(const void *v4, uint8_t out[ADDRESS_SIZE]);

#endif
