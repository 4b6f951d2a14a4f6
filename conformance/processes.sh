#!/usr/bin/env bash
# The processes under fire: killed, stopped, drained, refused by the token; and
# who knows the PIN (V14; F1, F9, F10, F35; I3, I4).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup
cd "$T" || exit 1

role_pid() { # ROLE: the child of the supervisor whose command line says so
	local pid
	for pid in $(pgrep -P "$SERVER"); do
		if tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qx -- "$1"; then
			echo "$pid"
			return 0
		fi
	done
	return 1
}
roles=(server courier signer-0 signer-1)
all_roles_run() {
	local role
	for role in "${roles[@]}"; do role_pid "$role" >/dev/null || return 1; done
	curl -fs "http://127.0.0.1:$HTTP/readyz"
}
killed=()
kill_roles() { # ROLE…
	local role
	killed=()
	for role in "$@"; do killed+=("$(role_pid "$role")"); done
	kill -KILL "${killed[@]}"
}
are_gone() { # PID…: no children of the supervisor any more
	local pid
	for pid in "$@"; do
		if pgrep -P "$SERVER" | grep -qx "$pid"; then return 1; fi
	done
}
all_roles_run_again() { are_gone "${killed[@]}" && all_roles_run; }
log_from=0
logged() { # PATTERN: since mark_log
	tail -n "+$((log_from + 1))" server.log | grep -Eq -- "$1"
}
mark_log() { log_from=$(wc -l <server.log); }
is_settled() { # no intent is in doubt
	[ "$(store_sql "SELECT count(*) FROM certificate WHERE status = 'intended'")" -eq 0 ]
}
make_csr a a.t.test
jq -n --rawfile csr a.csr '{csr: $csr}' >issue.json

# How long a machine with other things to do may take. What the processes themselves need stands in the lines "after …".
SOON_S=60
SETTLED_S=300 # intents count as in doubt after two minutes, and are looked for every minute

# soon NAME COMMAND…: it succeeds before long; says when.
soon() {
	local name=$1 from=$EPOCHREALTIME
	shift
	check "$name" wait_for "$SOON_S" "$@"
	awk -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN { printf "# after %.1f s\n", to - from }'
}

# issue_now FILE: one request of an operator at the socket; no falling back on a command that works without a server.
issue_now() {
	curl -fsS --max-time 40 --unix-socket "$CA/chancery.sock" -H 'Content-Type: application/json' --data-binary @issue.json \
		-o "$1" http://localhost/api/v1/certificates/issue
}

soon "all roles run" all_roles_run
for role in "${roles[@]}"; do
	check "$role is a child of the supervisor" role_pid "$role"
done

# The PIN: in the signers and nowhere else (V14).
pin=$(cat "$CA/pin")
known_by() { # FILE…: whether one of them holds the PIN
	cat "$@" 2>/dev/null | tr '\0' '\n' | grep -qF -- "$pin"
}
check "the search finds the PIN where it is" known_by "$CA/pin"
for pid in "$SERVER" $(pgrep -P "$SERVER"); do
	check_fails "no PIN in the arguments or the environment of $(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-80)" \
		known_by "/proc/$pid/cmdline" "/proc/$pid/environ"
done
for role in signer-0 signer-1; do
	check_says "$role, which knows it, dumps no core" "^Max core file size +0 +0 " cat "/proc/$(role_pid "$role")/limits"
done
memory_has_pin() { # PID: 0 yes, 10 no, 77 it may not be looked at
	python3 - "$1" "$CA/pin" <<-'END'
		import re, sys
		pin = open(sys.argv[2], "rb").read().strip()
		piece = 1 << 24
		try:
		    maps, mem = open(f"/proc/{sys.argv[1]}/maps"), open(f"/proc/{sys.argv[1]}/mem", "rb", 0)
		except PermissionError:
		    sys.exit(77)
		for line in maps:
		    start, end, mode = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
		    start, end = int(start, 16), int(end, 16)
		    if not mode.startswith("rw") or end - start > 1 << 31: continue # beyond: a sanitizer's shadow
		    for at in range(start, end, piece):
		        try:
		            mem.seek(at)
		            if pin in mem.read(min(piece + len(pin), end - at)): sys.exit(0)
		        except OSError: break # a guard page, a device
		sys.exit(10)
	END
}
PROBE=$pin sleep 60 &
pids+=($!)
memory_has_pin $!
found=$?
if [ "$found" -eq 77 ]; then
	ok "no PIN in other processes' memory # SKIP memory cannot be looked at here"
else
	check "the search finds a PIN in memory" test "$found" -eq 0
	for role in supervisor server courier; do
		pid=$SERVER
		[ "$role" = supervisor ] || pid=$(role_pid "$role")
		memory_has_pin "$pid"
		check "no PIN in the memory of $role" test $? -eq 10
	done
fi

# Killed: requests work again at once, and the log says who died.
for role in signer-0 signer-1 courier server; do
	mark_log
	kill_roles "$role"
	soon "after kill -9 of $role, requests work" issue_now "$role.json"
	soon "all roles run again" all_roles_run_again
	check "it is a new $role" test "$(role_pid "$role")" != "${killed[0]}"
	check "the supervisor's log says who died" logged "\"supervisor\".*\"role.lost\".*$role ended \\(signal 9"
done
kill_roles signer-0 signer-1 courier
soon "after all but the server died, requests work" issue_now all.json
soon "all roles run again" all_roles_run_again

# Stopped: a signer that does not answer costs its requests a retry, and is replaced (F9).
mark_log
stopped=("$(role_pid signer-0)" "$(role_pid signer-1)")
kill -STOP "${stopped[@]}"
before=$SECONDS
status=$(curl -s --max-time 60 --unix-socket "$CA/chancery.sock" -H 'Content-Type: application/json' \
	--data-binary @issue.json -D heads.txt -o refusal.json -w '%{http_code}' http://localhost/api/v1/certificates/issue)
took=$((SECONDS - before))
check "a request to hanging signers is answered 503, retryable (got $status)" test "$status" -eq 503
check_says "with Retry-After" "^Retry-After: [0-9]+" cat heads.txt
check "in bounded time ($took s)" test "$took" -le 45
check "the front answers meanwhile" curl -fs "http://127.0.0.1:$HTTP/healthz"
soon "then requests work again, as soon as the other one's silence is noticed" issue_now stopped.json
soon "the log says that they were recycled" logged "role.recycled"
soon "the stopped ones are gone" are_gone "${stopped[@]}"
soon "all roles run again" all_roles_run
check "what was in doubt is settled: nothing stays intended" wait_for "$SETTLED_S" is_settled

# Under load. Clients keep what they got; the store must know all of it (I3).
mkdir got
client() { # NUMBER: issues until told to stop
	local i
	for ((i = 0; ; i++)); do
		[ ! -e got/stop ] || return 0
		if issue_now "got/$1.$i.part" 2>/dev/null; then
			mv "got/$1.$i.part" "got/$1.$i.json"
		else
			sleep 0.1
		fi
	done
}
start_clients() {
	local i
	rm -f got/stop
	clients=()
	for i in 1 2 3 4 5 6; do
		client "$1$i" &
		clients+=($!)
	done
}
stop_clients() {
	touch got/stop
	wait "${clients[@]}"
}
all_known() { # every certificate that a client holds is in the store, as issued
	local known
	cat got/*.json | jq -r .serial | sort >serials.got
	store_sql "SELECT serial FROM certificate WHERE status = 'issued'" | sort >serials.known
	known=$(comm -23 serials.got serials.known)
	[ -s serials.got ] && [ -z "$known" ] && [ -z "$(uniq -d serials.got)" ]
}
got() { find got -name '*.json' | wc -l; }
have_more_than() { [ "$(got)" -gt "$1" ]; }

start_clients kill
for _ in 1 2 3; do
	sleep 1
	kill_roles server
	wait_for "$SOON_S" all_roles_run_again
done
count=$(got)
soon "after three kills of the server under load clients go on" have_more_than "$count"
stop_clients
check "every certificate that a client got is in the store ($(got))" all_known
check "what was in doubt is settled" wait_for "$SETTLED_S" is_settled
check "orphaned serials are revoked" test "$(store_sql "SELECT count(*) FROM certificate
	LEFT JOIN revocation USING (serial) WHERE status = 'orphaned' AND revoked_s IS NULL")" -eq 0

# SIGTERM: what is under way is finished and recorded (F35).
count=$(got)
start_clients term
soon "clients have certificates" have_more_than "$count"
before=$SECONDS
stop_server
status=$?
check "SIGTERM under load ends with status 0" test "$status" -eq 0
check "within the time for it" test $((SECONDS - before)) -le 35
stop_clients
check "every certificate that a client got is in the store" all_known
check "nothing stays intended" is_settled
check "no process is left" test -z "$(pgrep -f -- "$CA" | grep -v "^$$\$")"
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"

# A wrong PIN ends the service after one attempt (F10).
proxy=$(dirname "$CHANCERY")/tests/fault/p11proxy.so
[ -f "$proxy" ] || make -s -C "$(dirname "$CHANCERY")" tests/fault/p11proxy.so >/dev/null 2>&1
export P11PROXY_MODULE=/usr/lib/softhsm/libsofthsm2.so P11PROXY_TRACE=$T/trace
cp -a "$CA" wrong
sed -i "s,^  module:.*,  module: \"$proxy\"," wrong/chancery.yaml
echo 87654321 >wrong/pin
timeout 60 "$CHANCERY" serve --dir wrong 2>wrong.log
check "a wrong PIN ends serve with status 1" test $? -eq 1
check_says "it says what is wrong and where" "PIN in .*wrong/pin" cat wrong.log
check "C_Login was called once" test "$(grep -c ' C_Login ' trace)" -eq 1
check_fails "the wrong PIN is not in the log either" grep -F 87654321 wrong.log

# Nothing of all this wrote the PIN down.
check_fails "no PIN in the logs" known_by server.log wrong.log init.log dns.log
if [ -n "$STORE" ]; then
	check "the store is written out" pg_dump -f store.sql "$STORE"
	check_fails "no PIN in the store" grep -qF -e "$pin" -e "$(printf %s "$pin" | od -An -v -tx1 | tr -d ' \n')" store.sql
else
	check_fails "no PIN in the store" known_by "$CA"/chancery.db*
fi
check_fails "no PIN in the export of the log" sh -c '"$0" audit export --dir "$1" | grep -F -- "$2"' "$CHANCERY" "$CA" "$pin"
check_fails "no PIN in the configuration or what doctor says" sh -c '"$0" doctor --json --dir "$1" | cat - "$1/chancery.yaml" |
	grep -F -- "$2"' "$CHANCERY" "$CA" "$pin"
done_testing
