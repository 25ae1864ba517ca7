/* SPDX-License-Identifier: Apache-2.0
 *
 * A process, awaited; its output read from the file it went to. */
#include "bench/tool.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/fault.h"
#include "bench/process.h"

#define ARENA_SIZE ((size_t)64 * 1024)
/* A register of millions takes minutes. */
#define TOOL_MS (30 * 60 * 1000)
#define STOP_MS (60 * 1000)
#define STEP_NS 2000000
#define LINE_MAX_SIZE ((size_t)1024)

/* A line of the file, without its end: the first or the last that says something; empty when there is none. */
static void
read_line(const char *path, bool is_last, char out[LINE_MAX_SIZE])
{
	char line[LINE_MAX_SIZE];
	FILE *file = fopen(path, "re");

	out[0] = '\0';
	while (file != NULL && (is_last || out[0] == '\0') && fgets(line, sizeof line, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0')
			memcpy(out, line, sizeof line);
	}
	if (file != NULL)
		fclose(file);
}

/* Did it end by itself, with 0? */
static bool
ends_well(struct process *process)
{
	const struct timespec step = { .tv_nsec = STEP_NS };

	for (uint64_t waited_ns = 0; !process_has_ended(process) && waited_ns < (uint64_t)TOOL_MS * 1000000;
	     waited_ns += STEP_NS)
		nanosleep(&step, NULL);
	return process_stop(process, STOP_MS).exit_code == 0;
}

enum error
tool_run(const char *const *argv, const char *output, struct arena *texts, struct fault *fault)
{
	char said[LINE_MAX_SIZE];
	struct arena *arena = arena_create(ARENA_SIZE);
	const struct process_plan plan = { .argv = argv, .output_path = output, .arena = arena };
	struct process *process = NULL;

	if (arena == NULL)
		return fault_set(fault, ERROR_out_of_memory, NULL, SLICE_EMPTY, NULL);
	enum error error = process_start(&plan, &process, fault);
	if (error == ERROR_NONE && !ends_well(process)) {
		read_line(output, true, said);
		error = fault_set(fault, ERROR_file_unreadable, argv[0],
		    slice_of_text(said[0] == '\0' ? output : said), "an end without failure");
	}
	/* The arena and this frame have the texts. */
	if (error != ERROR_NONE)
		error = fault_keep(fault, texts);
	arena_destroy(arena);
	return error;
}

const char *
tool_first_line(const char *const *argv, const char *output, struct arena *texts)
{
	char line[LINE_MAX_SIZE] = "";
	struct fault fault;
	struct slice kept;

	if (tool_run(argv, output, texts, &fault) == ERROR_NONE)
		read_line(output, false, line);
	(void)unlink(output);
	return line[0] != '\0' && arena_copy(texts, slice_of_text(line), &kept) ? (const char *)kept.data : "";
}
