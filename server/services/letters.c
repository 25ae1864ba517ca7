/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of letters, and the outbox. */
#include "server/services/letters.h"

struct letter {
	const char *subject, *text;
};

static const struct letter *
letter_of(enum letter_kind kind)
{
	static const struct letter letters[] = {
		[LETTER_CERTIFICATE_REPLACED] = { "Votre certificat électronique a été remplacé",
		    "Bonjour,\n\n"
		    "Un nouveau certificat électronique vient d'être délivré à votre nom pour vos échanges avec "
		    "l'administration fiscale. Le certificat précédent est révoqué.\n\n"
		    "Si vous n'êtes pas à l'origine de cette demande, contactez sans délai le service des impôts dont "
		    "vous dépendez.\n" },
	};
	return &letters[kind];
}

void
letter_post(struct decision *decision, enum letter_kind kind, struct slice to, const uint8_t random[16])
{
	const struct letter *letter = letter_of(kind);
	uint64_t now = decision->context->now;
	struct rec_mail *mail = arena_alloc(decision->arena, sizeof *mail);

	if (mail != NULL)
		*mail = (struct rec_mail){ to, slice_of_text(letter->subject), slice_of_text(letter->text), now };
	effects_put(decision, KEY_MAKE(decision->arena, KEY_mail, key_part_u64(decision->arena, now),
	    slice_of(random, 16)), record_mail(), mail);
}

enum outcome
decide_letter_sweep(struct decision *decision, const void *request)
{
	uint64_t now = decision->context->now, kept_from = now > LETTER_LIFE_S ? now - LETTER_LIFE_S : 0;
	struct slice from = KEY_MAKE(decision->arena, KEY_mail, SLICE_LITERAL(""));
	struct slice end = KEY_MAKE(decision->arena, KEY_mail, key_part_u64(decision->arena, kept_from));
	const struct store_pair *pairs;
	size_t count;

	(void)request;
	if (view_range(decision->view, from, end, false, LETTER_SWEEP_MAX, &pairs, &count) == VIEW_AGAIN)
		return AGAIN;
	for (size_t i = 0; i < count; i++)
		effects_remove(decision, pairs[i].key);
	decision->effects->has_more = count == LETTER_SWEEP_MAX;
	return DECIDED;
}
