/* chancery est token create | list */
#include "command/est.h"

#include <stdio.h>

#include "command/door_user.h"
#include "command/print.h"

static const char *create_body(struct op *op, const struct option_list *names, const char *label, const char *ttl)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	door_write_names(&w, names->items, names->n);
	json_write_text(&w, "label", label);
	json_write_text(&w, "ttl", ttl);
	json_write_object_end(&w);
	return buf_as_text(&w.buf);
}

static int create(int argc, char **argv)
{
	const char *dir = NULL, *label = NULL, *ttl = "1h", *items[DOOR_NAMES_MOST];
	bool json = false;
	const struct option_row rows[] = {
		{ "dir", &dir, NULL }, { "label", &label, NULL }, { "ttl", &ttl, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL }
	};
	struct option_list names = { .name = "name", .items = items, .max = DOOR_NAMES_MOST };
	struct options options = {
		.command = "est token create",
		.rows = rows,
		.list = &names,
		.help = "Usage: chancery est token create --name TEXT… [--label L] [--ttl 1h] [--json] [--dir DIR]\n\n"
			"Makes a token that is good for one certificate with exactly these names, and prints\n"
			"it once, alone on the last line. Names have their kind before them: cn:dev-17,\n"
			"serialNumber:A1234, dns:dev-17.example.internal, ip:192.0.2.17.\n\n"
			"  --name TEXT  a name that the certificate will have; several times for several\n"
			"  --label L    the EST label that it is for (the only one, or default)\n"
			"  --ttl 1h     how long it is good\n"
			"  --json       as JSON\n\n"
			"The device sends it as `Authorization: Bearer TOKEN`, or as the password of the\n"
			"user \"token\".\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (names.n == 0) {
		fputs("chancery est token create: --name TEXT is missing\nTry: chancery est token create --help\n", stderr);
		return EXIT_USAGE;
	}
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = "/api/v1/est/tokens/create",
				      .body = bytes_of_text(create_body(op, &names, label, ttl)) };
	struct bytes answer;
	AUTO(json_t) *token = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &token, &is_open).err != ERR_NONE)
		return command_failed("est token create", op);
	if (is_open)
		printf("For %s at label %s, until %s, once. The token is shown this one time:\n%s\n", door_print_names(op, token),
		       print_cell(token, "label"), print_cell(token, "expires"), print_cell(token, "token"));
	op_free(&op);
	return EXIT_OK;
}

static int list(int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "est token list",
				   .rows = rows,
				   .help = "Usage: chancery est token list [--json] [--dir DIR]\n\n"
					   "Lists one-time tokens that were not used, by the beginning of their hash, in order\n"
					   "of expiry. The tokens themselves are kept nowhere.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir), .method = HTTP_GET, .path = "/api/v1/est/tokens" };
	struct bytes answer;
	AUTO(json_t) *tokens = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &tokens, &is_open).err != ERR_NONE)
		return command_failed("est token list", op);
	if (is_open) {
		const json_t *token;
		size_t i;
		printf("%-16s  %-12s  %-20s  %s\n", "ID", "LABEL", "EXPIRES", "NAMES");
		json_array_foreach(tokens, i, token)
			printf("%-16s  %-12s  %-20s  %s\n", print_cell(token, "id"), print_cell(token, "label"),
			       print_cell(token, "expires"), door_print_names(op, token));
	}
	op_free(&op);
	return EXIT_OK;
}

int est_token(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "create", create, "a token for exactly these names" },
		{ "list", list, "tokens that were not used" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("est token", table, argc, argv);
}
