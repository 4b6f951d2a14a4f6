/* Looking for rows that have had their time, and taking them away. */
#include "store/cleanup.h"

#include <string.h>

#include "base/text.h"

/* Written out as in the schema, so that the partial indexes fit. */
#define OPEN_ORDER "status IN ('pending', 'ready')"
#define OPEN_AUTHORIZATION "status IN ('pending', 'valid')"
#define ENDED_ORDER "status IN ('valid', 'invalid')"
#define ENDED_AUTHORIZATION "status NOT IN ('pending', 'valid')"

#define TO_LOOK_AT " AND expires_s <= $1 AND (expires_s, id) > ($2, $3) ORDER BY expires_s, id LIMIT $4"
/* The bounds of expires_s are in the pairs already; said alone, they let PostgreSQL know how few rows a window has. */
#define IN_WINDOW " AND expires_s >= $1 AND expires_s <= $3 AND (expires_s, id) > ($1, $2) AND (expires_s, id) <= ($3, $4)"

#define HAS_ORDER "EXISTS (SELECT 1 FROM order_authorization l WHERE l.authorization_id = acme_authorization.id)"
#define REMOVABLE_AUTHORIZATION ENDED_AUTHORIZATION IN_WINDOW " AND NOT " HAS_ORDER

static const struct {
	const char *find;     /* expires_s, id, and how many rows it would change */
	const char *apply[2]; /* in this order, for the foreign keys */
} kinds[CLEANUP_KINDS] = {
	[CLEANUP_OPEN_ORDERS] = {
		"SELECT expires_s, id, 1 FROM acme_order WHERE " OPEN_ORDER TO_LOOK_AT,
		{ "UPDATE acme_order SET status = 'invalid' WHERE " OPEN_ORDER IN_WINDOW, NULL },
	},
	[CLEANUP_OPEN_AUTHORIZATIONS] = {
		"SELECT expires_s, id, 1 FROM acme_authorization WHERE " OPEN_AUTHORIZATION TO_LOOK_AT,
		{ "UPDATE acme_authorization SET status = CASE status WHEN 'pending' THEN 'invalid' ELSE 'expired' END"
		  " WHERE " OPEN_AUTHORIZATION IN_WINDOW, NULL },
	},
	[CLEANUP_ENDED_ORDERS] = {
		"SELECT expires_s, id, 1 + (SELECT count(*) FROM order_authorization l WHERE l.order_id = acme_order.id)"
		" FROM acme_order WHERE " ENDED_ORDER TO_LOOK_AT,
		{ "DELETE FROM order_authorization WHERE order_id IN (SELECT id FROM acme_order WHERE " ENDED_ORDER IN_WINDOW ")",
		  "DELETE FROM acme_order WHERE " ENDED_ORDER IN_WINDOW },
	},
	[CLEANUP_ENDED_AUTHORIZATIONS] = {
		"SELECT expires_s, id, CASE WHEN " HAS_ORDER " THEN 0 ELSE 1 +"
		" (SELECT count(*) FROM acme_challenge c WHERE c.authorization_id = acme_authorization.id) END"
		" FROM acme_authorization WHERE " ENDED_AUTHORIZATION TO_LOOK_AT,
		{ "DELETE FROM acme_challenge WHERE authorization_id IN (SELECT id FROM acme_authorization WHERE "
		  REMOVABLE_AUTHORIZATION ")",
		  "DELETE FROM acme_authorization WHERE " REMOVABLE_AUTHORIZATION },
	},
};

struct search {
	struct cleanup_window *window;
	unsigned limit, n_seen;
	bool is_full;
};

static result look_at(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	struct search *search = arg;
	struct cleanup_window *window = search->window;
	ASSERT(n == 3);
	unsigned rows = (unsigned)c[2].integer;
	search->n_seen++;
	if (search->is_full || (window->n_rows > 0 && window->n_rows + rows > search->limit)) {
		search->is_full = true;
		return OK;
	}
	size_t length = strlen(c[1].text);
	if (length >= sizeof window->last.id)
		return FAIL(op, ERR_BACKEND, "the id %.80s is none of ours; the store is damaged", c[1].text);
	window->last.expires_s = c[0].integer;
	memcpy(window->last.id, c[1].text, length + 1);
	window->n_rows += rows;
	return OK;
}

result cleanup_find(struct op *op, struct db *db, enum cleanup_kind kind, int64_t before_s, const struct cleanup_place *after,
		    unsigned limit, struct cleanup_window *out)
{
	*out = (struct cleanup_window){ .after = *after, .last = *after };
	struct search search = { .window = out, .limit = limit };
	TRY(DB_RUN(op, db, kinds[kind].find, look_at, &search, NULL, DB_INT(before_s), DB_INT(after->expires_s),
		   DB_STR(after->id), DB_INT(limit)));
	out->is_end = !search.is_full && search.n_seen < limit;
	return OK;
}

result cleanup_apply(struct op *op, struct db *db, enum cleanup_kind kind, const struct cleanup_window *window,
		     uint64_t *changes)
{
	*changes = 0;
	for (unsigned i = 0; i < 2 && kinds[kind].apply[i] != NULL; i++) {
		uint64_t changed;
		TRY(DB_RUN(op, db, kinds[kind].apply[i], NULL, NULL, &changed, DB_INT(window->after.expires_s),
			   DB_STR(window->after.id), DB_INT(window->last.expires_s), DB_STR(window->last.id)));
		*changes += changed;
	}
	return OK;
}
