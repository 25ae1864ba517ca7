/* SPDX-License-Identifier: Apache-2.0
 *
 * The taxpayers of a corpus: numbered, each a household of one, their facts made from the number, so that a register of
 * any size and the requests of its people agree without either being kept. They are visibly nobody. */
#ifndef GUICHET_BENCH_PEOPLE_H
#define GUICHET_BENCH_PEOPLE_H

#include "protocol/bytes.h"
#include "protocol/error.h"

struct people_facts {
	char spi[16], birth_name[32], filer_number[16], reference_income[16], email[48];
};

/* nth from 0 to below 2 thousand million. */
void people_facts(uint64_t nth, struct people_facts *out);
/* Writes a register of `count` for guichetd import taxpayers. ERROR_file_unreadable. */
must_check enum error people_write_register(const char *path, uint64_t count, struct fault *fault);

#endif
