/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory at a time, each with the form of the names that are written there. */
#include "server/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/note.h"
#include "server/authority.h"
#include "server/publish_disk.h"
#include "server/settings.h"
#include "server/store/disk.h"
#include "server/store/leveldb.h"
#include "server/tree.h"

#define FRESH ".new"

/* ---- names, without FRESH behind them ---- */

static bool
is_one_of(struct slice name, const char *const *names, size_t count)
{
	bool is_one = false;

	for (size_t i = 0; i < count; i++)
		is_one |= slice_equal_text(name, names[i]);
	return is_one;
}

static bool
is_of_store(struct slice name)
{
	return slice_equal_text(name, LEVELDB_COMMITTED_FILE);
}

static bool
is_published(struct slice name)
{
	static const char *const names[] = { "checkpoint", AUTHORITY_CRL_FILE, AUTHORITY_CA_FILE, AUTHORITY_TLS_FILE,
		AUTHORITY_VKEY_FILE };

	return is_one_of(name, names, sizeof names / sizeof names[0]);
}

/* How many characters from `at` on are digits. */
static size_t
digits_at(struct slice name, size_t at)
{
	size_t end = at;

	while (end < name.size && name.data[end] >= '0' && name.data[end] <= '9')
		end++;
	return end - at;
}

/* CLASS-YEAR.key */
static bool
is_data_key(struct slice name)
{
	size_t at = 0;

	while (at < name.size && name.data[at] >= 'a' && name.data[at] <= 'z')
		at++;
	if (at == 0 || at == name.size || name.data[at++] != '-')
		return false;
	size_t digits = digits_at(name, at);
	return digits != 0 && slice_equal_text(slice_from(name, at + digits), ".key");
}

static bool
is_full_tile(struct slice name)
{
	return name.size == 3 && digits_at(name, 0) == 3;
}

static bool
is_partial_tile(struct slice name)
{
	uint64_t width;

	return decimal_decode(name, TILE_WIDTH - 1, &width) && width != 0;
}

/* ---- directories ---- */

static void
entry_remove(DIR *entries, const char *name, bool (*is_ours)(struct slice name), struct leftovers *found)
{
	size_t size = strlen(name), end = sizeof FRESH - 1;
	struct stat status;

	if (size <= end || strcmp(name + size - end, FRESH) != 0 || !is_ours(slice_of(name, size - end)) ||
	    fstatat(dirfd(entries), name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
		return;
	if (unlinkat(dirfd(entries), name, 0) == 0) {
		found->removed++;
	} else {
		found->stuck++;
		found->reason = errno;
	}
}

/* One that is not there has nothing in it. */
static void
directory_remove(int directory, const char *path, bool (*is_ours)(struct slice name), struct leftovers *found)
{
	const struct dirent *entry;
	int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);

	if (entries == NULL) {
		if (errno != ENOENT)
			found->reason = errno;
		if (fd >= 0)
			disk_close(fd);
		return;
	}
	while ((entry = readdir(entries)) != NULL)
		entry_remove(entries, entry->d_name, is_ours, found);
	closedir(entries);
}

static void
tiles_remove(int directory, uint64_t log_size, struct leftovers *found)
{
	char path[PUBLISH_NAME_MAX];
	struct buf *name = buf_create(sizeof path - 1);

	if (name == NULL) {
		found->reason = ENOMEM;
		return;
	}
	for (unsigned level = 0; level < TREE_LEVELS && log_size >> (8 * level) != 0; level++) {
		buf_clear(name);
		buf_put_text(name, PUBLIC_DIRECTORY "/");
		tile_path_put(name, level, (log_size >> (8 * level)) / TILE_WIDTH, TILE_WIDTH);
		buf_put_text(name, TILE_PARTIALS);
		check(buf_ok(name));
		struct slice partials = buf_peek(name);
		memcpy(path, partials.data, partials.size);
		path[partials.size] = '\0';
		directory_remove(directory, path, is_partial_tile, found);
		*strrchr(path, '/') = '\0';
		directory_remove(directory, path, is_full_tile, found);
	}
	buf_destroy(name);
}

struct leftovers
leftover_remove(const char *directory, uint64_t log_size)
{
	struct leftovers found = { .removed = 0 };
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		found.reason = errno;
		return found;
	}
	directory_remove(fd, ".", is_of_store, &found);
	directory_remove(fd, PUBLIC_DIRECTORY, is_published, &found);
	directory_remove(fd, KEYS_DIRECTORY "/" KEYRING_DATA_DIRECTORY, is_data_key, &found);
	tiles_remove(fd, log_size, &found);
	close(fd);
	return found;
}
