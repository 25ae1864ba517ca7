/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch's way to the disk: the committer writes it to the journal, which is the commit, and applies it to segments
 * and LevelDB without a sync; the flusher makes that durable while the journal's other file is filled, and then notes
 * how many batches are (LEVELDB_COMMITTED_FILE). */
#include "server/store/leveldb_engine.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

void
leveldb_space_measure(struct leveldb_store *leveldb)
{
	struct statvfs space;

	if (fstatvfs(leveldb->directory, &space) != 0)
		return;
	/* What the journal still has to grow by is as good as taken. */
	uint64_t left = (uint64_t)space.f_bavail * space.f_frsize, growth = journal_growth(&leveldb->journal);
	atomic_store_explicit(&leveldb->space, left > growth ? left - growth : 0, memory_order_relaxed);
}

static enum error
write_failed(struct disk_failure *failure, const char *what)
{
	int code = errno;

	disk_failure_set(failure, code, "%s", what);
	return disk_error(code);
}

static enum error
journal_failed(const struct leveldb_store *leveldb, struct disk_failure *failure)
{
	int code = errno;

	disk_failure_set(failure, code, "journal/%u", leveldb->journal.current);
	return disk_error(code);
}

/* ---- the flusher ---- */

struct opening {
	struct leveldb_store *leveldb;
	const char *path;
	bool create;
	enum error error;
	struct disk_failure failure;
};

static void
opening_run(void *argument)
{
	struct opening *opening = argument;
	struct leveldb_store *leveldb = opening->leveldb;

	/* Of this thread, and of LevelDB's, which it starts. To become nicer is refused to nobody. */
	(void)!setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, (id_t)gettid()) + LEVELDB_NICER);
	opening->error = db_open(opening->path, opening->create, &leveldb->db, &opening->failure);
	if (opening->error == ERROR_NONE)
		opening->error = db_flush(leveldb->db, &opening->failure);
}

static void
nothing_done(void *argument)
{
	(void)argument;
}

enum error
leveldb_flusher_start(struct leveldb_store *leveldb, const char *path, bool create)
{
	struct opening opening = { .leveldb = leveldb, .path = path, .create = create };

	leveldb->flush.worker = worker_create("flusher");
	if (leveldb->flush.worker == NULL ||
	    !worker_submit(leveldb->flush.worker, opening_run, nothing_done, &opening))
		return ERROR_out_of_memory;
	worker_wait(leveldb->flush.worker);
	disk_failure_set(&leveldb->failure, 0, "%s", opening.failure.text);
	return opening.error;
}

enum error
leveldb_committed_note(struct leveldb_store *leveldb, uint64_t number, struct disk_failure *failure)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)number);
	return disk_write_file(NULL, leveldb->directory, LEVELDB_COMMITTED_FILE, slice_of_text(text)) ? ERROR_NONE :
	    write_failed(failure, LEVELDB_COMMITTED_FILE);
}

/* Segments first: what LevelDB knows as durable is so with its blobs. */
static void
flush_run(void *argument)
{
	struct leveldb_store *leveldb = argument;
	struct leveldb_flush *flush = &leveldb->flush;

	if (flush->flushing != NULL)
		flush->flushing(flush->flushing_context);
	flush->error = segment_files_sync(&flush->files, &leveldb->disk, leveldb->segments) ? ERROR_NONE :
	    write_failed(&flush->failure, "segments: sync");
	if (flush->error == ERROR_NONE)
		flush->error = disk_count(&leveldb->disk) ? db_flush(leveldb->db, &flush->failure) :
		    write_failed(&flush->failure, "db: flush");
	/* Where it cannot be noted the bound of before holds, which is lower; the stop notes it, or says why not. */
	struct disk_failure ignored = { .text = "" };
	if (flush->error == ERROR_NONE && flush->number != 0)
		(void)!leveldb_committed_note(leveldb, flush->number, &ignored);
	if (flush->error != ERROR_NONE)
		atomic_store(&flush->has_failed, true);
}

static enum error
flush_start(struct leveldb_store *leveldb)
{
	segment_writer_hand_over(&leveldb->writer, &leveldb->flush.files);
	leveldb->flush.number = leveldb->applied;
	/* It has no other job. */
	return worker_submit(leveldb->flush.worker, flush_run, nothing_done, leveldb) ? ERROR_NONE :
	    ERROR_out_of_memory;
}

static enum error
flush_wait(struct leveldb_store *leveldb, struct disk_failure *failure)
{
	struct leveldb_flush *flush = &leveldb->flush;

	worker_wait(flush->worker);
	if (flush->error != ERROR_NONE)
		disk_failure_set(failure, 0, "%s", flush->failure.text);
	return flush->error;
}

enum error
leveldb_flush_now(struct leveldb_store *leveldb, struct disk_failure *failure)
{
	enum error error = flush_wait(leveldb, failure);

	if (error == ERROR_NONE)
		error = flush_start(leveldb);
	return error == ERROR_NONE ? flush_wait(leveldb, failure) : error;
}

/* ---- the committer ---- */

/* The journal's other file may be written over when what it holds is durable elsewhere; what the one left holds is made
 * so meanwhile. */
static enum error
turn(struct leveldb_store *leveldb, struct disk_failure *failure)
{
	enum error error = flush_wait(leveldb, failure);

	if (error == ERROR_NONE)
		error = flush_start(leveldb);
	if (error == ERROR_NONE)
		journal_turn(&leveldb->journal);
	return error;
}

enum error
leveldb_apply(struct leveldb_store *leveldb, const struct journal_entry *entry, bool with_records,
    struct disk_failure *failure)
{
	char name[sizeof "segments/" + SEGMENT_NAME_SIZE] = "segments/";

	if (entry->blobs.size != 0 &&
	    !segment_write(&leveldb->writer, &leveldb->disk, entry->segment, entry->start, entry->blobs)) {
		segment_name(entry->segment, name + sizeof "segments/" - 1);
		return write_failed(failure, name);
	}
	if (!with_records)
		return ERROR_NONE;
	if (!disk_count(&leveldb->disk))
		return write_failed(failure, "db: write");
	return db_write(leveldb->db, entry->records, failure);
}

enum error
leveldb_batch_write(struct leveldb_store *leveldb, struct leveldb_batch *batch)
{
	const struct journal_entry *entry = &batch->entry;
	struct slice body = slice_of(entry->blobs.data, entry->blobs.size + entry->records.size);
	enum error error = ERROR_NONE;

	if (!key_files_write(&batch->keys, &leveldb->disk))
		return write_failed(&batch->failure, "writing a data key");
	/* What failed behind is told at once, not when the journal turns. */
	if (atomic_load_explicit(&leveldb->flush.has_failed, memory_order_relaxed))
		error = flush_wait(leveldb, &batch->failure);
	else if (journal_is_full(&leveldb->journal, body.size))
		error = turn(leveldb, &batch->failure);
	if (error != ERROR_NONE)
		return error;
	if (!journal_append(&leveldb->journal, &leveldb->disk, batch->header, batch->tag, body))
		return journal_failed(leveldb, &batch->failure);
	error = leveldb_apply(leveldb, entry, true, &batch->failure);
	if (error == ERROR_NONE)
		leveldb->applied = batch->number;
	return error;
}

enum error
leveldb_mark(struct leveldb_store *leveldb, struct disk_failure *failure)
{
	uint8_t header[JOURNAL_HEADER_SIZE], tag[JOURNAL_TAG_SIZE];

	journal_mark_put(leveldb->number, header);
	enum error error = leveldb_tag_put(leveldb, slice_of(header, sizeof header), tag);
	if (error != ERROR_NONE)
		return error;
	if (!journal_mark(&leveldb->journal, &leveldb->disk, header, tag))
		return journal_failed(leveldb, failure);
	leveldb->marked = leveldb->number;
	return ERROR_NONE;
}
