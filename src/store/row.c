/* What the row files share; no table is known here. */
#include "store/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *row_text(struct op *op, const struct db_value *column)
{
	return column->kind == DB_TEXT ? arena_text(op->arena, column->text) : NULL;
}

struct bytes row_bytes(struct op *op, const struct db_value *column)
{
	if (column->kind != DB_BYTES || column->bytes.n == 0)
		return BYTES_NONE;
	return arena_bytes(op->arena, column->bytes);
}

void *row_list_add(struct op *op, struct row_list *list)
{
	if (list->n == list->capacity) {
		unsigned capacity = list->capacity == 0 ? 8 : list->capacity * 2;
		void *items = arena_alloc_array(op->arena, capacity, list->item_size);
		if (list->n > 0)
			memcpy(items, list->items, list->n * list->item_size);
		list->items = items;
		list->capacity = capacity;
	}
	return (char *)list->items + list->n++ * list->item_size;
}

result row_add_text(struct op *op, void *list, const struct db_value *columns, unsigned n)
{
	ASSERT(n >= 1);
	const char **item = row_list_add(op, list);
	*item = row_text(op, &columns[0]);
	return OK;
}

result row_take_integer(struct op *op, void *integer, const struct db_value *columns, unsigned n)
{
	ASSERT(n >= 1);
	if (columns[0].kind != DB_INTEGER)
		return FAIL(op, ERR_BACKEND, "the store holds no number where one belongs: it is damaged");
	*(int64_t *)integer = columns[0].integer;
	return OK;
}

result row_state(struct op *op, const struct db_value *column, const char *const *names, unsigned n, unsigned *out)
{
	for (unsigned i = 0; column->kind == DB_TEXT && i < n; i++) {
		if (strcmp(column->text, names[i]) == 0) {
			*out = i;
			return OK;
		}
	}
	return FAIL(op, ERR_BACKEND, "the store holds a state that this program does not know: \"%s\"",
		    column->kind == DB_TEXT ? column->text : "");
}

result row_expect_change(struct op *op, uint64_t changes, const char *format, ...)
{
	if (changes > 0)
		return OK;
	char text[OP_DETAIL_SIZE];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return FAIL(op, ERR_CONFLICT, "%s", text);
}
