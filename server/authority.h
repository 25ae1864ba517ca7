/* SPDX-License-Identifier: Apache-2.0
 *
 * The certification authority: the one place that holds the office's private keys and makes X.509. It decides nothing
 * and remembers nothing: who may have a certificate, its serial number and its times are the caller's. Kept narrow,
 * since it may become a process of its own.
 *
 * Two separate trusts. Holders' certificates: root (P-384, 20 years) signs issuing CA (P-256, 10 years, path length 0)
 * signs holders; ca.pem. TLS: a root of its own (P-256, 20 years) signs the server's certificate; tls.pem. Neither
 * vouches for anything in the other's domain. The log's key (Ed25519) stands under neither; log.vkey.
 *
 * Not for use by two threads. Times are seconds since 1970-01-01T00:00:00Z. */
#ifndef GUICHET_AUTHORITY_H
#define GUICHET_AUTHORITY_H

#include <openssl/evp.h>

#include "protocol/key.h"
#include "protocol/limits.h"
#include "protocol/message.h"
#include "protocol/note.h"

/* Published. ca.pem: issuing CA, then root. tls.pem: what a client trusts for TLS. */
#define AUTHORITY_CA_FILE "ca.pem"
#define AUTHORITY_TLS_FILE "tls.pem"
#define AUTHORITY_CRL_FILE "crl.pem"
#define AUTHORITY_VKEY_FILE "log.vkey"

/* Characters of a common name and of an organisation (RFC 5280, ub-common-name); a longer one is cut there. */
#define AUTHORITY_NAME_MAX ((size_t)64)

/* ---- making it: once, before the server ever runs ---- */

struct authority_plan {
	const char *keys_dir, *public_dir; /* exist */
	const char *origin;                /* of the office: the log's name, and in the CAs' names */
	const char *const *hosts; /* DNS names and IP addresses of the server besides localhost, 127.0.0.1, ::1 */
	size_t hosts_count;
	uint64_t now;
};

/* Makes every key and certificate, a first empty CRL and log.vkey, all synced to disk. Private keys: PKCS#8 PEM, mode
 * 0600, in keys_dir. Never overwrites: ERROR_file_unreadable with the name of a file that is there already or cannot be
 * written, and nothing made stays. ERROR_usage for an origin or a host that cannot be one. ERROR_key_failed. */
must_check enum error authority_create(const struct authority_plan *plan, struct fault *fault);

/* ---- the server's TLS certificate, renewed ---- */

struct authority_renewal {
	uint8_t serial[SERIAL_SIZE];
	uint64_t not_after;
};

/* Makes a new key and certificate for the server under the TLS root that clients trust already, for five years or as
 * long as the root lasts, in the place of the ones before: whole or not at all, whenever it is cut short. Without
 * hosts in the plan the certificate bears those of the one before. For the time that needs tls-root.key in keys_dir.
 * ERROR_file_unreadable; ERROR_tls_failed, with the file, when tls.pem does not hold that key's certificate or the
 * certificate before is not under it; ERROR_usage for a host or an origin that cannot be one; ERROR_key_failed;
 * ERROR_directory_locked while another process renews. A server that runs shows the new one once it reloads. */
must_check enum error authority_renew_tls(const struct authority_plan *plan, struct authority_renewal *out,
    struct fault *fault);

/* ---- life cycle ---- */

struct authority;

/* Reads what authority_create made, checks that it belongs together. ERROR_file_unreadable (also for a private key that
 * others than its owner may read) or ERROR_store_damaged, the file's name as the fault's place. The root's key is not
 * read. */
must_check enum error authority_open(const char *keys_dir, const char *public_dir, struct authority **out,
    struct fault *fault);
/* Wipes the keys. NULL is allowed. */
void authority_close(struct authority *authority);

/* Ed25519, for checkpoint_sign; borrowed. */
EVP_PKEY *authority_log_key(const struct authority *authority);
/* The log's public key under the office's origin; borrowed. */
const struct note_verifier *authority_log_verifier(const struct authority *authority);
/* Files for tls_config_create_server; borrowed. */
const char *authority_tls_certificate_path(const struct authority *authority);
const char *authority_tls_key_path(const struct authority *authority);

/* What DIR/keys keeps besides what a start reads: the roots' keys, which may be kept elsewhere, are those of the
 * certificates published, and the copies of what is published are there, whole, of the keys beside them, and the same
 * as what is published (of tls.pem, which may be replaced: what the server's certificate is under). Tells all that is
 * wrong, each with its file; the fault is borrowed for the call. */
void authority_check_kept(const char *keys_dir, const char *public_dir,
    void (*wrong)(void *context, const struct fault *fault), void *context);
/* Puts back what is gone from public_dir, of the files that nobody could make the same again, from their copies in
 * keys_dir, and tells each; first the directory itself, told as NULL. A copy that is damaged or of other keys is not
 * published: ERROR_store_damaged or ERROR_file_unreadable with the copy's name. Errors as authority_open; without a
 * copy it is for whoever reads the file to say. */
must_check enum error authority_restore(const char *keys_dir, const char *public_dir,
    void (*restored)(void *context, const char *name), void *context, struct fault *fault);

/* One process at a time reads or replaces the server's TLS key and certificate, which are two files; a server that runs
 * holds it only while it reads them. A descriptor to close, which unlocks; negative, with the fault
 * (ERROR_directory_locked, ERROR_file_unreadable), when it cannot be had at once, or after so many `tries`, at least 1,
 * 10 ms apart. */
#define AUTHORITY_TLS_TRIES 100 /* a second: a renewal takes milliseconds */
must_check int authority_tls_lock(const char *keys_dir, unsigned tries, struct fault *fault);
/* Under that lock: will a client that trusts tls.pem as it is published accept the server's TLS certificate at `now`,
 * and is the key the certificate's? `now` 0: at whatever time. First ends a renewal that was cut short.
 * ERROR_tls_failed, with the file, what was found and what was expected, texts in the arena; or as authority_open.
 * *not_after: the last second at which it will. */
must_check enum error authority_check_tls(const char *keys_dir, const char *public_dir, uint64_t now,
    struct arena *arena, uint64_t *not_after, struct fault *fault);

/* ---- requests ---- */

/* What a PKCS#10 request (RFC 2986) may tell. Its other names and its extensions are nobody's claim. */
struct authority_request {
	struct key_public key;
	uint8_t digest[DIGEST_SIZE]; /* of the DER as it came: the same request again is recognised by it */
	char common_name[4 * AUTHORITY_NAME_MAX + 1]; /* UTF-8 without control characters; "" if there is none such */
};

/* Checks DER from a peer: size, shape, no trailing bytes, an accepted key, and the signature by that key, which proves
 * possession. ERROR_request_invalid, ERROR_key_refused. */
must_check enum error authority_check_request(struct slice der, struct authority_request *out, struct fault *fault);

/* ---- certificates ---- */

/* What goes into a certificate. Texts are UTF-8 without control characters; an empty one is left out. */
struct authority_holder {
	enum role kind;           /* organizationalUnitName, by its word */
	struct key_public key;
	struct slice common_name; /* never empty; cut at AUTHORITY_NAME_MAX characters */
	struct slice birth_name;  /* surname [nom de naissance] */
	struct slice first_names; /* givenName */
	struct slice spi;         /* serialNumber [numéro fiscal], letters and digits */
	uint64_t not_before, not_after; /* inclusive */
};

/* The last second of `years` years that begin at `time`: until the same date and hour, exclusive. */
uint64_t authority_expiry(uint64_t time, unsigned years);
/* Turns 16 random bytes into a serial number: positive, and always 16 bytes in DER too. */
void authority_shape_serial(uint8_t serial[SERIAL_SIZE]);
/* Appends a certificate's DER. `serial` must have been shaped. Two calls give different bytes (ECDSA), so store the
 * first. ERROR_field_invalid (fault.place: which text) for a text that is none; ERROR_key_failed. */
must_check enum error authority_issue(struct authority *authority, const struct authority_holder *holder,
    const uint8_t serial[SERIAL_SIZE], struct buf *certificate, struct fault *fault);

/* ---- revocation ---- */

struct authority_revoked {
	uint8_t serial[SERIAL_SIZE]; /* shaped */
	uint64_t time;
	unsigned reason; /* RFC 5280 5.3.1: 0 to 6, 9, 10, whatever records may have */
};

/* Appends a CRL (RFC 5280 5, version 2) in PEM; `number` rises from one to the next. ERROR_field_invalid for a reason
 * that is none, a serial that was not shaped, a time past the year 9999; ERROR_key_failed; ERROR_out_of_memory, also
 * for a list that `pem` has no room for. About 0.3 microseconds and 60 bytes an entry, and no other memory. */
must_check enum error authority_crl(struct authority *authority, const struct authority_revoked *revoked, size_t count,
    uint64_t this_update, uint64_t next_update, uint64_t number, struct buf *pem);
/* The number of such a list; false when it is none that this authority signed. */
must_check bool authority_crl_number(const struct authority *authority, struct slice pem, uint64_t *number);

#endif
