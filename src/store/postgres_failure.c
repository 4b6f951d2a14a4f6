/*
 * SQLSTATEs in the house's words (PostgreSQL's documentation, appendix A): what
 * is a conflict, what may be run again, what means that the server is gone.
 */
#include <string.h>

#include "base/text.h"
#include "store/postgres.h"

struct meaning {
	const char *state; /* all five characters, or the class: the first two */
	enum err err;
	enum db_trouble trouble;
	const char *advice; /* NULL: the server's own words are enough */
};

/* The first that fits counts. */
static const struct meaning meanings[] = {
	{ "23505", ERR_CONFLICT, DB_FINE, "it exists already" },
	{ "40001", ERR_BUSY, DB_RETRY, "it collided with another transaction" },
	{ "40P01", ERR_BUSY, DB_RETRY, "it was one of a deadlock" },
	{ "55P03", ERR_BUSY, DB_RETRY, "another node held the lock for too long" },
	{ "57014", ERR_BUSY, DB_RETRY, "it took too long, or somebody cancelled it" },
	{ "40003", ERR_BUSY, DB_LOST, "it is not known whether it happened" },
	{ "25P03", ERR_BUSY, DB_LOST, "the transaction was idle for too long" },
	{ "08", ERR_BUSY, DB_LOST, "the connection is lost" },
	{ "57P", ERR_BUSY, DB_LOST, "the database server is stopping or starting" },
	{ "53300", ERR_BUSY, DB_LOST, "the database server has no connection left; raise max_connections" },
	{ "53100", ERR_BACKEND, DB_FINE, "the database server's disk is full; make room, nothing else is needed" },
	{ "53", ERR_BUSY, DB_RETRY, "the database server is short of something" },
	{ "22021", ERR_MALFORMED, DB_FINE, "the text is not UTF-8" },
	{ "42501", ERR_BACKEND, DB_FINE, "the role of this program may not do that; see docs/postgresql.md" },
	{ "26000", ERR_BACKEND, DB_FINE, "the prepared statement is gone: a pooler in between must pool sessions, not transactions" },
	{ "42P05", ERR_BACKEND, DB_FINE, "the prepared statement is another's: a pooler in between must pool sessions, not transactions" },
};

static const struct meaning *meaning_of(const char *state)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (text_has_prefix(state, meanings[i].state))
			return &meanings[i];
	}
	return NULL;
}

static void note(struct postgres *pg, enum db_trouble trouble)
{
	if (trouble > pg->db.trouble)
		pg->db.trouble = trouble;
}

/* The server's sentence; its details, which may quote rows, are for its own log. */
static const char *words_of(struct op *op, const struct postgres *pg, const PGresult *answer)
{
	const char *words = answer == NULL ? NULL : PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
	if (words == NULL)
		words = pg->conn == NULL ? "no connection" : PQerrorMessage(pg->conn);
	char *copy = arena_text(op->arena, words);
	copy[strcspn(copy, "\n")] = '\0';
	return copy;
}

result postgres_failed(struct op *op, struct postgres *pg, const PGresult *answer, const char *what)
{
	const char *state = answer == NULL ? NULL : PQresultErrorField(answer, PG_DIAG_SQLSTATE);
	const char *words = words_of(op, pg, answer);
	const struct meaning *meaning = state == NULL ? NULL : meaning_of(state);
	if (state != NULL && strcmp(state, "25006") == 0 && pg->db.mode != DB_READ) {
		pg->is_misplaced = true;
		note(pg, DB_LOST);
		return FAIL(op, ERR_BUSY, "store: %s: this database server takes no writes (%s); looking for the one that does",
			    what, words);
	}
	/* Without a state the failure is libpq's own, and what it says about is the connection. */
	if (meaning == NULL && (state == NULL || !postgres_is_up(pg))) {
		note(pg, DB_LOST);
		return FAIL(op, ERR_BUSY, "store: %s: the connection to the database is lost: %s", what,
			    pg->is_silent ? "the server does not answer" : words);
	}
	if (meaning != NULL) {
		note(pg, postgres_is_up(pg) ? meaning->trouble : DB_LOST);
		return FAIL(op, meaning->err, "store: %s: %s: %s", what, meaning->advice, words);
	}
	return FAIL(op, ERR_BACKEND, "store: %s: %s (SQLSTATE %s)", what, words, state);
}
