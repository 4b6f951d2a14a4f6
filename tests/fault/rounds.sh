#!/usr/bin/env bash
# F1, F2: kill -9 at random moments of a server, supervisor, signer, courier, of a whole node, of PostgreSQL, of all
# at once, for 200 rounds, while clients order, prove, finalize and revoke through a proxy. Each client gets each of
# its certificates, and tests/tools/check_history.py finds I1 to I9 unharmed, on the way and at the end.
# CHANCERY_SEED=N repeats the faults of a run (not the moments at which the machine was busy with something else);
# CHANCERY_ROUNDS=N is another number of them, CHANCERY_ROUNDS_S=N the seconds after which no further one begins.
# builds: plain
# limit: 2400 s (200 rounds take three minutes on two idle cores)
# stores: sqlite (it starts a PostgreSQL of its own)
. "$CHANCERY_TOP/conformance/nodes_lib.sh" || exit 1
rounds=${CHANCERY_ROUNDS:-200}
within_s=${CHANCERY_ROUNDS_S:-900}
seed=${CHANCERY_SEED:-$((RANDOM * 32768 + RANDOM))}
tools=$CHANCERY_TOP/tests/tools
DNS_OPTIONS=(--address=/load.test/127.0.0.2)
echo "# CHANCERY_SEED=$seed CHANCERY_ROUNDS=$rounds"
slow_token 20
setup_nodes 2

# The plan: each kind once, then by weight, at last everything at once, whose restart leaves no intent in doubt.
kinds=(server signer courier supervisor node postgres all)
draws=(server server server server server server signer signer signer signer courier courier supervisor supervisor
	node node node postgres postgres all)
plan=()
RANDOM=$seed
for ((i = 0; i < rounds; i++)); do
	kind=${draws[RANDOM % ${#draws[@]}]}
	[ "$i" -ge "${#kinds[@]}" ] || kind=${kinds[i]}
	[ "$i" -lt $((rounds - 1)) ] || kind=all
	plan+=("$kind $((1 + RANDOM % 2)) $((RANDOM % 2)) 0.$((RANDOM % 2))$((RANDOM % 10))$((RANDOM % 10))")
done

load() {
	/usr/bin/python3 "$tools/acme_load.py" --directory "$DIR_URL" --cacert "$TLSCA" --journal "$T/journal" --seed "$seed" \
		--http-address 127.0.0.2 --http-port "$ACME_HTTP" --clients 6 --rest 0.1 --revoke 0.1 --until "$T/stop" --patience 400 \
		--node "http://127.0.0.1:$(node_http 1)" --node "http://127.0.0.1:$(node_http 2)" --ca issuing --issuer "$T/issuing.pem"
}
# check_now [OPTION…]
check_now() {
	/usr/bin/python3 "$tools/check_history.py" --store "$STORE" --journal "$T/journal" --issuer "$T/issuing.pem" \
		--trace "$TRACE" --chancery "$CHANCERY" --dir "$CA" "$@"
}

victim=
kill_role() { # N ROLE: $victim is its pid
	wait_for 60 role_of "$1" "$2" # an earlier round's may be on its way
	victim=$(role_of "$1" "$2") && kill -KILL "$victim"
}
is_replaced() { # N ROLE
	local pid
	pid=$(role_of "$1" "$2") && [ "$pid" != "$victim" ]
}
kill_supervisor() { # N: nobody collects what it leaves; the next one has to get past that
	kill -KILL "${NODE_PID[$1]}"
	wait "${NODE_PID[$1]}"
	launch_node "$1"
} 2>/dev/null
kill_whole_node() {
	kill_node "$1"
	launch_node "$1"
}
kill_all() {
	local backends n
	mapfile -t backends < <(pgrep -P "$POSTGRES")
	kill -KILL "$POSTGRES" "${backends[@]}" -- "-${NODE_PID[1]}" "-${NODE_PID[2]}"
	wait "$POSTGRES" "${NODE_PID[1]}" "${NODE_PID[2]}"
	start_postgres
	for n in 1 2; do launch_node "$n"; done
} 2>/dev/null
inject() { # KIND N SIGNER
	case $1 in
	server | courier) kill_role "$2" "$1" ;;
	signer) kill_role "$2" "signer-$3" ;;
	supervisor) kill_supervisor "$2" ;;
	node) kill_whole_node "$2" ;;
	postgres) kill_postgres && start_postgres ;;
	all) kill_all ;;
	esac
}
is_mended() { # KIND N SIGNER
	case $1 in
	server | courier) is_replaced "$2" "$1" ;;
	signer) is_replaced "$2" "signer-$3" ;;
	esac && curl -fs --fail-early --max-time 5 "http://127.0.0.1:$(node_http 1)/readyz" "http://127.0.0.1:$(node_http 2)/readyz"
}
certificates() { grep -c '"what": "certificate"' "$T/journal"; }
more_certificates() { [ "$(certificates)" -gt "$had" ]; }

load >"$T/load.json" 2>"$T/load.log" &
LOAD=$!
pids+=("$LOAD")
had=0
check "clients get certificates" wait_for 60 more_certificates

declare -A slowest n_of
began=$SECONDS
broken=
done_rounds=0
for ((i = 0; i < rounds; i++)); do
	if [ $((SECONDS - began)) -gt "$within_s" ]; then i=$((rounds - 1)); fi # the last one all the same
	read -r kind n signer pause <<<"${plan[i]}"
	sleep "$pause"
	from=${EPOCHREALTIME/./}
	inject "$kind" "$n" "$signer"
	if ! wait_for 120 is_mended "$kind" "$n" "$signer"; then
		broken="round $i: after kill -9 of $kind ($n) the nodes do not work again"
		break
	fi
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	[ "$took" -le "${slowest[$kind]:-0}" ] || slowest[$kind]=$took
	n_of[$kind]=$((${n_of[$kind]:-0} + 1))
	done_rounds=$((done_rounds + 1))
	if [ $(((i + 1) % 10)) -eq 0 ]; then
		had=$(certificates)
		if ! wait_for 240 more_certificates; then
			broken="round $i: no client gets a certificate any more"
			break
		fi
	fi
	if [ $(((i + 1) % 100)) -eq 0 ] && [ "$i" -lt $((rounds - 1)) ]; then
		check "after $((i + 1)) rounds the history holds" check_now --open-for 240
	fi
done
if [ -z "$broken" ] && { [ "$done_rounds" -eq "$rounds" ] || [ -n "${CHANCERY_ROUNDS_S:-}" ]; }; then
	ok "$done_rounds rounds of $rounds in $((SECONDS - began)) s"
else
	not_ok "all rounds" "${broken:-only $done_rounds in $within_s s}; CHANCERY_SEED=$seed
$(tail -n 30 "$T"/node?.log)"
fi
for kind in "${kinds[@]}"; do echo "# ${n_of[$kind]:-0} × $kind, at work again after ${slowest[$kind]:--} ms at the latest"; done

touch "$T/stop"
wait "$LOAD"
status=$?
echo "# $(cat "$T/load.json")"
check "no client failed for good, each got each of its certificates" test "$status" -eq 0
served=()
for n in 1 2; do
	served+=(--ocsp "http://127.0.0.1:$(node_http "$n")" --crl "issuing=http://127.0.0.1:$(node_http "$n")/crl/issuing.crl")
done
is_settled() { check_now "${served[@]}" >"$T/history"; }
check "at the end it holds as well, when what was under way has had its time" wait_for 240 is_settled
tail -n 20 "$T/history"
end_testing
