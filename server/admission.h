/* SPDX-License-Identifier: Apache-2.0
 *
 * Which requests are begun when more come than can be answered in time. Decided by how long a request may have waited
 * already, before it is decoded and long before its signature is verified, so that saying busy costs a small part of
 * what answering would. Consultation gives way first, filings last.
 *
 * Enrolment has a budget of its own: making certificates is the costliest thing a crowd can ask for, and was what gave
 * way in the campaign of 2005. So many a second are taken however busy the server is, and more only while no filing
 * waits.
 *
 * Arithmetic on times. */
#ifndef GUICHET_ADMISSION_H
#define GUICHET_ADMISSION_H

#include "protocol/message.h"

/* Waited longer than this part of busy_after_ms, and it is not begun: a request that writes, and one that reads. */
#define ADMISSION_WRITE_PART 1U
#define ADMISSION_READ_PART 2U
/* Filings wait, and enrolments beyond the budget give way, for so long after one has waited for this part. */
#define ADMISSION_CROWD_PART 16U
#define ADMISSION_CROWD_MS 1000U

/* Zeroed but for the first two before first use. */
struct admission {
	uint64_t busy_after_ms;
	uint64_t enrolments_per_second;
	uint64_t left;      /* of the budget, in thousandths of an enrolment */
	uint64_t filled_ms; /* when that was so */
	uint64_t crowd_ms;  /* when a filing last had to wait */
};

/* Is this request begun? An enrolment that is, is taken off the budget. now_ms: wall clock. */
must_check bool admission_grants(struct admission *admission, const struct operation *operation, uint64_t now_ms,
    uint64_t waited_ms);

#endif
