/* SPDX-License-Identifier: Apache-2.0
 *
 * One measured run of any server under any load, with what the kernel accounts for the server meanwhile. */
#ifndef GUICHET_BENCH_STAGE_H
#define GUICHET_BENCH_STAGE_H

#include "bench/drive.h"
#include "bench/process.h"
#include "bench/receipts.h"
#include "bench/script.h"

struct guichet_trust;

/* Where server and generator run, each with a core of its own. */
#define STAGE_SERVER_CORE 0
#define STAGE_GENERATOR_CORE 1

/* A server that runs. */
struct stage_server {
	const char *name; /* guichetd, nginx, redis */
	struct loop *loop;
	const struct tls_config *tls;
	const struct dialect *dialect;
	struct process *process;
	uint16_t port;
};

/* Of its core's time: a thread or a server that has so much to do can do no more. */
#define STAGE_BUSY 0.95

struct stage_plan {
	const char *name, *scenario, *kind; /* for reports; kind is "" where keys do not matter */
	struct script *script;
	const struct drive_script *drive; /* in its place: jobs that no script has */
	size_t connections, window;
	bool is_fresh;
	size_t idlers;             /* connections that say nothing, opened before and kept; fewer where the limit of
				    * open files is lower */
	const struct curve *curve; /* NULL: closed loop */
	enum schedule_kind arrivals;
	uint64_t jobs_first, jobs_max;
	uint64_t warmup_ns, duration_ns; /* the second is the curve's own without its warm-up in an open loop */
};

struct stage_result {
	const char *name, *scenario, *kind, *server;
	size_t connections, window, idlers_planned;
	enum schedule_kind arrivals;
	uint64_t seed; /* of the arrivals */
	struct outcome *outcome;
	bool is_open_loop;
	bool is_late; /* the generator was behind its schedule; open loop */
	/* Parts of the measured part, 0 to 1: in which the generator worked, and that the server had of its core. */
	double generator_busy, server_busy;
	double offered; /* arrivals a second meant in the measured part; open loop */
	const char *why_invalid; /* NULL: valid */
	uint64_t cpu_ns, system_ns; /* of the server, all threads, in the measured part */
	uint64_t resident_bytes, anonymous_bytes; /* at its end */
	size_t idlers;           /* opened */
	uint64_t idle_bytes;     /* resident bytes that they added */
	uint64_t idle_bytes_end; /* the same, and what the run added, at its end */
	bool has_receipts;
	struct receipts_report receipts;
};

/* The server's core, for the plan of its process. */
void stage_server_cpus(cpu_set_t *cpus);

/* Runs on the generator's core, which must be there. A run that is not valid says why in the result. ERROR_usage when
 * the arrivals are more than the jobs; else as drive_run. */
must_check enum error stage_run(const struct stage_server *server, const struct stage_plan *plan,
    struct stage_result *result, struct fault *fault);
/* Sends the filings of all jobs of the run of that plan again, asks for the receipts of some by name, and verifies and
 * compares every one. Afterwards a run is valid only if each acceptance came with a receipt and all were genuine. */
must_check enum error stage_verify(const struct stage_server *server, struct corpus *corpus,
    const struct guichet_trust *trust, const struct stage_plan *played, struct stage_result *result,
    struct fault *fault);
void stage_result_free(struct stage_result *result);

/* One line for the terminal: rate, latency, CPU, and why it is not valid. */
void stage_print(const struct stage_result *result);

/* Is it invalid because the generator was late, and for nothing else? Then a run made anew may be valid. */
bool stage_is_only_late(const struct stage_result *result);

/* CPU of the server for each accepted, in microseconds; 0 when nothing was. */
double stage_cpu_us(const struct stage_result *result);

#endif
