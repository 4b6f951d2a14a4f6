/*
 * Whether a standby that is promoted has everything that we acknowledged (F4).
 * It is asked of the server that takes the writes now. Which of its standbys
 * would be promoted is not known here: that it has to be a synchronous one is
 * the part of who promotes (docs/postgresql.md).
 */
#include <string.h>

#include "base/text.h"
#include "store/postgres.h"

static bool names_several(const PQconninfoOption *options)
{
	for (; options->keyword != NULL; options++) {
		if ((text_equal(options->keyword, "host") || text_equal(options->keyword, "hostaddr")) &&
		    options->val != NULL && strchr(options->val, ',') != NULL)
			return true;
	}
	return false;
}

struct replication {
	bool has_synchronous, waits_for_it;
	int64_t n_asynchronous; /* 0 also where the role may not see it: that takes pg_monitor */
};

static result take_replication(struct op *op UNUSED, void *arg, const struct db_value *c, unsigned n)
{
	ASSERT(n == 3);
	*(struct replication *)arg = (struct replication){ c[0].integer != 0, c[1].integer != 0, c[2].integer };
	return OK;
}

result postgres_failover(struct op *op, struct db *db, struct db_failover *out)
{
	const struct postgres *pg = (const struct postgres *)db;
	struct replication replication;
	TRY(DB_RUN(op, db,
		   "SELECT current_setting('synchronous_standby_names') <> '',"
		   " current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply'),"
		   " (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'async'"
		   " AND application_name NOT IN ('pg_basebackup', 'pg_receivewal'))",
		   take_replication, &replication, NULL));
	AUTO(PQconninfoOption) *options = PQconninfo(pg->conn);
	ASSERT(options != NULL);
	if (names_several(options) && !(replication.has_synchronous && replication.waits_for_it))
		out->refusal = "the store's URL names several database servers, but the one that takes the writes waits for no "
			       "synchronous standby: when another is promoted, certificates and revocations that were acknowledged "
			       "are lost; set synchronous_standby_names there, or name one server only (docs/postgresql.md)";
	else if (replication.n_asynchronous > 0)
		out->warning = "the database has a standby that follows it asynchronously: when that one is promoted, certificates "
			       "and revocations that were acknowledged are lost (docs/postgresql.md)";
	return OK;
}
