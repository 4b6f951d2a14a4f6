# For tests with real clients: a CA of the test's own, its server, a DNS
# server, all on loopback ports of the test's own, stopped by pid at the end.
# Sourced by bash; needs CHANCERY (the built program) and CHANCERY_TOP.

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
	[ "$tap_failed" -eq 0 ] && rm -rf "$T"
}
trap stop_all EXIT
trap 'stop_all; exit 1' INT TERM

# Ports: a block of ten per test, found by trying, so that tests run in parallel.
port_base=$((20000 + ($$ * 10) % 30000))
while (exec 3<>"/dev/tcp/127.0.0.1/$port_base") 2>/dev/null; do port_base=$((port_base + 10)); done
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

# init_ca [OPTION…]: DIR in $CA.
init_ca() {
	"$CHANCERY" init --dir "$CA" --name "Test Corp" --host localhost --https-port "$HTTPS" --http-port "$HTTP" \
		--resolver "127.0.0.1:$DNS" --validation-port "$ACME_HTTP" --allow-loopback "$@" >"$T/init.log" 2>&1
}

# Every name under t.test is this machine; nothing else exists.
start_dns() {
	dnsmasq --keep-in-foreground --conf-file=/dev/null --port="$DNS" --listen-address=127.0.0.1 --bind-interfaces \
		--no-resolv --no-hosts --pid-file= --user="$(id -un)" --address=/t.test/127.0.0.1 "$@" >"$T/dns.log" 2>&1 &
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

# Number of certificate rows in the store, whatever their state.
count_certificates() {
	sqlite3 "$CA/chancery.db" 'SELECT count(*) FROM certificate'
}

# serial_of PEM: lower-case hex.
serial_of() {
	openssl x509 -in "$1" -noout -serial | sed 's/^serial=//' | tr 'A-F' 'a-f'
}
