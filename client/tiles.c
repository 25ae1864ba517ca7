/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's hashes as an office publishes them (C2SP tlog-tiles), read back for a consistency proof without any server.
 * Nothing read here is trusted: the proof made of it holds or does not. */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/problem.h"
#include "client/trust.h"

/* A tile has so many levels of the tree in it, and so many hashes when it is full. */
#define TILE_HEIGHT 8
#define TILE_WIDTH 256U
#define PATH_MAX_SIZE ((size_t)4096)

/* "directory/tile/..." in a buffer that lives until the next call; NULL when it is too long. */
static const char *
tile_path(struct buf *buf, const struct guichet_trust *trust, unsigned level, uint64_t index, unsigned width)
{
	buf_clear(buf);
	buf_put_format(buf, "%s/", trust->directory);
	tile_path_put(buf, level, index, width);
	buf_put_u8(buf, 0);
	return buf_ok(buf) ? (const char *)buf_peek(buf).data : NULL;
}

/* A partial tile of that directory that is wide enough: some width, 0 when there is none. */
static unsigned
find_partial(const char *directory, unsigned width)
{
	DIR *open = opendir(directory);
	const struct dirent *entry;
	uint64_t found = 0, candidate;

	if (open == NULL)
		return 0;
	while (found == 0 && (entry = readdir(open)) != NULL)
		if (decimal_decode(slice_of_text(entry->d_name), TILE_WIDTH - 1, &candidate) && candidate >= width)
			found = candidate;
	closedir(open);
	return (unsigned)found;
}

/* The file of a tile of just that width; NULL when there is none. */
static struct guichet_blob *
read_width(const struct guichet_trust *trust, struct buf *path_buf, unsigned level, uint64_t index, unsigned width)
{
	struct guichet_blob *blob = NULL;
	const char *path = tile_path(path_buf, trust, level, index, width);

	if (path == NULL || guichet_file_read(path, TILE_WIDTH * DIGEST_SIZE, &blob, NULL) != GUICHET_ERROR_none)
		return NULL;
	return blob;
}

static struct guichet_blob *
read_partial(const struct guichet_trust *trust, struct buf *path_buf, unsigned level, uint64_t index, unsigned width)
{
	/* "tile/0/000.p/5" lies in the directory "tile/0/000.p". */
	const char *path = tile_path(path_buf, trust, level, index, 1);
	char *directory = path != NULL ? strdup(path) : NULL;

	if (directory == NULL)
		return NULL;
	*strrchr(directory, '/') = '\0';
	unsigned partial = find_partial(directory, width);
	free(directory);
	return partial != 0 ? read_width(trust, path_buf, level, index, partial) : NULL;
}

/* The first `width` hashes of a tile, out of a full one or one that is partial but wide enough; the caller's. */
static struct guichet_blob *
read_tile(const struct guichet_trust *trust, struct buf *path_buf, unsigned level, uint64_t index, unsigned width)
{
	struct guichet_blob *blob = read_width(trust, path_buf, level, index, TILE_WIDTH);

	if (blob == NULL)
		blob = read_partial(trust, path_buf, level, index, width);
	/* It may have become full, and lost its partial ones, in between. */
	if (blob == NULL)
		blob = read_width(trust, path_buf, level, index, TILE_WIDTH);
	if (blob == NULL)
		return NULL;
	if (guichet_blob_bytes(blob).size >= (size_t)width * DIGEST_SIZE)
		return blob;
	guichet_blob_destroy(blob);
	return NULL;
}

struct reading {
	const struct guichet_trust *trust;
	struct buf *path;
};

/* merkle_read_node: the subtree's hashes lie side by side in one tile. */
static bool
read_node(void *context, unsigned level, uint64_t index, struct hash *out)
{
	const struct reading *reading = context;
	struct hash hashes[TILE_WIDTH];
	unsigned height = level % TILE_HEIGHT, count = 1U << height;
	uint64_t first = index << height;
	unsigned offset = (unsigned)(first % TILE_WIDTH);

	struct guichet_blob *tile =
	    read_tile(reading->trust, reading->path, level / TILE_HEIGHT, first / TILE_WIDTH, offset + count);
	if (tile == NULL)
		return false;
	memcpy(hashes, guichet_blob_bytes(tile).data + (size_t)offset * DIGEST_SIZE, (size_t)count * DIGEST_SIZE);
	guichet_blob_destroy(tile);
	merkle_fold(hashes, count);
	*out = hashes[0];
	return true;
}

enum guichet_error
guichet_tiles_consistency(const struct guichet_trust *trust, uint64_t size_old, uint64_t size_new,
    struct guichet_blob **out, struct guichet_problem *problem)
{
	struct reading reading = { trust, buf_create(PATH_MAX_SIZE) };
	struct merkle_proof proof = { 0 };
	char expected[96];

	*out = NULL;
	if (size_old == 0 || size_old > size_new) {
		buf_destroy(reading.path);
		return problem_set(
		    problem, ERROR_usage, "sizes", SLICE_EMPTY, "an older size of at least 1, and a newer one");
	}
	bool proven = reading.path != NULL && merkle_prove_consistency(size_old, size_new, read_node, &reading, &proof);
	buf_destroy(reading.path);
	if (!proven) {
		snprintf(expected, sizeof expected, "tile/ with the hashes of %" PRIu64 " entries", size_new);
		return problem_set(
		    problem, ERROR_file_unreadable, trust->directory, SLICE_LITERAL("tiles missing"), expected);
	}
	struct buf *hashes = buf_create(sizeof proof.hashes);
	if (hashes != NULL)
		buf_put(hashes, slice_of(proof.hashes, proof.count * DIGEST_SIZE));
	*out = blob_take(hashes);
	return *out != NULL ? GUICHET_ERROR_none :
			      problem_set(problem, ERROR_out_of_memory, "tiles", SLICE_EMPTY, NULL);
}
