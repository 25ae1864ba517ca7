/* SPDX-License-Identifier: Apache-2.0
 *
 * One table says which files are published and how large each may be. */
#include "server/publications.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"
#include "server/settings.h"

/* Certificates and keys of the office: a handful each. */
#define TRUST_MAX ((size_t)1024 * 1024)

static const struct row {
	const char *name;
	size_t size_max;
	bool is_made_here; /* by the running server */
	bool is_operators; /* nobody else has it */
} rows[] = {
	{ CAMPAIGN_FILE, LIMIT_JSON_FILE, false, true },
	{ CATALOGUE_FILE, LIMIT_JSON_FILE, false, true },
	{ "ca.pem", TRUST_MAX, false, false },
	{ "crl.pem", PUBLICATION_CRL_MAX, true, false },
	{ "tls.pem", TRUST_MAX, false, false },
	{ "log.vkey", TRUST_MAX, false, false },
};

#define ROWS_COUNT (sizeof rows / sizeof rows[0])

struct content {
	unsigned references;
	size_t size;
	uint8_t *bytes;
};

struct publications {
	unsigned references;
	struct content *files[ROWS_COUNT];
};

/* Takes bytes from malloc, also when it fails. */
static struct content *
content_take(uint8_t *bytes, size_t size)
{
	struct content *content = malloc(sizeof *content);

	if (content == NULL) {
		free(bytes);
		return NULL;
	}
	*content = (struct content){ 1, size, bytes };
	return content;
}

struct content *
content_create(struct slice bytes)
{
	uint8_t *copy = malloc(bytes.size + 1);

	if (copy == NULL)
		return NULL;
	if (bytes.size != 0)
		memcpy(copy, bytes.data, bytes.size);
	return content_take(copy, bytes.size);
}

struct content *
content_hold(struct content *content)
{
	content->references++;
	return content;
}

void
content_release(struct content *content)
{
	if (content == NULL)
		return;
	check(content->references > 0);
	if (--content->references > 0)
		return;
	free(content->bytes);
	free(content);
}

struct slice
content_bytes(const struct content *content)
{
	return slice_of(content->bytes, content->size);
}

static size_t
row_find(struct slice name)
{
	size_t i = 0;

	while (i < ROWS_COUNT && !slice_equal_text(name, rows[i].name))
		i++;
	return i;
}

size_t
publications_size_max(const char *name)
{
	size_t row = row_find(slice_of_text(name));
	return row == ROWS_COUNT ? 0 : rows[row].size_max;
}

static bool
row_path(char path[PATH_SIZE], const char *directory, const struct row *row)
{
	char within[64];

	settings_path(within, sizeof within, PUBLIC_DIRECTORY, row->name);
	settings_path(path, PATH_SIZE, directory, within);
	return access(path, F_OK) == 0 || errno != ENOENT;
}

/* All that the operator has to put back is told at once. */
static enum error
check_operators(const char *directory, struct arena *arena, struct fault *fault)
{
	char path[PATH_SIZE], place[ROWS_COUNT * PATH_SIZE];
	size_t size = 0;
	struct slice copy = SLICE_EMPTY;

	for (const struct row *row = rows; row < rows + ROWS_COUNT; row++)
		if (row->is_operators && !row_path(path, directory, row))
			size += (size_t)snprintf(place + size, sizeof place - size, "%s%s", size == 0 ? "" : " and ",
			    path);
	if (size == 0)
		return ERROR_NONE;
	if (!arena_copy(arena, slice_of(place, size), &copy))
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	*fault = (struct fault){ ERROR_file_unreadable, copy, slice_of_text(strerrordesc_np(ENOENT)),
		SLICE_LITERAL("the operator's own, put back from a copy; if never changed, from " PUBLIC_DIRECTORY
			      " of an office that guichetd init makes elsewhere in the campaign's year") };
	return fault->error;
}

static enum error
read_row(const char *directory, const struct row *row, struct arena *arena, struct content **out, struct fault *fault)
{
	char path[PATH_SIZE];
	uint8_t *bytes;
	size_t size;

	bool is_there = row_path(path, directory, row);
	enum error error = settings_read_bytes(path, row->size_max, arena, &bytes, &size, fault);
	if (error != ERROR_NONE && row->is_made_here && !is_there) {
		*out = content_create(SLICE_EMPTY);
		return *out == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;
	}
	if (error != ERROR_NONE)
		return error;
	*out = content_take(bytes, size);
	return *out == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;
}

enum error
publications_load(const char *directory, const struct publications *previous, struct arena *arena,
    struct publications **out, struct fault *fault)
{
	struct publications *publications = calloc(1, sizeof *publications);
	enum error error =
	    publications == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    check_operators(directory, arena, fault);

	if (publications != NULL)
		publications->references = 1;
	for (size_t i = 0; i < ROWS_COUNT && error == ERROR_NONE; i++)
		if (previous != NULL && rows[i].is_made_here)
			publications->files[i] = content_hold(previous->files[i]);
		else
			error = read_row(directory, &rows[i], arena, &publications->files[i], fault);
	if (error != ERROR_NONE) {
		publications_release(publications);
		return error;
	}
	*out = publications;
	return ERROR_NONE;
}

struct publications *
publications_hold(struct publications *publications)
{
	publications->references++;
	return publications;
}

void
publications_release(struct publications *publications)
{
	if (publications == NULL)
		return;
	check(publications->references > 0);
	if (--publications->references > 0)
		return;
	for (size_t i = 0; i < ROWS_COUNT; i++)
		content_release(publications->files[i]);
	free(publications);
}

bool
publications_find(const struct publications *publications, struct slice name, struct slice *bytes)
{
	size_t row = row_find(name);

	if (row == ROWS_COUNT)
		return false;
	*bytes = content_bytes(publications->files[row]);
	return true;
}

void
publications_set(struct publications *publications, const char *name, struct content *content)
{
	size_t row = row_find(slice_of_text(name));

	check(row < ROWS_COUNT);
	content_hold(content);
	content_release(publications->files[row]);
	publications->files[row] = content;
}
