/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's tiles as far as the offered checkpoint reaches, then the checkpoint; and single files whole. */
#include "server/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/check.h"
#include "protocol/note.h"
#include "server/publish_single.h"
#include "server/settings.h"
#include "server/store/disk.h"
#include "server/tree.h"

/* Files of one step; the rest goes with the next tick. */
#define FILES_MAX ((size_t)128)
/* Names of published tiles that are looked at with one tick, some milliseconds of the worker's time. */
#define LOOK_MAX ((size_t)1024)
/* Tiles of 8 KB each, as read from the store and as they are sealed there. */
#define TASK_ARENA ((size_t)8 * 1024 * 1024)

/* The loop's until it is submitted, then the worker's until it is done. Of a sweep the files are directories, of a
 * tile's partial ones. */
struct publish_task {
	struct publisher *publisher;
	void (*end)(struct publish_task *task); /* once it is over, well or with a failure; frees it */
	struct publish_failure failure;
	struct arena *arena;     /* of files that come from the log: their bytes */
	uint64_t size_after;     /* of the published log */
	uint64_t offer;          /* number of the checkpoint in it, 0: none */
	struct publish_walk walk; /* of a look: where it goes on, and what it found */
	struct publish_place missing[FILES_MAX];
	size_t missing_count;
	struct store_read reads[FILES_MAX]; /* of the files with a width, in their order */
	size_t reads_count;
	struct publish_file files[FILES_MAX];
	size_t count;
};

struct publisher {
	int directory; /* DIR/public */
	struct worker *worker;
	struct store *store;
	const struct tree *tree;
	struct publisher_calls calls;
	uint64_t size;      /* of the log whose tiles are published */
	uint64_t offered_size;
	uint8_t *offered;   /* checkpoint text of offered_size; NULL: published */
	size_t offered_bytes;
	uint64_t offer;     /* its number, rising */
	bool is_writing;    /* a step of the log is under way */
	uint64_t covered;   /* size in the published checkpoint */
	uint64_t swept[TREE_LEVELS]; /* tiles of each level, from the first, whose partial ones are gone */
	bool is_sweeping;
	struct publish_walk walk; /* what is looked at next of what was published before; over when there is no next */
	bool is_looking;          /* or mending */
	struct publish_singles singles;
};

/* ---- on the worker's thread ---- */

static void
task_run(void *argument)
{
	struct publish_task *task = argument;

	publish_write_files(task->publisher->directory, task->files, task->count, task->offer != 0, &task->failure);
}

static void
sweep_run(void *argument)
{
	struct publish_task *task = argument;

	publish_remove_partials(task->publisher->directory, task->files, task->count, &task->failure);
}

static void
look_run(void *argument)
{
	struct publish_task *task = argument;

	task->missing_count = publish_look(task->publisher->directory, &task->walk, LOOK_MAX, task->missing, FILES_MAX);
}

/* ---- tasks ---- */

static void
task_free(struct publish_task *task)
{
	arena_destroy(task->arena);
	free(task);
}

/* Tells what became of a task: its failure, or that this kind of work is done again. True when it is. */
static bool
task_tell(const struct publish_task *task)
{
	const struct publisher_calls *calls = &task->publisher->calls;

	if (task->failure.step != NULL)
		calls->failed(calls->context, &task->failure);
	else if (calls->done != NULL)
		calls->done(calls->context, task->failure.work);
	return task->failure.step == NULL;
}

static void
offer_forget(struct publisher *publisher)
{
	free(publisher->offered);
	publisher->offered = NULL;
}

/* A step of the log has ended, well or with a failure. */
static void
step_end(struct publish_task *task)
{
	struct publisher *publisher = task->publisher;

	publisher->is_writing = false;
	if (task_tell(task)) {
		publisher->size = task->size_after;
		if (task->offer != 0)
			publisher->covered = task->size_after;
		if (task->offer == publisher->offer)
			offer_forget(publisher);
	}
	task_free(task);
}

/* NULL when memory is short, which is told. */
static struct publish_task *
task_create(struct publisher *publisher, enum publish_work work, const char *file,
    void (*end)(struct publish_task *task))
{
	struct publish_task *task = calloc(1, sizeof *task);

	if (task == NULL) {
		const struct publish_failure failure = { work, "memory", file, ENOMEM, ERROR_NONE };
		publisher->calls.failed(publisher->calls.context, &failure);
		return NULL;
	}
	task->publisher = publisher;
	task->end = end;
	task->failure.work = work;
	return task;
}

/* False, with the failure noted, when the worker has too much to do. */
static bool
task_submit(struct publish_task *task, worker_half run, worker_half done)
{
	struct publish_failure *failure = &task->failure;
	const char *file = task->count == 0 ? "tile" : task->files[0].name;

	/* Once submitted the task is the worker's: not even looked at. */
	if (worker_submit(task->publisher->worker, run, done, task))
		return true;
	publish_failure_set(failure, "queue", file, EAGAIN);
	return false;
}

/* Adds a file; `name` is copied and cut short only by our own mistake. */
static struct publish_file *
task_add(struct publish_task *task, struct slice name, struct slice bytes)
{
	struct publish_file *file = &task->files[task->count++];

	check(task->count <= FILES_MAX && name.size < sizeof file->name);
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
    const struct publisher_calls *calls)
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
	publisher->calls = *calls;
	publisher->singles = (struct publish_singles){
		.directory = publisher->directory, .worker = worker, .calls = &publisher->calls,
	};
	/* Until it is asked for, nothing is looked at. */
	publisher->walk.level = TREE_LEVELS;
	return publisher;
}

void
publisher_destroy(struct publisher *publisher)
{
	if (publisher == NULL)
		return;
	publish_single_close(&publisher->singles);
	free(publisher->offered);
	close(publisher->directory);
	free(publisher);
}

void
publisher_write(struct publisher *publisher, const char *name, struct content *content)
{
	publish_single_write(&publisher->singles, name, content);
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
task_add_tile(struct publish_task *task, unsigned level, uint64_t index, unsigned width)
{
	const struct publisher *publisher = task->publisher;
	uint64_t partial_index;
	unsigned partial_width;
	struct buf *name = buf_create(PUBLISH_NAME_MAX - 1);

	if (name == NULL)
		return false;
	tile_path_put(name, level, index, width);
	check(buf_ok(name));
	struct publish_file *file = task_add(task, buf_peek(name), SLICE_EMPTY);
	buf_destroy(name);
	const struct hash *partial = tree_partial_tile(publisher->tree, level, &partial_index, &partial_width);
	if (partial != NULL && index == partial_index && width <= partial_width)
		return arena_copy(task->arena, slice_of(partial, width * sizeof *partial), &file->bytes);
	file->width = width;
	struct store_read *read = &task->reads[task->reads_count++];
	read->kind = STORE_GET;
	read->arena = task->arena;
	read->key = tree_tile_key(task->arena, level, index);
	return read->key.size != 0;
}

/* The tiles of one level that a log of `size` has and one of `from` had not. */
static bool
task_add_level(struct publish_task *task, unsigned level, uint64_t from, uint64_t size)
{
	uint64_t nodes_from = from >> (8 * level), nodes = size >> (8 * level);

	for (uint64_t index = nodes_from / TILE_WIDTH; index * TILE_WIDTH < nodes; index++) {
		uint64_t left = nodes - index * TILE_WIDTH;
		if (!task_add_tile(task, level, index, left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH))
			return false;
	}
	return true;
}

/* All that goes into the step: full tiles are only asked for. */
static bool
task_fill(struct publish_task *task)
{
	struct publisher *publisher = task->publisher;
	struct slice text;
	/* Every level may add a tile that was in progress before and one that is now; the checkpoint is a file too. */
	uint64_t target = publisher->offered_size, step = TILE_WIDTH * (FILES_MAX - 2 * TREE_LEVELS);

	/* Far behind (a first start on an old store): go on by full tiles, the checkpoint comes with the last step. */
	if (target - publisher->size > step)
		target = (publisher->size + step) / TILE_WIDTH * TILE_WIDTH;
	task->size_after = target;
	task->arena = arena_create(TASK_ARENA);
	bool is_good = task->arena != NULL;
	for (unsigned level = 0; level < TREE_LEVELS && is_good; level++)
		is_good = task_add_level(task, level, publisher->size, target);
	if (!is_good || target != publisher->offered_size)
		return is_good;
	task->offer = publisher->offer;
	if (!arena_copy(task->arena, slice_of(publisher->offered, publisher->offered_bytes), &text))
		return false;
	(void)task_add(task, SLICE_LITERAL("checkpoint"), text);
	return true;
}

/* What was read becomes the files' bytes. */
static void
task_take_reads(struct publish_task *task, enum error error)
{
	const struct store_read *read = task->reads;

	for (size_t i = 0; i < task->count; i++) {
		struct publish_file *file = &task->files[i];
		if (file->width == 0)
			continue;
		size_t size = file->width * sizeof(struct hash);
		if (error == ERROR_NONE)
			error = read->error != ERROR_NONE || (read->found && read->value.size >= size) ? read->error :
			    ERROR_store_damaged;
		if (error != ERROR_NONE) {
			publish_failure_set(&task->failure, "read", file->name, 0);
			task->failure.error = error;
			return;
		}
		file->bytes = slice_of(read->value.data, size);
		read++;
	}
}

static void
task_done(void *argument)
{
	struct publish_task *task = argument;

	task->end(task);
}

static void
task_read_done(void *context, enum error error)
{
	struct publish_task *task = context;

	task_take_reads(task, error);
	if (task->failure.step != NULL || !task_submit(task, task_run, task_done))
		task->end(task);
}

/* Fills the files from the store and writes them, unless memory was short for naming them. */
static void
task_begin(struct publish_task *task, bool is_filled)
{
	if (!is_filled) {
		publish_failure_set(&task->failure, "memory", "tile", ENOMEM);
		task->end(task);
		return;
	}
	if (task->reads_count == 0 ||
	    store_read(task->publisher->store, task->reads, task->reads_count, task_read_done, task) == STORE_READY)
		task_read_done(task, ERROR_NONE);
}

static void
publisher_step(struct publisher *publisher)
{
	if (publisher->is_writing || publisher->offered == NULL)
		return;
	struct publish_task *task = task_create(publisher, PUBLISH_LOG, "checkpoint", step_end);
	if (task == NULL)
		return;
	publisher->is_writing = true;
	task_begin(task, task_fill(task));
}

/* ---- what was published before ---- */

static void
mend_end(struct publish_task *task)
{
	struct publisher *publisher = task->publisher;

	publisher->is_looking = false;
	/* One that fails is looked for again. */
	if (task_tell(task)) {
		publisher->walk = task->walk;
		if (task->count != 0 && publisher->calls.mended != NULL)
			publisher->calls.mended(publisher->calls.context, task->files[0].name, task->count);
	}
	task_free(task);
}

/* What a look found missing is read and written. */
static void
look_done(void *argument)
{
	struct publish_task *task = argument;

	if (task->missing_count == 0) {
		mend_end(task);
		return;
	}
	task->arena = arena_create(TASK_ARENA);
	bool is_good = task->arena != NULL;
	for (size_t i = 0; i < task->missing_count && is_good; i++)
		is_good = task_add_tile(task, task->missing[i].level, task->missing[i].index, task->missing[i].width);
	task_begin(task, is_good);
}

static void
publisher_look(struct publisher *publisher)
{
	struct publish_walk ahead = publisher->walk;
	struct publish_place place;

	if (publisher->is_looking || !publish_place_next(&ahead, &place))
		return;
	struct publish_task *task = task_create(publisher, PUBLISH_MEND, "tile", mend_end);
	if (task == NULL)
		return;
	task->walk = publisher->walk;
	publisher->is_looking = true;
	if (!task_submit(task, look_run, look_done))
		mend_end(task);
}

void
publisher_mend(struct publisher *publisher)
{
	publisher->walk = (struct publish_walk){ .size = publisher->covered };
}

/* ---- sweeping ---- */

/* That one failed is not made up for by others that do not. */
static void
sweep_end(struct publish_task *task)
{
	task->publisher->is_sweeping = false;
	if (task->failure.step != NULL)
		(void)!task_tell(task);
	task_free(task);
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
task_add_partials(struct publish_task *task, unsigned level, uint64_t index)
{
	struct buf *name = buf_create(PUBLISH_NAME_MAX - 1);

	if (name == NULL)
		return false;
	tile_path_put(name, level, index, TILE_WIDTH);
	buf_put_text(name, TILE_PARTIALS);
	check(buf_ok(name));
	(void)task_add(task, buf_peek(name), SLICE_EMPTY);
	buf_destroy(name);
	return true;
}

/* One that fails is told once and left for the next start. */
static void
publisher_sweep(struct publisher *publisher)
{
	uint64_t swept[TREE_LEVELS];
	struct publish_task *task =
	    sweep_is_due(publisher) ? task_create(publisher, PUBLISH_SWEEP, "tile", sweep_end) : NULL;
	bool is_good = task != NULL;

	memcpy(swept, publisher->swept, sizeof swept);
	for (unsigned level = 0; level < TREE_LEVELS && is_good; level++) {
		uint64_t covered = tiles_covered(publisher, level);
		for (; swept[level] < covered && task->count < FILES_MAX && is_good; swept[level]++)
			is_good = task_add_partials(task, level, swept[level]);
	}
	/* With too little memory or too much to do, the next tick will do. */
	if (!is_good || !worker_submit(publisher->worker, sweep_run, task_done, task)) {
		if (task != NULL)
			task_free(task);
		return;
	}
	memcpy(publisher->swept, swept, sizeof swept);
	publisher->is_sweeping = true;
}

/* ---- all of it, once a second ---- */

static void
publisher_advance(struct publisher *publisher)
{
	publisher_sweep(publisher);
	/* Before a step, which writes the tiles in progress at any rate: what was missing is to be told. */
	publisher_look(publisher);
	publisher_step(publisher);
}

void
publisher_tick(struct publisher *publisher)
{
	publish_single_tick(&publisher->singles);
	publisher_advance(publisher);
}

static bool
publisher_is_idle(const struct publisher *publisher)
{
	return !publisher->is_writing && !publisher->is_looking && !publisher->is_sweeping &&
	    publisher->singles.under_way == 0;
}

/* What is read is then written, and what a look finds missing is read first. */
static void
publisher_wait(struct publisher *publisher)
{
	do {
		store_wait(publisher->store);
		worker_wait(publisher->worker);
	} while (!publisher_is_idle(publisher));
}

void
publisher_finish(struct publisher *publisher)
{
	uint64_t size;

	if (publisher == NULL)
		return;
	publisher_wait(publisher);
	do {
		size = publisher->size;
		publisher_advance(publisher);
		publisher_wait(publisher);
	} while (publisher->offered != NULL && publisher->size > size);
}
