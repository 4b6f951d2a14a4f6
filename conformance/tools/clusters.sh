# shellcheck shell=bash disable=SC2034,SC2119
# For tests in which PostgreSQL itself fails: clusters of the test's own, each with
# a name, a folder and a socket in it, replicating or not. Sourced by bash, in the
# place of lib.sh, which it sources. All are stopped by their pids at the end.

unset CHANCERY_TEST_STORE # that cluster is shared
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1

PG=$(mktemp -d /tmp/chancery-clusters.XXXXXX) # the path of a socket has 107 bytes at most
chmod 755 "$PG"
pg_bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
pg_as=()
if [ "$(id -u)" -eq 0 ]; then # PostgreSQL refuses to run as root
	pg_as=(setpriv --reuid postgres --regid postgres --clear-groups --) # becomes the program: its pid is the server's
	chown postgres "$PG"
fi
declare -A CLUSTER_PID=()

become_pg() { cd "$PG" && exec "${pg_as[@]}" "$@"; } # in a process of its own, which it becomes
in_pg() { (become_pg "$@"); }
cluster_url() { echo "postgresql://chancery@/${2:-postgres}?host=$PG/$1"; } # NAME [DATABASE]
cluster_sql() { psql -qXAt -v ON_ERROR_STOP=1 "$(cluster_url "$1" "${3:-postgres}")" -c "$2"; } # NAME SQL [DATABASE]
cluster_answers() { "$pg_bin/pg_isready" -q -h "$PG/$1" -U chancery -d postgres; }

# make_cluster NAME: nothing of it is durable, but a kill loses only what was in no file yet, as with any.
make_cluster() {
	in_pg mkdir "$PG/$1" &&
		in_pg "$pg_bin/initdb" -D "$PG/$1/data" -U chancery -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$T/initdb.log" 2>&1 &&
		cluster_configure "$1" fsync=off full_page_writes=off "listen_addresses=''" max_connections=60 shared_buffers=16MB \
			wal_level=replica hot_standby=on log_min_messages=warning
}

# cluster_configure NAME SETTING=VALUE…: what is said last counts.
cluster_configure() {
	local name=$1
	shift
	printf '%s\n' "$@" | in_pg tee -a "$PG/$name/data/postgresql.auto.conf" >/dev/null
}
cluster_reload() { kill -HUP "${CLUSTER_PID[$1]}"; }

# cluster_shows NAME SETTING VALUE: a reload comes about in its own time.
cluster_shows() { [ "$(cluster_sql "$1" "SHOW $2")" = "$3" ]; }

# make_standby NAME OF: a copy of a running cluster that follows it.
make_standby() {
	in_pg mkdir "$PG/$1" &&
		in_pg "$pg_bin/pg_basebackup" -D "$PG/$1/data" -d "host=$PG/$2 user=chancery" -R -c fast --no-sync >"$T/basebackup.log" 2>&1
}

start_cluster() { # NAME; what was killed may hold its shared memory for a moment more
	local name=$1 until=$((SECONDS + 60))
	while [ "$SECONDS" -lt "$until" ]; do
		become_pg "$pg_bin/postgres" -D "$PG/$name/data" -k "$PG/$name" -c "cluster_name=$name" >>"$T/$name.pg.log" 2>&1 &
		CLUSTER_PID[$name]=$!
		while kill -0 "${CLUSTER_PID[$name]}" 2>/dev/null; do
			cluster_answers "$name" && return 0
			[ "$SECONDS" -lt "$until" ] || return 1
			sleep 0.02
		done
		wait "${CLUSTER_PID[$name]}"
	done
	return 1
}

stop_cluster() { # NAME: connections are cut; not while it is paused
	kill -INT "${CLUSTER_PID[$1]}"
	wait "${CLUSTER_PID[$1]}" 2>/dev/null
	unset "CLUSTER_PID[$1]"
}

kill_cluster() { # NAME: all of its processes at once
	local backends
	mapfile -t backends < <(pgrep -P "${CLUSTER_PID[$1]}")
	kill -KILL "${CLUSTER_PID[$1]}" "${backends[@]}" 2>/dev/null
	wait "${CLUSTER_PID[$1]}" 2>/dev/null
	unset "CLUSTER_PID[$1]"
}

end_clusters() {
	local name
	trap - EXIT
	for name in "${!CLUSTER_PID[@]}"; do kill_cluster "$name"; done
	rm -rf "$PG"
	STORE=
	stop_all
}
trap end_clusters EXIT
trap 'end_clusters; exit 1' INT TERM

need() { # WHAT LOG COMMAND…: without it there is no test
	local what=$1 log=$2
	shift 2
	"$@" && return 0
	not_ok "$what" "$(tail -n 40 "$log")"
	done_testing
	exit 1
}

ready_says() { # PATTERN: what /readyz answers, in words
	curl -s --max-time 30 "http://127.0.0.1:$HTTP/readyz" | grep -Eq -- "$1"
}
is_ready() { curl -fs --max-time 30 "http://127.0.0.1:$HTTP/readyz"; }

# role_of ROLE: the pid of server, courier, signer-0 …
role_of() {
	local pid
	for pid in $(pgrep -P "$SERVER"); do
		if tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qx -- "$1"; then
			echo "$pid"
			return 0
		fi
	done
	return 1
}

# issue_now CSR [CURL-OPTION…]: one request of an operator at the socket; prints the status.
issue_now() {
	local csr=$1
	shift
	jq -n --rawfile csr "$csr" '{csr: $csr}' |
		curl -sS --max-time 60 --unix-socket "$CA/chancery.sock" -H 'Content-Type: application/json' --data-binary @- \
			-o "$T/answer" -w '%{http_code}\n' "$@" http://localhost/api/v1/certificates/issue
}
issues() { [ "$(issue_now "$1")" = 200 ]; }
is_refused() { [ "$(issue_now "$1")" = 503 ]; }

# ocsp_says SERIAL PATTERN: without a nonce, so that what is kept may answer.
ocsp_says() {
	openssl ocsp -issuer "$T/issuing.pem" -serial "0x$1" -no_nonce -url "http://127.0.0.1:$HTTP/ocsp/issuing" \
		-CAfile "$TLSCA" 2>&1 | grep -Eq -- "$2"
}

# start_load CLIENTS [OPTION…]: honest ACME clients, until stop_load; their journal is load.jsonl.
LOAD=
start_load() {
	local clients=$1
	shift
	rm -f "$T/load.stop"
	python3 "$CHANCERY_TOP/tests/tools/acme_load.py" --directory "$DIR_URL" --cacert "$TLSCA" --journal "$T/load.jsonl" \
		--http-address 127.0.0.1 --http-port "$ACME_HTTP" --domain load.t.test --clients "$clients" --until "$T/load.stop" "$@" \
		>"$T/load.out" 2>"$T/load.err" &
	LOAD=$!
	pids+=("$LOAD")
}
stop_load() {
	touch "$T/load.stop"
	wait "$LOAD"
}
load_has() { # N WHAT: so many are in the journal
	[ "$(grep -c "\"what\": \"$2\"" "$T/load.jsonl" 2>/dev/null)" -ge "$1" ]
}
journal_count() { grep -c "\"what\": \"$1\"" "$T/load.jsonl"; }

# check_history [OPTION…]: the invariants, by what clients saw, what is served, and what the store and the log say.
check_history() {
	python3 "$CHANCERY_TOP/tests/tools/check_history.py" --store "$STORE" --journal "$T/load.jsonl" \
		--crl "issuing=http://127.0.0.1:$HTTP/crl/issuing.crl" --ocsp "http://127.0.0.1:$HTTP" --issuer "$T/issuing.pem" \
		--chancery "$CHANCERY" --dir "$CA" "$@"
}
