/*
 * The connection to PostgreSQL: how it is made, what is set on it, and waiting
 * for its answers. libpq's own waiting has no end when a server stops to answer
 * but keeps the connection, so the waiting is done here.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"
#include "store/postgres.h"

#define SERVER_MIN 130000 /* PostgreSQL 13 */
/* Longer than the server's own limits below, which give better explanations. */
static const int64_t silence_ms[] = { [DB_READ] = 120000, [DB_WRITE] = 12000, [DB_SINGLE] = 10000, [DB_MIGRATE] = 3600000 };

/*
 * Bounds of a writer keep a node that hangs from holding up the others: it owns
 * the right to write for as long as its transaction is open. Readers pass over
 * millions of rows. A commit that does not reach the disk is no commit. A single
 * statement that meets another's row has to see it, which stricter levels refuse.
 */
#define SETTINGS_ALL                                                                                             \
	"SET client_min_messages = warning;"                                                                      \
	"SELECT set_config('synchronous_commit', 'on', false)"                                                    \
	" WHERE current_setting('synchronous_commit') IN ('off', 'local');"
static const char *const settings[] = {
	[DB_READ] = SETTINGS_ALL "SET statement_timeout = '600s'; SET lock_timeout = '5s';"
				 "SET idle_in_transaction_session_timeout = '600s'",
	[DB_WRITE] = SETTINGS_ALL "SET statement_timeout = '10s'; SET lock_timeout = '5s';"
				  "SET idle_in_transaction_session_timeout = '10s'",
	[DB_SINGLE] = SETTINGS_ALL "SET statement_timeout = '5s'; SET lock_timeout = '5s';"
				   "SET default_transaction_isolation = 'read committed'",
	[DB_MIGRATE] = SETTINGS_ALL "SET statement_timeout = 0; SET lock_timeout = '60s';"
				    "SET idle_in_transaction_session_timeout = '60s'",
};

bool postgres_is_up(const struct postgres *pg)
{
	return pg->conn != NULL && !pg->is_silent && PQstatus(pg->conn) == CONNECTION_OK;
}

void postgres_hear(struct postgres *pg)
{
	while (postgres_is_up(pg)) {
		struct pollfd fd = { .fd = PQsocket(pg->conn), .events = POLLIN };
		if (poll(&fd, 1, 0) <= 0 || PQconsumeInput(pg->conn) == 0)
			return;
	}
}

void postgres_disconnect(struct postgres *pg)
{
	PQfinish(pg->conn);
	pg->conn = NULL;
	pg->is_silent = pg->is_misplaced = false;
	postgres_statements_clear(pg->statements);
}

/* Warnings of the server, such as one about a standby that did not confirm. */
static void on_notice(void *arg, const PGresult *notice)
{
	struct postgres *pg = arg;
	pg->was_warned = true;
	const char *words = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
	log_warning(NULL, "store.notice", "the database says: %s", words == NULL ? "" : words);
}

struct parameters {
	const char *names[24], *values[24];
	unsigned n;
};

static void set(struct parameters *parameters, const char *name, const char *value)
{
	ASSERT(parameters->n + 1 < sizeof(parameters->names) / sizeof(parameters->names[0]));
	parameters->names[parameters->n] = name;
	parameters->values[parameters->n++] = value;
}

/* libpq would pass over a file that others may read, with a line on standard error; we say so. */
static result set_passfile(struct op *op, const struct postgres *pg, struct parameters *parameters)
{
	const char *path = files_join(op->arena, pg->dir, "pgpass");
	struct stat status;
	if (getenv("PGPASSFILE") != NULL || stat(path, &status) != 0)
		return OK;
	if ((status.st_mode & 077) != 0)
		return FAIL(op, ERR_POLICY, "store: others may read the password in %s: chmod 600 it", path);
	set(parameters, "passfile", path);
	return OK;
}

/* What stands before the URL may be changed by it; what stands behind may not. */
static result make_parameters(struct op *op, const struct postgres *pg, struct parameters *parameters)
{
	*parameters = (struct parameters){ .n = 0 };
	set(parameters, "fallback_application_name", "chancery");
	set(parameters, "connect_timeout", "3");
	set(parameters, "keepalives_idle", "10");
	set(parameters, "keepalives_interval", "5");
	set(parameters, "keepalives_count", "3");
	set(parameters, "tcp_user_timeout", "20000");
	TRY(set_passfile(op, pg, parameters));
	set(parameters, "dbname", pg->url);
	/* Readers as well: what was just committed has to be seen, and a standby is behind. */
	set(parameters, "target_session_attrs", "read-write");
	set(parameters, "client_encoding", "UTF8");
	return OK;
}

static result check_server(struct op *op, struct postgres *pg)
{
	const char *encoding = PQparameterStatus(pg->conn, "server_encoding");
	if (PQserverVersion(pg->conn) < SERVER_MIN)
		return FAIL(op, ERR_POLICY, "store: PostgreSQL 13 or newer is needed");
	if (!text_equal(encoding, "UTF8"))
		return FAIL(op, ERR_POLICY, "store: the database has the encoding %s; make one with UTF8 (docs/postgresql.md)",
			    encoding == NULL ? "unknown" : encoding);
	pg->is_brief = true;
	result r = postgres_simple(op, pg, "settings", settings[pg->db.mode], NULL, NULL);
	pg->is_brief = false;
	return r;
}

result postgres_connect(struct op *op, struct postgres *pg)
{
	struct parameters parameters;
	postgres_disconnect(pg);
	TRY(make_parameters(op, pg, &parameters));
	pg->conn = PQconnectdbParams(parameters.names, parameters.values, 1);
	ASSERT(pg->conn != NULL);
	if (!postgres_is_up(pg))
		return postgres_failed(op, pg, NULL, "connect");
	(void)PQsetNoticeReceiver(pg->conn, on_notice, pg);
	return check_server(op, pg);
}

/*
 * libpq gives no SQLSTATE of a connection that was refused, and its words are in
 * the server's language. A ping tells a server that takes connections from one
 * that is away, starts or stops; a second try, because it may have come meanwhile.
 */
bool postgres_is_refused(struct op *op, const struct postgres *pg)
{
	struct parameters parameters;
	if (make_parameters(op, pg, &parameters).err != ERR_NONE)
		return true;
	PGPing ping = PQpingParams(parameters.names, parameters.values, 1);
	return ping == PQPING_OK || ping == PQPING_NO_ATTEMPT;
}

static const char *option_of(const PQconninfoOption *options, const char *name)
{
	for (; options->keyword != NULL; options++) {
		if (strcmp(options->keyword, name) == 0)
			return options->val == NULL ? "" : options->val;
	}
	return "";
}

const char *postgres_url_public(struct op *op, const char *url)
{
	AUTO(PQconninfoOption) *options = PQconninfoParse(url, NULL);
	if (options == NULL)
		return "postgresql://(malformed)";
	const char *user = option_of(options, "user"), *port = option_of(options, "port");
	return arena_printf(op->arena, "postgresql://%s%s%s%s%s/%s", user, user[0] == '\0' ? "" : "@",
			    option_of(options, "host"), port[0] == '\0' ? "" : ":", port, option_of(options, "dbname"));
}

/* Until bytes came, or the limit is reached. */
static void wait_readable(struct postgres *pg, int64_t until_ms)
{
	for (;;) {
		struct pollfd fd = { .fd = PQsocket(pg->conn), .events = POLLIN };
		int64_t left = until_ms - clock_monotonic_ms();
		int n = left <= 0 ? 0 : poll(&fd, 1, (int)left);
		if (n > 0)
			return;
		if (n < 0 && errno == EINTR)
			continue;
		pg->is_silent = true;
		return;
	}
}

PGresult *postgres_next(struct postgres *pg)
{
	int64_t until = clock_monotonic_ms() + (pg->is_brief ? POSTGRES_BRIEF_MS : silence_ms[pg->db.mode]);
	if (pg->is_silent)
		return NULL;
	while (PQisBusy(pg->conn) != 0) {
		wait_readable(pg, until);
		if (pg->is_silent)
			return PQmakeEmptyPGresult(pg->conn, PGRES_FATAL_ERROR);
		if (PQconsumeInput(pg->conn) == 0)
			break; /* PQgetResult says why */
	}
	return PQgetResult(pg->conn);
}

static bool is_failure(const PGresult *answer)
{
	switch (PQresultStatus(answer)) {
	case PGRES_TUPLES_OK:
	case PGRES_SINGLE_TUPLE:
	case PGRES_COMMAND_OK:
		return false;
	default:
		return true;
	}
}

uint64_t postgres_changes(PGresult *answer)
{
	static const char *const writes[] = { "INSERT ", "UPDATE ", "DELETE ", "MERGE " };
	uint64_t n = 0;
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		if (text_has_prefix(PQcmdStatus(answer), writes[i]) &&
		    text_parse_u64(PQcmdTuples(answer), 0, UINT64_MAX, &n))
			return n;
	}
	return 0;
}

PGresult *postgres_finish(struct postgres *pg)
{
	PGresult *failure = NULL;
	for (PGresult *answer = postgres_next(pg); answer != NULL; answer = postgres_next(pg)) {
		if (failure == NULL && is_failure(answer))
			failure = answer;
		else
			PQclear(answer);
	}
	return failure;
}

result postgres_simple(struct op *op, struct postgres *pg, const char *what, const char *sql, const char **tag,
		       uint64_t *changes)
{
	AUTO(PGresult) *failure = NULL;
	uint64_t n = 0;
	if (PQsendQuery(pg->conn, sql) == 0)
		return postgres_failed(op, pg, NULL, what);
	for (PGresult *answer = postgres_next(pg); answer != NULL; answer = postgres_next(pg)) {
		n += postgres_changes(answer);
		if (tag != NULL)
			*tag = arena_text(op->arena, PQcmdStatus(answer));
		if (failure == NULL && is_failure(answer))
			failure = answer;
		else
			PQclear(answer);
	}
	if (failure != NULL)
		return postgres_failed(op, pg, failure, what);
	if (changes != NULL)
		*changes = n;
	return OK;
}
