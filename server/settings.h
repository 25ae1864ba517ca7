/* SPDX-License-Identifier: Apache-2.0
 *
 * DIR/guichet.json: what the operator sets. Everything in it has a default but the origin. And the names of what
 * else is in DIR, in one place. */
#ifndef GUICHET_SETTINGS_H
#define GUICHET_SETTINGS_H

#include <stdio.h>

#include "protocol/arena.h"
#include "protocol/buf.h"
#include "protocol/error.h"
#include "protocol/limits.h"
#include "server/log.h"

struct settings {
	char origin[LIMIT_ORIGIN + 1]; /* of the office, "guichet.example/2026" */
	char listen[64];               /* "127.0.0.1:7443" */
	uint64_t disk_reserve;         /* bytes kept free: store.h, enum store_purpose */
	uint64_t busy_after_ms;         /* a request that waited so long is not begun */
	uint64_t enrolments_per_second; /* that are taken however busy the server is */
	uint64_t jobs_max;             /* requests under way */
	uint64_t batch_max;            /* decisions in one commit */
	/* What is shared among network addresses: when it is short, the one that holds most does without, and its
	 * connections are evicted (evict.h). */
	uint64_t connections_max;
	uint64_t handshakes_max; /* one address has half of them at most */
	uint64_t buffered_max;   /* bytes of memory for frames and answers; one address's, all have twice as much */
	enum log_level log_level; /* debug: every line, none is withheld */
};

/* Paths under DIR. */
#define SETTINGS_FILE "guichet.json"
/* In DIR while guichetd init makes it: what was not finished is no office. */
#define SETTINGS_UNFINISHED_FILE "init-unfinished"
#define SETTINGS_UNFINISHED "an office that guichetd init has finished; remove what it left and run it again"
#define KEYS_DIRECTORY "keys"
#define PUBLIC_DIRECTORY "public"
#define CAMPAIGN_FILE "campaign.json"
#define CATALOGUE_FILE "catalogue.json"

/* A path under DIR, NUL-terminated; `size` bytes at `out` (cut short is our mistake: checked). */
void settings_path(char *out, size_t size, const char *directory, const char *name);
#define PATH_SIZE ((size_t)4096)
/* Makes the names in DIR durable. ERROR_file_unreadable, ERROR_disk_full with its path; the texts live in the arena. */
must_check enum error settings_sync_directory(const char *directory, struct arena *arena, struct fault *fault);
/* Bytes in the name of DIR: the rest of a path is for the longest of what is under it, with room to spare. */
#define DIRECTORY_MAX ((size_t)3072)
#define DIRECTORY_MAX_TEXT "3072"

/* The whole of a regular file of at most size_max bytes, in the arena. ERROR_file_unreadable with the path. Waits for
 * the disk only, whatever stands there under that name. */
must_check enum error settings_read_file(
    const char *path, size_t size_max, struct arena *arena, struct slice *out, struct fault *fault);
/* The same in memory of its own, for free(); only the fault's texts live in the arena. */
must_check enum error settings_read_bytes(const char *path, size_t size_max, struct arena *arena, uint8_t **bytes,
    size_t *size, struct fault *fault);

/* A fault in a file says in which: "campaign.json, line 3, column 7 (byte 41)". `name` is the file's; the texts are
 * copied into the arena. Returns the fault's error, or ERROR_out_of_memory. */
enum error settings_name_file(const char *name, struct arena *arena, struct fault *fault);
/* Reads DIR/guichet.json. The fault's texts live in the arena. */
must_check enum error settings_load(
    const char *directory, struct arena *arena, struct settings *out, struct fault *fault);
/* Appends a file with every setting at its default. */
void settings_write(struct buf *buf, const char *origin);
/* Each setting in a line: name, default, what is allowed, what it is. */
void settings_print_help(FILE *to);

#endif
