#!/usr/bin/env bash
# dehydrated: shell and curl. It takes one refused nonce for the end, so every
# nonce that the server gives out must work the first time (A10, A13, A17, A25-A27, A29).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup
cd "$T" || exit 1

mkdir -p www/.well-known/acme-challenge
cat >config <<-END
	CA="$DIR_URL"
	CURL_OPTS="--cacert $TLSCA"
	BASEDIR="$T/dehydrated"
	WELLKNOWN="$T/www/.well-known/acme-challenge"
	CONTACT_EMAIL="d@t.test"
	KEY_ALGO=prime256v1
END
mkdir dehydrated
python3 -m http.server -d www -b 127.0.0.1 "$ACME_HTTP" >www.log 2>&1 &
pids+=($!)
wait_for 60 curl -s "http://127.0.0.1:$ACME_HTTP/"
client() { dehydrated -f "$T/config" "$@"; }
pem_of() { echo "$T/dehydrated/certs/$1/$2.pem"; }

check "registers" client --register --accept-terms
check "a certificate for three names" client -c -d a.t.test -d b.t.test -d c.t.test
check "its chain verifies" openssl verify -CAfile "$TLSCA" -untrusted "$(pem_of a.t.test chain)" "$(pem_of a.t.test cert)"
check_says "it has the names" "DNS:a.t.test, DNS:b.t.test, DNS:c.t.test" \
	openssl x509 -in "$(pem_of a.t.test cert)" -noout -ext subjectAltName
first=$(serial_of "$(pem_of a.t.test cert)")
check "nothing to renew" client -c -d a.t.test -d b.t.test -d c.t.test
check "it did not" test "$first" = "$(serial_of "$(pem_of a.t.test cert)")"
check "renewal by force" client -c -x -d a.t.test -d b.t.test -d c.t.test
check "is another certificate" test "$first" != "$(serial_of "$(pem_of a.t.test cert)")"
for algo in rsa secp384r1; do
	check "a certificate with $algo" client -c -d "$algo.t.test" --algo "$algo"
	check "its chain verifies" openssl verify -CAfile "$TLSCA" -untrusted "$(pem_of "$algo.t.test" chain)" \
		"$(pem_of "$algo.t.test" cert)"
done
make_csr own own.t.test
check "a request of one's own" sh -c 'dehydrated -f config -s own.csr >own.pem 2>own.err'
check "is answered for its key" test "$(openssl req -in own.csr -noout -pubkey)" = "$(openssl x509 -in own.pem -noout -pubkey)"
check "three more in a row" sh -c 'for i in 1 2 3; do dehydrated -f config -c -x -d rsa.t.test || exit 1; done'
cp "$(pem_of a.t.test cert)" revoked.pem # dehydrated renames it
check "revokes" client -r "$(pem_of a.t.test cert)"
check_says "OCSP says so" "revoked" openssl ocsp -issuer issuing.pem -CAfile "$TLSCA" \
	-url "http://127.0.0.1:$HTTP/ocsp/issuing" -cert revoked.pem
rows=$(count_certificates)
check_fails "a name that does not resolve" client -c -d nobody.example.test
check "made no row" test "$(count_certificates)" -eq "$rows"
check "the account can be deactivated" client --deactivate
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
done_testing
