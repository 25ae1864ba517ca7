/* SPDX-License-Identifier: Apache-2.0
 *
 * Roles and the state of the certificate behind a logged-in connection. */
#include "server/gate.h"

enum error
certificate_status(const struct rec_certificate *certificate, uint64_t now)
{
	if (certificate->has_revoked_at)
		return ERROR_certificate_revoked;
	if (now < certificate->not_before)
		return ERROR_certificate_not_yet_valid;
	if (now > certificate->not_after)
		return ERROR_certificate_expired;
	return ERROR_NONE;
}

static enum gate_result
gate_refuse(struct decision *decision, enum error error)
{
	(void)!refuse(decision, error);
	return GATE_REFUSED;
}

enum gate_result
gate_check(struct decision *decision, const struct operation *operation)
{
	const struct holder *holder = &decision->context->holder;
	struct rec_certificate certificate;
	struct slice key;

	if ((operation->roles & holder->role) == 0)
		return gate_refuse(decision, holder->role == ROLE_NOBODY ? ERROR_login_required : ERROR_role_refused);
	if (holder->role == ROLE_NOBODY)
		return GATE_OPEN;
	key = KEY_MAKE(decision->arena, KEY_certificate, slice_of(holder->serial, sizeof holder->serial));
	switch (view_get(decision->view, key, record_certificate(), &certificate)) {
	case VIEW_AGAIN:
		return GATE_AGAIN;
	case VIEW_ABSENT:
		return gate_refuse(decision, ERROR_certificate_unknown);
	case VIEW_FOUND:
		break;
	}
	enum error error = certificate_status(&certificate, decision->context->now);
	return error == ERROR_NONE ? GATE_OPEN : gate_refuse(decision, error);
}
