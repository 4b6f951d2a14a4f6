# shellcheck shell=bash disable=SC2034,SC2119,SC2120
# For tests with real clients: a CA of the test's own, its server, a DNS
# server, all on loopback ports of the test's own, stopped by pid at the end.
# Sourced by bash; needs CHANCERY (the built program) and CHANCERY_TOP. With
# CHANCERY_TEST_STORE (tests/tools/with_postgres) the store is a PostgreSQL
# database of the test's own, otherwise SQLite's in the CA's folder.

: "${CHANCERY:?the built chancery program}"
: "${CHANCERY_TOP:?the top of the tree}"
. "$CHANCERY_TOP/tests/tap.sh"

T=$(mktemp -d "${TMPDIR:-/tmp}/conformance.XXXXXX")
CA=$T/ca
pids=()

stop_all() {
	local pid
	trap - EXIT
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
	drop_store
	[ "$tap_failed" -eq 0 ] && rm -rf "$T"
}
trap stop_all EXIT
trap 'stop_all; exit 1' INT TERM

# Ports: a block of ten per test, found by trying, so that tests run in
# parallel; below those that the kernel gives to outgoing connections.
is_taken() { # FIRST: one of the four ports from there on answers
	local port
	for port in "$1" $(($1 + 1)) $(($1 + 2)) $(($1 + 3)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
	done
	return 1
}
port_base=$((20000 + ($$ % 1200) * 10))
while is_taken "$port_base"; do port_base=$((20000 + (port_base - 20000 + 10) % 12000)); done
HTTPS=$port_base HTTP=$((port_base + 1)) ACME_HTTP=$((port_base + 2)) DNS=$((port_base + 3))
DIR_URL=https://localhost:$HTTPS/acme/directory

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$until" ] || return 1
		sleep 0.05
	done
}

# make_store: $STORE, the URL of an empty database; "" for SQLite.
STORE=
make_store() {
	[ -n "${CHANCERY_TEST_STORE:-}" ] && [ -z "$STORE" ] || return 0
	local name=conformance_$$_$RANDOM
	psql -qX "$CHANCERY_TEST_STORE" -c "CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'" || return 1
	STORE=$(sed -E "s#^(postgresql://[^/]*/)[^?]*#\\1$name#" <<<"$CHANCERY_TEST_STORE")
}

drop_store() {
	[ -n "$STORE" ] || return 0
	local name=${STORE#postgresql://*/}
	psql -qX "$CHANCERY_TEST_STORE" -c "DROP DATABASE IF EXISTS ${name%%\?*} WITH (FORCE)" >/dev/null 2>&1
	STORE=
}

# store_sql SQL: what the store says, columns parted by "|".
store_sql() {
	if [ -n "$STORE" ]; then psql -qXAt "$STORE" -c "$1"; else sqlite3 "$CA/chancery.db" "$1"; fi
}

# init_ca [OPTION…]: DIR in $CA.
init_ca() {
	make_store || return 1
	"$CHANCERY" init --dir "$CA" ${STORE:+--store "$STORE"} --name "Test Corp" --host localhost --https-port "$HTTPS" --http-port "$HTTP" \
		--resolver "127.0.0.1:$DNS" --validation-port "$ACME_HTTP" --allow-loopback "$@" >"$T/init.log" 2>&1
}

# Every name under t.test is this machine; nothing else exists, but for what a test adds to DNS_OPTIONS.
DNS_OPTIONS=()
start_dns() {
	dnsmasq --keep-in-foreground --conf-file=/dev/null --port="$DNS" --listen-address=127.0.0.1 --bind-interfaces \
		--no-resolv --no-hosts --pid-file= --user="$(id -un)" --address=/t.test/127.0.0.1 "${DNS_OPTIONS[@]}" >"$T/dns.log" 2>&1 &
	pids+=($!)
}

# start_server: $SERVER is its pid; $TLSCA the root that signed its TLS certificate.
start_server() {
	"$CHANCERY" serve --dir "$CA" 2>>"$T/server.log" &
	SERVER=$!
	pids+=("$SERVER")
	wait_for 30 curl -fs "http://127.0.0.1:$HTTP/readyz" || return 1
	TLSCA=$T/roots.pem
	curl -fs "http://127.0.0.1:$HTTP/ca/roots.pem" -o "$TLSCA"
	curl -fs "http://127.0.0.1:$HTTP/ca/issuing.pem" -o "$T/issuing.pem"
}

stop_server() { # SIGTERM; its exit status is returned
	kill -TERM "$SERVER"
	wait "$SERVER"
}

# setup [OPTION…]: all of it, or the test ends here.
setup() {
	if ! init_ca "$@"; then
		not_ok "a CA is made" "$(cat "$T/init.log")"
		done_testing
		exit 1
	fi
	start_dns
	if ! start_server; then
		not_ok "the server starts" "$(tail -n 40 "$T/server.log")"
		done_testing
		exit 1
	fi
}

# The end of every test: the server drains and ends with status 0, and no sanitizer had anything to say.
done_testing() {
	local reports
	if [ -n "${SERVER:-}" ] && kill -0 "$SERVER" 2>/dev/null; then
		if stop_server; then ok "the server drains and ends well"; else not_ok "the server drains and ends well" "$(tail -n 20 "$T/server.log")"; fi
	fi
	reports=$(grep -hsE -A 25 'runtime error:|ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer' "$T"/*.log | head -n 80)
	if [ -z "$reports" ]; then ok "no sanitizer report"; else not_ok "no sanitizer report" "$reports"; fi
	tap_end
}

# restart_server: an orderly end and a new start. Not inside check, whose subshell cannot wait for it.
restart_server() {
	stop_server && start_server
}

# make_csr FILE NAME…: FILE.key (P-256) and FILE.csr for these DNS names.
make_csr() {
	local file=$1 names
	shift
	names=$(printf ',DNS:%s' "$@")
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$file.key" -subj / \
		-addext "subjectAltName=${names#,}" -out "$file.csr" 2>/dev/null
}

# issue_cert FILE NAME…: through the operator's door; FILE.pem is the chain, its first certificate the leaf.
issue_cert() {
	make_csr "$@" && "$CHANCERY" cert issue --dir "$CA" --csr "$1.csr" >"$1.pem"
}

# field FILTER: of the JSON on standard input.
field() {
	jq -er "$1"
}

# Number of certificate rows in the store, whatever their state.
count_certificates() {
	store_sql 'SELECT count(*) FROM certificate'
}

# serial_of PEM: lower-case hex.
serial_of() {
	openssl x509 -in "$1" -noout -serial | sed 's/^serial=//' | tr 'A-F' 'a-f'
}

# crl_number CA: of the CRL that is served now, in decimal.
crl_number() {
	local hex
	hex=$(curl -fs "http://127.0.0.1:$HTTP/crl/$1.crl" | openssl crl -inform DER -noout -crlnumber) || return 1
	echo $((${hex#crlNumber=}))
}
