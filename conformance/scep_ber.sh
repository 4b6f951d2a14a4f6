#!/usr/bin/env bash
# SCEP in BER, as Apple's devices and jscep write it: OpenSSL streams the envelope, and the message around it has open
# lengths and octets in pieces; taken where the endpoint says so, and nowhere else (S6, S8).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/scep_lib.sh"
export CHANCERY_DIR=$CA
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
settings scep <<'END'
  - name: apple
    profile: mobile
    authentication: [challenge]
    compatibility: [ber]
END
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
are_ready default apple
check "each endpoint has its RA" test $? -eq 0

# ber_message FILE: FILE.msg, and FILE.env in it, both in BER.
ber_message() {
	openssl cms -encrypt -stream -binary -aes-256-cbc -outform DER -in "$1.der" -out "$1.env" ra.pem &&
		wire sign --ber --type 19 --key "$1.key" --cert "$1.pem" --content "$1.env" >"$1.msg"
}
is_open() { head -c 2 "$1" | od -An -tx1 | grep -qx ' 30 80'; }

get_chain apple
device a a.t.test "$(challenge apple a.t.test)"
check "a message in BER" ber_message a
check "around an envelope in BER" is_open a.env
check "is one" is_open a.msg
asks "where BER is taken, it is answered" 0 a apple
check "OpenSSL verifies and decrypts the reply" opened a a-cert.pem
check "the certificate is as good as any" verifies a-cert.pem
check_says "and the log tells (S8)" '"compatibility":"ber"' chancery audit export --format jsonl
asks "by GET it is the same request" 0 a apple get
device b b.t.test "$(challenge apple b.t.test)"
message b 19 b.der
asks "DER is taken there as well" 0 b apple

count=$(count_certificates)
get_chain default
device c c.t.test "$(challenge default c.t.test)"
ber_message c
check_says "elsewhere it is no message (S6)" '^400$' curl -s -o c.reply -w '%{http_code}\n' --data-binary @c.msg "$SCEP/default?operation=PKIOperation"
wire sign --type 19 --key c.key --cert c.pem --content c.env >c.msg
asks "and with the envelope alone in BER one that cannot be read" "2 1" c default
check "nobody has got a certificate for it" test "$(count_certificates)" -eq "$count"
message c 19 c.der
asks "the same request in DER is taken" 0 c default
done_testing
