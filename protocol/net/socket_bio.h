/* SPDX-License-Identifier: Apache-2.0
 *
 * What OpenSSL reads and writes through: a BIO over a socket that never raises SIGPIPE (the library lives in
 * strangers' programs) and remembers what the socket said, so that no one has to guess from errno afterwards. */
#ifndef GUICHET_SOCKET_BIO_H
#define GUICHET_SOCKET_BIO_H

#include <openssl/bio.h>

#include "protocol/bytes.h"

/* One socket and what it said last. Lives as long as the BIO made for it; the descriptor is borrowed. */
struct wire {
	int fd;
	bool ended;       /* a read found the end of the stream */
	bool drained;     /* the last read took all that was there */
	int error_number; /* errno of a read or write that failed for good, 0 until then */
};

/* The table of functions; make one for many BIOs, free it (BIO_meth_free) after the last of them. NULL when memory is
 * short. */
must_check BIO_METHOD *socket_bio_method_create(void);
/* A BIO that borrows `wire`; NULL when memory is short. */
must_check BIO *socket_bio_create(const BIO_METHOD *method, struct wire *wire);

#endif
