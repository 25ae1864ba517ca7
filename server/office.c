/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading a snapshot and counting who holds it. */
#include "server/office.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/check.h"
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

/* A fault in a file says in which: "campaign.json, byte 17". Its texts are copied, since they may live in memory that
 * goes with the office. */
static enum error
name_file(const char *name, struct arena *arena, struct fault *fault)
{
	char place[256];
	int size = snprintf(place, sizeof place, "%s%s%.*s", name, fault->place.size != 0 ? ", " : "",
	    (int)(fault->place.size < 128 ? fault->place.size : 128), (const char *)fault->place.data);

	if (!arena_copy(arena, slice_of(place, (size_t)size), &fault->place) ||
	    !arena_copy(arena, fault->value, &fault->value) || !arena_copy(arena, fault->expected, &fault->expected))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	return fault->error;
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
		error = name_file(CAMPAIGN_FILE, arena, fault);
		goto failed;
	}
	if (catalogue_parse(catalogue, &office->catalogue, fault) != ERROR_NONE) {
		error = name_file(CATALOGUE_FILE, arena, fault);
		goto failed;
	}
	*out = office;
	return ERROR_NONE;

failed:
	office_release(office);
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
