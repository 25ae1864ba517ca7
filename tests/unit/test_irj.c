/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversion of .irj files: the format strictly, amounts and dates as they should become; and, where the public test
 * base lies beside the tree, what the rules say of all of its returns. */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/irj.h"
#include "protocol/rules.h"
#include "tests/unit/catalogue_file.h"
#include "tests/unit/file.h"

#define TAIL                                               \
	"#CONTROLES-PRIMITIF\n#RESULTATS-PRIMITIF\nIRNET/" \
	"1.0\n#ENTREES-CORRECTIF\n#CONTROLES-CORRECTIF\n#RESULTATS-CORRECTIF\n##\n"
#define IRJ(entries) "#NOM\nTEST#1\n#ENTREES-PRIMITIF\n" entries TAIL

static struct catalogue *catalogue;

static int
load(void **state)
{
	(void)state;
	catalogue = catalogue_file_load();
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	catalogue_destroy(catalogue);
	return 0;
}

/* ---- one text ---- */

struct collected {
	char text[4096]; /* all documents */
	size_t used, count;
};

static enum error
collect(void *context, size_t number, struct slice document, struct fault *fault)
{
	struct collected *c = context;
	(void)fault;
	assert_int_equal(number, ++c->count);
	assert_true(document.size < sizeof c->text - c->used);
	memcpy(c->text + c->used, document.data, document.size);
	c->used += document.size;
	c->text[c->used] = '\0';
	return ERROR_NONE;
}

static void
assert_converted(const char *irj, bool named, const char *documents)
{
	struct irj_options options = { catalogue, 2025, named };
	struct collected collected = { .used = 0 };
	struct arena *arena = arena_create(IRJ_ARENA_SIZE);
	struct fault fault;
	enum error error = irj_read(slice_of_text(irj), &options, (struct irj_sink){ collect, &collected }, arena,
	    &fault);
	if (error != ERROR_NONE)
		fail_msg("%.*s", (int)fault.place.size, (const char *)fault.place.data);
	assert_string_equal(collected.text, documents);
	arena_destroy(arena);
}

#define DOCUMENT(boxes) "{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{" boxes "}}\n"

static void
amounts_and_dates_are_normalized(void **state)
{
	(void)state;
	assert_converted(IRJ("1AJ/15000\n1BJ/15000.0\n1CJ/0.0\n1DJ/007\n"), true,
	    DOCUMENT("\"1AJ\":15000,\"1BJ\":15000,\"1CJ\":0,\"1DJ\":7"));
	/* What is wrong stays wrong: the rules shall say so. */
	assert_converted(IRJ("1AJ/-5\n1BJ/2.5\n0AM/12345\n9ZQ/1\n"), true,
	    DOCUMENT("\"1AJ\":-5,\"1BJ\":2.5,\"0AM\":12345,\"9ZQ\":1"));
	assert_converted(IRJ("8TU/12.50\n7UK/3.00\n"), true, DOCUMENT("\"8TU\":\"12.50\",\"7UK\":3"));
	assert_converted(IRJ("CPT/1462\nV_0AC/2\nBT0F0/2012\n1AJ/1\n"), true, DOCUMENT("\"1AJ\":1"));
	/* Family events move with the return, whichever way round the year comes. */
	assert_converted(IRJ("0AX/1062018.0\n0AY/29022016\n0AZ/1062019\nANREV/2018.0\n"), true,
	    DOCUMENT("\"0AX\":\"01062025\",\"0AY\":\"28022023\",\"0AZ\":\"01062026\""));
	assert_converted(IRJ("ANREV/2018\n0AX/1779757\n0AY/10969576.0\n0AZ/123456789\n"), true,
	    DOCUMENT("\"0AX\":\"01779757\",\"0AY\":\"10969576\",\"0AZ\":\"123456789\""));
	assert_converted(IRJ("0AX/1062018\n"), true, DOCUMENT("\"0AX\":\"01062018\""));
	/* One return's year is not the next one's. */
	assert_converted(IRJ("ANREV/2018\n1AJ/1\n") IRJ("0AX/1062018\n"), true,
	    DOCUMENT("\"1AJ\":1") DOCUMENT("\"0AX\":\"01062018\""));
}

static void
beneficiaries_are_generated_where_needed(void **state)
{
	(void)state;
	assert_converted(IRJ("7UF/500.0\n7UH/3000\n7AC/70\n7VA/0\n"), true,
	    "{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"7UF\":500,\"7UH\":3000,\"7AC\":70,\"7VA\":0},"
	    "\"donations\":[{\"box\":\"7UF\",\"amount\":500,\"beneficiary\":\"Bénéficiaire généré 1\"}]}\n");
	assert_converted(IRJ("7UD/5\n7UH/3001\n"), true,
	    "{\"form\":\"2042\",\"income_year\":2025,\"boxes\":{\"7UD\":5,\"7UH\":3001},"
	    "\"donations\":[{\"box\":\"7UD\",\"amount\":5,\"beneficiary\":\"Bénéficiaire généré 1\"},"
	    "{\"box\":\"7UH\",\"amount\":3001,\"beneficiary\":\"Bénéficiaire généré 2\"}]}\n");
	assert_converted(IRJ("7UF/500\n"), false, DOCUMENT("\"7UF\":500"));
}

static void
other_files_are_refused_with_their_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *place;
	} bad[] = {
		{ "", "line 1, column 1" }, { "1AJ/5\n", "line 1, column 1" },
		{ "#ENTREES-PRIMITIF\n", "line 1, column 1" }, { "#NOM\nx\n##\n", "line 3, column 1" },
		{ IRJ("1AJ\n"), "line 4, column 4" }, { IRJ("1AJ/\n"), "line 4, column 5" },
		{ IRJ("1AJ/5\n\n"), "line 5, column 1" }, { IRJ("1AJ/5 \n"), "line 4, column 5" },
		{ IRJ("1AJ/1.\n"), "line 4, column 5" }, { IRJ("1AJ/.5\n"), "line 4, column 5" },
		{ IRJ("1AJ/1e3\n"), "line 4, column 5" }, { IRJ("1aJ/1\n"), "line 4, column 1" },
		{ IRJ("1AJ/--1\n"), "line 4, column 5" }, { IRJ("1AJ/1.5.0\n"), "line 4, column 5" },
		{ IRJ("ANREV/x\n"), "line 4, column 7" }, { IRJ("ANREV/20180\n"), "line 4, column 7" },
		{ IRJ("1AJ/1\r\n"), "line 4, column 6" }, { "#NOM\r\n", "line 1, column 5" },
		{ IRJ("\303\251\303\251J/1\r\n"), "line 4, column 6" }, { IRJ("/1\n"), "line 4, column 1" },
		{ IRJ("1AJ/1\n") "x\n", "line 12, column 1" }, { IRJ("1AJ/1\n") "#NOM\n", "line 13, column 1" },
		{ IRJ("1AJ/123456789012345678901234567890123\n"), "line 4, column 5" },
		{ "#NOM\nx\n#ENTREES-PRIMITIF\n1AJ/5\n", "line 5, column 1" },
	};
	struct irj_options options = { catalogue, 2025, true };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct collected collected = { .used = 0 };
		struct arena *arena = arena_create(IRJ_ARENA_SIZE);
		struct fault fault;
		enum error error = irj_read(slice_of_text(bad[i].text), &options, (struct irj_sink){ collect,
		    &collected }, arena, &fault);
		if (error != ERROR_file_unreadable || !slice_equal_text(fault.place, bad[i].place))
			fail_msg("%s: %d %.*s", bad[i].text, (int)error, (int)fault.place.size,
			    (const char *)fault.place.data);
		arena_destroy(arena);
	}
}

/* ---- the public test base ---- */

struct tally {
	size_t returns, accepted;
	size_t only[100]; /* returns that break this rule and no other */
	size_t broken[100]; /* returns that break this rule */
};

static enum error
judge(void *context, size_t number, struct slice document, struct fault *fault)
{
	struct tally *tally = context;
	struct rules_document in = { .type = SLICE_LITERAL("2042"), .content = document };
	struct rules_result result;
	bool broken[100] = { false };
	size_t kinds = 0, last = 0;
	struct arena *arena = arena_create(rules_arena_max(document.size, 1));

	(void)number;
	(void)fault;
	assert_int_equal(rules_check(catalogue, 2025, &in, 1, arena, &result), ERROR_NONE);
	tally->returns++;
	tally->accepted += result.findings.errors == 0;
	for (size_t i = 0; i < result.findings.count; i++) {
		const struct rule_entry *rule = result.findings.items[i].rule;
		if (rule->severity != SEVERITY_ERROR || broken[rule->number])
			continue;
		broken[rule->number] = true;
		tally->broken[rule->number]++;
		last = rule->number;
		kinds++;
	}
	if (kinds == 1)
		tally->only[last]++;
	arena_destroy(arena);
	return ERROR_NONE;
}

/* The rules' verdict on a file of the base; false when it is not there, which is said. */
static bool
judge_file(const char *name, bool named, struct tally *tally)
{
	struct irj_options options = { catalogue, 2025, named };
	const char *directory = getenv("GUICHET_DATA");
	struct arena *arena;
	struct fault fault;
	char path[512];
	size_t size;

	snprintf(path, sizeof path, "%s/%s", directory == NULL ? "../shared/data" : directory, name);
	if (access(path, R_OK) != 0) {
		print_message("%s is not here: nothing to judge (set GUICHET_DATA to where the test base lies)\n",
		    path);
		return false;
	}
	char *text = file_read(path, &size);
	arena = arena_create(IRJ_ARENA_SIZE);
	*tally = (struct tally){ .returns = 0 };
	assert_int_equal(irj_read(slice_of(text, size), &options, (struct irj_sink){ judge, tally }, arena, &fault),
	    ERROR_NONE);
	arena_destroy(arena);
	free(text);
	print_message("%s%s: %zu returns, %zu accepted\n", name, named ? "" : ", donations unnamed", tally->returns,
	    tally->accepted);
	for (unsigned n = 0; n < 100; n++)
		if (tally->broken[n] != 0)
			print_message("  %4zu break %s, %zu of them nothing else\n", tally->broken[n],
			    rule_find(n)->name, tally->only[n]);
	return true;
}

static void
verdict_on_the_test_base(void **state)
{
	(void)state;
	struct tally tally;

	/* Of the realistic returns, those with a family event of the income year, and those with a day that is none or
	 * lies in another millennium, are refused for just that. */
	if (judge_file("returns.irj", true, &tally)) {
		assert_int_equal(tally.returns, 800);
		assert_int_equal(tally.accepted, 769);
		assert_int_equal(tally.only[RULE_family_change], 21);
		assert_int_equal(tally.only[RULE_date_impossible], 9);
		assert_int_equal(tally.only[RULE_box_range], 1);
	}
	/* Unnamed, the donations are a reason more, and for most the only one. */
	if (judge_file("returns.irj", false, &tally)) {
		assert_int_equal(tally.accepted, 518);
		assert_int_equal(tally.broken[RULE_donation_unnamed], 264);
		assert_int_equal(tally.only[RULE_donation_unnamed], 251);
		assert_int_equal(tally.broken[RULE_family_change], 21);
	}
	/* Extreme amounts are amounts; what is refused is a check mark or a year of birth of ten digits. */
	if (judge_file("returns-odd.irj", true, &tally)) {
		assert_int_equal(tally.returns, 150);
		assert_int_equal(tally.accepted, 35);
		assert_int_equal(tally.only[RULE_box_range], 115);
	}
}

/* Runs a shell command that names $DIRECTORY; it must succeed. */
static void
run(const char *command, const char *directory)
{
	assert_int_equal(setenv("DIRECTORY", directory, 1), 0);
	assert_int_equal(system(command), 0);
}

/* The generator of the integration tests makes returns that the rules accept, and the same ones again. */
static void
generated_returns_pass(void **state)
{
	(void)state;
	char directory[] = "/tmp/guichet-returns-XXXXXX", path[128];
	struct tally tally = { .returns = 0 };
	size_t size;

	assert_non_null(mkdtemp(directory));
	run("python3 tests/integration/generate.py --count 200 --seed 7 --year 2025 $DIRECTORY/a", directory);
	run("python3 tests/integration/generate.py --count 200 --seed 7 $DIRECTORY/b && "
	    "diff -r $DIRECTORY/a $DIRECTORY/b", directory);
	for (size_t number = 1; number <= 200; number++) {
		snprintf(path, sizeof path, "%s/a/returns/%04zu.json", directory, number);
		char *text = file_read(path, &size);
		assert_int_equal(judge(&tally, number, slice_of(text, size), NULL), ERROR_NONE);
		free(text);
	}
	assert_int_equal(tally.accepted, 200);
	run("rm -r $DIRECTORY", directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_and_dates_are_normalized),
		cmocka_unit_test(beneficiaries_are_generated_where_needed),
		cmocka_unit_test(other_files_are_refused_with_their_line),
		cmocka_unit_test(verdict_on_the_test_base),
		cmocka_unit_test(generated_returns_pass),
	};
	return cmocka_run_group_tests_name("irj", tests, load, unload);
}
