/*
 * What the row files share: columns into the arena, lists that grow there, and
 * the names of states. Nothing here knows a table.
 */
#pragma once

#include "store/db.h"

/* Copies; SQL NULL becomes NULL or no bytes. */
const char *row_text(struct op *op, const struct db_value *column);
struct bytes row_bytes(struct op *op, const struct db_value *column);

/* A growing array of structs in op's arena; row_list_add returns the new, zeroed item. */
struct row_list {
	void *items;
	unsigned n, capacity;
	size_t item_size;
};
#define ROW_LIST(type) ((struct row_list){ .item_size = sizeof(type) })
void *row_list_add(struct op *op, struct row_list *list);

/* For db_run: adds the first column's text to a ROW_LIST(const char *). */
result row_add_text(struct op *op, void *list, const struct db_value *columns, unsigned n);
/* For db_run: the first column into an int64_t. */
result row_take_integer(struct op *op, void *integer, const struct db_value *columns, unsigned n);

/* States are stored as the words of `names`, in the order of their enum. */
result row_state(struct op *op, const struct db_value *column, const char *const *names, unsigned n, unsigned *out);

/* One row has to be changed; else ERR_CONFLICT with this text. */
result row_expect_change(struct op *op, uint64_t changes, const char *format, ...) PRINTF(3, 4);
