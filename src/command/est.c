/* chancery est user … | token … */
#include "command/est.h"

#include "command/command.h"

void est_write_names(struct json_writer *w, const char *const *names, unsigned n)
{
	json_write_array(w, "names");
	for (unsigned i = 0; i < n; i++)
		json_write_text(w, NULL, names[i]);
	json_write_array_end(w);
}

const char *est_print_names(struct op *op, const json_t *object)
{
	struct buf buf;
	const json_t *name;
	size_t i;
	buf_init(&buf, op->arena, 64);
	json_array_foreach(json_object_get(object, "names"), i, name)
		buf_printf(&buf, "%s%s", i > 0 ? ", " : "", json_string_value(name));
	return buf.n > 0 ? buf_as_text(&buf) : "-";
}

int command_est(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "user", est_user, "users with a password: add, list, disable, enable, password" },
		{ "token", est_token, "one-time tokens: create, list" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("est", table, argc, argv);
}
