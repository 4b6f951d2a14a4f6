#!/usr/bin/env bash
# EST: what csrattrs says, as OpenSSL reads it, and keys that the server makes, as
# curl, Python's reader of mail and OpenSSL's CMS take them (E9, E10, E12, S11).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
cd "$T" || exit 1
export CHANCERY_DIR=$CA
. "$CHANCERY_TOP/conformance/est_lib.sh"
settings est <<'END'
  - label: keys
    profile: device
    authentication: [certificate, user]
    server_keys: tls
  - label: sealed
    profile: device
    authentication: [certificate]
    server_keys: encrypted
  - label: bound
    profile: device
    authentication: [user]
    channel_binding: required
END
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }

# csrattrs LABEL: as OpenSSL understands it, in attrs.txt; the media type in attrs.head
csrattrs() {
	curl -fsS -D attrs.head --cacert "$TLSCA" "$EST/$1/csrattrs" | base64 -d >attrs.der && openssl asn1parse -inform DER -in attrs.der >attrs.txt
}
check "csrattrs is DER for everybody (E10)" csrattrs keys
check "of its media type" grep -qi '^Content-Type: application/csrattrs' attrs.head
check "it names the key" grep -q 'OBJECT *:prime256v1' attrs.txt
check "and the template once (E12)" test "$(grep -c '1.2.840.113549.1.9.16.2.61$' attrs.txt)" -eq 1
check_fails "no challengePassword where none is needed" grep -q challengePassword attrs.txt
check "where it is" csrattrs bound
check "it is there, in both forms" test "$(grep -c ':challengePassword$' attrs.txt)" -eq 2
chancery est user add alice >alice.txt
password=$(tail -n 1 alice.txt)
csr alice /CN=alice
asks "and a request without it is refused (E5)" 403 alice "$EST/bound/simpleenroll" -u "alice:$password"
check "with a sentence that says so" grep -q 'csrattrs' alice.out

# parts FILE: of its answer by Python's reader of mail: FILE.part1 and FILE.part2, decoded, and FILE.types
parts() {
	python3 - "$1" <<'END'
import base64, email.parser, email.policy, sys
name = sys.argv[1]
head = open(name + ".head", "rb").read().decode().replace("\r\n", "\n").split("\n\n")[-2]
fields = [line for line in head.split("\n")[1:] if line.lower().startswith("content-type:")]
message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(fields[0].encode() + b"\r\n\r\n" + open(name + ".out", "rb").read())
parts = list(message.iter_parts())
assert message.get_content_type() == "multipart/mixed" and len(parts) == 2 and not message.defects, message.defects
with open(name + ".types", "w") as types:
    for n, part in enumerate(parts, 1):
        text = part.get_payload().strip()
        assert not part.defects and "\n" not in text and part.keys() == ["Content-Type", "Content-Transfer-Encoding"], (part.defects, part.keys())
        open(f"{name}.part{n}", "wb").write(base64.b64decode(text, validate=True))
        print(part.get_content_type(), part["Content-Type"].params.get("smime-type", "-"), file=types)
END
}
# matches FILE: FILE.p8 is the key of the certificate in FILE.part2, which verifies.
matches() {
	openssl pkcs7 -inform DER -in "$1.part2" -print_certs -out "$1.pem" &&
		openssl verify -CAfile roots.pem -untrusted issuing.pem "$1.pem" >/dev/null &&
		openssl pkey -inform DER -in "$1.p8" -out "$1.made" &&
		openssl pkey -in "$1.made" -pubout | cmp - <(openssl x509 -in "$1.pem" -noout -pubkey)
}

asks "a label that makes no keys says so" 501 alice "$EST/serverkeygen" -u "alice:$password"
asks "who says not who he is gets none" 401 alice "$EST/keys/serverkeygen"
asks "alice gets a key" 200 alice "$EST/keys/serverkeygen" -u "alice:$password"
check "in two parts that Python reads (RFC 2046)" parts alice
printf "%s\n" "application/pkcs8 -" "application/pkcs7-mime certs-only" >types.expected
check "of these types" cmp alice.types types.expected
cp alice.part1 alice.p8
check "with a certificate for it" matches alice
check_fails "it is not the key of the request" cmp -s <(openssl pkey -in alice.key -pubout) <(openssl pkey -in alice.made -pubout)
check "no cache keeps it" grep -qi '^Cache-Control: no-store' alice.head
cp alice.p8 first.p8
cp alice.made first.made
cp alice.pem shown.pem
asks "a second call" 200 alice "$EST/keys/serverkeygen" -u "alice:$password"
parts alice
check_fails "gives another key (S11)" cmp -s alice.part1 first.p8

# asking FILE KEY-CERTIFICATE: FILE.csr again, with an AsymmetricDecryptKeyIdentifier and SMIMECapabilities
asking() {
	python3 - "$1" "$2" <<'END'
import base64, subprocess, sys
name, certificate = sys.argv[1:]
def tlv(tag, *parts):
    content = b"".join(parts)
    n = len(content)
    return bytes([tag]) + (bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82, n >> 8, n & 255])) + content
def split(der):
    out = []
    while der:
        n, at = der[1], 2
        if n > 127:
            at += n & 127
            n = int.from_bytes(der[2:at], "big")
        out.append((der[0], der[at:at + n], der[:at + n]))
        der = der[at + n:]
    return out
oid = lambda text: tlv(6, bytes.fromhex(text))
run = lambda *args, **more: subprocess.run(args, check=True, capture_output=True, **more).stdout
ski = run("openssl", "x509", "-in", certificate, "-noout", "-ext", "subjectKeyIdentifier").decode().split("\n")[1]
attributes = sorted([
    tlv(0x30, oid("2a864886f70d0109100236"), tlv(0x31, tlv(4, bytes.fromhex(ski.strip().replace(":", ""))))),
    tlv(0x30, oid("2a864886f70d01090f"), tlv(0x31, tlv(0x30, tlv(0x30, oid("60864801650304012a"))))),
])
(_, request, _), = split(open(name + ".der", "rb").read())
info, algorithm, _ = split(request)
version, subject, key, _ = split(info[1])
signed = tlv(0x30, version[2], subject[2], key[2], tlv(0xa0, *attributes))
signature = run("openssl", "dgst", "-sha256", "-sign", name + ".key", input=signed)
der = tlv(0x30, signed, algorithm[2], tlv(3, b"\0", signature))
open(name + ".b64", "w").write(base64.b64encode(der).decode())
END
}
# opens FILE KEY CERTIFICATE: what is sealed in FILE.part1 for that key, into FILE.p8
opens() {
	openssl cms -decrypt -inform DER -in "$1.part1" -inkey "$2" -recip "$3" -out "$1.signed" || return 1
	python3 - "$1.signed" <<'END' || return 1
import sys
content = open(sys.argv[1], "rb").read()
def tlv(tag, content):
    n = len(content)
    return bytes([tag]) + (bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82, n >> 8, n & 255])) + content
open(sys.argv[1], "wb").write(tlv(0x30, bytes.fromhex("06092a864886f70d010702") + tlv(0xa0, content)))
END
	openssl cms -verify -inform DER -in "$1.signed" -CAfile roots.pem -purpose any -binary -out "$1.package" 2>"$1.verify" &&
		openssl asn1parse -inform DER -in "$1.package" -strparse "$(openssl asn1parse -inform DER -in "$1.package" |
			sed -n '2s/^ *\([0-9]*\):.*/\1/p')" -noout -out "$1.p8"
}

asks "to the key of a certificate that is not shown nothing is sealed (E9)" 400 alice "$MUTUAL_EST/sealed/serverkeygen" \
	--cert shown.pem --key first.made
check "and says what is missing" grep -q AsymmetricDecryptKeyIdentifier alice.out
asking alice shown.pem
asks "a request that names the key of the client's certificate" 200 alice "$MUTUAL_EST/sealed/serverkeygen" \
	--cert shown.pem --key first.made
check "is answered in two parts" parts alice
check "of which the first is sealed" grep -qx 'application/pkcs7-mime server-generated-key' alice.types
check "OpenSSL opens it with that key, and it is signed by the house" opens alice first.made shown.pem
check "it is the key of the certificate" matches alice
asks "where keys go in clear, too, it is sealed for who asks" 200 alice "$MUTUAL_EST/keys/serverkeygen" \
	--cert shown.pem --key first.made
parts alice
check "with another key in it (S11)" sh -c '! cmp -s alice.part1 "$1"' - first.p8
asks "but not without the certificate" 400 alice "$EST/keys/serverkeygen" -u "alice:$password"
check "and nothing comes instead" sh -c '! grep -q boundary alice.head'

# None of it stays: neither the key's octets nor their text.
hex=$(od -An -v -tx1 first.p8 | tr -d " \n" | cut -c 73-136) # of the PrivateKeyInfo of a P-256 key
check "the log has no octet of a key" sh -c '! grep -qai "$1" "$2"' - "$hex" "$T/server.log"
check "nor their base64" sh -c '! grep -qaF "$1" "$2"' - "$(base64 -w0 first.p8)" "$T/server.log"
check "nor has the folder" python3 - "$CA" "$hex" <<'END'
import os, sys
secret = bytes.fromhex(sys.argv[2])
assert len(secret) == 32
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            assert secret not in open(path, "rb").read(), path
END
done_testing
