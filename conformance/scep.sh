#!/usr/bin/env bash
# SCEP with real clients: strongSwan's pki, and messages that OpenSSL encrypts, verifies and decrypts; an RSA RA before
# an EC CA, and before an RSA CA (SP1-SP3, SP7-SP14, S1, S2, S8).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/scep_lib.sh"
export CHANCERY_DIR=$CA
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
settings scep <<'END'
  - name: desk
    profile: mobile
    authentication: [approval]
  - name: old
    profile: mobile
    authentication: [challenge]
    compatibility: [3des, sha1]
    next_ca: next-ca.pem
END
next_ca "$CA/next-ca.pem"
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
are_ready default desk old
check "each endpoint has its RA" test $? -eq 0

# --- What everybody may ask: capabilities, the CA.

has() { tr -d '\r' <caps.txt | grep -qx "$1"; }
curl -fsS -D caps.head "$SCEP/default?operation=GetCACaps" -o caps.txt
check "capabilities are text (SP1)" grep -qi '^content-type: text/plain' caps.head
for word in AES POSTPKIOperation Renewal SCEPStandard SHA-256 SHA-512; do
	check "$word is one" has "$word"
done
for word in DES3 SHA-1 MD5; do
	check_fails "$word is not (SP16)" has "$word"
done
curl -fsS "$SCEP/old?operation=GetCACaps" -o caps.txt
check "where old devices are let in, it is" has DES3
check "the CA and its RA" get_chain default
check_says "are of their media type (SP3)" '^[Cc]ontent-[Tt]ype: application/x-x509-ca-ra-cert' curl -fsS -o ca.p7 -D - "$SCEP/default?operation=GetCACert"
check_says "the RA signs and is encrypted to" 'Digital Signature, Key Encipherment' openssl x509 -in ra.pem -noout -ext keyUsage
check_says "by RSA" 'rsaEncryption' openssl x509 -in ra.pem -noout -text
check_says "where the CA has another kind of key" 'ecdsa-with-SHA' openssl x509 -in ra.pem -noout -text
check "OpenSSL takes it for who may sign a message" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem -purpose smimesign ra.pem
check "pkiclient.exe at the end of the address changes nothing" sh -c 'curl -fsS "$1/default/pkiclient.exe?operation=GetCACert" | cmp - ca.p7' - "$SCEP"
check "nor does an identifier of the CA" sh -c 'curl -fsS "$1/default?operation=GetCACert&message=Test%20Corp" | cmp - ca.p7' - "$SCEP"
check "it is on https, too" sh -c 'curl -fsS --cacert "$1" "$2" | cmp - ca.p7' - "$TLSCA" "https://localhost:$HTTPS/scep/default?operation=GetCACert"

# --- strongSwan.

# The first CA is signer.pem, those above it are named after it.
swan_ca() { pki --scepca --url "$SCEP/$1" --caout signer.pem --raout swan-ra.pem --outform pem --force; }
swan() { # OUT ENDPOINT KEY NAME OPTION…
	local out=$1 endpoint=$2 key=$3 name=$4 file cas=()
	shift 4
	for file in roots.pem issuing.pem; do cas+=(--cacert "$file"); done
	pki --scep --url "$SCEP/$endpoint" --in "$key" --dn "CN=$name" --san "$name" --cacert-enc swan-ra.pem --cacert-sig issuing.pem \
		"${cas[@]}" --interval 1 --maxpolltime 60 --outform pem "$@" >"$out"
}
for n in 1 2 3 4 5 6 7; do rsa_key "swan$n.key"; done
check "strongSwan gets the CA" swan_ca default
check "and the RA" test -s swan-ra.pem
secret=$(challenge default dev-1.t.test)
check "a challenge stands alone on the last line" grep -Eqx '[a-z2-9-]{20,}' <<<"$secret"
check "strongSwan enrols with it" swan swan1.pem default swan1.key dev-1.t.test --password "$secret"
check "the certificate verifies" verifies swan1.pem
check_says "and has the name" 'DNS:dev-1.t.test' openssl x509 -in swan1.pem -noout -ext subjectAltName
check_fails "a challenge is good once (S1)" swan no.pem default swan2.key dev-1.t.test --password "$secret"
check_fails "a wrong one is not" swan no.pem default swan2.key dev-1.t.test --password wrong
check_fails "nor is none" swan no.pem default swan2.key dev-1.t.test
check_fails "nor one for another name" swan no.pem default swan2.key dev-2.t.test --password "$(challenge default dev-3.t.test)"
check "strongSwan renews by its certificate" swan swan2.pem default swan2.key dev-1.t.test --cert swan1.pem --key swan1.key
check "with a certificate that verifies" verifies swan2.pem
check_fails "for another key" sh -c 'openssl x509 -in swan1.pem -noout -pubkey >1.pub; openssl x509 -in swan2.pem -noout -pubkey | cmp -s - 1.pub'
check_fails "but for no other name (S3)" swan no.pem default swan3.key dev-2.t.test --cert swan2.pem --key swan2.key
check "the first one is revoked" chancery cert revoke "$(serial_of swan1.pem)" --reason superseded
check_fails "it renews nothing any more (V10)" swan no.pem default swan3.key dev-1.t.test --cert swan1.pem --key swan1.key
check "strongSwan enrols with SHA-384" swan swan4.pem default swan4.key dev-4.t.test --password "$(challenge default dev-4.t.test)" --digest sha384
check "and with SHA-512" swan swan7.pem default swan7.key dev-4.t.test --password "$(challenge default dev-4.t.test)" --digest sha512
check_fails "not with triple DES (SP16)" swan no.pem default swan5.key dev-5.t.test --password "$(challenge default dev-5.t.test)" --cipher des3
check_fails "nor with SHA-1" swan no.pem default swan5.key dev-5.t.test --password "$(challenge default dev-5.t.test)" --digest sha1

# Where old devices are let in (S8).
check "another endpoint has another RA" swan_ca old
check "triple DES and SHA-1 are taken there" swan swan5.pem old swan5.key dev-5.t.test --password "$(challenge old dev-5.t.test)" --cipher des3 --digest sha1
check "the certificate is as good" verifies swan5.pem
check "and what happened is in the log" sh -c '"$0" audit export | grep -q "3des"' "$CHANCERY"

# An operator approves what waits, while strongSwan polls (SP11).
waiting() { chancery request list --json | jq -er 'map(select(tostring | contains("dev-6.t.test"))) | .[0].id'; }
check "strongSwan gets the RA of the desk" swan_ca desk
swan swan6.pem desk swan6.key dev-6.t.test 2>swan6.log &
swan=$!
check "its request waits" wait_for 60 waiting
check "and is approved" chancery request approve "$(waiting)"
wait "$swan"
check "strongSwan has its certificate" test $? -eq 0
check "which verifies" verifies swan6.pem

# --- OpenSSL: what strongSwan cannot do.

get_chain default
device a a.t.test "$(challenge default a.t.test)"
message a 19 a.der
asks "a request by GET (SP2)" 0 a default get
cp a.reply first.reply
check "OpenSSL verifies and decrypts the reply (SP8)" opened a a-cert.pem
check "with one certificate in it" test "$(grep -c BEGIN a-cert.pem)" -eq 1
check "which verifies" verifies a-cert.pem
check_says "the reply is encrypted with AES" 'aes-(128|256)-cbc' openssl cms -cmsout -print -noout -inform DER -in a.inner
check_says "and names no other recipient" '^1$' sh -c 'openssl cms -cmsout -print -noout -inform DER -in a.inner | grep -c issuerAndSerialNumber'
asks "the same message again" 0 a default
check "brings the same certificate (S2)" sh -c 'openssl cms -verify -noverify -inform DER -in a.reply 2>/dev/null |
	openssl cms -decrypt -inform DER -recip a.pem -inkey a.key | openssl pkcs7 -inform DER -print_certs | cmp - a-cert.pem'
count=$(count_certificates)
device plus plus.t.test "$(challenge default plus.t.test)"
until [[ $(base64 -w0 plus.msg 2>/dev/null) == *+*/*+* ]]; do message plus 19 plus.der; done
check "a client that leaves + and / as they are" sh -c 'curl -fsS -o plus.reply "$1/default?operation=PKIOperation&message=$(base64 -w0 plus.msg)"' - "$SCEP"
check_says "is understood" '^pkiStatus: 0$' wire show plus.reply
check "and has its certificate" opened plus plus-cert.pem
check "it is one more" test "$(count_certificates)" -eq $((count + 1))

# As the holder of what it got: that certificate signs, and replies are encrypted to it.
cp a.key held.key && cp a-cert.pem held.pem
wire name --issuer issuing.pem --serial "$(serial_of plus-cert.pem)" >held.der
message held 21 held.der
asks "GetCert (SP13)" 0 held default
check "OpenSSL verifies and decrypts it" opened held got.pem
check "it is the one that was asked for" sh -c 'openssl x509 -in got.pem -outform DER >1.der; openssl x509 -in plus-cert.pem -outform DER | cmp - 1.der'
wire name --issuer issuing.pem --serial 1234567890abcdef >held.der
message held 21 held.der
asks "one that is not there" "2 4" held default
wire name --issuer issuing.pem --serial "$(serial_of held.pem)" >held.der
message held 22 held.der
asks "GetCRL" 0 held default get
check "OpenSSL verifies and decrypts it, too" opened held got.pem
check_says "it is a good CRL" 'verify OK' sh -c 'openssl crl -in got.pem -CAfile issuing.pem -noout'
check_says "with the revoked one in it" "$(serial_of swan1.pem | tr a-f A-F)" openssl crl -in got.pem -noout -text
message a 22 held.der
asks "not for somebody whom nobody knows" "2 2" a default

# Polling by OpenSSL: the request waits, then its issuer and subject find it (SP11).
get_chain desk
device poll poll.t.test
message poll 19 poll.der
asks "a request waits" 3 poll desk
wire name --issuer issuing.pem --subject poll.der >poll.content
message poll 20 poll.content
asks "and so does a poll" 3 poll desk
message poll 20 poll.content another-transaction
asks "of which there is no other" "2 4" poll desk
id=$(chancery request list --json | jq -r 'map(select(tostring | contains("poll.t.test"))) | .[0].id')
check "it is rejected" chancery request reject "$id" --reason "no such device"
message poll 20 poll.content
asks "and the poll is told so" "2 2" poll desk get
check_says "in words" 'failInfoText: .*no such device' wire show poll.reply

# The next CA (SP14): of none there is nothing to get, and then it is signed by the one of now.
announced() { # ENDPOINT: OpenSSL verifies the message by the CA of now; the certificates in it
	curl -fsS -D next.head "$SCEP/$1?operation=GetNextCACert" -o next.msg &&
		openssl cms -verify -binary -inform DER -in next.msg -nointern -certfile issuing.pem -CAfile "$TLSCA" -purpose any -out next.inner 2>next.log &&
		openssl pkcs7 -inform DER -in next.inner -print_certs | sed -n '/^-----BEGIN/,/^-----END/p' >next.pem
}
get_chain default
check_says "where nothing is set there is no next CA" '^4[0-9][0-9]$' curl -s -o /dev/null -w '%{http_code}' "$SCEP/default?operation=GetNextCACert"
check_fails "nor does anybody say so" sh -c 'curl -fsS "$1/default?operation=GetCACaps" | grep -qi GetNextCACert' - "$SCEP"
check_says "where it is set, it is a capability" '^GetNextCACert' curl -fsS "$SCEP/old?operation=GetCACaps"
check "and is signed by the CA of now" announced old
check "with the certificate of the file in it" cmp next.pem "$CA/next-ca.pem"
check_says "of its media type" '^[Cc]ontent-[Tt]ype: application/x-x509-next-ca-cert' cat next.head
check_fails "OpenSSL takes no other for the signer" openssl cms -verify -binary -inform DER -in next.msg -nointern -certfile ra.pem -noverify -out no.inner

check "no challenge is in the server's log" sh -c '! grep -qFf challenges.txt server.log'
check "the log verifies" chancery audit verify

# --- An RSA CA behind it.

stop_server
CA=$T/rsa STORE=
export CHANCERY_DIR=$CA
make_store
check "an RSA CA is made" init_ca --key-type RSA-3072
announce_next_ca
start_server
check "its server starts" test $? -eq 0
are_ready default
check "strongSwan gets it" swan_ca default
check "and enrols" swan swan-rsa.pem default swan3.key rsa.t.test --password "$(challenge default rsa.t.test)"
check_says "with a signature of the CA's kind" 'Signature Algorithm: sha256WithRSAEncryption' openssl x509 -in swan-rsa.pem -noout -text
check "the certificate verifies" verifies swan-rsa.pem
get_chain default
device r r.t.test "$(challenge default r.t.test)"
message r 19 r.der
asks "so does OpenSSL" 0 r default
check "which reads the reply" opened r r-cert.pem
check "an RSA CA announces the next one as well" announced default
check "whose certificate it is" cmp next.pem "$CA/next-ca.pem"
check "that log verifies" chancery audit verify
done_testing
