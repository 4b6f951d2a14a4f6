/* What all commands share. */
#include "command/command.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"

const char *command_file(struct op *op, const char *path)
{
	char here[PATH_MAX];
	if (path[0] == '/' || getcwd(here, sizeof here) == NULL)
		return arena_text(op->arena, path);
	return files_join(op->arena, here, path);
}

const char *command_dir(struct op *op, const char *option)
{
	const char *dir = option != NULL ? option : getenv("CHANCERY_DIR");
	return dir == NULL || dir[0] == '\0' ? CHANCERY_SYSCONFDIR : command_file(op, dir);
}

void command_is_operator(struct op *op)
{
	op->actor.kind = ACTOR_OPERATOR;
	snprintf(op->actor.id, sizeof op->actor.id, "uid:%u", (unsigned)getuid());
}

int command_failed(const char *command, struct op *op)
{
	fprintf(stderr, "chancery %s: %s\n", command, op->detail);
	op_free(&op);
	return EXIT_FAILED;
}

static void print_subcommands(FILE *to, const char *command, const struct subcommand *table)
{
	fprintf(to, "Usage: chancery %s COMMAND [OPTION…]\n\n", command);
	for (; table->name != NULL; table++)
		fprintf(to, "  %-12s %s\n", table->name, table->summary);
	fprintf(to, "\nEach has a --help of its own.\n");
}

int command_dispatch(const char *command, const struct subcommand *table, int argc, char **argv)
{
	if (argc < 1) {
		print_subcommands(stderr, command, table);
		return EXIT_USAGE;
	}
	if (strcmp(argv[0], "--help") == 0) {
		print_subcommands(stdout, command, table);
		return EXIT_OK;
	}
	for (const struct subcommand *row = table; row->name != NULL; row++)
		if (strcmp(row->name, argv[0]) == 0)
			return row->run(argc - 1, argv + 1);
	fprintf(stderr, "chancery %s: there is no command %s\nTry: chancery %s --help\n", command, argv[0], command);
	return EXIT_USAGE;
}
