#!/usr/bin/env bash
# F16: a node is stopped (SIGSTOP) under load with intents that its token has not signed yet, for longer than others
# wait for it. The other node ends its intents, the clients repeat and get their certificates there; the stopped one
# wakes up, writes nothing in its old epoch, and goes on with a new one (I2 to I9). It takes three minutes, of
# which nearly all is waiting: two until the node counts as gone, one until the next look.
# builds: plain
# limit: 1200 s
# stores: sqlite (it starts a PostgreSQL of its own)
. "$CHANCERY_TOP/conformance/nodes_lib.sh" || exit 1
tools=$CHANCERY_TOP/tests/tools
DNS_OPTIONS=(--address=/load.test/127.0.0.2)
slow_token 5
setup_nodes 2
cd "$T" || exit 1
paused=$(cat node1/node)

/usr/bin/python3 "$tools/acme_load.py" --directory "$DIR_URL" --cacert "$TLSCA" --journal journal --http-address 127.0.0.2 \
	--http-port "$ACME_HTTP" --clients 4 --rest 0.3 --until stop --patience 500 --issuer issuing.pem --ca issuing \
	--node "http://127.0.0.1:$(node_http 2)" >load.json 2>load.log &
LOAD=$!
pids+=("$LOAD")
certificates() { grep -c '"what": "certificate"' journal; }
more_certificates() { [ "$(certificates)" -gt "$had" ]; }
had=20
check "clients get certificates" wait_for 60 more_certificates

# First its signers, so that intents wait for them; then all of it, before anybody's patience ends.
in_doubt() { store_sql "SELECT serial FROM certificate WHERE status = 'intended' AND node = '$paused'"; }
waits_for_token() { [ -n "$(in_doubt)" ]; }
for role in signer-0 signer-1; do kill -STOP "$(role_of 1 "$role")"; done
check "an intent waits for the token of node 1" wait_for 30 waits_for_token
kill -STOP -- "-${NODE_PID[1]}"
in_doubt >doubted
check "node 1 stops with it" test -s doubted
epoch=$(store_sql "SELECT epoch FROM node WHERE name = '$paused'")
issues_on() { CA=$T/node$1 issue_cert "on$1" "on$1.t.test"; }
check "node 2 issues meanwhile" wait_for 60 issues_on 2

are_ended() { [ -z "$(in_doubt)" ]; }
check "after some time node 2 ends the intents of node 1 ($(wc -l <doubted))" wait_for 420 are_ended
check "and with it the epoch" test "$(store_sql "SELECT epoch FROM node WHERE name = '$paused'")" -gt "$epoch"
# Node 1 has not written anything, and will not: not before it has taken a newer epoch.
entries() { store_sql "SELECT count(*) FROM audit_entry WHERE convert_from(entry, 'UTF8') LIKE '%\"node\":\"$paused\"%'"; }
before=$(entries)
check "the log of node 1 says nothing of it yet" test "$(grep -c '"node.fenced"' node1.log)" -eq 0

kill -CONT -- "-${NODE_PID[1]}"
is_fenced() { grep -q '"node.fenced"' node1.log; }
check "node 1 wakes up and finds that its epoch is over" wait_for 120 is_fenced
check "what it tried before that was refused" grep -q 'another process has taken the place of node' node1.log
check "it takes a new epoch" test "$(store_sql "SELECT epoch FROM node WHERE name = '$paused'")" -gt $((epoch + 1))
check "it is ready again" wait_for 120 node_is_ready 1
check "it issues again" wait_for 60 issues_on 1
check "which is in the log" test "$(entries)" -gt "$before"
while read -r serial; do
	check_says "$serial was orphaned by node 2, and by it only" "^orphaned\|1\|certificate.orphaned$" store_sql \
		"SELECT c.status, count(*), min(e.type) FROM certificate c JOIN audit_entry e USING (serial)
		WHERE serial = '$serial' AND e.type <> 'issuance.intended' AND convert_from(entry, 'UTF8') NOT LIKE '%\"node\":\"$paused\"%'
		GROUP BY c.status"
	check_says "node 1 wrote no more of it than the intent" '^issuance.intended$' store_sql \
		"SELECT type FROM audit_entry WHERE serial = '$serial' AND convert_from(entry, 'UTF8') LIKE '%\"node\":\"$paused\"%'"
done <doubted

had=$(certificates)
check "clients get certificates from both" wait_for 60 more_certificates
touch stop
wait "$LOAD"
check "no client failed for good, each got each of its certificates" test $? -eq 0
echo "# $(cat load.json)"
is_settled() {
	/usr/bin/python3 "$tools/check_history.py" --store "$STORE" --journal journal --trace "$TRACE" --chancery "$CHANCERY" \
		--dir "$CA" --issuer issuing.pem --ocsp "http://127.0.0.1:$(node_http 1)" --ocsp "http://127.0.0.1:$(node_http 2)" \
		--crl "issuing=http://127.0.0.1:$(node_http 1)/crl/issuing.crl" >history
}
check "the history holds, when what was under way has had its time" wait_for 240 is_settled
tail -n 20 history
end_testing
