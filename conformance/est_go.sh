#!/usr/bin/env bash
# EST with Go's TLS and HTTP: mutual TLS, kept connections, requests that are tied to
# theirs (E5, E6, S9). The program is Debian's own Go's, whatever else is in PATH.
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
END
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }

go=/usr/bin/go
[ -x "$go" ] || go=$(command -v go)
check "the client builds" env GO111MODULE=off GOFLAGS= GOTOOLCHAIN=local GOPROXY=off GOCACHE="$T/go" \
	"$go" build -o client "$CHANCERY_TOP/conformance/tools/est_client.go"

chancery est user add alice >alice.txt
password=$(tail -n 1 alice.txt)
csr alice /CN=alice
asks "a device has a certificate" 200 alice "$EST/simpleenroll" -u "alice:$password"
check "which verifies" certificate alice
while IFS= read -r line; do
	case $line in
	"ok - "*) ok "${line#ok - }" ;;
	"not ok - "*) not_ok "${line#not ok - }" ;;
	*) printf '# %s\n' "$line" ;;
	esac
done < <(./client -port "$MUTUAL" -roots "$TLSCA" -cert alice.pem -key alice.key -name alice -user alice <<<"$password" 2>&1 ||
	echo "not ok - the client ran to its end")
check "the log verifies" chancery audit verify
done_testing
