/* SPDX-License-Identifier: Apache-2.0
 *
 * What a killed server left of files that it was writing goes, and nothing else that lies beside it. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/leftover.h"

/* Of a log of so many leaves: the newest tiles are tile/0/x001/171.p and tile/1/004.p. */
#define LOG_SIZE ((uint64_t)300000)

static const char *const ours[] = {
	"committed.new",
	"public/checkpoint.new",
	"public/crl.pem.new",
	"public/ca.pem.new",
	"public/tls.pem.new",
	"public/log.vkey.new",
	"public/tile/0/x001/170.new",
	"public/tile/0/x001/171.p/224.new",
	"public/tile/0/x001/171.p/9.new",
	"public/tile/1/003.new",
	"public/tile/1/004.p/147.new",
	"keys/data/filing-2026.key.new",
	"keys/data/certificate-2031.key.new",
};

static const char *const others[] = {
	/* files themselves */
	"committed", "public/checkpoint", "public/tile/0/x001/171.p/224", "keys/data/filing-2026.key",
	/* the operator's */
	"guichet.json.new", "public/campaign.json.new", "public/catalogue.json.new", "public/notes.new", "public/.new",
	"public/crl.pem.new.new", "public/crl.pem.newer", "keys/notes.new",
	/* what a renewal that was cut short has to end with */
	"keys/tls-server.key.new", "keys/tls-server.pem.new",
	/* no names of tiles or keys */
	"public/tile/0/x001/17.new", "public/tile/0/x001/1717.new", "public/tile/0/x001/17a.new",
	"public/tile/0/x001/171.p/256.new", "public/tile/0/x001/171.p/0.new", "public/tile/0/x001/171.p/09.new",
	"keys/data/filing.key.new", "keys/data/-2026.key.new", "keys/data/filing-.key.new",
	"keys/data/Filing-2026.key.new",
	"keys/data/filing-2026.new", "keys/data/filing-2026.destroyed.new",
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

struct place {
	char path[40];
	int fd;
};

static int
setup(void **state)
{
	static struct place place;
	static const char *const directories[] = { "public", "public/tile", "public/tile/0", "public/tile/0/x001",
		"public/tile/0/x001/171.p", "public/tile/1", "public/tile/1/004.p", "keys", "keys/data" };

	strcpy(place.path, "/tmp/guichet-leftover-XXXXXX");
	assert_non_null(mkdtemp(place.path));
	place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place.fd >= 0);
	for (size_t i = 0; i < COUNT(directories); i++)
		assert_int_equal(mkdirat(place.fd, directories[i], 0755), 0);
	*state = &place;
	return 0;
}

static int
teardown(void **state)
{
	struct place *place = *state;
	char command[80];

	close(place->fd);
	snprintf(command, sizeof command, "rm -r '%s'", place->path);
	return system(command);
}

static void
put_all(const struct place *place, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int fd = openat(place->fd, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0 && close(fd) == 0);
	}
}

static bool
is_there(const struct place *place, const char *name)
{
	struct stat status;

	return fstatat(place->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
what_is_ours_goes_and_all_else_stays(void **state)
{
	const struct place *place = *state;

	put_all(place, ours, COUNT(ours));
	put_all(place, others, COUNT(others));
	struct leftovers found = leftover_remove(place->path, LOG_SIZE);
	assert_int_equal(found.removed, COUNT(ours));
	assert_int_equal(found.stuck, 0);
	assert_int_equal(found.reason, 0);
	for (size_t i = 0; i < COUNT(ours); i++)
		assert_false(is_there(place, ours[i]));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_true(is_there(place, others[i]));
	assert_int_equal(leftover_remove(place->path, LOG_SIZE).removed, 0);
}

static void
only_regular_files_go(void **state)
{
	const struct place *place = *state;

	put_all(place, (const char *const[]){ "public/notes" }, 1);
	assert_int_equal(symlinkat("notes", place->fd, "public/crl.pem.new"), 0);
	assert_int_equal(mkdirat(place->fd, "public/checkpoint.new", 0755), 0);
	struct leftovers found = leftover_remove(place->path, LOG_SIZE);
	assert_int_equal(found.removed + found.stuck, 0);
	assert_true(is_there(place, "public/crl.pem.new") && is_there(place, "public/checkpoint.new"));
}

/* An office without a log has no tiles, and one that never published has no directories. */
static void
what_is_not_there_is_no_fault(void **state)
{
	const struct place *place = *state;

	assert_int_equal(unlinkat(place->fd, "keys/data", AT_REMOVEDIR), 0);
	assert_int_equal(leftover_remove(place->path, 0).reason, 0);
	assert_int_equal(leftover_remove(place->path, UINT64_MAX).reason, 0);
}

static void
what_cannot_be_looked_into_is_told(void **state)
{
	const struct place *place = *state;

	assert_int_equal(unlinkat(place->fd, "keys/data", AT_REMOVEDIR), 0);
	put_all(place, (const char *const[]){ "keys/data", "committed.new" }, 2);
	struct leftovers found = leftover_remove(place->path, LOG_SIZE);
	assert_int_equal(found.reason, ENOTDIR);
	assert_int_equal(found.removed, 1);
	assert_int_equal(leftover_remove("/nonexistent", LOG_SIZE).reason, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_ours_goes_and_all_else_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(only_regular_files_go, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_no_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_looked_into_is_told, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
