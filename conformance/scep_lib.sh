# shellcheck shell=bash disable=SC2034
# For the tests of SCEP, on top of lib.sh: endpoints, challenges, messages that
# OpenSSL encrypts and reads, certmonger with a bus and a home of its own. Sourced
# by bash, in the folder $T.

SCEP=http://localhost:$HTTP/scep
export PYTHONDONTWRITEBYTECODE=1 # the tools import one another, and the tree is not theirs to write to

chancery() { "$CHANCERY" "$@"; }
wire() { /usr/bin/python3 -W ignore "$CHANCERY_TOP/tests/tools/scep_wire.py" "$@"; }

# settings KEY: a list on standard input becomes the beginning of this one in chancery.yaml.
settings() {
	sed -i "/^$1:\$/r /dev/stdin" "$CA/chancery.yaml"
}

# challenge ENDPOINT NAME…: a new one-time challenge for these DNS names, the first of which is the common name, too.
challenge() {
	local endpoint=$1 name words=(--name "cn:$2")
	for name in "${@:2}"; do words+=(--name "dns:$name"); done
	chancery scep challenge create --endpoint "$endpoint" "${words[@]}" | tail -n 1 | tee -a challenges.txt
}

# next_ca FILE: the certificate of a CA that somebody made, for after this one.
next_ca() {
	printf '%s\n' '[req]' 'distinguished_name=d' 'prompt=no' 'x509_extensions=x' '[d]' 'CN=Next CA' '[x]' \
		'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign,cRLSign' 'subjectKeyIdentifier=hash' >next.cnf
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -noenc -keyout next.key -config next.cnf -days 3650 -out "$1" 2>/dev/null
}
# And the endpoint that init made says so, from the next start on.
announce_next_ca() {
	sed -i 's/^    #next_ca:/    next_ca:/' "$CA/chancery.yaml"
	next_ca "$CA/next-ca.pem"
}

rsa_key() { openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$1" 2>/dev/null; }

# device FILE NAME [CHALLENGE]: FILE.key, FILE.der (PKCS #10) and FILE.pem, the certificate that it signs itself.
device() {
	rsa_key "$1.key"
	printf '%s\n' '[req]' 'distinguished_name=d' 'prompt=no' 'req_extensions=x' "${3:+attributes=a}" '[d]' "CN=$2" '[x]' \
		"subjectAltName=DNS:$2" '[a]' "${3:+challengePassword=$3}" >device.cnf
	openssl req -new -config device.cnf -key "$1.key" -outform DER -out "$1.der" &&
		openssl req -x509 -key "$1.key" -subj "/CN=$2" -days 2 -out "$1.pem"
}

# are_ready ENDPOINT…: their RAs have keys and certificates, which come a moment after a start.
are_ready() {
	local endpoint
	for endpoint in "$@"; do wait_for 120 curl -fs "http://127.0.0.1:$HTTP/scep/$endpoint?operation=GetCACert" || return 1; done
}

# get_chain ENDPOINT: GetCACert: ra.pem, and chain.pem with the CAs.
get_chain() {
	curl -fsS "$SCEP/$1?operation=GetCACert" | openssl pkcs7 -inform DER -print_certs -out all.pem || return 1
	rm -f one-*.pem && csplit -sz -f one- -b %d.pem all.pem '/^subject/' '{*}' || return 1
	mv one-0.pem ra.pem && cat one-*.pem >chain.pem
}

# message FILE TYPE CONTENT [TRANSACTION]: FILE.msg, encrypted by OpenSSL to ra.pem, signed by FILE.pem and FILE.key.
message() {
	openssl cms -encrypt -binary -aes-256-cbc -outform DER -in "$3" -out "$1.env" ra.pem &&
		wire sign --type "$2" --key "$1.key" --cert "$1.pem" --content "$1.env" ${4:+--transaction "$4"} >"$1.msg"
}

# asks NAME STATUS FILE ENDPOINT [get]: FILE.msg is sent; pkiStatus and failInfo of what comes are STATUS.
asks() {
	local url="$SCEP/$4?operation=PKIOperation" got
	if [ "${5:-}" = get ]; then
		curl -sS -D "$3.head" -o "$3.reply" "$url&message=$(base64 -w0 "$3.msg" | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g')"
	else
		curl -sS -D "$3.head" -o "$3.reply" -H 'Content-Type: application/x-pki-message' --data-binary "@$3.msg" "$url"
	fi
	got=$(wire show "$3.reply" 2>&1)
	if [ "$(sed -n 's/^\(pkiStatus\|failInfo\): //p' <<<"$got" | xargs)" = "$2" ] &&
		tr -d '\r' <"$3.head" | grep -qix 'Content-Type: application/x-pki-message'; then
		ok "$1"
	else
		not_ok "$1" "$got $(head -c 300 "$3.reply" | tr -cd '[:print:]')"
	fi
}

# opened FILE OUT: OpenSSL verifies FILE.reply up to our root and decrypts what is in it: OUT, certificates and CRLs.
opened() {
	cat chain.pem "$TLSCA" >trust.pem # it looks for those between only there, or in the message
	openssl cms -verify -inform DER -in "$1.reply" -CAfile trust.pem -out "$1.inner" 2>cms.log &&
		openssl cms -decrypt -inform DER -in "$1.inner" -recip "$1.pem" -inkey "$1.key" -out "$1.p7" &&
		openssl pkcs7 -inform DER -in "$1.p7" -print_certs -out "$2"
}

# verifies PEM: a certificate for clients, under our root.
verifies() { openssl verify -CAfile "$TLSCA" -untrusted issuing.pem -purpose sslclient "$1"; }

# --- certmonger: the daemon of a session, with a bus and a home of its own, so that it needs neither root nor systemd.

start_certmonger() {
	mkdir -p home && export HOME=$T/home
	dbus-daemon --session --nofork --address="unix:path=$T/bus" >bus.log 2>&1 &
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
	wait_for 30 test -S bus || return 1
	/usr/lib/certmonger/certmonger-session -n -d 2 >certmonger.log 2>&1 &
	wait_for 60 getcert list -s
}

# cm_status FILE: what certmonger says of the request whose certificate goes to FILE.
cm_status() { getcert list -s -f "$T/$1" | sed -n 's/^\tstatus: //p'; }
cm_is() { [ "$(cm_status "$1")" = "$2" ]; }
