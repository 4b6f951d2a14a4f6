#!/usr/bin/env bash
# A malicious EST client, one deviation per case, against the built server: EST's own refusal, and no certificate
# (rows E1-E17, S9-S11, V10-V12, V21; tests/tools/hostile_est.py --list names them).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/est_lib.sh"
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
hostile() { /usr/bin/python3 -W ignore "$CHANCERY_TOP/tests/tools/hostile_est.py" --manufacturer "$T/maker" "$@"; }
authority maker "/O=Device Maker/CN=Device Maker Root"
cp maker.pem "$CA/"
hostile --profiles | settings profiles
hostile --labels | settings est
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
server_pid=$(pgrep -P "$SERVER" | while read -r pid; do
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx server && echo "$pid"
done)

hostile --https "$HTTPS" --mutual "$MUTUAL" --http "$HTTP" --cacert "$TLSCA" --chancery "$CHANCERY" --dir "$CA" \
	--secrets secrets.txt --keys keys.txt --all >hostile.tap 2>hostile.log
status=$?
take_tap hostile.tap
check "the hostile client found nothing" test "$status" -eq 0
[ "$status" -eq 0 ] || sed 's/^/# /' hostile.log
check "every case was driven" test "$tap_n" -gt 400
check "it is the same server process" kill -0 "$server_pid"
check "the server answers" curl -fs "http://127.0.0.1:$HTTP/readyz"
export CHANCERY_DIR=$CA
check "the log proves all of it" chancery audit verify
chancery audit export >export.txt
check "no password and no token is in any log" sh -c 'test -s secrets.txt && ! grep -qFf secrets.txt server.log export.txt'
# S11: keys that the server made, in none of the forms in which something is written, in no file and no table.
[ -z "$STORE" ] || pg_dump "$STORE" >store.sql
check "no key that the server made is in a log, the store or a file" python3 - keys.txt "$CA" "$T/server.log" export.txt store.sql <<'END'
import base64, os, sys
keys = [bytes.fromhex(line) for line in open(sys.argv[1]).read().split()]
assert len(keys) > 10, len(keys)
forms = [form for key in keys for form in (key, key.hex().encode(), key.hex().upper().encode(), str(int.from_bytes(key, "big")).encode(),
         *(base64.b64encode(bytes(skip) + key)[4:40] for skip in range(3)))]
files = [os.path.join(folder, name) for folder, _, names in os.walk(sys.argv[2]) for name in names] + sys.argv[3:]
seen = 0
for path in filter(os.path.isfile, files):
    content = open(path, "rb").read()
    seen += len(content)
    assert not any(form in content for form in forms), path
assert seen > 100000, seen
END
for type in authentication.refused issuance.refused credential.locked; do
	check "$type is in the log" grep -q "\"type\":\"$type\"" export.txt
done
done_testing
