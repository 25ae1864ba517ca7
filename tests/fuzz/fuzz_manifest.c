/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests. Properties: what is accepted is written again as the same bytes, so that no two texts mean the same
 * filing; what is refused names a place and an expectation, and repeats nothing but visible ASCII. */
#include "protocol/check.h"
#include "protocol/manifest.h"
#include "tests/fuzz/fuzz.h"

static void
same_when_written(struct slice text, const struct manifest *manifest)
{
	struct buf *buf = buf_create(LIMIT_MANIFEST_SIZE);

	check(buf != NULL);
	manifest_put(buf, manifest);
	check(buf_ok(buf) && slice_equal(buf_peek(buf), text));
	buf_destroy(buf);
}

static void
refusal_can_be_shown(const struct fault *fault)
{
	check(fault->error == ERROR_manifest_malformed || fault->error == ERROR_media_type_refused);
	check(fault->place.size > 0 && fault->expected.size > 0 && fault->value.size <= 67);
	for (size_t i = 0; i < fault->value.size; i++)
		check(fault->value.data[i] >= ' ' && fault->value.data[i] <= '~');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_create((size_t)1 << 20);
	struct manifest manifest;
	struct fault fault;

	check(arena != NULL);
	if (manifest_parse(slice_of(data, size), arena, &manifest, &fault) == ERROR_NONE)
		same_when_written(slice_of(data, size), &manifest);
	else
		refusal_can_be_shown(&fault);
	arena_destroy(arena);
	return 0;
}
