/* SPDX-License-Identifier: Apache-2.0
 *
 * guichetd, cp and rm as processes. Paths put together here end with their function; so faults are kept. */
#include "bench/office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/fault.h"
#include "bench/path.h"
#include "bench/tool.h"
#include "client/problem.h"
#include "client/trust.h"
#include "server/loop.h"

#define TEXTS_SIZE ((size_t)64 * 1024)
#define SETTINGS_SIZE ((size_t)16 * 1024)
#define START_MS (5 * 60 * 1000)
#define STOP_MS (60 * 1000)

struct office {
	struct arena *arena;
	struct process *process;
	struct loop *loop;
	uint16_t port;
};

/* ---- tools ---- */

enum error
office_make(const char *programs, const char *directory, const char *registry, struct arena *texts,
    struct fault *fault)
{
	char guichetd[PATH_SIZE], output[PATH_SIZE];
	const char *const init[] = { guichetd, "init", directory, NULL };
	const char *const import[] = { guichetd, "import", "taxpayers", directory, registry, NULL };

	path_make(guichetd, "%s/guichetd", programs);
	path_make(output, "%s.log", directory);
	enum error error = tool_run(init, output, texts, fault);
	return error == ERROR_NONE ? tool_run(import, output, texts, fault) : error;
}

enum error
office_copy(const char *from, const char *to, struct arena *texts, struct fault *fault)
{
	char output[PATH_SIZE];
	const char *const copy[] = { "cp", "-a", from, to, NULL };

	path_make(output, "%s.log", to);
	return tool_run(copy, output, texts, fault);
}

enum error
office_remove(const char *directory, struct arena *texts, struct fault *fault)
{
	const char *const remove_all[] = { "rm", "-rf", directory, NULL };
	return tool_run(remove_all, "/dev/null", texts, fault);
}

/* The settings as they are, with another number behind the name; what else there is stays. */
static bool
put_settings(FILE *file, const char *text, size_t count)
{
	static const char name[] = "\"connections_max\":";
	const char *at = strstr(text, name);

	if (at == NULL)
		return false;
	const char *number = at + sizeof name - 1;
	return fprintf(file, "%.*s%zu%s", (int)(number - text), text, count, number + strspn(number, " 0123456789")) >
	    0;
}

enum error
office_allow_connections(const char *directory, size_t count, struct arena *texts, struct fault *fault)
{
	char path[PATH_SIZE], text[SETTINGS_SIZE];
	size_t size = 0;

	path_make(path, "%s/guichet.json", directory);
	FILE *file = fopen(path, "re");
	if (file != NULL) {
		size = fread(text, 1, sizeof text - 1, file);
		fclose(file);
	}
	text[size] = '\0';
	file = size == 0 ? NULL : fopen(path, "we");
	bool is_good = file != NULL && put_settings(file, text, count);
	if (file != NULL && fclose(file) != 0)
		is_good = false;
	if (is_good)
		return ERROR_NONE;
	fault_set(fault, ERROR_file_unreadable, "guichet.json", slice_of_text(directory),
	    "settings that can be changed");
	return fault_keep(fault, texts);
}

enum error
office_trust(const char *directory, struct guichet_trust **out, struct arena *texts, struct fault *fault)
{
	char public[PATH_SIZE];
	struct guichet_problem *problem = guichet_problem_create();

	path_make(public, "%s/public", directory);
	enum guichet_error error =
	    problem == NULL ? GUICHET_ERROR_out_of_memory : guichet_trust_load(public, out, problem);
	guichet_problem_destroy(problem);
	if (error == GUICHET_ERROR_none)
		return ERROR_NONE;
	fault_set(fault, (enum error)error, directory, SLICE_EMPTY, "an office that publishes what clients need");
	return fault_keep(fault, texts);
}

/* ---- serving ---- */

static enum error
office_serve(struct office *office, const struct office_plan *plan, struct fault *fault)
{
	char guichetd[PATH_SIZE], port_file[PATH_SIZE], output[PATH_SIZE];
	const char *const serve[] = { guichetd, "serve", plan->directory, "--listen", "127.0.0.1:0", "--port-file",
		port_file, NULL };
	cpu_set_t cpus;
	const struct process_plan process = { .argv = serve, .output_path = output,
		.cpus = plan->core < 0 ? NULL : &cpus, .arena = office->arena };

	path_make(guichetd, "%s/guichetd", plan->programs);
	path_make(port_file, "%s.port", plan->directory);
	path_make(output, "%s.log", plan->directory);
	(void)unlink(port_file);
	CPU_ZERO(&cpus);
	if (plan->core >= 0)
		CPU_SET((size_t)plan->core, &cpus);
	enum error error = process_start(&process, &office->process, fault);
	if (error == ERROR_NONE)
		error = process_await_port_file(office->process, port_file, START_MS, &office->port, fault);
	return error == ERROR_NONE ? ERROR_NONE : fault_keep(fault, plan->texts);
}

enum error
office_start(const struct office_plan *plan, struct office **out, struct fault *fault)
{
	struct office *office = calloc(1, sizeof *office);

	if (office == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	office->arena = arena_create(TEXTS_SIZE);
	office->loop = loop_create(NULL);
	enum error error = office->arena == NULL || office->loop == NULL ?
	    fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL) :
	    office_serve(office, plan, fault);
	if (error == ERROR_NONE) {
		*out = office;
		return ERROR_NONE;
	}
	return office_stop(office, error, fault);
}

enum error
office_stop(struct office *office, enum error error, struct fault *fault)
{
	if (office == NULL)
		return error;
	struct process_end end = process_stop(office->process, STOP_MS);
	if (office->loop != NULL)
		loop_destroy(office->loop);
	arena_destroy(office->arena);
	free(office);
	if (error != ERROR_NONE || end.exit_code == 0)
		return error;
	return fault_set(fault, ERROR_unreachable, "guichetd", SLICE_EMPTY, "a server that ends in good order");
}

uint16_t
office_port(const struct office *office)
{
	return office->port;
}

struct process *
office_process(const struct office *office)
{
	return office->process;
}

struct loop *
office_loop(const struct office *office)
{
	return office->loop;
}
