#!/usr/bin/env bash
# EST at the command line: users, one-time tokens, requests that wait; what curl
# gets with them; what is shown once and kept nowhere (E8, E17, V12, V14, V21).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
cd "$T" || exit 1
export CHANCERY_DIR=$CA
. "$CHANCERY_TOP/conformance/est_lib.sh"
exits() { # STATUS COMMAND…
	local expected=$1
	shift
	"$@"
	test $? -eq "$expected"
}

# Without a server the same commands work in process.
chancery est user add early >early.txt
check "a user is made while no server runs" test -s early.txt
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
csr early /CN=early
asks "and is let in when one does" 200 early "$EST/simpleenroll" -u "early:$(tail -n 1 early.txt)"

# cacerts, and doors that are shut.
curl -fsS --cacert "$TLSCA" "$EST/cacerts" | base64 -d | openssl pkcs7 -inform DER -print_certs >cacerts.pem
check "cacerts has the CA and the root" test "$(grep -c BEGIN cacerts.pem)" -eq 2
csr alice /CN=alice
asks "nobody is let in without saying who he is" 401 alice "$EST/simpleenroll"
check "and is told how" grep -qi '^WWW-Authenticate: Basic realm="est default"' alice.head
asks "over plain http there is nothing (S10)" 404 alice "http://localhost:$HTTP/.well-known/est/simpleenroll" -u a:b
asks "nor at another spelling (V12)" 404 alice "$EST//simpleenroll"

# A user.
chancery est user add alice >alice.txt
password=$(tail -n 1 alice.txt)
check "the password stands alone on the last line" grep -Eqx '[a-z2-9-]{23}' <<<"$password"
asks "alice gets her name" 200 alice "$EST/default/simpleenroll" -u "alice:$password"
check "it verifies" certificate alice
cp alice.pem first.pem
asks "a repeat" 200 alice "$EST/default/simpleenroll" -u "alice:$password"
check "gets the same certificate (E14)" sh -c 'base64 -d alice.out | openssl pkcs7 -inform DER -print_certs | cmp - first.pem'
csr bob /CN=bob
asks "and nobody else's (V21)" 403 bob "$EST/simpleenroll" -u "alice:$password"
check "a name is taken once" exits 1 chancery est user add alice
check "a bad name is refused" exits 1 chancery est user add "a b"
check "a label that does not exist is refused" exits 1 chancery est user add carol --label nowhere
echo "a password of my own" | chancery est user password alice --password-stdin >/dev/null
asks "an old password is over at once" 401 alice "$EST/simpleenroll" -u "alice:$password"
asks "the new one works" 200 alice "$EST/simpleenroll" -u "alice:a password of my own"
chancery est user disable alice >/dev/null
asks "a disabled user is not let in" 401 alice "$EST/simpleenroll" -u "alice:a password of my own"
chancery est user enable alice >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do curl -s -o /dev/null --cacert "$TLSCA" -H 'Content-Type: application/pkcs10' -d x -u alice:x "$EST/simpleenroll"; done
asks "ten wrong passwords lock (E17)" 401 alice "$EST/simpleenroll" -u "alice:a password of my own"
check_says "and the list says so" "^alice .*locked" chancery est user list
chancery est user password alice >alice.txt
asks "a new password ends the lock" 200 alice "$EST/simpleenroll" -u "alice:$(tail -n 1 alice.txt)"
chancery est user add desk --registrar --digest --label default >desk.txt
asks "a registrar gets what the profile gives, by Digest" 200 bob "$EST/simpleenroll" --digest -u "desk:$(tail -n 1 desk.txt)"
check "users are listed as JSON, without passwords" sh -c '"$0" est user list --json | python3 -c "import json,sys; assert not [u for u in json.load(sys.stdin) if \"password\" in u or \"verifier\" in u]"' "$CHANCERY"

# A token, and renewal with what it gave.
token=$(chancery est token create --name cn:dev-1 --name dns:dev-1.t.test | tail -n 1)
check_says "a token is listed by its hash" "^[0-9a-f]{16} .*cn:dev-1, dns:dev-1.t.test" chancery est token list
csr dev /CN=dev-1 DNS:dev-1.t.test
asks "a token gives its names" 200 dev "$EST/simpleenroll" -H "Authorization: Bearer $token"
check "it verifies" certificate dev
csr more /CN=dev-1 DNS:dev-1.t.test
asks "once" 403 more "$EST/simpleenroll" -u "token:$token"
asks "the certificate renews itself" 200 more "$MUTUAL_EST/simplereenroll" --cert dev.pem --key dev.key
asks "not where nobody asks for one" 403 more "$EST/simplereenroll" --cert dev.pem --key dev.key
check "a token for a pattern is refused" exits 1 chancery est token create --name 'dns:*.t.test'
chancery cert revoke "$(openssl x509 -in dev.pem -noout -serial | cut -d= -f2)" >/dev/null
csr last /CN=dev-1 DNS:dev-1.t.test
asks "a revoked certificate renews nothing (V10)" 403 last "$MUTUAL_EST/simplereenroll" --cert dev.pem --key dev.key

# Approval, after a reload.
sed -i 's/^    #approval: automatic/    approval: manual/' "$CA/chancery.yaml"
kill -HUP "$SERVER"
wait_for 30 grep -q '"event":"config.reloaded"' server.log
desk="desk:$(tail -n 1 desk.txt)"
csr wait /CN=pump-1
csr no /CN=pump-2
asks "a request waits (E8)" 202 wait "$EST/simpleenroll" -u "$desk"
check "with a Retry-After" grep -qi '^Retry-After: [0-9]' wait.head
asks "and is found again" 202 wait "$EST/simpleenroll" -u "$desk"
asks "another one" 202 no "$EST/simpleenroll" -u "$desk"
check "both are listed, once" test "$(chancery request list | grep -c 'est-user:desk')" -eq 2
id_of() { chancery request list --json | python3 -c 'import json,sys; print(*[r["id"] for r in json.load(sys.stdin) if r["names"][0]["value"] == sys.argv[1]])' "$1"; }
check_says "one is shown with its CSR" "BEGIN CERTIFICATE REQUEST" chancery request show "$(id_of pump-1)"
rejected=$(id_of pump-2)
check "one is approved" exits 0 chancery request approve "$(id_of pump-1)"
check "one is rejected" exits 0 chancery request reject "$rejected" --reason "ask the second floor"
asks "the next poll has the certificate" 200 wait "$EST/simpleenroll" -u "$desk"
asks "or the refusal" 403 no "$EST/simpleenroll" -u "$desk"
check "with its reason" grep -q "ask the second floor" no.out
check "a decision is made once" exits 1 chancery request approve "$rejected"
check_says "all of them are listed on demand" "rejected" chancery request list --all

# V14: what was shown once is in no log and in no store.
printf '%s\n' "$password" "$token" "a password of my own" "$(tail -n 1 alice.txt)" "$(tail -n 1 desk.txt)" >secrets.txt
chancery audit export >export.txt
check "no password and no token in the log of the server or of the CA" sh -c '! grep -qFf secrets.txt server.log export.txt'
store_sql "SELECT * FROM enrollment_user" >rows.txt
check "nor in the store" sh -c 'test -s rows.txt && ! grep -qFf secrets.txt rows.txt'
check "the log is whole" exits 0 chancery audit verify
for type in credential.created credential.changed credential.locked authentication.refused enrollment.requested enrollment.decided issuance.refused; do
	check "$type is in the log" grep -q "\"type\":\"$type\"" export.txt
done
stop_server
check "the server ends well" test $? -eq 0
done_testing
