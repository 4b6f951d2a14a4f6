# shellcheck shell=bash disable=SC2034
# For bench/run and bench/tools: stores to measure. A PostgreSQL cluster of its own,
# durable as one in service is; CAs on either store, several nodes of one, and
# stores filled with years of issuance (fillstore.c). Sourced after bench/lib.sh.

PG=
POSTGRES=

# ---- PostgreSQL ----

# start_postgres [OPTION…]: POSTGRES is its pid, PG its folder and socket. Not below $T, which others may not enter.
start_postgres() {
	local bin as=()
	bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
	if [ "$(id -u)" -eq 0 ]; then as=(setpriv --reuid postgres --regid postgres --clear-groups --); fi
	if [ -z "$PG" ]; then
		PG=$(mktemp -d "${TMPDIR:-/tmp}/bench-postgres.XXXXXX")
		[ "$(id -u)" -ne 0 ] || chown postgres "$PG"
		trap 'stop_all; rm -rf "$PG"' EXIT
		(cd "$PG" && exec "${as[@]}" "$bin/initdb" -D "$PG/data" -U chancery -A trust -E UTF8 --locale=C.UTF-8 --no-sync) \
			>"$T/initdb.log" 2>&1 || die "initdb failed: $(tail -n 3 "$T/initdb.log")"
	fi
	(cd "$PG" && exec "${as[@]}" "$bin/postgres" -D "$PG/data" -k "$PG" -c listen_addresses= -c max_connections=200 \
		-c shared_buffers=1GB -c max_wal_size=8GB -c checkpoint_timeout=15min "$@") >>"$T/postgres.log" 2>&1 &
	POSTGRES=$!
	pids+=("$POSTGRES")
	wait_for 60 "$bin/pg_isready" -q -h "$PG" -U chancery -d postgres
}

stop_postgres() {
	kill -INT "$POSTGRES" # a fast stop: it waits for nobody
	stop "$POSTGRES"
}

# postgres_pids: of the cluster with commas, without those that come and go.
postgres_pids() {
	local pid list=$POSTGRES
	for pid in $(pgrep -P "$POSTGRES"); do
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"autovacuum worker"* ]] || list+=,$pid
	done
	echo "$list"
}

postgres_url() { echo "postgresql://chancery@/$1?host=$PG"; } # DATABASE

# ---- CAs on a store ----

# new_ca FOLDER sqlite|postgresql: made, started once and stopped again, so that it has issued a certificate.
new_ca() {
	CA=$1 STORE=sqlite:chancery.db
	if [ "$2" = postgresql ]; then
		STORE=$(postgres_url "${1##*/}")
		psql -qX "$(postgres_url postgres)" -c "CREATE DATABASE \"${1##*/}\""
	fi
	init_ca --store "$STORE"
	start_server 2
	stop_server
}

# use_ca FOLDER: what the functions of lib.sh work with from now on.
use_ca() {
	CA=$1
	STORE=$(sed -n 's/^store: *"\?\([^"]*\)"\?$/\1/p' "$CA/chancery.yaml")
}

# in_store [SQL]: runs it, or standard input, on the store of $CA. Rows are lines, columns apart by "|".
in_store() {
	if [[ $STORE == postgresql:* ]]; then
		psql -qXAt -v ON_ERROR_STOP=1 ${1:+-c "$1"} "$STORE"
	else
		sqlite3 -bail "$CA/${STORE#sqlite:}" ${1:+"$1"}
	fi
}

# hex_of COLUMN: in the SQL of the store.
hex_of() {
	if [[ $STORE == postgresql:* ]]; then echo "encode($1, 'hex')"; else echo "lower(hex($1))"; fi
}

# fill_store CERTIFICATES: see fillstore.c. SQLite needs some 3.5 KB for each, PostgreSQL some 3 KB.
fill_store() {
	local kind=${STORE%%:*} hash began=$SECONDS
	hash=$(in_store "SELECT $(hex_of der) FROM certificate WHERE ca = 'issuing' AND der IS NOT NULL LIMIT 1" |
		tr a-f A-F | basenc --base16 -d | sha256sum | cut -d ' ' -f 1)
	in_store "SELECT $(hex_of leaf) FROM audit_entry ORDER BY seq" >"$T/leaves"
	[ "$kind" = sqlite ] || set_durable off
	"$B/bench/fillstore" "$kind" "$1" "$hash" <"$T/leaves" | in_store >"$T/fill.log" 2>&1 || die "fillstore: $(tail -n 3 "$T/fill.log")"
	if [ "$kind" = sqlite ]; then
		in_store 'PRAGMA journal_mode = WAL' >/dev/null
	else
		in_store 'VACUUM (ANALYZE)'
		set_durable on
		in_store CHECKPOINT
	fi
	say "# $1 certificates in $kind: $((SECONDS - began)) s, $(store_gb) GB"
}

set_durable() { # on|off: of the cluster; off while it is filled
	local name
	for name in fsync full_page_writes; do in_store "ALTER SYSTEM SET $name = $1"; done
	in_store 'SELECT pg_reload_conf()' >/dev/null
}

store_gb() {
	if [[ $STORE == postgresql:* ]]; then
		calc "$(in_store 'SELECT pg_database_size(current_database())') / 1e9" 1
	else
		calc "$(stat -c %s "$CA/${STORE#sqlite:}") / 1e9" 1
	fi
}

drop_store() {
	[[ $STORE != postgresql:* ]] || psql -qX "$(postgres_url postgres)" -c "DROP DATABASE \"${CA##*/}\""
	rm -rf "$CA"
}

# need_disk GB: free where the stores will be.
need_disk() {
	local free
	free=$(df --output=avail -B 1000000000 "$T" | tail -n 1)
	[ "$free" -ge "$1" ] || die "this needs $1 GB of disk below ${TMPDIR:-/tmp}, there are $free: fewer rows (ROWS=1000000 bench/run growth), or another TMPDIR"
}

# ---- nodes ----

# start_node2: another node for the CA in $CA, beside the server that runs. NODE2_HTTPS is where it listens.
start_node2() {
	local dir=$CA-node2
	install -d -m 0750 "$dir"
	cp -a "$CA"/{chancery.yaml,pin,softhsm2.conf,tokens} "$dir"
	sed -i "s,$CA/,$dir/," "$dir/softhsm2.conf"
	NODE2_HTTPS=$(free_port $((PEBBLE_MANAGE + 1)))
	NODE2_HTTP=$(free_port $((NODE2_HTTPS + 1)))
	NODE2_MUTUAL=$(free_port $((NODE2_HTTP + 1)))
	sed -i -E "s/^  mutual: .*/  mutual: [\"127.0.0.1:$NODE2_MUTUAL\"]/; s/^  https: .*/  https: [\"127.0.0.1:$NODE2_HTTPS\"]/; s/^  http: .*/  http: [\"127.0.0.1:$NODE2_HTTP\"]/
		s/^#?https_port: .*/https_port: $HTTPS/; s/^#?http_port: .*/http_port: $HTTP/" "$dir/chancery.yaml"
	"$CHANCERY" serve --dir "$dir" 2>>"$T/server.log" &
	NODE2=$!
	pids+=("$NODE2")
	wait_for 30 curl -fs "http://127.0.0.1:$NODE2_HTTP/readyz"
	NODE2_PROCESSES=$NODE2,$(pgrep -d, -P "$NODE2")
}

stop_node2() {
	stop "$NODE2"
	rm -rf "$CA-node2"
}

# ---- OCSP answers that nobody has asked for yet ----

# miss_requests COUNT: $T/misses, HTTP requests of MISS_BYTES each for as many different certificates, drawn by chance.
miss_requests() {
	local prefix template serial body
	for ((i = 0; i < $1; i++)); do
		printf "SELECT serial FROM (SELECT serial FROM certificate WHERE serial > '%04x%04x' AND ca = 'issuing' AND status = 'issued' ORDER BY serial LIMIT 1) AS s;\n" \
			$((RANDOM / 2 + 0x4000)) $((RANDOM * 2))
	done >"$T/draw.sql"
	in_store <"$T/draw.sql" | sort -u >"$T/serials"
	serial=$(head -n 1 "$T/serials")
	curl -fs "http://127.0.0.1:$HTTP/ca/issuing.pem" -o "$T/issuing.pem"
	openssl ocsp -issuer "$T/issuing.pem" -serial "0x$serial" -no_nonce -reqout "$T/request.der" 2>/dev/null
	template=$(basenc --base16 -w 0 "$T/request.der")
	prefix=$(printf 'POST /ocsp/issuing HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/ocsp-request\r\nContent-Length: %s\r\n\r\n' \
		"$(stat -c %s "$T/request.der")" | basenc --base16 -w 0)
	body=${template/${serial^^}/%s}
	tr a-f A-F <"$T/serials" | while read -r serial; do
		# shellcheck disable=SC2059
		printf "$prefix$body" "$serial"
	done | basenc --base16 -d >"$T/misses"
	MISSES=$(wc -l <"$T/serials")
	MISS_BYTES=$(($(stat -c %s "$T/misses") / MISSES))
}
