/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a suite: each makes runs of one kind of key, and figures of those that are valid. What all of them share
 * stands first. */
#ifndef GUICHET_BENCH_STEPS_H
#define GUICHET_BENCH_STEPS_H

#include "bench/suite.h"

/* "WHAT KIND", in the suite's arena. */
const char *steps_name(const struct suite *suite, const char *what, enum results_kind kind);
/* How long a run is measured. */
uint64_t steps_measured_ns(const struct suite *suite);
double steps_p99_ms(const struct stage_result *run);
/* Ends a run and says how it went; NULL for one that is not valid: no figure is made of that. */
struct stage_result *steps_end(struct results_run *run);

/* ---- guichetd; steps.c ---- */

must_check enum error steps_floor(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_resident(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_latency70(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_overload(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_last_evening(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_evening(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_enrol(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_mixed(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_idle(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_growth(struct suite *suite, enum results_kind kind, struct fault *fault);

/* ---- the peers with the same payload, the disk alone; steps_peer.c ---- */

must_check enum error steps_redis(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_nginx(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_nginx_idle(struct suite *suite, enum results_kind kind, struct fault *fault);
must_check enum error steps_disk(struct suite *suite, enum results_kind kind, struct fault *fault);

#endif
