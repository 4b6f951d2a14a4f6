#!/usr/bin/env bash
# EST as Cisco's libest speaks it, replayed, since Debian does not have it: see the head
# of conformance/tools/est_libest.py (E3-E6, E8, E9, E11, S9).
# builds: plain (what is new here is the client)
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
cd "$T" || exit 1
export CHANCERY_DIR=$CA
. "$CHANCERY_TOP/conformance/est_lib.sh"
settings est <<'END'
  - label: bound
    profile: device
    authentication: [user]
    channel_binding: required
  - label: keys
    profile: device
    authentication: [user]
    server_keys: tls
  - label: desk
    profile: device
    authentication: [user]
    approval: manual
END
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }
chancery est user add alice >alice.txt
while IFS= read -r line; do
	case $line in
	"ok - "*) ok "${line#ok - }" ;;
	"not ok - "*) not_ok "${line#not ok - }" ;;
	*) printf '# %s\n' "$line" ;;
	esac
done < <(/usr/bin/python3 -W ignore "$CHANCERY_TOP/conformance/tools/est_libest.py" "$MUTUAL" "$TLSCA" <<<"alice:$(tail -n 1 alice.txt)" 2>&1 ||
	echo "not ok - the program of the test ran to its end")
check "the log verifies" chancery audit verify
done_testing
