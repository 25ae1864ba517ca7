/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading the directory that an office publishes. */
#include "client/trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/blob.h"
#include "client/problem.h"

/* Campaign with the contract's text, and paths. */
#define TRUST_SIZE_MAX ((size_t)1024 * 1024)
/* log.vkey, campaign.json, ca.pem. */
#define TRUST_FILE_MAX ((size_t)256 * 1024)
#define TRUST_PATH_MAX ((size_t)4096)

/* "directory/file" in the arena; NULL when it is too long. */
static const char *
path_of(const struct guichet_trust *trust, const char *file)
{
	size_t directory_size = strlen(trust->directory), file_size = strlen(file);

	if (directory_size > TRUST_PATH_MAX)
		return NULL;
	char *path = arena_alloc(trust->arena, directory_size + 1 + file_size + 1);
	if (path == NULL)
		return NULL;
	memcpy(path, trust->directory, directory_size);
	path[directory_size] = '/';
	memcpy(path + directory_size + 1, file, file_size + 1);
	return path;
}

/* How each file becomes a part of the trust. `path` for those that are read elsewhere. */
typedef enum error load_file(struct guichet_trust *trust, const char *path, struct slice content, struct fault *fault);

static enum error
load_verifier(struct guichet_trust *trust, const char *path, struct slice content, struct fault *fault)
{
	(void)path;
	return note_verifier_parse(content, &trust->verifier, fault);
}

static enum error
load_tls(struct guichet_trust *trust, const char *path, struct slice content, struct fault *fault)
{
	enum error error = tls_config_create_client(path, &trust->tls, fault);

	(void)content;
	if (error == ERROR_file_unreadable) /* the path again */
		fault->place = SLICE_EMPTY;
	return error;
}

static enum error
load_authority(struct guichet_trust *trust, const char *path, struct slice content, struct fault *fault)
{
	BIO *bio = BIO_new_mem_buf(content.data, (int)content.size);
	X509 *certificate;
	bool good = bio != NULL, any = false;

	(void)path;
	trust->authority = X509_STORE_new();
	good = good && trust->authority != NULL;
	while (good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		good = any = X509_STORE_add_cert(trust->authority, certificate) == 1;
		X509_free(certificate);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (good && any)
		return ERROR_NONE;
	return fault_set(fault, ERROR_file_unreadable, NULL, SLICE_LITERAL("no certificate"), "certificates in PEM");
}

static enum error
load_campaign(struct guichet_trust *trust, const char *path, struct slice content, struct fault *fault)
{
	(void)path;
	trust->has_campaign = true;
	return campaign_parse(content, trust->arena, &trust->campaign, fault);
}

static enum error
load_catalogue(struct guichet_trust *trust, const char *path, struct slice content, struct fault *fault)
{
	(void)path;
	return catalogue_parse(content, trust->arena, &trust->catalogue, fault);
}

static const struct {
	const char *name;
	bool required;
	size_t size_max;
	load_file *load;
} files[] = {
	{ "log.vkey", true, TRUST_FILE_MAX, load_verifier },
	{ "tls.pem", false, TRUST_FILE_MAX, load_tls },
	{ "ca.pem", false, TRUST_FILE_MAX, load_authority },
	{ "campaign.json", false, TRUST_FILE_MAX, load_campaign },
	{ "catalogue.json", false, LIMIT_JSON_FILE, load_catalogue },
};

static enum guichet_error
load(struct guichet_trust *trust, size_t nth, struct guichet_problem *problem)
{
	struct fault fault = { 0 };
	struct guichet_blob *content = NULL;
	const char *path = path_of(trust, files[nth].name);

	if (path == NULL)
		return problem_set(problem, ERROR_usage, "trust", SLICE_EMPTY, "a shorter path");
	if (!files[nth].required && access(path, F_OK) != 0 && errno == ENOENT)
		return GUICHET_ERROR_none;
	enum guichet_error read = guichet_file_read(path, files[nth].size_max, &content, problem);
	if (read != GUICHET_ERROR_none) {
		if (access(path, F_OK) != 0 && errno == ENOENT)
			problem_set_expected(problem, "the directory of what the office publishes, its DIR/public");
		return read;
	}
	enum error error = files[nth].load(trust, path, slice_of_public(guichet_blob_bytes(content)), &fault);
	if (error != ERROR_NONE)
		problem_set_fault_in(problem, error, path, &fault);
	guichet_blob_destroy(content);
	return (enum guichet_error)error;
}

enum guichet_error
guichet_trust_load(const char *directory, struct guichet_trust **out, struct guichet_problem *problem)
{
	struct guichet_trust *trust = calloc(1, sizeof *trust);
	enum guichet_error error = GUICHET_ERROR_none;
	struct slice copy;

	*out = NULL;
	if (trust != NULL)
		trust->arena = arena_create(TRUST_SIZE_MAX);
	if (trust == NULL || trust->arena == NULL || !arena_copy(trust->arena, slice_of_text(directory), &copy)) {
		guichet_trust_destroy(trust);
		return problem_set(problem, ERROR_out_of_memory, directory, SLICE_EMPTY, NULL);
	}
	trust->directory = (const char *)copy.data;
	for (size_t i = 0; i < sizeof files / sizeof files[0] && error == GUICHET_ERROR_none; i++)
		error = load(trust, i, problem);
	if (error != GUICHET_ERROR_none) {
		guichet_trust_destroy(trust);
		return error;
	}
	*out = trust;
	return GUICHET_ERROR_none;
}

void
guichet_trust_destroy(struct guichet_trust *trust)
{
	if (trust == NULL)
		return;
	tls_config_destroy(trust->tls);
	X509_STORE_free(trust->authority);
	catalogue_destroy(trust->catalogue);
	arena_destroy(trust->arena);
	free(trust);
}

enum guichet_error
trust_need(const struct guichet_trust *trust, bool is_there, const char *file, struct guichet_problem *problem)
{
	if (is_there)
		return GUICHET_ERROR_none;
	return problem_set(problem, ERROR_file_unreadable, trust->directory, slice_of_text("no such file in it"), file);
}

enum guichet_error
trust_check_certificate(const struct guichet_trust *trust, X509 *certificate, struct guichet_problem *problem)
{
	enum guichet_error error = trust_need(trust, trust->authority != NULL, "ca.pem", problem);

	if (error != GUICHET_ERROR_none)
		return error;
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	if (context == NULL || X509_STORE_CTX_init(context, trust->authority, certificate, NULL) != 1) {
		error = problem_set(problem, ERROR_key_failed, "certificate", SLICE_EMPTY, NULL);
		goto done;
	}
	/* The office's clock and this one may differ; what matters here is who certified it. */
	X509_STORE_CTX_set_flags(context, X509_V_FLAG_NO_CHECK_TIME);
	if (X509_STORE_CTX_set_purpose(context, X509_PURPOSE_ANY) != 1 || X509_verify_cert(context) != 1)
		error = problem_set(problem, ERROR_proof_invalid, "certificate",
		    slice_of_text(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context))),
		    "a certificate of the authority in ca.pem");
done:
	X509_STORE_CTX_free(context);
	ERR_clear_error();
	return error;
}

struct guichet_bytes
guichet_trust_origin(const struct guichet_trust *trust)
{
	return guichet_bytes_of_text(trust->verifier.name);
}

struct guichet_bytes
guichet_trust_campaign(const struct guichet_trust *trust)
{
	return public_of_slice(trust->campaign.name);
}

struct guichet_bytes
guichet_trust_contract(const struct guichet_trust *trust)
{
	return public_of_slice(trust->campaign.contract);
}

struct guichet_bytes
guichet_trust_contract_text(const struct guichet_trust *trust)
{
	return public_of_slice(trust->campaign.contract_text);
}

uint64_t
guichet_trust_income_year(const struct guichet_trust *trust)
{
	return trust->campaign.income_year;
}
