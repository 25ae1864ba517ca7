/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the system one behind the other, the first that fails told with its reason. */
#include "server/publish_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/merkle.h"
#include "protocol/note.h"
#include "server/store/disk.h"
#include "server/tree.h"

void
publish_failure_set(struct publish_failure *failure, const char *step, const char *file, int code)
{
	if (failure->step != NULL)
		return;
	failure->step = step;
	failure->file = file;
	failure->code = code;
}

/* ---- writing ---- */

/* Makes the directories on the way to `name`; one that cannot be made is told by what goes into it. */
static void
make_parents(int directory, const char *name)
{
	char path[PUBLISH_NAME_MAX];

	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		memcpy(path, name, (size_t)(slash - name));
		path[slash - name] = '\0';
		(void)mkdirat(directory, path, 0755);
	}
}

static void
file_write(int directory, const struct publish_file *file, struct publish_failure *failure)
{
	make_parents(directory, file->name);
	if (!disk_replace_file(NULL, directory, file->name, 0644, file->bytes))
		publish_failure_set(failure, "write", file->name, errno);
}

/* The directory that the first `size` bytes of a path name: its new entries survive a power cut. Sets errno. */
static bool
directory_sync(int directory, const char *path, size_t size)
{
	char name[PUBLISH_NAME_MAX];

	memcpy(name, path, size);
	name[size] = '\0';
	int fd = openat(directory, size == 0 ? "." : name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool is_synced = fsync(fd) == 0;
	disk_close(fd);
	return is_synced;
}

/* Every directory from DIR/public to the file but those that also lead to `before`, which are synced with it. Sets
 * errno. */
static bool
parents_sync(int directory, const char *name, const char *before)
{
	bool is_synced = true;

	for (const char *slash = strchr(name, '/'); slash != NULL && is_synced; slash = strchr(slash + 1, '/')) {
		size_t size = (size_t)(slash - name);
		if (strncmp(name, before, size + 1) != 0)
			is_synced = directory_sync(directory, name, size);
	}
	return is_synced;
}

void
publish_write_files(int directory, const struct publish_file *files, size_t count, bool is_last_behind,
    struct publish_failure *failure)
{
	size_t first = count - is_last_behind;

	for (size_t i = 0; i < first && failure->step == NULL; i++)
		file_write(directory, &files[i], failure);
	for (size_t i = 0; i < first && failure->step == NULL; i++)
		if (!parents_sync(directory, files[i].name, i == 0 ? "" : files[i - 1].name))
			publish_failure_set(failure, "sync", files[i].name, errno);
	if (failure->step == NULL && !directory_sync(directory, "", 0))
		publish_failure_set(failure, "sync", files[0].name, errno);
	if (is_last_behind && failure->step == NULL)
		file_write(directory, &files[first], failure);
}

/* ---- partial tiles ---- */

static void
partials_remove(int directory, const char *name, struct publish_failure *failure)
{
	char full[PUBLISH_NAME_MAX];
	const struct dirent *entry;
	int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return;
	snprintf(full, sizeof full, "%.*s", (int)(strlen(name) - strlen(TILE_PARTIALS)), name);
	DIR *partials = fd >= 0 && faccessat(directory, full, F_OK, 0) == 0 ? fdopendir(fd) : NULL;
	if (partials == NULL) {
		if (fd < 0 || errno != ENOENT)
			publish_failure_set(failure, "remove", name, errno);
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(partials)) != NULL)
		if (entry->d_name[0] != '.' && unlinkat(fd, entry->d_name, 0) != 0)
			publish_failure_set(failure, "remove", name, errno);
	closedir(partials);
	if (unlinkat(directory, name, AT_REMOVEDIR) != 0)
		publish_failure_set(failure, "remove", name, errno);
}

void
publish_remove_partials(int directory, const struct publish_file *partials, size_t count,
    struct publish_failure *failure)
{
	if (!directory_sync(directory, "", 0)) {
		publish_failure_set(failure, "sync", "checkpoint", errno);
		return;
	}
	for (size_t i = 0; i < count; i++)
		partials_remove(directory, partials[i].name, failure);
}

/* ---- looking for tiles ---- */

bool
publish_place_next(struct publish_walk *walk, struct publish_place *place)
{
	for (; walk->level < TREE_LEVELS; walk->level++, walk->passed = 0) {
		uint64_t nodes = walk->size >> (8 * walk->level);
		uint64_t tiles = nodes / TILE_WIDTH + (nodes % TILE_WIDTH != 0);
		if (walk->passed == tiles)
			continue;
		uint64_t index = tiles - ++walk->passed, left = nodes - index * TILE_WIDTH;
		*place = (struct publish_place){ walk->level, index, left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH };
		return true;
	}
	return false;
}

static bool
is_there(int directory, struct buf *name, const struct publish_place *place, unsigned width)
{
	struct stat status;

	buf_clear(name);
	tile_path_put(name, place->level, place->index, width);
	buf_put(name, slice_of("", 1));
	check(buf_ok(name));
	return fstatat(directory, (const char *)buf_peek(name).data, &status, 0) == 0 && S_ISREG(status.st_mode) &&
	    (uint64_t)status.st_size == width * sizeof(struct hash);
}

size_t
publish_look(int directory, struct publish_walk *walk, size_t names_max, struct publish_place *missing,
    size_t missing_max)
{
	struct buf *name = buf_create(PUBLISH_NAME_MAX);
	struct publish_place place;
	size_t count = 0;

	/* Without memory nothing is looked at, and the walk stays where it is. */
	for (size_t i = 0; name != NULL && i < names_max && count < missing_max; i++) {
		if (!publish_place_next(walk, &place))
			break;
		if (!is_there(directory, name, &place, place.width) && !is_there(directory, name, &place, TILE_WIDTH))
			missing[count++] = place;
	}
	buf_destroy(name);
	return count;
}
