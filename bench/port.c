/* SPDX-License-Identifier: Apache-2.0
 *
 * Loopback sockets. */
#include "bench/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in
loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
}

/* Closes a socket and keeps errno. */
static int
give_up(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

int
port_hold(uint16_t *port)
{
	struct sockaddr_in address = loopback(0);
	socklen_t size = sizeof address;
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Bound before it is made shareable: so the port is one that nobody else holds in any way. */
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0)
		return give_up(fd);
	*port = ntohs(address.sin_port);
	return fd;
}

int
port_connect(uint16_t port)
{
	const struct sockaddr_in address = loopback(port);
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		return give_up(fd);
	return fd;
}
