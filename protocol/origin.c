/* SPDX-License-Identifier: Apache-2.0
 *
 * One rule for whoever makes, keeps or reads an origin. */
#include "protocol/origin.h"

bool
origin_valid(struct slice origin)
{
	for (size_t i = 0; i < origin.size; i++)
		if (origin.data[i] <= ' ' || origin.data[i] > '~' || origin.data[i] == '+')
			return false;
	return origin.size >= 1 && origin.size <= LIMIT_ORIGIN;
}
