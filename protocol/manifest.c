/* SPDX-License-Identifier: Apache-2.0
 *
 * The manifest: read line by line, each word by the syntax that writing uses too, so that there is one form only. */
#include "protocol/manifest.h"

#include <stdio.h>
#include <string.h>

#include "protocol/origin.h"
#include "protocol/receipt_number.h"

#define FIRST_LINE "guichet-filing 1"
#define NO_RECEIPT "none"
/* Words of a line behind its keyword: a document's type, media type, size and digest are the most. */
#define WORDS_MAX 4
/* Bytes of a wrong word that a fault repeats. */
#define SHOWN_MAX ((size_t)64)

_Static_assert(LIMIT_ORIGIN == 128 && LIMIT_LABEL == 64 && LIMIT_DOCUMENTS == 128 && LIMIT_ATTACHMENTS == 100 &&
    LIMIT_RETURN_SIZE == 131072 && LIMIT_ATTACHMENT_SIZE == 20971520 && LIMIT_MANIFEST_SIZE == 32768,
    "the refusals below name these limits");

static const char *const media_types[] = {
	"application/pdf", "image/jpeg", "image/png", "image/tiff", "text/plain", "text/csv", NULL,
};

/* What a word has to be, and how a refusal says so. */
struct syntax {
	bool (*valid)(struct slice word);
	enum error error;
	const char *expected;
};

/* ---- words ---- */

static bool
is_zeros(struct slice s)
{
	for (size_t i = 0; i < s.size; i++)
		if (s.data[i] != '0')
			return false;
	return true;
}

bool
spi_valid(struct slice spi)
{
	uint64_t key = 0;
	unsigned check = 0;

	if (spi.size != 13 || !slice_is_digits(spi) || spi.data[0] > '3' || is_zeros(spi))
		return false;
	for (size_t i = 0; i < 10; i++)
		key = key * 10 + (uint64_t)(spi.data[i] - '0');
	for (size_t i = 10; i < 13; i++)
		check = check * 10 + (unsigned)(spi.data[i] - '0');
	return key % 511 == check;
}

bool
siren_valid(struct slice siren)
{
	unsigned sum = 0;

	if (siren.size != 9 || !slice_is_digits(siren) || is_zeros(siren))
		return false;
	for (size_t i = 0; i < 9; i++) {
		unsigned digit = (unsigned)(siren.data[i] - '0') * (i % 2 == 1 ? 2U : 1U);
		sum += digit / 10 + digit % 10;
	}
	return sum % 10 == 0;
}

static bool
label_valid(struct slice word)
{
	for (size_t i = 0; i < word.size; i++) {
		uint8_t c = word.data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		    c == '_' || c == '/' || c == '-'))
			return false;
	}
	return word.size >= 1 && word.size <= LIMIT_LABEL;
}

static bool
type_valid(struct slice word)
{
	return label_valid(word) && !slice_equal(word, SLICE_LITERAL(MANIFEST_ATTACHMENT));
}

static bool
return_media_valid(struct slice word)
{
	return slice_equal(word, SLICE_LITERAL(MANIFEST_RETURN_MEDIA));
}

static bool
attachment_media_valid(struct slice word)
{
	for (size_t i = 0; media_types[i] != NULL; i++)
		if (slice_equal_text(word, media_types[i]))
			return true;
	return false;
}

static bool
replaces_valid(struct slice word)
{
	return slice_equal(word, SLICE_LITERAL(NO_RECEIPT)) || receipt_number_valid(word);
}

static const struct syntax syntax_origin = { origin_valid, ERROR_manifest_malformed,
	"the office's origin: " ORIGIN_EXPECTED };
static const struct syntax syntax_label = { label_valid, ERROR_manifest_malformed,
	"1 to 64 letters, digits and ._/-" };
static const struct syntax syntax_spi = { spi_valid, ERROR_manifest_malformed,
	"a tax number: 13 digits, the first 0 to 3, the last three the first ten modulo 511" };
static const struct syntax syntax_siren = { siren_valid, ERROR_manifest_malformed,
	"a SIREN: 9 digits, the last one the check digit" };
static const struct syntax syntax_replaces = { replaces_valid, ERROR_manifest_malformed,
	"\"none\" or a receipt number in its canonical form, XXXX-XXXX-XXXX-XXXX with its check character" };
static const struct syntax syntax_type = { type_valid, ERROR_manifest_malformed,
	"a form, or \"attachment/\" and a word: 1 to 64 letters, digits and ._/-" };
static const struct syntax syntax_return_media = { return_media_valid, ERROR_manifest_malformed,
	"application/json, the media type of a return document" };
static const struct syntax syntax_attachment_media = { attachment_media_valid, ERROR_media_type_refused,
	"application/pdf, image/jpeg, image/png, image/tiff, text/plain or text/csv" };

const char *const *
manifest_media_types(void)
{
	return media_types;
}

/* ---- documents ---- */

bool
manifest_is_return(const struct manifest_document *document)
{
	return !slice_starts_with(document->type, SLICE_LITERAL(MANIFEST_ATTACHMENT));
}

static const struct syntax *
media_syntax(const struct manifest_document *document)
{
	return manifest_is_return(document) ? &syntax_return_media : &syntax_attachment_media;
}

static uint64_t
size_max(const struct manifest_document *document)
{
	return manifest_is_return(document) ? LIMIT_RETURN_SIZE : LIMIT_ATTACHMENT_SIZE;
}

/* Why `document` may not follow the first `count` of `documents`; NULL when it may. */
static const char *
document_conflict(const struct manifest_document *documents, size_t count, const struct manifest_document *document)
{
	size_t attachments = 0;

	if (count >= LIMIT_DOCUMENTS)
		return "at most 128 documents";
	for (size_t i = 0; i < count; i++) {
		if (memcmp(documents[i].digest, document->digest, DIGEST_SIZE) == 0)
			return "each document once: an earlier line has the same SHA-256";
		attachments += !manifest_is_return(&documents[i]);
	}
	if (!manifest_is_return(document) && attachments >= LIMIT_ATTACHMENTS)
		return "at most 100 attachments";
	return NULL;
}

/* ---- writing ---- */

static void
put_word(struct buf *buf, const char *before, const struct syntax *syntax, struct slice word)
{
	if (!syntax->valid(word))
		buf_fail(buf);
	buf_put_text(buf, before);
	buf_put(buf, word);
}

static void
put_document(struct buf *buf, const struct manifest_document *document)
{
	char digest[2 * DIGEST_SIZE + 1];

	if (document->size == 0 || document->size > size_max(document))
		buf_fail(buf);
	hex_encode(slice_of(document->digest, DIGEST_SIZE), digest);
	put_word(buf, "document ", &syntax_type, document->type);
	put_word(buf, " ", media_syntax(document), document->media_type);
	buf_put_format(buf, " %llu %s\n", (unsigned long long)document->size, digest);
}

void
manifest_put(struct buf *buf, const struct manifest *manifest)
{
	bool company = manifest->siren.size != 0;

	if (manifest->documents_count == 0 || (company && manifest->spi.size != 0) ||
	    (manifest->mode != MODE_ONLINE && manifest->mode != MODE_OFFLINE))
		buf_fail(buf);
	buf_put_text(buf, FIRST_LINE "\n");
	put_word(buf, "origin ", &syntax_origin, manifest->origin);
	put_word(buf, "\ncampaign ", &syntax_label, manifest->campaign);
	if (company) {
		put_word(buf, "\nsubject siren ", &syntax_siren, manifest->siren);
		put_word(buf, " ", &syntax_label, manifest->tax);
	} else {
		put_word(buf, "\nsubject spi ", &syntax_spi, manifest->spi);
	}
	put_word(buf, "\nreplaces ", &syntax_replaces,
	    manifest->replaces.size == 0 ? SLICE_LITERAL(NO_RECEIPT) : manifest->replaces);
	buf_put_text(buf, manifest->mode == MODE_OFFLINE ? "\nmode offline\n" : "\nmode online\n");
	for (size_t i = 0; i < manifest->documents_count; i++) {
		if (document_conflict(manifest->documents, i, &manifest->documents[i]) != NULL)
			buf_fail(buf);
		put_document(buf, &manifest->documents[i]);
	}
	if (buf_size(buf) > LIMIT_MANIFEST_SIZE)
		buf_fail(buf);
}

/* ---- reading ---- */

struct reader {
	struct slice rest;
	unsigned line; /* the one being read, from 1 */
	struct arena *arena;
	struct fault *fault;
};

/* A refusal at the present line. What stood there is repeated so far as it can be shown safely anywhere. */
static enum error
refuse(const struct reader *r, enum error error, struct slice found, const char *expected)
{
	char line[32], shown[SHOWN_MAX + 4];
	size_t size = found.size < SHOWN_MAX ? found.size : SHOWN_MAX;

	snprintf(line, sizeof line, "line %u", r->line);
	for (size_t i = 0; i < size; i++)
		shown[i] = (char)(found.data[i] >= ' ' && found.data[i] <= '~' ? found.data[i] : '?');
	memcpy(shown + size, found.size > size ? "..." : "", found.size > size ? 4 : 1);
	(void)fault_set(r->fault, error, NULL, SLICE_EMPTY, expected);
	if (!arena_copy(r->arena, slice_of_text(line), &r->fault->place) ||
	    !arena_copy(r->arena, slice_of_text(shown), &r->fault->value))
		return r->fault->error = ERROR_out_of_memory;
	return error;
}

/* Takes the next line off, without its LF. */
static enum error
take_line(struct reader *r, const char *expected, struct slice *line)
{
	const uint8_t *end = r->rest.size == 0 ? NULL : memchr(r->rest.data, '\n', r->rest.size);

	r->line++;
	if (r->rest.size == 0)
		return refuse(r, ERROR_manifest_malformed, SLICE_EMPTY, expected);
	if (end == NULL)
		return refuse(r, ERROR_manifest_malformed, r->rest, "a line feed at the end of every line");
	*line = slice_of(r->rest.data, (size_t)(end - r->rest.data));
	r->rest = slice_from(r->rest, line->size + 1);
	return ERROR_NONE;
}

/* Takes the next line off, "KEYWORD WORD WORD ...", and parts its words, `min` to `max` of them. */
static enum error
take_words(struct reader *r, const char *form, size_t min, size_t max, struct slice words[WORDS_MAX], size_t *count)
{
	size_t keyword = strcspn(form, " ") + 1, start = keyword;
	struct slice line;
	enum error error = take_line(r, form, &line);

	if (error != ERROR_NONE)
		return error;
	*count = 0;
	if (!slice_starts_with(line, slice_of(form, keyword)))
		return refuse(r, ERROR_manifest_malformed, line, form);
	for (size_t i = start; i <= line.size; i++) {
		if (i < line.size && line.data[i] != ' ')
			continue;
		if (*count == max)
			return refuse(r, ERROR_manifest_malformed, line, form);
		words[(*count)++] = slice_of(line.data + start, i - start);
		start = i + 1;
	}
	return *count >= min ? ERROR_NONE : refuse(r, ERROR_manifest_malformed, line, form);
}

static enum error
check_word(const struct reader *r, const struct syntax *syntax, struct slice word)
{
	return syntax->valid(word) ? ERROR_NONE : refuse(r, syntax->error, word, syntax->expected);
}

/* A line of one word. */
static enum error
take_word(struct reader *r, const char *form, const struct syntax *syntax, struct slice *out)
{
	struct slice words[WORDS_MAX];
	size_t count;
	enum error error = take_words(r, form, 1, 1, words, &count);

	if (error != ERROR_NONE)
		return error;
	*out = words[0];
	return check_word(r, syntax, words[0]);
}

static enum error
take_subject(struct reader *r, struct manifest *out)
{
	static const char form[] = "subject spi NUMBER, or subject siren NUMBER TAX";
	struct slice words[WORDS_MAX];
	size_t count;
	enum error error = take_words(r, form, 2, 3, words, &count);

	if (error != ERROR_NONE)
		return error;
	if (slice_equal_text(words[0], "spi") && count == 2) {
		out->spi = words[1];
		return check_word(r, &syntax_spi, words[1]);
	}
	if (!slice_equal_text(words[0], "siren") || count != 3)
		return refuse(r, ERROR_manifest_malformed, words[0], form);
	out->siren = words[1];
	out->tax = words[2];
	error = check_word(r, &syntax_siren, words[1]);
	return error == ERROR_NONE ? check_word(r, &syntax_label, words[2]) : error;
}

static enum error
take_mode(struct reader *r, enum manifest_mode *out)
{
	struct slice words[WORDS_MAX];
	size_t count;
	enum error error = take_words(r, "mode online, or mode offline", 1, 1, words, &count);

	if (error != ERROR_NONE)
		return error;
	if (slice_equal_text(words[0], "online"))
		*out = MODE_ONLINE;
	else if (slice_equal_text(words[0], "offline"))
		*out = MODE_OFFLINE;
	else
		return refuse(r, ERROR_manifest_malformed, words[0], "online or offline");
	return ERROR_NONE;
}

static enum error
take_header(struct reader *r, struct manifest *out)
{
	struct slice line;
	enum error error = take_line(r, FIRST_LINE, &line);

	if (error == ERROR_NONE && !slice_equal(line, SLICE_LITERAL(FIRST_LINE)))
		error = refuse(r, ERROR_manifest_malformed, line, FIRST_LINE);
	if (error == ERROR_NONE)
		error = take_word(r, "origin ORIGIN", &syntax_origin, &out->origin);
	if (error == ERROR_NONE)
		error = take_word(r, "campaign NAME", &syntax_label, &out->campaign);
	if (error == ERROR_NONE)
		error = take_subject(r, out);
	if (error == ERROR_NONE)
		error = take_word(r, "replaces none, or replaces NUMBER", &syntax_replaces, &out->replaces);
	if (error == ERROR_NONE && slice_equal(out->replaces, SLICE_LITERAL(NO_RECEIPT)))
		out->replaces = SLICE_EMPTY;
	if (error == ERROR_NONE)
		error = take_mode(r, &out->mode);
	return error;
}

static enum error
take_document(struct reader *r, struct manifest *out)
{
	struct manifest_document *document = &out->documents[out->documents_count];
	struct slice words[WORDS_MAX];
	size_t count;
	enum error error = take_words(r, "document TYPE MEDIA-TYPE SIZE SHA-256", 4, 4, words, &count);

	if (error != ERROR_NONE)
		return error;
	document->type = words[0];
	document->media_type = words[1];
	error = check_word(r, &syntax_type, words[0]);
	if (error == ERROR_NONE)
		error = check_word(r, media_syntax(document), words[1]);
	if (error != ERROR_NONE)
		return error;
	if (!decimal_decode(words[2], size_max(document), &document->size) || document->size == 0)
		return refuse(r, ERROR_manifest_malformed, words[2], manifest_is_return(document) ?
		    "the size in bytes: 1 to 131072, without leading zeros" :
		    "the size in bytes: 1 to 20971520, without leading zeros");
	if (!hex_decode(words[3], document->digest, DIGEST_SIZE))
		return refuse(r, ERROR_manifest_malformed, words[3], "64 lower-case hexadecimal digits");
	const char *expected = document_conflict(out->documents, out->documents_count, document);
	if (expected != NULL)
		return refuse(r, ERROR_manifest_malformed, words[0], expected);
	out->documents_count++;
	return ERROR_NONE;
}

/* Room for as many documents as lines are left, and one that is too many. */
static struct manifest_document *
documents_alloc(const struct reader *r)
{
	size_t lines = 0;

	for (size_t i = 0; i < r->rest.size && lines <= LIMIT_DOCUMENTS; i++)
		lines += r->rest.data[i] == '\n';
	return arena_alloc_array(r->arena, lines + 1, sizeof(struct manifest_document));
}

enum error
manifest_parse(struct slice text, struct arena *arena, struct manifest *out, struct fault *fault)
{
	struct reader r = { .rest = text, .arena = arena, .fault = fault };
	enum error error;

	memset(out, 0, sizeof *out);
	if (text.size > LIMIT_MANIFEST_SIZE)
		return fault_set(fault, ERROR_manifest_malformed, "manifest", SLICE_EMPTY, "at most 32768 bytes");
	error = take_header(&r, out);
	if (error != ERROR_NONE)
		return error;
	out->documents = documents_alloc(&r);
	if (out->documents == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	do
		error = take_document(&r, out);
	while (error == ERROR_NONE && r.rest.size != 0);
	return error;
}
