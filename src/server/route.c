/*
 * The table of routes. Rows are few (tens) and kept so that the most specific
 * one stands first: a longer literal beginning before a shorter one, a pattern
 * with "{rest...}" after those of the same beginning. A walk that compares
 * literal beginnings is then both the whole algorithm and fast enough.
 */
#include "server/route.h"

#include <stdlib.h>
#include <string.h>

struct row {
	struct route route;
	size_t literal_n; /* bytes before the first '{' */
	bool takes_rest;
};

struct routes {
	struct row *rows;
	unsigned n;
};

struct routes *routes_new(void)
{
	struct routes *routes = calloc(1, sizeof *routes);
	ASSERT(routes != NULL);
	return routes;
}

void routes_free(struct routes **routes)
{
	if (*routes == NULL)
		return;
	free((*routes)->rows);
	free(*routes);
	*routes = NULL;
}

static bool is_before(const struct row *a, const struct row *b)
{
	if (a->literal_n != b->literal_n)
		return a->literal_n > b->literal_n;
	return !a->takes_rest && b->takes_rest;
}

/* A pattern is our own text: mistakes in it are bugs. */
static void check_pattern(const char *pattern)
{
	unsigned n_params = 0;

	ASSERT(pattern[0] == '/');
	for (const char *open = strchr(pattern, '{'); open != NULL; open = strchr(open + 1, '{')) {
		const char *close = strchr(open, '}');
		ASSERT(open[-1] == '/');
		ASSERT(close != NULL && memchr(open, '/', (size_t)(close - open)) == NULL);
		bool is_rest = (size_t)(close - open) > 4 && memcmp(close - 3, "...", 3) == 0;
		ASSERT(!is_rest || close[1] == '\0');
		n_params++;
	}
	ASSERT(n_params <= CALL_PARAMS_MAX);
}

void routes_add(struct routes *routes, const struct route *route)
{
	struct row row = {
		.route = *route,
		.literal_n = strcspn(route->pattern, "{"),
		.takes_rest = strstr(route->pattern, "...}") != NULL,
	};
	unsigned at = 0;

	ASSERT(route->handler != NULL || route->fast != NULL);
	check_pattern(route->pattern);
	for (unsigned i = 0; i < routes->n; i++)
		ASSERT(strcmp(routes->rows[i].route.pattern, route->pattern) != 0);

	struct row *rows = reallocarray(routes->rows, routes->n + 1, sizeof *rows);
	ASSERT(rows != NULL);
	while (at < routes->n && !is_before(&row, &rows[at]))
		at++;
	memmove(&rows[at + 1], &rows[at], (routes->n - at) * sizeof *rows);
	rows[at] = row;
	routes->rows = rows;
	routes->n++;
}

/*
 * One "{name}" against the segment at `path`. What follows the closing brace up
 * to the next slash is a literal end of the segment ("{number}.crl"). Moves both
 * behind the segment.
 */
static bool match_param(const char **pattern, struct bytes *path, struct bytes *param)
{
	const char *suffix = strchr(*pattern, '}') + 1;
	size_t suffix_n = strcspn(suffix, "/");
	const uint8_t *slash = path->n > 0 ? memchr(path->p, '/', path->n) : NULL;
	size_t segment_n = slash != NULL ? (size_t)(slash - path->p) : path->n;

	if (segment_n <= suffix_n)
		return false;
	*param = (struct bytes){ path->p, segment_n - suffix_n };
	if (memcmp(path->p + param->n, suffix, suffix_n) != 0)
		return false;
	*pattern = suffix + suffix_n;
	*path = (struct bytes){ path->p + segment_n, path->n - segment_n };
	return true;
}

static bool match_rest(struct bytes path, struct bytes *param)
{
	*param = path;
	return path.n > 0;
}

/* From the first '{' on; the literal beginning matched already. */
static bool match_params(const struct row *row, struct bytes path, struct call *call)
{
	const char *pattern = row->route.pattern + row->literal_n;

	for (unsigned i = 0; *pattern != '\0'; i++) {
		if (row->takes_rest && strchr(pattern + 1, '{') == NULL)
			return match_rest(path, &call->params[i]);
		if (!match_param(&pattern, &path, &call->params[i]))
			return false;
		size_t literal_n = strcspn(pattern, "{");
		if (path.n < literal_n || memcmp(path.p, pattern, literal_n) != 0)
			return false;
		pattern += literal_n;
		path = (struct bytes){ path.p + literal_n, path.n - literal_n };
	}
	return path.n == 0;
}

static bool match(const struct row *row, struct call *call)
{
	struct bytes path = call->path;

	if (path.n < row->literal_n || memcmp(path.p, row->route.pattern, row->literal_n) != 0)
		return false;
	path = (struct bytes){ path.p + row->literal_n, path.n - row->literal_n };
	return match_params(row, path, call);
}

const struct route *routes_find(const struct routes *routes, enum listener_kind on, struct call *call)
{
	for (unsigned i = 0; i < routes->n; i++) {
		const struct row *row = &routes->rows[i];
		if ((row->route.listeners & (unsigned)on) == 0 || !match(row, call))
			continue;
		call->endpoint = row->route.endpoint;
		return &row->route;
	}
	return NULL;
}

enum lane_name route_lane(const struct route *route, const struct call *call)
{
	return route->choose_lane != NULL ? route->choose_lane(call) : route->lane;
}
