/* Made and listed through the operators' interface (protocols/api). */
#include "command/door_token.h"

#include <stdio.h>

#include "command/print.h"

static const char *create_body(struct op *op, const struct door_tokens *tokens, const struct option_list *names,
			       const char *endpoint, const char *ttl)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	door_write_names(&w, names->items, names->n);
	json_write_text(&w, tokens->endpoint, endpoint);
	json_write_text(&w, "ttl", ttl);
	json_write_object_end(&w);
	return buf_as_text(&w.buf);
}

int door_token_create(const struct door_tokens *tokens, int argc, char **argv)
{
	const char *dir = NULL, *endpoint = NULL, *ttl = "1h", *items[DOOR_NAMES_MOST];
	const char *command = tokens->create.name;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL },
					   { tokens->endpoint, &endpoint, NULL },
					   { "ttl", &ttl, NULL },
					   { "json", NULL, &json },
					   { NULL, NULL, NULL } };
	struct option_list names = { .name = "name", .items = items, .max = DOOR_NAMES_MOST };
	struct options options = { .command = command, .rows = rows, .list = &names, .help = tokens->create.help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (names.n == 0) {
		fprintf(stderr, "chancery %s: --name TEXT is missing\nTry: chancery %s --help\n", command, command);
		return EXIT_USAGE;
	}
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = arena_printf(op->arena, "%s/create", tokens->path),
				      .body = bytes_of_text(create_body(op, tokens, &names, endpoint, ttl)) };
	struct bytes answer;
	AUTO(json_t) *made = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &made, &is_open).err != ERR_NONE)
		return command_failed(command, op);
	if (is_open)
		printf("For %s at %s %s, until %s, once. The %s is shown this one time:\n%s\n", door_print_names(op, made),
		       tokens->endpoint, print_cell(made, tokens->endpoint), print_cell(made, "expires"), tokens->what,
		       print_cell(made, tokens->what));
	op_free(&op);
	return EXIT_OK;
}

int door_token_list(const struct door_tokens *tokens, int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = tokens->list.name, .rows = rows, .help = tokens->list.help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir), .method = HTTP_GET, .path = tokens->path };
	struct bytes answer;
	AUTO(json_t) *list = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &list, &is_open).err != ERR_NONE)
		return command_failed(tokens->list.name, op);
	if (is_open) {
		const json_t *token;
		size_t i;
		printf("%-16s  %-12s  %-20s  %s\n", "ID", tokens->heading, "EXPIRES", "NAMES");
		json_array_foreach(list, i, token)
			printf("%-16s  %-12s  %-20s  %s\n", print_cell(token, "id"), print_cell(token, tokens->endpoint),
			       print_cell(token, "expires"), door_print_names(op, token));
	}
	op_free(&op);
	return EXIT_OK;
}
