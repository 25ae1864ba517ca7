/* SPDX-License-Identifier: Apache-2.0
 *
 * The published files in memory, for the publication operation: trust, campaign, revocation list. Office snapshots
 * share one set of them and the publisher shares their contents, so both are counted and never change under a holder.
 * All functions but content_create are for the loop's thread only. */
#ifndef GUICHET_PUBLICATIONS_H
#define GUICHET_PUBLICATIONS_H

#include "protocol/arena.h"
#include "protocol/error.h"

/* Bytes of crl.pem: about 66 an entry, so four million entries. */
#define PUBLICATION_CRL_MAX ((size_t)256 * 1024 * 1024)

/* ---- one file's bytes ---- */

struct content;

/* A copy of the bytes with one holder; NULL when memory is short. */
must_check struct content *content_create(struct slice bytes);
struct content *content_hold(struct content *content);
/* NULL is allowed. */
void content_release(struct content *content);
/* Borrowed from the holder. */
struct slice content_bytes(const struct content *content);

/* ---- all of them ---- */

struct publications;

/* The most bytes that the published file of this name may have; 0 when no file of this name is published. */
size_t publications_size_max(const char *name);

/* Reads every published file of DIR/public, with one holder. What the server itself makes anew while it runs is taken
 * from `previous` unless that is NULL: it may not have reached the disk yet; without one, what is missing of it is
 * empty until it is made. ERROR_file_unreadable names all that is missing of what only the operator has. Blocking: for
 * start and reload. The fault's texts live in the arena. */
must_check enum error publications_load(const char *directory, const struct publications *previous,
    struct arena *arena, struct publications **out, struct fault *fault);
struct publications *publications_hold(struct publications *publications);
/* NULL is allowed. */
void publications_release(struct publications *publications);
/* The file of that name; false when there is none. Borrowed until the next publications_set. */
must_check bool publications_find(const struct publications *publications, struct slice name, struct slice *bytes);
/* Replaces a file of the list (asserted), which holds the content from now on. */
void publications_set(struct publications *publications, const char *name, struct content *content);

#endif
