/* SPDX-License-Identifier: Apache-2.0
 *
 * The stages that a signed filing passes whatever comes of it: manifest, signer, signature, the earlier answer,
 * entitlement. `file` and `upload` both begin with them. Each stage is PROCEED, or ends the run (DECIDED, AGAIN). */
#ifndef GUICHET_SERVICES_SIGNED_H
#define GUICHET_SERVICES_SIGNED_H

#include "protocol/manifest.h"
#include "server/decide.h"

/* What is known of a signed filing, growing from stage to stage. */
struct signed_filing {
	/* from the request */
	struct slice text, serial, signature;
	uint64_t signing_time;

	/* stage by stage */
	struct manifest manifest;
	uint8_t id[DIGEST_SIZE];
	struct rec_certificate certificate;
	struct key_public key;
	struct keyed signer;
	bool has_earlier;
	struct rec_filing earlier;
	struct keyed subject_keyed;
	struct rec_taxpayer subject;
	struct keyed household;
	struct rec_taxpayer persons[PERSONS_MAX]; /* the household, the subject among them */
	struct keyed persons_keyed[PERSONS_MAX];
	size_t persons_count;
};

/* What `file` and `upload` both carry of it. */
void signed_begin(struct signed_filing *filing, struct slice text, struct slice serial, uint64_t signing_time,
    struct slice signature);

/* Is the office's campaign open now? And from when to when it is, in the arena: "from 2026-01-01T00:00:00+01:00 until
 * before ...", empty when memory is short. */
bool signed_campaign_is_open(const struct decision *decision);
struct slice signed_campaign_span(struct decision *decision);

typedef enum outcome (*signed_stage)(struct decision *decision, struct signed_filing *filing);

/* Runs the stages of a NULL-ended table in order, until one does not proceed. */
must_check enum outcome signed_run(struct decision *decision, struct signed_filing *filing, const signed_stage *stages);

/* The manifest is canonical and made for this office; its id is computed. */
must_check enum outcome signed_stage_manifest(struct decision *decision, struct signed_filing *filing);
/* The certificate was issued here to a person, and the signature over the attributes holds (A16). */
must_check enum outcome signed_stage_signature(struct decision *decision, struct signed_filing *filing);
/* Was this very filing accepted from this signer before? Sets has_earlier and earlier. */
must_check enum outcome signed_stage_earlier(struct decision *decision, struct signed_filing *filing);
/* The certificate counts now and counted at the signing time. */
must_check enum outcome signed_stage_certificate(struct decision *decision, struct signed_filing *filing);
/* The campaign is the one that is open; otherwise noted, for the next stage to refuse with its own reasons. */
must_check enum outcome signed_stage_campaign(struct decision *decision, struct signed_filing *filing);
/* The signer belongs to the subject's household (A7), whose family situation did not change (A8). Refuses with
 * everything noted so far. */
must_check enum outcome signed_stage_entitled(struct decision *decision, struct signed_filing *filing);

#endif
