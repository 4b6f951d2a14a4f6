#!/usr/bin/env bash
# What relying parties see: OCSP and CRLs through OpenSSL, GnuTLS and NSS, the
# moment a certificate is revoked and after a restart
# (O1, O3, O4, O5, O8, O12, O13, O15, O17; L1-L4, L7, L12; V5, V46).
# builds: all
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup

url=http://127.0.0.1:$HTTP
ocsp=$url/ocsp/issuing
cd "$T" || exit 1

# ask [OPTION…]: the status of what the options name, by POST, verified.
ask() {
	openssl ocsp -issuer issuing.pem -CAfile roots.pem -url "$ocsp" "$@"
}

revoke_cert() { # PEM REASON
	"$CHANCERY" cert revoke --dir "$CA" "$(serial_of "$1")" --reason "$2"
}

# path_of DER ESCAPED: the request for the path of a GET.
path_of() {
	if [ "$2" = escaped ]; then
		base64 -w0 "$1" | sed 's,+,%2B,g; s,/,%2F,g; s,=,%3D,g'
	else
		base64 -w0 "$1"
	fi
}

# get DER ESCAPED: heads.txt and answer.der by GET.
get() {
	curl -fsS -D heads.txt -o answer.der "$ocsp/$(path_of "$1" "$2")"
}

has_header() { # NAME PATTERN
	grep -Eiq "^$1: *$2"$'\r?$' heads.txt
}

is_good() { # OPTION…
	local output
	output=$(ask "$@" 2>&1) && grep -q ': good$' <<<"$output" && grep -q '^Response verify OK' <<<"$output"
}

fetch_crls() {
	curl -fsS "$url/crl/issuing.crl" -o issuing.crl && curl -fsS "$url/crl/root.crl" -o root.crl &&
		openssl crl -inform DER -in issuing.crl -out issuing.crl.pem &&
		openssl crl -inform DER -in root.crl -out root.crl.pem
}

for name in good bad later; do
	check "a certificate for $name.t.test" issue_cert "$name" "$name.t.test"
	openssl x509 -in "$name.pem" -out "$name.leaf.pem"
done

# OpenSSL, POST, both hashes.
check "good under a SHA-1 CertID" is_good -sha1 -cert good.pem
check "good under a SHA-256 CertID" is_good -sha256 -cert good.pem
check_says "the answer has the hash that was asked for" "Hash Algorithm: sha256" \
	ask -resp_text -sha256 -cert good.pem
check_says "a serial that was never issued is not good" "0xdeadbeef: unknown" ask -serial 0xdeadbeef
check_says "nor is one as long as ours" "unknown" ask -serial 0x123456789abcdef0123456789abcdef0
check_says "the responder is certified by the CA itself, for OCSP alone" "OCSP No Check" ask -resp_text -cert good.pem
check_says "two certificates in one request get two answers" "bad.pem: good" ask -cert good.pem -cert bad.pem

# GET, with the base64 in both spellings.
openssl ocsp -issuer issuing.pem -cert good.pem -no_nonce -reqout plain.der
openssl ocsp -issuer issuing.pem -cert good.pem -reqout nonce.der
for spelling in escaped raw; do
	check "GET with $spelling base64" get plain.der "$spelling"
	check_says "its answer verifies" "good.pem: good" \
		openssl ocsp -issuer issuing.pem -cert good.pem -CAfile roots.pem -no_nonce -respin answer.der
done
check "GET: Content-Type" has_header Content-Type application/ocsp-response
check "GET: ETag is a SHA-256" has_header ETag '"[0-9a-f]{64}"'
check "GET: Last-Modified" has_header Last-Modified '.* GMT'
check "GET: Expires" has_header Expires '.* GMT'
check "GET: Cache-Control as RFC 9919 has it" \
	has_header Cache-Control 'max-age=[1-9][0-9]*, public, no-transform, must-revalidate'
is_expires_next_update() {
	local expires next
	expires=$(sed -n 's/^Expires: *\(.*GMT\).*/\1/p' heads.txt)
	next=$(openssl ocsp -issuer issuing.pem -cert good.pem -CAfile roots.pem -no_nonce -respin answer.der 2>&1 |
		sed -n 's/.*Next Update: //p')
	[ "$(date -d "$expires" +%s)" = "$(date -d "$next" +%s)" ]
}
check "GET: Expires is nextUpdate" is_expires_next_update
is_cached_short_of_next_update() {
	local age expires now
	age=$(sed -n 's/.*max-age=\([0-9]*\).*/\1/p' heads.txt)
	expires=$(date -d "$(sed -n 's/^Expires: *\(.*GMT\).*/\1/p' heads.txt)" +%s)
	now=$(date -d "$(sed -n 's/^Date: *\(.*GMT\).*/\1/p' heads.txt)" +%s)
	[ "$age" -lt $((expires - now)) ]
}
check "GET: max-age ends before nextUpdate" is_cached_short_of_next_update
check "GET with a nonce" get nonce.der escaped
check "the nonce comes back byte for byte" \
	openssl ocsp -CAfile roots.pem -verify_other issuing.pem -reqin nonce.der -respin answer.der
check_says "GET of half a request is malformed" "malformedrequest" sh -c \
	"curl -fsS -o short.der '$ocsp/$(base64 -w0 plain.der | cut -c1-40)' && openssl ocsp -respin short.der"

# The issuing CA itself is the root's business.
check_says "the root answers for the issuing CA" "issuing.pem: good" \
	openssl ocsp -issuer roots.pem -cert issuing.pem -CAfile roots.pem -url "$url/ocsp/root"
check_says "the issuing CA does not answer for the root" "unauthorized" \
	openssl ocsp -issuer roots.pem -cert issuing.pem -CAfile roots.pem -url "$ocsp"
check_says "nor for the CA of somebody else" "unauthorized" sh -c \
	"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=other -out other.pem \
		2>/dev/null && openssl ocsp -issuer other.pem -serial 1 -CAfile roots.pem -url $ocsp"

# GnuTLS. It trusts the issuing CA here, since it builds no path for a responder.
gnutls=(ocsptool "--ask=$ocsp" --load-issuer=issuing.pem --load-trust=issuing.pem)
for option in --nonce ""; do
	check "ocsptool ${option:-without a nonce}" "${gnutls[@]}" --load-cert=good.leaf.pem ${option:+"$option"}
	check_says "it finds it good" "Certificate Status: good" \
		"${gnutls[@]}" --load-cert=good.leaf.pem ${option:+"$option"}
done

# CRLs before the revocation.
check "both CRLs are there" fetch_crls
number=$(crl_number issuing)
check "openssl verify finds no revocation along the chain" openssl verify -crl_check_all -CAfile roots.pem \
	-untrusted issuing.pem -CRLfile issuing.crl.pem -CRLfile root.crl.pem bad.leaf.pem
check "and none with CRLs from the certificate's own address" \
	openssl verify -crl_check -crl_download -CAfile roots.pem -untrusted issuing.pem bad.leaf.pem
check_says "an empty CRL has no list (L2)" "No Revoked Certificates" openssl crl -in issuing.crl.pem -noout -text
mkdir nss
certutil -N -d sql:nss --empty-password
certutil -A -d sql:nss -n root -t C,, -i roots.pem
certutil -A -d sql:nss -n issuing -t ,, -i issuing.pem
certutil -A -d sql:nss -n bad -t ,, -i bad.leaf.pem
check "NSS takes the CRLs" sh -c "crlutil -I -d sql:nss -i root.crl && crlutil -I -d sql:nss -i issuing.crl"
check "NSS finds the certificate valid" certutil -V -d sql:nss -n bad -u V

# The same breath: no waiting between the command and the questions.
check "the certificate is asked about before" is_good -no_nonce -cert bad.pem
openssl ocsp -issuer issuing.pem -cert bad.pem -no_nonce -reqout bad.der
get bad.der raw
cp answer.der before.der
sleep 1 # NSS takes a CRL only where its thisUpdate, in whole seconds, is later
check "revoke" revoke_cert bad.pem keyCompromise
get bad.der raw
check "the answer from memory changed with it" test "$(cksum <answer.der)" != "$(cksum <before.der)"
check_says "OCSP: revoked, by GET" "bad.pem: revoked" \
	openssl ocsp -issuer issuing.pem -cert bad.pem -CAfile roots.pem -no_nonce -respin answer.der
check_says "OCSP: revoked, by POST" "bad.pem: revoked" ask -cert bad.pem
check_says "with its reason" "Reason: keyCompromise" ask -cert bad.pem
check_says "and under SHA-256" "bad.pem: revoked" ask -sha256 -cert bad.pem
check "the neighbour stays good" is_good -cert good.pem
# Higher, and by how much is nobody's business: the steward may come in the same moment and make one as well.
check "the CRL's number is higher" test "$(crl_number issuing)" -gt "$number"
check "the new CRL is out" fetch_crls
check_says "it names the certificate" "$(serial_of bad.pem | tr a-f A-F)" openssl crl -in issuing.crl.pem -noout -text
check_says "with its reason" "Key Compromise" openssl crl -in issuing.crl.pem -noout -text
check_says "openssl verify refuses the certificate" "certificate revoked" openssl verify -crl_check -CAfile roots.pem \
	-untrusted issuing.pem -CRLfile issuing.crl.pem bad.leaf.pem
check_says "also with the CRL that it fetches itself" "certificate revoked" \
	openssl verify -crl_check -crl_download -CAfile roots.pem -untrusted issuing.pem bad.leaf.pem
check_says "GnuTLS verifies the CRL" "Verified\." \
	certtool --verify-crl --load-ca-certificate issuing.pem --infile issuing.crl.pem
check_says "and the root's" "Verified\." certtool --verify-crl --load-ca-certificate roots.pem --infile root.crl.pem
check_says "GnuTLS finds it revoked by OCSP" "Certificate Status: revoked" \
	"${gnutls[@]}" --load-cert=bad.leaf.pem --nonce
check "NSS takes the new CRL" crlutil -I -d sql:nss -i issuing.crl
check_says "NSS finds the certificate revoked" "revoked" certutil -V -d sql:nss -n bad -u V
check_says "NSS asks OCSP and finds it revoked" "Chain is bad" \
	vfychain -d sql:nss -u 1 -pp -g leaf -m ocsp -s requireInfo -a bad.leaf.pem issuing.pem
check_says "and the good one good" "Chain is good" \
	vfychain -d sql:nss -u 1 -pp -g leaf -m ocsp -s requireInfo -a good.leaf.pem issuing.pem

# Both sources say the same moment and reason (O13); reason 0 is never written (L7).
ocsp_time() { ask -cert "$1.pem" 2>/dev/null | sed -n 's/.*Revocation Time: //p'; }
crl_time() {
	openssl crl -in issuing.crl.pem -noout -text | grep -A1 -i "Serial Number: $(serial_of "$1.pem")" |
		sed -n 's/.*Revocation Date: //p'
}
same_time() { [ -n "$(ocsp_time "$1")" ] && [ "$(ocsp_time "$1")" = "$(crl_time "$1")" ]; }
check "OCSP and CRL agree on the moment" same_time bad
number=$(crl_number issuing)
check "revoke without a reason" revoke_cert later.pem unspecified
check "another CRL is out" test "$(crl_number issuing)" -gt "$number"
fetch_crls
check "OCSP and CRL agree on the moment" same_time later
check "no reason in the CRL entry" sh -c \
	"test \$(openssl crl -in issuing.crl.pem -noout -text | grep -c 'CRL Reason Code') -eq 1"
check "no reason in the OCSP answer" sh -c \
	"! openssl ocsp -issuer issuing.pem -CAfile roots.pem -url $ocsp -cert later.pem 2>&1 | grep -q Reason"
number=$(crl_number issuing)
made=$("$CHANCERY" crl publish --dir "$CA" | sed -n 's/^number  *//p')
check "a CRL on demand has a number of its own" test "$made" -gt "$number"
check "and is served at once" test "$(crl_number issuing)" -ge "$made"

# Caches (L12).
curl -fsS -D heads.txt -o issuing.crl "$url/crl/issuing.crl"
etag=$(sed -n 's/^ETag: *\("[^"]*"\).*/\1/p' heads.txt)
check "CRL: Content-Type" has_header Content-Type application/pkix-crl
check "CRL: ETag" test -n "$etag"
check_says "the same CRL again is 304" "^304 0$" \
	curl -s -o /dev/null -w '%{http_code} %{size_download}\n' -H "If-None-Match: $etag" "$url/crl/issuing.crl"
"$CHANCERY" crl publish --dir "$CA" >/dev/null
check_says "a new CRL is sent whole" "^200 " \
	curl -s -o /dev/null -w '%{http_code} %{size_download}\n' -H "If-None-Match: $etag" "$url/crl/issuing.crl"
check_says "HEAD has the length and no body" "Content-Length: [1-9]" curl -sI "$url/crl/issuing.crl"

# Revoked stays revoked (O13).
number=$(crl_number issuing)
restart_server
check "the server ends and starts" test $? -eq 0
check_says "after a restart: revoked, with its reason" "Reason: keyCompromise" ask -cert bad.pem
check "after a restart: good" is_good -cert good.pem
fetch_crls
check_says "after a restart: on the CRL" "certificate revoked" openssl verify -crl_check -CAfile roots.pem \
	-untrusted issuing.pem -CRLfile issuing.crl.pem bad.leaf.pem
check "CRL numbers do not fall" test "$(crl_number issuing)" -ge "$number"
check "OCSP and CRL still agree" same_time bad
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
done_testing
