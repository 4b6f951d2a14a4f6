#!/usr/bin/env bash
# SCEP on two nodes over one PostgreSQL, each request sent to the next one: one certificate for a transaction and for a
# challenge, whoever is asked and however many ask at once (S1, S2, SP11, SP12); one RA key for both.
# stores: sqlite (it starts a PostgreSQL of its own)
. "$CHANCERY_TOP/conformance/nodes_lib.sh" || exit 1
. "$CHANCERY_TOP/conformance/scep_lib.sh"
hostile() { /usr/bin/python3 -W ignore "$CHANCERY_TOP/tests/tools/hostile_scep.py" "$@"; }
need "a PostgreSQL cluster" "$T/initdb.log" make_cluster
need "a CA is made" "$T/init.log" init_ca
own_settings 1
hostile --profiles | settings profiles
hostile --endpoints | settings scep
(umask 077 && echo static-challenge-of-the-test >"$CA/scep-static")
need "node 1 starts" "$T/node1.log" start_node 1
join_node 2
cp -p "$CA/scep-static" "$(node_dir 2)/"
need "node 2 starts" "$T/node2.log" start_node 2
cd "$T" || exit 1

chain_of() { curl -fsS "http://127.0.0.1:$(node_http "$1")/scep/gate?operation=GetCACert" | sha256sum; }
check "both say the same of the CA and its RA" test "$(chain_of 1)" = "$(chain_of 2)"
hostile --http "$(node_http 1)" --http "$(node_http 2)" --chancery "$CHANCERY" --dir "$CA" \
	--case S1- --case S2- --case S3- --case SP11- --case SP12- --case SP5-of >hostile.tap 2>hostile.log
status=$?
take_tap hostile.tap
check "the hostile client found nothing" test "$status" -eq 0
[ "$status" -eq 0 ] || sed 's/^/# /' hostile.log
check "every case was driven" test "$tap_n" -gt 50
check "the log proves all of it" chancery audit verify --dir "$CA"
end_testing
