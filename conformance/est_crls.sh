#!/usr/bin/env bash
# Certificates of a manufacturer that its CRL names, or of whom no current CRL is there
# (V10): anchor_crls, in PEM and in DER, read at start and at a reload.
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
cd "$T" || exit 1
export CHANCERY_DIR=$CA
. "$CHANCERY_TOP/conformance/est_lib.sh"
NOW=20200101000000Z LATER=99991231235959Z

authority root "/O=Device Maker/CN=Device Maker Root"
csr maker "/O=Device Maker/CN=Issuing 1"
signed_by root maker "$CA_EXTENSIONS"
for unit in kept lost; do csr $unit /CN=$unit && signed_by maker $unit "$DEVICE_EXTENSIONS" && cat $unit.pem maker.pem >$unit.chain; done
cp root.pem "$CA/root.pem"
settings est <<'END'
  - label: factory
    profile: device
    authentication: [certificate]
    anchors: [root.pem]
    anchor_crls: [maker.crl]
END
check_fails "without the CRL the server does not start" timeout 60 "$CHANCERY" serve
check_says "doctor says which file" "maker.crl" chancery doctor
crl_of maker pem $NOW $LATER lost
cp pem.crl "$CA/maker.crl"
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }

shows() { # NAME STATUS UNIT
	asks "$1" "$2" "$3" "$MUTUAL_EST/factory/simpleenroll" --cert "$3.chain" --key "$3.key"
}
reloads=0
reload() { # with that file as the CRL
	cp "$1" "$CA/maker.crl"
	kill -HUP "$SERVER"
	reloads=$((reloads + 1))
	wait_for 60 sh -c 'test "$(grep -c "\"event\":\"config.reloaded\"" server.log)" -ge "$1"' - $reloads
}
shows "a device that the CRL does not name enrols" 200 kept
shows "one that it names does not" 403 lost
check "and is told why" grep -q "revoked" lost.out

crl_of maker next $NOW $LATER kept
openssl crl -in next.crl -outform DER -out next.der
check "the next CRL is taken at a reload, in DER" reload next.der
csr kept2 /CN=kept
cp kept.chain kept2.chain
cp kept.key kept2.key
shows "it counts from then on" 403 kept2
shows "and the one before no more" 200 lost

crl_of maker old $NOW 20210101000000Z
check "one that has expired is taken" reload old.crl
csr lost2 /CN=lost
cp lost.chain lost2.chain
cp lost.key lost2.key
shows "but nobody is let in by it" 403 lost2
check "with a sentence for the operator" grep -q "expired.*operator" lost2.out

crl_of root above $NOW $LATER
check "one of the CA above" reload above.crl
shows "says nothing of devices" 403 lost2
check "in so many words" grep -q "no CRL of its issuer" lost2.out
cat pem.crl above.crl >both.crl
crl_of root gone $NOW $LATER maker
cat pem.crl gone.crl >gone2.crl
check "both in one file" reload both.crl
csr kept3 /CN=kept
cp kept.chain kept3.chain
cp kept.key kept3.key
shows "let in whom neither names" 200 kept3
check "when the CA itself is revoked" reload gone2.crl
shows "its devices are, too" 403 kept2

head -c 200 pem.crl >"$CA/maker.crl"
kill -HUP "$SERVER"
check "a broken file keeps the configuration as it was" wait_for 60 grep -q '"event":"config.kept".*maker.crl' server.log
shows "and what it said" 403 kept2
done_testing
