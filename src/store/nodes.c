/* Rows of nodes: epochs and signs of life. */
#include "store/nodes.h"

#include "store/row.h"

result node_start(struct op *op, struct db *db, const char *name, int64_t now_s, uint64_t *epoch)
{
	int64_t taken = 0;
	TRY(DB_RUN(op, db,
		   "INSERT INTO node (name, epoch, seen_s) VALUES ($1, 1, $2)"
		   " ON CONFLICT (name) DO UPDATE SET epoch = node.epoch + 1, seen_s = excluded.seen_s RETURNING epoch",
		   row_take_integer, &taken, NULL, DB_STR(name), DB_INT(now_s)));
	*epoch = (uint64_t)taken;
	return OK;
}

static result stale(struct op *op, const char *name, uint64_t epoch)
{
	return FAIL(op, ERR_BUSY, "another process has taken the place of node %s, epoch %llu: nothing is recorded by this one "
		    "until it starts again", name, (unsigned long long)epoch);
}

result node_check(struct op *op, struct db *db, const char *name, uint64_t epoch)
{
	int64_t newest = 0;
	TRY(DB_RUN(op, db, "SELECT epoch FROM node WHERE name = $1", row_take_integer, &newest, NULL, DB_STR(name)));
	return (uint64_t)newest == epoch ? OK : stale(op, name, epoch);
}

result node_seen(struct op *op, struct db *db, const char *name, uint64_t epoch, int64_t now_s)
{
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE node SET seen_s = $3 WHERE name = $1 AND epoch = $2", NULL, NULL, &changes, DB_STR(name),
		   DB_INT(epoch), DB_INT(now_s)));
	return changes == 1 ? OK : stale(op, name, epoch);
}

struct presence {
	bool is_known;
	int64_t seen_s;
};

static result take_presence(struct op *op UNUSED, void *arg, const struct db_value *c, unsigned n)
{
	ASSERT(n == 1);
	*(struct presence *)arg = (struct presence){ true, c[0].integer };
	return OK;
}

result node_fence(struct op *op, struct db *db, const char *name, int64_t seen_before_s)
{
	struct presence presence = { .is_known = false };
	TRY(DB_RUN(op, db, "SELECT seen_s FROM node WHERE name = $1", take_presence, &presence, NULL, DB_STR(name)));
	if (!presence.is_known)
		return OK;
	uint64_t changes;
	TRY(DB_RUN(op, db, "UPDATE node SET epoch = epoch + 1 WHERE name = $1 AND seen_s < $2", NULL, NULL, &changes,
		   DB_STR(name), DB_INT(seen_before_s)));
	return row_expect_change(op, changes, "node %s is alive", name);
}

static result add_node(struct op *op, void *list, const struct db_value *c, unsigned n)
{
	ASSERT(n == 3);
	struct node_row *row = row_list_add(op, list);
	*row = (struct node_row){ row_text(op, &c[0]), (uint64_t)c[1].integer, c[2].integer };
	return OK;
}

result node_list(struct op *op, struct db *db, struct node_row **out, unsigned *n)
{
	struct row_list list = ROW_LIST(struct node_row);
	TRY(db_run(op, db, "SELECT name, epoch, seen_s FROM node ORDER BY name", NULL, 0, add_node, &list, NULL));
	*out = list.items;
	*n = list.n;
	return OK;
}
