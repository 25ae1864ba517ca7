/* SPDX-License-Identifier: Apache-2.0
 *
 * A corpus is read as it was written, and one that was cut or changed is no corpus. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/corpus.h"
#include "tests/unit/file.h"

enum { ITEMS = 3 };

static char path[] = "/tmp/guichet-corpus-XXXXXX";

static void
fill(uint8_t *bytes, size_t size, size_t nth)
{
	memset(bytes, (int)(nth + 1), size);
}

static void
write_corpus(void)
{
	struct corpus_writer *writer;
	struct fault fault;
	uint8_t serial[SERIAL_SIZE], id[DIGEST_SIZE], digest[DIGEST_SIZE];

	assert_int_equal(corpus_writer_create(path, KEY_P256, &writer, &fault), ERROR_NONE);
	for (size_t i = 0; i < ITEMS; i++) {
		fill(serial, sizeof serial, i);
		fill(id, sizeof id, i + 10);
		fill(digest, sizeof digest, i + 20);
		const struct corpus_item item = { serial, id, digest, i % 2, SLICE_LITERAL("enrolment"),
			slice_of("filing number", 10 + i) };
		corpus_writer_item(writer, &item);
	}
	corpus_writer_key(writer, SLICE_LITERAL("no key"));
	corpus_writer_key(writer, SLICE_LITERAL("nor this"));
	assert_int_equal(corpus_writer_end(writer, &fault), ERROR_NONE);
}

static int
set_up(void **state)
{
	(void)state;
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	int fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	write_corpus();
	return fd < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void
what_was_written_is_read(void **state)
{
	struct corpus *corpus;
	struct fault fault;
	uint8_t expected[DIGEST_SIZE];

	(void)state;
	assert_int_equal(corpus_open(path, &corpus, &fault), ERROR_NONE);
	assert_int_equal(corpus_count(corpus), ITEMS);
	assert_int_equal(corpus_algorithm(corpus), KEY_P256);
	for (size_t i = 0; i < ITEMS; i++) {
		const struct corpus_item item = corpus_item(corpus, i);
		fill(expected, sizeof expected, i);
		assert_memory_equal(item.serial, expected, SERIAL_SIZE);
		fill(expected, sizeof expected, i + 10);
		assert_memory_equal(item.id, expected, DIGEST_SIZE);
		fill(expected, sizeof expected, i + 20);
		assert_memory_equal(item.certificate_digest, expected, DIGEST_SIZE);
		assert_int_equal(item.key, i % 2);
		assert_true(slice_equal_text(item.enrol, "enrolment"));
		assert_true(slice_equal(item.file, slice_of("filing number", 10 + i)));
	}
	assert_null(corpus_key(corpus, 0));
	corpus_close(corpus);
}

static void
what_was_cut_or_changed_is_refused(void **state)
{
	struct corpus *corpus;
	struct fault fault;
	size_t size;
	uint8_t *bytes = file_read(path, &size);

	(void)state;
	for (size_t cut = 1; cut < size; cut += 7) {
		assert_int_equal(truncate(path, (off_t)(size - cut)), 0);
		assert_int_equal(corpus_open(path, &corpus, &fault), ERROR_usage);
	}
	/* Every number of header and tables, made absurd. */
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= 0x80;
		file_write(path, slice_of(bytes, size));
		bytes[at] ^= 0x80;
		if (corpus_open(path, &corpus, &fault) != ERROR_NONE)
			continue;
		for (size_t i = 0; i < corpus_count(corpus); i++)
			assert_true(corpus_item(corpus, i).file.size < size);
		corpus_close(corpus);
	}
	free(bytes);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_not_equal(corpus_open(path, &corpus, &fault), ERROR_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_written_is_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_cut_or_changed_is_refused, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
