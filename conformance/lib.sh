# shellcheck shell=bash disable=SC2034,SC2119,SC2120
# For tests with real clients: a CA of the test's own, its server, a DNS
# server, all on loopback ports of the test's own, stopped by pid at the end.
# Sourced by bash; needs CHANCERY (the built program) and CHANCERY_TOP. With
# CHANCERY_TEST_STORE (tests/tools/with_postgres) the store is a PostgreSQL
# database of the test's own, otherwise SQLite's in the CA's folder. A test that
# has nothing to show on one of them says so in its head, "# stores: sqlite" or
# "# stores: postgresql", and why.

: "${CHANCERY:?the built chancery program}"
: "${CHANCERY_TOP:?the top of the tree}"
. "$CHANCERY_TOP/tests/tap.sh"
. "$CHANCERY_TOP/tests/tools/reserve_ports.sh"

T=$(mktemp -d "${TMPDIR:-/tmp}/conformance.XXXXXX")
CA=$T/ca
pids=()

# is_running PID: of what this shell started. kill -0 would not tell it from a stranger's: a pid that was waited for
# belongs to somebody else soon, since tests start processes by the thousand.
is_running() {
	jobs -pr | grep -qx -- "$1"
}

# By what runs, and for the same reason not by the pids that a test once noted.
stop_all() {
	local running
	trap - EXIT
	mapfile -t running < <(jobs -pr)
	[ ${#running[@]} -eq 0 ] || kill "${running[@]}" 2>/dev/null
	[ ${#running[@]} -eq 0 ] || wait "${running[@]}" 2>/dev/null
	drop_databases
	[ "$tap_failed" -eq 0 ] && rm -rf "$T"
}
trap stop_all EXIT
trap 'stop_all; exit 1' INT TERM

# A block of twenty, which nobody else has while this test or a process of it lives.
reserve_ports 20000 32000 20 || exit 1
port_base=$reserved
HTTPS=$port_base HTTP=$((port_base + 1)) ACME_HTTP=$((port_base + 2)) DNS=$((port_base + 3)) MUTUAL=$((port_base + 10))
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

# new_database TEMPLATE: $database, the URL of one more database, dropped at the end.
databases=()
new_database() {
	local name=conformance_${BASHPID}_${#databases[@]}
	psql -qX "$CHANCERY_TEST_STORE" -c "CREATE DATABASE $name TEMPLATE $1" || return 1
	databases+=("$name")
	database=$(sed -E "s#^(postgresql://[^/]*/)[^?]*#\\1$name#" <<<"$CHANCERY_TEST_STORE")
}

drop_database() { # NAME
	psql -qX "$CHANCERY_TEST_STORE" -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" >/dev/null 2>&1
}

drop_databases() {
	local name
	for name in "${databases[@]}"; do drop_database "$name"; done
	databases=()
}

# make_store: $STORE, the URL of an empty database; "" for SQLite.
STORE=
make_store() {
	[ -n "${CHANCERY_TEST_STORE:-}" ] && [ -z "$STORE" ] || return 0
	new_database "template0 ENCODING 'UTF8' LOCALE 'C'" && STORE=$database
}

# store_of DIR: what its configuration says.
store_of() {
	sed -n 's/^store: *"\{0,1\}\([^" ]*\).*/\1/p' "$1/chancery.yaml"
}

# sql_at URL|FILE SQL
sql_at() {
	case $1 in
	postgresql:*) psql -qXAt -v ON_ERROR_STOP=1 "$1" -c "$2" ;;
	*) sqlite3 -bail -cmd '.timeout 30000' "$1" "$2" ;;
	esac
}

# store_sql SQL: what the store says, columns parted by "|".
store_sql() {
	sql_at "${STORE:-$CA/chancery.db}" "$1"
}

# ca_sql DIR SQL: the same of another CA than $CA.
ca_sql() {
	if [ -n "$STORE" ]; then sql_at "$(store_of "$1")" "$2"; else sql_at "$1/chancery.db" "$2"; fi
}

database_of() { # DIR, on PostgreSQL
	store_of "$1" | sed -E 's#^postgresql://[^/]*/([^?]*).*#\1#'
}

# set_store DIR URL
set_store() {
	sed -i "s|^store: .*|store: \"${2//&/\\&}\"|" "$1/chancery.yaml"
}

# copy_ca FROM TO: the folder and its store, as they are at this moment, also while a server writes. The keys stay
# where they are: both use the same token.
copy_ca() {
	cp -a "$1" "$2" && rm -f "$2/chancery.sock"
	[ -n "$STORE" ] || return 0
	if [ -S "$1/chancery.sock" ]; then # PostgreSQL takes for a template what nobody is connected to
		new_database template0 && pg_dump "$(store_of "$1")" | psql -qX -v ON_ERROR_STOP=1 "$database" >/dev/null
	else
		new_database "$(database_of "$1")"
	fi && set_store "$2" "$database"
}

# drop_ca DIR: a copy, with its store.
drop_ca() {
	[ -d "$1" ] || return 0
	[ -z "$STORE" ] || drop_database "$(database_of "$1")"
	rm -rf "$1"
}

# take_store TO FROM: the store of the CA in TO becomes the one in FROM, nothing else does.
take_store() {
	if [ -n "$STORE" ]; then
		set_store "$1" "$(store_of "$2")"
	else
		rm -f "$1"/chancery.db*
		cp -a "$2"/chancery.db* "$1/"
	fi
}

# init_ca [OPTION…]: DIR in $CA.
init_ca() {
	make_store || return 1
	"$CHANCERY" init --dir "$CA" ${STORE:+--store "$STORE"} --name "Test Corp" --host localhost --https-port "$HTTPS" --http-port "$HTTP" --mutual-port "$MUTUAL" \
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
	wait_for 60 curl -fs "http://127.0.0.1:$HTTP/readyz" || return 1
	TLSCA=$T/roots.pem
	curl -fs "http://127.0.0.1:$HTTP/ca/roots.pem" -o "$TLSCA"
	curl -fs "http://127.0.0.1:$HTTP/ca/issuing.pem" -o "$T/issuing.pem"
}

stop_server() { # SIGTERM; its exit status is returned
	local pid=$SERVER
	SERVER=
	kill -TERM "$pid"
	wait "$pid"
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
	if is_running "${SERVER:-}"; then
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
