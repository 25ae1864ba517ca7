/* SPDX-License-Identifier: Apache-2.0
 *
 * A bucket that fills with time, and three limits. */
#include "server/admission.h"

/* Adds the budget of the milliseconds that have passed, in thousandths of an enrolment; never more than a second's. */
static void
budget_fill(struct admission *admission, uint64_t now_ms)
{
	uint64_t full = 1000 * admission->enrolments_per_second;
	uint64_t passed_ms = now_ms - admission->filled_ms;

	/* A clock that was set back has passed no time. */
	if (now_ms < admission->filled_ms)
		passed_ms = 0;
	admission->filled_ms = now_ms;
	admission->left = passed_ms >= 1000 ? full : admission->left + passed_ms * admission->enrolments_per_second;
	if (admission->left > full)
		admission->left = full;
}

static bool
budget_take(struct admission *admission, uint64_t now_ms)
{
	budget_fill(admission, now_ms);
	if (admission->left < 1000)
		return false;
	admission->left -= 1000;
	return true;
}

/* Did a filing wait longer than busy_after_ms / ADMISSION_CROWD_PART within the last ADMISSION_CROWD_MS? */
static bool
is_crowded(const struct admission *admission, uint64_t now_ms)
{
	return now_ms - admission->crowd_ms < ADMISSION_CROWD_MS;
}

bool
admission_grants(struct admission *admission, const struct operation *operation, uint64_t now_ms, uint64_t waited_ms)
{
	uint64_t busy_after_ms = admission->busy_after_ms;

	if (!operation->writes)
		return waited_ms <= busy_after_ms / ADMISSION_READ_PART;
	if (operation->number == OPERATION_enrol && budget_take(admission, now_ms))
		return true;
	if (operation->number == OPERATION_enrol && is_crowded(admission, now_ms))
		return false;
	if (operation->number != OPERATION_enrol && waited_ms > busy_after_ms / ADMISSION_CROWD_PART)
		admission->crowd_ms = now_ms;
	return waited_ms <= busy_after_ms / ADMISSION_WRITE_PART;
}
