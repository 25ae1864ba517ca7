/* SPDX-License-Identifier: Apache-2.0
 *
 * The delivered catalogue, taken in by the assembler as it is. Compiled from the top of the tree. */
#include "client/cli/known_catalogue.h"

extern const uint8_t known_catalogue_begin[], known_catalogue_end[];

__asm__(".pushsection .rodata\n"
	"known_catalogue_begin:\n"
	".incbin \"server/data/catalogue.json\"\n"
	"known_catalogue_end:\n"
	".popsection\n");

struct slice
known_catalogue(void)
{
	return slice_of(known_catalogue_begin, (size_t)(known_catalogue_end - known_catalogue_begin));
}
