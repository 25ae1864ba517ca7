/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading a snapshot and counting who holds it. */
#include "server/office.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/check.h"
#include "server/authority.h"
#include "server/publications.h"
#include "server/settings.h"

#define OFFICE_ARENA ((size_t)4 * 1024 * 1024)

static enum error
read_public(const char *directory, const char *name, struct arena *arena, struct slice *out, struct fault *fault)
{
	char path[PATH_SIZE];
	char within[64];

	settings_path(within, sizeof within, PUBLIC_DIRECTORY, name);
	settings_path(path, sizeof path, directory, within);
	return settings_read_file(path, publications_size_max(name), arena, out, fault);
}

enum error
office_load(const char *directory, const struct office *instruments, struct arena *arena, struct office **out,
    struct fault *fault)
{
	struct office *office = calloc(1, sizeof *office);
	struct slice campaign, catalogue;
	enum error error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);

	if (office == NULL)
		return error;
	*office = *instruments;
	office->references = 1;
	office->has_kept_year = false;
	publications_hold(office->publications);
	office->catalogue = NULL;
	office->arena = arena_create(OFFICE_ARENA);
	if (office->arena == NULL)
		goto failed;
	error = read_public(directory, CAMPAIGN_FILE, arena, &campaign, fault);
	if (error == ERROR_NONE)
		error = read_public(directory, CATALOGUE_FILE, arena, &catalogue, fault);
	if (error != ERROR_NONE)
		goto failed;
	if (campaign_parse(campaign, office->arena, &office->campaign, fault) != ERROR_NONE) {
		error = settings_name_file(CAMPAIGN_FILE, arena, fault);
		goto failed;
	}
	if (catalogue_parse(catalogue, arena, &office->catalogue, fault) != ERROR_NONE) {
		error = settings_name_file(CATALOGUE_FILE, arena, fault);
		goto failed;
	}
	*out = office;
	return ERROR_NONE;

failed:
	office_release(office);
	return error;
}

/* The year in force under another name: requests under way may still file under this one. */
static enum error
refuse_name(const struct office *office, const struct office *next, struct arena *arena, struct fault *fault)
{
	char expected[160];
	const struct campaign *campaign = &office->campaign;

	snprintf(expected, sizeof expected, "%.*s while its income year is %" PRIu64, (int)campaign->name.size,
	    (const char *)campaign->name.data, campaign->income_year);
	*fault = (struct fault){ ERROR_json_malformed, SLICE_LITERAL("name"), next->campaign.name,
		slice_of_text(expected) };
	return settings_name_file(CAMPAIGN_FILE, arena, fault);
}

/* The campaign of the name in force for another year's income. */
static enum error
refuse_year(const struct office *office, const struct office *next, struct arena *arena, struct fault *fault)
{
	char year[24], expected[128];
	const struct campaign *campaign = &office->campaign;

	snprintf(year, sizeof year, "%" PRIu64, next->campaign.income_year);
	snprintf(expected, sizeof expected, "%" PRIu64 " while its name is %.*s", campaign->income_year,
	    (int)campaign->name.size, (const char *)campaign->name.data);
	*fault = (struct fault){ ERROR_json_malformed, SLICE_LITERAL("income_year"), slice_of_text(year),
		slice_of_text(expected) };
	return settings_name_file(CAMPAIGN_FILE, arena, fault);
}

enum error
office_check_next(const struct office *office, const struct office *next, struct arena *arena, struct fault *fault)
{
	struct slice key = SLICE_EMPTY, next_key = SLICE_EMPTY;

	bool has_name = slice_equal(next->campaign.name, office->campaign.name);
	bool has_year = next->campaign.income_year == office->campaign.income_year;
	if (has_name && !has_year)
		return refuse_year(office, next, arena, fault);
	if (has_year && !has_name)
		return refuse_name(office, next, arena, fault);
	bool is_published = publications_find(office->publications, SLICE_LITERAL(AUTHORITY_VKEY_FILE), &key) &&
	    publications_find(next->publications, SLICE_LITERAL(AUTHORITY_VKEY_FILE), &next_key);
	check(is_published);
	if (slice_equal(next_key, key))
		return ERROR_NONE;
	*fault = (struct fault){ ERROR_store_damaged, SLICE_EMPTY, next_key, key };
	return settings_name_file(AUTHORITY_VKEY_FILE, arena, fault);
}

enum error
office_reload(const char *directory, const struct office *office, struct arena *arena, struct office **out,
    struct fault *fault)
{
	struct office instruments = *office, *next;
	enum error error =
	    publications_load(directory, office->publications, arena, &instruments.publications, fault);

	if (error != ERROR_NONE)
		return error;
	error = office_load(directory, &instruments, arena, &next, fault);
	publications_release(instruments.publications); /* the snapshot holds them */
	if (error != ERROR_NONE)
		return error;
	error = office_check_next(office, next, arena, fault);
	if (error == ERROR_NONE)
		*out = next;
	else
		office_release(next);
	return error;
}

struct office *
office_hold(struct office *office)
{
	office->references++;
	return office;
}

void
office_release(struct office *office)
{
	if (office == NULL)
		return;
	check(office->references > 0);
	if (--office->references > 0)
		return;
	if (office->catalogue != NULL)
		catalogue_destroy(office->catalogue);
	publications_release(office->publications);
	arena_destroy(office->arena);
	free(office);
}
