/* SPDX-License-Identifier: Apache-2.0
 *
 * Every maximum, with its reason. Bytes unless the name says otherwise. Those marked * are announced in the
 * hello, so that a client never has to guess. */
#ifndef GUICHET_LIMITS_H
#define GUICHET_LIMITS_H

/* ---- frames ---- */

/* * Body of one frame. Holds a return with all its annexes; what is larger is uploaded in parts. */
#define LIMIT_FRAME_BODY (1024 * 1024)
/* * Requests of one connection that are not answered yet. */
#define LIMIT_STREAMS 128
/* Bytes of answers that wait to be sent, beyond which no further request is begun for their reader: what the socket
 * takes at once, and little enough that a turn of one connection does not keep the others waiting. */
#define LIMIT_ANSWERS_QUEUED (256 * 1024)

/* ---- CBOR and JSON ---- */

/* Deepest nesting of a message: a map in a list in a map leaves room to grow. */
#define LIMIT_CBOR_DEPTH 8
/* Return documents are flat: object, object of boxes, list of donations, donation, beneficiary. */
#define LIMIT_JSON_DEPTH 8
/* Values in one JSON document: every known box, each with a donation, four times over. */
#define LIMIT_JSON_VALUES 40000
/* The largest JSON file read by the tools (catalogue, campaign). */
#define LIMIT_JSON_FILE (16 * 1024 * 1024)

/* ---- filings ---- */

/* * Documents in one filing: the return, its annexes and 100 attachments. */
#define LIMIT_DOCUMENTS 128
/* * Attachments among them. */
#define LIMIT_ATTACHMENTS 100
/* * One return document (JSON), inflated. A return with every known box is 40 KB, LIMIT_DONATIONS with names at their
 * limits another 64; what is larger is white space, which costs its sender nothing and the server its time. */
#define LIMIT_RETURN_SIZE (128 * 1024)
/* * All return documents of one filing together, inflated: bounds the memory and the time that one request can ask for.
 * All boxes of all forms are 40 KB together. */
#define LIMIT_RETURNS_TOTAL (256 * 1024)
/* * One attachment. */
#define LIMIT_ATTACHMENT_SIZE (20 * 1024 * 1024)
/* * Bytes that one signer may have in uploads not completed: one filing with every attachment at its limit. */
#define LIMIT_UPLOAD_QUOTA ((uint64_t)LIMIT_ATTACHMENTS * LIMIT_ATTACHMENT_SIZE)
/* * Filings of one signer in an hour and in a day, from the first of them on. Who corrects a return all evening
 * stays below; who files for ever fills no disk: an hour's are 60 MiB at most, but for uploads. */
#define LIMIT_FILINGS_HOUR 60
#define LIMIT_FILINGS_DAY 120
/* * A household may file as often as so many of its persons together: neither of two spouses takes from the other, and
 * a household of more persons has no more. */
#define LIMIT_FILING_SHARES 2
/* * Bytes of documents that one household may file in one campaign, all filings together: the largest one twice.
 * Beyond, a filing may still have LIMIT_RETURNS_TOTAL. */
#define LIMIT_FILED_QUOTA (2 * LIMIT_UPLOAD_QUOTA)
/* * One part of an upload. */
#define LIMIT_PART_SIZE (512 * 1024)
/* * Every part but a document's last is at least this long, so that their list stays short. */
#define LIMIT_PART_MIN (64 * 1024)
/* * Manifest: header lines and LIMIT_DOCUMENTS lines of at most 192 bytes. */
#define LIMIT_MANIFEST_SIZE (32 * 1024)
/* Findings listed for one filing; the last one then says that there are more. */
#define LIMIT_FINDINGS 256
/* Reasons listed in one refusal: one for each document, and what else may be wrong with a filing. */
#define LIMIT_REASONS (LIMIT_DOCUMENTS + 16)
/* Donations in one return document. */
#define LIMIT_DONATIONS 256

/* ---- texts and keys ---- */

/* A birth name or the first names of one person, UTF-8. */
#define LIMIT_NAME 128
/* RFC 5321 4.5.3.1.3: a path is at most 256 with its brackets. */
#define LIMIT_EMAIL 254
/* Origin of the office, as in the log's checkpoint. */
#define LIMIT_ORIGIN 128
/* A campaign's name, a form's or an attachment's type, a media type. */
#define LIMIT_LABEL 64
/* The text of the contract in campaign.json, its paragraphs joined: each is archived whole. */
#define LIMIT_CONTRACT_TEXT (64 * 1024)
/* DER of a PKCS#10 request: an RSA-3072 one is 1.1 KB. */
#define LIMIT_CSR 4096
/* DER of a certificate issued here. */
#define LIMIT_CERTIFICATE 4096
/* A signature value: RSA-3072 has 384 bytes, P-256 at most 72. */
#define LIMIT_SIGNATURE 512
/* Certificate serial numbers are random, 16 bytes, positive (RFC 5280 4.1.2.2). */
#define SERIAL_SIZE 16
/* SHA-256. */
#define DIGEST_SIZE 32
/* Correlation id of an answer. */
#define CORRELATION_SIZE 8
/* What a part shows of the upload it belongs to: nobody guesses 128 bits. */
#define UPLOAD_TOKEN_SIZE 16
/* A receipt's body: header and LIMIT_DOCUMENTS entries. */
#define LIMIT_RECEIPT_SIZE (64 * 1024)
/* A tlog-proof: checkpoint and at most 63 hashes. */
#define LIMIT_PROOF_SIZE (8 * 1024)
/* Rows in one page of a listing. */
#define LIMIT_PAGE 200

/* ---- times ---- */

/* The longest wait that a refusal names, in milliseconds: a day. What takes longer is asked again then. */
#define LIMIT_RETRY_AFTER_MS 86400000

/* How far ahead of the office's clock a signing time may lie. */
#define SIGNING_TIME_AHEAD_S (5 * 60)

#endif
