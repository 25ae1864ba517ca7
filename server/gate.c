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

void
refuse_certificate(struct decision *decision, const struct rec_certificate *certificate, enum error error)
{
	struct slice value = decision_hex(decision, certificate->serial);
	struct slice now = decision_utc(decision, decision->context->now);
	struct slice since = decision_utc(decision,
	    certificate->has_revoked_at ? certificate->revoked_at : certificate->not_before);
	struct slice until = decision_utc(decision, certificate->not_after);

	refuse_later(decision, error, "serial", value,
	    error == ERROR_certificate_revoked ?
		decision_text(decision, "a certificate in force; this one is revoked since %.*s", (int)since.size,
		    (const char *)since.data) :
		decision_text(decision, "a certificate in force at %.*s; this one is valid from %.*s to %.*s",
		    (int)now.size,
		    (const char *)now.data, (int)since.size, (const char *)since.data, (int)until.size,
		    (const char *)until.data));
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
	/* What needs no log-in does not get worse by one: a filing sent again gets its receipt over any connection. */
	if ((operation->roles & ROLE_NOBODY) != 0)
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
	if (error == ERROR_NONE)
		return GATE_OPEN;
	refuse_certificate(decision, &certificate, error);
	(void)!refuse_noted(decision);
	return GATE_REFUSED;
}
