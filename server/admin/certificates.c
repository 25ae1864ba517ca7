/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd issue and guichetd revoke: the same decisions as over the wire, while no server runs. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/admin/admin.h"
#include "server/services/services.h"

#define ARENA_SIZE ((size_t)64 * 1024 * 1024)

static const char issue_usage[] =
    "usage: guichetd issue DIR --kind KIND --csr FILE [--out FILE] [--json]\n\n"
    "Issues a certificate for a PKCS#10 request (PEM) made where the private key lives. The request's common name\n"
    "becomes the holder's.\n\n"
    "  --kind KIND   professional, agent, operator, consumer or courier\n"
    "  --csr FILE    the request\n"
    "  --out FILE    where the certificate (PEM) goes; standard output by default\n"
    "  --json        the result as JSON, the certificate in it unless --out is given\n";

static const char revoke_usage[] =
    "usage: guichetd revoke DIR SERIAL [--reason NUMBER] [--json]\n\n"
    "Revokes a certificate by its serial number (32 hexadecimal digits) and publishes the CRL anew.\n\n"
    "  --reason NUMBER   RFC 5280: 0 unspecified (default), 1 key compromise, 4 superseded, 5 cessation, ...\n"
    "  --json            the result as JSON\n";

/* The request's DER out of a PEM file, in the arena. */
static enum error
read_request(const char *path, struct arena *arena, struct slice *out, struct fault *fault)
{
	FILE *file = fopen(path, "re");
	X509_REQ *request = file == NULL ? NULL : PEM_read_X509_REQ(file, NULL, NULL, NULL);
	unsigned char *der = NULL;
	int size = request == NULL ? -1 : i2d_X509_REQ(request, &der);
	enum error error = ERROR_NONE;

	if (size <= 0)
		error = fault_set(fault, ERROR_file_unreadable, path, SLICE_EMPTY, "a PKCS#10 request in PEM");
	else if (!arena_copy(arena, slice_of(der, (size_t)size), out))
		error = fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	OPENSSL_free(der);
	X509_REQ_free(request);
	if (file != NULL)
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

static enum error
write_certificate(const char *path, struct slice der, struct fault *fault)
{
	FILE *file = path == NULL ? stdout : fopen(path, "we");
	bool is_good = file != NULL && put_certificate(file, der);

	if (path != NULL && file != NULL && fclose(file) != 0)
		is_good = false;
	return is_good ? ERROR_NONE :
			 fault_set(fault, ERROR_file_unreadable, path == NULL ? "standard output" : path, SLICE_EMPTY,
			     "a file that can be written");
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

int
admin_issue(int argc, char **argv)
{
	const char *directory, *kind = NULL, *csr = NULL, *out = NULL;
	bool as_json = false;
	const struct admin_option options[] = { { "--kind", &kind, NULL }, { "--csr", &csr, NULL },
		{ "--out", &out, NULL }, { "--json", NULL, &as_json }, { NULL, NULL, NULL } };
	struct msg_issue_request request = { .has_deadline_ms = false };
	struct admin_office *office = NULL;
	struct fault fault;
	void *answer = NULL;
	int exit;

	if (!admin_options(argc, argv, issue_usage, options, &directory, 1, &exit))
		return exit;
	if (kind == NULL || csr == NULL) {
		fputs(issue_usage, stderr);
		return ADMIN_USAGE;
	}
	struct arena *arena = arena_create(ARENA_SIZE);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    read_request(csr, arena, &request.csr, &fault);
	request.kind = slice_of_text(kind);
	if (error == ERROR_NONE)
		error = admin_office_open(directory, arena, &office, &fault);
	if (error == ERROR_NONE)
		error = admin_office_run(office, decide_issue, message_certificate_answer(), &request, ROLE_OPERATOR,
		    arena, &answer, &fault);
	if (error == ERROR_NONE && (out != NULL || !as_json))
		error = write_certificate(out, ((struct msg_certificate_answer *)answer)->certificate, &fault);
	if (error == ERROR_NONE && as_json)
		error = say_issued(out, answer, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report(&fault, as_json);
	admin_office_close(office);
	arena_destroy(arena);
	return exit;
}

static void
say_revoked(const char *serial, bool as_json)
{
	if (as_json)
		admin_say(stdout, (const struct admin_fact[]) { { "type", "guichet-revoke", 0 },
			{ "serial", serial, 0 }, { NULL, NULL, 0 } });
	else
		printf("%s is revoked.\n", serial);
}

int
admin_revoke(int argc, char **argv)
{
	const char *words[2], *reason = "0";
	bool as_json = false;
	const struct admin_option options[] = { { "--reason", &reason, NULL }, { "--json", NULL, &as_json },
		{ NULL, NULL, NULL } };
	struct msg_revoke_request request = { .has_deadline_ms = false };
	uint8_t serial[SERIAL_SIZE];
	struct admin_office *office = NULL;
	struct fault fault;
	void *answer = NULL;
	int exit;

	if (!admin_options(argc, argv, revoke_usage, options, words, 2, &exit))
		return exit;
	if (!hex_decode(slice_of_text(words[1]), serial, sizeof serial) ||
	    !decimal_decode(slice_of_text(reason), 10, &request.reason)) {
		fputs(revoke_usage, stderr);
		return ADMIN_USAGE;
	}
	request.serial = slice_of(serial, sizeof serial);
	struct arena *arena = arena_create(ARENA_SIZE);
	enum error error = arena == NULL ? fault_set(&fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    admin_office_open(words[0], arena, &office, &fault);
	if (error == ERROR_NONE)
		error = admin_office_run(
		    office, decide_revoke, message_revoke_answer(), &request, ROLE_OPERATOR, arena, &answer, &fault);
	if (error == ERROR_NONE)
		error = admin_office_publish_crl(office, &fault);
	exit = error == ERROR_NONE ? ADMIN_DONE : admin_report(&fault, as_json);
	if (exit == ADMIN_DONE)
		say_revoked(words[1], as_json);
	admin_office_close(office);
	arena_destroy(arena);
	return exit;
}
