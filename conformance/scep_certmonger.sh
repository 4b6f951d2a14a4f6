#!/usr/bin/env bash
# SCEP with certmonger, which enrols and re-enrols by GET, and with Debian's scepclient, which knows single DES and SHA-1
# only: it is refused wherever an endpoint does not say that it takes them (SP2, SP10, SP16, S8).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/scep_lib.sh"
export CHANCERY_DIR=$CA
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
settings scep <<'END'
  - name: old
    profile: mobile
    authentication: [challenge]
    compatibility: [3des, sha1]
  - name: oldest
    profile: oldest
    authentication: [challenge]
    compatibility: [des, sha1]
  - name: desk
    profile: mobile
    authentication: [approval]
END
settings profiles <<'END'
  - name: oldest
    ca: issuing
    validity: 30d
    usages: [client_auth]
    subject: [common_name, organization, organizational_unit, country]
END
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
are_ready default desk old oldest
check "each endpoint has its RA" test $? -eq 0

# --- certmonger

start_certmonger
check "certmonger runs" test $? -eq 0
known() { getcert list-cas -s -c "$1" | grep -q 'thumbprint'; }
for ca in default desk; do
	check "it learns of the CA at $ca" getcert add-scep-ca -s -c "$ca" -u "$SCEP/$ca"
	check "and asks for its certificates" wait_for 120 known "$ca"
done
request() { # FILE CA NAME [CHALLENGE]
	getcert request -s -c "$2" -k "$T/$1.key" -f "$T/$1.pem" -N "CN=$3" -D "$3" ${4:+-L "$4"}
}
check "it asks for a certificate" request cm default cm.t.test "$(challenge default cm.t.test)"
check "and watches over it" wait_for 120 cm_is cm.pem MONITORING
check "it verifies" verifies cm.pem
check_says "with its name" 'DNS:cm.t.test' openssl x509 -in cm.pem -noout -ext subjectAltName
cp cm.pem first.pem
renewed() { cm_is cm.pem MONITORING && ! cmp -s cm.pem first.pem; }
check "it asks again, by its certificate" getcert resubmit -s -f "$T/cm.pem"
check "and gets the next one" wait_for 120 renewed
check "which verifies" verifies cm.pem
check "for the same names" sh -c 'names() { openssl x509 -in "$1" -noout -subject -ext subjectAltName; }; test "$(names cm.pem)" = "$(names first.pem)"'
check "a challenge that nobody made" request no default no.t.test wrong
check "gets it nothing" wait_for 120 cm_is no.pem CA_REJECTED
check "nothing at all" test ! -e no.pem
waiting() { chancery request list --json | jq -er 'map(select(tostring | contains("gate.t.test"))) | .[0].id'; }
check "a request without a challenge" request gate desk gate.t.test
check "waits for an operator" wait_for 120 waiting
check "as certmonger knows" wait_for 120 cm_is gate.pem CA_WORKING
check "who approves it" chancery request approve "$(waiting)"
getcert refresh -s -f "$T/gate.pem" >refresh.log 2>&1 # it polls by itself, but not soon
check "and it is there" wait_for 120 cm_is gate.pem MONITORING
check "and verifies" verifies gate.pem

# --- scepclient

# It encrypts to all that it finds, unless told to whom; what it keeps is in the folder of the endpoint's name.
scepclient_at() { # ENDPOINT CHALLENGE
	mkdir -p "$1" && get_chain "$1" || return 126
	timeout 60 env -C "$1" scepclient -server-url "$SCEP/$1" -private-key client.key -certificate client.pem -keySize 2048 -cn client.t.test \
		-ca-fingerprint "$(openssl x509 -in ra.pem -outform DER | sha256sum | cut -d ' ' -f 1)" \
		-challenge "$2" >"$1/client.log" 2>&1
}
for endpoint in default old; do
	check_fails "single DES is refused at $endpoint" scepclient_at "$endpoint" "$(challenge "$endpoint" client.t.test)"
	check "and no certificate is left" test ! -e $endpoint/client.pem
	check "scepclient was told that it is the algorithm" grep -qi badAlg $endpoint/client.log
done
# Besides its name it always asks for these.
secret=$(chancery scep challenge create --endpoint oldest --name cn:client.t.test --name c:US --name o:scep-client --name ou:MDM | tail -n 1)
printf '%s\n' "$secret" >>challenges.txt
check "single DES and SHA-1 are taken where they are listed" scepclient_at oldest "$secret"
check "scepclient's certificate verifies" verifies oldest/client.pem
check "the log has what it needed" sh -c '"$0" audit export --format jsonl | grep -q "\"compatibility\":\"des sha1\""'  "$CHANCERY"

check "no challenge is in the server's log" sh -c '! grep -qFf challenges.txt server.log'
check "the log verifies" chancery audit verify
done_testing
