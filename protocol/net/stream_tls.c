/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams over OpenSSL: the only SSL_read and SSL_write in the tree. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/check.h"
#include "protocol/net/socket_bio.h"
#include "protocol/net/stream.h"
#include "protocol/net/tls_config.h"

/* Room asked of the buffer before a record's size is known: most messages fit, so that an idle or short conversation
 * never grows the buffer to a whole record. */
#define READ_FIRST ((size_t)2048)
/* Plaintext of one record (RFC 8446 5.1). */
#define RECORD_MAX ((size_t)16384)
/* Messages of TLS itself after the handshake, KeyUpdate above all. Each costs its receiver a key derivation and OpenSSL
 * 3.0 has no limit; honest peers send a ticket or two, and a KeyUpdate after millions of records. */
#define CONTROL_MESSAGES_MAX 32

struct stream {
	SSL *ssl;
	struct wire wire;
	unsigned control_messages; /* received since the handshake */
	bool wants_alpn;
	bool established;
	bool farewell;  /* close_notify is sent */
	bool unsent;    /* OpenSSL holds a record the socket did not take */
	enum stream_status end; /* STREAM_CUT or STREAM_FAILED once it came to that; then nothing else ever */
	const char *end_reason;
};

static const struct {
	int error_number;
	const char *text;
} socket_errors[] = {
	{ ECONNRESET, "connection reset by peer" },
	{ EPIPE, "connection closed by peer" },
	{ ETIMEDOUT, "connection timed out" },
	{ EHOSTUNREACH, "host unreachable" },
	{ ENETUNREACH, "network unreachable" },
	{ ECONNREFUSED, "connection refused" },
};

static const char *
socket_error_text(int error_number)
{
	for (size_t i = 0; i < sizeof socket_errors / sizeof socket_errors[0]; i++)
		if (socket_errors[i].error_number == error_number)
			return socket_errors[i].text;
	return "socket error";
}

static struct stream_result
result_of(enum stream_status status)
{
	return (struct stream_result){ .status = status };
}

static struct stream_result
result_progress(const struct stream *stream, size_t size)
{
	return (struct stream_result){
		.status = STREAM_PROGRESS, .size = size, .pending = SSL_has_pending(stream->ssl) == 1,
		.drained = stream->wire.drained,
	};
}

/* The end, remembered: OpenSSL must not be asked again after it. */
static struct stream_result
stream_end(struct stream *stream, enum stream_status status, const char *reason)
{
	stream->end = status;
	stream->end_reason = reason;
	return (struct stream_result){ .status = status, .reason = reason };
}

static struct stream_result
result_end(const struct stream *stream)
{
	return (struct stream_result){ .status = stream->end, .reason = stream->end_reason };
}

/* Why OpenSSL gave up, as one of its own constant texts. */
static const char *
tls_error_text(const struct stream *stream)
{
	long verified = SSL_get_verify_result(stream->ssl);
	if (verified != X509_V_OK)
		return X509_verify_cert_error_string(verified);
	const char *text = ERR_reason_error_string(ERR_peek_error());
	return text != NULL ? text : "TLS failed";
}

/* What an OpenSSL call that moved nothing means. */
static struct stream_result
stream_outcome(struct stream *stream, int returned)
{
	switch (SSL_get_error(stream->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
		return result_of(STREAM_WANT_READ);
	case SSL_ERROR_WANT_WRITE:
		return result_of(STREAM_WANT_WRITE);
	case SSL_ERROR_ZERO_RETURN:
		return result_of(STREAM_CLOSED);
	default:
		break;
	}
	struct stream_result result;
	if (stream->wire.error_number != 0)
		result = stream_end(stream, STREAM_CUT, socket_error_text(stream->wire.error_number));
	else if (stream->wire.ended)
		result = stream_end(stream, STREAM_CUT, "connection closed by peer without close_notify");
	else
		result = stream_end(stream, STREAM_FAILED, tls_error_text(stream));
	ERR_clear_error();
	return result;
}

/* Called by OpenSSL for each message in either direction, before it works on it; counts those of TLS itself that come
 * after the handshake. A callback cannot refuse, and OpenSSL goes on for as long as it has records in hand, of which
 * one read of the socket may bring 600. But it reads nothing from a peer who has said that no more will come, and looks
 * before each record: at the limit the rest is as good as never sent. */
static void
count_control_message(int write, int version, int content_type, const void *message, size_t size, SSL *ssl,
    void *argument)
{
	struct stream *stream = argument;

	(void)version;
	(void)message;
	(void)size;
	if (write != 0 || content_type != SSL3_RT_HANDSHAKE || !stream->established)
		return;
	if (++stream->control_messages > CONTROL_MESSAGES_MAX)
		SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

/* A certificate must bear `host`, which is an address when it reads as one. */
static bool
expect_host(SSL *ssl, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (host[0] == '\0')
		return false;
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
		return true;
	ERR_clear_error();
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct stream *
stream_create(const struct tls_config *config, int fd, const char *host)
{
	bool is_server = tls_config_is_server(config);
	check(is_server == (host == NULL));
	struct stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		return NULL;
	stream->wire.fd = fd;
	stream->wants_alpn = tls_config_wants_alpn(config);
	stream->ssl = SSL_new(tls_config_context(config));
	BIO *bio = socket_bio_create(tls_config_socket_method(config), &stream->wire);
	if (stream->ssl == NULL || bio == NULL || (!is_server && !expect_host(stream->ssl, host))) {
		BIO_free(bio);
		stream_destroy(stream);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_bio(stream->ssl, bio, bio);
	SSL_set_msg_callback(stream->ssl, count_control_message);
	SSL_set_msg_callback_arg(stream->ssl, stream);
	if (is_server)
		SSL_set_accept_state(stream->ssl);
	else
		SSL_set_connect_state(stream->ssl);
	return stream;
}

void
stream_destroy(struct stream *stream)
{
	if (stream == NULL)
		return;
	SSL_free(stream->ssl);
	free(stream);
}

static bool
stream_speaks_guichet(const struct stream *stream)
{
	const unsigned char *name;
	unsigned size;

	SSL_get0_alpn_selected(stream->ssl, &name, &size);
	return slice_equal(slice_of(name, size), slice_from(SLICE_LITERAL(TLS_ALPN), 1));
}

struct stream_result
stream_handshake(struct stream *stream)
{
	if (stream->end != STREAM_PROGRESS)
		return result_end(stream);
	ERR_clear_error();
	int returned = SSL_do_handshake(stream->ssl);
	if (returned != 1)
		return stream_outcome(stream, returned);
	if (stream->wants_alpn && !stream_speaks_guichet(stream))
		return stream_end(stream, STREAM_FAILED, "the peer does not speak guichet/1");
	stream->established = true;
	return result_progress(stream, 0);
}

/* How much to ask for: exactly the record in hand when one is begun. */
static size_t
read_step(const struct stream *stream, size_t room)
{
	size_t step = (size_t)SSL_pending(stream->ssl);
	if (step == 0)
		step = READ_FIRST;
	return step < room ? step : room;
}

/* One SSL_read. Messages of TLS itself are counted on the way: one too many, and it comes back without bytes. */
static struct stream_result
read_once(struct stream *stream, uint8_t *to, size_t size)
{
	size_t got = 0;

	ERR_clear_error();
	int returned = SSL_read_ex(stream->ssl, to, size, &got);
	if (stream->control_messages > CONTROL_MESSAGES_MAX)
		return stream_end(stream, STREAM_FAILED, "too many TLS messages that carry no data");
	return returned == 1 ? result_progress(stream, got) : stream_outcome(stream, returned);
}

struct stream_result
stream_read(struct stream *stream, struct buf *to, size_t size_max)
{
	size_t room = buf_space(to) < size_max ? buf_space(to) : size_max, total = 0;
	struct stream_result result;

	check(stream->established && room != 0);
	if (stream->end != STREAM_PROGRESS)
		return result_end(stream);
	do {
		size_t step = read_step(stream, room - total);
		uint8_t *at = buf_reserve(to, step);
		if (at == NULL)
			return stream_end(stream, STREAM_FAILED, "memory is short");
		result = read_once(stream, at, step);
		buf_commit(to, result.size);
		total += result.size;
	} while (result.status == STREAM_PROGRESS && result.pending && total < room);
	if (total == 0 || result.status == STREAM_PROGRESS) {
		result.size = total;
		return result;
	}
	/* Bytes first; whatever stopped the reading is told at the next call. Only an empty socket tells it by
	 * itself. */
	return (struct stream_result){
		.status = STREAM_PROGRESS, .size = total, .pending = result.status != STREAM_WANT_READ,
		.drained = stream->wire.drained,
	};
}

struct stream_result
stream_write(struct stream *stream, struct buf *from)
{
	size_t total = 0;

	check(stream->established && !stream->farewell);
	if (stream->end != STREAM_PROGRESS)
		return result_end(stream);
	while (buf_size(from) != 0) {
		struct slice held = buf_peek(from);
		size_t put = 0;
		ERR_clear_error();
		int returned = SSL_write_ex(stream->ssl, held.data, held.size, &put);
		if (returned != 1) {
			struct stream_result result = stream_outcome(stream, returned);
			stream->unsent = result.status == STREAM_WANT_WRITE;
			if (total != 0)
				break;
			return result;
		}
		stream->unsent = false;
		buf_consume(from, put);
		total += put;
	}
	return result_progress(stream, total);
}

struct stream_result
stream_shutdown(struct stream *stream)
{
	if (stream->end != STREAM_PROGRESS)
		return result_end(stream);
	if (stream->farewell)
		return result_of(STREAM_PROGRESS);
	if (!stream->established || stream->unsent)
		return stream_end(stream, STREAM_FAILED, "given up before all was sent");
	ERR_clear_error();
	int returned = SSL_shutdown(stream->ssl);
	if (returned < 0)
		return stream_outcome(stream, returned);
	stream->farewell = true;
	return result_progress(stream, 0);
}

bool
stream_binding(struct stream *stream, uint8_t out[STREAM_BINDING_SIZE])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	check(stream->established);
	return SSL_export_keying_material(stream->ssl, out, STREAM_BINDING_SIZE, label, sizeof label - 1, NULL, 0, 0) ==
	       1;
}
