/* SPDX-License-Identifier: Apache-2.0
 *
 * Files in one directory, and commands run there. */
#include "tests/unit/authority_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/file.h"

static char base[] = "/tmp/guichet-authority-XXXXXX";

const char *
place_path(const char *name)
{
	static char paths[8][160];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", base, name);
	return path;
}

void
place_write(const char *name, struct slice content)
{
	file_write(place_path(name), content);
}

size_t
place_read(const char *name, char *out, size_t size_max)
{
	FILE *file = fopen(place_path(name), "rb");
	assert_non_null(file);
	size_t size = fread(out, 1, size_max - 1, file);
	out[size] = '\0';
	fclose(file);
	return size;
}

int
place_run(const char *command)
{
	char line[1024];
	snprintf(line, sizeof line, "cd %s && ( %s ) >out 2>&1 </dev/null", base, command);
	int status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void
place_expect(const char *command)
{
	if (place_run(command) == 0)
		return;
	char output[4096];
	place_read("out", output, sizeof output);
	fail_msg("%s\n%s", command, output);
}

void
place_expect_output(const char *text)
{
	char output[16384];
	place_read("out", output, sizeof output);
	if (strstr(output, text) == NULL)
		fail_msg("expected \"%s\" in\n%s", text, output);
}

bool
place_has(const char *name)
{
	return access(place_path(name), F_OK) == 0;
}

enum error
place_create(const char *keys, const char *public, const char *origin, const char *host, struct fault *fault)
{
	const char *hosts[] = { host, "192.0.2.7" };
	struct authority_plan plan = {
		.keys_dir = place_path(keys), .public_dir = place_path(public), .origin = origin,
		.hosts = hosts, .hosts_count = host == NULL ? 0 : 2, .now = PLACE_NOW,
	};
	mkdir(plan.keys_dir, 0700);
	mkdir(plan.public_dir, 0755);
	return authority_create(&plan, fault);
}

void
place_begin(void)
{
	struct fault fault;

	assert_non_null(mkdtemp(base));
	assert_int_equal(place_create("keys", "public", PLACE_ORIGIN, "guichet.example.fr", &fault), ERROR_NONE);
}

void
place_end(void)
{
	char line[128];

	snprintf(line, sizeof line, "rm -r %s", base);
	assert_int_equal(system(line), 0);
}
