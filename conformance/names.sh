#!/usr/bin/env bash
# Certificates of devices: subject and subjectAltNames of every kind from the
# request, through the operator's door, as OpenSSL, GnuTLS and NSS read them; what
# a profile does not list or bound is refused (C2, C9, C16, N3, N4, V45, V49, V50).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
init_ca || { not_ok "a CA is made" "$(cat "$T/init.log")"; done_testing; exit 1; }
cd "$T" || exit 1
export CHANCERY_DIR=$CA
sed -i 's/^  profiles: \[operator\]$/  profiles: [operator, anything, accounts, bounded, addresses]/; /^# ACME directories/i\
  - name: anything\
    ca: issuing\
    usages: [client_auth]\
    names: [dns, ip, email, uri]\
    subject: [common_name, serial_number, organization, organizational_unit, country]\
  - name: accounts\
    ca: issuing\
    usages: [client_auth]\
    names: [uri, upn, sid]\
    subject: [common_name, locality, state, country]\
    permitted_names: [t.test]\
  - name: bounded\
    ca: issuing\
    usages: [client_auth]\
    names: [dns, ip, email, uri]\
    subject: [common_name, serial_number]\
    permitted_names: [t.test]\
    permitted_networks: [10.0.0.0/8, "2001:db8::/32"]\
  - name: addresses\
    ca: issuing\
    names: [ip]\
' "$CA/chancery.yaml"
start_dns
start_server || { not_ok "the server starts" "$(tail -n 40 "$T/server.log")"; done_testing; exit 1; }

# csr FILE SUBJECT [SAN [EXTENSION]]
csr() {
	openssl req -new -utf8 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "$2" \
		${3:+-addext "subjectAltName=$3"} ${4:+-addext "$4"} -out "$1.csr" 2>/dev/null
}
# sid_extension SID, as openssl's -addext wants it
sid_extension() {
	printf '1.3.6.1.4.1.311.25.2=DER:30%02xa0%02x060a2b060104018237190201a0%02x04%02x%s' $((${#1} + 18)) $((${#1} + 16)) $((${#1} + 2)) ${#1} \
		"$(printf %s "$1" | od -An -tx1 | tr -d ' \n')"
}
# issue FILE PROFILE
issue() {
	"$CHANCERY" cert issue --csr "$1.csr" --profile "$2" >"$1.pem" 2>"$1.err"
}
# refuses NAME PATTERN PROFILE SUBJECT [SAN [EXTENSION]]
refuses() {
	csr odd "$4" "${5:-}" "${6:-}"
	if ! issue odd "$3" && [ ! -s odd.pem ] && [ "$(wc -l <odd.err)" -eq 1 ] && grep -Eq -- "$2" odd.err; then
		ok "$1"
	else
		not_ok "$1" "$(cat odd.err odd.pem)"
	fi
}

# All of it, as a device asks.
device_names=DNS:dev-17.t.test,IP:10.0.0.17,IP:2001:db8::11,email:Dev-17@T.Test,URI:urn:dev:17,URI:https://dev-17.t.test/id
csr device "/CN=dev-17/serialNumber=A1234/O=Söhne & Co/OU=Fleet/C=DE" "$device_names"
check "a device gets its certificate" issue device anything
openssl x509 -in device.pem -out leaf.pem
check_says "OpenSSL reads the subject, in the order of a directory" '^subject=C=DE,O=Söhne & Co,OU=Fleet,serialNumber=A1234,CN=dev-17$' \
	openssl x509 -in leaf.pem -noout -subject -nameopt utf8,sep_comma_plus
check_says "country and serial number are PrintableString" 'PRINTABLESTRING *:A1234' openssl asn1parse -in leaf.pem
check_says "the rest is UTF8String" 'UTF8STRING *:dev-17' openssl asn1parse -in leaf.pem
check_says "OpenSSL reads the names" \
	'^ *DNS:dev-17.t.test, IP Address:10.0.0.17, IP Address:2001:DB8:0:0:0:0:0:11, email:Dev-17@t.test, URI:https://dev-17.t.test/id, URI:urn:dev:17$' \
	openssl x509 -in leaf.pem -noout -ext subjectAltName
check "OpenSSL verifies it for its address" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem -purpose sslclient -verify_ip 10.0.0.17 leaf.pem
check "for its host name" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem -verify_hostname dev-17.t.test leaf.pem
check "for its mailbox" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem -verify_email Dev-17@t.test leaf.pem
check_fails "and for no other" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem -verify_ip 10.0.0.18 leaf.pem
certtool -i --infile leaf.pem >certtool.txt 2>&1
check_says "GnuTLS reads the subject" 'Subject: CN=dev-17,serialNumber=A1234,OU=Fleet,O=Söhne & Co,C=DE' cat certtool.txt
for name in 'DNSname: dev-17.t.test' 'IPAddress: 10.0.0.17' 'IPAddress: 2001:db8::11' 'RFC822Name: Dev-17@t.test' 'URI: urn:dev:17'; do
	check_says "GnuTLS reads the $name" "$name" cat certtool.txt
done
cat leaf.pem issuing.pem "$TLSCA" >chain.pem
check_says "GnuTLS verifies it" "Chain verification output: Verified" certtool --verify --load-ca-certificate "$TLSCA" --infile chain.pem
mkdir nss
certutil -N -d sql:nss --empty-password
certutil -A -d sql:nss -n root -t CT,C,C -i "$TLSCA"
certutil -A -d sql:nss -n issuing -t ,, -i issuing.pem
certutil -A -d sql:nss -n device -t ,, -i leaf.pem
check "NSS finds it valid for a client" certutil -V -d sql:nss -n device -u C
certutil -L -d sql:nss -n device >nss.txt 2>&1
check_says "NSS reads the subject" 'Subject: .*CN=dev-17,serialNumber=A1234,OU=Fleet' sh -c "tr -d '\n' <nss.txt | sed 's/  */ /g'"
check_says "NSS reads the names" 'DNS name: "dev-17.t.test".*IP Address: 10.0.0.17.*RFC822 Name: "Dev-17@t.test".*URI: "urn:dev:17"' \
	sh -c "tr -d '\n' <nss.txt | sed 's/  */ /g'"

# A subject without a SAN, and a SAN without a subject.
csr bare "/CN=dev 18 (Gerät)"
check "a subject alone is enough where the profile takes it" issue bare anything
check_fails "there is no SAN then" sh -c 'openssl x509 -in bare.pem -noout -ext subjectAltName | grep .'
csr nameless / URI:urn:dev:19
check "so is a SAN alone" issue nameless anything
check_says "which is critical" 'Subject Alternative Name: critical' openssl x509 -in nameless.pem -noout -text
csr address / IP:10.0.0.1
check "a profile of addresses gives addresses" issue address addresses
check_fails "without a common name, which is for DNS names" sh -c 'openssl x509 -in address.pem -noout -subject | grep CN'

# Found by each of its names.
for name in dev-17 A1234 dev-17.t.test 10.0.0.17 2001:db8::11 Dev-17@t.test urn:dev:17; do
	check_says "cert list --name $name finds it" "dev-17" "$CHANCERY" cert list --name "$name"
done
check_says "and the one with blanks in its name" "Gerät" "$CHANCERY" cert list --name "dev 18 (Gerät)"
check_says "not by its organization" '^\[\]$' "$CHANCERY" cert list --json --name "Söhne & Co"
check_says "the log has the names by their kinds" 'cn:dev-17.*' sh -c \
	'"$0" audit export --format jsonl | grep "dns:dev-17.t.test" | grep "ip:10.0.0.17" | grep "serialNumber:A1234" | grep cn:dev-17' "$CHANCERY"

# An account of Windows: UPN and SID, places in the subject, and a SID as Intune asks for it.
account_sid=S-1-5-21-1004336348-1177238915-682003330-1104
upn_type=1.3.6.1.4.1.311.20.2.3
# A name with a comma in it can only come from a file.
write_names() { # FILE EXTENSION NAME…
	printf '%s\n' '[req]' 'distinguished_name = dn' 'req_extensions = extensions' '[dn]' '[extensions]' 'subjectAltName = @san' \
		"$2" '[san]' "${@:3}" >"$1"
}
tag_uri="tag:microsoft.com,2022-09-14:sid:$account_sid"
write_names account.cnf "$(sid_extension "$account_sid")" "otherName = $upn_type;FORMAT:UTF8,UTF8:Jürgen@T.Test" "URI = \"$tag_uri\""
OPENSSL_CONF=account.cnf csr account "/CN=Alice@T.Test/L=Frankfurt/ST=Hessen/C=DE"
check "an account gets its certificate" issue account accounts
openssl x509 -in account.pem -out account_leaf.pem
check_says "OpenSSL reads its places in their order" '^subject=C=DE,ST=Hessen,L=Frankfurt,CN=Alice@T.Test$' \
	openssl x509 -in account_leaf.pem -noout -subject -nameopt utf8,sep_comma_plus
check_says "OpenSSL sees an otherName" 'othername:' openssl x509 -in account_leaf.pem -noout -ext subjectAltName
check "OpenSSL verifies it for its mapping" openssl verify -CAfile "$TLSCA" -untrusted issuing.pem -purpose sslclient account_leaf.pem
check_says "python-cryptography reads UPN and SID back" "^Jürgen@t.test $account_sid False $tag_uri\$" \
	python3 - account_leaf.pem <<-'END'
	import sys
	from cryptography import x509
	def value(der, head):  # behind a header of fixed octets and a short length
	    assert der.startswith(head) and der[len(head)] == len(der) - len(head) - 1, der.hex()
	    return der[len(head) + 1:]
	crt = x509.load_pem_x509_certificate(open(sys.argv[1], "rb").read())
	san = crt.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
	(upn,) = san.get_values_for_type(x509.OtherName)
	assert upn.type_id.dotted_string == "1.3.6.1.4.1.311.20.2.3"
	extension = crt.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.4.1.311.25.2"))
	name = value(value(extension.value.value, b"\x30"), b"\xa0")
	sid = value(value(name[12:], b"\xa0"), b"\x04")
	assert name[:12].hex() == "060a2b060104018237190201"
	print(value(upn.value, b"\x0c").decode(), sid.decode(), extension.critical, san.get_values_for_type(x509.UniformResourceIdentifier)[0])
END
check_says "GnuTLS reads the UPN" 'User Principal Name: Jürgen@t.test' certtool -i --infile account_leaf.pem
for name in "$account_sid" Jürgen@t.test; do
	check_says "cert list --name $name finds it" "Alice@T.Test" "$CHANCERY" cert list --name "$name"
done
check_says "not by its place" '^\[\]$' "$CHANCERY" cert list --json --name Frankfurt
check_says "the log has the account" "sid:$account_sid" sh -c '"$0" audit export --format jsonl | grep upn:Jürgen@t.test' "$CHANCERY"

# What is not listed or is out of bounds.
rows=$(count_certificates)
refuses "an attribute that the profile does not list" "subject has organization, which the profile" bounded "/CN=d/O=x"
refuses "a place that the profile does not list" "subject has locality, which" anything "/CN=d/L=Berlin"
refuses "an attribute that no subject of ours has" "subject has street, which" anything "/CN=d/street=Main"
refuses "an e-mail address in the subject (C9)" "subject has emailAddress, which" anything "/CN=d/emailAddress=a@t.test"
refuses "two common names" "two common names" anything "/CN=d/CN=e"
refuses "an address out of the networks" "permitted_networks" bounded /CN=d IP:192.0.2.1
refuses "a DNS name out of the bounds" "permitted_names" bounded /CN=d DNS:a.evil.test
refuses "a mailbox out of the bounds" "permitted_names" bounded /CN=d email:a@evil.test
refuses "a URI out of the bounds" "permitted_names" bounded /CN=d URI:https://a.evil.test/
refuses "a URI with a user before its host" "user name" bounded /CN=d "URI:https://a.t.test@evil.test/"
refuses "a host as common name, out of the bounds (N4)" "permitted_names" bounded /CN=www.evil.test
refuses "a mailbox as common name" "permitted_names" bounded /CN=a@evil.test
refuses "a DNS name where only addresses are listed" "names: of the profile" addresses / DNS:a.t.test
refuses "the loopback address" "loopback" anything / IP:127.0.0.1
refuses "a UPN that the profile does not list (V49)" "otherName \(a UPN\)" anything /CN=d "otherName:$upn_type;UTF8:admin@t.test"
refuses "any other otherName, always (V49)" "otherName;" accounts /CN=d "otherName:1.3.6.1.5.2.2;UTF8:admin@t.test"
refuses "a UPN out of the bounds" "permitted_names" accounts /CN=d "otherName:$upn_type;UTF8:admin@evil.test"
refuses "a UPN of everybody" "no account is called so" accounts /CN=d "otherName:$upn_type;UTF8:*@t.test"
refuses "a SID that the profile does not list (V45)" "asks for a SID" anything /CN=d "" "$(sid_extension "$account_sid")"
refuses "what is no SID" "no SID" accounts /CN=d "" "$(sid_extension S-1-5-21-0500)"
refuses "a SID alone" "besides a SID" accounts / "" "$(sid_extension "$account_sid")"
write_names tag.cnf "" "URI = \"$tag_uri\""
OPENSSL_CONF=tag.cnf refuses "Intune's SID within bounds, without sid in names:" "does not list sid" bounded /CN=d
refuses "a registered ID" "registered ID" anything /CN=d RID:1.2.3.4
refuses "nothing at all" "at least one name" anything /
refuses "the name of the issuing CA (C2)" "that of CA issuing itself" anything "/O=Test Corp/CN=Test Corp Issuing CA"
refuses "the name of the root, in other letters" "that of CA root itself" anything "/CN=TEST CORP root ca/O=test corp"
refuses "by the ordinary profile, still, anything but DNS names" "only DNS names are issued here" operator / IP:10.0.0.1
check "none of these left a certificate" test "$(count_certificates)" = "$rows"
check_says "the refusals are in the log" "issuance.refused" "$CHANCERY" audit export --format jsonl

check "the log verifies" "$CHANCERY" audit verify

# A profile says it once.
sed -i 's/^    subject: \[common_name, serial_number\]$/&\n    common_name: true/' "$CA/chancery.yaml"
check_says "subject: and common_name: together are refused, with the line" 'chancery.yaml:[0-9]+: profiles\[2\].common_name: with subject:' \
	sh -c '"$0" doctor 2>&1; true' "$CHANCERY"
done_testing
