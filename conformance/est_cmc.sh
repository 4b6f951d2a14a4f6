#!/usr/bin/env bash
# EST's fullcmc with messages made, and answers verified, by the openssl command
# (E9; RFC 7030 section 4.3, RFC 5272): a first certificate by a user's password, the
# next one by the certificate itself, and refusals.
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/est_lib.sh"
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
export CHANCERY_DIR=$CA
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
curl -fsS "http://localhost:$HTTP/ca/roots.pem" -o roots.pem
curl -fsS "http://localhost:$HTTP/ca/issuing.pem" -o issuing.pem

der() { # TAG HEX: a value in DER, in hex
	local n=$((${#2} / 2))
	if [ $n -lt 128 ]; then printf '%s%02x%s' "$1" $n "$2"
	elif [ $n -lt 256 ]; then printf '%s81%02x%s' "$1" $n "$2"
	else printf '%s82%04x%s' "$1" $n "$2"; fi
}
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
control() { der 30 "0201$1""06082b060105050707$2$(der 31 "$3")"; } # BODY-PART ARC VALUE
# pki_data FILE REQUESTS: FILE.pki with transaction 300 and the nonce "nonc"
pki_data() {
	local hex
	hex=$(der 30 "$(der 30 "$(control 01 05 0202012c)$(control 02 06 04046e6f6e63)")$(der 30 "$2")30003000")
	printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")" >"$1.pki"
}
tagged() { der a0 "020109$(hex "$1.der")"; }
# message FILE OPTION…: FILE.pki signed, in FILE.b64
message() {
	local file=$1
	shift
	openssl cms -sign -binary -nodetach -nosmimecap -econtent_type 1.3.6.1.5.5.7.12.2 -in "$file.pki" -outform DER -out "$file.p7" "$@" &&
		openssl base64 -in "$file.p7" -out "$file.b64"
}
sends() { # NAME STATUS FILE URL [CURL-OPTION…]: its answer in FILE.out and FILE.head
	local name=$1 status=$2 file=$3 url=$4 got
	shift 4
	got=$(curl -sS -o "$file.out" -D "$file.head" -w '%{http_code}' --cacert "$TLSCA" --data-binary "@$file.b64" \
		-H 'Content-Type: application/pkcs7-mime; smime-type=CMC-request' "$@" "$url" 2>&1)
	if [ "$got" = "$status" ]; then ok "$name"; else not_ok "$name" "$got: $(cat "$file.out")"; fi
}
# answered FILE: it verifies; its PKIResponse in FILE.text, its certificates in FILE.certs
answered() {
	tr -d '\r' <"$1.head" | grep -Eqi '^Content-Type: application/pkcs7-mime; *smime-type=CMC-response$' && base64 -d "$1.out" >"$1.p7" &&
		openssl cms -verify -binary -purpose any -inform DER -in "$1.p7" -CAfile roots.pem -certsout "$1.certs" \
			-out "$1.response" 2>"$1.log" && openssl asn1parse -inform DER -in "$1.response" >"$1.text"
}

chancery est user add alice >alice.txt
alice="alice:$(tail -n 1 alice.txt)"
csr alice /CN=alice
pki_data alice "$(tagged alice)"
# A key without a certificate: one that it makes for itself has its identifier, and does not go with the message.
openssl req -x509 -key alice.key -subj /CN=nobody -addext subjectKeyIdentifier=hash -out self.pem
check "openssl signs a request with the new key" message alice -signer self.pem -inkey alice.key -keyid -nocerts
sends "nobody gets anything without saying who it is (E4)" 401 alice "$EST/fullcmc"
sends "a user's request is answered" 200 alice "$EST/fullcmc" -u "$alice"
check "openssl verifies the answer" answered alice
check "it tells of success, the transaction and the nonce" sh -c 'grep -q "INTEGER *:012C" alice.text && grep -q "nonc\|6E6F6E63" alice.text'
openssl req -in alice.csr -noout -pubkey >alice.pub
openssl x509 -in alice.certs -out alice.pem
check "the first certificate in it is for the key" sh -c 'openssl x509 -in alice.pem -noout -pubkey | cmp - alice.pub'
check "and verifies" openssl verify -CAfile roots.pem -untrusted issuing.pem alice.pem

csr next /CN=alice
pki_data next "$(tagged next)"
check "openssl signs a request with the certificate" message next -signer alice.pem -inkey alice.key
sends "which renews itself (E6)" 200 next "$MUTUAL_EST/fullcmc" --cert alice.pem --key alice.key
check "in an answer that openssl verifies" answered next
csr bob /CN=bob
pki_data bob "$(tagged bob)"
message bob -signer alice.pem -inkey alice.key
sends "but gets no other name (V21)" 403 bob "$MUTUAL_EST/fullcmc" --cert alice.pem --key alice.key
check "in an answer that openssl verifies, too" answered bob
check "with the reason" grep -q "UTF8STRING *:.*names" bob.text

pki_data two "$(tagged alice)$(der a0 "02010a$(hex next.der)")"
message two -signer self.pem -inkey alice.key -keyid -nocerts
sends "two requests in a message are refused" 400 two "$EST/fullcmc" -u "$alice"
check "with a CMC answer" answered two
pki_data crmf "$(der a1 "020109$(hex alice.der)")"
message crmf -signer self.pem -inkey alice.key -keyid -nocerts
sends "CRMF is refused" 400 crmf "$EST/fullcmc" -u "$alice"
check "with a CMC answer as well" answered crmf
pki_data ber "$(tagged alice)"
message ber -signer self.pem -inkey alice.key -keyid -nocerts -stream
sends "BER is refused" 400 ber "$EST/fullcmc" -u "$alice"
asks "a PKCS #10 request by itself is of another type" 415 alice "$EST/fullcmc" -u "$alice"
done_testing
