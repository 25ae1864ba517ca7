/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of bytes. */
#include "server/room.h"

#include "protocol/check.h"

uint64_t
room_promised_max(uint64_t reserve)
{
	check(reserve >= ROOM_RESERVE_MIN);
	return reserve - STORE_FLOOR;
}

enum error
room_ask(const struct room *room, const struct operation *operation, uint64_t wanted)
{
	enum store_purpose purpose = operation->is_vital ? STORE_VITAL : STORE_ORDINARY;

	if (wanted == 0)
		return ERROR_NONE;
	if (store_space_left(room->store, purpose) <= room->promised + wanted)
		return ERROR_disk_full;
	if (!operation->is_vital && room->promised != 0 && room->promised + wanted > room->promised_max)
		return ERROR_busy;
	return ERROR_NONE;
}

void
room_promise(struct room *room, uint64_t before, uint64_t now)
{
	check(room->promised >= before);
	room->promised += now - before;
}
