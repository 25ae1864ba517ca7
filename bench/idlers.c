/* SPDX-License-Identifier: Apache-2.0
 *
 * A window of handshakes that moves over the whole number. */
#include "bench/idlers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/stage.h"

/* Handshakes at once: fewer than any server here would put off. */
#define WINDOW ((size_t)128)
/* Rounds without any progress, 10 ms each, before it is given up. */
#define ROUNDS_MAX 1000
/* Descriptors for whatever is no connection, of the process that needs most: guichetd keeps 1,200 for its store. */
#define DESCRIPTORS_OTHER ((size_t)1300)

/* Connections from one address to one port are 28,000 at most, with those that ended within the last minute, and the
 * load beside them needs some; so the idlers come from addresses of their own, as clients do. */
#define ADDRESS_FIRST ((uint32_t)INADDR_LOOPBACK + 1)
#define ADDRESSES ((size_t)8)

struct idlers {
	struct caller_config configs[ADDRESSES];
	struct caller **callers;
	size_t count, begun, opened, ended;
	uint64_t before_bytes, after_bytes; /* the server's, resident */
};

static void
on_opened(void *context, struct caller *caller)
{
	(void)caller;
	((struct idlers *)context)->opened++;
}

static void
on_replied(void *context, struct caller *caller, uint64_t ticket, const struct dialect_reply *reply)
{
	(void)context;
	(void)caller;
	(void)ticket;
	(void)reply;
}

static void
on_ended(void *context, struct caller *caller, const char *why)
{
	struct idlers *idlers = context;

	(void)why;
	idlers->callers[(size_t)(uintptr_t)caller_owner(caller)] = NULL;
	idlers->ended++;
	caller_destroy(caller);
}

static bool
idlers_begin(struct idlers *idlers)
{
	while (idlers->begun < idlers->count && idlers->begun - idlers->opened - idlers->ended < WINDOW) {
		idlers->callers[idlers->begun] = caller_create(&idlers->configs[idlers->begun % ADDRESSES],
		    (void *)(uintptr_t)idlers->begun);
		if (idlers->callers[idlers->begun] == NULL)
			return false;
		idlers->begun++;
	}
	return true;
}

static enum error
idlers_wait(struct idlers *idlers, struct fault *fault)
{
	size_t before = 0;

	for (int idle = 0; idlers->opened < idlers->count; idle++) {
		if (!idlers_begin(idlers))
			return fault_set(fault, ERROR_unreachable, "idle connections", slice_of_text(strerror(errno)),
			    "descriptors and ports for all of them");
		loop_round(idlers->configs[0].loop, 10);
		if (idlers->opened != before)
			idle = 0;
		before = idlers->opened;
		if (idle == ROUNDS_MAX || idlers->ended != 0)
			return fault_set(fault, ERROR_unreachable, "idle connections", SLICE_EMPTY,
			    "a server that takes all of them");
	}
	return ERROR_NONE;
}

static enum error
resident_bytes(const struct stage_server *server, uint64_t *bytes, struct fault *fault)
{
	struct account account;
	enum error error = process_account(server->process, &account, fault);

	*bytes = account.resident_bytes;
	return error;
}

/* At least one. */
static size_t
count_within_limit(size_t count, size_t others)
{
	struct rlimit limit;
	size_t taken = others + DESCRIPTORS_OTHER;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || count + taken <= limit.rlim_cur)
		return count;
	return limit.rlim_cur > taken + 1 ? (size_t)limit.rlim_cur - taken : 1;
}

enum error
idlers_open(const struct stage_server *server, size_t count, size_t others, struct idlers **out, struct fault *fault)
{
	struct idlers *idlers = calloc(1, sizeof *idlers);

	if (idlers == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	idlers->count = count_within_limit(count, others);
	idlers->callers = calloc(idlers->count, sizeof(struct caller *));
	for (size_t i = 0; i < ADDRESSES; i++)
		idlers->configs[i] = (struct caller_config){ server->loop, server->tls, server->dialect, server->port,
			{ on_opened, on_replied, on_ended, idlers }, NULL, ADDRESS_FIRST + (uint32_t)i };
	enum error error = idlers->callers == NULL ?
	    fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    resident_bytes(server, &idlers->before_bytes, fault);
	if (error == ERROR_NONE)
		error = idlers_wait(idlers, fault);
	if (error == ERROR_NONE)
		error = resident_bytes(server, &idlers->after_bytes, fault);
	if (error != ERROR_NONE)
		idlers_close(idlers);
	else
		*out = idlers;
	return error;
}

size_t
idlers_count(const struct idlers *idlers)
{
	return idlers->count;
}

size_t
idlers_open_count(const struct idlers *idlers)
{
	return idlers->opened - idlers->ended;
}

uint64_t
idlers_bytes_of(const struct idlers *idlers, uint64_t resident_bytes)
{
	return resident_bytes > idlers->before_bytes ? resident_bytes - idlers->before_bytes : 0;
}

uint64_t
idlers_bytes(const struct idlers *idlers)
{
	return idlers_bytes_of(idlers, idlers->after_bytes);
}

void
idlers_close(struct idlers *idlers)
{
	if (idlers == NULL)
		return;
	for (size_t i = 0; idlers->callers != NULL && i < idlers->begun; i++)
		caller_destroy(idlers->callers[i]);
	free(idlers->callers);
	free(idlers);
}
