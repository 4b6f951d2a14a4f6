/* chancery request list | show | approve | reject */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include "command/operator.h"
#include "command/print.h"

/* 22 characters of base64url: they go into a path. */
static bool has_form(const char *command, const char *id)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	if (id[0] != '\0' && strspn(id, allowed) == strlen(id))
		return true;
	fprintf(stderr, "chancery %s: %s is no request's id; see: chancery request list\n", command, id);
	return false;
}

static int list(int argc, char **argv)
{
	const char *dir = NULL, *after = NULL, *limit = NULL;
	bool json = false, all = false;
	const struct option_row rows[] = { { "dir", &dir, NULL },     { "after", &after, NULL }, { "limit", &limit, NULL },
					   { "all", NULL, &all },     { "json", NULL, &json },	 { NULL, NULL, NULL } };
	struct options options = {
		.command = "request list",
		.rows = rows,
		.help = "Usage: chancery request list [OPTION…]\n\n"
			"Lists requests that wait for approval, oldest first.\n\n"
			"  --all       also those that were decided\n"
			"  --limit N   at most N (100)\n"
			"  --after ID  go on after this one\n"
			"  --json      as JSON\n"
			"  --dir DIR   the folder of the CA ($CHANCERY_DIR, " CHANCERY_SYSCONFDIR ")\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (after != NULL && !has_form("request list", after))
		return EXIT_FAILED;
	struct op *op = op_new();
	struct buf query;
	buf_init(&query, op->arena, 64);
	buf_printf(&query, "all=%s", all ? "true" : "false");
	if (after != NULL)
		buf_printf(&query, "&after=%s", after);
	if (limit != NULL)
		buf_printf(&query, "&limit=%s", limit);
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = HTTP_GET,
					    .path = "/api/v1/requests",
					    .query = buf_as_text(&query) };
	struct bytes answer;
	AUTO(json_t) *requests = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &requests, &is_open).err != ERR_NONE)
		return command_failed("request list", op);
	if (is_open) {
		const json_t *row;
		size_t i;
		printf("%-22s  %-10s  %-20s  %-4s  %-12s  %-24s  %s\n", "ID", "STATUS", "CREATED", "DOOR", "LABEL", "REQUESTER", "NAMES");
		json_array_foreach(requests, i, row)
			printf("%-22s  %-10s  %-20s  %-4s  %-12s  %-24s  %s\n", print_cell(row, "id"), print_cell(row, "status"),
			       print_cell(row, "created"), print_cell(row, "door"), print_cell(row, "label"), print_cell(row, "requester"),
			       print_names(op, row));
	}
	op_free(&op);
	return EXIT_OK;
}

static void print_request(struct op *op, const json_t *row)
{
	static const char *const fields[][2] = {
		{ "id", "id" },		    { "status", "status" },   { "door", "door" },	{ "label", "label" },
		{ "profile", "profile" },   { "requester", "requester" }, { "created", "created" }, { "expires", "expires" },
		{ "decided_by", "decided by" }, { "reason", "reason" },	  { "serial", "serial" },
	};
	for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++)
		print_field(row, fields[i][0], fields[i][1]);
	printf("%-14s %s\n", "names", print_names(op, row));
	const char *csr = json_string_value(json_object_get(row, "csr"));
	if (csr != NULL)
		printf("-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n", csr);
}

/* What is asked of one request; `verb` NULL: to see it. */
struct asking {
	const char *command, *verb, *done, *help;
};

static int ask(const struct asking *how, const char *dir, const char *id, const char *reason, bool json)
{
	if (!has_form(how->command, id))
		return EXIT_FAILED;
	struct op *op = op_new();
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "reason", reason);
	json_write_object_end(&w);
	const char *path = arena_printf(op->arena, "/api/v1/requests/%s%s%s", id, how->verb != NULL ? "/" : "",
					how->verb != NULL ? how->verb : "");
	const struct operator_call call = { .dir = command_dir(op, dir),
					    .method = how->verb != NULL ? HTTP_POST : HTTP_GET,
					    .path = path,
					    .body = json_write_done(&w) };
	struct bytes answer;
	AUTO(json_t) *row = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE || print_answer(op, answer, json, &row, &is_open).err != ERR_NONE)
		return command_failed(how->command, op);
	if (is_open && how->verb != NULL)
		printf("Request %s of %s for %s is %s.\n", print_cell(row, "id"), print_cell(row, "requester"), print_names(op, row),
		       how->done);
	else if (is_open)
		print_request(op, row);
	op_free(&op);
	return EXIT_OK;
}

static int with_id(const struct asking *how, int argc, char **argv)
{
	const char *dir = NULL, *id = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = how->command,
				   .rows = rows,
				   .positional = &id,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = how->help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	return ask(how, dir, id, NULL, json);
}

static int show(int argc, char **argv)
{
	static const struct asking how = { "request show", NULL, NULL,
					   "Usage: chancery request show ID [--json] [--dir DIR]\n\n"
					   "Shows who asks for what, and the request itself in PEM.\n" };
	return with_id(&how, argc, argv);
}

static int approve(int argc, char **argv)
{
	static const struct asking how = { "request approve", "approve", "approved; it is issued when the client asks again",
					   "Usage: chancery request approve ID [--json] [--dir DIR]\n\n"
					   "The client gets its certificate when it asks the next time.\n" };
	return with_id(&how, argc, argv);
}

static int reject(int argc, char **argv)
{
	const char *dir = NULL, *id = NULL, *reason = NULL;
	bool json = false;
	const struct option_row rows[] = {
		{ "dir", &dir, NULL }, { "reason", &reason, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL }
	};
	static const struct asking how = { "request reject", "reject", "rejected",
					   "Usage: chancery request reject ID [--reason TEXT] [--json] [--dir DIR]\n\n"
					   "The client is told so when it asks the next time, with the reason.\n" };
	struct options options = { .command = how.command,
				   .rows = rows,
				   .positional = &id,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = how.help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	return ask(&how, dir, id, reason, json);
}

int command_request(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "list", list, "requests that wait for approval" },
		{ "show", show, "one request: who, for what" },
		{ "approve", approve, "let it have its certificate" },
		{ "reject", reject, "refuse it" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("request", table, argc, argv);
}
