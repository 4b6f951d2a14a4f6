#!/usr/bin/env bash
# The database's faults, met by a running server: away at the start and in service, an answer that never comes, the
# connection cut in the middle of COMMIT, transactions that it rolls back, a certificate that it does not take
# (F3, F5, F6, F7, F25; "one signature per intent" by a count of the token's own).
# builds: plain
# stores: postgresql (with a cluster of its own: it is stopped and started)
. "$CHANCERY_TOP/conformance/tools/clusters.sh" || exit 1
cd "$T" || exit 1

# Between server and database a proxy that breaks things, between server and token one that counts.
PG_PORT=$((port_base + 4))
network() { echo "$*" >network.new && mv network.new network; }
network pass
: >cuts
need "a cluster" initdb.log make_cluster db
need "it starts" db.pg.log start_cluster db
cluster_sql db 'CREATE DATABASE chancery'
/usr/bin/python3 "$CHANCERY_TOP/tests/tools/pgproxy.py" --listen "127.0.0.1:$PG_PORT" --upstream "$PG/db/.s.PGSQL.5432" \
	--control network --count cuts 2>proxy.err &
pids+=($!)
through_proxy="postgresql://chancery@127.0.0.1:$PG_PORT/chancery"
need "the proxy" proxy.err wait_for 10 psql -qX "$through_proxy" -c 'SELECT 1'
STORE=$through_proxy
need "a CA" init.log init_ca
STORE=$(cluster_url db chancery) # what this test looks at, it looks at directly
signatures=$(dirname "$CHANCERY")/tests/fault/p11proxy.so
[ -f "$signatures" ] || make -s -C "$(dirname "$CHANCERY")" tests/fault/p11proxy.so >make.log 2>&1
export P11PROXY_MODULE=/usr/lib/softhsm/libsofthsm2.so P11PROXY_TRACE=$T/trace
sed -i "s,^  module:.*,  module: \"$signatures\"," "$CA/chancery.yaml"
sql() { cluster_sql db "$1" chancery; }
start_dns

logged() { grep -q "\"event\":\"$1\"" server.log; } # EVENT
count_logged() { grep -c "\"event\":\"$1\"" server.log; }
launch() {
	"$CHANCERY" serve --dir "$CA" 2>>server.log &
	SERVER=$!
	pids+=("$SERVER")
}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # PID: hundredths of a second on the processor

# F3, at the start: what is away is waited for, with a line and without work; SIGTERM ends the wait.
stop_cluster db
launch
check "without a database the start waits for it, and says so" wait_for 30 logged store.awaited
check_says "in words" 'starts as soon as its store is there: .*connect' cat server.log
kill -TERM "$SERVER"
wait "$SERVER"
check "SIGTERM ends the wait, with status 0" test $? -eq 0
rm server.log
launch
check "once more" wait_for 30 logged store.awaited
server_role=$(role_of server)
cpu=$(ticks "$server_role")
sleep 3 # what would be busy now would use some of it
check "it does next to nothing meanwhile" test $(($(ticks "$server_role") - cpu)) -lt 60
check "and says it once" test "$(count_logged store.awaited)" -eq 1
need "the cluster comes back" db.pg.log start_cluster db
check "the server is ready without anybody's help" wait_for 60 is_ready
check "it is the same process" test "$(role_of server)" = "$server_role"
check_fails "no role had to be started again" logged role.lost
TLSCA=$T/roots.pem
curl -fs "http://127.0.0.1:$HTTP/ca/roots.pem" -o roots.pem
curl -fs "http://127.0.0.1:$HTTP/ca/issuing.pem" -o issuing.pem

# What the database refuses is no absence: the start ends.
cp -a "$CA" wrong
set_store wrong "$through_proxy-absent"
rm -f wrong/chancery.sock
timeout 60 "$CHANCERY" serve --dir wrong 2>wrong.log
check "a database that does not exist ends the start with status 1" test $? -eq 1
check_says "with the database's words" '"event":"server.refused".*does not exist' cat wrong.log

# F3, F25, in service: from memory goes on what is signed; the rest is told to come again, and soon.
make_csr a a.t.test
issue_cert kept kept.t.test
issue_cert other other.t.test
kept=$(serial_of kept.pem) other=$(serial_of other.pem)
check "OCSP before" ocsp_says "$kept" ': good'
url=http://127.0.0.1:$HTTP
acme=https://localhost:$HTTPS/acme
jose() { # URL NONCE PAYLOAD: a request for a new account, signed with a key of its own
	(cd "$CHANCERY_TOP/tests/tools" && /usr/bin/python3 - "$@") <<'END'
import json, sys
from acme_wire import Key, b64
url, nonce, payload = sys.argv[1:]
key = Key()
first, second = b64(json.dumps({"alg": key.alg, "nonce": nonce, "url": url, "jwk": key.jwk()})), b64(payload)
print(json.dumps({"protected": first, "payload": second, "signature": b64(key.sign(("%s.%s" % (first, second)).encode()))}))
END
}
curl -fs --cacert roots.pem "$acme/directory" -o directory.json
new_account=$(jq -r .newAccount directory.json)
nonce=$(curl -fsI --cacert roots.pem "$(jq -r .newNonce directory.json)" | sed -n 's/^[Rr]eplay-[Nn]once: *\([^[:space:]]*\).*/\1/p')
jose "$new_account" "$nonce" '{"termsOfServiceAgreed":true}' >account.json
stop_cluster db

post_account() { # the answer's head and body
	curl -si --max-time 30 --cacert roots.pem -H 'Content-Type: application/jose+json' --data-binary @account.json "$new_account"
}
post_account >account.answer
check_says "a client of ACME gets 503" '^HTTP/1.1 503' head -n 1 account.answer
check_says "with a time to come again" '^Retry-After: [0-9]' cat account.answer
check_says "and a problem that it takes for the server's own" 'urn:ietf:params:acme:error:serverInternal' cat account.answer
check "an operator's request, too" is_refused a.csr
check_says "with a time to come again" '^[Rr]etry-[Aa]fter: [0-9]' issue_now a.csr -D -
before=$SECONDS
for _ in $(seq 20); do is_refused a.csr || break; done
check "and once it is known nobody waits for it: twenty in a row" test $((SECONDS - before)) -lt 30
check "/readyz says what is wrong" ready_says 'the store cannot be reached'
check "with 503" test "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 503
check "/healthz is 200: a new start would mend nothing" curl -fs "$url/healthz"
check "OCSP goes on from memory" ocsp_says "$kept" ': good'
check "what is not there is told to come later, and is never good" ocsp_says "$other" 'trylater'
check "CRLs go on" curl -fs "$url/crl/issuing.crl" -o crl.der
check "CA certificates go on" curl -fs "$url/ca/issuing.cer" -o ca.der
check "the directory goes on" curl -fs --cacert roots.pem "$acme/directory" -o /dev/null
cpu=$(ticks "$server_role") lines=$(wc -l <server.log)
sleep 5
check "meanwhile it does next to nothing" test $(($(ticks "$server_role") - cpu)) -lt 100
check "and does not fill its log" test $(($(wc -l <server.log) - lines)) -lt 30
check "it said that the store is away" wait_for 30 logged store.away
need "the cluster comes back" db.pg.log start_cluster db
check "the server is ready again by itself" wait_for 60 is_ready
check "it said so" wait_for 20 logged store.back
check "and issues" wait_for 20 issues a.csr
check "it is the same process" test "$(role_of server)" = "$server_role"

# A network that says nothing at all: no connection ends, no answer comes.
network hang
check "a database that does not answer is away, too" wait_for 90 ready_says 'the store cannot be reached'
check "requests are not held up by it" is_refused a.csr
check "OCSP goes on from memory" ocsp_says "$kept" ': good'
network pass
check "and when answers come again, it is back" wait_for 60 is_ready
check "it issues" wait_for 60 issues a.csr

# F5: COMMITs are cut off on the way there, and their answers on the way back.
start_load 4 --revoke 0.2 --patience 120
check "clients get certificates" wait_for 60 load_has 4 certificate
cut() { [ "$(grep -c "$1" cuts)" -ge "$2" ]; } # WHICH N
network cut-after 0.2
check "answers to COMMIT are lost" wait_for 120 cut cut-after 8
network cut-before 0.2
check "COMMITs are lost" wait_for 120 cut cut-before 8
network pass
so_far=$(journal_count certificate)
check "clients get certificates without them" wait_for 60 load_has $((so_far + 4)) certificate
stop_load
check "every client got what it was about" test $? -eq 0
check "no certificate is lost or there twice, and the log has all of them" wait_for 60 check_history --open-for 300

# F6: what the database rolls back is run again as a transaction; the token hears nothing of it.
sql "CREATE SEQUENCE traps;
	CREATE TABLE trap (word text, at text, code text, times bigint);
	CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS \$\$
	DECLARE set trap;
	BEGIN
		SELECT * INTO set FROM trap WHERE NEW.names LIKE '%' || word || '%' AND at = NEW.status;
		IF FOUND AND nextval('traps') <= set.times THEN RAISE EXCEPTION 'a trap' USING ERRCODE = set.code; END IF;
		RETURN NEW;
	END\$\$;
	CREATE TRIGGER spring BEFORE INSERT OR UPDATE ON certificate FOR EACH ROW EXECUTE FUNCTION spring()"
set_trap() { # WORD AT CODE TIMES: the next so many writes of this name
	sql "DELETE FROM trap; INSERT INTO trap VALUES ('$1', '$2', '$3', $4); ALTER SEQUENCE traps RESTART"
}
# The trace has the hash of what was signed: of a certificate, the hash of the hash of its TBS bytes.
signed_times() { # SERIAL
	local hash
	hash=$(sql "SELECT encode(sha256(sha256(tbs)), 'hex') FROM certificate WHERE serial = '$1'")
	grep ' C_Sign ' trace | grep -ci -- "$hash"
}
for code in 40001 40p01 25006 55p03 57014; do # in lower case, as names come into the store
	for at in intended issued; do
		set_trap "wants$code$at" "$at" "${code^^}" 3
		check "$code three times before it is $at: the client gets its certificate" issue_cert f6 "wants$code$at.t.test"
		check "each time was met" test "$(sql "SELECT last_value > 3 FROM traps")" = t
		check "it was signed once" test "$(signed_times "$(serial_of f6.pem)")" -eq 1
		check "there is one row of it" test "$(sql "SELECT count(*) FROM certificate WHERE names LIKE '%wants$code$at%'")" -eq 1
	done
done

set_trap wantsnone intended 40001 1000000000
make_csr never wantsnone.t.test
check "a collision without an end is answered with 503" is_refused never.csr
check "nothing is left of it" test "$(sql "SELECT count(*) FROM certificate WHERE names LIKE '%wantsnone%'")" -eq 0
check "others are served meanwhile" issues a.csr
set_trap wantsnone intended 40001 0
check "later it is served" issues never.csr

# The same to an order: it stays ready, and is finalized when the database is well.
set_trap load.t.test intended 40P01 1000000000
start_load 1 --certificates 1 --patience 120 --seed 6
refused_again() { [ "$(sql 'SELECT last_value FROM traps')" -gt 12 ]; }
check "finalize is tried and refused" wait_for 60 refused_again
check "the order waits, ready" test "$(sql "SELECT count(*) > 0 FROM acme_order WHERE status = 'ready'")" = t
set_trap load.t.test intended 40P01 0
wait "$LOAD"
check "and ends well in the end" test $? -eq 0

# F7: what cannot be recorded is not delivered; it is revoked, and somebody is told.
set_trap wantserror issued 22012 1000000000
make_csr lost wantserror.t.test
status=$(issue_now lost.csr)
check "the client gets a failure" test "$status" -ge 500
check_fails "and no certificate" grep -q 'BEGIN CERTIFICATE' answer
lost=$(sql "SELECT serial FROM certificate WHERE names LIKE '%wantserror%'")
check "the token had signed it" test "$(signed_times "$lost")" -eq 1
check "its serial is orphaned" test "$(sql "SELECT status FROM certificate WHERE serial = '$lost'")" = orphaned
check "and revoked" test "$(sql "SELECT count(*) FROM revocation WHERE serial = '$lost'")" -eq 1
check "and OCSP says so" ocsp_says "$lost" ': revoked'
check "the log says that a signed certificate was not delivered" logged issuance.undelivered
sql 'DROP TRIGGER spring ON certificate'

# All of it together: a certificate is signed once, whatever became of its transactions.
check "no TBS was signed twice" test -z "$(sql "SELECT encode(sha256(sha256(tbs)), 'hex') FROM certificate" >tbs.hashes
	grep ' C_Sign ' trace | tr 'A-F' 'a-f' | grep -oFf tbs.hashes | sort | uniq -d)"
check "the invariants hold" wait_for 60 check_history --open-for 300
check_says "which was looked at" '0 violations' check_history --open-for 300
done_testing
