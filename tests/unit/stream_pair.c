/* SPDX-License-Identifier: Apache-2.0
 *
 * Two ends of a TLS connection over a socket pair, driven by turns. */
#include "tests/unit/stream_pair.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- certificates for the tests ---- */

static char directory[] = "/tmp/guichet-stream-XXXXXX";

const char *
pair_path(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", directory, name);
	return path;
}

/* A self-signed certificate for localhost and 127.0.0.1 in NAME.pem and its key in NAME.key. */
static void
write_identity(const char *name)
{
	char file[64];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_set_pubkey(certificate, key);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	X509_add_ext(certificate, names, -1);
	X509_EXTENSION_free(names);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);

	snprintf(file, sizeof file, "%s.pem", name);
	FILE *out = fopen(pair_path(file), "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509(out, certificate), 1);
	fclose(out);
	snprintf(file, sizeof file, "%s.key", name);
	out = fopen(pair_path(file), "w");
	assert_non_null(out);
	assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(out);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

struct tls_config *pair_server_config, *pair_client_config;

int
pair_set_up(void **state)
{
	struct fault fault;

	(void)state;
	assert_non_null(mkdtemp(directory));
	write_identity("office");
	write_identity("stranger");
	assert_int_equal(tls_config_create_server(pair_path("office.pem"), pair_path("office.key"), &pair_server_config,
	    &fault), ERROR_NONE);
	assert_int_equal(tls_config_create_client(pair_path("office.pem"), &pair_client_config, &fault), ERROR_NONE);
	return 0;
}

int
pair_tear_down(void **state)
{
	static const char *const files[] = { "office.pem", "office.key", "stranger.pem", "stranger.key" };

	(void)state;
	tls_config_destroy(pair_server_config);
	tls_config_destroy(pair_client_config);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		unlink(pair_path(files[i]));
	return rmdir(directory);
}

/* ---- two ends ---- */

void
pair_sockets(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

struct pair
pair_open(const char *host)
{
	struct pair pair;
	pair_sockets(pair.fds);
	pair.server = stream_create(pair_server_config, pair.fds[0], NULL);
	pair.client = stream_create(pair_client_config, pair.fds[1], host);
	assert_non_null(pair.server);
	assert_non_null(pair.client);
	return pair;
}

bool
pair_waits(struct stream_result result)
{
	return result.status == STREAM_WANT_READ || result.status == STREAM_WANT_WRITE;
}

/* Steps both handshakes until neither pair_waits for the other any more. */
void
pair_handshake(struct pair *pair, struct stream_result *server, struct stream_result *client)
{
	*client = stream_handshake(pair->client);
	*server = stream_handshake(pair->server);
	for (int i = 0; i < 20 && (pair_waits(*server) || pair_waits(*client)); i++) {
		if (pair_waits(*client))
			*client = stream_handshake(pair->client);
		if (pair_waits(*server))
			*server = stream_handshake(pair->server);
	}
}

struct pair
pair_establish(void)
{
	struct stream_result server, client;
	struct pair pair = pair_open("localhost");
	pair_handshake(&pair, &server, &client);
	assert_int_equal(client.status, STREAM_PROGRESS);
	assert_int_equal(server.status, STREAM_PROGRESS);
	return pair;
}

void
pair_close(struct pair *pair)
{
	stream_destroy(pair->server);
	stream_destroy(pair->client);
	for (int i = 0; i < 2; i++)
		if (pair->fds[i] >= 0)
			close(pair->fds[i]);
}

void
pair_send_text(struct stream *stream, const char *text)
{
	struct buf *buf = buf_create(1000);
	buf_put_text(buf, text);
	struct stream_result result = stream_write(stream, buf);
	assert_int_equal(result.status, STREAM_PROGRESS);
	assert_int_equal(result.size, strlen(text));
	assert_int_equal(buf_size(buf), 0);
	buf_destroy(buf);
}

void
pair_expect_text(struct stream *stream, const char *text)
{
	struct buf *buf = buf_create(1000);
	struct stream_result result = stream_read(stream, buf, 1000);
	assert_int_equal(result.status, STREAM_PROGRESS);
	assert_true(slice_equal_text(buf_peek(buf), text));
	buf_destroy(buf);
}

/* What a read says that finds no bytes. */
struct stream_result
pair_read_nothing(struct stream *stream)
{
	struct buf *buf = buf_create(1000);
	struct stream_result result = stream_read(stream, buf, 1000);
	assert_int_equal(buf_size(buf), 0);
	buf_destroy(buf);
	return result;
}
