#!/usr/bin/env bash
# certbot: registers, gets certificates by http-01, renews, revokes (A1-A33).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup

export REQUESTS_CA_BUNDLE=$TLSCA
certbot=(certbot --config-dir "$T/etc" --work-dir "$T/work" --logs-dir "$T/log" --server "$DIR_URL" -n)
http=(--standalone --preferred-challenges http --http-01-port "$ACME_HTTP" --http-01-address 127.0.0.1)
live=$T/etc/live/h1

check "certbot registers" "${certbot[@]}" register --agree-tos -m a@t.test --no-eff-email
check "certbot gets a certificate for two names" \
	"${certbot[@]}" certonly "${http[@]}" -d a.t.test -d b.t.test --key-type ecdsa --cert-name h1
check "OpenSSL verifies the chain, by the strict rules of RFC 5280" openssl verify -x509_strict -CAfile "$TLSCA" -untrusted "$live/chain.pem" "$live/cert.pem"
check_says "both names are in it" "DNS:a.t.test, DNS:b.t.test" openssl x509 -in "$live/cert.pem" -noout -ext subjectAltName
first=$(serial_of "$live/cert.pem")
check "certbot renews" "${certbot[@]}" renew --force-renewal --no-random-sleep-on-renew
check "the renewed one is another" test "$first" != "$(serial_of "$live/cert.pem")"
check "certbot gets an RSA certificate" \
	"${certbot[@]}" certonly "${http[@]}" -d r.t.test --key-type rsa --rsa-key-size 2048 --cert-name r1
check "certbot shows its account" "${certbot[@]}" show_account
check "certbot updates its account" "${certbot[@]}" update_account -m b@t.test --no-eff-email
check "certbot revokes by its account" "${certbot[@]}" revoke --cert-name h1 --reason superseded --no-delete-after-revoke
check_says "OCSP knows" "revoked" openssl ocsp -issuer "$T/issuing.pem" -cert "$live/cert.pem" -CAfile "$TLSCA" \
	-url "http://127.0.0.1:$HTTP/ocsp/issuing"
check "certbot revokes by the certificate's key" "${certbot[@]}" revoke --cert-path "$T/etc/live/r1/cert.pem" \
	--key-path "$T/etc/live/r1/privkey.pem" --reason keycompromise --no-delete-after-revoke
check_fails "a name that does not resolve gets no certificate" \
	"${certbot[@]}" certonly "${http[@]}" -d nowhere.example.test --cert-name n1
check "certbot deactivates its account" "${certbot[@]}" unregister
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
done_testing
