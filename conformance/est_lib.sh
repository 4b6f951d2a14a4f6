# shellcheck shell=bash disable=SC2034
# For the tests of EST, on top of lib.sh: requests made by OpenSSL, sent by curl,
# labels, and manufacturers of devices. Sourced by bash, in the folder $T.

EST=https://localhost:$HTTPS/.well-known/est
MUTUAL_EST=https://localhost:$MUTUAL/.well-known/est

chancery() { "$CHANCERY" "$@"; }

# settings KEY: a list on standard input becomes the beginning of this one in chancery.yaml.
settings() {
	sed -i "/^$1:\$/r /dev/stdin" "$CA/chancery.yaml"
}

# csr FILE SUBJECT [SAN]: FILE.key (P-256), FILE.csr, FILE.der, FILE.b64
csr() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "$2" \
		${3:+-addext "subjectAltName=$3"} -out "$1.csr" 2>/dev/null &&
		openssl req -in "$1.csr" -outform DER -out "$1.der" && openssl base64 -in "$1.der" -out "$1.b64"
}

# asks NAME STATUS FILE URL [CURL-OPTION…]: the status of a request with that CSR; its answer in FILE.out and FILE.head
asks() {
	local name=$1 status=$2 file=$3 url=$4 got
	shift 4
	got=$(curl -sS -o "$file.out" -D "$file.head" -w '%{http_code}' --cacert "$TLSCA" -H 'Content-Type: application/pkcs10' \
		--data-binary "@$file.b64" "$@" "$url" 2>&1)
	if [ "$got" = "$status" ]; then ok "$name"; else not_ok "$name" "$got: $(cat "$file.out")"; fi
}

# certificate FILE: of its answer, in FILE.pem; it verifies, and it is the only one (E7).
certificate() {
	base64 -d "$1.out" | openssl pkcs7 -inform DER -print_certs -out "$1.pem" && test "$(grep -c BEGIN "$1.pem")" -eq 1 &&
		openssl verify -CAfile roots.pem -untrusted issuing.pem "$1.pem" >/dev/null
}

# same_certificate FILE PEM: what was answered is that certificate.
same_certificate() {
	base64 -d "$1.out" | openssl pkcs7 -inform DER -print_certs | cmp - "$2"
}

CA_EXTENSIONS='basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid'
DEVICE_EXTENSIONS='keyUsage=critical,digitalSignature
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid'

# authority FILE SUBJECT: a root of somebody else, FILE.pem and FILE.key.
authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "$2" -days 3650 \
		-addext keyUsage=critical,keyCertSign,cRLSign -out "$1.pem" 2>/dev/null
}

# signed_by CA FILE EXTENSIONS [FIRST LAST]: FILE.csr becomes FILE.pem. IDevIDs have no end (802.1AR section 8.7).
signed_by() {
	: >signed.index
	printf '%s\n' '[ca]' 'default_ca = d' '[d]' 'database = signed.index' 'new_certs_dir = .' 'rand_serial = yes' 'policy = p' \
		'[p]' 'commonName = optional' 'serialNumber = optional' 'organizationName = optional' >signed.cnf
	printf '%s\n' "$3" >signed.ext
	openssl ca -batch -notext -config signed.cnf -extfile signed.ext -md sha256 -preserveDN -cert "$1.pem" -keyfile "$1.key" \
		-in "$2.csr" -out "$2.pem" -startdate "${4:-20200101000000Z}" -enddate "${5:-99991231235959Z}" 2>signed.log || cat signed.log
}

# crl_of CA OUT FIRST LAST [FILE…]: OUT.crl, PEM, between these times, with the serials of FILE.pem on it.
crl_of() {
	local ca=$1 out=$2 first=$3 last=$4 file
	shift 4
	: >crl.index
	printf '%s\n' '[ca]' 'default_ca = d' '[d]' 'database = crl.index' 'default_md = sha256' >crl.cnf
	for file; do
		openssl ca -config crl.cnf -cert "$ca.pem" -keyfile "$ca.key" -revoke "$file.pem" 2>>crl.log || return 1
	done
	openssl ca -gencrl -config crl.cnf -cert "$ca.pem" -keyfile "$ca.key" -crl_lastupdate "$first" -crl_nextupdate "$last" -out "$out.crl" 2>>crl.log
}
