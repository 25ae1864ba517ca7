/* SPDX-License-Identifier: Apache-2.0
 *
 * The page with the results in it; the page's bytes are made into numbers by the Makefile. */
#include "bench/report.h"

#include <string.h>

#include "protocol/check.h"

/* Where the results go: once in the page, alone in its element. */
static const char placeholder[] = "@RESULTS@";
static const char less_than[] = "\\u003c";

static struct slice
page(void)
{
	static const uint8_t bytes[] = {
#include "bench/report.html.inc"
	};
	return slice_of(bytes, sizeof bytes);
}

/* JSON has `<` in strings only, where it may be written so. */
static void
put_escaped(struct buf *out, struct slice json)
{
	while (json.size != 0) {
		const uint8_t *at = memchr(json.data, '<', json.size);
		size_t plain = at == NULL ? json.size : (size_t)(at - json.data);
		buf_put(out, slice_of(json.data, plain));
		if (at != NULL)
			buf_put_text(out, less_than);
		json = slice_from(json, at == NULL ? plain : plain + 1);
	}
}

void
report_put(struct buf *out, struct slice results_json)
{
	struct slice whole = page();
	const uint8_t *hole = memmem(whole.data, whole.size, placeholder, sizeof placeholder - 1);

	check(hole != NULL);
	size_t before = (size_t)(hole - whole.data);
	buf_put(out, slice_of(whole.data, before));
	put_escaped(out, results_json);
	buf_put(out, slice_from(whole, before + sizeof placeholder - 1));
}

size_t
report_size_max(size_t results_size)
{
	check(results_size <= REPORT_RESULTS_MAX);
	return page().size + results_size * (sizeof less_than - 1);
}
