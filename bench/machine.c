/* SPDX-License-Identifier: Apache-2.0
 *
 * Asked of the kernel and of the programs themselves. */
#include "bench/machine.h"

#include <guichet/guichet.h>

#include <limits.h>
#include <mntent.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/path.h"
#include "bench/peer.h"
#include "bench/record.h"
#include "bench/tool.h"

#define UNKNOWN "unknown"

static const char *
keep(const char *text, struct arena *texts)
{
	struct slice kept;

	return text != NULL && text[0] != '\0' && arena_copy(texts, slice_of_text(text), &kept) ?
	    (const char *)kept.data : UNKNOWN;
}

static const char *
processor(struct arena *texts)
{
	char line[256], *name = NULL;
	FILE *file = fopen("/proc/cpuinfo", "re");

	while (file != NULL && name == NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "model name", 10) == 0 && (name = strchr(line, ':')) != NULL)
			name[strcspn(name, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
	return keep(name == NULL ? NULL : name + 1 + strspn(name + 1, " "), texts);
}

/* Does the path lie at or below that place? */
static bool
is_below(const char *path, const char *place)
{
	size_t size = strlen(place);

	return strncmp(path, place, size) == 0 && (path[size] == '\0' || path[size] == '/' || place[size - 1] == '/');
}

/* Of those mounted above the directory the nearest, and of those at one place the last. */
static const char *
filesystem(const char *directory, struct arena *texts)
{
	char path[PATH_MAX], found[512] = "";
	size_t longest = 0;
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;

	while (mounts != NULL && realpath(directory, path) != NULL && (mount = getmntent(mounts)) != NULL) {
		size_t size = strlen(mount->mnt_dir);
		if (size < longest || size == 0 || !is_below(path, mount->mnt_dir))
			continue;
		longest = size;
		snprintf(found, sizeof found, "%s (%s)", mount->mnt_type, mount->mnt_opts);
	}
	if (mounts != NULL)
		endmntent(mounts);
	return keep(found, texts);
}

static const char *
started(struct arena *texts)
{
	time_t now = time(NULL);
	struct tm utc;
	char text[32] = "";

	if (gmtime_r(&now, &utc) != NULL)
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return keep(text, texts);
}

void
machine_look(struct machine *out, const char *directory, const char *programs, struct arena *texts)
{
	const char *const nginx[] = { peer_program(PEER_NGINX), "-v", NULL };
	const char *const redis[] = { peer_program(PEER_REDIS), "--version", NULL };
	char output[PATH_SIZE], guichetd[PATH_SIZE], digest[RECORD_DIGEST_SIZE];
	struct utsname system;

	path_make(output, "%s/version.log", directory);
	path_make(guichetd, "%s/guichetd", programs);
	*out = (struct machine){
		.processor = processor(texts),
		.cores = sysconf(_SC_NPROCESSORS_ONLN),
		.kernel = keep(uname(&system) == 0 ? system.release : NULL, texts),
		.filesystem = filesystem(directory, texts),
		.guichetd = GUICHET_VERSION,
		.guichetd_digest = record_digest_file(guichetd, digest) ? keep(digest, texts) : UNKNOWN,
		.openssl = OpenSSL_version(OPENSSL_VERSION_STRING),
		.nginx = tool_first_line(nginx, output, texts),
		.redis = tool_first_line(redis, output, texts),
		.started = started(texts),
	};
}
