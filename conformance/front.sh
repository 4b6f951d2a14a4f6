#!/usr/bin/env bash
# The front against raw sockets: smuggling, limits, Host rules, path variants of
# what a listener does not offer, slow clients, random bytes, OCSP junk
# (A1; H1-H6; V12, V33; O2, O8, O10, O17).
# stores: sqlite (nearly all of it ends before a store is asked)
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup
cd "$T" || exit 1

check "TLS 1.2" curl -fs --cacert "$TLSCA" --tlsv1.2 --tls-max 1.2 "$DIR_URL"
check "TLS 1.3" curl -fs --cacert "$TLSCA" --tlsv1.3 "$DIR_URL"
for old in tls1 tls1_1; do
	check_fails "no $old" openssl s_client -connect "localhost:$HTTPS" "-$old" -cipher DEFAULT@SECLEVEL=0
done
check_fails "no anonymous or unencrypted suite" openssl s_client -connect "localhost:$HTTPS" -tls1_2 \
	-cipher aNULL:eNULL:@SECLEVEL=0
check_fails "no renegotiation" sh -c "printf 'R\n' | openssl s_client -connect localhost:$HTTPS -tls1_2 -quiet -no_ign_eof"

issue_cert a a.t.test
openssl ocsp -issuer issuing.pem -cert a.pem -no_nonce -reqout ocsp.der
rows=$(count_certificates)
server_pid=$(pgrep -P "$SERVER" | while read -r pid; do
	tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx server && echo "$pid"
done)
while IFS= read -r line; do
	case $line in
	"ok - "*) ok "${line#ok - }" ;;
	"not ok - "*) not_ok "${line#not ok - }" ;;
	*) printf '# %s\n' "$line" ;;
	esac
done < <(
	python3 "$CHANCERY_TOP/conformance/tools/front.py" "$HTTP" "$HTTPS" "$TLSCA" "$server_pid" ocsp.der 2>&1 ||
		echo "not ok - the program of the test ran to its end"
)
check "it is the same server process" kill -0 "$server_pid"
check "no row was made" test "$(count_certificates)" -eq "$rows"
check "the server still issues" issue_cert b b.t.test
check "and answers OCSP" openssl ocsp -issuer issuing.pem -cert b.pem -CAfile "$TLSCA" -url "http://127.0.0.1:$HTTP/ocsp/issuing"
stop_server
check "it ends well" test $? -eq 0
done_testing
