/*
 * Command-line options: --name value, --name=value, flags, and positional
 * arguments. Unknown ones are a usage error (exit status 2) with a sentence.
 */
#pragma once

#include <stdbool.h>

struct option_row {
	const char *name;   /* without "--" */
	const char **value; /* takes a value; NULL for a flag */
	bool *flag;
};

/* An option that may be given several times. */
struct option_list {
	const char *name; /* without "--" */
	const char **items;
	unsigned n, max;
};

struct options {
	const char *command;           /* "cert issue", for messages */
	const struct option_row *rows; /* ends with a NULL name */
	struct option_list *list;      /* NULL: none */
	const char **positional;
	unsigned n_positional, min_positional, max_positional;
	const char *help;              /* printed for --help */
};

enum options_outcome { OPTIONS_GO_ON, OPTIONS_HELP_SHOWN, OPTIONS_USAGE };

/* argv[0] is the first argument after the command's name. */
enum options_outcome options_parse(struct options *options, int argc, char **argv);

#define EXIT_OK 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

/* For `return`: parses, and leaves the command with the right status unless it is to go on. */
#define OPTIONS_OR_RETURN(options, argc, argv)                                             \
	do {                                                                               \
		enum options_outcome outcome_ = options_parse((options), (argc), (argv));  \
		if (outcome_ != OPTIONS_GO_ON)                                             \
			return outcome_ == OPTIONS_HELP_SHOWN ? EXIT_OK : EXIT_USAGE;      \
	} while (0)
