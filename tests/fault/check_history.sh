#!/usr/bin/env bash
# The checker that fault tests end with (tests/tools/check_history.py): a true history passes, and in copies of it
# each violation of an invariant that is planted is found and named (I1 to I9).
# builds: plain
# stores: sqlite (the copies are changed with its shell; on PostgreSQL the checker runs in rounds.sh and nodes.sh)
unset CHANCERY_TEST_STORE
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
export PYTHONDONTWRITEBYTECODE=1
DNS_OPTIONS=(--address=/load.test/127.0.0.2)
setup
cd "$T" || exit 1
node=http://127.0.0.1:$HTTP
tools=$CHANCERY_TOP/tests/tools

check "clients make a history" /usr/bin/python3 "$tools/acme_load.py" --directory "$DIR_URL" --cacert "$TLSCA" --journal journal \
	--http-address 127.0.0.2 --http-port "$ACME_HTTP" --clients 4 --certificates 30 --revoke 0.4 --seed 5 --patience 60 \
	--node "$node" --ca issuing --issuer issuing.pem
last_revoked=$(jq -rs 'map(select(.what == "revoked"))[-1].serial' journal)
check "the CRL catches up" wait_for 30 sh -c "curl -fs $node/crl/issuing.crl | openssl crl -inform DER -noout -text |
	grep -qi 'Serial Number: 0*$last_revoked'"
# One more beside the clients, so that there is a CRL that does not have it yet.
curl -fs "$node/crl/issuing.crl" -o older.crl
issue_cert operator operator.t.test
check "an operator revokes, too" "$CHANCERY" cert revoke --dir "$CA" --reason superseded "$(serial_of operator.pem)"
check "the server writes a checkpoint" "$CHANCERY" audit checkpoint --dir "$CA"

# judge JOURNAL DIR [OPTION…]
judge() {
	local journal=$1 dir=$2
	shift 2
	/usr/bin/python3 "$tools/check_history.py" --store "sqlite:$dir/chancery.db" --journal "$journal" \
		--ocsp "$node" --issuer issuing.pem "$@"
}
all=(--crl "issuing=$node/crl/issuing.crl" --crl "root=$node/crl/root.crl")
check_says "the true history has no violation" "^# 0 violations in [1-9][0-9]+ entries" \
	judge journal "$CA" "${all[@]}" --chancery "$CHANCERY" --dir "$CA"
check "and the checker says so by its status" judge journal "$CA" "${all[@]}"

finds() { # WHAT INVARIANT PATTERN JOURNAL DIR [OPTION…]
	local what=$1 invariant=$2 pattern=$3
	shift 3
	local output status=0
	output=$(judge "$@" 2>&1) || status=$?
	if [ "$status" -eq 1 ] && grep -Eq "^$invariant: .*$pattern" <<<"$output"; then
		ok "$invariant: $what"
	else
		not_ok "$invariant: $what" "status $status, and no /^$invariant: .*$pattern/ in: $output"
	fi
}
# in_store WHAT INVARIANT PATTERN SQL: on a copy, without its triggers.
in_store() {
	rm -rf planted
	mkdir planted
	sqlite3 "$CA/chancery.db" ".backup planted/chancery.db"
	sqlite3 planted/chancery.db "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_master WHERE type = 'trigger'" |
		sqlite3 planted/chancery.db
	if [ "$(sqlite3 planted/chancery.db "$4; SELECT total_changes()" | tail -n 1)" -eq 0 ]; then
		not_ok "$2: $1" "nothing was changed by: $4"
		return
	fi
	finds "$1" "$2" "$3" journal planted "${all[@]}"
}
# in_journal WHAT INVARIANT PATTERN FILTER [OPTION…]: jq's, from the list of lines to another one.
in_journal() {
	local what=$1 invariant=$2 pattern=$3 filter=$4
	shift 4
	jq -cs "def of(w): map(select(.what == w)); $filter | .[]" journal >planted.journal
	finds "$what" "$invariant" "$pattern" planted.journal "$CA" "${all[@]}" "$@"
}
sql() { sqlite3 "$CA/chancery.db" "$1"; }
# again TYPE SERIAL FROM TO: SQL that puts one more entry like this one behind the end of the log, with a text replaced.
again() {
	echo "INSERT INTO audit_entry SELECT (SELECT max(seq) + 1 FROM audit_entry), time_ns, type, serial, leaf,
		CAST(replace(CAST(entry AS TEXT), '$3', '$4') AS BLOB) FROM audit_entry WHERE seq =
		(SELECT max(seq) FROM audit_entry WHERE type = '$1' AND coalesce(serial, '') LIKE '$2')"
}

seen=$(jq -rs 'map(select(.what == "certificate"))[0].serial' journal)
other=$(jq -rs 'map(select(.what == "certificate"))[1].serial' journal)
order=$(jq -rs 'map(select(.what == "certificate"))[0].order | split("/")[-1]' journal)
revoked=$(jq -rs 'map(select(.what == "revoked"))[0].serial' journal)
alive=$(sql "SELECT serial FROM certificate WHERE ca = 'issuing' AND profile = 'server' AND serial NOT IN (SELECT serial FROM revocation)
	ORDER BY serial LIMIT 1")

sql "SELECT hex(tbs) FROM certificate WHERE ca = 'issuing' ORDER BY serial = '$seen'" | /usr/bin/python3 -c '
import hashlib, sys
for tbs in sys.stdin:
    print("0 0 C_Sign 0", hashlib.sha256(hashlib.sha256(bytes.fromhex(tbs)).digest()).hexdigest(), "0x0")' >trace
check "a token that signed each certificate once" judge journal "$CA" "${all[@]}" --trace trace
{ cat trace; tail -n 1 trace; } >planted.trace
finds "a TBS that was signed twice" I1 "$seen was signed 2 times" journal "$CA" "${all[@]}" --trace planted.trace
sed '$d' trace >planted.trace
finds "a certificate that the token did not sign" I1 "$seen is issued, and no signature" journal "$CA" "${all[@]}" --trace planted.trace

in_store "a serial with two intents" I2 "$seen was intended 2 times" "$(again issuance.intended "$seen" x x)"
in_store "another TBS in the store" I2 "$seen has another TBS in the store" \
	"UPDATE certificate SET tbs = (SELECT tbs FROM certificate WHERE serial = '$other') WHERE serial = '$seen'"
in_store "a signature over something else" I2 "$seen was signed over other bytes" \
	"UPDATE certificate SET der = (SELECT der FROM certificate WHERE serial = '$other') WHERE serial = '$seen'"
in_journal "another TBS in a client's hands" I2 "a client has serial $seen with another TBS" \
	"(of(\"certificate\")[1].der) as \$der | map(if .serial == \"$seen\" and .what == \"certificate\" then .der = \$der else . end)"

in_store "a certificate without a row" I3 "a client has serial $seen, the store has none" \
	"DELETE FROM certificate WHERE serial = '$seen'"
in_store "a certificate that did not get past its intent" I3 "$seen, the store has it as orphaned" \
	"UPDATE certificate SET status = 'orphaned' WHERE serial = '$seen'"
der=$(sql "SELECT hex(der) FROM certificate WHERE serial = '$seen'")
last=$([ "${der: -1}" = 0 ] && echo 1 || echo 0)
in_store "another signature in the store" I3 "$seen with other bytes" "UPDATE certificate SET der = X'${der%?}$last' WHERE serial = '$seen'"
in_store "a certificate that is not in the log" I3 "$seen, which the log does not have" \
	"DELETE FROM audit_entry WHERE type = 'certificate.issued' AND serial = '$seen'"

in_store "an intent without an end" I4 "$alive is an intent without an end" \
	"UPDATE certificate SET status = 'intended', issued_s = NULL, der = NULL WHERE serial = '$alive'"
in_store "an orphan that is not revoked" I4 "$alive is orphaned and not revoked" \
	"UPDATE certificate SET status = 'orphaned' WHERE serial = '$alive'"
in_store "an intent of the log without a row" I4 "$alive was intended and is not in the store" \
	"DELETE FROM certificate WHERE serial = '$alive'"
in_store "an intent that ended twice" I4 "$alive is issued, its ends in the log are .*issued.*issued" \
	"$(again certificate.issued "$alive" x x)"

in_store "an acknowledged revocation that is lost" I5 "the revocation of $revoked was acknowledged" \
	"DELETE FROM revocation WHERE serial = '$revoked'"
in_store "a revocation that is not in the CRL" I5 "$alive is revoked and not in the CRL" \
	"INSERT INTO revocation SELECT '$alive', ca, revoked_s, reason, not_after_s FROM revocation LIMIT 1"
in_store "a revocation that OCSP does not know" I5 "$alive is revoked, and OCSP of $node says good" \
	"INSERT INTO revocation SELECT '$alive', ca, revoked_s, reason, not_after_s FROM revocation LIMIT 1"
finds "a CRL from before" I5 "$(serial_of operator.pem) is revoked and not in the CRL older.crl" journal "$CA" \
	--crl issuing=older.crl
in_journal "a revocation that OCSP forgot" I5 "said that .* is revoked, and then that it is good" \
	'. + [of("ocsp") | map(select(.status == "revoked"))[0] | .status = "good" | .time += 9]'
in_journal "a revocation that OCSP learned late" I5 "is good 7.00 s after its revocation" \
	'. + [of("revoked")[0] | .what = "ocsp" | .status = "good" | .node = "n" | .time += 7]' --known-within 1

number=$(sql "SELECT max(number) FROM crl WHERE ca = 'issuing'")
in_store "a CRL number for the second time in the log" I6 "the log has CRL $number of issuing after $number" \
	"$(again crl.signed % '"ca":"issuing"' '"ca":"issuing"')"
in_store "a CRL that nobody signed" I6 "the store has a CRL $((number + 1)) of issuing that the log does not have" \
	"INSERT INTO crl SELECT ca, number + 1, this_update_s, next_update_s, der FROM crl WHERE ca = 'issuing' AND number = $number"
in_store "a counter that went back" I6 "the counter of issuing stands at 1" "UPDATE crl_number SET number = 1 WHERE ca = 'issuing'"
in_journal "two CRLs with one number" I6 "has a CRL [0-9]+ of issuing that the log does not have, or another" \
	'. + [of("crl")[-1] | .sha256 |= (explode | reverse | implode)]'
in_journal "a node that goes back" I6 "went back from CRL $number to 1 of issuing" \
	". + [(of(\"crl\")[0] | .number = $number | .time += 999), (of(\"crl\")[0] | .number = 1 | .time += 1000)]"

in_store "two certificates of an order" I7 "order $order has 2 certificates in the store" \
	"UPDATE certificate SET claim_id = '$order' WHERE serial = '$other'"
in_store "two certificates of an order in the log" I7 "order $order has 2 certificates in the log" \
	"$(again certificate.issued "$seen" "$seen" "$other")"
in_store "an order with another's certificate" I7 "order $order is valid, and its serial is not" \
	"UPDATE acme_order SET serial = '$other' WHERE id = '$order'"
in_journal "two certificates of an order in clients' hands" I7 "clients have 2 certificates of order $order" \
	'. + [of("certificate")[1] + {order: of("certificate")[0].order}]'

in_journal "a nonce that was taken twice" I8 "nonce .* was taken 2 times" '. + [of("nonce")[0]]'
in_journal "a token in two challenges" I8 "token .* stands in 2 challenges" '. + [of("challenge")[0] | .challenge += "x"]'
in_store "a token in two rows" I8 "token .* stands in 2 challenges" \
	"UPDATE acme_challenge SET token = (SELECT max(token) FROM acme_challenge) WHERE id IN (SELECT id FROM acme_challenge ORDER BY token LIMIT 1)"
in_store "a challenge with two results" I8 "http-01 of authorization .* came to 2 results" "$(again validation.passed % x x)"

# The log itself is judged by the program (conformance/audit.sh plants more in it).
rm -rf changed
copy_ca "$CA" changed
sqlite3 changed/chancery.db "SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_master WHERE type = 'trigger'" | sqlite3 changed/chancery.db
sqlite3 changed/chancery.db "UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), '\"v\":1', '\"v\":2') AS BLOB) WHERE seq = 3"
finds "a changed entry" I9 "" journal changed "${all[@]}" --chancery "$CHANCERY" --dir changed
done_testing
