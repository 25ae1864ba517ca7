/* SPDX-License-Identifier: Apache-2.0
 *
 * Published files: small ones whole, the log's tiles as far as the offered checkpoint reaches. */
#include "server/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/note.h"
#include "server/settings.h"
#include "server/store/keys.h"
#include "server/tree.h"

/* ---- files in memory ---- */

static const char *const names[] = { "campaign.json", "catalogue.json", "ca.pem", "crl.pem", "tls.pem", "log.vkey" };

#define NAMES_COUNT (sizeof names / sizeof names[0])

struct publications {
	struct {
		uint8_t *bytes;
		size_t size;
	} files[NAMES_COUNT];
};

void
publications_destroy(struct publications *publications)
{
	if (publications == NULL)
		return;
	for (size_t i = 0; i < NAMES_COUNT; i++)
		free(publications->files[i].bytes);
	free(publications);
}

bool
publications_set(struct publications *publications, const char *name, struct slice content)
{
	for (size_t i = 0; i < NAMES_COUNT; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		uint8_t *bytes = malloc(content.size + 1);
		if (bytes == NULL)
			return false;
		memcpy(bytes, content.data, content.size);
		free(publications->files[i].bytes);
		publications->files[i].bytes = bytes;
		publications->files[i].size = content.size;
	}
	return true;
}

bool
publications_find(const struct publications *publications, struct slice name, struct slice *content)
{
	for (size_t i = 0; i < NAMES_COUNT; i++)
		if (slice_equal_text(name, names[i])) {
			*content = slice_of(publications->files[i].bytes, publications->files[i].size);
			return true;
		}
	return false;
}

enum error
publications_load(const char *directory, struct arena *arena, struct publications **out, struct fault *fault)
{
	struct publications *publications = calloc(1, sizeof *publications);
	enum error error =
	    publications == NULL ? fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) : ERROR_NONE;

	for (size_t i = 0; i < NAMES_COUNT && error == ERROR_NONE; i++) {
		char path[PATH_SIZE], within[64];
		struct slice content;
		settings_path(within, sizeof within, PUBLIC_DIRECTORY, names[i]);
		settings_path(path, sizeof path, directory, within);
		error = settings_read_file(path, LIMIT_JSON_FILE, arena, &content, fault);
		if (error == ERROR_NONE && !publications_set(publications, names[i], content))
			error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	}
	if (error != ERROR_NONE) {
		publications_destroy(publications);
		return error;
	}
	*out = publications;
	return ERROR_NONE;
}

/* ---- files on disk ---- */

/* Tiles handed to the worker at once; the rest goes with the next tick. */
#define TILES_MAX ((size_t)256)
#define FILE_NAME_MAX ((size_t)96)

struct file {
	char name[FILE_NAME_MAX];
	uint8_t *bytes;
	size_t size;
};

struct job {
	struct publisher *publisher;
	const char *failed; /* name of the file that could not be written */
	bool is_log;
	uint64_t size_after; /* of the published log */
	size_t count;
	struct file files[];
};

struct publisher {
	int directory; /* DIR/public */
	struct worker *worker;
	struct store *store;
	const struct tree *tree;
	void (*failed)(void *context, const char *name);
	void *context;
	uint64_t size;      /* of the log whose tiles are published */
	uint64_t offered_size;
	uint8_t *offered;   /* checkpoint text of offered_size; NULL: published */
	size_t offered_bytes;
	bool is_writing;
};

/* Makes the directories on the way to `name`. */
static void
make_parents(int directory, const char *name)
{
	char path[FILE_NAME_MAX];

	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		memcpy(path, name, (size_t)(slash - name));
		path[slash - name] = '\0';
		(void)mkdirat(directory, path, 0755);
	}
}

static bool
write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		bytes += written;
		size -= (size_t)written;
	}
	return true;
}

/* Syncs the directory that the file stands in, so that its name is there after a power cut. */
static bool
sync_parent(int directory, const char *name)
{
	char path[FILE_NAME_MAX + 8];
	const char *slash = strrchr(name, '/');

	snprintf(path, sizeof path, "%.*s", slash == NULL ? 1 : (int)(slash - name), slash == NULL ? "." : name);
	int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_synced = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return is_synced;
}

/* Whole or not at all, also after a power cut: a reader never sees half a file, nor a checkpoint without the tiles
 * written before it. */
static bool
file_write(int directory, const struct file *file)
{
	char fresh[FILE_NAME_MAX + 8];

	make_parents(directory, file->name);
	snprintf(fresh, sizeof fresh, "%s.new", file->name);
	int fd = openat(directory, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	bool is_written = write_all(fd, file->bytes, file->size) && fdatasync(fd) == 0;
	if (close(fd) != 0 || !is_written || renameat(directory, fresh, directory, file->name) != 0) {
		(void)unlinkat(directory, fresh, 0);
		return false;
	}
	return sync_parent(directory, file->name);
}

/* On the worker's thread. */
static void
job_run(void *argument)
{
	struct job *job = argument;

	for (size_t i = 0; i < job->count && job->failed == NULL; i++)
		if (!file_write(job->publisher->directory, &job->files[i]))
			job->failed = job->files[i].name;
}

static void
job_free(struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		free(job->files[i].bytes);
	free(job);
}

static void
job_done(void *argument)
{
	struct job *job = argument;
	struct publisher *publisher = job->publisher;

	if (job->is_log)
		publisher->is_writing = false;
	if (job->failed != NULL)
		publisher->failed(publisher->context, job->failed);
	else if (job->is_log)
		publisher->size = job->size_after;
	job_free(job);
}

static struct job *
job_create(struct publisher *publisher, size_t files_max)
{
	struct job *job = calloc(1, sizeof *job + files_max * sizeof job->files[0]);
	if (job != NULL)
		job->publisher = publisher;
	return job;
}

/* Adds a file; `name` is copied and cut short only by our own mistake. */
static bool
job_add(struct job *job, struct slice name, struct slice content)
{
	struct file *file = &job->files[job->count];

	check(name.size < sizeof file->name);
	memcpy(file->name, name.data, name.size);
	file->bytes = malloc(content.size + 1);
	if (file->bytes == NULL)
		return false;
	memcpy(file->bytes, content.data, content.size);
	file->size = content.size;
	job->count++;
	return true;
}

static bool
job_submit(struct job *job)
{
	if (worker_submit(job->publisher->worker, job_run, job_done, job))
		return true;
	job_free(job);
	return false;
}

/* How much of the log is published: the size in the checkpoint that stands there, 0 when there is none. Only a cache's
 * mark: a wrong one costs a tile written twice, or one that the audit will miss. */
static uint64_t
published_size(int directory)
{
	char text[LIMIT_PROOF_SIZE];
	int fd = openat(directory, "checkpoint", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	uint64_t size = 0;

	if (fd >= 0)
		close(fd);
	if (got <= 0)
		return 0;
	text[got] = '\0';
	const char *line = strchr(text, '\n');
	if (line == NULL || !decimal_decode(slice_of(line + 1, strcspn(line + 1, "\n")), UINT64_MAX, &size))
		return 0;
	return size;
}

struct publisher *
publisher_create(const char *directory, struct worker *worker, struct store *store, const struct tree *tree,
    void (*failed)(void *context, const char *name), void *context)
{
	struct publisher *publisher = calloc(1, sizeof *publisher);
	char path[PATH_SIZE];

	if (publisher == NULL)
		return NULL;
	settings_path(path, sizeof path, directory, PUBLIC_DIRECTORY);
	publisher->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (publisher->directory < 0) {
		free(publisher);
		return NULL;
	}
	publisher->size = published_size(publisher->directory);
	if (publisher->size > tree_size(tree))
		publisher->size = 0;
	publisher->worker = worker;
	publisher->store = store;
	publisher->tree = tree;
	publisher->failed = failed;
	publisher->context = context;
	return publisher;
}

void
publisher_destroy(struct publisher *publisher)
{
	if (publisher == NULL)
		return;
	free(publisher->offered);
	close(publisher->directory);
	free(publisher);
}

void
publisher_write(struct publisher *publisher, const char *name, struct slice content)
{
	struct job *job = job_create(publisher, 1);

	if (job == NULL || !job_add(job, slice_of_text(name), content)) {
		free(job);
		publisher->failed(publisher->context, name);
	} else if (!job_submit(job)) {
		publisher->failed(publisher->context, name);
	}
}

void
publisher_offer_checkpoint(struct publisher *publisher, struct slice text)
{
	uint8_t *copy = malloc(text.size + 1);

	if (copy == NULL)
		return; /* the next batch offers another */
	memcpy(copy, text.data, text.size);
	free(publisher->offered);
	publisher->offered = copy;
	publisher->offered_bytes = text.size;
	publisher->offered_size = tree_size(publisher->tree);
}

/* Adds the file of one tile of a level: a full one from the store, the one in progress from memory. */
static bool
job_add_tile(struct job *job, unsigned level, uint64_t index, unsigned width, struct arena *arena)
{
	struct publisher *publisher = job->publisher;
	uint8_t level_byte = (uint8_t)level;
	uint64_t partial_index;
	unsigned partial_width;
	struct slice hashes = SLICE_EMPTY;
	bool found = false;
	struct buf *name = buf_create(FILE_NAME_MAX - 1);

	const struct hash *partial = tree_partial_tile(publisher->tree, level, &partial_index, &partial_width);
	if (partial != NULL && index == partial_index && width <= partial_width) {
		hashes = slice_of(partial, width * sizeof *partial);
	} else {
		struct slice key = KEY_MAKE(arena, KEY_tile, slice_of(&level_byte, 1), key_part_u64(arena, index));
		if (store_get_now(publisher->store, key, arena, &found, &hashes) != ERROR_NONE || !found ||
		    hashes.size < width * sizeof(struct hash))
			hashes = SLICE_EMPTY;
		hashes.size = hashes.size == 0 ? 0 : width * sizeof(struct hash);
	}
	bool is_added = false;
	if (name != NULL && hashes.size != 0) {
		tile_path_put(name, level, index, width);
		is_added = buf_ok(name) && job_add(job, buf_peek(name), hashes);
	}
	buf_destroy(name);
	return is_added;
}

/* The tiles of one level that a log of `size` has and one of `from` had not. *is_whole: they all fitted. */
static bool
job_add_level(struct job *job, unsigned level, uint64_t from, uint64_t size, struct arena *arena, bool *is_whole)
{
	uint64_t nodes_from = from >> (8 * level), nodes = size >> (8 * level);

	for (uint64_t index = nodes_from / TILE_WIDTH; index * TILE_WIDTH < nodes; index++) {
		uint64_t left = nodes - index * TILE_WIDTH;
		if (job->count + 1 >= TILES_MAX) {
			*is_whole = false;
			return true;
		}
		if (!job_add_tile(job, level, index, left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH, arena))
			return false;
	}
	return true;
}

void
publisher_tick(struct publisher *publisher)
{
	bool is_whole = true, is_good = true;
	uint64_t target = publisher->offered_size, step = TILE_WIDTH * (TILES_MAX - 2 * TREE_LEVELS);

	if (publisher->is_writing || publisher->offered == NULL)
		return;
	/* Far behind (a first start on an old store): go on by full tiles, the checkpoint comes with the last step. */
	if (target - publisher->size > step)
		target = (publisher->size + step) / TILE_WIDTH * TILE_WIDTH;
	struct arena *arena = arena_create((size_t)8 * 1024 * 1024);
	struct job *job = job_create(publisher, TILES_MAX);
	for (unsigned level = 0; level < TREE_LEVELS && arena != NULL && job != NULL && is_good; level++)
		is_good = job_add_level(job, level, publisher->size, target, arena, &is_whole);
	if (arena == NULL || job == NULL || !is_good || !is_whole) {
		publisher->failed(publisher->context, "tile");
		if (job != NULL)
			job_free(job);
		arena_destroy(arena);
		return;
	}
	arena_destroy(arena);
	if (target == publisher->offered_size &&
	    job_add(job, SLICE_LITERAL("checkpoint"), slice_of(publisher->offered, publisher->offered_bytes))) {
		free(publisher->offered);
		publisher->offered = NULL;
	}
	job->is_log = true;
	job->size_after = target;
	publisher->is_writing = job_submit(job);
}

void
publisher_finish(struct publisher *publisher)
{
	uint64_t size;

	worker_wait(publisher->worker);
	do {
		size = publisher->size;
		publisher_tick(publisher);
		worker_wait(publisher->worker);
	} while (publisher->offered != NULL && publisher->size > size);
}
