/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers, and the check digits of a tax number. */
#include "bench/people.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/check.h"

/* Tax numbers of people begin here; the first digit is 1, since few real ones are that low. */
#define SPI_FIRST UINT64_C(1000000001)

void
people_facts(uint64_t nth, struct people_facts *out)
{
	uint64_t ten = SPI_FIRST + nth;

	check(nth < UINT64_C(2000000000));
	snprintf(out->spi, sizeof out->spi, "%010" PRIu64 "%03" PRIu64, ten, ten % 511);
	snprintf(out->birth_name, sizeof out->birth_name, "CONTRIBUABLE %" PRIu64, nth);
	snprintf(out->filer_number, sizeof out->filer_number, "%07" PRIu64, nth * 7919 % 10000000);
	snprintf(out->reference_income, sizeof out->reference_income, "%" PRIu64, 10000 + nth * 104729 % 60000);
	snprintf(out->email, sizeof out->email, "contribuable-%" PRIu64 "@example.org", nth);
}

enum error
people_write_register(const char *path, uint64_t count, struct fault *fault)
{
	FILE *file = fopen(path, "w");
	bool is_good = file != NULL;

	if (is_good)
		fputs("spi,birth_name,first_names,filer_number,reference_income,department,household,family_change\n",
		    file);
	for (uint64_t nth = 0; is_good && nth < count; nth++) {
		struct people_facts facts;
		people_facts(nth, &facts);
		is_good = fprintf(file, "%s,%s,Essai,%s,%s,%02" PRIu64 ",H%" PRIu64 ",0\n", facts.spi, facts.birth_name,
		    facts.filer_number, facts.reference_income, 1 + nth % 19, nth) > 0;
	}
	if (file != NULL && fclose(file) != 0)
		is_good = false;
	return is_good ? ERROR_NONE :
			 fault_set(fault, ERROR_file_unreadable, path, slice_of_text(strerror(errno)),
			     "room to write it");
}
