/* SPDX-License-Identifier: Apache-2.0
 *
 * An office for the client's tests. */
#include "tests/unit/client_office.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/clock.h"
#include "client/identity.h"
#include "protocol/codec.h"
#include "protocol/note.h"
#include "tests/unit/stream_pair.h"

#define BUFFER_MAX ((size_t)4 * LIMIT_FRAME_BODY)
#define PATIENCE_MS 10000

static const uint8_t correlation[CORRELATION_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8 };

/* ---- life ---- */

void
office_open(struct office *office, office_script *script)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	size_t key_size = 32;

	*office = (struct office){
		.fd = -1,
		.script = script,
		.origin = OFFICE_ORIGIN,
		.frame_body_max = LIMIT_FRAME_BODY,
		.streams_max = LIMIT_STREAMS,
		.documents_max = LIMIT_DOCUMENTS,
		.return_size_max = LIMIT_RETURN_SIZE,
		.part_size_max = LIMIT_PART_SIZE,
		.returns_total_max = LIMIT_RETURNS_TOTAL,
		.manifest_size_max = LIMIT_MANIFEST_SIZE,
	};
	office->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_true(office->listener >= 0);
	assert_int_equal(bind(office->listener, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(office->listener, 8), 0);
	assert_int_equal(getsockname(office->listener, (struct sockaddr *)&address, &size), 0);
	snprintf(office->address, sizeof office->address, "127.0.0.1:%u", ntohs(address.sin_port));
	office->input = buf_create(BUFFER_MAX);
	office->output = buf_create(BUFFER_MAX);
	office->log_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_non_null(office->log_key);

	struct note_verifier *verifier = &office->trust.verifier;
	uint8_t public_key[32];
	assert_int_equal(EVP_PKEY_get_raw_public_key(office->log_key, public_key, &key_size), 1);
	struct buf *text = buf_create(1000);
	struct fault fault;
	note_verifier_put(text, OFFICE_ORIGIN, public_key);
	assert_int_equal(note_verifier_parse(buf_peek(text), verifier, &fault), ERROR_NONE);
	buf_destroy(text);
	office->trust.directory = "test";
	office->trust.tls = pair_client_config;
}

void
office_drop(struct office *office)
{
	stream_destroy(office->stream);
	office->stream = NULL;
	office->established = false;
	if (office->fd >= 0)
		close(office->fd);
	office->fd = -1;
	buf_reset(office->input);
	buf_reset(office->output);
}

void
office_close(struct office *office)
{
	office_drop(office);
	close(office->listener);
	buf_destroy(office->input);
	buf_destroy(office->output);
	EVP_PKEY_free(office->log_key);
}

/* ---- answers ---- */

static void
put_frame(
    struct office *office, const struct frame *request, uint32_t status, const struct record *record, const void *value)
{
	struct frame frame = { .op = request->op, .flags = FRAME_ANSWER, .status = status, .stream = request->stream };
	struct buf *body = buf_create(2 * LIMIT_FRAME_BODY);

	codec_encode(record, value, body);
	assert_true(buf_ok(body));
	frame.body = buf_peek(body);
	frame_put(office->output, &frame);
	assert_true(buf_ok(office->output));
	buf_destroy(body);
}

void
office_answer(struct office *office, const struct frame *request, void *answer)
{
	/* Every answer begins with its envelope. */
	struct msg_done *envelope = answer;

	envelope->correlation = slice_of(correlation, sizeof correlation);
	put_frame(office, request, 0, operation_find(request->op)->answer(), answer);
}

void
office_refuse(struct office *office, const struct frame *request, enum error error, uint64_t retry_after_ms)
{
	struct msg_finding finding = {
		.severity = 1, .rule = 7, .text = SLICE_LITERAL("a rule"), .text_fr = SLICE_LITERAL("une règle")
	};
	struct msg_refusal refusal = {
		.correlation = slice_of(correlation, sizeof correlation),
		.text = SLICE_LITERAL("refused by the script"),
		.text_fr = SLICE_LITERAL("refusé"),
		.has_retry_after_ms = retry_after_ms != 0,
		.retry_after_ms = retry_after_ms,
		.has_findings = true,
		.findings = &finding,
		.findings_count = 1,
	};

	put_frame(office, request, (uint32_t)error, message_refusal(), &refusal);
}

static void
say_hello(struct office *office, const struct frame *request)
{
	struct msg_hello_answer hello = {
		.server = SLICE_LITERAL("test 1"),
		.origin = slice_of_text(office->origin),
		.time = clock_now(),
		.frame_body_max = office->frame_body_max,
		.streams_max = office->streams_max,
		.documents_max = office->documents_max,
		.attachments_max = LIMIT_ATTACHMENTS,
		.return_size_max = office->return_size_max,
		.attachment_size_max = LIMIT_ATTACHMENT_SIZE,
		.part_size_max = office->part_size_max,
		.upload_quota = LIMIT_UPLOAD_QUOTA,
		.has_filings_hour_max = !office->is_older,
		.filings_hour_max = LIMIT_FILINGS_HOUR,
		.has_filings_day_max = !office->is_older,
		.filings_day_max = LIMIT_FILINGS_DAY,
		.has_filed_quota = !office->is_older,
		.filed_quota = LIMIT_FILED_QUOTA,
		.has_returns_total_max = !office->is_older,
		.returns_total_max = office->returns_total_max,
		.has_part_size_min = !office->is_older,
		.part_size_min = LIMIT_PART_MIN,
		.has_manifest_size_max = !office->is_older,
		.manifest_size_max = office->manifest_size_max,
	};

	if (office->busy_hellos == 0) {
		office_answer(office, request, &hello);
		return;
	}
	office->busy_hellos--;
	office_refuse(office, request, ERROR_busy, office->busy_ms);
}

void *
office_decode(const struct frame *request, struct arena *arena)
{
	const struct record *record = operation_find(request->op)->request();
	void *out = arena_alloc(arena, record->size);
	struct slice copy;
	struct fault fault;

	assert_non_null(out);
	assert_true(arena_copy(arena, request->body, &copy));
	assert_int_equal(codec_decode(record, copy, CODEC_REQUEST, arena, out, &fault), ERROR_NONE);
	return out;
}

/* ---- steps ---- */

/* False when the connection was cut. */
static bool
take_requests(struct office *office)
{
	struct frame frame;
	size_t size;

	while (frame_peek(buf_peek(office->input), LIMIT_FRAME_BODY, &frame, &size) == ERROR_NONE && size != 0) {
		enum verdict verdict = VERDICT_HELLO;
		if (frame.op != OPERATION_hello) {
			office->requests++;
			verdict = office->script(office, &frame);
		}
		if (verdict == VERDICT_DROP) {
			office_drop(office);
			return false;
		}
		if (verdict == VERDICT_HELLO)
			say_hello(office, &frame);
		buf_consume(office->input, size);
	}
	return true;
}

static void
move_bytes(struct office *office)
{
	struct stream_result result = { .status = STREAM_PROGRESS };

	while (result.status == STREAM_PROGRESS) {
		result = stream_read(office->stream, office->input, LIMIT_FRAME_BODY);
		if (!take_requests(office))
			return;
	}
	if (result.status != STREAM_WANT_READ) {
		office_drop(office);
		return;
	}
	result = stream_write(office->stream, office->output);
	if (result.status == STREAM_CUT)
		office_drop(office);
}

void
office_step(struct office *office)
{
	if (office->fd < 0) {
		office->fd = accept(office->listener, NULL, NULL);
		if (office->fd < 0)
			return;
		assert_int_equal(fcntl(office->fd, F_SETFL, O_NONBLOCK), 0);
		office->stream = stream_create(pair_server_config, office->fd, NULL);
		assert_non_null(office->stream);
		office->connections++;
	}
	if (!office->established) {
		struct stream_result result = stream_handshake(office->stream);
		office->established = result.status == STREAM_PROGRESS;
		if (!office->established && !pair_waits(result))
			office_drop(office);
	}
	if (office->established)
		move_bytes(office);
}

void
office_run(struct office *office, struct guichet_request *request)
{
	uint64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

	guichet_request_start(request);
	while (!guichet_request_is_done(request)) {
		guichet_request_wait_ms(request, 0);
		office_step(office);
		struct pollfd poll_fds[] = { { .fd = office->listener, .events = POLLIN },
			{ .fd = office->fd, .events = POLLIN } };
		assert_true(clock_monotonic_ms() < until_ms);
		/* Again when something came, or a millisecond later: the client may have to be looked at. */
		poll(poll_fds, 2, 1);
	}
}

/* ---- an identity ---- */

struct guichet_identity *
office_identity(uint8_t byte)
{
	struct guichet_identity *identity;
	uint8_t serial[SERIAL_SIZE];
	X509 *certificate = X509_new();
	EVP_PKEY *issuer = EVP_EC_gen("P-256");
	struct buf *csr = buf_create(LIMIT_CSR);

	memset(serial, byte, sizeof serial);
	assert_int_equal(guichet_identity_generate("p256", &identity, NULL), GUICHET_ERROR_none);
	assert_int_equal(identity_put_request(identity, csr), ERROR_NONE);
	struct slice der = buf_peek(csr);
	const unsigned char *at = der.data;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)der.size);
	assert_non_null(request);
	X509_set_version(certificate, X509_VERSION_3);
	BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)"Zoé Garçon", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
	    subject, "serialNumber", MBSTRING_ASC, (const unsigned char *)"3023217600053", -1, -1, 0);
	X509_set_pubkey(certificate, X509_REQ_get0_pubkey(request));
	assert_true(X509_sign(certificate, issuer, EVP_sha256()) > 0);
	assert_int_equal(identity_take_certificate(identity, certificate), ERROR_NONE);
	X509_REQ_free(request);
	EVP_PKEY_free(issuer);
	buf_destroy(csr);
	return identity;
}
