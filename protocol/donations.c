/* SPDX-License-Identifier: Apache-2.0
 *
 * Donations (A13): every beneficiary is named, but for bodies of the kinds that the catalogue exempts and, up to a
 * sum, for campaign financing of parties. The donations listed have to add up to their box. */
#include <stdio.h>

#include "protocol/character.h"
#include "protocol/limits.h"
#include "protocol/manifest.h"
#include "protocol/rules_check.h"

/* Bytes of a beneficiary's name, and of an address. */
#define NAME_MAX_SIZE ((size_t)256)

/* One donation while it is checked. */
struct gift {
	struct slice document;
	char path[32]; /* "donations[3]" */
	struct gift_box *box; /* NULL: none of this document's */
	bool is_exempt;       /* its body needs no name */
	bool is_named;
};

static struct slice
gift_place(struct checker *c, const struct gift *gift, const char *member)
{
	return checker_format(c, "%s.%s", gift->path, member);
}

/* Must the beneficiaries of this box be named, and so add up to it? */
static bool
box_needs_names(const struct checker *c, const struct gift_box *box)
{
	if (box->box->donation == DONATION_CAMPAIGN)
		return c->campaign_total > catalogue_donation_free_max(c->catalogue);
	return box->box->donation == DONATION_NAMED;
}

/* ---- the members of a donation ---- */

static void
gift_box_check(struct checker *c, struct gift *gift, const struct checked_document *document, const struct json *json)
{
	const struct json *box = json_find(json, "box");
	struct gift_box *found = document->gifts;

	if (box == NULL || box->type != JSON_STRING) {
		checker_add(c, box == NULL ? RULE_member_missing : RULE_member_type, gift->document,
		    gift_place(c, gift, "box"), box == NULL ? SLICE_EMPTY : json_show(box),
		    "the code of a donation box");
		return;
	}
	while (found != NULL && !slice_equal(found->box->code, box->text))
		found = found->next;
	gift->box = found;
	if (found == NULL)
		checker_add(c, RULE_donation_box, gift->document, gift_place(c, gift, "box"), box->text,
		    "a donation box of this document");
}

static void
gift_amount_check(struct checker *c, struct gift *gift, const struct json *json)
{
	const struct json *amount = json_find(json, "amount");
	uint64_t value;

	if (json_find_uint(json, "amount", UINT32_MAX * (uint64_t)1000, &value) && value != 0) {
		if (gift->box != NULL) {
			gift->box->listed += value;
			gift->box->listed_count++;
		}
		return;
	}
	if (gift->box != NULL)
		gift->box->is_valid = false; /* the sum would only repeat this */
	checker_add(c, RULE_donation_amount, gift->document, gift_place(c, gift, "amount"),
	    amount == NULL ? SLICE_EMPTY : json_show(amount), "whole euros, 1 or more");
}

/* What a person can read, of bounded size. */
static bool
is_name(const struct json *json)
{
	return json != NULL && json->type == JSON_STRING && json->text.size <= NAME_MAX_SIZE &&
	    text_is_name(json->text);
}

static void
gift_beneficiary_check(struct checker *c, struct gift *gift, const struct json *json)
{
	static const char *const members[] = { "name", "siren", "address", NULL };
	static const char expected[] = "a name of 1 to 256 bytes, or an object with it";
	const struct json *beneficiary = json_find(json, "beneficiary"), *siren, *address;
	char path[64];

	if (beneficiary == NULL)
		return;
	gift->is_named = true; /* or a finding says why not */
	if (beneficiary->type != JSON_OBJECT) {
		if (!is_name(beneficiary))
			checker_add(c, RULE_beneficiary_invalid, gift->document, gift_place(c, gift, "beneficiary"),
			    json_show(beneficiary), expected);
		return;
	}
	snprintf(path, sizeof path, "%s.beneficiary", gift->path);
	checker_members(c, gift->document, beneficiary, path, members);
	siren = json_find(beneficiary, "siren");
	address = json_find(beneficiary, "address");
	if (!is_name(json_find(beneficiary, "name")))
		checker_add(c, RULE_beneficiary_invalid, gift->document, gift_place(c, gift, "beneficiary.name"),
		    SLICE_EMPTY, expected);
	if (siren != NULL && (siren->type != JSON_STRING || !siren_valid(siren->text)))
		checker_add(c, RULE_beneficiary_invalid, gift->document, gift_place(c, gift, "beneficiary.siren"),
		    json_show(siren), "a SIREN: 9 digits in a string, the last one the check digit");
	if (address != NULL && !is_name(address))
		checker_add(c, RULE_beneficiary_invalid, gift->document, gift_place(c, gift, "beneficiary.address"),
		    json_show(address), "a text of 1 to 256 bytes");
}

static void
gift_body_check(struct checker *c, struct gift *gift, const struct json *json)
{
	const struct json *body = json_find(json, "body");
	const char *expected = "one of";
	size_t count;
	const struct slice *bodies = catalogue_exempt_bodies(c->catalogue, &count);

	if (body == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		if (body->type == JSON_STRING && slice_equal(body->text, bodies[i]))
			gift->is_exempt = true;
	if (gift->is_exempt)
		return;
	for (size_t i = 0; i < count; i++)
		expected = checker_text(c, "%s%s %.*s", expected, i == 0 ? "" : ",", (int)bodies[i].size,
		    (const char *)bodies[i].data);
	checker_add(c, RULE_body_unknown, gift->document, gift_place(c, gift, "body"), json_show(body), expected);
}

/* ---- lists and sums ---- */

static void
gift_check(struct checker *c, const struct checked_document *document, const struct json *json, size_t index)
{
	static const char *const members[] = { "box", "amount", "beneficiary", "body", NULL };
	struct gift gift = { .document = document->label };

	snprintf(gift.path, sizeof gift.path, "donations[%zu]", index);
	if (json->type != JSON_OBJECT) {
		checker_add(c, RULE_member_type, document->label, checker_format(c, "%s", gift.path),
		    json_show(json), "an object");
		return;
	}
	checker_members(c, document->label, json, gift.path, members);
	gift_box_check(c, &gift, document, json);
	gift_amount_check(c, &gift, json);
	gift_beneficiary_check(c, &gift, json);
	gift_body_check(c, &gift, json);
	/* A party is no exempt body, whatever the donation says of itself. */
	bool is_exempt = gift.is_exempt && gift.box != NULL && gift.box->box->donation != DONATION_CAMPAIGN;
	if (gift.box != NULL && box_needs_names(c, gift.box) && !gift.is_named && !is_exempt)
		checker_add(c, RULE_donation_unnamed, document->label, gift_place(c, &gift, "beneficiary"), SLICE_EMPTY,
		    "the name of the body that received the donation");
}

static void
sum_check(struct checker *c, const struct checked_document *document, const struct gift_box *box)
{
	bool needs_names = box_needs_names(c, box);
	unsigned long long value = box->value;

	if (!box->is_valid)
		return;
	if (needs_names && box->value != 0 && box->listed_count == 0)
		checker_add(c, RULE_donation_unnamed, document->label, box->box->code, checker_format(c, "%llu", value),
		    "every beneficiary in \"donations\"");
	else if (needs_names ? box->listed != box->value : box->listed > box->value)
		checker_add(c, RULE_donation_sum, document->label, box->box->code,
		    checker_format(c, "%llu", (unsigned long long)box->listed),
		    checker_text(c, "%s%llu, the value of the box", needs_names ? "" : "at most ", value));
}

void
donations_check(struct checker *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct checked_document *document = &c->documents[i];
		size_t index = 0;
		if (document->donations != NULL && document->donations->count > LIMIT_DONATIONS) {
			checker_add(c, RULE_donations_too_many, document->label, SLICE_LITERAL("donations"),
			    checker_format(c, "%zu", document->donations->count),
			    checker_text(c, "at most %d", LIMIT_DONATIONS));
			continue;
		}
		const struct json *first = document->donations == NULL ? NULL : document->donations->first;
		for (const struct json *json = first; json != NULL; json = json->next)
			gift_check(c, document, json, index++);
		for (const struct gift_box *box = document->gifts; box != NULL; box = box->next)
			sum_check(c, document, box);
	}
}
