/* SPDX-License-Identifier: Apache-2.0
 *
 * What all TLS connections of a process have in common: TLS 1.3 only, ALPN guichet/1 required at both ends (one kind of
 * client, for measuring other servers, excepted), no early data, no client certificate (the holder's certificate speaks
 * one layer up), no session tickets. A server shows its certificate; a client trusts the office's tls.pem and nothing
 * else. Made once and read-only afterwards, but for what a server shows: streams of several threads may share one. */
#ifndef GUICHET_TLS_CONFIG_H
#define GUICHET_TLS_CONFIG_H

#include <openssl/ssl.h>

#include "protocol/error.h"

/* The protocol's name in ALPN (RFC 7301), with its length in front as the extension has it. */
#define TLS_ALPN "\x09guichet/1"
/* AES-128 first: the server's cheapest, and all three are sound. */
#define TLS_CIPHERSUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define TLS_GROUPS "X25519:P-256"

struct tls_config;

/* For a server: PEM files of its certificate (with intermediates behind it, if there are any) and of its private key.
 * ERROR_file_unreadable when one cannot be read or parsed, or they do not belong together, fault.place: the path,
 * borrowed, fault.value: errno's text or what is wrong in the file, a constant; ERROR_key_failed otherwise. */
must_check enum error tls_config_create_server(const char *certificate_path, const char *key_path,
    struct tls_config **out, struct fault *fault);
/* For a client: PEM file of the roots trusted for TLS. Errors as above. */
must_check enum error tls_config_create_client(const char *trust_path, struct tls_config **out, struct fault *fault);
/* For measuring servers of other kinds beside this one: the same client, which neither offers nor asks for ALPN. Never
 * for an office. */
must_check enum error tls_config_create_client_without_alpn(
    const char *trust_path, struct tls_config **out, struct fault *fault);
/* A server's: new streams show what `newer`, a server's as well, was made of, and those that are there keep what they
 * have. Uses `newer` up. For the thread that makes the streams. */
void tls_config_renew(struct tls_config *config, struct tls_config *newer);
/* Do both show the same certificate? */
bool tls_config_shows_same(const struct tls_config *config, const struct tls_config *other);
/* NULL is allowed. Every stream made from it must be gone. */
void tls_config_destroy(struct tls_config *config);

/* ---- for stream_tls.c: borrowed from the configuration ---- */

bool tls_config_is_server(const struct tls_config *config);
/* Must the peer have chosen guichet/1? */
bool tls_config_wants_alpn(const struct tls_config *config);
SSL_CTX *tls_config_context(const struct tls_config *config);
const BIO_METHOD *tls_config_socket_method(const struct tls_config *config);

#endif
