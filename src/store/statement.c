/* A table of prepared statements, by text. */
#include "store/statement.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 256

struct statement_cache {
	struct statement *buckets[BUCKETS];
};

struct statement_cache *statement_cache_new(void)
{
	struct statement_cache *cache = calloc(1, sizeof(*cache));
	ASSERT(cache != NULL);
	return cache;
}

void statement_cache_free(struct statement_cache **cache)
{
	if (*cache == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++) {
		while ((*cache)->buckets[i] != NULL) {
			struct statement *statement = (*cache)->buckets[i];
			(*cache)->buckets[i] = statement->next;
			(void)sqlite3_finalize(statement->stmt);
			free((char *)statement->sql);
			free(statement);
		}
	}
	free(*cache);
	*cache = NULL;
}

/* FNV-1a: the text is ours, so nobody can aim at a bucket. */
static unsigned bucket_of(const char *sql)
{
	uint32_t hash = 2166136261U;
	for (const char *p = sql; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	return hash % BUCKETS;
}

struct statement *statement_find(struct statement_cache *cache, sqlite3 *sqlite, const char *sql)
{
	struct statement **bucket = &cache->buckets[bucket_of(sql)];
	for (struct statement *known = *bucket; known != NULL; known = known->next) {
		if (!known->is_running && strcmp(known->sql, sql) == 0)
			return known;
	}
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v3(sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
		return NULL;
	ASSERT(stmt != NULL);
	struct statement *added = calloc(1, sizeof(*added));
	ASSERT(added != NULL);
	added->stmt = stmt;
	added->sql = strdup(sql);
	ASSERT(added->sql != NULL);
	added->next = *bucket;
	*bucket = added;
	return added;
}
