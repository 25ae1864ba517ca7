/* SPDX-License-Identifier: Apache-2.0
 *
 * SSL_CTX for both ends, and the refusal of peers that do not speak guichet/1. */
#include "protocol/net/tls_config.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/net/socket_bio.h"

/* Neither end sends a chain longer than leaf and one intermediate. */
#define CHAIN_SIZE_MAX 8192
#define CHAIN_DEPTH_MAX 2

struct tls_config {
	SSL_CTX *context;
	BIO_METHOD *socket_method;
	bool is_server, wants_alpn;
};

/* A client that does not offer ALPN at all never reaches select_protocol; it is turned away here, before the
 * handshake has cost anything. */
static int
require_alpn(SSL *ssl, int *alert, void *argument)
{
	const unsigned char *extension;
	size_t size;

	(void)argument;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &extension, &size) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_NO_APPLICATION_PROTOCOL;
	return SSL_CLIENT_HELLO_ERROR;
}

static int
select_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *offered,
    unsigned int offered_size, void *argument)
{
	unsigned char *chosen;

	(void)ssl;
	(void)argument;
	if (SSL_select_next_proto(&chosen, out_size, (const unsigned char *)TLS_ALPN, sizeof TLS_ALPN - 1, offered,
	    offered_size) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* What both ends share. */
static bool
configure_common(SSL_CTX *context)
{
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* Without auto-retry a read comes back from messages that are no data, so that they can be counted. */
	SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_max_cert_list(context, CHAIN_SIZE_MAX);
	return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
	    SSL_CTX_set_ciphersuites(context, TLS_CIPHERSUITES) == 1 &&
	    SSL_CTX_set1_groups_list(context, TLS_GROUPS) == 1;
}

static bool
configure_server(SSL_CTX *context)
{
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_client_hello_cb(context, require_alpn, NULL);
	SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
	return SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_set_max_early_data(context, 0) == 1;
}

static bool
configure_client(SSL_CTX *context, bool wants_alpn)
{
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_verify_depth(context, CHAIN_DEPTH_MAX);
	if (!wants_alpn)
		return true;
	/* 0 is success for this one function. */
	return SSL_CTX_set_alpn_protos(context, (const unsigned char *)TLS_ALPN, sizeof TLS_ALPN - 1) == 0;
}

static enum error
config_create(bool is_server, bool wants_alpn, struct tls_config **out, struct fault *fault)
{
	struct tls_config *config = calloc(1, sizeof *config);

	*out = NULL;
	if (config == NULL)
		return fault_set(fault, ERROR_out_of_memory, "tls", SLICE_EMPTY, NULL);
	config->is_server = is_server;
	config->wants_alpn = wants_alpn;
	config->socket_method = socket_bio_method_create();
	config->context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (config->socket_method == NULL || config->context == NULL || !configure_common(config->context) ||
	    !(is_server ? configure_server(config->context) : configure_client(config->context, wants_alpn))) {
		tls_config_destroy(config);
		return fault_set(fault, ERROR_key_failed, "tls", SLICE_EMPTY, "OpenSSL 3 with TLS 1.3");
	}
	*out = config;
	return ERROR_NONE;
}

/* Gives a half-made configuration up for a file that does not serve: it cannot be read, which errno tells, or what is
 * in it is not what was expected. OpenSSL says the one like the other. */
static enum error
config_refuse(struct tls_config **config, const char *path, const char *found, const char *expected,
    struct fault *fault)
{
	char byte;
	FILE *file = fopen(path, "rb");

	if (file == NULL || (fread(&byte, 1, 1, file) != 1 && ferror(file)))
		found = strerror(errno);
	if (file != NULL)
		fclose(file);
	tls_config_destroy(*config);
	*config = NULL;
	ERR_clear_error();
	return fault_set(fault, ERROR_file_unreadable, path, slice_of_text(found), expected);
}

enum error
tls_config_create_server(const char *certificate_path, const char *key_path, struct tls_config **out,
    struct fault *fault)
{
	enum error error = config_create(true, true, out, fault);
	if (error != ERROR_NONE)
		return error;
	SSL_CTX *context = (*out)->context;
	if (SSL_CTX_use_certificate_chain_file(context, certificate_path) != 1)
		return config_refuse(out, certificate_path, "no certificate", "a certificate in PEM", fault);
	/* Checks too that the key is the certificate's. */
	if (SSL_CTX_use_PrivateKey_file(context, key_path, SSL_FILETYPE_PEM) != 1)
		return config_refuse(out, key_path, "no private key, or another certificate's",
		    "the certificate's private key in PEM", fault);
	return ERROR_NONE;
}

static enum error
client_create(const char *trust_path, bool wants_alpn, struct tls_config **out, struct fault *fault)
{
	enum error error = config_create(false, wants_alpn, out, fault);
	if (error != ERROR_NONE)
		return error;
	if (SSL_CTX_load_verify_file((*out)->context, trust_path) != 1)
		return config_refuse(out, trust_path, "no certificate", "certificates in PEM", fault);
	return ERROR_NONE;
}

enum error
tls_config_create_client(const char *trust_path, struct tls_config **out, struct fault *fault)
{
	return client_create(trust_path, true, out, fault);
}

enum error
tls_config_create_client_without_alpn(const char *trust_path, struct tls_config **out, struct fault *fault)
{
	return client_create(trust_path, false, out, fault);
}

void
tls_config_renew(struct tls_config *config, struct tls_config *newer)
{
	SSL_CTX *before = config->context;

	/* OpenSSL counts who holds it: streams that were made from it do. */
	config->context = newer->context;
	newer->context = before;
	tls_config_destroy(newer);
}

bool
tls_config_shows_same(const struct tls_config *config, const struct tls_config *other)
{
	return X509_cmp(SSL_CTX_get0_certificate(config->context), SSL_CTX_get0_certificate(other->context)) == 0;
}

void
tls_config_destroy(struct tls_config *config)
{
	if (config == NULL)
		return;
	SSL_CTX_free(config->context);
	BIO_meth_free(config->socket_method);
	free(config);
}

bool
tls_config_is_server(const struct tls_config *config)
{
	return config->is_server;
}

bool
tls_config_wants_alpn(const struct tls_config *config)
{
	return config->wants_alpn;
}

SSL_CTX *
tls_config_context(const struct tls_config *config)
{
	return config->context;
}

const BIO_METHOD *
tls_config_socket_method(const struct tls_config *config)
{
	return config->socket_method;
}
