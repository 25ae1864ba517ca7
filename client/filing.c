/* SPDX-License-Identifier: Apache-2.0
 *
 * A filing in the making: documents, rules, manifest, signature (A10). Saved and loaded as the body of the operation
 * `upload`, so that what is kept is exactly what is sent. */
#include "client/filing.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/blob.h"
#include "client/clock.h"
#include "client/filesystem.h"
#include "client/identity.h"
#include "client/problem.h"
#include "client/trust.h"
#include "protocol/digest.h"
#include "protocol/json.h"
#include "protocol/receipt.h"
#include "protocol/signature.h"
#include "protocol/time.h"

/* Returns, paths of attachments, manifest. */
#define FILING_SIZE_MAX ((size_t)LIMIT_RETURNS_TOTAL + 1024 * 1024)

static const struct json_limits return_limits = { LIMIT_RETURN_SIZE, LIMIT_JSON_VALUES, LIMIT_JSON_DEPTH };

struct guichet_filing *
filing_create(const struct guichet_trust *trust)
{
	struct guichet_filing *filing = calloc(1, sizeof *filing);

	if (filing == NULL)
		return NULL;
	filing->trust = trust;
	filing->content.documents = filing->documents;
	filing->content.mode = MODE_ONLINE;
	filing->arena = arena_create(FILING_SIZE_MAX);
	if (filing->arena != NULL)
		return filing;
	free(filing);
	return NULL;
}

void
guichet_filing_destroy(struct guichet_filing *filing)
{
	if (filing == NULL)
		return;
	arena_destroy(filing->arena);
	OPENSSL_cleanse(filing, sizeof *filing);
	free(filing);
}

enum guichet_error
guichet_filing_create(
    const struct guichet_trust *trust, const char *spi, struct guichet_filing **out, struct guichet_problem *problem)
{
	enum guichet_error error = trust_need(trust, trust->has_campaign, "campaign.json", problem);

	*out = NULL;
	if (error != GUICHET_ERROR_none)
		return error;
	if (!spi_valid(slice_of_text(spi)))
		return problem_set(problem, ERROR_usage, "spi", slice_of_text(spi),
		    "13 digits, the last three the first ten modulo 511");
	struct guichet_filing *filing = filing_create(trust);
	if (filing == NULL || !arena_copy(filing->arena, slice_of_text(spi), &filing->content.spi)) {
		guichet_filing_destroy(filing);
		return problem_set(problem, ERROR_out_of_memory, "filing", SLICE_EMPTY, NULL);
	}
	filing->content.origin = slice_of_text(trust->verifier.name);
	filing->content.campaign = trust->campaign.name;
	*out = filing;
	return GUICHET_ERROR_none;
}

static enum guichet_error
need_unsigned(const struct guichet_filing *filing, struct guichet_problem *problem)
{
	if (!filing->is_signed)
		return GUICHET_ERROR_none;
	return problem_set(
	    problem, ERROR_usage, "filing", SLICE_LITERAL("already signed"), "a filing that is not signed yet");
}

enum guichet_error
guichet_filing_set_replaces(struct guichet_filing *filing, const char *number, struct guichet_problem *problem)
{
	char canonical[RECEIPT_NUMBER_SIZE + 1];
	enum guichet_error error = need_unsigned(filing, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	if (!receipt_number_parse(slice_of_text(number), canonical))
		return problem_set(problem, ERROR_usage, "replaces", slice_of_text(number),
		    receipt_number_has_form(slice_of_text(number)) ? RECEIPT_NUMBER_MISTYPED : RECEIPT_NUMBER_FORM);
	if (!arena_copy(filing->arena, slice_of_text(canonical), &filing->content.replaces))
		return problem_set(problem, ERROR_out_of_memory, "replaces", SLICE_EMPTY, NULL);
	return GUICHET_ERROR_none;
}

void
guichet_filing_set_offline(struct guichet_filing *filing, bool is_offline)
{
	if (!filing->is_signed)
		filing->content.mode = is_offline ? MODE_OFFLINE : MODE_ONLINE;
}

/* ---- documents ---- */

size_t
filing_find_document(const struct guichet_filing *filing, const uint8_t digest[DIGEST_SIZE])
{
	size_t i;

	for (i = 0; i < filing->content.documents_count; i++)
		if (memcmp(filing->documents[i].digest, digest, DIGEST_SIZE) == 0)
			break;
	return i;
}

/* Appends a document; its texts must live as long as the filing. `name` is for the problem. */
static enum guichet_error
add_document(struct guichet_filing *filing, const struct manifest_document *document, const char *name,
    struct guichet_problem *problem)
{
	char expected[64];
	size_t same = filing_find_document(filing, document->digest);

	if (same < filing->content.documents_count)
		return problem_set(problem, ERROR_usage, name, filing->documents[same].type, "each document once");
	if (filing->content.documents_count == LIMIT_DOCUMENTS) {
		snprintf(expected, sizeof expected, "at most %d documents in a filing", LIMIT_DOCUMENTS);
		return problem_set(problem, ERROR_usage, name, document->type, expected);
	}
	filing->documents[filing->content.documents_count++] = *document;
	return GUICHET_ERROR_none;
}

/* Reads which form it is; the slice is copied into the filing's arena. Empty when the document does not tell: why it
 * does not is for the rules to say, beside all else that they find. False when memory is short. */
static bool
read_form(struct guichet_filing *filing, struct slice content, struct slice *form)
{
	struct arena *arena = arena_create(json_arena_max(&return_limits));
	const struct json *root = NULL;
	struct fault fault = { 0 };

	enum error error =
	    arena != NULL ? json_parse(content, &return_limits, arena, &root, &fault) : ERROR_out_of_memory;
	struct slice found = json_find_text(root, "form");
	bool good = error != ERROR_out_of_memory;
	if (good && found.size != 0 && found.size <= LIMIT_LABEL)
		good = arena_copy(filing->arena, found, form);
	arena_destroy(arena);
	return good;
}

/* As UTF-8: findings are texts. */
bool
filing_keep_name(struct guichet_filing *filing, size_t nth, const char *name)
{
	char *copy = arena_alloc(filing->arena, strlen(name) + 1);

	if (copy == NULL)
		return false;
	text_to_utf8(name, copy);
	filing->names[nth] = slice_of_text(copy);
	return true;
}

const char *
filing_document_path(const struct guichet_filing *filing, size_t nth)
{
	if (nth >= filing->content.documents_count)
		return NULL;
	return filing->paths[nth] != NULL ? filing->paths[nth] : (const char *)filing->names[nth].data;
}

/* By the rule that any office refuses it by; it is not kept to be found beside other faults. */
static enum guichet_error
refuse_return_size(struct guichet_filing *filing, const char *name, struct guichet_problem *problem)
{
	char value[48], expected[48];
	struct finding finding = { .rule = rule_find(RULE_json_malformed) };
	const struct findings findings = { .items = &finding, .count = 1, .errors = 1 };
	char *document = arena_alloc(filing->arena, strlen(name) + 1);

	if (document == NULL)
		return problem_set(problem, ERROR_out_of_memory, name, SLICE_EMPTY, NULL);
	text_to_utf8(name, document);
	snprintf(value, sizeof value, "more than %d bytes", LIMIT_RETURN_SIZE);
	snprintf(expected, sizeof expected, "at most %d bytes", LIMIT_RETURN_SIZE);
	finding.document = slice_of_text(document);
	finding.value = slice_of_text(value);
	finding.expected = slice_of_text(expected);
	return problem_set_findings(problem, ERROR_document_refused, &findings);
}

/* The limits that this library knows; an office may announce others (file.c). */
static enum guichet_error
check_return_size(struct guichet_filing *filing, const char *name, size_t size, struct guichet_problem *problem)
{
	size_t total = filing->returns_total + size;
	char value[32];

	if (size > LIMIT_RETURN_SIZE)
		return refuse_return_size(filing, name, problem);
	snprintf(value, sizeof value, "%zu bytes", total);
	if (total > LIMIT_RETURNS_TOTAL)
		return problem_set(problem, ERROR_documents_too_large, name, slice_of_text(value),
		    "at most 256 KiB in all return documents of a filing");
	return GUICHET_ERROR_none;
}

enum guichet_error
filing_add_return(struct guichet_filing *filing, const char *name, struct guichet_bytes content,
    struct guichet_problem *problem)
{
	struct manifest_document document = { .media_type = SLICE_LITERAL(MANIFEST_RETURN_MEDIA),
		.size = content.size };
	struct slice copy;
	enum guichet_error error = need_unsigned(filing, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	error = check_return_size(filing, name, content.size, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	if (!read_form(filing, slice_of_public(content), &document.type) ||
	    !arena_copy(filing->arena, slice_of_public(content), &copy))
		return problem_set(problem, ERROR_out_of_memory, name, SLICE_EMPTY, NULL);
	digest_bytes(slice_of_public(content), document.digest);
	error = add_document(filing, &document, name, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	size_t nth = filing->content.documents_count - 1;
	filing->returns[nth] = copy;
	filing->returns_total += content.size;
	return filing_keep_name(filing, nth, name) ? error :
						     problem_set(problem, ERROR_out_of_memory, name, SLICE_EMPTY, NULL);
}

enum guichet_error
guichet_filing_add_return(struct guichet_filing *filing, struct guichet_bytes content, struct guichet_problem *problem)
{
	char name[32];

	snprintf(name, sizeof name, "document %zu", filing->content.documents_count + 1);
	return filing_add_return(filing, name, content, problem);
}

/* By the end of the path, in lower case; NULL when it says nothing. */
static const char *
media_type_of_path(const char *path)
{
	static const char *const endings[][2] = {
		{ ".pdf", "application/pdf" },
		{ ".jpg", "image/jpeg" },
		{ ".jpeg", "image/jpeg" },
		{ ".png", "image/png" },
		{ ".tif", "image/tiff" },
		{ ".tiff", "image/tiff" },
		{ ".txt", "text/plain" },
		{ ".csv", "text/csv" },
	};
	const char *dot = strrchr(path, '.');
	char ending[6] = "";

	if (dot == NULL || strlen(dot) >= sizeof ending)
		return NULL;
	for (size_t i = 0; dot[i] != '\0'; i++)
		ending[i] = dot[i] >= 'A' && dot[i] <= 'Z' ? (char)(dot[i] - 'A' + 'a') : dot[i];
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if (strcmp(ending, endings[i][0]) == 0)
			return endings[i][1];
	return NULL;
}

static bool
media_type_accepted(const char *media_type)
{
	for (const char *const *accepted = manifest_media_types(); *accepted != NULL; accepted++)
		if (strcmp(*accepted, media_type) == 0)
			return true;
	return false;
}

static bool
word_valid(const char *word)
{
	size_t size = strlen(word);

	return size != 0 && size <= LIMIT_LABEL - (sizeof MANIFEST_ATTACHMENT - 1) &&
	    strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static bool
copy_text(struct arena *arena, const char *prefix, const char *text, struct slice *out)
{
	size_t prefix_size = strlen(prefix), size = strlen(text);
	char *copy = arena_alloc(arena, prefix_size + size + 1);

	if (copy == NULL)
		return false;
	memcpy(copy, prefix, prefix_size);
	memcpy(copy + prefix_size, text, size + 1);
	*out = slice_of(copy, prefix_size + size);
	return true;
}

enum guichet_error
guichet_filing_add_attachment(struct guichet_filing *filing, const char *path, const char *word, const char *media_type,
    struct guichet_problem *problem)
{
	struct manifest_document document = { 0 };
	struct slice path_copy;
	enum guichet_error error = need_unsigned(filing, problem);

	if (error != GUICHET_ERROR_none)
		return error;
	if (media_type == NULL)
		media_type = media_type_of_path(path);
	if (media_type == NULL || !media_type_accepted(media_type))
		return problem_set(problem, ERROR_media_type_refused, path,
		    media_type != NULL ? slice_of_text(media_type) : SLICE_EMPTY,
		    "a file ending in .pdf, .jpg, .png, .tif, .txt or .csv");
	if (!word_valid(word))
		return problem_set(
		    problem, ERROR_usage, path, slice_of_text(word), "lower-case letters, digits and '-'");
	if (filing->attachments_count == LIMIT_ATTACHMENTS)
		return problem_set(
		    problem, ERROR_usage, path, SLICE_LITERAL("one more"), "at most 100 attachments in a filing");
	error = filesystem_digest(path, LIMIT_ATTACHMENT_SIZE, &document.size, document.digest, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	if (document.size == 0)
		return problem_set(
		    problem, ERROR_usage, path, SLICE_LITERAL("an empty file"), "a file that is not empty");
	if (!copy_text(filing->arena, MANIFEST_ATTACHMENT, word, &document.type) ||
	    !copy_text(filing->arena, "", media_type, &document.media_type) ||
	    !copy_text(filing->arena, "", path, &path_copy))
		return problem_set(problem, ERROR_out_of_memory, path, SLICE_EMPTY, NULL);
	error = add_document(filing, &document, path, problem);
	if (error != GUICHET_ERROR_none)
		return error;
	filing->paths[filing->content.documents_count - 1] = (const char *)path_copy.data;
	filing->attachments_count++;
	return GUICHET_ERROR_none;
}

enum guichet_error
guichet_filing_check(const struct guichet_filing *filing, struct guichet_problem *problem)
{
	const struct guichet_trust *trust = filing->trust;
	struct rules_document documents[LIMIT_DOCUMENTS];
	struct rules_result result = { 0 };
	size_t count = 0;

	enum guichet_error needed = trust_need(trust, trust->catalogue != NULL, "catalogue.json", problem);
	if (needed == GUICHET_ERROR_none)
		needed = trust_need(trust, trust->has_campaign, "campaign.json", problem);
	if (needed != GUICHET_ERROR_none)
		return needed;
	for (size_t i = 0; i < filing->content.documents_count; i++)
		if (manifest_is_return(&filing->documents[i]))
			documents[count++] = (struct rules_document){
				.type = filing->documents[i].type,
				.content = filing->returns[i],
				.name = filing->names[i],
			};
	struct arena *arena = arena_create(rules_arena_max(filing->returns_total, count));
	enum error error = arena == NULL ?
	    ERROR_out_of_memory :
	    rules_check(trust->catalogue, trust->campaign.income_year, documents, count, arena, &result);
	if (error != ERROR_NONE) {
		arena_destroy(arena);
		return problem_set(problem, error, "rules", SLICE_EMPTY, NULL);
	}
	error = result.findings.errors != 0 ? ERROR_document_refused : ERROR_NONE;
	problem_set_findings(problem, error, &result.findings);
	arena_destroy(arena);
	return (enum guichet_error)error;
}

/* ---- signing ---- */

/* Now, or a little later when the certificate is so fresh that the office's clock is ahead of this one. */
static uint64_t
choose_signing_time(const struct guichet_identity *identity, uint64_t asked)
{
	uint64_t now = asked != 0 ? asked : clock_now(), not_before = identity_not_before(identity);

	return asked == 0 && now < not_before && not_before - now <= SIGNING_TIME_AHEAD_S ? not_before : now;
}

static enum error
sign_manifest(struct guichet_filing *filing, const struct guichet_identity *identity)
{
	struct buf *attributes = buf_create(LIMIT_MANIFEST_SIZE), *signature = buf_create(LIMIT_SIGNATURE);
	enum error error = ERROR_out_of_memory;

	if (attributes == NULL || signature == NULL)
		goto done;
	signature_attributes_put(attributes, filing->signing_time, filing->id, identity_digest(identity));
	error =
	    buf_ok(attributes) ? identity_sign(identity, buf_peek(attributes), signature) : ERROR_signing_time_invalid;
	if (error == ERROR_NONE &&
	    (!buf_ok(signature) || !arena_copy(filing->arena, buf_peek(signature), &filing->signature)))
		error = ERROR_out_of_memory;
done:
	buf_destroy(attributes);
	buf_destroy(signature);
	return error;
}

static enum error
make_manifest(struct guichet_filing *filing)
{
	struct buf *text = buf_create(LIMIT_MANIFEST_SIZE);
	enum error error = ERROR_out_of_memory;

	if (text != NULL) {
		manifest_put(text, &filing->content);
		error = buf_ok(text) ? ERROR_NONE : ERROR_manifest_malformed;
	}
	if (error == ERROR_NONE && !arena_copy(filing->arena, buf_peek(text), &filing->manifest))
		error = ERROR_out_of_memory;
	buf_destroy(text);
	if (error == ERROR_NONE)
		digest_bytes(filing->manifest, filing->id);
	return error;
}

static enum guichet_error
need_documents(const struct guichet_filing *filing, struct guichet_problem *problem)
{
	if (filing->content.documents_count == 0)
		return problem_set(problem, ERROR_usage, "filing", SLICE_LITERAL("no document"), "at least a return");
	for (size_t i = 0; i < filing->content.documents_count; i++)
		if (filing->documents[i].type.size == 0)
			return problem_set(problem, ERROR_json_malformed, (const char *)filing->names[i].data,
			    SLICE_EMPTY, "a return that names its form; guichet_filing_check says why it does not");
	return GUICHET_ERROR_none;
}

static enum guichet_error
refuse_signing_time(const struct guichet_identity *identity, uint64_t signing_time, struct guichet_problem *problem)
{
	const uint64_t times[] = { signing_time, identity_not_before(identity), guichet_identity_not_after(identity) };
	char texts[3][TIME_UTC_SIZE + 1] = { "", "", "" }, expected[160];

	for (size_t i = 0; i < 3; i++)
		if (times[i] <= TIME_MAX)
			time_format_utc(times[i], texts[i]);
	snprintf(expected, sizeof expected, "from %s to %s, the certificate's validity; check this machine's clock",
	    texts[1], texts[2]);
	return problem_set(
	    problem, ERROR_signing_time_invalid, "signing time", slice_of_text(texts[0]), expected);
}

/* Signs the manifest, made already. What was signed before stays whole when that fails. */
static enum guichet_error
sign_at(struct guichet_filing *filing, const struct guichet_identity *identity, uint64_t asked,
    struct guichet_problem *problem)
{
	uint64_t signing_time = choose_signing_time(identity, asked), before = filing->signing_time;

	if (signing_time < identity_not_before(identity) || signing_time > guichet_identity_not_after(identity))
		return refuse_signing_time(identity, signing_time, problem);
	filing->signing_time = signing_time;
	enum error error = sign_manifest(filing, identity);
	if (error != ERROR_NONE) {
		filing->signing_time = before;
		return problem_set(problem, error, "filing", SLICE_EMPTY, NULL);
	}
	memcpy(filing->serial, guichet_identity_serial(identity).data, SERIAL_SIZE);
	filing->is_signed = true;
	return GUICHET_ERROR_none;
}

static enum guichet_error
need_certificate(const struct guichet_identity *identity, struct guichet_problem *problem)
{
	if (identity_has_certificate(identity))
		return GUICHET_ERROR_none;
	return problem_set(problem, ERROR_usage, "identity", SLICE_LITERAL("no certificate"), "enrol first");
}

enum guichet_error
guichet_filing_sign(struct guichet_filing *filing, const struct guichet_identity *identity, uint64_t signing_time,
    struct guichet_problem *problem)
{
	enum guichet_error needed = need_unsigned(filing, problem);

	if (needed == GUICHET_ERROR_none)
		needed = need_certificate(identity, problem);
	if (needed == GUICHET_ERROR_none)
		needed = need_documents(filing, problem);
	if (needed != GUICHET_ERROR_none)
		return needed;
	enum error error = make_manifest(filing);
	if (error != ERROR_NONE)
		return problem_set(problem, error, "filing", SLICE_EMPTY, NULL);
	return sign_at(filing, identity, signing_time, problem);
}

enum guichet_error
guichet_filing_sign_again(struct guichet_filing *filing, const struct guichet_identity *identity,
    uint64_t signing_time, struct guichet_problem *problem)
{
	if (!filing->is_signed)
		return problem_set(problem, ERROR_usage, "filing", SLICE_LITERAL("not signed"), "a signed filing");
	enum guichet_error needed = need_certificate(identity, problem);
	return needed == GUICHET_ERROR_none ? sign_at(filing, identity, signing_time, problem) : needed;
}
