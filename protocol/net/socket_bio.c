/* SPDX-License-Identifier: Apache-2.0
 *
 * recv and send behind OpenSSL's table of functions. */
#include "protocol/net/socket_bio.h"

#include <errno.h>
#include <sys/socket.h>

/* POSIX 2008 has it; a system without it is asked through the socket instead (SO_NOSIGPIPE, see below). */
#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

static bool
is_temporary(int error_number)
{
	return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

static int
socket_read(BIO *bio, char *to, size_t size, size_t *got)
{
	struct wire *wire = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	*got = 0;
	/* Fewer bytes than there was room for are all, of a stream (recv(2)). */
	do
		n = recv(wire->fd, to, size, 0);
	while (n < 0 && errno == EINTR);
	wire->drained = n < 0 || (size_t)n < size;
	if (n > 0) {
		*got = (size_t)n;
		return 1;
	}
	if (n == 0)
		wire->ended = true;
	else if (is_temporary(errno))
		BIO_set_retry_read(bio);
	else
		wire->error_number = errno;
	return 0;
}

static int
socket_write(BIO *bio, const char *from, size_t size, size_t *put)
{
	struct wire *wire = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	*put = 0;
	do
		n = send(wire->fd, from, size, SEND_FLAGS);
	while (n < 0 && errno == EINTR);
	if (n >= 0) {
		*put = (size_t)n;
		return 1;
	}
	if (is_temporary(errno))
		BIO_set_retry_write(bio);
	else
		wire->error_number = errno;
	return 0;
}

static long
socket_control(BIO *bio, int command, long number, void *pointer)
{
	const struct wire *wire = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_EOF)
		return wire->ended;
	/* Nothing is buffered here, so that a flush is done before it begins. */
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *
socket_bio_method_create(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "guichet socket");
	if (method == NULL)
		return NULL;
	if (BIO_meth_set_read_ex(method, socket_read) != 1 || BIO_meth_set_write_ex(method, socket_write) != 1 ||
	    BIO_meth_set_ctrl(method, socket_control) != 1) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

BIO *
socket_bio_create(const BIO_METHOD *method, struct wire *wire)
{
	BIO *bio = BIO_new(method);
	if (bio == NULL)
		return NULL;
#if !defined(MSG_NOSIGNAL) && defined(SO_NOSIGPIPE)
	int on = 1;
	(void)setsockopt(wire->fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
	BIO_set_data(bio, wire);
	BIO_set_init(bio, 1);
	return bio;
}
