#!/usr/bin/env bash
# lego: EC and RSA keys for accounts and certificates, http-01, renewal with the
# same key, its own CSR, revocation with a reason (A1-A6, A10, A17, A20, A25-A27, A29; W5, W11).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup
cd "$T" || exit 1

export LEGO_CA_CERTIFICATES=$TLSCA
lego_as() { # ACCOUNT OPTION…
	local account=$1
	shift
	lego --server "$DIR_URL" --path "$T/$account" --email "$account@t.test" --accept-tos \
		--http --http.port "127.0.0.1:$ACME_HTTP" "$@"
}
key_of() { openssl x509 -in "$1" -noout -text | sed -n 's/.*Public Key Algorithm: //p; s/.*Public-Key: //p' | paste -sd' '; }
verifies() { # PEM: chain in one file
	openssl verify -CAfile "$TLSCA" -untrusted "$1" "$1"
}

# lego makes its account key of the same type as the certificate's.
for type in ec256 ec384 rsa2048 rsa4096; do
	pem=$T/$type/certificates/$type.t.test.crt
	check "a certificate with $type" lego_as "$type" --key-type "$type" --domains "$type.t.test" --domains "www-$type.t.test" run
	check "its chain verifies" verifies "$pem"
	check_says "it has both names" "DNS:$type.t.test, DNS:www-$type.t.test" openssl x509 -in "$pem" -noout -ext subjectAltName
done
check "the keys are what was asked for" test "$(for type in ec256 ec384 rsa2048 rsa4096; do
	key_of "$type/certificates/$type.t.test.crt"
done | paste -sd,)" = "id-ecPublicKey (256 bit),id-ecPublicKey (384 bit),rsaEncryption (2048 bit),rsaEncryption (4096 bit)"

pem=$T/ec256/certificates/ec256.t.test.crt
first=$(serial_of "$pem") spki=$(openssl x509 -in "$pem" -noout -pubkey)
check "renewal with the same key" lego_as ec256 --domains ec256.t.test renew --days 365 --reuse-key --no-random-sleep
check "is another certificate" test "$first" != "$(serial_of "$pem")"
check "for the same key" test "$spki" = "$(openssl x509 -in "$pem" -noout -pubkey)"
check "renewal with a new key" lego_as ec256 --domains ec256.t.test renew --days 365 --no-random-sleep
check "is for another key" test "$spki" != "$(openssl x509 -in "$pem" -noout -pubkey)"

make_csr own own.t.test other.t.test
check "a request of one's own" lego_as ec256 --csr own.csr run
check "is answered for its key" test "$(openssl req -in own.csr -noout -pubkey)" = \
	"$(openssl x509 -in ec256/certificates/own.t.test.crt -noout -pubkey 2>/dev/null ||
		openssl x509 -in ec256/certificates/other.t.test.crt -noout -pubkey)"

ocsp() { openssl ocsp -issuer issuing.pem -CAfile "$TLSCA" -url "http://127.0.0.1:$HTTP/ocsp/issuing" -cert "$1"; }
check "revocation with reason 4" lego_as ec256 --domains ec256.t.test revoke --reason 4 --keep
check_says "OCSP says so" "Reason: superseded" ocsp "$pem"
check_fails "it is revoked once" lego_as ec256 --domains ec256.t.test revoke --reason 4 --keep
check "revocation for a compromised key" lego_as rsa2048 --domains rsa2048.t.test revoke --reason 1 --keep
check_says "OCSP says so" "Reason: keyCompromise" ocsp "$T/rsa2048/certificates/rsa2048.t.test.crt"
check_fails "a compromised key gets no certificate any more" \
	lego_as rsa2048 --domains rsa2048.t.test renew --days 365 --reuse-key --no-random-sleep
rows=$(count_certificates)
check_fails "a reason that does not exist" lego_as ec384 --domains ec384.t.test revoke --reason 7 --keep
check_says "changes nothing" "good" ocsp "$T/ec384/certificates/ec384.t.test.crt"
check_fails "a name that does not resolve" lego_as ec384 --domains ec384.t.test --domains nobody.example.test run
check_fails "a wildcard, which http-01 cannot prove" lego_as ec384 --domains '*.t.test' run
check "none of these made a row" test "$(count_certificates)" -eq "$rows"
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
done_testing
