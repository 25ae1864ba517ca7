/* SPDX-License-Identifier: Apache-2.0
 *
 * The receipt as a taxpayer reads and keeps it: French, on lines of at most 78 columns, with everything that the order
 * of 13 October 2005 asks for (A17). */
#include <stdio.h>
#include <string.h>

#include "protocol/manifest.h"
#include "protocol/receipt.h"

#define WIDTH ((size_t)78)

/* ---- lines ---- */

/* Text of a paragraph is gathered in `text`, then broken into lines. */
struct page {
	struct buf *out;
	struct buf *text;
};

/* Columns of UTF-8 text: characters, not bytes. */
static size_t
columns(struct slice s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.size; i++)
		count += (s.data[i] & 0xc0) != 0x80;
	return count;
}

/* Bytes of the longest start of `s` that has at most `count` columns. */
static size_t
bytes_of_columns(struct slice s, size_t count)
{
	size_t at = 0;

	while (at < s.size && (count > 0 || (s.data[at] & 0xc0) == 0x80)) {
		count -= (s.data[at] & 0xc0) != 0x80;
		at++;
	}
	return at;
}

/* How many bytes of `rest` go on a line of `room` columns: up to the last space that fits, or all that fits of a word
 * too long for any line. */
static size_t
line_length(struct slice rest, size_t room)
{
	size_t fits = bytes_of_columns(rest, room), at = fits;

	if (fits == rest.size || rest.data[fits] == ' ')
		return fits;
	while (at > 0 && rest.data[at - 1] != ' ')
		at--;
	return at == 0 ? fits : at - 1;
}

/* A space at which no line is broken, until it is printed; text from the receipt cannot hold it (put_slice). */
#define HARD_SPACE 0x01

/* Ends the paragraph: `first` stands before its first line, as many spaces before the others. */
static void
flush(struct page *page, const char *first)
{
	size_t indent = columns(slice_of_text(first));
	struct slice rest = buf_peek(page->text);

	if (!buf_ok(page->text))
		buf_fail(page->out);
	buf_put_text(page->out, first);
	for (;;) {
		size_t size = line_length(rest, WIDTH - indent);
		for (size_t i = 0; i < size; i++)
			buf_put_u8(page->out, rest.data[i] == HARD_SPACE ? (uint8_t)' ' : rest.data[i]);
		buf_put_text(page->out, "\n");
		rest = slice_from(rest, size);
		while (rest.size != 0 && rest.data[0] == ' ')
			rest = slice_from(rest, 1);
		if (rest.size == 0)
			break;
		buf_put_format(page->out, "%*s", (int)indent, "");
	}
	buf_clear(page->text);
}

static void
put(struct page *page, const char *text)
{
	buf_put_text(page->text, text);
}

/* Text that stays on one line, such as a date. */
static void
put_unbroken(struct page *page, const char *text)
{
	for (size_t i = 0; text[i] != '\0'; i++)
		buf_put_u8(page->text, text[i] == ' ' ? HARD_SPACE : (uint8_t)text[i]);
}

/* Text from the receipt; control characters (U+0000 to U+001F, U+007F to U+009F) would act on a terminal. */
static void
put_slice(struct page *page, struct slice s)
{
	for (size_t i = 0; i < s.size; i++) {
		bool two = s.data[i] == 0xc2 && i + 1 < s.size && s.data[i + 1] < 0xa0;
		bool control = s.data[i] < 0x20 || s.data[i] == 0x7f || two;
		buf_put_u8(page->text, control ? (uint8_t)'?' : s.data[i]);
		i += two;
	}
}

/* "1 103" */
static void
put_number(struct page *page, uint64_t number)
{
	char digits[32];
	size_t size = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);

	for (size_t i = 0; i < size; i++) {
		if (i != 0 && (size - i) % 3 == 0)
			buf_put_u8(page->text, HARD_SPACE);
		buf_put_u8(page->text, (uint8_t)digits[i]);
	}
}

/* "30 23 217 600 053"; whatever is no tax number stays as it is, whole: cut into bytes, no character is seen. */
static void
put_spi(struct page *page, struct slice spi)
{
	if (!spi_valid(spi)) {
		put_slice(page, spi);
		return;
	}
	for (size_t i = 0; i < spi.size; i++) {
		if (i == 2 || i == 4 || i == 7 || i == 10)
			buf_put_u8(page->text, HARD_SPACE);
		buf_put_u8(page->text, spi.data[i]);
	}
}

/* "dimanche 22 novembre 2026 à 16 h 40 min 29 s", of Paris */
static void
put_time(struct page *page, uint64_t time)
{
	static const char *const days[] = { "dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi" };
	static const char *const months[] = { "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août",
		"septembre", "octobre", "novembre", "décembre" };
	char date[64], hour[32];

	if (time > TIME_MAX) {
		buf_fail(page->text);
		return;
	}
	struct time_civil t = time_civil_paris(time);
	snprintf(date, sizeof date, "%s %u%s %s %u", days[t.weekday], t.day, t.day == 1 ? "er" : "",
	    months[t.month - 1], t.year);
	snprintf(hour, sizeof hour, "à %u h %02u min %02u s", t.hour, t.minute, t.second);
	put_unbroken(page, date);
	put(page, " ");
	put_unbroken(page, hour);
}

/* A line by itself; NULL: an empty one. */
static void
line(struct page *page, const char *text)
{
	buf_put_text(page->out, text == NULL ? "" : text);
	buf_put_text(page->out, "\n");
}

static void
centred(struct page *page, const char *text)
{
	buf_put_format(page->out, "%*s%s\n", (int)((WIDTH - columns(slice_of_text(text))) / 2), "", text);
}

static void
rule(struct page *page)
{
	for (size_t i = 0; i < WIDTH; i++)
		buf_put_text(page->out, "=");
	line(page, NULL);
}

/* ---- sections ---- */

static void
print_head(struct page *page, const struct receipt *r)
{
	rule(page);
	centred(page, "ACCUSÉ DE RÉCEPTION");
	centred(page, r->replaces.size == 0 ? "Déclaration déposée et signée par voie électronique" :
	    "Déclaration RECTIFICATIVE déposée et signée par voie électronique");
	rule(page);
	line(page, NULL);
	put_slice(page, r->number);
	flush(page, "Numéro d'accusé de réception : ");
	put_time(page, r->received_at);
	put(page, " (heure de Paris)");
	flush(page, "Date et heure de réception   : ");
	buf_put_format(page->text, "revenus de l'année %llu (campagne ", (unsigned long long)r->income_year);
	put_slice(page, r->campaign);
	put(page, ")");
	flush(page, "Déclaration                  : ");
	put(page, slice_equal_text(r->mode, "offline") ? "préparée hors connexion, puis signée et transmise" :
	    "en ligne");
	flush(page, "Mode de dépôt                : ");
	put_slice(page, r->origin);
	flush(page, "Service                      : ");
	if (r->replaces.size != 0) {
		put_slice(page, r->replaces);
		flush(page, "Rectifie la déclaration      : accusé de réception ");
	}
}

static void
print_persons(struct page *page, const struct receipt *r)
{
	line(page, r->persons_count > 1 ? "\nContribuables" : "\nContribuable");
	for (size_t i = 0; i < r->persons_count; i++) {
		put_slice(page, r->persons[i].birth_name);
		put(page, " ");
		put_slice(page, r->persons[i].first_names);
		put(page, ", numéro fiscal ");
		put_spi(page, r->persons[i].spi);
		flush(page, "  - ");
	}
}

static void
print_delay(struct page *page, const struct receipt *r)
{
	line(page, "\nDélai de dépôt");
	put(page, r->in_time ? "Déclaration déposée dans les délais." : "Déclaration déposée HORS DÉLAI.");
	flush(page, "  ");
	if (r->last_in_time != 0) {
		put(page, "Date limite : ");
		put_time(page, r->last_in_time);
		flush(page, "  ");
	}
}

static void
print_document(struct page *page, const struct receipt_document *document, size_t number)
{
	char first[32];
	struct slice type = document->type, attachment = SLICE_LITERAL("attachment/");

	snprintf(first, sizeof first, "%3zu. ", number);
	if (slice_starts_with(type, attachment)) {
		put(page, "Pièce jointe « ");
		put_slice(page, slice_from(type, attachment.size));
		put(page, " »");
	} else {
		put(page, "Formulaire n° ");
		put_slice(page, type);
	}
	put(page, ", ");
	put_slice(page, document->media_type);
	put(page, ", ");
	put_number(page, document->size);
	put(page, document->size > 1 ? " octets" : " octet");
	flush(page, first);
	buf_put_hex(page->text, slice_of(document->digest, DIGEST_SIZE));
	flush(page, "     SHA-256 ");
}

static void
print_documents(struct page *page, const struct receipt *r)
{
	line(page, "\nDocuments reçus et acceptés");
	for (size_t i = 0; i < r->documents_count; i++)
		print_document(page, &r->documents[i], i + 1);
}

static void
print_pending(struct page *page, const struct receipt *r)
{
	line(page, "\nDocuments restant à adresser");
	if (r->pending_count == 0)
		line(page, "  Aucun.");
	for (size_t i = 0; i < r->pending_count; i++) {
		const struct receipt_pending *p = &r->pending[i];
		put_slice(page, p->text);
		if (p->box.size != 0) {
			put(page, " (case ");
			put_slice(page, p->box);
			put(page, ")");
		}
		put(page, slice_equal_text(p->way, "post") ? ", par voie postale" : ", en ligne");
		flush(page, "  - ");
	}
}

static void
print_signatures(struct page *page, const struct receipt *r)
{
	line(page, r->signers_count > 1 ? "\nSignatures électroniques" : "\nSignature électronique");
	for (size_t i = 0; i < r->signers_count; i++) {
		const struct receipt_signer *signer = &r->signers[i];
		put(page, "Signée le ");
		put_time(page, signer->signing_time);
		put(page, " avec le certificat n° ");
		buf_put_hex(page->text, slice_of(signer->serial, SERIAL_SIZE));
		if (signer->spi.size != 0) {
			put(page, ", titulaire : numéro fiscal ");
			put_spi(page, signer->spi);
		}
		flush(page, "  - ");
	}
	line(page, "\nEmpreinte du bordereau signé (SHA-256)");
	buf_put_hex(page->text, slice_of(r->filing_id, DIGEST_SIZE));
	flush(page, "  ");
}

static void
print_foot(struct page *page)
{
	line(page, NULL);
	rule(page);
	put(page, "Le présent accusé de réception vaut récépissé de dépôt de la déclaration et de ses annexes "
	    "(arrêté du 13 octobre 2005). Son numéro est nécessaire en cas de contestation ultérieure du dépôt. "
	    "Conservez-le avec ses fichiers receipt.json et receipt.tlog-proof, qui permettent à tout moment d'en "
	    "vérifier l'authenticité.");
	flush(page, "");
	rule(page);
}

void
receipt_print_french(struct buf *buf, const struct receipt *receipt)
{
	/* No paragraph is longer than a body. */
	struct page page = { buf, buf_create(2 * LIMIT_RECEIPT_SIZE) };

	if (page.text == NULL) {
		buf_fail(buf);
		return;
	}
	print_head(&page, receipt);
	print_persons(&page, receipt);
	print_delay(&page, receipt);
	print_documents(&page, receipt);
	print_pending(&page, receipt);
	print_signatures(&page, receipt);
	print_foot(&page);
	buf_destroy(page.text);
}
