/* Command lines: what is taken, what is a usage error, and that help wins. */
#include <stdio.h>

#include "command/options.h"
#include "tests/unit/fixture.h"

struct line {
	const char *dir, *name, *positional[2];
	bool json;
	struct option_row rows[4];
	struct options options;
};

static void line_init(struct line *line, unsigned least, unsigned most)
{
	*line = (struct line){ 0 };
	line->rows[0] = (struct option_row){ "dir", &line->dir, NULL };
	line->rows[1] = (struct option_row){ "name", &line->name, NULL };
	line->rows[2] = (struct option_row){ "json", NULL, &line->json };
	line->options = (struct options){ .command = "test",
					  .rows = line->rows,
					  .positional = line->positional,
					  .min_positional = least,
					  .max_positional = most,
					  .help = "" };
}

#define PARSE(line, ...)                                                                         \
	options_parse(&(line)->options, (int)(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *)), \
		      (char *[]){ __VA_ARGS__ })

static void test_takes(void **state)
{
	struct line line;
	(void)state;
	line_init(&line, 1, 2);
	assert_int_equal(PARSE(&line, "--dir", "/d", "serial", "--json", "--name=Example Corp"), OPTIONS_GO_ON);
	assert_string_equal(line.dir, "/d");
	assert_string_equal(line.name, "Example Corp");
	assert_string_equal(line.positional[0], "serial");
	assert_int_equal(line.options.n_positional, 1);
	assert_true(line.json);

	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--name="), OPTIONS_GO_ON); /* empty is a value */
	assert_string_equal(line.name, "");
	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--name", "--json"), OPTIONS_GO_ON); /* so is what looks like an option */
	assert_string_equal(line.name, "--json");
	assert_false(line.json);
}

static void test_refuses(void **state)
{
	struct line line;
	(void)state;
	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--dirs", "x"), OPTIONS_USAGE);
	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--di", "x"), OPTIONS_USAGE); /* no abbreviations */
	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--dir"), OPTIONS_USAGE);
	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--json=yes"), OPTIONS_USAGE);
	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--"), OPTIONS_USAGE);
	line_init(&line, 0, 1);
	assert_int_equal(PARSE(&line, "one", "two"), OPTIONS_USAGE);
	line_init(&line, 1, 1);
	assert_int_equal(PARSE(&line, "--json"), OPTIONS_USAGE);
}

static void test_help_wins(void **state)
{
	struct line line;
	(void)state;
	line_init(&line, 1, 1); /* though an argument is missing */
	assert_int_equal(PARSE(&line, "--help"), OPTIONS_HELP_SHOWN);
	line_init(&line, 0, 0);
	assert_int_equal(PARSE(&line, "--json", "--help"), OPTIONS_HELP_SHOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_takes), TEST(test_refuses), TEST(test_help_wins) };
	return RUN_TESTS(tests);
}
