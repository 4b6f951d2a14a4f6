#!/usr/bin/env bash
# Each command of docs/scep.md, in its order, with strongSwan's pki and curl.
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/scep_lib.sh"
export CHANCERY_DIR=$CA
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }

# What the page says, at the ports of this test; below the line "<!-- test: NAME -->".
doc() { # NAME
	awk -v name="<!-- test: $1 -->" '$0 == name { on = 1; next } on && /^    / { said = 1; print substr($0, 5); next }
		on && said && /[^ ]/ { exit } on && said { print }' "$CHANCERY_TOP/docs/scep.md" |
		sed "s#https://ca.example.internal:8443#https://localhost:$HTTPS#; s#http://ca.example.internal:8080#http://localhost:$HTTP#"
}
runs() { # NAME…: each command of these blocks has to succeed
	local name
	for name in "$@"; do doc "$name"; done >"$1.sh" && test -s "$1.sh" && bash -euo pipefail "$1.sh"
}
mkdir bin
ln -s "$CHANCERY" bin/chancery
export PATH=$T/bin:$PATH
doc scep | sed 1d | settings scep
announce_next_ca
(umask 077 && echo "of all printers" >"$CA/printers.challenge")
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }

check "docs: a challenge" runs challenge
check "docs: the CA and its RA" runs ca
check "docs: a device enrols" runs enroll
check "it has a certificate that verifies" verifies dev-17.pem
check_says "with its names" "DNS:dev-17.example.internal" openssl x509 -in dev-17.pem -noout -subject -ext subjectAltName
check "docs: it renews itself" runs renew
check "with a certificate that verifies" verifies next.pem
check "the RA of another endpoint" pki --scepca --url "$SCEP/desk" --caout ca-desk.pem --raout ra-desk.pem --outform pem --force
check "docs: a request waits, is approved and fetched" runs waits approve
check "the certificate verifies" verifies router.pem
check "docs: a user of SCEP" runs user
check_says "docs: a challenge by JSON" '^[a-z2-9-]{20,}$' runs ask
check_says "docs: a challenge by the page of NDES" '^[a-z2-9-]{20,}$' runs page
check_says "docs: the next CA is announced" 'Next CA' runs next
asks_static() { # NAME
	rsa_key printer.key
	pki --scepca --url "$SCEP/printers" --caout ca-printers.pem --raout ra-printers.pem --outform pem --force &&
		pki --scep --url "$SCEP/printers" --in printer.key --dn "CN=$1" --san "$1" --password "of all printers" --cacert-enc ra-printers.pem \
			--cacert-sig issuing.pem --cacert roots.pem --cacert issuing.pem --outform pem >printer.pem
}
check "a printer enrols by the static challenge" asks_static one.printers.example.internal
check_fails "which is for printers only (S1)" asks_static www.example.internal
check "the log verifies" "$CHANCERY" audit verify
done_testing
