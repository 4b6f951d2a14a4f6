#!/usr/bin/env bash
# uacme: P-256, P-384 and RSA accounts, key rollover where the directory offers
# it, revocation by account and by certificate key, deactivation
# (A1-A7, A10, A17, A20, A22, A23, A25-A27, A29; W5).
# builds: all
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1

# uacme trusts the system's file and takes no other: it gets a mount namespace with our root in that place.
system_roots=/etc/ssl/certs/ca-certificates.crt
enter=(unshare --mount)
[ "$(id -u)" -eq 0 ] || enter=(unshare --map-root-user --mount)
if ! "${enter[@]}" mount --bind "$system_roots" "$system_roots" 2>/dev/null; then
	echo "1..0 # SKIP no mount namespace can be had here"
	exit 0
fi
setup
cd "$T" || exit 1

export UACME_CHALLENGE_PATH=$T/www/.well-known/acme-challenge
mkdir -p "$UACME_CHALLENGE_PATH"
python3 -m http.server -d www -b 127.0.0.1 "$ACME_HTTP" >www.log 2>&1 &
pids+=($!)
wait_for 60 curl -s "http://127.0.0.1:$ACME_HTTP/"
client() { # ACCOUNT OPTION…: its files are in ./ACCOUNT; uacme's own hook puts the answers into place
	local account=$1
	shift
	mkdir -p "$account"
	# shellcheck disable=SC2016 # for the inner shell
	"${enter[@]}" sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$TLSCA" "$system_roots" \
		uacme -v -v -y -c "$T/$account" -a "$DIR_URL" -h /usr/share/uacme/uacme.sh "$@"
}
verifies() { openssl verify -CAfile "$TLSCA" -untrusted "$1" "$1"; }
ocsp() { openssl ocsp -issuer issuing.pem -CAfile "$TLSCA" -url "http://127.0.0.1:$HTTP/ocsp/issuing" -cert "$1"; }
account_status() { # ACCOUNT's only row, found by its e-mail address
	store_sql "SELECT status FROM acme_account WHERE contact LIKE '%$1@t.test%'"
}

for type in EC256 EC384 RSA2048; do
	kind=(-t "${type%%[0-9]*}" -b "${type##*[A-Z]}")
	name=${type,,}
	check "$type: a new account" client "$name" "${kind[@]}" new "$name@t.test"
	check_fails "$type: a second one by the same key is not made" client "$name" "${kind[@]}" new "$name@t.test"
	check "$type: a certificate" client "$name" "${kind[@]}" issue "$name.t.test" "www.$name.t.test"
	check "$type: its chain verifies" verifies "$name/$name.t.test/cert.pem"
	check_says "$type: it has the names" "DNS:$name.t.test, DNS:www.$name.t.test" \
		openssl x509 -in "$name/$name.t.test/cert.pem" -noout -ext subjectAltName
done
check_says "a P-384 key in the certificate" "384 bit" openssl x509 -in ec384/ec384.t.test/cert.pem -noout -text

check "another contact address" client ec256 update new-address@t.test
check "stands in the account" test "$(account_status new-address)" = valid

pem=ec384/ec384.t.test/cert.pem
cp "$pem" by-account.pem
check "revocation by the account, with a reason" client ec384 -r 4 revoke "$pem"
check_says "OCSP says so" "Reason: superseded" ocsp by-account.pem
pem=rsa2048/rsa2048.t.test/cert.pem
key=rsa2048/private/rsa2048.t.test/key.pem
cp "$pem" by-key.pem
cp "$key" by-key.key
check "a stranger's account" client stranger -t EC new stranger@t.test
check_fails "a stranger does not revoke" client stranger revoke by-key.pem
check_says "it is good" "good" ocsp by-key.pem
check "revocation by the certificate's key" client rsa2048 -r 1 revoke "$pem" "$key"
check_says "OCSP says so" "Reason: keyCompromise" ocsp by-key.pem

if curl -fs --cacert "$TLSCA" "$DIR_URL" | jq -e .keyChange >/dev/null; then
	check "key rollover" client ec256 -t EC -b 384 newkey
	check "the new key works" client ec256 -t EC -b 256 issue rolled.t.test
else
	ok "key rollover # SKIP the directory does not offer keyChange"
fi

rows=$(count_certificates)
check_fails "a name that does not resolve" client ec256 issue nobody.example.test
check "made no row" test "$(count_certificates)" -eq "$rows"
check "deactivation" client stranger deactivate
check "stands in the account" test "$(account_status stranger)" = deactivated
check_fails "a deactivated account gets nothing" client stranger issue late.t.test
check "and no row" test "$(count_certificates)" -eq "$rows"
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
done_testing
