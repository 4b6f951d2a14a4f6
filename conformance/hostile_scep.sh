#!/usr/bin/env bash
# A malicious SCEP client, one deviation per case, against the built server: the failInfo of RFC 8894, and no
# certificate (rows SP1-SP17, S1-S8, V1, V10, V11, V26, V44; tests/tools/hostile_scep.py --list names them).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/scep_lib.sh"
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
hostile() { /usr/bin/python3 -W ignore "$CHANCERY_TOP/tests/tools/hostile_scep.py" "$@"; }
hostile --profiles | settings profiles
hostile --endpoints | settings scep
(umask 077 && echo static-challenge-of-the-test >"$CA/scep-static")
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
server_pid=$(pgrep -P "$SERVER" | while read -r pid; do
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx server && echo "$pid"
done)
memory_mb() { awk "/^$1:/ { print int(\$2 / 1024) }" "/proc/$server_pid/status"; }
before=$(memory_mb VmRSS)

hostile --http "$HTTP" --chancery "$CHANCERY" --dir "$CA" --secrets secrets.txt --all >hostile.tap 2>hostile.log
status=$?
take_tap hostile.tap
check "the hostile client found nothing" test "$status" -eq 0
[ "$status" -eq 0 ] || sed 's/^/# /' hostile.log
check "every case was driven" test "$tap_n" -gt 330
check "it is the same server process" kill -0 "$server_pid"
check "the server answers" curl -fs "http://127.0.0.1:$HTTP/readyz"
if [ "${CHANCERY_BUILD_KIND:-plain}" = plain ]; then # sanitizers keep freed memory for a while
	check "its memory stayed small ($before MB, at most $(memory_mb VmHWM) MB)" test "$(memory_mb VmHWM)" -le $((before + 48))
fi
export CHANCERY_DIR=$CA
check "the log proves all of it" chancery audit verify
chancery audit export >export.txt
check "no challenge is in any log" sh -c 'test -s secrets.txt && ! grep -qFf secrets.txt -e static-challenge server.log export.txt'
for type in authentication.refused issuance.refused; do
	check "$type is in the log" grep -q "\"type\":\"$type\"" export.txt
done
done_testing
