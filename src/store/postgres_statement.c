/*
 * Which statements are prepared on a connection: a table by a hash of the text
 * and of the types of the parameters (a NULL has none, and the server infers
 * it). The SQL of the program is a fixed set, so nothing is ever thrown out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres.h"

#define BUCKETS 256

struct prepared {
	char name[16];
	char *sql;
	Oid types[POSTGRES_VALUES_MAX];
	unsigned n;
	struct prepared *next;
};

struct postgres_statements {
	struct prepared *buckets[BUCKETS];
	unsigned n;
};

struct postgres_statements *postgres_statements_new(void)
{
	struct postgres_statements *statements = calloc(1, sizeof(*statements));
	ASSERT(statements != NULL);
	return statements;
}

void postgres_statements_clear(struct postgres_statements *statements)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (statements->buckets[i] != NULL) {
			struct prepared *prepared = statements->buckets[i];
			statements->buckets[i] = prepared->next;
			free(prepared->sql);
			free(prepared);
		}
	}
	statements->n = 0;
}

void postgres_statements_free(struct postgres_statements **statements)
{
	if (*statements == NULL)
		return;
	postgres_statements_clear(*statements);
	free(*statements);
	*statements = NULL;
}

/* FNV-1a: the text is ours, so nobody can aim at a bucket. */
static unsigned bucket_of(const char *sql, const Oid *types, unsigned n)
{
	uint32_t hash = 2166136261U;
	for (const char *p = sql; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	for (unsigned i = 0; i < n; i++)
		hash = (hash ^ types[i]) * 16777619U;
	return hash % BUCKETS;
}

static bool is_same(const struct prepared *prepared, const char *sql, const Oid *types, unsigned n)
{
	return prepared->n == n && (n == 0 || memcmp(prepared->types, types, n * sizeof(types[0])) == 0) &&
	       strcmp(prepared->sql, sql) == 0;
}

static result prepare(struct op *op, struct postgres *pg, const char *name, const char *sql, const Oid *types, unsigned n)
{
	AUTO(PGresult) *failure = NULL;
	if (PQsendPrepare(pg->conn, name, sql, (int)n, types) == 0)
		return postgres_failed(op, pg, NULL, "prepare");
	failure = postgres_finish(pg);
	return failure == NULL ? OK : postgres_failed(op, pg, failure, "prepare");
}

result postgres_statement(struct op *op, struct postgres *pg, const char *sql, const Oid *types, unsigned n,
			  const char **name)
{
	struct prepared **bucket = &pg->statements->buckets[bucket_of(sql, types, n)];
	for (const struct prepared *known = *bucket; known != NULL; known = known->next) {
		if (is_same(known, sql, types, n)) {
			*name = known->name;
			return OK;
		}
	}
	struct prepared *added = calloc(1, sizeof(*added));
	ASSERT(added != NULL && n <= POSTGRES_VALUES_MAX);
	(void)snprintf(added->name, sizeof(added->name), "c%u", pg->statements->n);
	result r = prepare(op, pg, added->name, sql, types, n);
	if (r.err != ERR_NONE) {
		free(added);
		return r;
	}
	pg->statements->n++;
	added->sql = strdup(sql);
	ASSERT(added->sql != NULL);
	if (n > 0)
		memcpy(added->types, types, n * sizeof(types[0]));
	added->n = n;
	added->next = *bucket;
	*bucket = added;
	*name = added->name;
	return OK;
}
