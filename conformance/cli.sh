#!/usr/bin/env bash
# The command line as an operator and a script meet it: help, exit statuses, one
# line per refusal, JSON, with a server and without; configuration errors by
# line number; what doctor finds (V2, V5, V9, V24, V49; F10, F31; P1).
# builds: all
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
umask 0 # nothing may depend on the operator's umask (V24)
setup
cd "$T" || exit 1
export CHANCERY_DIR=$CA
chancery() { "$CHANCERY" "$@"; }

exits() { # STATUS COMMAND…
	local wanted=$1 status=0
	shift
	"$@" || status=$?
	[ "$status" -eq "$wanted" ]
}

# refuses NAME PATTERN COMMAND…: status 1, nothing on standard output, one line that says what.
refuses() {
	local name=$1 pattern=$2 status=0
	shift 2
	"$@" >refusal.out 2>refusal.err || status=$?
	if [ "$status" -eq 1 ] && [ ! -s refusal.out ] && [ "$(wc -l <refusal.err)" -eq 1 ] &&
		grep -Eq -- "$pattern" refusal.err; then
		ok "$name"
	else
		not_ok "$name" "status $status of: $*
$(cat refusal.out refusal.err)"
	fi
}

# Help and usage.
commands=(init serve doctor "ca list" "ca show" "cert list" "cert show" "cert issue" "cert revoke" "crl publish"
	"est user add" "est user list" "est user disable" "est user enable" "est user password" "est token create" "est token list"
	"scep challenge create" "scep challenge list" "scep user add" "scep user list" "scep user disable" "scep user enable" "scep user password"
	"request list" "request show" "request approve" "request reject" "audit verify" "audit prove" "audit key" "audit export" "audit checkpoint")
for command in "" ca cert crl est "est user" "est token" request audit "${commands[@]}"; do
	# shellcheck disable=SC2086 # two words are two arguments
	check_says "chancery $command --help teaches" "^Usage: chancery ${command:-COMMAND}" chancery $command --help
	# shellcheck disable=SC2086
	check "and ends with 0" exits 0 chancery $command --help
done
for command in "${commands[@]}"; do
	# shellcheck disable=SC2086
	check "chancery $command: an unknown option is a usage error" exits 2 chancery $command --no-such-option
done
check "no command is a usage error" exits 2 chancery
for words in frobnicate "cert frobnicate" cert "cert show" "cert show a b" "cert issue" "cert revoke" "ca show" "audit prove" \
	"est user add" "est token create" "est frobnicate" "request show" "audit verify --proof x" "audit export --format xml" "init --name x" "cert list --dir"; do
	# shellcheck disable=SC2086
	check "chancery $words: a usage error" exits 2 chancery $words
done
check_says "the version" "^chancery [0-9]" chancery --version

# Files of init and of the first start (V24).
no_open_files() {
	local open
	open=$(find "$CA" -perm /0027 ! -type l)
	[ -z "$open" ] || { echo "$open" | xargs ls -ld; false; }
}
check "no file of a running CA is open to others, or writable by the group" no_open_files
secret_files=("$CA/pin")
[ -n "$STORE" ] || secret_files+=("$CA/chancery.db")
check "PIN and store are their owner's alone" test "$(stat -c %a "${secret_files[@]}" | sort -u)" = 600

# cert issue.
make_csr www www.t.test alt.t.test
check "issue" sh -c '"$0" cert issue --csr www.csr >www.pem 2>www.err' "$CHANCERY"
check "nothing on standard error" test ! -s www.err
is_chain_only() { # FILE: PEM blocks and nothing else, each certifying the one before
	[ "$(grep -c . "$1")" -eq "$(sed -n '/^-----BEGIN CERT/,/^-----END CERT/p' "$1" | grep -c .)" ] &&
		csplit -s -z -f "$1." "$1" '/-----BEGIN/' '{*}' && [ -f "$1.01" ] && [ ! -f "$1.02" ] &&
		openssl verify -partial_chain -trusted "$1.01" "$1.00"
}
check "standard output is the PEM chain and nothing else, leaf first" is_chain_only www.pem
check "the leaf has the request's key" sh -c \
	'test "$(openssl x509 -in www.pem -noout -pubkey)" = "$(openssl req -in www.csr -noout -pubkey)"'
check_says "and its names" "DNS:alt.t.test, DNS:www.t.test" openssl x509 -in www.pem -noout -ext subjectAltName
openssl req -in www.csr -outform DER -out www.der
check "a request in DER" sh -c '"$0" cert issue --csr www.der --profile operator >der.pem' "$CHANCERY"
check "as JSON" sh -c '"$0" cert issue --csr www.csr --json | jq -e ".serial and .chain and .not_after"' "$CHANCERY"

# Doors (V2): a profile answers to the door that names it and to no other.
rows=$(count_certificates)
refuses "a profile of the ACME door" "server does not answer to the operator" chancery cert issue --csr www.csr --profile server
refuses "a profile of the internal door" "front does not answer to the operator" chancery cert issue --csr www.csr --profile front
refuses "a profile that does not exist" "no profile nope" chancery cert issue --csr www.csr --profile nope

# Requests that ask for more than DNS names (V9, V45, V49).
cat >san.cnf <<-'END'
	[req]
	distinguished_name = dn
	[dn]
	[dir]
	CN = directory name
END
csr_with() { # FILE SUBJECT SAN
	openssl req -new -config san.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj "$2" \
		-addext "subjectAltName=$3" -out "$1.csr" 2>/dev/null
}
for kind in "email:admin@t.test" "URI:https://t.test/" "IP:127.0.0.1" "RID:1.2.3.4" "dirName:dir" \
	"otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin@t.test"; do
	for san in "$kind,DNS:x.t.test,DNS:y.t.test" "DNS:x.t.test,$kind,DNS:y.t.test" "DNS:x.t.test,DNS:y.t.test,$kind"; do
		csr_with odd / "$san"
		refuses "a SAN of $san" "only DNS names are issued" chancery cert issue --csr odd.csr
	done
done
for name in "a b.t.test" "-a.t.test" "a..t.test" "*.*.t.test" "a_b.t.test." "$(printf 'a%.0s' {1..64}).t.test"; do
	csr_with odd / "DNS:ok.t.test,DNS:$name"
	refuses "a SAN with \"${name:0:20}\"" "SAN of the CSR" chancery cert issue --csr odd.csr
done
csr_with odd /CN=admin@t.test "DNS:x.t.test"
refuses "a common name that is no DNS name" "common name" chancery cert issue --csr odd.csr
printf 'no request' >odd.csr
refuses "a request that is none" "CSR|request" chancery cert issue --csr odd.csr
refuses "no file" "No such file" chancery cert issue --csr nothing.csr
head -c 100000 /dev/zero >odd.csr
refuses "a file beyond all bounds" "" chancery cert issue --csr odd.csr
sed 's/A/B/5' www.csr >odd.csr
refuses "a request that was changed on its way" "" chancery cert issue --csr odd.csr
openssl req -new -newkey rsa:1024 -nodes -keyout odd.key -subj / -addext subjectAltName=DNS:x.t.test -out odd.csr 2>/dev/null
refuses "an RSA key of 1024 bits" "1024|2048|key" chancery cert issue --csr odd.csr
check "none of these made a row" test "$(count_certificates)" -eq "$rows"
csr_with cafe /CN=x.t.test "DNS:x.t.test"
openssl req -new -config san.cnf -key cafe.key -subj /CN=x.t.test -addext subjectAltName=DNS:x.t.test \
	-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign -addext extendedKeyUsage=codeSigning -out cafe.csr
check "a request that wants to be a CA" sh -c '"$0" cert issue --csr cafe.csr >cafe.pem' "$CHANCERY"
check_says "gets a leaf" "CA:FALSE" openssl x509 -in cafe.pem -noout -ext basicConstraints
check_says "with the profile's usages" "^ +TLS Web Server Authentication, TLS Web Client Authentication$" \
	openssl x509 -in cafe.pem -noout -ext extendedKeyUsage

# cert show and list.
serial=$(serial_of www.pem)
colons=$(sed 's/../&:/g; s/:$//' <<<"$serial")
for spelling in "$serial" "${serial^^}" "$colons" "${colons^^}" "00$serial" "00:$colons"; do
	check_says "cert show $spelling" "^serial +$serial$" chancery cert show "$spelling"
done
check "its PEM is the certificate" sh -c 'test "$("$0" cert show "$1" | openssl x509 -outform DER | sha256sum)" = \
	"$(openssl x509 -in www.pem -outform DER | sha256sum)"' "$CHANCERY" "$serial"
check_says "who asked, by which door" "^door +operator$" chancery cert show "$serial"
refuses "an unknown serial" "no certificate with serial 123456" chancery cert show 123456
refuses "no serial at all" "hexadecimal" chancery cert show xyz
for path in ../cas a/b "a b" "a?b" "" %41; do refuses "cert show \"$path\"" "" chancery cert show "$path"; done
check_says "cert list" "^$serial +issued +.* +operator +alt.t.test, www.t.test" chancery cert list
check_says "by name" "^$serial" chancery cert list --name alt.t.test
check "and only those" test "$(chancery cert list --name nobody.t.test --json | jq length)" -eq 0
check "by limit, and on from there" test \
	"$(chancery cert list --limit 1 --after "$(chancery cert list --limit 1 --json | field '.[0].serial')" --json | field '.[0].serial')" = \
	"$(chancery cert list --limit 2 --json | field '.[1].serial')"
refuses "a time that is none" "duration such as 30d" chancery cert list --expires-in soon
refuses "a limit that is none" "number from 1" chancery cert list --limit none

# cert revoke.
refuses "a reason that does not exist" "no revocation reason" chancery cert revoke "$serial" --reason because
refuses "a reason that cannot be taken back" "cannot be given" chancery cert revoke "$serial" --reason certificateHold
refuses "a reason that only certificates of CAs have" "" chancery cert revoke "$serial" --reason cACompromise
refuses "an unknown serial" "no certificate" chancery cert revoke 123456
check_says "and none of them changed anything" "^status +issued$" chancery cert show "$serial"
check_says "revoke" "^revoked $serial of CA issuing at .*, reason superseded$" chancery cert revoke "${colons^^}" --reason superseded
refuses "once" "was revoked already" chancery cert revoke "$serial" --reason superseded
check_says "list says revoked" "^$serial +revoked" chancery cert list --revoked

# JSON everywhere.
for words in "ca list" "ca show issuing" "cert list" "cert show $serial" "crl publish root" "audit checkpoint" "audit verify" doctor; do
	# shellcheck disable=SC2086
	check "chancery $words --json is JSON" sh -c '"$0" "$@" --json | jq -e .' "$CHANCERY" $words
done
check_says "ca list" "^issuing +root +P-256 " chancery ca list
check_says "ca show" "BEGIN CERTIFICATE" chancery ca show issuing
check "ca show has the fingerprint" test "$(chancery ca show root --json | field .sha256)" = \
	"$(openssl x509 -in roots.pem -outform DER | sha256sum | cut -d' ' -f1)"
refuses "ca show of no CA" "no CA nope" chancery ca show nope
refuses "crl publish of no CA" "no CA nope" chancery crl publish nope

# The log.
check "a proof" sh -c '"$0" audit prove "$1" >proof.json' "$CHANCERY" "$serial"
check "the key for it" sh -c '"$0" audit key >audit.pem' "$CHANCERY"
offline() { # COMMAND…: with nothing but the two files
	local status=0
	mkdir -p offline
	cp proof.json audit.pem offline/
	(cd offline && env -i "$@") || status=$?
	rm -r offline
	return "$status"
}
check_says "the proof verifies offline" "^ok: certificate $serial was issued" \
	offline "$CHANCERY" audit verify --proof proof.json --key audit.pem
refuses "no proof for a serial that is not there" "no issuance of serial" chancery audit prove 1234
cp proof.json good.json
for change in '.path[0] |= (if .[0:1] == "0" then "1" else "0" end) + .[1:]' '.seq += 1' '.certificate = "AAAA"' \
	'.entry |= (@base64d | sub("superseded|operator"; "acme") | @base64)' '.checkpoint |= sub("\n[0-9]+\n"; "\n99\n")'; do
	jq "$change" good.json >proof.json
	refuses "a proof changed by $change" "" offline "$CHANCERY" audit verify --proof proof.json --key audit.pem
done
openssl ecparam -name prime256v1 -genkey -noout | openssl pkey -pubout -out audit.pem
cp good.json proof.json
refuses "a proof by another key" "another key" offline "$CHANCERY" audit verify --proof proof.json --key audit.pem
check "export: as many entries as verify counts, and the same root" python3 - "$CHANCERY" <<-'END'
	# RFC 6962 section 2.1 over the lines of the export, each without its newline.
	import hashlib, json, subprocess, sys
	def run(*words): return subprocess.run([sys.argv[1], *words], check=True, capture_output=True).stdout
	def root(leaves):
	    if len(leaves) == 1: return leaves[0]
	    k = 1
	    while k * 2 < len(leaves): k *= 2
	    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()
	lines = run("audit", "export").split(b"\n")[:-1]
	said = json.loads(run("audit", "verify", "--json"))
	assert [json.loads(line)["seq"] for line in lines] == list(range(said["entries"]))
	assert root([hashlib.sha256(b"\0" + line).digest() for line in lines]).hex() == said["root"]
END
check "export: the table has the same entries" python3 - "$CHANCERY" <<-'END'
	import csv, io, json, subprocess, sys
	def run(form): return subprocess.run([sys.argv[1], "audit", "export", "--format", form], check=True, capture_output=True).stdout.decode()
	entries = [json.loads(line) for line in run("jsonl").splitlines()]
	rows = list(csv.DictReader(io.StringIO(run("csv"))))
	assert len(rows) == len(entries)
	assert [(r["seq"], r["type"], r["serial"]) for r in rows] == [(str(e["seq"]), e["type"], e.get("serial", "")) for e in entries]
END

# SIGHUP (F31).
logged() { grep -q "$1" server.log; }
cp "$CA/chancery.yaml" chancery.yaml.good
sed -i 's/^    validity: 90d/    validity: 30d/; s/^#log_level: .*/log_level: debug/' "$CA/chancery.yaml"
kill -HUP "$SERVER"
check "SIGHUP loads a good file" wait_for 60 logged config.reloaded
make_csr short short.t.test
chancery cert issue --csr short.csr >short.pem
check "and it holds for the next certificate" exits 1 openssl x509 -in short.pem -noout -checkend $((31 * 86400))
id=$(curl -s -D - -o answer "http://127.0.0.1:$HTTP/no-such-thing" | tr -d '\r' | sed -n 's/^Request-Id: //p')
names_request() { jq -e -s --arg id "$1" 'any(.[]; .event == "http.request" and .request == $id)' server.log; }
check "the client gets the id under which the log has its request" wait_for 60 names_request "$id"
echo "nonsense: 1" >>"$CA/chancery.yaml"
kill -HUP "$SERVER"
check "SIGHUP keeps the old configuration over a broken file" wait_for 60 logged config.kept
check_says "and says which line" "nonsense" grep config.kept server.log
check "the server serves on" sh -c '"$0" cert issue --csr short.csr >short.pem' "$CHANCERY" # reads the file for its own part
cp chancery.yaml.good "$CA/chancery.yaml"
kill -HUP "$SERVER"

# doctor beside a running server, and configuration errors.
check "doctor finds nothing wrong" chancery doctor
check "nor does doctor --json" sh -c '"$0" doctor --json | jq -e "all(.ok)"' "$CHANCERY"
copy=$T/copy
stop_server
check "the server ends well" test $? -eq 0
copy_ca "$CA" "$copy"
sed -i "s,$CA/,$copy/,; s,= $CA\$,= $copy," "$copy/softhsm2.conf" # a token of its own
cp "$copy/chancery.yaml" copy.yaml.good

config_error() { # NAME PATTERN SED-SCRIPT
	cp copy.yaml.good "$copy/chancery.yaml"
	sed -i "$3" "$copy/chancery.yaml"
	local line
	line=$(diff copy.yaml.good "$copy/chancery.yaml" | sed -n 's/^[0-9,]*[ac]\([0-9]*\).*/\1/p' | tail -n 1)
	refuses "serve refuses $1, with line $line" "(:|line )$line(:|,| ).*$2|$2.*line $line" \
		timeout 60 "$CHANCERY" serve --dir "$copy"
	check_says "and so does doctor" "^WRONG configuration.*$2" chancery doctor --dir "$copy"
}
config_error "an unknown key" "frobnicate" 's/^host:/frobnicate: yes\n&/'
config_error "an unknown key deep inside" "frobnicate" '0,/^    validity:/s//    frobnicate: 3\n&/'
config_error "a wrong unit" "90 *days|duration" '0,/validity: 90d/s//validity: 90days/'
config_error "a number without a unit" "90|duration" '0,/validity: 90d/s//validity: 90/'
config_error "two doors for one profile" "operator|door" 's/^  profiles: \[operator\]/  profiles: [operator, server]/'
config_error "a profile that does not exist" "nope" 's/^  profiles: \[operator\]/  profiles: [nope]/'
config_error "a key given twice" "host" 's/^host:.*/&\n&/'
config_error "an address that is none" "listen|address|port|no-port" 's/^  https: .*/  https: ["no-port"]/'
cp copy.yaml.good "$copy/chancery.yaml"

# doctor without a server, on a healthy CA and on broken ones.
check "doctor with no server: nothing wrong" chancery doctor --dir "$copy"
check_says "it looked into the token" "^ok +token +.*keys of all CAs" chancery doctor --dir "$copy"
finds() { # NAME PATTERN: exit 1, and exactly one finding that says so
	local output status=0
	output=$(timeout 60 "$CHANCERY" doctor --dir "$copy" 2>&1) || status=$?
	if [ "$status" -eq 1 ] && [ "$(grep -c '^WRONG' <<<"$output")" -eq 1 ] && grep -Eq "^WRONG +$2" <<<"$output"; then
		ok "doctor: $1"
	else
		not_ok "doctor: $1" "$output"
	fi
}
python3 -c "import socket, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', $HTTPS))
s.listen()
time.sleep(600)" &
squatter=$!
pids+=("$squatter")
wait_for 60 sh -c "ss -Hltn 'sport = :$HTTPS' | grep -q ."
finds "a port that is taken" "listener +127.0.0.1:$HTTPS cannot be had"
kill "$squatter"
wait "$squatter" 2>/dev/null
chmod 755 "$copy"
finds "a folder open to everybody" "folder .*chmod o-rwx"
chmod 750 "$copy"
chmod 644 "$copy/pin"
finds "a PIN file that others may read" "token .*chmod"
chmod 600 "$copy/pin"
set_module() { sed "s,^  module:.*,  module: \"$1\"," copy.yaml.good >"$copy/chancery.yaml"; }
set_module /nowhere/module.so
finds "a module that is not there" "token .*/nowhere/module.so"
sed 's/^  label: .*/  label: "no-such-token"/' copy.yaml.good >"$copy/chancery.yaml"
finds "a token that is not there" "token .*no-such-token"

# A wrong PIN: one attempt, one sentence (F10).
proxy=$(dirname "$CHANCERY")/tests/fault/p11proxy.so
[ -f "$proxy" ] || make -s -C "$(dirname "$CHANCERY")" tests/fault/p11proxy.so >/dev/null 2>&1
export P11PROXY_MODULE=/usr/lib/softhsm/libsofthsm2.so P11PROXY_TRACE=$T/trace
logins() { grep -c ' C_Login ' trace; }
set_module "$proxy"
check "the proxy module works" chancery doctor --dir "$copy"
check "with the right PIN there is one login" test "$(logins)" -eq 1
cp "$copy/pin" pin.good
for words in "crl publish" "cert issue --csr www.csr" "cert revoke $serial"; do
	cp pin.good "$copy/pin"
	chancery doctor --dir "$copy" >/dev/null 2>&1 # a right PIN in between, or the token warns of the wrong one before
	echo 99999999 >"$copy/pin"
	rm -f trace
	# shellcheck disable=SC2086
	refuses "wrong PIN: chancery $words" "PIN" chancery $words --dir "$copy"
	check "C_Login was called once" test "$(logins)" -eq 1
done
rm -f trace
finds "a wrong PIN" "token .*PIN"
check "C_Login was called once" test "$(logins)" -eq 1
cp pin.good "$copy/pin"
cp copy.yaml.good "$copy/chancery.yaml"

# The same commands with no server running.
rows=$(count_certificates)
check "no server: issue" issue_cert alone alone.t.test
check "no server: the chain alone" is_chain_only alone.pem
check_says "no server: show" "^names +alone.t.test$" chancery cert show "$(serial_of alone.pem)"
check_says "no server: revoke" "^revoked" chancery cert revoke "$(serial_of alone.pem)"
refuses "no server: once" "was revoked already" chancery cert revoke "$(serial_of alone.pem)"
check_says "no server: a CRL" "^number" chancery crl publish
check_says "no server: ca list" "^issuing" chancery ca list
check "no server: a proof" sh -c '"$0" audit prove "$1" | jq -e .' "$CHANCERY" "$(serial_of alone.pem)"
refuses "no server: another door's profile" "does not answer to the operator" chancery cert issue --csr www.csr --profile server
for path in ../cas a/b "a b" "a?b" ""; do refuses "no server: cert show \"$path\"" "" chancery cert show "$path"; done
check "no server: one row was made" test "$(count_certificates)" -eq $((rows + 1))
refuses "no CA there: cert list" "no .*/nowhere/chancery.yaml" chancery cert list --dir /nowhere
refuses "no CA there: serve" "no .*/nowhere/chancery.yaml" chancery serve --dir /nowhere
check "the log proves all of it" chancery audit verify
check "still no file is open to others" no_open_files
start_server
check "a server after all that serves" test $? -eq 0
check_says "what was revoked without it is revoked" "revoked" openssl ocsp -issuer issuing.pem -cert alone.pem -CAfile roots.pem \
	-url "http://127.0.0.1:$HTTP/ocsp/issuing"
done_testing
