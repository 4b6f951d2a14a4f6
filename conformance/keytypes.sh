#!/usr/bin/env bash
# Each kind of CA key, and responder keys in the token: init, issue, CRL, OCSP, verified by OpenSSL; the
# private keys are in the token and do not come out (CKA_SENSITIVE, not CKA_EXTRACTABLE).
. "$CHANCERY_TOP/conformance/lib.sh"

openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/leaf.key" -subj / \
	-addext subjectAltName=DNS:leaf.t.test -out "$T/leaf.csr" 2>"$T/req.log"
start_dns

# One CA of a kind, from init to a verified OCSP answer, in a folder of its own.
try_kind() {
	local kind=$1 where=$2 algorithm=$3
	CA=$T/ca-$kind STORE=
	make_store
	check "$kind: init with responder keys in $where" init_ca --key-type "$kind" --ocsp-key "$where"
	start_server || { not_ok "$kind: the server starts" "$(tail -n 20 "$T/server.log")"; return; }
	"$CHANCERY" cert issue --dir "$CA" --csr "$T/leaf.csr" >"$T/leaf-$kind.pem" 2>"$T/issue.log"
	check "$kind: OpenSSL verifies the leaf" openssl verify -CAfile "$TLSCA" -untrusted "$T/issuing.pem" "$T/leaf-$kind.pem"
	check_says "$kind: the signature is $algorithm" "$algorithm" openssl x509 -in "$T/leaf-$kind.pem" -noout -text
	curl -fs "http://127.0.0.1:$HTTP/crl/issuing.crl" -o "$T/crl.der"
	check_says "$kind: OpenSSL verifies the CRL" "verify OK" openssl crl -inform DER -in "$T/crl.der" -CAfile "$T/issuing.pem" -noout
	check_says "$kind: OpenSSL verifies the OCSP answer" "good" openssl ocsp -issuer "$T/issuing.pem" -cert "$T/leaf-$kind.pem" \
		-CAfile "$TLSCA" -url "http://127.0.0.1:$HTTP/ocsp/issuing"
	stop_server
	check "$kind: the log verifies" "$CHANCERY" audit verify --dir "$CA"
	check_fails "$kind: no private key is extractable" sh -c "SOFTHSM2_CONF='$CA/softhsm2.conf' \
		pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label chancery --login --pin \"\$(cat '$CA/pin')\" \
		--list-objects --type privkey | grep -E '^ *Access:' | grep -v 'sensitive, always sensitive, never extractable'"
}

try_kind P-384 token ecdsa-with-SHA384
try_kind RSA-3072 memory sha256WithRSAEncryption
try_kind RSA-4096 token sha256WithRSAEncryption
CA=$T/ca-wrong STORE=
make_store
check_fails "RSA-2048 is no key for a CA" init_ca --key-type RSA-2048
check_fails "Ed25519 is no key for a CA" init_ca --key-type Ed25519
done_testing
