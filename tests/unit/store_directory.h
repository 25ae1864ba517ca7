/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory of a test's own with a keyring and a LevelDB store in it, opened and closed as often as it likes. */
#ifndef GUICHET_STORE_DIRECTORY_H
#define GUICHET_STORE_DIRECTORY_H

#include "server/store/leveldb.h"
#include "tests/unit/store_conformance.h"

struct directory {
	struct conformance conformance; /* first: the suite's functions take it */
	char path[64], keys[72];
	struct worker *committer, *reader;
	struct keyring *keyring;
	struct leveldb_config config;
	struct fault fault;
	enum error settled; /* what the last orderly close said */
};

/* A new directory under /tmp with a keyring and an open store. */
struct directory *directory_create(void);
/* What directory_create of another process made, closed. */
struct directory *directory_find(const char *path);
/* Closes what is open and removes everything. */
void directory_destroy(struct directory *directory);

/* Starts the workers, opens keyring and store; what leveldb_store_open or keyring_open said. With an error everything
 * is closed again. */
must_check enum error directory_open(struct directory *directory);
/* Orderly: waits, closes the store, ends the workers. */
void directory_close(struct directory *directory);

/* The paths of the files below the directory, in the arena, sorted; NULL ends the list. */
const char **directory_files(struct directory *directory);

#endif
