/* The log for other tools: entries as they are, one per line, or a table of their main members. */
#include "ca/audit.h"

#include <inttypes.h>

#include "base/json.h"
#include "store/audit_rows.h"

#define BATCH 512

static const char *const columns[] = { "seq",  "time",   "type",   "actor",   "remote", "request", "door", "profile",
				       "ca",   "serial", "account", "order", "names",   "reason", "outcome",
				       "certificate_hash" };

struct exporting {
	enum audit_format format;
	audit_write *write;
	void *arg;
	uint64_t next;
};

/* RFC 4180; a cell that a spreadsheet would run as a formula gets an apostrophe before it. */
static void put_cell(struct buf *line, const char *text)
{
	buf_byte(line, '"');
	if (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@')
		buf_byte(line, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			buf_byte(line, '"');
		buf_byte(line, (uint8_t)*text);
	}
	buf_byte(line, '"');
}

static void put_value(struct op *op, struct buf *line, const json_t *value)
{
	if (json_is_string(value)) {
		put_cell(line, json_string_value(value));
	} else if (json_is_integer(value)) {
		buf_printf(line, "%" PRIdMAX, (intmax_t)json_integer_value(value));
	} else if (json_is_array(value)) {
		struct buf names;
		const json_t *name;
		size_t i;
		buf_init(&names, op->arena, 64);
		json_array_foreach(value, i, name)
			buf_printf(&names, "%s%s", i > 0 ? " " : "", json_string_value(name));
		put_cell(line, buf_as_text(&names));
	}
}

static result put_table_line(struct op *op, struct buf *line, struct bytes entry)
{
	AUTO(json_t) *json = NULL;
	TRY(json_parse_object(op, entry, "entry", &json));
	for (unsigned i = 0; i < sizeof columns / sizeof columns[0]; i++) {
		if (i > 0)
			buf_byte(line, ',');
		put_value(op, line, json_object_get(json, columns[i]));
	}
	buf_text(line, "\r\n");
	return OK;
}

static result export_entry(struct op *op, void *arg, const struct audit_row *row)
{
	struct exporting *e = arg;
	struct buf line;
	buf_init(&line, op->arena, row->entry.n + 64);
	if (e->format == AUDIT_CSV) {
		TRY(put_table_line(op, &line, row->entry));
	} else {
		buf_bytes(&line, row->entry);
		buf_byte(&line, '\n');
	}
	e->next = row->seq + 1;
	return e->write(op, e->arg, buf_as_bytes(&line));
}

static result write_heading(struct op *op, const struct exporting *e)
{
	struct buf line;
	buf_init(&line, op->arena, 256);
	for (unsigned i = 0; i < sizeof columns / sizeof columns[0]; i++)
		buf_printf(&line, "%s%s", i > 0 ? "," : "", columns[i]);
	buf_text(&line, "\r\n");
	return e->write(op, e->arg, buf_as_bytes(&line));
}

result audit_export(struct op *op, struct authority *a, enum audit_format format, audit_write *write, void *arg)
{
	struct exporting e = { .format = format, .write = write, .arg = arg };
	if (format == AUDIT_CSV)
		TRY(write_heading(op, &e));
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	for (;;) {
		uint64_t before = e.next;
		struct op *batch = op_new();
		result r = audit_rows_read(batch, lease.db, before, BATCH, export_entry, &e);
		if (r.err != ERR_NONE)
			r = FAIL(op, r.err, "%s", batch->detail);
		op_free(&batch);
		TRY(r);
		if (e.next == before)
			return OK;
	}
}
