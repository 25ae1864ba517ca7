/* SPDX-License-Identifier: Apache-2.0
 *
 * libguichet: the client side of Guichet, the counter where tax returns are filed. This is the one header that is
 * installed; PROTOCOL.md says what goes over the wire.
 *
 * Handles are opaque and belong to whoever created them; each has a destroy function, which takes NULL. There are no
 * globals. A handle is for one thread at a time and different handles are independent, except that trust and identity
 * may be lent to several threads at once, an identity once it has its certificate. What is lent must outlive the
 * borrower; every function says what it borrows. No function touches signals, the locale or the terminal.
 *
 * Functions that can fail return enum guichet_error and put the details into a struct guichet_problem where they take
 * one (NULL is allowed). Pointers for results are set only on success, to NULL otherwise.
 *
 * Only guichet_request_wait and guichet_request_wait_ms wait for the network; guichet_step, which they call, resolves
 * host names (give an address where that must not block) and reads the files of attachments that it sends. Making an
 * RSA key takes up to some seconds of computing, opening or saving a key file up to one. Files are read and written
 * where a function says so. Everything else returns at once.
 *
 * Texts are UTF-8. Times are seconds since 1970-01-01T00:00:00Z. Articles A1 to A21 are those of the requirements that
 * the order of 13 October 2005 on the electronic filing of income tax makes. */
#ifndef GUICHET_GUICHET_H
#define GUICHET_GUICHET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GUICHET_API __attribute__((visibility("default")))
/* The result must not be dropped. */
#define GUICHET_CHECKED GUICHET_API __attribute__((warn_unused_result))

#define GUICHET_VERSION "0.1.0"
/* The version of the library that is loaded, which may be newer than the header. A constant. */
GUICHET_API const char *guichet_version(void);

/* ---- errors ---- */

/* The numbers of PROTOCOL.md, never reused. Those from 900 on never travel: they are made on this side. */
enum guichet_error {
	GUICHET_ERROR_none = 0,
	GUICHET_ERROR_frame_malformed = 1,
	GUICHET_ERROR_frame_too_large = 2,
	GUICHET_ERROR_operation_unknown = 3,
	GUICHET_ERROR_message_malformed = 4,
	GUICHET_ERROR_field_unknown = 5,
	GUICHET_ERROR_field_missing = 6,
	GUICHET_ERROR_field_invalid = 7,
	GUICHET_ERROR_stream_in_use = 8,
	GUICHET_ERROR_login_required = 20,
	GUICHET_ERROR_role_refused = 21,
	GUICHET_ERROR_login_refused = 22,
	GUICHET_ERROR_already_logged_in = 23,
	GUICHET_ERROR_busy = 40,
	GUICHET_ERROR_deadline_passed = 41,
	GUICHET_ERROR_server_stopping = 42,
	GUICHET_ERROR_disk_full = 43,
	GUICHET_ERROR_internal = 44,
	GUICHET_ERROR_identification_refused = 60,
	GUICHET_ERROR_attempts_exceeded = 61,
	GUICHET_ERROR_contract_not_accepted = 62,
	GUICHET_ERROR_request_invalid = 63,
	GUICHET_ERROR_key_refused = 64,
	GUICHET_ERROR_certificate_unknown = 65,
	GUICHET_ERROR_certificate_revoked = 66,
	GUICHET_ERROR_certificate_expired = 67,
	GUICHET_ERROR_certificate_not_yet_valid = 68,
	GUICHET_ERROR_email_invalid = 69,
	GUICHET_ERROR_key_in_use = 70,
	GUICHET_ERROR_certificate_not_own = 71,
	GUICHET_ERROR_manifest_malformed = 80,
	GUICHET_ERROR_origin_mismatch = 81,
	GUICHET_ERROR_campaign_unknown = 82,
	GUICHET_ERROR_signature_invalid = 83,
	GUICHET_ERROR_signing_time_invalid = 84,
	GUICHET_ERROR_signer_not_entitled = 85,
	GUICHET_ERROR_family_change = 86,
	GUICHET_ERROR_replaces_mismatch = 87,
	GUICHET_ERROR_offline_binding = 88,
	GUICHET_ERROR_documents_missing = 89,
	GUICHET_ERROR_document_corrupt = 90,
	GUICHET_ERROR_document_refused = 91,
	GUICHET_ERROR_document_not_listed = 92,
	GUICHET_ERROR_upload_unknown = 93,
	GUICHET_ERROR_upload_offset = 94,
	GUICHET_ERROR_upload_quota = 95,
	GUICHET_ERROR_media_type_refused = 96,
	GUICHET_ERROR_inflate_failed = 97,
	GUICHET_ERROR_campaign_closed = 98,
	GUICHET_ERROR_filings_exceeded = 99,
	GUICHET_ERROR_documents_too_large = 100,
	GUICHET_ERROR_not_found = 120,
	GUICHET_ERROR_tree_size_unknown = 121,
	GUICHET_ERROR_out_of_memory = 900,
	GUICHET_ERROR_usage = 901,
	GUICHET_ERROR_unreachable = 902,
	GUICHET_ERROR_tls_failed = 903,
	GUICHET_ERROR_file_unreadable = 904,
	GUICHET_ERROR_password_wrong = 905,
	GUICHET_ERROR_answer_malformed = 906,
	GUICHET_ERROR_proof_invalid = 907,
	GUICHET_ERROR_key_failed = 908,
	GUICHET_ERROR_json_malformed = 909,
	GUICHET_ERROR_store_damaged = 910,
	GUICHET_ERROR_directory_locked = 911,
	GUICHET_ERROR_timed_out = 912,
	GUICHET_ERROR_listen_failed = 913,
	GUICHET_ERROR_largest = 65535 /* reserves room for numbers of newer servers, which may come out of any call */
};

/* What may be done after an error with the same request, unchanged. */
enum guichet_retry {
	GUICHET_RETRY_never, /* nothing: something in it has to change */
	GUICHET_RETRY_later, /* send it again after guichet_problem_retry_after_ms */
	GUICHET_RETRY_new,   /* send it again on a new connection */
};

/* The name as in PROTOCOL.md, "none" for none, "unknown" for a number this library does not know. A constant. */
GUICHET_API const char *guichet_error_name(enum guichet_error error);
/* One sentence; empty for none and unknown numbers. Constants. French is what to show a taxpayer. */
GUICHET_API const char *guichet_error_english(enum guichet_error error);
GUICHET_API const char *guichet_error_french(enum guichet_error error);
/* never for unknown numbers. */
GUICHET_API enum guichet_retry guichet_error_retry(enum guichet_error error);

/* ---- bytes ---- */

/* Borrowed bytes; whoever hands them out says how long they live. There is no NUL behind them. */
struct guichet_bytes {
	const uint8_t *data;
	size_t size;
};

/* The bytes of a NUL-terminated text, without the NUL; they live as long as the text. */
GUICHET_API struct guichet_bytes guichet_bytes_of_text(const char *text);

/* Bytes of the caller's own, wiped when destroyed. */
struct guichet_blob;
/* They live as long as the blob. */
GUICHET_API struct guichet_bytes guichet_blob_bytes(const struct guichet_blob *blob);
GUICHET_API void guichet_blob_destroy(struct guichet_blob *blob);

/* ---- records ---- */

/* A record of named values: an answer, a row of one, a finding. Names and meanings are those of PROTOCOL.md,
 * Messages. Borrowed from the object it was asked of, values included. A name that the record has not gives 0, no
 * bytes, no rows. */
struct guichet_record {
	const void *shape;
	const void *values;
};

/* Is there a value of that name? True for every field that is not optional. */
GUICHET_API bool guichet_record_has(struct guichet_record record, const char *name);
/* An unsigned integer; true is 1. */
GUICHET_API uint64_t guichet_record_uint(struct guichet_record record, const char *name);
/* A byte string or a text. */
GUICHET_API struct guichet_bytes guichet_record_bytes(struct guichet_record record, const char *name);
/* A list: how many rows, and one of them; a row past the end is an empty record. */
GUICHET_API size_t guichet_record_count(struct guichet_record record, const char *name);
GUICHET_API struct guichet_record guichet_record_row(struct guichet_record record, const char *name, size_t index);
/* The record as one JSON object: texts as strings, bytes as lower-case hexadecimal, lists as arrays. out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_record_json(struct guichet_record record, struct guichet_blob **out);

/* ---- problems ---- */

/* The details of the last error that was put into it. */
struct guichet_problem;
/* NULL when memory is short. */
GUICHET_API struct guichet_problem *guichet_problem_create(void);
GUICHET_API void guichet_problem_destroy(struct guichet_problem *problem);

/* What follows is borrowed from the problem until the next error is put into it. Texts are never NULL; they are
 * empty when there is nothing to say. */
GUICHET_API enum guichet_error guichet_problem_error(const struct guichet_problem *problem);
GUICHET_API const char *guichet_problem_english(const struct guichet_problem *problem);
GUICHET_API const char *guichet_problem_french(const struct guichet_problem *problem);
/* Where (field, line, box, document, file, address), what was there, what should have been there. */
GUICHET_API const char *guichet_problem_place(const struct guichet_problem *problem);
GUICHET_API const char *guichet_problem_value(const struct guichet_problem *problem);
GUICHET_API const char *guichet_problem_expected(const struct guichet_problem *problem);
/* How long to wait before the same request is sent again; 0 when the server named no time. */
GUICHET_API uint64_t guichet_problem_retry_after_ms(const struct guichet_problem *problem);
/* Names the answer in the server's log, 16 hexadecimal digits; empty when no server was involved. */
GUICHET_API const char *guichet_problem_correlation(const struct guichet_problem *problem);
/* Why the office refused, when it knows several reasons: records `reason`, the first of which is the error above. None
 * when there is but that one. */
GUICHET_API size_t guichet_problem_reasons(const struct guichet_problem *problem);
GUICHET_API struct guichet_record guichet_problem_reason(const struct guichet_problem *problem, size_t index);
/* Everything that the rules found, errors first: records `finding`. */
GUICHET_API size_t guichet_problem_findings(const struct guichet_problem *problem);
GUICHET_API struct guichet_record guichet_problem_finding(const struct guichet_problem *problem, size_t index);

/* ---- files ---- */

/* The whole of a file of at most size_max bytes. Reads it. Errors: file_unreadable (also when it is longer),
 * out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_file_read(const char *path, size_t size_max, struct guichet_blob **out,
    struct guichet_problem *problem);
/* Replaces a file wholly or not at all, also in a crash: writes beside it (PATH.guichet-tmp, which the next call for
 * that path takes away when a killed process left it), syncs, renames. Readable by its owner only, since all that is
 * written here is private. Waits for another that is writing the same file. Where files cannot be locked, or something
 * of another user has that name, nobody waits: it is called PATH.guichet-tmp-XXXXXX, six characters that nobody else
 * has, and stays when its process is killed. Errors: file_unreadable, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_file_write(const char *path, struct guichet_bytes bytes,
    struct guichet_problem *problem);

/* ---- trust: what an office publishes ---- */

/* The office's origin, whom to trust, its campaign and catalogue. Read-only once loaded. */
struct guichet_trust;
/* Reads tls.pem, ca.pem, log.vkey, campaign.json and catalogue.json from a directory; all but log.vkey may be absent,
 * and what needs one of them then says file_unreadable. Errors: file_unreadable, json_malformed, proof_invalid
 * (log.vkey), usage (a path too long), key_failed, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_trust_load(const char *directory, struct guichet_trust **out,
    struct guichet_problem *problem);
GUICHET_API void guichet_trust_destroy(struct guichet_trust *trust);
/* Borrowed from the trust: the origin; the campaign's name; version and French text of the contract [convention]
 * that enrolment asks one to accept (A6). */
GUICHET_API struct guichet_bytes guichet_trust_origin(const struct guichet_trust *trust);
GUICHET_API struct guichet_bytes guichet_trust_campaign(const struct guichet_trust *trust);
GUICHET_API struct guichet_bytes guichet_trust_contract(const struct guichet_trust *trust);
GUICHET_API struct guichet_bytes guichet_trust_contract_text(const struct guichet_trust *trust);
/* The year whose income the campaign is about. */
GUICHET_API uint64_t guichet_trust_income_year(const struct guichet_trust *trust);

/* ---- identity: a private key and its certificate ---- */

struct guichet_identity;
/* A new key pair without a certificate (A2): "rsa3072", "p256", or NULL for the one whose signatures cost the office
 * least, which is rsa3072: it verifies one in two thirds of the time that p256 takes. Computes: half a second and more
 * for RSA. Errors: usage, key_failed, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_identity_generate(const char *algorithm, struct guichet_identity **out,
    struct guichet_problem *problem);
/* Opens what guichet_identity_save made, or any PKCS#12 file's bytes with a key and its certificate. The password is
 * read, not kept. Errors: password_wrong (also when the bytes are no PKCS#12), key_failed (encrypted as OpenSSL does
 * no more: the problem says how, and how to mend it), key_refused, proof_invalid (the certificate is another key's),
 * certificate_unknown (one that cannot be an office's), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_identity_open(struct guichet_bytes pkcs12, const char *password,
    struct guichet_identity **out, struct guichet_problem *problem);
GUICHET_API void guichet_identity_destroy(struct guichet_identity *identity);
/* Key and certificate as a PKCS#12 file under a password (A4); the blob is the caller's. While there is no
 * certificate: the key alone, and behind the PKCS#12 the request for its certificate (PKCS#10, DER). Whoever writes
 * that down before enrolling can ask again after a crash, with the same request, and gets the same certificate.
 * Errors: key_failed (also when memory is short). */
GUICHET_CHECKED enum guichet_error guichet_identity_save(const struct guichet_identity *identity, const char *password,
    struct guichet_blob **out, struct guichet_problem *problem);
/* Borrowed from the identity; empty while it has no certificate. Serial: 16 bytes. Certificate: DER. Holder: the
 * common name. */
GUICHET_API struct guichet_bytes guichet_identity_serial(const struct guichet_identity *identity);
GUICHET_API struct guichet_bytes guichet_identity_certificate(const struct guichet_identity *identity);
GUICHET_API struct guichet_bytes guichet_identity_holder(const struct guichet_identity *identity);
/* The holder's tax number [SPI]; empty when the certificate names none. */
GUICHET_API struct guichet_bytes guichet_identity_spi(const struct guichet_identity *identity);
/* When the certificate expires; 0 while there is none. */
GUICHET_API uint64_t guichet_identity_not_after(const struct guichet_identity *identity);

/* ---- filing: what is signed and sent ---- */

/* A return with its annexes and attachments (A10). Made, checked and signed without a server. First either create
 * and add documents and sign, or load what was saved and supply its documents; then hand it to guichet_file_create.
 * A signed text never changes: whatever happens on the way, sending the same bytes again gives the same receipt.
 * So save it before it is sent. */
struct guichet_filing;
/* For one person's SPI (13 digits), any member of the household. Borrows the trust. Errors: usage, file_unreadable
 * (campaign.json), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_create(const struct guichet_trust *trust, const char *spi,
    struct guichet_filing **out, struct guichet_problem *problem);
GUICHET_API void guichet_filing_destroy(struct guichet_filing *filing);
/* Rectifies the filing of that receipt number (A11), which must be the one in force. Any case, with or without
 * dashes. Errors: usage (no such number, already signed), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_set_replaces(struct guichet_filing *filing, const char *number,
    struct guichet_problem *problem);
/* Prepared offline (A9, A11); online otherwise. */
GUICHET_API void guichet_filing_set_offline(struct guichet_filing *filing, bool is_offline);
/* A return document, JSON, copied; its member "form" says which form it is. One that is no JSON or names no form is
 * taken all the same, so that guichet_filing_check tells what is wrong with all of them; it is not signed. Errors:
 * document_refused with a finding (larger than any return), usage (too many, added twice, already signed),
 * documents_too_large (with the returns added before), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_add_return(struct guichet_filing *filing,
    struct guichet_bytes content, struct guichet_problem *problem);
/* An attachment by path: read now for its SHA-256, again when it is sent; it must not change meanwhile. `word` says
 * what it is: lower-case letters, digits and '-'. media_type: one that the office accepts, or NULL to go by the end
 * of the path. Errors: file_unreadable, media_type_refused, usage (the word, larger than any attachment, empty, too
 * many, added twice, already signed), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_add_attachment(struct guichet_filing *filing, const char *path,
    const char *word, const char *media_type, struct guichet_problem *problem);
/* Runs on the return documents every rule that the server will run. ERROR_none: nothing refuses the filing;
 * findings that advise are in the problem all the same. Errors: document_refused with all findings, file_unreadable
 * (catalogue.json or campaign.json), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_check(const struct guichet_filing *filing,
    struct guichet_problem *problem);
/* Signs (A10) at that time, or now when 0. Nothing can be added afterwards. Errors: usage (no document, no
 * certificate, already signed), json_malformed (a return that names no form), manifest_malformed (a form that is no
 * word of a manifest), signing_time_invalid, key_failed, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_sign(struct guichet_filing *filing,
    const struct guichet_identity *identity, uint64_t signing_time, struct guichet_problem *problem);
/* Signs the same text anew, at that time or now when 0, for an office that said signing_time_invalid: the clock was
 * wrong. The id is that of the text, so it stays the same filing, and what was uploaded of it counts; save it again.
 * Not while a request sends it. On an error the signature of before stays. Errors: usage (not signed, no certificate),
 * signing_time_invalid, key_failed, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_sign_again(struct guichet_filing *filing,
    const struct guichet_identity *identity, uint64_t signing_time, struct guichet_problem *problem);
/* The signed text and its signature, without the documents: the body of the operation `upload`. The blob is the
 * caller's. Errors: usage (not signed), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_save(const struct guichet_filing *filing, struct guichet_blob **out,
    struct guichet_problem *problem);
/* What was saved. Its documents then have to be supplied, in any order. Borrows the trust, copies the bytes. Errors:
 * message_malformed, field_unknown, field_missing, field_invalid, manifest_malformed, media_type_refused,
 * out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_load(const struct guichet_trust *trust, struct guichet_bytes saved,
    struct guichet_filing **out, struct guichet_problem *problem);
/* Reads the file and takes it for the document with its SHA-256. Errors: file_unreadable, usage (larger than any
 * document), document_not_listed, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_filing_supply(struct guichet_filing *filing, const char *path,
    struct guichet_problem *problem);
/* Do these two list the same documents for the same subject, campaign, mode and receipt to be replaced? */
GUICHET_API bool guichet_filing_equal(const struct guichet_filing *one, const struct guichet_filing *other);
/* Borrowed from the filing: the text that is signed and the filing id, its SHA-256; empty while it is not signed. */
GUICHET_API struct guichet_bytes guichet_filing_manifest(const struct guichet_filing *filing);
GUICHET_API struct guichet_bytes guichet_filing_id(const struct guichet_filing *filing);
/* The serial number of the certificate that signed it; empty while it is not signed. */
GUICHET_API struct guichet_bytes guichet_filing_serial(const struct guichet_filing *filing);

/* ---- guichet: a connection to an office ---- */

/* Connects when there is something to send, connects again when the connection was lost, logs in each time, and
 * sends again what was not answered: every operation may be sent twice. */
struct guichet;
/* address: "host:port", "[IPv6]:port". Borrows the trust. Nothing is sent yet. Errors: usage, file_unreadable
 * (tls.pem), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_create(const struct guichet_trust *trust, const char *address,
    struct guichet **out, struct guichet_problem *problem);
/* Requests not done are done with unreachable; they are still their owner's. */
GUICHET_API void guichet_destroy(struct guichet *guichet);
/* From now on the connection speaks for this holder (A4); NULL: for nobody. Borrowed until replaced. Costs a new
 * connection when one is open and speaks for another. */
GUICHET_API void guichet_login(struct guichet *guichet, const struct guichet_identity *identity);
/* How often a request is sent, at least 1, before server_stopping, unreachable, timed_out, or a refusal that says when
 * to send it again becomes its error; 4 at first. attempts_exceeded, and what names more
 * than five seconds, is its error at once. */
GUICHET_API void guichet_set_attempts(struct guichet *guichet, unsigned attempts);
/* How long one answer may take, in milliseconds; 60,000 at first. */
GUICHET_API void guichet_set_timeout(struct guichet *guichet, uint64_t timeout_ms);
/* Called from guichet_step before something is sent again: why, and after how long. */
typedef void guichet_on_retry(void *context, const struct guichet_problem *problem, uint64_t wait_ms);
GUICHET_API void guichet_set_on_retry(struct guichet *guichet, guichet_on_retry *on_retry, void *context);
/* What the server said of itself and of the holder: records `hello_answer` and `login_answer`, empty before.
 * Borrowed until the next step. */
GUICHET_API struct guichet_record guichet_hello(const struct guichet *guichet);
GUICHET_API struct guichet_record guichet_holder(const struct guichet *guichet);

/* For an event loop. After starting a request and after each step, ask again: descriptor to watch (-1: none), what
 * for, and after how many milliseconds guichet_step is due all the same (-1: never, 0: at once). The descriptor is
 * the library's. */
enum guichet_event { GUICHET_READ = 1, GUICHET_WRITE = 2 };
GUICHET_API int guichet_fd(const struct guichet *guichet);
GUICHET_API unsigned guichet_events(const struct guichet *guichet);
GUICHET_API int guichet_due_ms(const struct guichet *guichet);
/* Does what can be done now, without waiting for the network, but for the resolver when it connects to a host by name.
 * Calls on_retry and on_done; these may start and destroy requests but not the connection. */
GUICHET_API void guichet_step(struct guichet *guichet);

/* ---- requests ---- */

/* One thing asked of the office: one operation, or several for those made by guichet_enrol_create,
 * guichet_file_create and guichet_document_create. Several may be under way at once; they are answered in any
 * order. */
struct guichet_request;
/* Any operation of PROTOCOL.md by its name ("filings", "receipt", "revoke", "log_checkpoint", ...). Then set its
 * fields and start it. Borrows the connection. Errors: usage (no such operation, or hello or login, which the
 * connection says itself), out_of_memory. Errors of the request, as of all that follow: those that the office refuses
 * it with, usage (a required field that was not set), answer_malformed, unreachable, tls_failed, timed_out,
 * out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_request_create(struct guichet *guichet, const char *operation,
    struct guichet_request **out, struct guichet_problem *problem);
/* Set a field, before the start; bytes (or text) are copied. Errors: usage (no such field, of another type or
 * beyond its limits, already started), out_of_memory (bytes). */
GUICHET_CHECKED enum guichet_error guichet_request_set_uint(struct guichet_request *request, const char *field,
    uint64_t value);
GUICHET_CHECKED enum guichet_error guichet_request_set_bytes(struct guichet_request *request, const char *field,
    struct guichet_bytes value);
/* Also one that is under way: its answer is dropped, though the office may have done what it asked. */
GUICHET_API void guichet_request_destroy(struct guichet_request *request);

/* Called once from guichet_step when the request is done; may destroy it, unless it is being waited for. */
typedef void guichet_on_done(void *context, struct guichet_request *request);
GUICHET_API void guichet_request_set_on_done(struct guichet_request *request, guichet_on_done *on_done, void *context);
/* To be sent by the next steps. Only once. */
GUICHET_API void guichet_request_start(struct guichet_request *request);
/* Starts it unless that was done, and waits until it is done; returns guichet_request_error. Drives the whole
 * connection. */
GUICHET_CHECKED enum guichet_error guichet_request_wait(struct guichet_request *request);
/* The same, but gives up waiting after so many milliseconds: look at guichet_request_is_done. It can be waited for
 * again. */
GUICHET_API void guichet_request_wait_ms(struct guichet_request *request, int wait_ms);
GUICHET_API bool guichet_request_is_done(const struct guichet_request *request);
/* How far an upload or download is, in bytes; both 0 for other requests. */
GUICHET_API void guichet_request_progress(const struct guichet_request *request, uint64_t *bytes, uint64_t *of);

/* What came of it, once it is done; borrowed from the request. */
GUICHET_API enum guichet_error guichet_request_error(const struct guichet_request *request);
GUICHET_API const struct guichet_problem *guichet_request_problem(const struct guichet_request *request);
/* The answer, empty unless the error is none. */
GUICHET_API struct guichet_record guichet_request_answer(const struct guichet_request *request);

/* ---- what takes more than one operation ---- */

/* The facts that identify a taxpayer (A1), each to the character. Set all of it to 0 first: members may be added. */
struct guichet_facts {
	const char *spi;              /* tax number [numéro fiscal] */
	const char *birth_name;       /* [nom de naissance] */
	const char *filer_number;     /* yearly filer number [numéro de télédéclarant] */
	const char *reference_income; /* [revenu fiscal de référence] */
	const char *email;
	bool accepts_contract; /* the contract [convention] of guichet_trust_contract_text (A6) */
	const void *reserved[4];
};

/* Asks for a certificate (A1, A2) for an identity that has none; the identity gets it when the request is done. Save
 * the identity before: when the answer is lost, a certificate was made that is worth nothing without this key, and the
 * one before it was revoked. Borrows the identity, copies the facts. The answer is a record `certificate_answer`.
 * Errors: usage (a fact beyond the limits of its field), file_unreadable (campaign.json or ca.pem), key_failed,
 * out_of_memory. Errors of the request: identification_refused, attempts_exceeded, ... and proof_invalid when what came
 * is not certified by the authority in the trust or for this key, certificate_unknown when it cannot be an office's. */
GUICHET_CHECKED enum guichet_error guichet_enrol_create(struct guichet *guichet, struct guichet_identity *identity,
    const struct guichet_facts *facts, struct guichet_request **out, struct guichet_problem *problem);
/* Sends a signed filing (A10): in one message when it fits, otherwise uploads the attachments first and goes on
 * where a lost connection left off. Reads the files of attachments. Borrows the filing. The answer is a record
 * `receipt_answer`; the receipt in it is already checked: it is for this filing and its proof holds. Errors: usage (not
 * signed), documents_missing (not supplied), out_of_memory. Errors of the request: documents_too_large, before anything
 * is sent, when the office has announced that it takes less; file_unreadable; document_corrupt when a file has changed
 * since it was signed; proof_invalid when it is not the receipt of this filing, or is not proven. */
GUICHET_CHECKED enum guichet_error guichet_file_create(struct guichet *guichet, const struct guichet_filing *filing,
    struct guichet_request **out, struct guichet_problem *problem);
/* Fetches one document of a filing (A18) into memory: number or id in hexadecimal, and the document's SHA-256 (32
 * bytes), which is checked. Errors: usage, out_of_memory. Errors of the request: not_found, ... and document_corrupt
 * when another document came. */
GUICHET_CHECKED enum guichet_error guichet_document_create(struct guichet *guichet, const char *reference,
    struct guichet_bytes digest, struct guichet_request **out, struct guichet_problem *problem);
/* The document, once it is done; borrowed from the request. */
GUICHET_API struct guichet_bytes guichet_document_content(const struct guichet_request *request);

/* ---- evidence, offline ---- */

/* The receipt [accusé de réception] (A17) as its taxpayer reads it, French, at most 78 columns; the blob is the
 * caller's. Proves nothing by itself. Errors: json_malformed, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_receipt_print(struct guichet_bytes receipt, struct guichet_blob **out,
    struct guichet_problem *problem);

/* A receipt being verified: a list of checks, each with what was found. Needs nothing but the trust's log key (A17,
 * A19). */
struct guichet_verification;
/* Begins with receipt and proof (C2SP tlog-proof), both copied, and runs the checks on them at once. Borrows the
 * trust. Errors: out_of_memory (also for more bytes than receipt and proof can have); a check that fails is no error
 * here, see guichet_verification_holds. */
GUICHET_CHECKED enum guichet_error guichet_verification_create(const struct guichet_trust *trust,
    struct guichet_bytes receipt, struct guichet_bytes proof, struct guichet_verification **out,
    struct guichet_problem *problem);
GUICHET_API void guichet_verification_destroy(struct guichet_verification *verification);
/* Is this file among the documents received? `path` stands in the check's text. Reads the file. Errors:
 * file_unreadable, usage (larger than any document), out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_verification_add_document(struct guichet_verification *verification,
    const char *path, struct guichet_problem *problem);
/* The documents of the receipt that no file was compared with, one at a call: set *index to 0 before the first, and
 * leave it alone. False when there are no more. *type: as in the receipt, borrowed from the verification; *size: in
 * bytes. */
GUICHET_CHECKED bool guichet_verification_next_left(const struct guichet_verification *verification, size_t *index,
    struct guichet_bytes *type, uint64_t *size);
/* The consistency proof between the logs of two sizes, the smaller at least 1, out of the tiles that the office
 * publishes (C2SP tlog-tiles, in the trust's directory); the blob is the caller's. Reads files. Errors:
 * file_unreadable, when the tiles do not reach as far as size_new; usage; out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_tiles_consistency(const struct guichet_trust *trust, uint64_t size_old,
    uint64_t size_new, struct guichet_blob **out, struct guichet_problem *problem);
/* Does the log that holds the receipt extend, or is it extended by, the one whose checkpoint was kept? `hashes`:
 * consistency proof between the two sizes, 32 bytes each, as the operation log_consistency answers it; empty when
 * the sizes are equal. */
GUICHET_API void guichet_verification_add_checkpoint(struct guichet_verification *verification,
    struct guichet_bytes checkpoint, struct guichet_bytes hashes);
/* The two sizes for which that proof is needed, smaller first; equal when none is. False when checkpoint or proof
 * cannot be trusted anyway. */
GUICHET_CHECKED bool guichet_verification_sizes(const struct guichet_verification *verification,
    struct guichet_bytes checkpoint, uint64_t *size_old, uint64_t *size_new);
/* Do all checks made so far hold? */
GUICHET_API bool guichet_verification_holds(const struct guichet_verification *verification);
/* The checks in order: English text, borrowed from the verification, and whether it holds. */
GUICHET_API size_t guichet_verification_count(const struct guichet_verification *verification);
GUICHET_API const char *guichet_verification_text(const struct guichet_verification *verification, size_t index);
GUICHET_API bool guichet_verification_passed(const struct guichet_verification *verification, size_t index);

/* The log's checkpoint, verified with the trust's log key: how many leaves it covers. Errors: proof_invalid. */
GUICHET_CHECKED enum guichet_error guichet_checkpoint_verify(const struct guichet_trust *trust,
    struct guichet_bytes checkpoint, uint64_t *size, struct guichet_problem *problem);

/* A detached CMS signature (.p7s, DER) out of a record `filing_answer`, for any tool that verifies CMS (A19); the
 * blob is the caller's. Errors: usage (another record); signature_invalid, signing_time_invalid or key_refused (it does
 * not hold, or its certificate is none); key_failed, out_of_memory. */
GUICHET_CHECKED enum guichet_error guichet_signature_export(struct guichet_record filing, struct guichet_blob **out,
    struct guichet_problem *problem);

#ifdef __cplusplus
}
#endif

#endif
