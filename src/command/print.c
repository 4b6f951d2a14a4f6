/* One place for how answers look. */
#include "command/print.h"

#include <inttypes.h>
#include <stdio.h>

result print_answer(struct op *op, struct bytes answer, bool as_json, json_t **own_out, bool *is_open)
{
	TRY(json_parse(op, answer, "answer", own_out));
	*is_open = !as_json;
	if (as_json) {
		json_dumpf(*own_out, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	}
	return OK;
}

void print_field(const json_t *object, const char *member, const char *label)
{
	const json_t *value = json_object_get(object, member);
	if (json_is_string(value))
		printf("%-14s %s\n", label, json_string_value(value));
	else if (json_is_integer(value))
		printf("%-14s %" PRIdMAX "\n", label, (intmax_t)json_integer_value(value));
}

const char *print_cell(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text != NULL ? text : "-";
}

const char *print_names(struct op *op, const json_t *certificate)
{
	struct buf buf;
	buf_init(&buf, op->arena, 64);
	const json_t *names = json_object_get(certificate, "names"), *name;
	size_t i;
	json_array_foreach(names, i, name)
		buf_printf(&buf, "%s%s", i > 0 ? ", " : "", print_cell(name, "value"));
	return buf.n > 0 ? buf_as_text(&buf) : print_cell(certificate, "subject");
}
