/* SPDX-License-Identifier: Apache-2.0
 *
 * Every operation's handler, one file a subject. A new operation is a row in messages.def, a decision in one of these
 * files, a row in services.c and its test. */
#ifndef GUICHET_SERVICES_H
#define GUICHET_SERVICES_H

#include "server/decide.h"
#include "server/dispatch.h"

/* The table for dispatch, ended by a NULL decide. */
const struct dispatch_handler *services_table(void);

/* The office's own steps of sweeping, one of each a tick (dispatch_work); ended by NULL. */
const decide *services_sweeps(void);

#define HANDLER(operation) enum outcome decide_##operation(struct decision *decision, const void *request)

HANDLER(hello);
HANDLER(login);
HANDLER(publication);
HANDLER(log_checkpoint);
HANDLER(log_inclusion);
HANDLER(log_consistency);
HANDLER(log_tile);
HANDLER(enrol);
HANDLER(issue);
HANDLER(revoke);
HANDLER(file);
HANDLER(upload);
HANDLER(part);
HANDLER(filings);
HANDLER(receipt);
HANDLER(filing);
HANDLER(document);

#endif
