/* user add | list | disable | enable | password, of any door. */
#include "command/door_user.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ca/login.h"
#include "command/print.h"

#define PASSWORD_LINE 1024

void door_write_names(struct json_writer *w, const char *const *names, unsigned n)
{
	json_write_array(w, "names");
	for (unsigned i = 0; i < n; i++)
		json_write_text(w, NULL, names[i]);
	json_write_array_end(w);
}

const char *door_print_names(struct op *op, const json_t *object)
{
	struct buf buf;
	const json_t *name;
	size_t i;
	buf_init(&buf, op->arena, 64);
	json_array_foreach(json_object_get(object, "names"), i, name)
		buf_printf(&buf, "%s%s", i > 0 ? ", " : "", json_string_value(name));
	return buf.n > 0 ? buf_as_text(&buf) : "-";
}

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

int door_user_add(const struct door_users *users, int argc, char **argv)
{
	const char *dir = NULL, *endpoint = NULL, *name = NULL, *items[DOOR_NAMES_MOST];
	bool json = false, registrar = false, digest = false, from_stdin = false;
	/* The last one is left out where there is no Digest. */
	const struct option_row rows[] = { { "dir", &dir, NULL },
					   { users->endpoint, &endpoint, NULL },
					   { "registrar", NULL, &registrar },
					   { "password-stdin", NULL, &from_stdin },
					   { "json", NULL, &json },
					   { users->has_digest ? "digest" : NULL, NULL, &digest },
					   { NULL, NULL, NULL } };
	struct option_list names = { .name = "name", .items = items, .max = DOOR_NAMES_MOST };
	struct options options = { .command = users->add.name,
				   .rows = rows,
				   .list = &names,
				   .positional = &name,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = users->add.help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "name", name);
	json_write_text(&w, users->endpoint, endpoint);
	door_write_names(&w, names.items, names.n);
	json_write_bool(&w, "registrar", registrar);
	json_write_bool(&w, "digest", digest);
	if (!write_password(&w, from_stdin))
		return no_password(users->add.name, op);
	json_write_object_end(&w);
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = HTTP_POST,
					    .path = arena_printf(op->arena, "%s/add", users->path),
					    .body = json_write_done(&w) };
	return send_and_print(users->add.name, op, &call, json, "was made");
}

static const char *state_of(const json_t *user)
{
	if (!json_is_true(json_object_get(user, "enabled")))
		return "disabled";
	return json_object_get(user, "locked_until") != NULL ? "locked" : "enabled";
}

static void print_users(struct op *op, const struct door_users *users, const json_t *list)
{
	const json_t *user;
	size_t i;
	printf("%-24s  %-12s  %-8s  %s\n", "NAME", users->heading, "STATE", "NAMES");
	json_array_foreach(list, i, user)
		printf("%-24s  %-12s  %-8s  %s\n", print_cell(user, "name"), print_cell(user, users->endpoint), state_of(user),
		       json_is_true(json_object_get(user, "registrar")) ? "any (registrar)" : door_print_names(op, user));
}

int door_user_list(const struct door_users *users, int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = users->list.name, .rows = rows, .help = users->list.help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	const struct operator_call call = { .dir = command_dir(op, dir), .method = HTTP_GET, .path = users->path };
	struct bytes answer;
	AUTO(json_t) *list = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &list, &is_open).err != ERR_NONE)
		return command_failed(users->list.name, op);
	if (is_open)
		print_users(op, users, list);
	op_free(&op);
	return EXIT_OK;
}

int door_user_password(const struct door_users *users, int argc, char **argv)
{
	const char *dir = NULL, *name = NULL;
	bool json = false, from_stdin = false;
	const struct option_row rows[] = {
		{ "dir", &dir, NULL }, { "password-stdin", NULL, &from_stdin }, { "json", NULL, &json }, { NULL, NULL, NULL }
	};
	struct options options = { .command = users->password.name,
				   .rows = rows,
				   .positional = &name,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = users->password.help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (!has_form(users->password.name, name))
		return EXIT_FAILED;
	struct op *op = op_new();
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	if (!write_password(&w, from_stdin))
		return no_password(users->password.name, op);
	json_write_object_end(&w);
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = HTTP_POST,
					    .path = arena_printf(op->arena, "%s/%s/password", users->path, name),
					    .body = json_write_done(&w) };
	return send_and_print(users->password.name, op, &call, json, "has a new password");
}

struct switching {
	const struct user_command *command;
	const char *verb, *done;
};

static int switch_user(const struct door_users *users, const struct switching *how, int argc, char **argv)
{
	const char *dir = NULL, *name = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = how->command->name,
				   .rows = rows,
				   .positional = &name,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = how->command->help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (!has_form(how->command->name, name))
		return EXIT_FAILED;
	struct op *op = op_new();
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = HTTP_POST,
					    .path = arena_printf(op->arena, "%s/%s/%s", users->path, name, how->verb),
					    .body = BYTES_LITERAL("{}") };
	return send_and_print(how->command->name, op, &call, json, how->done);
}

int door_user_disable(const struct door_users *users, int argc, char **argv)
{
	return switch_user(users, &(struct switching){ &users->disable, "disable", "is disabled" }, argc, argv);
}

int door_user_enable(const struct door_users *users, int argc, char **argv)
{
	return switch_user(users, &(struct switching){ &users->enable, "enable", "is enabled" }, argc, argv);
}
