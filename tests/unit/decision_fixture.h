/* SPDX-License-Identifier: Apache-2.0
 *
 * An office for tests of decisions, commits and dispatch: a real authority in a directory of its own, a volatile
 * keyring, the store in memory, an open campaign and the delivered catalogue. Handlers are run as the server runs them,
 * and what they decide is committed, without loop, socket or clock. */
#ifndef GUICHET_DECISION_FIXTURE_H
#define GUICHET_DECISION_FIXTURE_H

#include "server/commit.h"
#include "server/decide.h"
#include "server/store/leveldb.h"
#include "server/store/memory.h"
#include "server/tree.h"
#include "tests/unit/unit.h"

/* 2026-04-01 10:00:00 UTC, within the campaign for the income of 2025, "ir-2025". */
#define FIXTURE_NOW ((uint64_t)1775037600)
#define FIXTURE_ORIGIN "guichet.example/2026"

struct decision_fixture {
	char directory[64]; /* DIR: DIR/keys and DIR/public are there, no store is */
	struct arena *arena; /* lives as long as the fixture */
	struct authority *authority;
	struct keyring *keyring;
	struct store *store;
	struct leveldb_config leveldb; /* when on disk */
	struct worker *worker;         /* likewise */
	struct tree *tree;
	struct key_verifier *verifier;
	struct inflater *inflater;
	struct publications *publications;
	struct office *office;
	struct commit *commit; /* 64 decisions a batch */

	uint64_t now;        /* the next run's clock, FIXTURE_NOW at first */
	struct holder holder; /* the next run's, nobody at first */
	uint8_t address[16];
	uint8_t channel_binding[32];
	enum error room; /* what the next run is told if it writes, ERROR_NONE at first */

	/* what commit told */
	unsigned failed_count, settled_count;
	enum error failed;
	char checkpoint[1024]; /* the newest, "" before */
};

/* Ends the test when anything fails. `config` may be NULL: a store that answers at once. */
struct decision_fixture *decision_fixture_create(const struct memory_config *config);
/* The same with the store on disk: DIR is all that `guichetd init` makes. */
struct decision_fixture *decision_fixture_create_on_disk(void);
/* Ends and begins the use of its store, so that others may open DIR meanwhile. After the end no more decision is run.
 * */
void decision_fixture_close_store(struct decision_fixture *fixture);
void decision_fixture_open_store(struct decision_fixture *fixture);
/* Removes the directory too. Nothing may be on its way. */
void decision_fixture_destroy(struct decision_fixture *fixture);

/* ---- running a handler ---- */

/* Runs the handler until it is decided, commits what it wants written, and waits until that is durable. effects->answer
 * is a struct of the answer record; effects->refusal says if it was refused. Lives as long as the fixture. */
struct effects *decision_fixture_run(struct decision_fixture *fixture, decide handler,
    const struct record *answer_record, const void *request);
/* The same without committing: what the decision would do. */
struct effects *decision_fixture_decide(struct decision_fixture *fixture, decide handler,
    const struct record *answer_record, const void *request);
/* The same for an operation by its number: gate first, then its handler in services_table. */
struct effects *decision_fixture_operate(struct decision_fixture *fixture, enum operation_number operation,
    const void *request);

/* ---- records ---- */

/* Keyed hash as decisions make it ("person", "household", "campaign"). */
struct keyed decision_fixture_keyed(struct decision_fixture *fixture, const char *domain, const char *word);
/* Commits one record. */
void decision_fixture_put(struct decision_fixture *fixture, struct slice key, const struct record *record,
    const void *value);
/* The record behind a key into `out`; false when there is none. */
bool decision_fixture_get(struct decision_fixture *fixture, struct slice key, const struct record *record, void *out);
/* Puts a line of the register, and the person into its household, as an import does. */
void decision_fixture_register(struct decision_fixture *fixture, const struct rec_taxpayer *taxpayer);

#endif
