/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of letters. */
#include "server/services/letters.h"

const struct letter *
letter_of(enum letter_kind kind)
{
	static const struct letter letters[] = {
		/* To the address given with the certificate of before: whoever asked for the new one knows of it. */
		[LETTER_CERTIFICATE_REPLACED] = { "A5", "Votre certificat électronique a été remplacé",
		    "Bonjour,\n\n"
		    "Un nouveau certificat électronique vient d'être délivré à votre nom pour vos échanges avec "
		    "l'administration fiscale. Le certificat précédent est révoqué.\n\n"
		    "Si vous n'êtes pas à l'origine de cette demande, contactez sans délai le service des impôts dont "
		    "vous dépendez.\n" },
	};
	return &letters[kind];
}
