/* SPDX-License-Identifier: Apache-2.0
 *
 * What DIR/public tells the world besides the checkpoint. Tiles can be written again, so one that is missing is no
 * matter; what is there has to be true, and the list of revocations has to be there. Campaign and catalogue are the
 * operator's own: what is there has to be what the office took. */
#include "server/admin/audit.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "protocol/digest.h"
#include "server/authority.h"
#include "server/publication_record.h"

#define TILE_PATH_MAX ((size_t)128)

/* ---- tiles ---- */

/* Which tile a path is of: "tile/0/x001/234.p/5". */
static bool
tile_parse(const char *path, unsigned *level, uint64_t *index, unsigned *width)
{
	int read = 0;
	unsigned group;
	const char *whole = path;
	struct buf *again = buf_create(TILE_PATH_MAX);
	bool is_good = again != NULL && sscanf(path, "tile/%2u%n", level, &read) == 1 && *level < TREE_LEVELS;

	*index = 0;
	*width = TILE_WIDTH;
	path += is_good ? read : 0;
	for (unsigned depth = 0; is_good && depth < 6 && path[0] == '/' && path[1] == 'x'; depth++, path += 5) {
		is_good = sscanf(path, "/x%3u%n", &group, &read) == 1 && read == 5;
		*index = *index * 1000 + group;
	}
	is_good = is_good && sscanf(path, "/%3u%n", &group, &read) == 1 && read == 4;
	*index = *index * 1000 + group;
	path += is_good ? read : 0;
	if (is_good && path[0] != '\0')
		is_good = sscanf(path, TILE_PARTIALS "/%3u%n", width, &read) == 1 && *width > 0 &&
		    *width < TILE_WIDTH;
	/* Written again it is the same, so nothing was read into it. */
	if (is_good) {
		tile_path_put(again, *level, *index, *width);
		is_good = slice_equal_text(buf_peek(again), whole);
	}
	buf_destroy(again);
	return is_good;
}

/* The first `width` hashes of a tile as the log has them: full ones were compared with the leaves, the others are in
 * memory. */
static bool
tile_hashes(struct audit *audit, unsigned level, uint64_t index, unsigned width, struct slice *out)
{
	const struct audit_row *row = &audit->log.rows[level];
	bool found = false;

	if (index > row->index || (index == row->index && width > row->width))
		return false;
	*out = slice_of(row->hashes, width * sizeof row->hashes[0]);
	if (index == row->index)
		return true;
	struct slice key = tree_tile_key(audit->arena, level, index);
	if (store_get_now(audit->store, key, audit->arena, &found, out) != ERROR_NONE || !found ||
	    out->size != TILE_WIDTH * sizeof(struct hash))
		return false;
	out->size = width * sizeof(struct hash);
	return true;
}

static void
tile_file(struct audit *audit, const char *path)
{
	unsigned level, width;
	uint64_t index;
	struct slice content, hashes;
	size_t size = strlen(path);

	/* What a crash left of a file being written. */
	if (size > 4 && strcmp(path + size - 4, ".new") == 0)
		return;
	arena_reset(audit->arena);
	if (!tile_parse(path, &level, &index, &width))
		audit_disagree(audit, "published file", slice_of_text(path), "the path of a tile");
	else if (!tile_hashes(audit, level, index, width, &hashes))
		audit_disagree(audit, "published file", slice_of_text(path), "a tile that the log has");
	else if (!audit_published_file(audit, path, TILE_WIDTH * sizeof(struct hash), &content) ||
	    !slice_equal(content, hashes))
		audit_disagree(audit, "published file", slice_of_text(path), "the hashes of the log");
	else
		audit->counts[AUDIT_published_tiles]++;
}

/* Every file below a directory of DIR/public. */
static void
tiles_walk(struct audit *audit, const char *path, unsigned depth)
{
	char within[PATH_SIZE / 2], whole[PATH_SIZE], below[TILE_PATH_MAX];
	struct dirent *entry;
	struct stat status;

	settings_path(within, sizeof within, PUBLIC_DIRECTORY, path);
	settings_path(whole, sizeof whole, audit->directory, within);
	DIR *directory = opendir(whole);
	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		int size = snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
		bool is_known = size > 0 && (size_t)size < sizeof below &&
		    fstatat(dirfd(directory), entry->d_name, &status, 0) == 0;
		if (is_known && S_ISDIR(status.st_mode) && depth > 0)
			tiles_walk(audit, below, depth - 1);
		else if (is_known && S_ISREG(status.st_mode))
			tile_file(audit, below);
		else
			audit_disagree(audit, "published file", slice_of_text(path), "tiles and nothing else in it");
	}
	closedir(directory);
}

/* ---- revocations ---- */

static bool
entry_agrees(struct audit *audit, X509_REVOKED *entry)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_REVOKED_get0_serialNumber(entry), NULL);
	uint8_t serial[SERIAL_SIZE];
	struct rec_revocation record;
	struct tm tm;
	bool is_good = number != NULL && BN_bn2binpad(number, serial, sizeof serial) == (int)sizeof serial &&
	    ASN1_TIME_to_tm(X509_REVOKED_get0_revocationDate(entry), &tm) == 1;

	BN_free(number);
	arena_reset(audit->arena);
	return is_good &&
	    audit_find(audit, KEY_MAKE(audit->arena, KEY_revocation, slice_of(serial, sizeof serial)),
	    record_revocation(),
		&record) &&
	    timegm(&tm) == (time_t)record.revoked_at;
}

/* The list may be a minute behind the records, never beyond them. */
static void
check_list(struct audit *audit)
{
	char path[PATH_SIZE];
	uint8_t *pem;
	size_t size;
	struct fault ignored;

	arena_reset(audit->arena);
	settings_path(path, sizeof path, audit->directory, PUBLIC_DIRECTORY "/" AUTHORITY_CRL_FILE);
	if (settings_read_bytes(path, PUBLICATION_CRL_MAX, audit->arena, &pem, &size, &ignored) != ERROR_NONE) {
		audit_disagree(audit, "published file", slice_of_text(AUTHORITY_CRL_FILE),
		    "a file that can be read: guichetd serve makes it anew");
		return;
	}
	BIO *bio = BIO_new_mem_buf(pem, (int)size);
	X509_CRL *list = bio == NULL ? NULL : PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
	BIO_free(bio);
	free(pem);
	if (list == NULL || (audit->issuer != NULL && X509_CRL_verify(list, audit->issuer) != 1)) {
		audit_disagree(audit, "published file", slice_of_text(AUTHORITY_CRL_FILE),
		    "a list signed by the office");
		X509_CRL_free(list);
		return;
	}
	STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++)
		if (entry_agrees(audit, sk_X509_REVOKED_value(entries, i)))
			audit->counts[AUDIT_published_revocations]++;
		else
			audit_disagree_number(audit, "published revocation", (uint64_t)i, "a revocation on record");
	X509_CRL_free(list);
}

/* ---- campaign and catalogue ---- */

/* What the operator changed while no server ran disagrees too: the office has not taken it, and it cannot be told from
 * damage. */
void
audit_publication(struct audit *audit, struct slice value)
{
	const char *file = publication_record_file(audit->keyring, audit->key, audit->arena);
	struct rec_publication record;
	struct slice content;
	uint8_t digest[DIGEST_SIZE];

	if (file == NULL || record_decode(record_publication(), value, audit->arena, &record) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	bool is_there = audit_published_file(audit, file, publications_size_max(file), &content);
	if (is_there)
		digest_bytes(content, digest);
	if (is_there && slice_equal(record.digest, slice_of(digest, sizeof digest)))
		audit->counts[AUDIT_published_files]++;
	else
		audit_disagree(audit, "published file", slice_of_text(file),
		    "what the office took last; what was changed since, guichetd serve takes");
}

/* A file without its record would be compared with nothing. */
static void
check_recorded(struct audit *audit)
{
	const char *file;

	for (size_t nth = 0;; nth++) {
		struct rec_publication record;
		arena_reset(audit->arena);
		struct slice key = publication_record_key(audit->keyring, nth, audit->arena, &file);
		if (file == NULL)
			return;
		if (!audit_find(audit, key, record_publication(), &record))
			audit_disagree(audit, "published file", slice_of_text(file),
			    "its record, which every start of guichetd serve makes");
	}
}

void
audit_published(struct audit *audit)
{
	check_list(audit);
	check_recorded(audit);
	if (!audit->log.is_broken)
		tiles_walk(audit, "tile", 10);
}
