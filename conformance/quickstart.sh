#!/usr/bin/env bash
# ./quickstart as a newcomer runs it: a CA, a certificate that certbot got, a second run that reuses both, Ctrl-C.
# builds: plain
# stores: sqlite (which is what it sets up)
. "$CHANCERY_TOP/conformance/lib.sh"

export CHANCERY_DEMO=$T/demo CHANCERY_BUILD=${CHANCERY%/*}
quickstart() { (cd "$CHANCERY_TOP" && ./quickstart "$@") >"$T/quickstart.log" 2>&1; }

quickstart --once
check "the first run ends well" test $? -eq 0
check_says "it shows the certificate" "DNS:www.demo.internal" cat "$T/quickstart.log"
check_says "OpenSSL verified it, against the CRL too" "cert.pem: OK" cat "$T/quickstart.log"
check_says "it names the ACME directory" "https://localhost:[0-9]+/acme/directory" cat "$T/quickstart.log"
first=$(serial_of "$T/demo/certbot/etc/live/demo/cert.pem")
root=$(openssl x509 -in "$T/demo/roots.pem" -noout -fingerprint -sha256)

# The second run serves until it is told to stop.
setsid bash -c "cd '$CHANCERY_TOP' && exec ./quickstart" >"$T/second.log" 2>&1 &
second=$!
pids+=("$second")
check "the second run serves" wait_for 60 grep -q "Ctrl-C stops it" "$T/second.log"
check "with the same root" test "$root" = "$(openssl x509 -in "$T/demo/roots.pem" -noout -fingerprint -sha256)"
check "and the same certificate" test "$first" = "$(serial_of "$T/demo/certbot/etc/live/demo/cert.pem")"
# shellcheck disable=SC1091
. "$T/demo/ports"
check "it answers" curl -fs "http://127.0.0.1:$HTTP/readyz"
check "EST is on at the default label" curl -fs --cacert "$T/demo/roots.pem" -o /dev/null "https://localhost:$HTTPS/.well-known/est/cacerts" \
	"https://localhost:$MUTUAL/.well-known/est/csrattrs"
check_says "SCEP is on at its default endpoint, with an RA" "BEGIN PKCS7" sh -c 'curl -fs "$0" | openssl pkcs7 -inform DER' \
	"http://localhost:$HTTP/scep/default?operation=GetCACert"
check_says "and with one-time challenges" '^[0-9a-z-]{16,}$' "$CHANCERY" scep challenge create --dir "$T/demo" --name cn:phone.demo.internal
kill -INT -- "-$second"
wait "$second"
check "Ctrl-C ends it well" test $? -eq 0
check_fails "nothing is left behind" pgrep -f "$T/demo"
check "doctor finds all well" "$CHANCERY" doctor --dir "$T/demo"
check "the log proves all of it" "$CHANCERY" audit verify --dir "$T/demo"
done_testing
