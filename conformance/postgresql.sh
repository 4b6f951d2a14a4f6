#!/usr/bin/env bash
# A store on PostgreSQL with the two roles of docs/postgresql.md: the owner makes
# the tables, the server issues, and cannot change history (P4, V27).
# stores: postgresql (on SQLite there are no roles)
[ -n "${CHANCERY_TEST_STORE:-}" ] || exec "$CHANCERY_TOP/tests/tools/with_postgres" bash "$0" "$@"
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1

admin=$CHANCERY_TEST_STORE
# The roles and the database have fixed names: one test at a time in a cluster.
where=${admin#*\?}
forget() {
	psql -qX "$admin" -c 'DROP DATABASE IF EXISTS chancery WITH (FORCE)' -c 'DROP ROLE IF EXISTS chancery_owner' \
		-c 'DROP ROLE IF EXISTS chancery_server' >/dev/null 2>&1
}
# The cluster's superuser is called chancery, so the server's role gets another name here.
sql_of() {
	sed -E 's/\b(TO|FROM) chancery;/\1 chancery_server;/; s/ROLE chancery LOGIN/ROLE chancery_server LOGIN/' "$CHANCERY_TOP/docs/$1"
}
url="postgresql:///chancery?$where&password=geheim7" # asked for by nobody here; for the last check
as_owner() { PGUSER=chancery_owner psql -qXAt -v ON_ERROR_STOP=1 "$url" "$@"; }
as_server() { PGUSER=chancery_server psql -qXAt -v ON_ERROR_STOP=1 "$url" "$@"; }

forget
sql_of postgresql-once.sql >"$T/once.sql"
sql_of postgresql-grants.sql >"$T/grants.sql"
check "the administrator's SQL runs" psql -qX -v ON_ERROR_STOP=1 "$admin" -f "$T/once.sql"

# Without tables the server's role is told what to do, and makes none.
export PGUSER=chancery_server
STORE=$url
check_fails "the server's role makes no tables" init_ca
check_says "and is told why" "docs/postgresql.md" cat "$T/init.log"
rm -rf "$CA"
export PGUSER=chancery_owner
check "the owner makes a CA" init_ca
check "the owner grants" as_owner -f "$T/grants.sql"
check "and may do so again" as_owner -f "$T/grants.sql"

export PGUSER=chancery_server
start_dns
if start_server; then ok "the server starts as its role"; else not_ok "the server starts as its role" "$(tail -n 5 "$T/server.log")"; fi
done_before=$(as_server -c 'SELECT count(*) FROM certificate')
make_csr "$T/a" a.t.test
check "it issues" "$CHANCERY" cert issue --dir "$CA" --csr "$T/a.csr"
check "and revokes" "$CHANCERY" cert revoke --dir "$CA" --reason superseded \
	"$(as_server -c "SELECT serial FROM certificate WHERE profile <> 'ocsp-responder' AND status = 'issued' LIMIT 1")"
check "the row is there" test "$(as_server -c 'SELECT count(*) FROM certificate')" -gt "$done_before"

denied() { check_says "it may not: $1" 'permission denied|must be owner' as_server -c "$1"; }
for table in audit_entry audit_tile audit_checkpoint certificate_name schema_migration; do
	column=$(as_owner -c "SELECT attname FROM pg_attribute WHERE attrelid = '$table'::regclass AND attnum = 1")
	denied "UPDATE $table SET $column = $column"
	denied "DELETE FROM $table"
	denied "TRUNCATE $table"
	denied "ALTER TABLE $table DISABLE TRIGGER ALL"
	denied "DROP TABLE $table CASCADE"
done
for table in certificate revocation blocked_key crl_number token_key audit_head node; do
	denied "DELETE FROM $table"
	denied "TRUNCATE $table CASCADE"
done
denied "UPDATE revocation SET reason = 0"
denied "UPDATE certificate SET spki_hash = ''"
denied "UPDATE certificate SET not_after_s = 0"
denied "UPDATE blocked_key SET why = ''"
denied "CREATE TABLE t (a int)"
denied "SET session_replication_role = replica"
check_says "the owner is refused by the triggers" 'DELETE of audit_entry is forbidden' as_owner -c 'DELETE FROM audit_entry'
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
"$CHANCERY" doctor --dir "$CA" >"$T/doctor.log" 2>&1
stop_server
check "it may accept a restored store" "$CHANCERY" restore --accept --yes --dir "$CA"
check_fails "the password is in no log (V14)" grep -l geheim7 "$T"/*.log
STORE=
unset PGUSER
forget
done_testing
