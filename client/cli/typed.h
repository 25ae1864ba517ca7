/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person typed for the place of a problem: `enrol_request.email` is `--email`, "line 5" of the manifest is
 * `--replaces`, the document `2042#2` is the path that was given for it. One table, typed.def. */
#ifndef GUICHET_CLI_TYPED_H
#define GUICHET_CLI_TYPED_H

#include "protocol/bytes.h"

struct cli;

/* An option, an argument as the usage names it, or a path as it was typed; with *is_typed false what this program made
 * of them, in words. NULL for a place that is none of the wire's: is_told says that the office named it, which may call
 * a field by its own name alone. Lives as long as the command line and cli->filing. */
const char *typed_find(const struct cli *cli, struct slice place, bool is_told, bool *is_typed);

#endif
