/* SPDX-License-Identifier: Apache-2.0
 *
 * What a corpus was made of, in lines "name value" in a file beside it, so that one which is no longer what a plan
 * would make is not taken for it:
 *
 *   count, taxpayers   numbers
 *   kind               rsa3072 or p256
 *   returns            SHA-256 of the .irj file, or "generated"
 *   guichetd           version
 *   campaign, log      SHA-256 of what the office publishes: campaign.json, log.vkey */
#ifndef GUICHET_BENCH_RECORD_H
#define GUICHET_BENCH_RECORD_H

#include "bench/prepare.h"
#include "protocol/digest.h"

#define RECORD_SIZE_MAX ((size_t)4096)
/* In the corpus's directory. */
#define RECORD_FILE "corpus.record"

/* What the plan would make, with the office that is there now; ended by NUL. ERROR_file_unreadable when the file of
 * returns cannot be read. */
must_check enum error record_make(const struct prepare_plan *plan, char out[RECORD_SIZE_MAX], struct fault *fault);
/* What stands beside the corpus; "" when nothing does. */
void record_read(const struct prepare_plan *plan, char out[RECORD_SIZE_MAX]);
must_check enum error record_write(const struct prepare_plan *plan, const char *record, struct fault *fault);
/* The value behind a name, in `out`; "" when there is none. */
void record_value(const char *record, const char *name, char *out, size_t out_size);

#define RECORD_DIGEST_SIZE ((size_t)2 * DIGEST_SIZE + 1)
/* The file's SHA-256 in hexadecimal; false, with errno, when it cannot be read. */
must_check bool record_digest_file(const char *path, char out[RECORD_DIGEST_SIZE]);

#endif
