#!/usr/bin/env bash
# EST with real clients: curl and OpenSSL, strongSwan's pki, Python's TLS, nginx
# renewed by cron; and each command of docs/est.md (E1, E3, E5-E8, E14, S9, V10, V11).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
cd "$T" || exit 1
. "$CHANCERY_TOP/conformance/est_lib.sh"
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
NGINX=$((port_base + 11))

# What the page says, at the ports of this test; below the line "<!-- test: NAME -->".
doc() { # NAME
	awk -v name="<!-- test: $1 -->" '$0 == name { on = 1; next } on && /^    / { said = 1; print substr($0, 5); next }
		on && said && /[^ ]/ { exit } on && said { print }' "$CHANCERY_TOP/docs/est.md" |
		sed "s#https://ca.example.internal:8443#https://localhost:$HTTPS#; s#https://ca.example.internal:8444#https://localhost:$MUTUAL#
			s#http://ca.example.internal:8080#http://localhost:$HTTP#; s#/etc/nginx/est#$T/nginx#; s#nginx -s reload#nginx -c $T/nginx.conf -s reload#"
}
runs() { # NAME: each command of that block has to succeed
	doc "$1" >"$1.sh" && test -s "$1.sh" && bash -euo pipefail "$1.sh"
}
mkdir bin nginx
ln -s "$CHANCERY" bin/chancery
export PATH=$T/bin:$PATH CHANCERY_DIR=$CA

authority manufacturer "/O=Device Maker/CN=Device Maker Root"
authority stranger "/O=Somebody Else/CN=Root"
csr maker "/O=Device Maker/CN=Issuing 1"
signed_by manufacturer maker "$CA_EXTENSIONS"
cp manufacturer.pem "$CA/"
for key in profiles est; do doc $key | sed 1d | settings $key; done
settings est <<'END'
  - label: bound
    profile: device
    authentication: [user]
    channel_binding: required
END
sed -i 's/^  #mutual_host: .*/  mutual_host: est.t.test/' "$CA/chancery.yaml"
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }

# The page, in its order.
check "docs: the root is fetched" runs roots
check "docs: the chain by EST (E3)" runs cacerts
check "it is two certificates, of which the first signs" test "$(grep -c BEGIN cacerts.pem)" -eq 2
check "docs: a token" runs token
check "docs: a device enrols" runs enroll
check "it has a certificate that verifies" openssl verify -CAfile "$TLSCA" -untrusted cacerts.pem -purpose sslclient dev-17.pem
check_says "with its names" "DNS:dev-17.example.internal" openssl x509 -in dev-17.pem -noout -subject -ext subjectAltName
cp dev-17.pem first.pem
openssl x509 -in dev-17.pem -noout -pubkey >dev-17.pub
check "docs: it renews itself" runs reenroll
check "for the same names, with another key" sh -c 'names() { openssl x509 -in "$1" -noout -subject -ext subjectAltName; }
	test "$(names next.pem)" = "$(names dev-17.pem)" && ! openssl x509 -in next.pem -noout -pubkey | cmp -s - dev-17.pub'
csr unit "/CN=unit-4711/serialNumber=4711"
signed_by maker unit "$DEVICE_EXTENSIONS"
cat unit.pem maker.pem >idevid.pem
cp unit.key idevid.key
check "docs: a manufacturer's certificate enrols" runs factory
check_says "with the subject that it has" "serialNumber ?= ?4711, CN ?= ?unit-4711" openssl x509 -in unit.pem -noout -subject
check "and verifies" openssl verify -CAfile "$TLSCA" -untrusted cacerts.pem unit.pem
check "docs: a user and its patterns" runs user
check "docs: a request waits (E8)" runs waits
check_says "with status 202 and Retry-After" "^HTTP/1.1 202.*Retry-After: [0-9]" sh -c "tr '\r\n' '  ' <gate.head"
check "docs: it is approved" runs approve
asks "the next poll has the certificate" 200 gate "$EST/desk/simpleenroll" -K desk.curl
check "which verifies" certificate gate

# nginx, by the script of the page.
cat >nginx.conf <<END
daemon off; pid $T/nginx.pid; error_log $T/nginx-error.txt; worker_processes 1;
events {}
http {
	access_log off; client_body_temp_path $T/nginx; proxy_temp_path $T/nginx; fastcgi_temp_path $T/nginx; uwsgi_temp_path $T/nginx; scgi_temp_path $T/nginx;
	server { listen 127.0.0.1:$NGINX ssl; server_name www.example.internal; ssl_certificate $T/nginx/www.pem; ssl_certificate_key $T/nginx/www.pem; return 204; }
}
END
www() { curl -fsS --cacert "$TLSCA" --resolve "www.example.internal:$NGINX:127.0.0.1" "https://www.example.internal:$NGINX/"; }
served() { openssl s_client -connect "127.0.0.1:$NGINX" -servername www.example.internal </dev/null 2>/dev/null | openssl x509 -noout -serial; }
renewed() { test -n "$(served)" && test "$(served)" != "$before"; }
check "docs: a token for nginx" runs web-token
cp roots.pem token.header nginx/
doc renew-www >bin/renew-www && sed 's/30 \* 86400/120 * 86400/' bin/renew-www >bin/renew-early && chmod +x bin/*
sed -i '/nginx -c/d' bin/renew-www # there is none yet to reload
check "docs: cron's script gets the first certificate" renew-www
check "with nothing left over" test "$(ls nginx)" = "$(printf 'chain.pem\nroots.pem\nwww.pem')"
nginx -c "$T/nginx.conf" 2>nginx.out &
check "nginx serves it" wait_for 30 www
before=$(served)
check "a day later it does nothing" renew-www
check "but stays as it is" sh -c 'test "$1" = "$(openssl x509 -in nginx/www.pem -noout -serial)"' - "$before"
check "near the end it renews by the certificate" renew-early
check "and nginx serves the new one" wait_for 30 renewed
check "which clients accept" www

# Two labels, two doors.
chancery est user add alice >alice.txt
alice="alice:$(tail -n 1 alice.txt)"
csr alice /CN=alice
asks "a user enrols" 200 alice "$EST/simpleenroll" -u "$alice"
check "with a certificate that verifies, alone (E7)" certificate alice
check "of the media type" grep -Eqi '^Content-Type: application/pkcs7-mime; *smime-type=certs-only' alice.head
check_fails "without a Content-Transfer-Encoding (E11)" grep -qi '^Content-Transfer-Encoding' alice.head
asks "a repeat" 200 alice "$EST/simpleenroll" -u "$alice"
check "gets the same certificate (E14)" same_certificate alice alice.pem
asks "not at a label that takes tokens only" 401 alice "$EST/web/simpleenroll" -u "$alice"
asks "nor at one that does not exist (E1)" 404 alice "$EST/nowhere/simpleenroll" -u "$alice"
check "cacerts is the same at each label" sh -c 'curl -fsS --cacert "$1" "$2/web/cacerts" | base64 -d | openssl pkcs7 -inform DER -print_certs | cmp - cacerts.pem' - "$TLSCA" "$EST"
token=$(chancery est token create --label web --name dns:b.example.internal | tail -n 1)
csr b "/" DNS:b.example.internal
csr b2 "/" DNS:b.example.internal
asks "a token is for its label" 401 b "$EST/simpleenroll" -H "Authorization: Bearer $token"
asks "where it is good" 200 b "$EST/web/simpleenroll" -H "Authorization: Bearer $token"
certificate b
asks "once" 403 b2 "$EST/web/simpleenroll" -H "Authorization: Bearer $token"

# Renewal by mutual TLS: by port, by SNI.
csr alice2 /CN=alice
asks "renewal at the mutual port" 200 alice2 "$MUTUAL_EST/simplereenroll" --cert alice.pem --key alice.key
check "with a certificate that verifies" certificate alice2
csr alice3 /CN=alice
asks "at the mutual name, on the port of ACME" 200 alice3 "https://est.t.test:$HTTPS/.well-known/est/simplereenroll" \
	--resolve "est.t.test:$HTTPS:127.0.0.1" --cert alice2.pem --key alice2.key
csr alice4 /CN=alice
asks "not at that port by the ordinary name" 403 alice4 "$EST/simplereenroll" --cert alice2.pem --key alice2.key
asks "not by a certificate of another profile (V11)" 403 b "$MUTUAL_EST/simplereenroll" --cert b.pem --key b.key
asks "not for another name (E6)" 403 b2 "$MUTUAL_EST/web/simplereenroll" --cert alice.pem --key alice.key
check "the one that was renewed is revoked" chancery cert revoke "$(serial_of alice.pem)" --reason superseded
asks "it renews nothing any more (V10)" 403 alice4 "$MUTUAL_EST/simplereenroll" --cert alice.pem --key alice.key
check "the refusal says so" grep -q revoked alice4.out
asks "nor does it enrol" 401 alice4 "$MUTUAL_EST/simpleenroll" --cert alice.pem --key alice.key
asks "the one after it does" 200 alice4 "$MUTUAL_EST/simplereenroll" --cert alice2.pem --key alice2.key
csr alice5 /CN=alice

# Certificates of others.
refused() { # NAME FILE STATUS LABEL
	asks "$1" "$3" "$2" "$MUTUAL_EST/$4/simpleenroll" --cert "$2.pem" --key "$2.key"
}
foreign() { # NAME CA SUBJECT EXTENSIONS [FIRST LAST]: NAME.pem with its chain
	csr "$1" "$3" && signed_by "$2" "$1" "$4" "${@:5}" && cat "$2.pem" >>"$1.pem"
}
foreign old maker /CN=old "$DEVICE_EXTENSIONS" 20200101000000Z 20210101000000Z
foreign early maker /CN=early "$DEVICE_EXTENSIONS" 20990101000000Z 99991231235959Z
foreign odd stranger /CN=odd "$DEVICE_EXTENSIONS"
foreign server maker /CN=server "$DEVICE_EXTENSIONS
extendedKeyUsage=serverAuth"
csr self /CN=self
openssl x509 -req -in self.csr -signkey self.key -out self.pem 2>/dev/null
refused "a manufacturer's certificate that has expired (V10)" old 403 factory
refused "one that is not valid yet" early 403 factory
refused "one of another manufacturer (V11)" odd 403 factory
refused "one for servers" server 403 factory
refused "one that signed itself" self 403 factory
refused "the manufacturer's own" maker 403 factory
asks "a device asks for the name of another" 403 alice5 "$MUTUAL_EST/factory/simpleenroll" --cert idevid.pem --key idevid.key
csr unit2 "/CN=unit-4711/serialNumber=4711"
asks "its certificate is no use at a label without anchors" 401 unit2 "$MUTUAL_EST/simpleenroll" --cert idevid.pem --key idevid.key
asks "nor for renewal" 403 unit2 "$MUTUAL_EST/factory/simplereenroll" --cert idevid.pem --key idevid.key
asks "nor at the port that asks for none" 403 unit2 "$EST/factory/simpleenroll" --cert idevid.pem --key idevid.key

# Rejection.
csr no /CN=gate-4
asks "one more request waits" 202 no "$EST/desk/simpleenroll" -K desk.curl
asks "and is the same when it comes again" 202 no "$EST/desk/simpleenroll" -K desk.curl
check "it is rejected" chancery request reject "$(chancery request list --json | jq -r 'if length == 1 then .[0].id else error("not one") end')" --reason "no such gate"
asks "and told so" 403 no "$EST/desk/simpleenroll" -K desk.curl
check "with the reason" grep -q "no such gate" no.out

# Channel binding and kept connections by Python's TLS; S9, E5.
while IFS= read -r line; do
	case $line in
	"ok - "*) ok "${line#ok - }" ;;
	"not ok - "*) not_ok "${line#not ok - }" ;;
	*) printf '# %s\n' "$line" ;;
	esac
done < <(python3 "$CHANCERY_TOP/conformance/tools/est_python.py" "$MUTUAL" "$TLSCA" alice2.pem alice2.key <<<"$alice" 2>&1 ||
	echo "not ok - the program of the test ran to its end")

# strongSwan.
if pki --estca --url "https://localhost:$HTTPS" --cacert "$TLSCA" --caout swan-ca.pem --outform pem --force >swan.txt 2>&1; then
	ok "strongSwan gets the chain"
else
	not_ok "strongSwan gets the chain" "$(cat swan.txt)"
fi
openssl x509 -in issuing.pem -outform DER | openssl x509 -inform DER -out signer.pem
csr swan /CN=alice
swan() { # OUT FILE PORT OPTION…
	local out=$1 file=$2 port=$3
	shift 3
	pki --est --url "https://localhost:$port" --in "$file.der" --cacert "$TLSCA" --cacert signer.pem --interval 1 --maxpolltime 20 --outform pem "$@" >"$out" 2>swan.txt
}
check "strongSwan enrols with a password" swan swan.pem swan "$HTTPS" --userpass "$alice"
check "the certificate verifies" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem swan.pem
csr swan2 /CN=alice
check "strongSwan renews by its certificate" swan swan2.pem swan2 "$MUTUAL" --cert swan.pem --key swan.key
check "with another one" sh -c 'openssl verify -CAfile "$1" -untrusted issuing.pem swan2.pem && ! cmp -s swan.pem swan2.pem' - "$TLSCA"

check "no token and no password is in the server's log" sh -c '! grep -qF -e "$1" -e "$2" server.log' - "$token" "${alice#*:}"
check "the log verifies" chancery audit verify
done_testing
