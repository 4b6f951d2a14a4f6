/*
 * The schema's text for PostgreSQL: the types of migrations, and the triggers
 * that keep history. TEXT is compared byte by byte as in SQLite: the order of a
 * locale would differ, and change with the C library, which breaks indexes.
 */
#include <ctype.h>
#include <string.h>

#include "store/postgres.h"

static const struct {
	const char *word, *type;
} types[] = { { "BLOB", "BYTEA" }, { "TEXT", "TEXT COLLATE \"C\"" } };

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static void put_word(struct buf *out, const char *word, size_t n)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strlen(types[i].word) == n && memcmp(types[i].word, word, n) == 0) {
			buf_text(out, types[i].type);
			return;
		}
	}
	buf_put(out, word, n);
}

/* Quoted texts are passed over; migrations have no comments and no dollar quotes. */
const char *postgres_script(struct op *op, const char *sql)
{
	struct buf out;
	buf_init(&out, op->arena, strlen(sql) + 512);
	bool is_quoted = false;
	while (*sql != '\0') {
		size_t n = 0;
		while (!is_quoted && is_word(sql[n]))
			n++;
		if (n > 0) {
			put_word(&out, sql, n);
			sql += n;
			continue;
		}
		is_quoted = is_quoted != (*sql == '\'');
		buf_byte(&out, (uint8_t)*sql++);
	}
	return buf_as_text(&out);
}

/*
 * Per statement, so that TRUNCATE is seen too; ALWAYS, so that they also stand
 * where session_replication_role would switch triggers off.
 */
const char *postgres_guard(struct op *op, const char *table, unsigned verbs)
{
	const char *update = (verbs & DB_UPDATE) != 0 ? "UPDATE OR " : "";
	return arena_printf(op->arena,
			    "CREATE OR REPLACE FUNCTION history_is_kept() RETURNS trigger LANGUAGE plpgsql AS"
			    " $$BEGIN RAISE EXCEPTION '%% of %% is forbidden', TG_OP, TG_TABLE_NAME; END$$;"
			    "CREATE TRIGGER %s_is_kept BEFORE %sDELETE OR TRUNCATE ON %s"
			    " FOR EACH STATEMENT EXECUTE FUNCTION history_is_kept();"
			    "ALTER TABLE %s ENABLE ALWAYS TRIGGER %s_is_kept",
			    table, update, table, table, table);
}
