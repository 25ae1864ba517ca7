/* SPDX-License-Identifier: Apache-2.0
 *
 * One text, made, kept and read again. */
#include "bench/record.h"

#include <guichet/guichet.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/path.h"
#include "protocol/check.h"
#include "protocol/digest.h"

#define PIECE_SIZE ((size_t)64 * 1024)

static void
path_of(const struct prepare_plan *plan, const char *name, char out[PATH_SIZE])
{
	path_make(out, "%s/%s/%s", plan->directory, key_algorithm_name(plan->algorithm), name);
}

bool
record_digest_file(const char *path, char out[RECORD_DIGEST_SIZE])
{
	uint8_t piece[PIECE_SIZE], state[DIGEST_STATE_SIZE], digest[DIGEST_SIZE];
	FILE *file = fopen(path, "rbe");
	bool is_good = file != NULL;
	size_t size = 1;

	digest_state_start(state);
	while (is_good && size != 0) {
		size = fread(piece, 1, sizeof piece, file);
		is_good = ferror(file) == 0 && digest_state_add(state, slice_of(piece, size));
	}
	is_good = is_good && digest_state_finish(state, digest);
	if (is_good)
		hex_encode(slice_of(digest, sizeof digest), out);
	int reason = errno;
	if (file != NULL)
		fclose(file);
	errno = reason;
	return is_good;
}

enum error
record_make(const struct prepare_plan *plan, char out[RECORD_SIZE_MAX], struct fault *fault)
{
	char campaign_path[PATH_SIZE], log_path[PATH_SIZE];
	char returns[RECORD_DIGEST_SIZE] = "generated";
	char campaign[RECORD_DIGEST_SIZE] = "none", log[RECORD_DIGEST_SIZE] = "none";

	if (plan->returns != NULL && !record_digest_file(plan->returns, returns))
		return fault_set(fault, ERROR_file_unreadable, plan->returns, slice_of_text(strerror(errno)),
		    "an .irj file");
	path_of(plan, "office/public/campaign.json", campaign_path);
	path_of(plan, "office/public/log.vkey", log_path);
	/* An office that is not there has neither: then nothing fits. */
	(void)!record_digest_file(campaign_path, campaign);
	(void)!record_digest_file(log_path, log);
	int size = snprintf(out, RECORD_SIZE_MAX,
	    "count %zu\ntaxpayers %zu\nkind %s\nreturns %s\nguichetd " GUICHET_VERSION "\ncampaign %s\nlog %s\n",
	    plan->count, plan->taxpayers, key_algorithm_name(plan->algorithm), returns, campaign, log);
	check(size > 0 && (size_t)size < RECORD_SIZE_MAX);
	return ERROR_NONE;
}

void
record_read(const struct prepare_plan *plan, char out[RECORD_SIZE_MAX])
{
	char path[PATH_SIZE];

	path_of(plan, RECORD_FILE, path);
	FILE *file = fopen(path, "rbe");
	size_t size = file == NULL ? 0 : fread(out, 1, RECORD_SIZE_MAX - 1, file);
	out[size] = '\0';
	if (file != NULL)
		fclose(file);
}

enum error
record_write(const struct prepare_plan *plan, const char *record, struct fault *fault)
{
	char path[PATH_SIZE];

	path_of(plan, RECORD_FILE, path);
	errno = 0;
	enum guichet_error error =
	    guichet_file_write(path, (struct guichet_bytes){ (const uint8_t *)record, strlen(record) }, NULL);
	return error == GUICHET_ERROR_none ? ERROR_NONE : fault_set(fault, (enum error)error, RECORD_FILE,
	    slice_of_text(errno == 0 ? "" : strerror(errno)), "room to write it");
}

void
record_value(const char *record, const char *name, char *out, size_t out_size)
{
	size_t name_size = strlen(name);

	out[0] = '\0';
	for (const char *line = record; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n'), *value = line + name_size + 1;
		if (strncmp(line, name, name_size) == 0 && line[name_size] == ' ') {
			snprintf(out, out_size, "%.*s", (int)strcspn(value, "\n"), value);
			return;
		}
		line = end == NULL ? NULL : end + 1;
	}
}
