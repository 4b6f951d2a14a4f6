# shellcheck shell=bash disable=SC2034
# For tests of several nodes: a durable PostgreSQL cluster of the test's own, which
# can be killed and started again; nodes beside each other over it, made as
# docs/postgresql.md says; and haproxy before them, which ends TLS and sends each
# request to the next node, whatever client it came from. Sourced by bash; the
# rest is in lib.sh.

unset CHANCERY_TEST_STORE # that cluster is shared and not durable
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
export PYTHONDONTWRITEBYTECODE=1 # the tools import one another, and the tree is not theirs to write to

# --- PostgreSQL -------------------------------------------------------------

PG=$(mktemp -d /tmp/chancery-nodes.XXXXXX) # the path of a socket has 107 bytes at most
POSTGRES=
pg_bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
pg_as=()
if [ "$(id -u)" -eq 0 ]; then # PostgreSQL refuses to run as root
	pg_as=(setpriv --reuid postgres --regid postgres --clear-groups --) # becomes the program: its pid is the server's
	chown postgres "$PG"
fi
in_pg() { (cd "$PG" && exec "${pg_as[@]}" "$@"); }
pg_answers() { "$pg_bin/pg_isready" -q -h "$PG" -U chancery -d postgres; }

# start_postgres: $POSTGRES is its pid. What was killed may hold its shared memory for a moment more.
start_postgres() {
	local until=$((SECONDS + 60))
	while [ "$SECONDS" -lt "$until" ]; do
		in_pg "$pg_bin/postgres" -D "$PG/data" -k "$PG" -c listen_addresses= -c max_connections=300 \
			-c recovery_init_sync_method=syncfs >>"$T/postgres.log" 2>&1 &
		POSTGRES=$!
		while kill -0 "$POSTGRES" 2>/dev/null; do
			pg_answers && return 0
			sleep 0.05
		done
		wait "$POSTGRES"
	done
	return 1
}

# As a power cut has it: all of its processes at once, nothing flushed.
kill_postgres() {
	local backends
	mapfile -t backends < <(pgrep -P "$POSTGRES")
	kill -KILL "$POSTGRES" "${backends[@]}" 2>/dev/null
	wait "$POSTGRES" 2>/dev/null
	POSTGRES=
}

make_cluster() {
	in_pg "$pg_bin/initdb" -D "$PG/data" -U chancery -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$T/initdb.log" 2>&1 &&
		start_postgres &&
		psql -qX "postgresql://chancery@/postgres?host=$PG" -c 'CREATE DATABASE chancery'
	STORE="postgresql://chancery@/chancery?host=$PG"
}

# --- Nodes ------------------------------------------------------------------

CA=$T/node1
NODE_PID=()
node_dir() { echo "$T/node$1"; }
node_https() { echo $((port_base + 2 + 2 * $1)); }
node_http() { echo $((port_base + 3 + 2 * $1)); }
node_mutual() { echo $((port_base + 10 + $1)); }

# own_settings N: on one machine each node listens elsewhere; clients see the proxy's ports, and all come from its
# address. NODE_SETTINGS: what else a test wants, for sed -E.
NODE_SETTINGS=()
own_settings() {
	sed -i -E "${NODE_SETTINGS[@]}" -e "s/^  https: .*/  https: [\"127.0.0.1:$(node_https "$1")\"]/" \
		-e "s/^  http: .*/  http: [\"127.0.0.1:$(node_http "$1")\"]/" \
		-e "s/^  mutual: .*/  mutual: [\"127.0.0.1:$(node_mutual "$1")\"]/" \
		-e "s/^#?https_port: .*/https_port: $HTTPS/" -e "s/^#?http_port: .*/http_port: $HTTP/" \
		-e 's/^  #?connections_per_address: .*/  connections_per_address: 4096/' "$(node_dir "$1")/chancery.yaml"
}

# join_node N: another folder for the CA of node 1, by the words of docs/postgresql.md.
join_node() {
	local dir
	dir=$(node_dir "$1")
	install -d -m 0750 "$dir" && tar -C "$CA" -c chancery.yaml checkpoint pin softhsm2.conf tokens | tar -C "$dir" -xp &&
		sed -i "s,$CA/,$dir/," "$dir/softhsm2.conf" && own_settings "$1"
}

node_is_ready() { curl -fs --max-time 5 "http://127.0.0.1:$(node_http "$1")/readyz"; }

launch_node() { # N: a process group of its own, so that all of it can be killed at once
	setsid "$CHANCERY" serve --dir "$(node_dir "$1")" 2>>"$T/node$1.log" &
	NODE_PID[$1]=$!
}
start_node() { launch_node "$1" && wait_for 60 node_is_ready "$1"; }

stop_node() { # N: SIGTERM; its exit status is returned
	local pid=${NODE_PID[$1]}
	unset "NODE_PID[$1]"
	kill -TERM "$pid"
	wait "$pid"
}
restart_node() { stop_node "$1" && start_node "$1"; }

kill_node() { # N: supervisor and all roles
	kill -KILL -- "-${NODE_PID[$1]}" 2>/dev/null
	wait "${NODE_PID[$1]}" 2>/dev/null
	unset "NODE_PID[$1]"
}

# role_of N ROLE: the pid of server, courier, signer-0 … of a node.
role_of() {
	local pid words supervisor=${NODE_PID[$1]}
	for pid in $(<"/proc/$supervisor/task/$supervisor/children"); do
		mapfile -d '' -t words <"/proc/$pid/cmdline"
		if [[ " ${words[*]} " == *" --role $2 "* ]]; then
			echo "$pid"
			return 0
		fi
	done 2>/dev/null
	return 1
}

# slow_token MS: before setup_nodes. Each signature of the token takes that long at least, so that faults meet some
# under way, and is written down in $TRACE.
slow_token() {
	local proxy
	proxy=$(dirname "$CHANCERY")/tests/fault/p11proxy.so
	[ -f "$proxy" ] || make -s -C "$(dirname "$CHANCERY")" tests/fault/p11proxy.so >/dev/null 2>&1
	TRACE=$T/trace
	export P11PROXY_MODULE=/usr/lib/softhsm/libsofthsm2.so P11PROXY_CONTROL=$T/control P11PROXY_TRACE=$TRACE
	echo "C_Sign delay_ms=$1" >"$P11PROXY_CONTROL"
	NODE_SETTINGS+=(-e "s,^  module: .*,  module: \"$proxy\",")
}

# --- The proxy --------------------------------------------------------------

PROXY=
write_proxy_config() { # N…: the nodes behind it
	local n
	cat <<-END
		global
		    maxconn 400
		defaults
		    mode http
		    timeout connect 2s
		    timeout client 70s
		    timeout server 70s
		    timeout queue 5s
		    timeout check 3s
		    option redispatch 1
		frontend https
		    bind 127.0.0.1:$HTTPS ssl crt $T/proxy.pem
		    default_backend https
		frontend http
		    bind 127.0.0.1:$HTTP
		    default_backend http
		backend https
		    balance roundrobin
		    http-reuse always
		    option httpchk
		    http-check send meth GET uri /readyz hdr Host localhost
		    default-server check inter 300ms fall 2 rise 1 ssl verify required ca-file $T/roots.pem verifyhost localhost
	END
	for n in "$@"; do echo "    server node$n 127.0.0.1:$(node_https "$n")"; done
	cat <<-END
		backend http
		    balance roundrobin
		    option httpchk
		    http-check send meth GET uri /healthz hdr Host localhost
		    default-server check inter 300ms fall 2 rise 1
	END
	for n in "$@"; do echo "    server node$n 127.0.0.1:$(node_http "$n")"; done
}

# The proxy's own certificate is from elsewhere; clients trust it and the CA's root.
get_trust() {
	TLSCA=$T/trust.pem
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=proxy -addext subjectAltName=DNS:localhost \
		-keyout "$T/proxy.key" -out "$T/proxy.crt" 2>/dev/null
	cat "$T/proxy.crt" "$T/proxy.key" >"$T/proxy.pem"
	curl -fs "http://127.0.0.1:$(node_http 1)/ca/roots.pem" -o "$T/roots.pem"
	curl -fs "http://127.0.0.1:$(node_http 1)/ca/issuing.pem" -o "$T/issuing.pem"
	cat "$T/roots.pem" "$T/proxy.crt" >"$TLSCA"
}

run_proxy() { # FILE
	haproxy -db -f "$1" >"$T/haproxy.log" 2>&1 &
	PROXY=$!
	wait_for 30 curl -fs --cacert "$TLSCA" "$DIR_URL"
}
start_proxy() { # N…
	write_proxy_config "$@" >"$T/haproxy.cfg"
	run_proxy "$T/haproxy.cfg"
}
stop_proxy() {
	kill -TERM "$PROXY" 2>/dev/null
	wait "$PROXY" 2>/dev/null
	PROXY=
}

# --- All of it --------------------------------------------------------------

end_nodes() {
	local n
	trap - EXIT
	for n in "${!NODE_PID[@]}"; do kill -CONT -- "-${NODE_PID[$n]}" 2>/dev/null; kill_node "$n"; done
	[ -z "$PROXY" ] || stop_proxy
	[ -z "$POSTGRES" ] || kill_postgres
	rm -rf "$PG"
	STORE= # it went with its cluster
	stop_all
}
trap end_nodes EXIT
trap 'end_nodes; exit 1' INT TERM

need() { # WHAT LOG COMMAND…: without it there is no test
	local what=$1 log=$2
	shift 2
	"$@" && return 0
	not_ok "$what" "$(tail -n 40 "$log")"
	done_testing
	exit 1
}

# setup_nodes N: the first of them with a new CA, the others join it, all run, and the proxy is before them.
setup_nodes() {
	local n
	need "a PostgreSQL cluster" "$T/initdb.log" make_cluster
	need "a CA is made" "$T/init.log" init_ca
	own_settings 1
	start_dns
	need "node 1 starts" "$T/node1.log" start_node 1
	get_trust
	for ((n = 2; n <= $1; n++)); do
		join_node "$n"
		need "node $n starts" "$T/node$n.log" start_node "$n"
	done
	# shellcheck disable=SC2046
	need "the proxy starts" "$T/haproxy.log" start_proxy $(seq "$1")
}

# The end of every test: the nodes drain and end with status 0, then what done_testing looks for.
end_testing() {
	local n
	for n in "${!NODE_PID[@]}"; do
		if stop_node "$n"; then ok "node $n drains and ends well"; else not_ok "node $n drains and ends well" "$(tail -n 20 "$T/node$n.log")"; fi
	done
	done_testing
}
