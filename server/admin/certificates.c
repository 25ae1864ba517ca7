/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd issue and guichetd revoke: the same decisions as over the wire, while no server runs. */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/time.h"
#include "server/admin/admin.h"
#include "server/profile.h"
#include "server/services/services.h"

#define ARENA_SIZE ((size_t)64 * 1024 * 1024)

static const struct admin_command issue_command = {
	"issue", "DIR", 1,
	"Issues a certificate for a PKCS#10 request (PEM) made where the private key lives. The request's common name\n"
	"becomes the holder's. Refuses while a server uses DIR.",
	NULL,
};

static const struct admin_command revoke_command = {
	"revoke", "DIR SERIAL", 2,
	"Revokes a certificate by its serial number (32 hexadecimal digits, of either case) and publishes the CRL\n"
	"anew. Of one that was revoked already it says since when and why, and changes nothing. Refuses while a\n"
	"server uses DIR; then an operator's guichet revoke --serial does it.",
	NULL,
};

/* Every field of the two requests but the deadline, which is none of an offline command's. */
static const struct admin_typed issue_typed[] = {
	{ "issue_request.kind", "--kind" },
	{ "issue_request.csr", "--csr" },
	{ "csr", "--csr" },
	{ NULL, NULL },
};

static const struct admin_typed revoke_typed[] = {
	{ "revoke_request.serial", "SERIAL" },
	{ "revoke_request.reason", "--reason" },
	{ NULL, NULL },
};

static enum error
unreadable(const char *path, const char *expected, struct fault *fault)
{
	return fault_set(fault, ERROR_file_unreadable, path, slice_of_text(strerror(errno)), expected);
}

/* The request's DER out of a PEM file, in the arena. */
static enum error
read_request(const char *path, struct arena *arena, struct slice *out, struct fault *fault)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return unreadable(path, "a file that can be read", fault);
	X509_REQ *request = PEM_read_X509_REQ(file, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int size = request == NULL ? -1 : i2d_X509_REQ(request, &der);
	enum error error = ERROR_NONE;

	if (size <= 0)
		error = fault_set(fault, ERROR_file_unreadable, path, SLICE_LITERAL("something else"),
		    "a PKCS#10 request in PEM");
	else if (!arena_copy(arena, slice_of(der, (size_t)size), out))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	OPENSSL_free(der);
	X509_REQ_free(request);
	fclose(file);
	return error;
}

static bool
put_certificate(FILE *file, struct slice der)
{
	const unsigned char *at = der.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
	bool is_good = certificate != NULL && PEM_write_X509(file, certificate) == 1 && fflush(file) == 0;

	X509_free(certificate);
	return is_good;
}

/* A file that is there is not overwritten, as in guichet. */
static enum error
check_out(const char *path, struct fault *fault)
{
	struct stat status;

	if (path == NULL || lstat(path, &status) != 0)
		return ERROR_NONE;
	return fault_set(fault, ERROR_usage, "--out", slice_of_text(path),
	    "a file that does not exist yet: what is there is not overwritten");
}

static enum error
write_certificate(const char *path, struct slice der, struct fault *fault)
{
	/* Nothing is overwritten; check_out looked before the certificate was issued. */
	FILE *file = path == NULL ? stdout : fopen(path, "wxe");
	bool is_good = file != NULL && put_certificate(file, der);

	if (path != NULL && file != NULL && fclose(file) != 0)
		is_good = false;
	return is_good ? ERROR_NONE :
			 unreadable(path == NULL ? "standard output" : path, "a new file that can be written", fault);
}

/* To programs: the serial number, and the certificate or where it is. */
static enum error
say_issued(const char *path, const struct msg_certificate_answer *answer, struct fault *fault)
{
	char serial[2 * SERIAL_SIZE + 1], *pem = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&pem, &size);
	bool is_good = memory != NULL && put_certificate(memory, answer->certificate);

	if (memory != NULL && fclose(memory) != 0)
		is_good = false;
	hex_encode(answer->serial, serial);
	if (is_good)
		admin_say(stdout, (const struct admin_fact[]) { { "type", "guichet-issue", 0 },
			{ "serial", serial, 0 },
			{ path == NULL ? "certificate" : "out", path == NULL ? pem : path, 0 }, { NULL, NULL, 0 } });
	free(pem);
	return is_good ? ERROR_NONE : fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
}

/* To people, when the certificate is in a file. */
static enum error
tell_issued(const char *kind, const char *path, const struct msg_certificate_answer *answer, struct fault *fault)
{
	const unsigned char *at = answer->certificate.data;
	X509 *certificate = d2i_X509(NULL, &at, (long)answer->certificate.size);
	char serial[2 * SERIAL_SIZE + 1], until[TIME_UTC_SIZE + 1] = "";
	uint64_t not_after;
	bool is_good = certificate != NULL && profile_time_get(X509_get0_notAfter(certificate), &not_after);

	hex_encode(answer->serial, serial);
	if (is_good) {
		time_format_utc(not_after, until);
		printf("%s certificate %s is in %s, valid until %s.\n", kind, serial, path, until);
	}
	X509_free(certificate);
	return is_good ? ERROR_NONE : fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
}

int
admin_issue(int argc, char **argv)
{
	const char *directory, *kind = NULL, *csr = NULL, *out = NULL;
	bool as_json = false;
	const struct admin_option options[] = {
		{ "--kind", "KIND", ROLE_ISSUED_WORDS, &kind, NULL, ADMIN_ONCE },
		{ "--csr", "FILE", "the request", &csr, NULL, ADMIN_ONCE },
		{ "--out", "FILE", "where the certificate (PEM) goes, a new file (default: standard output)", &out,
		    NULL, ADMIN_MAYBE },
		{ "--json", NULL, "the result as JSON, the certificate in it unless --out is given", NULL, &as_json,
		    ADMIN_MAYBE },
		ADMIN_OPTIONS_END,
	};
	struct msg_issue_request request = { .has_deadline_ms = false };
	struct admin_office *office = NULL;
	struct fault fault;
	void *answer = NULL;
	int exit;

	if (!admin_options(argc, argv, &issue_command, options, &directory, &exit))
		return exit;
	if ((role_find(slice_of_text(kind)) & ROLE_ISSUED) == 0)
		return admin_refuse("--kind", kind, ROLE_ISSUED_WORDS, as_json);
	struct arena *arena = arena_create(ARENA_SIZE);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    read_request(csr, arena, &request.csr, &fault);
	if (error == ERROR_NONE)
		error = check_out(out, &fault);
	request.kind = slice_of_text(kind);
	if (error == ERROR_NONE)
		error = admin_office_open(directory, arena, &office, &fault);
	if (error == ERROR_NONE)
		error = admin_office_run(office, decide_issue, message_certificate_answer(), &request, ROLE_OPERATOR,
		    arena, &answer, &fault);
	if (error == ERROR_NONE)
		error = admin_office_settle(office, arena, &fault);
	if (error == ERROR_NONE && (out != NULL || !as_json))
		error = write_certificate(out, ((struct msg_certificate_answer *)answer)->certificate, &fault);
	if (error == ERROR_NONE && as_json)
		error = say_issued(out, answer, &fault);
	else if (error == ERROR_NONE && out != NULL)
		error = tell_issued(kind, out, answer, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report_typed(&fault, issue_typed, as_json);
	admin_office_close(office);
	arena_destroy(arena);
	return exit;
}

/* Of either case: other tools print upper-case letters. */
static bool
serial_read(const char *word, uint8_t serial[SERIAL_SIZE])
{
	char lower[2 * SERIAL_SIZE + 1];
	size_t size = strlen(word);

	if (size != 2 * SERIAL_SIZE)
		return false;
	for (size_t i = 0; i <= size; i++)
		lower[i] = word[i] >= 'A' && word[i] <= 'F' ? (char)(word[i] - 'A' + 'a') : word[i];
	return hex_decode(slice_of_text(lower), serial, SERIAL_SIZE);
}

/* To programs as guichet revoke says it. */
static void
say_revoked(struct slice bytes, const struct msg_revoke_answer *answer, bool as_json)
{
	const char *reason = revocation_reason_word(answer->reason);
	char serial[2 * SERIAL_SIZE + 1], revoked_at[TIME_UTC_SIZE + 1] = "";

	/* An older record may have a reason that is given no more. */
	reason = reason != NULL ? reason : "unknown";
	hex_encode(bytes, serial);
	time_format_utc(answer->revoked_at, revoked_at);
	if (as_json)
		admin_say(stdout, (const struct admin_fact[]) { { "type", "guichet-revoke", 0 },
			{ "serial", serial, 0 }, { "revoked_at", NULL, answer->revoked_at }, { "reason", reason, 0 },
			{ "was_revoked", answer->was_revoked ? admin_true : admin_false, 0 }, { NULL, NULL, 0 } });
	else if (answer->was_revoked)
		printf("%s was revoked already, on %s (%s); nothing was changed.\n", serial, revoked_at, reason);
	else
		printf("%s is revoked since %s (%s).\n", serial, revoked_at, reason);
}

int
admin_revoke(int argc, char **argv)
{
	const char *words[2], *reason = NULL;
	bool as_json = false;
	const struct admin_option options[] = {
		{ "--reason", "R", REVOCATION_REASON_WORDS, &reason, NULL, ADMIN_MAYBE },
		ADMIN_JSON(&as_json),
		ADMIN_OPTIONS_END,
	};
	struct msg_revoke_request request = { .reason = REVOCATION_REASON_unspecified };
	uint8_t serial[SERIAL_SIZE];
	struct admin_office *office = NULL;
	struct fault fault;
	void *answer = NULL;
	int exit;

	if (!admin_options(argc, argv, &revoke_command, options, words, &exit))
		return exit;
	if (!serial_read(words[1], serial))
		return admin_refuse("SERIAL", words[1], "32 hexadecimal digits", as_json);
	if (reason != NULL && !revocation_reason_find(slice_of_text(reason), &request.reason))
		return admin_refuse("--reason", reason, REVOCATION_REASON_WORDS, as_json);
	request.serial = slice_of(serial, sizeof serial);
	struct arena *arena = arena_create(ARENA_SIZE);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    admin_office_open(words[0], arena, &office, &fault);
	if (error == ERROR_NONE)
		error = admin_office_run(
		    office, decide_revoke, message_revoke_answer(), &request, ROLE_OPERATOR, arena, &answer, &fault);
	if (error == ERROR_NONE)
		error = admin_office_publish_crl(office, &fault);
	if (error == ERROR_NONE)
		error = admin_office_settle(office, arena, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report_typed(&fault, revoke_typed, as_json);
	if (exit == ADMIN_DONE)
		say_revoked(request.serial, answer, as_json);
	admin_office_close(office);
	arena_destroy(arena);
	return exit;
}
