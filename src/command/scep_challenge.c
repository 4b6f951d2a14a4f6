/* chancery scep challenge create | list */
#include "command/scep.h"

#include <stdio.h>

#include "command/door_user.h"
#include "command/print.h"

static const char *create_body(struct op *op, const struct option_list *names, const char *endpoint, const char *ttl)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	door_write_names(&w, names->items, names->n);
	json_write_text(&w, "endpoint", endpoint);
	json_write_text(&w, "ttl", ttl);
	json_write_object_end(&w);
	return buf_as_text(&w.buf);
}

static int create(int argc, char **argv)
{
	const char *dir = NULL, *endpoint = NULL, *ttl = "1h", *items[DOOR_NAMES_MOST];
	bool json = false;
	const struct option_row rows[] = {
		{ "dir", &dir, NULL }, { "endpoint", &endpoint, NULL }, { "ttl", &ttl, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL }
	};
	struct option_list names = { .name = "name", .items = items, .max = DOOR_NAMES_MOST };
	struct options options = {
		.command = "scep challenge create",
		.rows = rows,
		.list = &names,
		.help = "Usage: chancery scep challenge create --name TEXT… [--endpoint N] [--ttl 1h] [--json] [--dir DIR]\n\n"
			"Makes a challenge that is good for one certificate with exactly these names, and\n"
			"prints it once, alone on the last line. Names have their kind before them: cn:dev-17,\n"
			"dns:dev-17.example.internal, email:ann@example.internal. With a \"*\", as in\n"
			"\"dns:*.phones.example.internal\", it is good for names that end so, or are listed.\n\n"
			"  --name TEXT   a name that the certificate will have; several times for several\n"
			"  --endpoint N  the SCEP endpoint that it is for (the only one, or default)\n"
			"  --ttl 1h      how long it is good\n"
			"  --json        as JSON\n\n"
			"The device sends it as the challengePassword of its request.\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (names.n == 0) {
		fputs("chancery scep challenge create: --name TEXT is missing\nTry: chancery scep challenge create --help\n", stderr);
		return EXIT_USAGE;
	}
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = "/api/v1/scep/challenges/create",
				      .body = bytes_of_text(create_body(op, &names, endpoint, ttl)) };
	struct bytes answer;
	AUTO(json_t) *challenge = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &challenge, &is_open).err != ERR_NONE)
		return command_failed("scep challenge create", op);
	if (is_open)
		printf("For %s at endpoint %s, until %s, once. The challenge is shown this one time:\n%s\n",
		       door_print_names(op, challenge), print_cell(challenge, "endpoint"), print_cell(challenge, "expires"),
		       print_cell(challenge, "challenge"));
	op_free(&op);
	return EXIT_OK;
}

static int list(int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "scep challenge list",
				   .rows = rows,
				   .help = "Usage: chancery scep challenge list [--json] [--dir DIR]\n\n"
					   "Lists challenges that were not used, by the beginning of their hash, in order of\n"
					   "expiry. The challenges themselves are kept nowhere.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir), .method = HTTP_GET, .path = "/api/v1/scep/challenges" };
	struct bytes answer;
	AUTO(json_t) *challenges = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &challenges, &is_open).err != ERR_NONE)
		return command_failed("scep challenge list", op);
	if (is_open) {
		const json_t *challenge;
		size_t i;
		printf("%-16s  %-12s  %-20s  %s\n", "ID", "ENDPOINT", "EXPIRES", "NAMES");
		json_array_foreach(challenges, i, challenge)
			printf("%-16s  %-12s  %-20s  %s\n", print_cell(challenge, "id"), print_cell(challenge, "endpoint"),
			       print_cell(challenge, "expires"), door_print_names(op, challenge));
	}
	op_free(&op);
	return EXIT_OK;
}

int scep_challenge(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "create", create, "a challenge for these names" },
		{ "list", list, "challenges that were not used" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("scep challenge", table, argc, argv);
}
