/* SPDX-License-Identifier: Apache-2.0
 *
 * An office as it stands late in its life: millions in the register, a million filings stored. Made once, over the wire
 * by the real server, so that every record is what it would be: some of the corpus's holders file, and rectify, and
 * rectify again; the others are left for the measurement.
 *
 *   DIR/growth/p256/...   as prepare.h has it, with a larger register
 *   DIR/growth/filled     there once all filings are stored */
#ifndef GUICHET_BENCH_GROWTH_H
#define GUICHET_BENCH_GROWTH_H

#include "bench/prepare.h"
#include "bench/stage.h"

/* Holders who file over and over, how often, and those left. */
#define GROWTH_HOLDERS ((size_t)100000)
#define GROWTH_TIMES ((size_t)10)
#define GROWTH_LEFT ((size_t)20000)
#define GROWTH_TAXPAYERS ((size_t)5000000)

/* Makes it, unless it is there; `plan` as for the corpora, its directory the one that gets "growth". */
must_check enum error growth_prepare(const struct prepare_plan *plan, struct fault *fault);

#endif
