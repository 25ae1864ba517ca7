/* SPDX-License-Identifier: Apache-2.0
 *
 * A campaign read from JSON, and what it says of a department. */
#include "protocol/campaign.h"

#include <string.h>

#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/time.h"

/* More than there are. */
#define DEPARTMENTS_MAX ((size_t)256)
/* As long as the authority that issues them lasts. */
#define CERTIFICATE_YEARS_MAX 10

/* ---- reading ---- */

static enum error
refuse(struct fault *fault, const char *place, struct slice value, const char *expected)
{
	return fault_set(fault, ERROR_json_malformed, place, value, expected);
}

static struct slice
found_in(const struct json *object, const char *name)
{
	return json_show(json_find(object, name));
}

struct day_member {
	const struct json *in;
	const char *name;
	uint64_t *start, *end; /* of that day; the end is the first second after it */
};

/* Returns are taken from before each deadline until after it: otherwise one of the days is a slip. */
static enum error
deadlines_check(const struct json *deadlines, const struct campaign *campaign, struct fault *fault)
{
	const struct {
		const char *name, *place;
		uint64_t at;
	} all[] = {
		{ "A", "deadlines.A", campaign->deadline_a },
		{ "B", "deadlines.B", campaign->deadline_b },
		{ "C", "deadlines.C", campaign->deadline_c },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct slice text = json_find_text(deadlines, all[i].name);
		if (all[i].at <= campaign->opens_at)
			return refuse(fault, all[i].place, text, "a day not before \"opens\"");
		if (all[i].at > campaign->closes_at)
			return refuse(fault, all[i].place, text, "a day not after \"closes\"");
	}
	return ERROR_NONE;
}

static enum error
days_parse(const struct json *root, struct campaign *out, struct fault *fault)
{
	static const char *const zones[] = { "A", "B", "C", NULL };
	const struct json *deadlines = json_find(root, "deadlines");
	struct slice unknown;
	uint64_t not_asked;
	const struct day_member days[] = {
		{ root, "opens", &out->opens_at, &not_asked },
		{ root, "closes", &not_asked, &out->closes_at },
		{ deadlines, "A", &not_asked, &out->deadline_a },
		{ deadlines, "B", &not_asked, &out->deadline_b },
		{ deadlines, "C", &not_asked, &out->deadline_c },
	};
	for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
		struct slice text = json_find_text(days[i].in, days[i].name);
		unsigned year, month, day;
		if (!time_parse_date(text, &year, &month, &day) ||
		    !time_paris_day(year, month, day, days[i].start, days[i].end))
			return refuse(fault, days[i].name, found_in(days[i].in, days[i].name), "a day, \"2026-05-28\"");
	}
	if (!json_has_only(deadlines, zones, &unknown))
		return refuse(fault, "deadlines", unknown, "A, B and C");
	if (out->opens_at >= out->closes_at)
		return refuse(fault, "closes", json_find_text(root, "closes"), "a day not before \"opens\"");
	return deadlines_check(deadlines, out, fault);
}

/* Two or three digits or capital letters. */
static bool
code_is_department(struct slice code)
{
	for (size_t i = 0; i < code.size; i++) {
		uint8_t byte = code.data[i];
		if (!((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z')))
			return false;
	}
	return code.size == 2 || code.size == 3;
}

static enum error
departments_parse(const struct json *json, struct arena *arena, struct campaign *out, struct fault *fault)
{
	static const char *const zones[] = { [ZONE_A] = "A", [ZONE_B] = "B", [ZONE_C] = "C", [ZONE_NONE] = "none",
		NULL };
	struct campaign_department *departments;
	struct slice unknown = json_show(json);

	if (json == NULL || json->type != JSON_OBJECT || !json_has_only(json, zones, &unknown))
		return refuse(fault, "departments", unknown, "an object of A, B, C and none");
	departments = arena_alloc_array(arena, DEPARTMENTS_MAX, sizeof *departments);
	if (departments == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	out->departments = departments;
	for (size_t zone = 0; zones[zone] != NULL; zone++) {
		const struct json *codes = json_find(json, zones[zone]);
		if (codes == NULL || codes->type != JSON_ARRAY ||
		    codes->count > DEPARTMENTS_MAX - out->departments_count)
			return refuse(fault, "departments", slice_of_text(zones[zone]),
			    "a list for each zone, at most 256 codes in all");
		for (const struct json *code = codes->first; code != NULL; code = code->next) {
			if (code->type != JSON_STRING || !code_is_department(code->text))
				return refuse(fault, "departments", json_show(code),
				    "two or three digits or capital letters");
			if (campaign_has_department(out, code->text))
				return refuse(fault, "departments", code->text, "each department once");
			departments[out->departments_count++] =
			    (struct campaign_department){ code->text, (enum zone)zone };
		}
	}
	return ERROR_NONE;
}

/* Joins the paragraphs of the contract with empty lines between. */
static enum error
contract_parse(const struct json *contract, struct arena *arena, struct campaign *out, struct fault *fault)
{
	static const char *const members[] = { "version", "certificate_years", "text", NULL };
	const struct json *text = json_find(contract, "text");
	struct slice unknown;
	size_t size = 0, used = 0;

	out->contract = json_find_text(contract, "version");
	if (out->contract.size == 0 || out->contract.size > LIMIT_LABEL)
		return refuse(fault, "contract.version", found_in(contract, "version"), "a text of 1 to 64 bytes");
	if (!json_has_only(contract, members, &unknown))
		return refuse(fault, "contract", unknown, "known members only");
	if (!json_find_uint(contract, "certificate_years", CERTIFICATE_YEARS_MAX, &out->certificate_years) ||
	    out->certificate_years == 0)
		return refuse(fault, "contract.certificate_years", found_in(contract, "certificate_years"),
		    "a whole number of years, 1 to 10");
	if (text == NULL || text->type != JSON_ARRAY || text->count == 0)
		return refuse(fault, "contract.text", json_show(text), "a list of paragraphs");
	for (const struct json *p = text->first; p != NULL; p = p->next) {
		if (p->type != JSON_STRING)
			return refuse(fault, "contract.text", json_show(p), "a list of paragraphs");
		size += p->text.size + 2;
	}
	if (size > LIMIT_CONTRACT_TEXT)
		return refuse(fault, "contract.text", json_show(text),
		    "at most 65536 bytes, two after each paragraph included");
	uint8_t *joined = arena_alloc(arena, size);
	if (joined == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	for (const struct json *p = text->first; p != NULL; p = p->next) {
		if (used != 0) {
			memcpy(joined + used, "\n\n", 2);
			used += 2;
		}
		if (p->text.size != 0)
			memcpy(joined + used, p->text.data, p->text.size);
		used += p->text.size;
	}
	out->contract_text = slice_of(joined, used);
	return ERROR_NONE;
}

/* Letters, digits and '-': the name stands in manifests. */
static bool
name_is_word(struct slice name)
{
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.data[i], lower = c | 0x20;
		if (!((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return name.size != 0 && name.size <= LIMIT_LABEL;
}

enum error
campaign_parse(struct slice text, struct arena *arena, struct campaign *out, struct fault *fault)
{
	static const char *const members[] = { "type", "name", "income_year", "opens", "closes", "deadlines",
		"departments", "contract", NULL };
	const struct json_limits limits = { LIMIT_JSON_FILE, 1000, 4 };
	const struct json *root;
	struct slice unknown;
	enum error error = json_parse(text, &limits, arena, &root, fault);

	*out = (struct campaign){ .income_year = 0 };
	if (error != ERROR_NONE)
		return error;
	if (!slice_equal_text(json_find_text(root, "type"), "guichet-campaign"))
		return refuse(fault, "type", found_in(root, "type"), "\"guichet-campaign\"");
	if (!json_has_only(root, members, &unknown))
		return refuse(fault, "campaign", unknown, "known members only");
	out->name = json_find_text(root, "name");
	if (!name_is_word(out->name))
		return refuse(fault, "name", found_in(root, "name"), "1 to 64 letters, digits and '-'");
	if (!json_find_uint(root, "income_year", 9998, &out->income_year) || out->income_year < 1970)
		return refuse(fault, "income_year", found_in(root, "income_year"), "a year from 1970 to 9998");
	error = days_parse(root, out, fault);
	if (error == ERROR_NONE)
		error = departments_parse(json_find(root, "departments"), arena, out, fault);
	if (error != ERROR_NONE)
		return error;
	return contract_parse(json_find(root, "contract"), arena, out, fault);
}

/* ---- asking ---- */

static const struct campaign_department *
department_find(const struct campaign *campaign, struct slice code)
{
	for (size_t i = 0; i < campaign->departments_count; i++)
		if (slice_equal(campaign->departments[i].code, code))
			return &campaign->departments[i];
	return NULL;
}

bool
campaign_has_department(const struct campaign *campaign, struct slice code)
{
	return department_find(campaign, code) != NULL;
}

uint64_t
campaign_deadline(const struct campaign *campaign, struct slice code)
{
	const struct campaign_department *department = department_find(campaign, code);
	uint64_t latest = campaign->deadline_a;

	switch (department == NULL ? ZONE_NONE : department->zone) {
	case ZONE_A:
		return campaign->deadline_a;
	case ZONE_B:
		return campaign->deadline_b;
	case ZONE_C:
		return campaign->deadline_c;
	case ZONE_NONE:
		break;
	}
	latest = campaign->deadline_b > latest ? campaign->deadline_b : latest;
	return campaign->deadline_c > latest ? campaign->deadline_c : latest;
}
