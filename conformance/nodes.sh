#!/usr/bin/env bash
# Two nodes, then three, then two again, over one PostgreSQL and behind a proxy that sends each request to the next:
# clients succeed without knowing of it (J7, J8, F15, F18, F26, F32; I2 to I9). One log, one sequence of CRL numbers.
# stores: sqlite (it starts a PostgreSQL of its own)
. "$CHANCERY_TOP/conformance/nodes_lib.sh" || exit 1
tools=$CHANCERY_TOP/tests/tools
# Who asks for names of which domain answers for them on an address of its own, so that all can work at once.
DNS_OPTIONS=(--address=/load.test/127.0.0.2 --address=/lego.test/127.0.0.3)
open_orders=30
NODE_SETTINGS=(-e "s/^  #?orders_per_account: .*/  orders_per_account: $open_orders/")
setup_nodes 2
cd "$T" || exit 1

# Node 2's folder came to be by copying; what tells nodes apart was not copied.
check "nodes have names of their own" test "$(cat node1/node)" != "$(cat node2/node)"
check "doctor has nothing to say of the second" "$CHANCERY" doctor --dir node2
check_says "both appear in the store" '^2$' store_sql 'SELECT count(*) FROM node'

# --- Clients who know of no nodes: certbot, lego, and eight of our own, at the same time.

load() { # SUMMARY OPTION…
	local summary=$1
	shift
	/usr/bin/python3 "$tools/acme_load.py" --directory "$DIR_URL" --cacert "$TLSCA" --journal journal --issuer issuing.pem \
		--http-address 127.0.0.2 --http-port "$ACME_HTTP" --ca issuing --ca root --patience 120 "$@" >"$summary" 2>>load.log
}
export REQUESTS_CA_BUNDLE=$TLSCA LEGO_CA_CERTIFICATES=$TLSCA
certbot_for() { # NAME
	certbot --config-dir etc --work-dir work --logs-dir log --server "$DIR_URL" -n certonly --standalone --agree-tos -m a@t.test \
		--no-eff-email --preferred-challenges http --http-01-port "$ACME_HTTP" --http-01-address 127.0.0.1 --key-type ecdsa -d "$1"
}
lego_as() { # COMMAND…
	lego --server "$DIR_URL" --path lego --email a@lego.test --accept-tos --http --http.port "127.0.0.3:$ACME_HTTP" \
		--domains a.lego.test "$@"
}
nodes_of_load=(--node "http://127.0.0.1:$(node_http 1)" --node "http://127.0.0.1:$(node_http 2)")
load first.json --clients 8 --certificates 120 "${nodes_of_load[@]}" &
first=$!
certbot_for a.t.test >certbot.log 2>&1 &
certbot=$!
check "lego gets a certificate through the proxy" lego_as run
check "lego revokes it" lego_as revoke --reason 4 --keep
wait "$certbot"
check "certbot got a certificate through the proxy" test $? -eq 0
wait "$first"
check "eight clients of our own got theirs" test $? -eq 0
echo "# $(cat first.json)"
check "no nonce was refused" test "$(jq '.counts.badNonce // 0' first.json)" -eq 0
check "no request met a failure of the server" test "$(jq '.counts."500" // 0' first.json)" -eq 0 # 503 and silence: a busy machine's proxy
check "what was spent once was refused after that (J8)" test "$(jq '.counts."spent again"' first.json)" -ge 120

# --- Each node by itself.

join_node 3
start_node 3
check "a third node joins" test $? -eq 0
stop_proxy
start_proxy 1 2 3
check "and the proxy knows it" test $? -eq 0
/usr/bin/python3 "$CHANCERY_TOP/conformance/tools/nodes.py" --directory "$DIR_URL" --cacert "$TLSCA" --journal journal \
	--http-address 127.0.0.2 --http-port "$ACME_HTTP" --open-orders "$open_orders" --issuer issuing.pem \
	--node "$(node_https 1):$(node_http 1)" --node "$(node_https 2):$(node_http 2)" --node "$(node_https 3):$(node_http 3)" \
	>scenes.tap 2>scenes.log
status=$?
while IFS= read -r line; do # counted with this test's own
	case "$line" in
	"ok - "*) ok "${line#ok - }" ;;
	"not ok - "*) not_ok "${line#not ok - }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <scenes.tap
check "the scenes came to their end" test "$status" -eq 0
took=$(sed -n 's/^# revocation_ms //p' scenes.tap)
if [ "${CHANCERY_BUILD_KIND:-plain}" = plain ]; then
	# Of five, all of them printed: a machine that is busy with other tests may lose a second by itself.
	check "OCSP of every node knows of a revocation within a second ($took ms)" test "${took:-9999}" -le 1000
fi

# CRLs: the nodes serve the same one soon, and its numbers are of one sequence.
crl_hash() { curl -fs "http://127.0.0.1:$(node_http "$1")/crl/issuing.crl" | sha256sum; }
same_crls() { [ "$(crl_hash 1)" = "$(crl_hash 2)" ] && [ "$(crl_hash 1)" = "$(crl_hash 3)" ]; }
check "all nodes come to serve the same CRL" wait_for 30 same_crls
number=0
for n in 1 2 3; do
	before=$number
	check "node $n makes a CRL when an operator asks it to" "$CHANCERY" crl publish --dir "node$n" issuing
	number=$(HTTP=$(node_http "$n") crl_number issuing)
	check "whose number follows on the last one ($number)" test "$number" -gt "$before"
done
check "all nodes come to serve the last one" wait_for 30 same_crls

# --- F32: a rolling upgrade, node by node, to another profile, while clients go on.

served=()
for n in 1 2 3; do
	served+=(--ocsp "http://127.0.0.1:$(node_http "$n")" --crl "issuing=http://127.0.0.1:$(node_http "$n")/crl/issuing.crl")
done
certificates() { jq -s 'map(select(.what == "certificate")) | length' journal; }
more_certificates() { [ "$(certificates)" -ge $((had + 10)) ]; }
load second.json --clients 6 --until stop --node "http://127.0.0.1:$(node_http 2)" --node "http://127.0.0.1:$(node_http 3)" &
second=$!
for n in 1 2 3; do
	had=$(certificates)
	check "clients get certificates before node $n is upgraded" wait_for 60 more_certificates
	# The profile of ACME's door, the first of the file.
	sed -i '0,/^    validity: 90d/s//    validity: 45d/' "node$n/chancery.yaml"
	restart_node "$n"
	check "node $n restarts with another profile" test $? -eq 0
done
had=$(certificates)
check "and after all of them are" wait_for 60 more_certificates
touch stop
wait "$second"
check "no client failed for good" test $? -eq 0
echo "# $(cat second.json)"
validities() { store_sql "SELECT DISTINCT not_after_s - not_before_s + 1 FROM certificate WHERE profile = 'server' ORDER BY 1" | paste -sd,; }
check "each certificate has the validity of one profile or the other, to the second (V37)" \
	test "$(validities)" = "$((45 * 86400)),$((90 * 86400))"
check_says "and its row says of which" '^2$' store_sql \
	"SELECT count(*) FROM (SELECT DISTINCT profile_hash, not_after_s - not_before_s FROM certificate WHERE profile = 'server') AS pairs"

# --- A node goes for good: the first one, with its folder.

stop_node 1
check "node 1 drains and ends well" test $? -eq 0
rm -rf node1
CA=$T/node2
stop_proxy
start_proxy 2 3
check "the proxy goes on with the others" test $? -eq 0
check "lego gets another certificate" lego_as run

# The proxy of the documentation, for machines of their own and with TLS that goes through; here its nodes are 2 and 3.
stop_proxy
own_ports=(-e "s/bind :8443/bind 127.0.0.1:$HTTPS/; s/bind :8444/bind 127.0.0.1:$MUTUAL/; s/bind :8080/bind 127.0.0.1:$HTTP/")
for n in 2 3; do
	own_ports+=(-e "s/node$((n - 1)).example.internal:8443 check port 8080/127.0.0.1:$(node_https "$n") check port $(node_http "$n")/"
		-e "s/node$((n - 1)).example.internal:8444 check port 8080/127.0.0.1:$(node_mutual "$n") check port $(node_http "$n")/"
		-e "s/node$((n - 1)).example.internal:8080/127.0.0.1:$(node_http "$n")/")
done
sed "${own_ports[@]}" "$CHANCERY_TOP/docs/haproxy.cfg" >documented.cfg
TLSCA=$T/roots.pem
run_proxy documented.cfg
check "docs/haproxy.cfg works" test $? -eq 0
export REQUESTS_CA_BUNDLE=$TLSCA
check "certbot gets another certificate through it" certbot_for b.t.test
check "it passes CRLs on" crl_number issuing

# EST through it: a token of one node, spent at whichever comes next; renewal by the certificate, which TLS brings along.
est() { # REQUEST OPERATION CURL-OPTION…: its certificate in REQUEST.pem
	local request=$1 operation=$2
	shift 2
	openssl base64 -in "$request.der" | curl -fsS --cacert "$TLSCA" -H 'Content-Type: application/pkcs10' --data-binary @- "$@" \
		"https://localhost:$MUTUAL/.well-known/est/$operation" | base64 -d | openssl pkcs7 -inform DER -print_certs -out "$request.pem"
}
for request in unit unit2 unit3; do
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $request.key -subj /CN=unit -outform DER -out $request.der 2>/dev/null
done
token=$("$CHANCERY" est token create --dir node2 --name cn:unit | tail -n 1)
check "a device enrols through it (E14)" est unit simpleenroll -H "Authorization: Bearer $token"
check "and renews itself" est unit2 simplereenroll --cert unit.pem --key unit.key
check "at every node" est unit3 simplereenroll --cert unit2.pem --key unit2.key
check "with certificates that verify" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem unit.pem unit2.pem unit3.pem

check "an operator issues on node 2" issue_cert operator operator.t.test
check "and revokes it on node 3" "$CHANCERY" cert revoke --dir node3 --reason superseded "$(serial_of operator.pem)"
check_says "which node 2 shows at once" '"revoked": "20' "$CHANCERY" cert show --dir node2 --json "$(serial_of operator.pem)"

for n in 2 3; do check "the one log, from node $n" "$CHANCERY" audit verify --dir "node$n"; done
history() {
	/usr/bin/python3 "$tools/check_history.py" --store "$STORE" --journal journal --issuer issuing.pem "${served[@]:4}" >history
}
check "I2 to I8 hold, when the CRLs have had their time" wait_for 60 history
tail -n 20 history
end_testing
