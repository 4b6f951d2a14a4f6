#!/usr/bin/env bash
# SCEP for devices that Microsoft Intune manages: real clients against the server, and tests/tools/fake_intune.py in
# Microsoft's place (IN1-IN5, V44, F38).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/scep_lib.sh"
export CHANCERY_DIR=$CA
MICROSOFT=$((port_base + 11))
CLIENT=11111111-2222-3333-4444-555555555555
mkdir ms
printf 's3cr+t &v=%s\n' "$RANDOM$RANDOM" >intune.secret && chmod 600 intune.secret
openssl req -x509 -newkey rsa:2048 -nodes -keyout app.key -subj /CN=app -days 2 -out app.pem 2>/dev/null && chmod 600 app.key

start_microsoft() { # OPTION…
	rm -f ms/ready
	/usr/bin/python3 -W ignore "$CHANCERY_TOP/tests/tools/fake_intune.py" --port "$MICROSOFT" --dir ms --tenant t.example --client-id "$CLIENT" \
		"$@" 2>>microsoft.log &
	FAKE=$!
	wait_for 60 test -f ms/ready
}
stop_microsoft() { kill "$FAKE" && wait "$FAKE" 2>/dev/null; }
# microsoft JSON: from now on control.json, beside the challenges that it has given out.
microsoft() {
	/usr/bin/python3 -c 'import json, sys; print(json.dumps(dict({"challenges": sys.argv[2:]}, **json.loads(sys.argv[1]))))' \
		"${1:-{\}}" good-1 good-2 good-3 good-4 good-5 good-6 good-7 good-8 good-9 >ms/control.new
	mv ms/control.new ms/control.json
}
# told DOOR PYTHON: of the requests at that door, with their bodies as `bodies`, the expression holds.
told() {
	/usr/bin/python3 - "$1" "$2" <<'END'
import json, sys
entries = [json.loads(line) for line in open("ms/requests.jsonl")]
bodies = [json.loads(e["body"]) for e in entries if e["door"] == sys.argv[1] and e["status"] == 200 and e["body"]]
n = len([e for e in entries if e["door"] == sys.argv[1]])
sys.exit(0 if eval(sys.argv[2]) else 1)
END
}
asked() { /usr/bin/python3 -c 'import json, sys; print(sum(json.loads(l)["door"] == sys.argv[1] for l in open("ms/requests.jsonl")))' "$1"; }

intune() { # TIMEOUT OPTION-LINE…
	local url=https://127.0.0.1:$MICROSOFT timeout=$1
	shift
	printf '    intune:\n      tenant: t.example\n      client_id: %s\n      trust_file: %s/ms/ca.pem\n      timeout: %s\n' "$CLIENT" "$T" "$timeout"
	printf '      login_url: %s\n      graph_url: %s\n' "$url" "$url"
	printf '      %s\n' "$@"
}

init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
cp "$CA/chancery.yaml" plain.yaml
TABLETS=challenge # how they show who they are
configure() { # OPTION-LINE… of intune
	cp plain.yaml "$CA/chancery.yaml"
	{
		printf '  - name: phones\n    profile: mobile\n    authentication: [intune]\n' && intune 3s "$@"
		printf '  - name: tablets\n    profile: mobile\n    authentication: [%s]\n    approval: manual\n' "$TABLETS"
		intune 50s 'revocations: false' "$@" | awk '!seen[$1]++' # each key once
	} | settings scep
}
configure "secret_file: $T/intune.secret" 'revocations: false'
microsoft
start_microsoft --secret "$(cat intune.secret)" || { not_ok "Microsoft starts" "$(cat microsoft.log)"; done_testing; exit 1; }
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
get_chain phones || not_ok "GetCACert"

# empty_challenge FILE: FILE.der again, with a challengePassword of no characters, which openssl does not write.
empty_challenge() {
	/usr/bin/python3 -W ignore - "$1" <<'END'
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import AttributeOID
old = x509.load_der_x509_csr(open(sys.argv[1] + ".der", "rb").read())
builder = x509.CertificateSigningRequestBuilder().subject_name(old.subject).add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"")
for extension in old.extensions:
    builder = builder.add_extension(extension.value, extension.critical)
key = serialization.load_pem_private_key(open(sys.argv[1] + ".key", "rb").read(), None)
open(sys.argv[1] + ".der", "wb").write(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
END
}

count() { chancery cert list --json --profile mobile | /usr/bin/python3 -c 'import json, sys; print(len(json.load(sys.stdin)))'; }

# --- A device with the challenge that Intune gave it (IN1, IN2).

pki --scepca --url "$SCEP/phones" --caout signer.pem --raout swan-ra.pem --outform pem --force >pki.log 2>&1
swan() { # OUT KEY NAME OPTION…
	local out=$1 key=$2 name=$3
	shift 3
	pki --scep --url "$SCEP/phones" --in "$key" --dn "CN=$name" --san "$name" --cacert-enc swan-ra.pem --cacert-sig issuing.pem \
		--cacert roots.pem --cacert issuing.pem --outform pem "$@" >"$out" 2>>pki.log
}
rsa_key swan.key
check "strongSwan enrols with a challenge of Intune's" swan swan.pem swan.key phone-1.t.test --password good-1
check "the certificate verifies" verifies swan.pem
check "Microsoft was shown the request" told validate 'n == 1 and bodies[0]["request"]["transactionId"]'
check "Microsoft hears of it" wait_for 60 told success 'bodies'
check "by its serial number" told success "bodies[0]['notification']['certificateSerialNumber'].lower() == '$(serial_of swan.pem)'"
thumbprint=$(openssl x509 -in swan.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')
check "by its thumbprint" told success "bodies[0]['notification']['certificateThumbprint'] == '$thumbprint'"
check "and by its transaction" told success 'bodies[0]["notification"]["transactionId"]'
expiry=$(date -u -d "$(openssl x509 -in swan.pem -noout -enddate | sed 's/.*=//')" +%Y-%m-%dT%H:%M:%S.000Z)
check "with its end" told success "bodies[0]['notification']['certificateExpirationDateUtc'] == '$expiry'"

# --- V44: absent, empty and wrong challenges, with Intune on, unreachable and off.

BEFORE=$(count)
device none none.t.test
device empty empty.t.test
empty_challenge empty
device wrong wrong.t.test wrong
device right right.t.test good-2
for file in none empty wrong; do message "$file" 19 "$file.der"; done
asked=$(asked validate)
asks "with Intune on, no challenge is refused (V44)" "2 2" none phones
asks "nor is an empty one enough (V44)" "2 2" empty phones
check "Microsoft is not asked about either" test "$(asked validate)" -eq "$asked"
asks "a wrong one is refused (V44)" "2 2" wrong phones
check "by Microsoft" test "$(asked validate)" -eq $((asked + 1))
get_chain default || not_ok "GetCACert"
for file in none empty wrong right; do
	message "$file" 19 "$file.der"
	asks "with Intune off, a challenge is refused that is $file (V44)" "2 2" "$file" default
done
check "by nobody but us" test "$(asked validate)" -eq $((asked + 1))
get_chain phones || not_ok "GetCACert"
for file in none right; do message "$file" 19 "$file.der"; done

refuses() { # NAME JSON: with Microsoft in that state the right challenge is refused, and so is no challenge
	microsoft "$2"
	asks "$1: the right challenge is refused (V44)" "2 2" right phones
	asks "$1: no challenge is refused (V44)" "2 2" none phones
}
refuses "an expired challenge" '{"validate": {"code": "ChallengeExpired"}}'
refuses "another name than Intune knows" '{"validate": {"code": "SubjectNameMismatch"}}'
refuses "a success that is none" '{"validate": {"code": "success"}}'
refuses "a success with an error's status" '{"validate": {"status": 500, "code": "Success"}}'
refuses "too many requests" '{"validate": {"status": 429, "code": "Success", "retry_after": 1}}'
refuses "an HTML page" '{"validate": {"body": "<html>Success</html>", "content_type": "text/html"}}'
refuses "an answer without an end" '{"validate": {"huge": 1000000}}'
refuses "no answer (F38)" '{"validate": {"silent": true}}'
refuses "a connection that breaks off" '{"validate": {"drop": true}}'
refuses "no admission" '{"no_token": true, "token": {"status": 401, "body": "{\"error\": \"invalid_client\"}"}}'
refuses "no such service" '{"no_service": true, "no_token": true, "token_lifetime": 0}'
stop_microsoft
asks "nobody there: the right challenge is refused (V44)" "2 2" right phones
asks "nobody there: no challenge is refused (V44)" "2 2" none phones
check "no certificate came of all that" test "$(count)" -eq "$BEFORE"
check "refusals are in the log, with Microsoft's words" sh -c '"$0" audit export --format jsonl | grep -q "ChallengeExpired"' "$CHANCERY"

# --- Notices outlast an outage and a restart (IN3).

microsoft '{"success": {"status": 503}}'
start_microsoft --secret "$(cat intune.secret)"
asks "and as soon as Intune is there, the device gets its certificate" 0 right phones
cat roots.pem issuing.pem >anchors.pem
device_has() { TLSCA=anchors.pem opened right right.crt; }
check "which OpenSSL takes" device_has
check "and verifies" verifies right.crt
check "Microsoft cannot hear of it now" wait_for 60 told success 'n == 2'
configure "certificate_file: $T/app.pem" "key_file: $T/app.key"
stop_server || not_ok "the server stops" "$(tail -n 20 server.log)"
stop_microsoft
serial=$(serial_of swan.pem)
other=$(serial_of right.crt)
issuer=$(openssl x509 -in issuing.pem -noout -subject -nameopt RFC2253 | sed 's/^subject=//')
microsoft "{\"revocations\": [
	{\"requestContext\": \"c-1\", \"serialNumber\": \"${serial^^}\", \"issuerName\": \"$issuer\", \"caConfiguration\": \"phones\"},
	{\"requestContext\": \"c-2\", \"serialNumber\": \"$(serial_of "$T/issuing.pem")\", \"issuerName\": \"$issuer\", \"caConfiguration\": \"phones\"},
	{\"requestContext\": \"c-3\", \"serialNumber\": \"$other\", \"issuerName\": \"CN=Another CA\"}]}"
start_microsoft --app-certificate app.pem || not_ok "Microsoft starts" "$(cat microsoft.log)"
start_server || not_ok "the server starts again" "$(tail -n 40 server.log)"
check "after the restart, with a certificate in place of the secret, it does" wait_for 120 told success \
	"[b for b in bodies if b['notification']['certificateSerialNumber'].lower() == '$other']"

# --- Revocations that Microsoft asks for (IN4).

check "results of revocations come" wait_for 60 told upload 'bodies'
check "the one is done" told upload 'bodies[0]["results"][0] == {"requestContext": "c-1", "succeeded": True, "errorCode": "None", "errorMessage": None}'
check "a CA is not revoked by Microsoft" told upload 'bodies[0]["results"][1]["errorCode"] == "CertificateNotFoundError"'
check "another CA's is not answered" told upload 'len(bodies[0]["results"]) == 2'
check_says "it is revoked" '"revoked"' chancery cert show "$serial" --json
check_fails "the others are not" sh -c '"$0" cert show "$1" --json | grep -q revoked_at' "$CHANCERY" "$other"
revoked() { curl -fs "http://127.0.0.1:$HTTP/crl/issuing.crl" | openssl crl -inform DER -noout -text | grep -qi "$1"; }
check "the CRL has it" wait_for 60 revoked "$serial"
check "the log says who asked" sh -c '"$0" audit export --format jsonl | grep "certificate.revoked" | grep -q "intune:phones"' "$CHANCERY"

# --- A renewal is asked for like a first certificate (IN5).

check_fails "a certificate alone renews nothing here" swan no.pem swan.key right.t.test --cert right.crt --key right.key
rsa_key next.key
check "with a challenge besides it does" swan next.pem next.key right.t.test --password good-3 --cert right.crt --key right.key

# --- A yes is good for the call that it was given in (IN5), at an endpoint that asks Intune since a reload.

reloaded() { [ "$(grep -c '"config.reloaded"' server.log)" -gt "$1" ]; }
device early early.t.test good-4
device late late.t.test good-5
TABLETS=intune
configure "certificate_file: $T/app.pem" "key_file: $T/app.key"
before=$(grep -c '"config.reloaded"' server.log)
kill -HUP "$SERVER"
check "an endpoint begins to ask Intune by a reload" wait_for 60 reloaded "$before"
get_chain tablets || not_ok "GetCACert"
microsoft
BEFORE=$(count)
approve() { chancery request list --json | field '.[] | select(.status == "pending") | .id' | xargs -n 1 "$CHANCERY" request approve; }
for file in early late; do
	message "$file" 19 "$file.der"
	asks "Intune says yes, and an operator is waited for: $file" 3 "$file" tablets
done
check "who says yes, too" approve
microsoft '{"validate": {"code": "ChallengeExpired"}}'
asks "what Intune takes back meanwhile gives no certificate" "2 2" late tablets
check "and is over" test "$(count)" -eq "$BEFORE"
microsoft '{"validate": {"drop": true}}'
asks "while Intune cannot be asked, what was approved waits" 3 early tablets
check "and gets no certificate either" test "$(count)" -eq "$BEFORE"
microsoft
asks "it gets it as soon as Intune can be asked" 0 early tablets
asks "what was taken back stays so" "2 2" late tablets

# --- A silent Microsoft holds up nobody but those whom it is asked about, and of these two of an address.

device crowd crowd.t.test rubbish
for n in $(seq 24); do message crowd 19 crowd.der "crowd-$n" && mv crowd.msg "crowd-$n.msg"; done
get_chain default || not_ok "GetCACert"
secret=$(challenge default plain.t.test)
device plain plain.t.test "$secret"
message plain 19 plain.der
microsoft '{"validate": {"silent": true}}'
crowd=()
for n in $(seq 24); do
	curl -s -o /dev/null -D "crowd-$n.head" --data-binary "@crowd-$n.msg" "$SCEP/tablets?operation=PKIOperation" &
	crowd+=($!)
done
sent_away() { [ "$(cat crowd-*.head | grep -c '^HTTP/1.1 503')" -eq 22 ]; }
check "of 24 requests from one address, 22 are told at once to come again" wait_for 40 sent_away
check "by Retry-After" test "$(cat crowd-*.head | grep -ci '^retry-after: ')" -eq 22
for endpoint in tablets phones default; do
	check "meanwhile there are the capabilities of $endpoint" curl -fsS -m 10 -o caps.txt "$SCEP/$endpoint?operation=GetCACaps"
	check "and its certificates" curl -fsS -m 10 -o ca.p7 "$SCEP/$endpoint?operation=GetCACert"
done
asks "and certificates where Intune is not asked" 0 plain default
check "while two are still being asked about" test "$(cat crowd-*.head | grep -c '^HTTP')" -eq 22
stop_microsoft
wait "${crowd[@]}"
check "which then are refused" test "$(cat crowd-*.head | grep -c '^HTTP/1.1 200')" -eq 2

# --- What nobody may find.

check "every request was as Microsoft's own client makes it" sh -c '! grep -v "\"wrong\": \[\]" ms/requests.jsonl'
check_fails "the secret is in no log" grep -qF "$(cat intune.secret)" server.log
check_fails "nor is a token" grep -qFf ms/tokens.txt server.log
check_fails "nor in the folder" grep -rqFf ms/tokens.txt "$CA"
check_fails "nor a challenge in the log" grep -q 'good-[0-9]' server.log
check "the log is intact" chancery audit verify
done_testing
