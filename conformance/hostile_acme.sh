#!/usr/bin/env bash
# A malicious ACME client, one deviation per case, against the built server: the protocol's own error, and no
# certificate row (rows A, W, J and R; tests/tools/hostile_acme.py --list names them).
. "$CHANCERY_TOP/conformance/lib.sh"
hostile=$CHANCERY_TOP/tests/tools/hostile_acme.py
while read -r name address; do # names that no probe may follow (R2)
	DNS_OPTIONS+=("--address=/$name/$address")
done < <(/usr/bin/python3 "$hostile" --list-addresses)
setup
sed -i 's/#orders_per_account: 300/orders_per_account: 40/' "$CA/chancery.yaml"
kill -HUP "$SERVER"

/usr/bin/python3 "$hostile" --directory "$DIR_URL" --cacert "$TLSCA" --chancery "$CHANCERY" \
	--dir "$CA" --http-port "$ACME_HTTP" --open-orders 40 --address-names --all >"$T/hostile.tap" 2>"$T/hostile.log"
status=$?
take_tap "$T/hostile.tap"
check "the hostile client found nothing" test "$status" -eq 0
check "every case was driven" test "$tap_n" -gt 200
check "the server answers" curl -fs "http://127.0.0.1:$HTTP/readyz"
check "the log proves all of it" "$CHANCERY" audit verify --dir "$CA"
done_testing
