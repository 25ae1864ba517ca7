/* SPDX-License-Identifier: Apache-2.0
 *
 * The limits that an office announces: a client that kept to nonsense would wait for ever. Of one that an older office
 * does not tell there is nothing to keep to. */
#include "client/hello.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/problem.h"

/* Holds a log-in, and a manifest of one document with its signature. */
#define FRAME_BODY_LEAST 4096

enum guichet_error
hello_check(const struct msg_hello_answer *hello, struct guichet_problem *problem)
{
	const struct {
		const char *place;
		uint64_t value, least;
	} limits[] = {
		{ "hello_answer.frame_body_max", hello->frame_body_max, FRAME_BODY_LEAST },
		{ "hello_answer.streams_max", hello->streams_max, 1 },
		{ "hello_answer.documents_max", hello->documents_max, 1 },
		{ "hello_answer.return_size_max", hello->return_size_max, 1 },
		{ "hello_answer.returns_total_max", hello->returns_total_max, hello->has_returns_total_max ? 1 : 0 },
		{ "hello_answer.manifest_size_max", hello->manifest_size_max, hello->has_manifest_size_max ? 1 : 0 },
		{ "hello_answer.part_size_max", hello->part_size_max,
		    hello->has_part_size_min && hello->part_size_min != 0 ? hello->part_size_min : 1 },
	};
	char value[24], expected[40];

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		if (limits[i].value >= limits[i].least)
			continue;
		snprintf(value, sizeof value, "%" PRIu64, limits[i].value);
		snprintf(expected, sizeof expected, "at least %" PRIu64, limits[i].least);
		return problem_set(problem, ERROR_answer_malformed, limits[i].place, slice_of_text(value), expected);
	}
	return GUICHET_ERROR_none;
}
