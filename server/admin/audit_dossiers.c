/* SPDX-License-Identifier: Apache-2.0
 *
 * Dossiers: each names a filing in force, and each filing in force is named. Nothing in a filing leads to its dossier
 * (the household may have changed since), so the second half compares all of both, a part of the ids at a time. */
#include "server/admin/audit.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/manifest.h"

/* Dossiers whose ids are held at once, about. */
#define PART_SIZE ((uint64_t)1 << 20)
/* Records of one read. */
#define PAGE ((size_t)256)

/* The mode of the first filing of a chain: back along `replaces`, which only ever leads to earlier leaves. */
static bool
first_mode(struct audit *audit, const struct rec_filing *last, uint64_t *mode)
{
	struct rec_filing record = *last, earlier;
	struct rec_archive_filing archive;
	struct manifest manifest;
	struct fault fault;

	while (record.has_replaces) {
		if (!audit_find_number(audit, record.replaces, &earlier) || earlier.leaf >= record.leaf)
			return false;
		record = earlier;
	}
	if (!audit_archive(audit, record.archive, record_archive_filing(), &archive) ||
	    manifest_parse(archive.manifest, audit->arena, &manifest, &fault) != ERROR_NONE)
		return false;
	*mode = (uint64_t)manifest.mode;
	return true;
}

void
audit_dossier(struct audit *audit, struct slice value)
{
	struct rec_dossier dossier;
	struct rec_filing record;
	uint64_t mode = 0;

	if (record_decode(record_dossier(), value, audit->arena, &dossier) != ERROR_NONE) {
		audit_disagree_record(audit, "a record of its kind");
		return;
	}
	audit->counts[AUDIT_dossiers]++;
	if (!audit_find(audit, KEY_MAKE(audit->arena, KEY_filing, dossier.id, dossier.signer), record_filing(),
	    &record) ||
	    !slice_equal(record.number, dossier.number)) {
		audit_disagree_record(audit, "a filing of its number");
		return;
	}
	struct keyed campaign = audit_keyed(audit, "campaign", record.campaign);
	if (audit->key.size != 1 + 2 * sizeof campaign ||
	    !slice_equal(slice_from(audit->key, 1 + sizeof campaign), key_part_keyed(&campaign)))
		audit_disagree_record(audit, "the filing's campaign in its key");
	if (record.has_superseded_by)
		audit_disagree_record(audit, "a filing that is in force");
	if (!first_mode(audit, &record, &mode) || mode != dossier.first_mode)
		audit_disagree_record(audit, "the mode of its first filing");
}

/* ---- each filing in force is named ---- */

/* One part of the ids: those that dossiers name. */
struct part {
	struct audit *audit;
	uint64_t number, count;
	uint8_t (*ids)[DIGEST_SIZE];
	size_t ids_count, alloc;
};

static bool
part_has(const struct part *part, struct slice id)
{
	return id.size == DIGEST_SIZE && (bytes_peek_u32(id.data) * part->count) >> 32 == part->number;
}

static int
id_compare(const void *a, const void *b)
{
	return memcmp(a, b, DIGEST_SIZE);
}

static bool
part_add_dossier(struct part *part, const struct store_pair *pair)
{
	struct rec_dossier dossier;

	if (record_decode(record_dossier(), pair->value, part->audit->arena, &dossier) != ERROR_NONE ||
	    !part_has(part, dossier.id))
		return true; /* what cannot be decoded has been reported */
	if (part->ids_count == part->alloc) {
		size_t alloc = part->alloc == 0 ? PAGE : 2 * part->alloc;
		uint8_t(*ids)[DIGEST_SIZE] = realloc(part->ids, alloc * sizeof *ids);
		if (ids == NULL)
			return false;
		part->ids = ids;
		part->alloc = alloc;
	}
	memcpy(part->ids[part->ids_count++], dossier.id.data, DIGEST_SIZE);
	return true;
}

static bool
part_check_filing(struct part *part, const struct store_pair *pair)
{
	struct rec_filing record;

	if (record_decode(record_filing(), pair->value, part->audit->arena, &record) != ERROR_NONE ||
	    record.has_superseded_by || !part_has(part, record.id))
		return true;
	if (part->ids_count == 0 ||
	    bsearch(record.id.data, part->ids, part->ids_count, sizeof part->ids[0], id_compare) == NULL)
		audit_disagree(part->audit, "filing", record.number, "a dossier in which it is in force");
	return true;
}

/* Every record of a prefix. False when the walk ends early: what is damaged has been reported. */
static bool
part_walk(struct part *part, enum key_prefix prefix, bool (*visit)(struct part *part, const struct store_pair *pair))
{
	struct audit *audit = part->audit;
	uint8_t from[STORE_KEY_MAX + 1] = { (uint8_t)prefix };
	const uint8_t past = (uint8_t)(prefix + 1);
	size_t from_size = 1, count = PAGE;
	struct store_pair *pairs;

	while (count == PAGE) {
		arena_reset(audit->arena);
		if (store_range_now(audit->store, slice_of(from, from_size), slice_of(&past, 1), false, PAGE,
		    audit->arena,
			&pairs, &count) != ERROR_NONE)
			return false;
		for (size_t i = 0; i < count; i++)
			if (!visit(part, &pairs[i]))
				return false;
		if (count == 0 || pairs[count - 1].key.size >= STORE_KEY_MAX)
			return count == 0;
		/* The first key behind the last one. */
		from_size = pairs[count - 1].key.size + 1;
		memcpy(from, pairs[count - 1].key.data, from_size - 1);
		from[from_size - 1] = 0;
	}
	return true;
}

void
audit_dossiers_end(struct audit *audit)
{
	struct part part = { .audit = audit, .count = audit->counts[AUDIT_dossiers] / PART_SIZE + 1 };
	bool is_whole = true;

	for (; part.number < part.count && is_whole; part.number++) {
		part.ids_count = 0;
		is_whole = part_walk(&part, KEY_dossier, part_add_dossier);
		if (part.ids_count != 0)
			qsort(part.ids, part.ids_count, sizeof part.ids[0], id_compare);
		is_whole = is_whole && part_walk(&part, KEY_filing, part_check_filing);
	}
	if (!is_whole)
		audit_disagree_number(audit, "dossiers", audit->counts[AUDIT_dossiers], "to be read to their end");
	free(part.ids);
}
