#!/usr/bin/env bash
# acme-tiny: RSA account keys only, no library between it and the protocol
# (A1-A7, A10, A20, A25-A27; W6, W8).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup
cd "$T" || exit 1

export SSL_CERT_FILE=$TLSCA
mkdir -p www/.well-known/acme-challenge
python3 -m http.server -d www -b 127.0.0.1 "$ACME_HTTP" >www.log 2>&1 &
pids+=($!)
wait_for 60 curl -s "http://127.0.0.1:$ACME_HTTP/"
# Without its own look at the file: the names resolve for the server only.
client() { # ACCOUNT-KEY CSR: the chain on standard output
	acme-tiny --account-key "$1" --csr "$2" --acme-dir www/.well-known/acme-challenge --directory-url "$DIR_URL" \
		--disable-check --contact mailto:t@t.test
}
get() { client "$1" "$2.csr" >"$2.pem"; }
verifies() { openssl verify -CAfile "$TLSCA" -untrusted "$1" "$1"; }

for bits in 2048 4096; do
	openssl genrsa -traditional -out "account$bits.key" "$bits" 2>/dev/null
	make_csr "a$bits" "a$bits.t.test" "b$bits.t.test"
	check "a certificate by an account with RSA $bits" get "account$bits.key" "a$bits"
	check "its chain verifies" verifies "a$bits.pem"
	check "for the request's key" test "$(openssl req -in "a$bits.csr" -noout -pubkey)" = "$(openssl x509 -in "a$bits.pem" -noout -pubkey)"
done
openssl req -new -newkey rsa:3072 -nodes -keyout c.key -subj /CN=c.t.test -out c.csr 2>/dev/null
check "a request with a common name only, and an RSA key" get account2048.key c
check_says "the name stands in the SAN" "DNS:c.t.test" openssl x509 -in c.pem -noout -ext subjectAltName
check "the same request again" get account2048.key c
rows=$(count_certificates)
openssl genrsa -traditional -out weak.key 1024 2>/dev/null
check_fails "an account key of 1024 bits" get weak.key c
cp account2048.key same.key
openssl req -new -key same.key -subj /CN=same.t.test -out same.csr
check_fails "a request for the account's own key" get account2048.key same
openssl req -new -key weak.key -subj /CN=weak.t.test -out weak.csr
check_fails "a certificate key of 1024 bits" get account2048.key weak
check "none of these made a row" test "$(count_certificates)" -eq "$rows"
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
done_testing
