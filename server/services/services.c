/* SPDX-License-Identifier: Apache-2.0
 *
 * Which handler decides which operation. */
#include "server/services/services.h"

#include "server/services/attempts.h"
#include "server/services/letters.h"
#include "server/services/uploads.h"

const struct dispatch_handler *
services_table(void)
{
#define ROW(operation) { OPERATION_##operation, decide_##operation }
	static const struct dispatch_handler table[] = {
		ROW(hello),
		ROW(login),
		ROW(publication),
		ROW(log_checkpoint),
		ROW(log_inclusion),
		ROW(log_consistency),
		ROW(log_tile),
		ROW(enrol),
		ROW(issue),
		ROW(revoke),
		ROW(file),
		ROW(upload),
		ROW(part),
		ROW(filings),
		ROW(receipt),
		ROW(filing),
		ROW(document),
		{ 0, NULL },
	};
#undef ROW
	return table;
}

const decide *
services_sweeps(void)
{
	static const decide sweeps[] = { decide_upload_sweep, decide_attempts_sweep, decide_letter_sweep, NULL };
	return sweeps;
}
