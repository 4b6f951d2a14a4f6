#!/usr/bin/env bash
# TLS to the database as docs/postgresql.md recommends it: sslmode=verify-full, the password in DIR/pgpass. Every
# connection is encrypted, and a database with a certificate from elsewhere, or for another name, gets none.
# builds: plain
# stores: postgresql (with a cluster of its own, which has a certificate)
. "$CHANCERY_TOP/conformance/tools/clusters.sh" || exit 1
cd "$T" || exit 1

PG_PORT=$((port_base + 4))
make_root() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
make_root db-ca && make_root other-ca
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=db -keyout server.key -out server.csr 2>/dev/null
openssl x509 -req -in server.csr -CA db-ca.pem -CAkey db-ca.key -CAcreateserial -days 30 -out server.crt 2>/dev/null \
	-extfile <(echo subjectAltName=DNS:localhost)
need "a cluster" initdb.log make_cluster db
for file in server.crt server.key; do in_pg tee "$PG/db/data/$file" <$file >/dev/null; done
in_pg chmod 600 "$PG/db/data/server.key"
cluster_configure db "listen_addresses='127.0.0.1'" "port=$PG_PORT" ssl=on
printf '%s\n' 'local all all trust' 'hostssl all all 127.0.0.1/32 scram-sha-256' | in_pg tee "$PG/db/data/pg_hba.conf" >/dev/null
export PGPORT=$PG_PORT # of the socket's name, too
need "it starts" db.pg.log start_cluster db
cluster_sql db 'CREATE DATABASE chancery'
cluster_sql db "CREATE ROLE node LOGIN PASSWORD 'geheim7'"
cluster_sql db 'GRANT ALL ON SCHEMA public TO node' chancery
unset PGPORT

url() { # HOST ROOT [MORE]
	echo "postgresql://node@$1:$PG_PORT/chancery?sslmode=verify-full&sslrootcert=$T/$2.pem&hostaddr=127.0.0.1${3:-}"
}
install -d -m 750 "$CA" && echo "*:*:*:node:geheim7" >"$CA/pgpass" && chmod 600 "$CA/pgpass"
refused() { # URL WORDS: by init, which makes no CA
	local output status=0
	rm -f "$CA/chancery.yaml"
	STORE=$1
	init_ca || status=$?
	output=$(cat init.log)
	echo "$output"
	[ "$status" -eq 1 ] && grep -Eq "$2" <<<"$output"
}
check "a certificate of another CA is refused" refused "$(url localhost other-ca)" 'certificate verify failed'
check "so is one for another name" refused "$(url db.example.internal db-ca)" 'does not match host name'
check "and the database refuses what is not encrypted" refused \
	"postgresql://node@localhost:$PG_PORT/chancery?sslmode=disable&hostaddr=127.0.0.1" 'pg_hba.conf|no encryption'
check "none of these made a table" test "$(PGPORT=$PG_PORT cluster_sql db "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" chancery)" = 0

rm -f "$CA/chancery.yaml"
STORE=$(url localhost db-ca)
need "a CA is made" init.log init_ca
need "the server starts" server.log start_server
check "it issues" issue_cert a a.t.test
plain() { # connections of the server by TCP, and those of them without TLS
	PGPORT=$PG_PORT cluster_sql db "SELECT count(*) > 1, count(*) FILTER (WHERE NOT s.ssl) FROM pg_stat_activity a
		JOIN pg_stat_ssl s USING (pid) WHERE a.application_name = 'chancery'"
}
check_says "all of its connections are encrypted" '^t\|0$' plain
check_fails "the password is in no log (V14)" grep -l geheim7 "$T"/*.log
done_testing
