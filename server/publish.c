/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's tiles as far as the offered checkpoint reaches, then the checkpoint; and single files whole. */
#include "server/publish.h"

#include <dirent.h>
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
#include "server/store/disk.h"
#include "server/store/keys.h"
#include "server/tree.h"

/* Files of one step; the rest goes with the next tick. */
#define FILES_MAX ((size_t)128)
/* Tiles of 8 KB each, as read from the store and as they are sealed there. */
#define JOB_ARENA ((size_t)8 * 1024 * 1024)
#define FILE_NAME_MAX ((size_t)96)
/* Behind a tile's name: the directory of the partial ones. */
#define PARTIAL ".p"

struct file {
	char name[FILE_NAME_MAX];
	struct slice bytes;
	unsigned width; /* of a tile that comes from the store, while it is read; else 0 */
};

/* The loop's until it is submitted, then the worker's until it is done. Of a sweep the files are directories, of a
 * tile's partial ones. */
struct job {
	struct publisher *publisher;
	struct arena *arena;     /* of a step of the log: its files' bytes */
	struct content *content; /* of a single file */
	const char *failed;      /* name of the file that could not be written */
	uint64_t size_after;     /* of the published log */
	uint64_t offer;          /* number of the checkpoint in it, 0: none */
	struct store_read reads[FILES_MAX]; /* of the files with a width, in their order */
	size_t reads_count;
	struct file files[FILES_MAX];
	size_t count;
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
	uint64_t offer;     /* its number, rising */
	bool is_writing;    /* a step of the log is under way */
	uint64_t covered;   /* size in the published checkpoint */
	uint64_t swept[TREE_LEVELS]; /* tiles of each level, from the first, whose partial ones are gone */
	bool is_sweeping;
};

/* ---- on the worker's thread ---- */

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
file_write(int directory, const struct file *file)
{
	make_parents(directory, file->name);
	return disk_replace_file(NULL, directory, file->name, 0644, file->bytes);
}

/* The directory that the first `size` bytes of a path name: its new entries survive a power cut. */
static bool
directory_sync(int directory, const char *path, size_t size)
{
	char name[FILE_NAME_MAX];

	memcpy(name, path, size);
	name[size] = '\0';
	int fd = openat(directory, size == 0 ? "." : name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_synced = fd >= 0 && fsync(fd) == 0;
	return fd >= 0 && close(fd) == 0 && is_synced;
}

/* Every directory from DIR/public to the file but those that also lead to `before`, which are synced with it. */
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

/* All files but the last are written and durable by their names before the last one, the checkpoint, gets its own. */
static void
job_run(void *argument)
{
	struct job *job = argument;
	int directory = job->publisher->directory;
	size_t tiles = job->count - (job->offer != 0);

	for (size_t i = 0; i < tiles && job->failed == NULL; i++)
		if (!file_write(directory, &job->files[i]))
			job->failed = job->files[i].name;
	for (size_t i = 0; i < tiles && job->failed == NULL; i++)
		if (!parents_sync(directory, job->files[i].name, i == 0 ? "" : job->files[i - 1].name))
			job->failed = job->files[i].name;
	if (job->failed == NULL && !directory_sync(directory, "", 0))
		job->failed = job->files[0].name;
	if (job->offer != 0 && job->failed == NULL && !file_write(directory, &job->files[tiles]))
		job->failed = job->files[tiles].name;
}

/* Removes the partial tiles in "tile/0/000.p", if there are any and "tile/0/000" is there too. */
static bool
partials_remove(int directory, const char *name)
{
	char full[FILE_NAME_MAX];
	const struct dirent *entry;
	bool is_good = true;
	int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT;
	snprintf(full, sizeof full, "%.*s", (int)(strlen(name) - strlen(PARTIAL)), name);
	DIR *partials = faccessat(directory, full, F_OK, 0) == 0 ? fdopendir(fd) : NULL;
	if (partials == NULL) {
		disk_close(fd);
		return errno == ENOENT;
	}
	while ((entry = readdir(partials)) != NULL)
		if (entry->d_name[0] != '.' && unlinkat(fd, entry->d_name, 0) != 0)
			is_good = false;
	closedir(partials);
	return unlinkat(directory, name, AT_REMOVEDIR) == 0 && is_good;
}

/* First of all the name of the checkpoint is made durable: the one before might still refer to them. */
static void
sweep_run(void *argument)
{
	struct job *job = argument;
	int directory = job->publisher->directory;

	if (!directory_sync(directory, "", 0)) {
		job->failed = job->files[0].name;
		return;
	}
	for (size_t i = 0; i < job->count; i++)
		if (!partials_remove(directory, job->files[i].name))
			job->failed = job->files[i].name;
}

/* ---- jobs ---- */

static void
job_free(struct job *job)
{
	arena_destroy(job->arena);
	content_release(job->content);
	free(job);
}

static void
offer_forget(struct publisher *publisher)
{
	free(publisher->offered);
	publisher->offered = NULL;
}

/* A step of the log has ended, well or (with the name of a file) not. */
static void
step_end(struct job *job)
{
	struct publisher *publisher = job->publisher;

	publisher->is_writing = false;
	if (job->failed != NULL) {
		publisher->failed(publisher->context, job->failed);
	} else {
		publisher->size = job->size_after;
		if (job->offer != 0)
			publisher->covered = job->size_after;
		if (job->offer == publisher->offer)
			offer_forget(publisher);
	}
	job_free(job);
}

static void
step_done(void *argument)
{
	step_end(argument);
}

static void
single_done(void *argument)
{
	struct job *job = argument;

	if (job->failed != NULL)
		job->publisher->failed(job->publisher->context, job->failed);
	job_free(job);
}

static struct job *
job_create(struct publisher *publisher)
{
	struct job *job = calloc(1, sizeof *job);
	if (job != NULL)
		job->publisher = publisher;
	return job;
}

/* Adds a file; `name` is copied and cut short only by our own mistake. */
static struct file *
job_add(struct job *job, struct slice name, struct slice bytes)
{
	struct file *file = &job->files[job->count++];

	check(job->count <= FILES_MAX && name.size < sizeof file->name);
	memcpy(file->name, name.data, name.size);
	file->bytes = bytes;
	return file;
}

/* How much of the log is published: the size in the checkpoint that stands there, 0 when there is none. Only a cache's
 * mark: none, or a smaller one, costs tiles written twice. */
static uint64_t
published_size(int directory)
{
	char text[LIMIT_PROOF_SIZE + 1];
	uint64_t size = 0;
	size_t got;

	if (!disk_read_file(directory, "checkpoint", (uint8_t *)text, LIMIT_PROOF_SIZE, &got))
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
	publisher->covered = publisher->size;
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
publisher_write(struct publisher *publisher, const char *name, struct content *content)
{
	struct job *job = job_create(publisher);

	if (job == NULL) {
		publisher->failed(publisher->context, name);
		return;
	}
	job->content = content_hold(content);
	(void)job_add(job, slice_of_text(name), content_bytes(content));
	if (!worker_submit(publisher->worker, job_run, single_done, job)) {
		publisher->failed(publisher->context, name);
		job_free(job);
	}
}

/* ---- steps of the log ---- */

void
publisher_offer_checkpoint(struct publisher *publisher, struct slice text)
{
	uint8_t *copy = malloc(text.size + 1);

	if (copy == NULL)
		return; /* the next batch offers another */
	memcpy(copy, text.data, text.size);
	offer_forget(publisher);
	publisher->offered = copy;
	publisher->offered_bytes = text.size;
	publisher->offered_size = tree_size(publisher->tree);
	publisher->offer++;
}

/* Adds one tile of a level: its hashes if it is the one in progress, which the tree holds; else a read of them. */
static bool
job_add_tile(struct job *job, unsigned level, uint64_t index, unsigned width)
{
	const struct publisher *publisher = job->publisher;
	uint8_t level_byte = (uint8_t)level;
	uint64_t partial_index;
	unsigned partial_width;
	struct buf *name = buf_create(FILE_NAME_MAX - 1);

	if (name == NULL)
		return false;
	tile_path_put(name, level, index, width);
	check(buf_ok(name));
	struct file *file = job_add(job, buf_peek(name), SLICE_EMPTY);
	buf_destroy(name);
	const struct hash *partial = tree_partial_tile(publisher->tree, level, &partial_index, &partial_width);
	if (partial != NULL && index == partial_index && width <= partial_width)
		return arena_copy(job->arena, slice_of(partial, width * sizeof *partial), &file->bytes);
	file->width = width;
	struct store_read *read = &job->reads[job->reads_count++];
	read->kind = STORE_GET;
	read->arena = job->arena;
	read->key = KEY_MAKE(job->arena, KEY_tile, slice_of(&level_byte, 1), key_part_u64(job->arena, index));
	return read->key.size != 0;
}

/* The tiles of one level that a log of `size` has and one of `from` had not. */
static bool
job_add_level(struct job *job, unsigned level, uint64_t from, uint64_t size)
{
	uint64_t nodes_from = from >> (8 * level), nodes = size >> (8 * level);

	for (uint64_t index = nodes_from / TILE_WIDTH; index * TILE_WIDTH < nodes; index++) {
		uint64_t left = nodes - index * TILE_WIDTH;
		if (!job_add_tile(job, level, index, left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH))
			return false;
	}
	return true;
}

/* All that goes into the step: full tiles are only asked for. */
static bool
job_fill(struct job *job)
{
	struct publisher *publisher = job->publisher;
	struct slice text;
	/* Every level may add a tile that was in progress before and one that is now; the checkpoint is a file too. */
	uint64_t target = publisher->offered_size, step = TILE_WIDTH * (FILES_MAX - 2 * TREE_LEVELS);

	/* Far behind (a first start on an old store): go on by full tiles, the checkpoint comes with the last step. */
	if (target - publisher->size > step)
		target = (publisher->size + step) / TILE_WIDTH * TILE_WIDTH;
	job->size_after = target;
	job->arena = arena_create(JOB_ARENA);
	bool is_good = job->arena != NULL;
	for (unsigned level = 0; level < TREE_LEVELS && is_good; level++)
		is_good = job_add_level(job, level, publisher->size, target);
	if (!is_good || target != publisher->offered_size)
		return is_good;
	job->offer = publisher->offer;
	if (!arena_copy(job->arena, slice_of(publisher->offered, publisher->offered_bytes), &text))
		return false;
	(void)job_add(job, SLICE_LITERAL("checkpoint"), text);
	return true;
}

static void
job_read_done(void *context, enum error error)
{
	struct job *job = context;
	const struct store_read *read = job->reads;

	for (size_t i = 0; i < job->count && job->failed == NULL; i++) {
		struct file *file = &job->files[i];
		if (file->width == 0)
			continue;
		if (error != ERROR_NONE || read->error != ERROR_NONE || !read->found ||
		    read->value.size < file->width * sizeof(struct hash))
			job->failed = file->name;
		file->bytes = slice_of(read->value.data, file->width * sizeof(struct hash));
		read++;
	}
	/* Once submitted the job is the worker's: not even looked at. */
	if (job->failed == NULL && worker_submit(job->publisher->worker, job_run, step_done, job))
		return;
	if (job->failed == NULL)
		job->failed = job->files[0].name;
	step_end(job);
}

/* ---- sweeping ---- */

static void
sweep_done(void *argument)
{
	struct job *job = argument;

	job->publisher->is_sweeping = false;
	single_done(job);
}

/* How many tiles of a level are full in the published checkpoint. */
static uint64_t
tiles_covered(const struct publisher *publisher, unsigned level)
{
	return (publisher->covered >> (8 * level)) / TILE_WIDTH;
}

static bool
sweep_is_due(const struct publisher *publisher)
{
	bool is_due = false;

	for (unsigned level = 0; level < TREE_LEVELS; level++)
		is_due |= publisher->swept[level] < tiles_covered(publisher, level);
	return is_due && !publisher->is_sweeping;
}

/* Adds the directory of a tile's partial ones. */
static bool
job_add_partials(struct job *job, unsigned level, uint64_t index)
{
	struct buf *name = buf_create(FILE_NAME_MAX - 1);

	if (name == NULL)
		return false;
	tile_path_put(name, level, index, TILE_WIDTH);
	buf_put_text(name, PARTIAL);
	check(buf_ok(name));
	(void)job_add(job, buf_peek(name), SLICE_EMPTY);
	buf_destroy(name);
	return true;
}

/* One that fails is told once and left for the next start. */
static void
publisher_sweep(struct publisher *publisher)
{
	uint64_t swept[TREE_LEVELS];
	struct job *job = sweep_is_due(publisher) ? job_create(publisher) : NULL;
	bool is_good = job != NULL;

	memcpy(swept, publisher->swept, sizeof swept);
	for (unsigned level = 0; level < TREE_LEVELS && is_good; level++) {
		uint64_t covered = tiles_covered(publisher, level);
		for (; swept[level] < covered && job->count < FILES_MAX && is_good; swept[level]++)
			is_good = job_add_partials(job, level, swept[level]);
	}
	if (!is_good || !worker_submit(publisher->worker, sweep_run, sweep_done, job)) {
		if (job != NULL)
			job_free(job);
		return;
	}
	memcpy(publisher->swept, swept, sizeof swept);
	publisher->is_sweeping = true;
}

/* ---- both, once a second ---- */

void
publisher_tick(struct publisher *publisher)
{
	publisher_sweep(publisher);
	if (publisher->is_writing || publisher->offered == NULL)
		return;
	struct job *job = job_create(publisher);
	if (job == NULL) {
		publisher->failed(publisher->context, "checkpoint");
		return;
	}
	publisher->is_writing = true;
	if (!job_fill(job)) {
		job->failed = "tile";
		step_end(job);
	} else if (job->reads_count == 0 ||
	    store_read(publisher->store, job->reads, job->reads_count, job_read_done, job) == STORE_READY) {
		job_read_done(job, ERROR_NONE);
	}
}

/* What is being read, and what that leads to. */
static void
publisher_wait(struct publisher *publisher)
{
	store_wait(publisher->store);
	worker_wait(publisher->worker);
}

void
publisher_finish(struct publisher *publisher)
{
	uint64_t size;

	publisher_wait(publisher);
	do {
		size = publisher->size;
		publisher_tick(publisher);
		publisher_wait(publisher);
	} while (publisher->offered != NULL && publisher->size > size);
}
