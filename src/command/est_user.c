/* chancery est user add | list | disable | enable | password */
#include "command/est.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ca/login.h"
#include "command/command.h"
#include "command/print.h"

#define PASSWORD_LINE 1024

/* One line of standard input, without its end: never an argument, which others could see. */
static bool read_password(char line[PASSWORD_LINE])
{
	if (fgets(line, PASSWORD_LINE, stdin) == NULL)
		return false;
	line[strcspn(line, "\r\n")] = '\0';
	return line[0] != '\0';
}

/* Adds "password" from standard input; false: there is none. */
static bool write_password(struct json_writer *w, bool from_stdin)
{
	char line[PASSWORD_LINE];
	if (!from_stdin)
		return true;
	bool has = read_password(line);
	if (has)
		json_write_text(w, "password", line);
	explicit_bzero(line, sizeof line);
	return has;
}

/* A name goes into a path. */
static bool has_form(const char *command, const char *name)
{
	if (login_is_user_name(name))
		return true;
	fprintf(stderr, "chancery %s: %s is no user's name: they have A-Z a-z 0-9 . _ - @\n", command, name);
	return false;
}

static int no_password(const char *command, struct op *op)
{
	fprintf(stderr, "chancery %s: there is no password on standard input\n", command);
	op_free(&op);
	return EXIT_FAILED;
}

/* Sends, and prints the user; the generated password stands alone on the last line. */
static int send_and_print(const char *command, struct op *op, const struct operator_call *call, bool json, const char *done)
{
	struct bytes answer;
	AUTO(json_t) *user = NULL;
	bool is_open;
	if (operator_call(op, call, &answer).err != ERR_NONE || print_answer(op, answer, json, &user, &is_open).err != ERR_NONE)
		return command_failed(command, op);
	const char *password = json_string_value(json_object_get(user, "password"));
	if (is_open)
		printf("User %s %s.\n", print_cell(user, "name"), done);
	if (is_open && password != NULL)
		printf("The password is shown this one time:\n%s\n", password);
	op_free(&op);
	return EXIT_OK;
}

static int add(int argc, char **argv)
{
	const char *dir = NULL, *label = NULL, *name = NULL, *items[EST_NAMES_MOST];
	bool json = false, registrar = false, digest = false, from_stdin = false;
	const struct option_row rows[] = { { "dir", &dir, NULL },
					   { "label", &label, NULL },
					   { "registrar", NULL, &registrar },
					   { "digest", NULL, &digest },
					   { "password-stdin", NULL, &from_stdin },
					   { "json", NULL, &json },
					   { NULL, NULL, NULL } };
	struct option_list names = { .name = "name", .items = items, .max = EST_NAMES_MOST };
	struct options options = {
		.command = "est user add",
		.rows = rows,
		.list = &names,
		.positional = &name,
		.min_positional = 1,
		.max_positional = 1,
		.help = "Usage: chancery est user add NAME [OPTION…]\n\n"
			"Makes a user for EST. Its password is drawn and printed once, alone on the last line.\n"
			"Without --name it may ask for its own name as common name, and nothing else.\n\n"
			"  --name TEXT       it may ask for this, with the kind before it: cn:dev-17,\n"
			"                    dns:dev-17.example.internal; \"dns:*.example.internal\" for all below;\n"
			"                    several times for several\n"
			"  --registrar       it may ask for whatever the profile gives, for others\n"
			"  --label L         it may use this label only\n"
			"  --digest          HTTP Digest, too, besides Basic; for one label\n"
			"  --password-stdin  the password is the first line of standard input\n"
			"  --json            as JSON\n"
			"  --dir DIR         the folder of the CA ($CHANCERY_DIR, " CHANCERY_SYSCONFDIR ")\n\n"
			"Example: chancery est user add fleet --registrar --label default\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "name", name);
	json_write_text(&w, "label", label);
	est_write_names(&w, names.items, names.n);
	json_write_bool(&w, "registrar", registrar);
	json_write_bool(&w, "digest", digest);
	if (!write_password(&w, from_stdin))
		return no_password("est user add", op);
	json_write_object_end(&w);
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = HTTP_POST,
					    .path = "/api/v1/est/users/add",
					    .body = json_write_done(&w) };
	return send_and_print("est user add", op, &call, json, "was made");
}

static const char *state_of(const json_t *user)
{
	if (!json_is_true(json_object_get(user, "enabled")))
		return "disabled";
	return json_object_get(user, "locked_until") != NULL ? "locked" : "enabled";
}

static int list(int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "est user list",
				   .rows = rows,
				   .help = "Usage: chancery est user list [--json] [--dir DIR]\n\n"
					   "Lists the users of EST: label, state, what they may ask for.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	const struct operator_call call = { .dir = command_dir(op, dir), .method = HTTP_GET, .path = "/api/v1/est/users" };
	struct bytes answer;
	AUTO(json_t) *users = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &users, &is_open).err != ERR_NONE)
		return command_failed("est user list", op);
	if (is_open) {
		const json_t *user;
		size_t i;
		printf("%-24s  %-12s  %-8s  %s\n", "NAME", "LABEL", "STATE", "NAMES");
		json_array_foreach(users, i, user)
			printf("%-24s  %-12s  %-8s  %s\n", print_cell(user, "name"), print_cell(user, "label"), state_of(user),
			       json_is_true(json_object_get(user, "registrar")) ? "any (registrar)" : est_print_names(op, user));
	}
	op_free(&op);
	return EXIT_OK;
}

static int new_password(int argc, char **argv)
{
	const char *dir = NULL, *name = NULL;
	bool json = false, from_stdin = false;
	const struct option_row rows[] = {
		{ "dir", &dir, NULL }, { "password-stdin", NULL, &from_stdin }, { "json", NULL, &json }, { NULL, NULL, NULL }
	};
	struct options options = {
		.command = "est user password",
		.rows = rows,
		.positional = &name,
		.min_positional = 1,
		.max_positional = 1,
		.help = "Usage: chancery est user password NAME [--password-stdin] [--json] [--dir DIR]\n\n"
			"Gives a user a new password, and ends a lock. It is drawn and printed once, alone on\n"
			"the last line, or is the first line of standard input. The old one ends at once.\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (!has_form("est user password", name))
		return EXIT_FAILED;
	struct op *op = op_new();
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	if (!write_password(&w, from_stdin))
		return no_password("est user password", op);
	json_write_object_end(&w);
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = HTTP_POST,
					    .path = arena_printf(op->arena, "/api/v1/est/users/%s/password", name),
					    .body = json_write_done(&w) };
	return send_and_print("est user password", op, &call, json, "has a new password");
}

struct switching {
	const char *command, *verb, *done, *help;
};

static int switch_user(const struct switching *how, int argc, char **argv)
{
	const char *dir = NULL, *name = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = how->command,
				   .rows = rows,
				   .positional = &name,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = how->help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (!has_form(how->command, name))
		return EXIT_FAILED;
	struct op *op = op_new();
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = HTTP_POST,
					    .path = arena_printf(op->arena, "/api/v1/est/users/%s/%s", name, how->verb),
					    .body = BYTES_LITERAL("{}") };
	return send_and_print(how->command, op, &call, json, how->done);
}

static int disable(int argc, char **argv)
{
	static const struct switching how = { "est user disable", "disable", "is disabled",
					      "Usage: chancery est user disable NAME [--json] [--dir DIR]\n\n"
					      "The user gets no certificates any more. Those that it has stay: see cert revoke.\n" };
	return switch_user(&how, argc, argv);
}

static int enable(int argc, char **argv)
{
	static const struct switching how = { "est user enable", "enable", "is enabled",
					      "Usage: chancery est user enable NAME [--json] [--dir DIR]\n\n"
					      "Lets a user in again that was disabled.\n" };
	return switch_user(&how, argc, argv);
}

int est_user(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "add", add, "a user, with a password that is printed once" },
		{ "list", list, "users and what they may ask for" },
		{ "disable", disable, "a user gets nothing any more" },
		{ "enable", enable, "and again" },
		{ "password", new_password, "a new password" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("est user", table, argc, argv);
}
