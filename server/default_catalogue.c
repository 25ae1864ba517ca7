/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivered catalogue, taken in by the assembler as it is. Compiled from the top of the tree. */
#include "server/default_catalogue.h"

extern const uint8_t catalogue_begin[], catalogue_end[];

__asm__(".pushsection .rodata\n"
        "catalogue_begin:\n"
        ".incbin \"server/data/catalogue.json\"\n"
        "catalogue_end:\n"
        ".popsection\n");

struct slice
default_catalogue(void)
{
	return slice_of(catalogue_begin, (size_t)(catalogue_end - catalogue_begin));
}
