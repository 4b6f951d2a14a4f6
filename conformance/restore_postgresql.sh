#!/usr/bin/env bash
# docs/postgresql.md, "Backup and restoring", as it is written there: a dump and a
# base backup of an hour ago, two nodes that remember more, and what they accept
# together (F37, I5, I6, I9).
# builds: plain
# stores: postgresql (with clusters of its own)
. "$CHANCERY_TOP/conformance/nodes_lib.sh" || exit 1
cd "$T" || exit 1
export PGHOST=$PG PGUSER=chancery

setup_nodes 2

on() { local n=$1; shift; "$CHANCERY" "$@" --dir "$(node_dir "$n")"; }
# issue_on N NAME: NAME.pem
issue_on() { make_csr "$2" "$2.t.test" && on "$1" cert issue --csr "$2.csr" >"$2.pem" && openssl x509 -in "$2.pem" -out "$2.leaf"; }
ask() { # N NAME
	openssl ocsp -issuer issuing.pem -CAfile roots.pem -url "http://127.0.0.1:$(node_http "$1")/ocsp/issuing" -cert "$2.leaf"
}
says() { ask "$1" "$2" | grep -q "$2.leaf: $3"; } # N NAME STATUS
number_on() { # N CA
	local hex
	hex=$(curl -fs "http://127.0.0.1:$(node_http "$1")/crl/$2.crl" | openssl crl -inform DER -noout -crlnumber) || return 1
	echo $((${hex#crlNumber=}))
}
largest=0
note_numbers() { # N…
	local n number
	for n in "$@"; do
		for ca in root issuing; do
			number=$(number_on "$n" "$ca")
			[ "$number" -le "$largest" ] || largest=$number
		done
	done
}
is_on_crl() { # N NAME
	curl -fsS "http://127.0.0.1:$(node_http "$1")/crl/issuing.crl" | openssl crl -inform DER -noout -text |
		grep -qi "Serial Number: 0*$(serial_of "$2.pem")"
}
remembers() { grep -q "^revoked $(serial_of "$2.pem") " "$(node_dir "$1")/recovery.journal"; } # N NAME
is_refused() { # N WORDS: by a start, once and for good
	local output status=0
	output=$(timeout 60 "$CHANCERY" serve --dir "$(node_dir "$1")" 2>&1) || status=$?
	echo "$output"
	[ "$status" -eq 1 ] && grep -q "$2.*chancery restore --accept" <<<"$output"
}
kill_all() {
	local n
	for n in "${!NODE_PID[@]}"; do kill_node "$n"; done
	for n in 1 2; do wait_for 60 flock -n "$(node_dir $n)/lock" true; done
}

# An hour ago.
for name in kept other; do check "a certificate for $name" issue_on 1 "$name"; done
check_says "chancery backup names the tools" 'pg_dump or pg_basebackup' on 1 backup "$T/x.db"
check "a dump" pg_dump --format=custom --no-unlogged-table-data --file=chancery.dump chancery
check "a base backup" in_pg "$pg_bin/pg_basebackup" --pgdata="$PG/base" --wal-method=stream --checkpoint=fast

# What relying parties were told since, by either node.
for n in 1 2; do check "a certificate by node $n" issue_on "$n" "lost$n"; done
check "node 1 revokes what is in the copy" on 1 cert revoke "$(serial_of kept.pem)" --reason superseded
check "node 2 revokes what is not" on 2 cert revoke "$(serial_of lost2.pem)" --reason keyCompromise
check "node 1 remembers what node 2 did" wait_for 60 remembers 1 lost2
check "node 2 what node 1 did" wait_for 60 remembers 2 kept
note_numbers 1 2
kill_node 1
check "a revocation that only node 2 can know of" on 2 cert revoke "$(serial_of other.pem)" --reason cessationOfOperation
for _ in 1 2 3; do on 2 crl publish issuing >/dev/null; on 2 crl publish root >/dev/null; done
note_numbers 2
serials=$(psql -qXAt "$STORE" -c 'SELECT serial FROM certificate')
kill_all
check_says "chancery restore names the tools, too" 'pg_dump or pg_basebackup' on 1 restore "$T/x.db" --yes

holds() { # NAME
	local n name
	for n in 1 2; do
		for name in kept lost2 other; do
			check "$1: $name is revoked, says node $n" wait_for 60 says "$n" "$name" revoked
			check "$1: and its CRL" wait_for 120 is_on_crl "$n" "$name"
		done
		check "$1: what is lost is unknown to node $n" says "$n" lost1 unknown
		check "$1: the issuing CA's number at node $n is above all of before" test "$(number_on "$n" issuing)" -gt "$largest"
		check "$1: the root's, too" test "$(number_on "$n" root)" -gt "$largest"
		check_fails "$1: node $n blocks the compromised key" on "$n" cert issue --csr lost2.csr
		check "$1: node $n issues" issue_on "$n" "new$n"
		check_fails "$1: a serial that was never there" grep -qx "$(serial_of "new$n.pem")" <<<"$serials"
		check "$1: the log proves it to node $n" on "$n" audit verify
	done
}

# The dump, into a new database.
psql -qX postgres -c 'ALTER DATABASE chancery RENAME TO chancery_lost'
check "the dump comes back" pg_restore --dbname=postgres --create --exit-on-error chancery.dump
for n in 1 2; do check "node $n refuses" is_refused "$n" 'older copy that lacks'; done
check_says "and says what is lost" 'lacks the entries [0-9]+ to [0-9]+ of the log' on 1 restore --accept
check_says "node 1 accepts" '^Accepted. 2 revocations came back, 1 of them without' on 1 restore --accept --yes
start_node 1
check "node 1 starts" test $? -eq 0
check "it knows what it was told" says 1 lost2 revoked
check "not what only node 2 knows" says 1 other good
is_past() { [ "$(psql -qXAt "$STORE" -c 'SELECT size FROM audit_head')" -gt "$1" ]; }
known=$(sed -n 's/^log \([0-9]*\) .*/\1/p' "$(node_dir 2)/recovery.journal" | tail -n 1)
until is_past "$known"; do on 1 cert issue --csr kept.csr >more.pem || break; done
check "the log went on past what node 2 knows" is_past "$known"
check "node 2 refuses another history" is_refused 2 'are not those'
check_says "it accepts, while node 1 runs" '^Accepted. 1 revocations came back, 0 of them without' on 2 restore --accept --yes
check "node 1 knows at once" wait_for 60 says 1 other revoked
start_node 2
check "node 2 starts" test $? -eq 0
holds "dump"
restart_node 1
check "node 1 starts again" test $? -eq 0
kill_all

# The base backup, in place of the whole cluster.
kill_postgres
largest=$((largest + 8000000000))
in_pg mv "$PG/data" "$PG/data.lost" && in_pg mv "$PG/base" "$PG/data"
start_postgres
check "the base backup starts" test $? -eq 0
for n in 1 2; do check "node $n refuses" is_refused "$n" 'older copy that lacks'; done
for n in 1 2; do check_says "node $n accepts" '^Accepted. ' on "$n" restore --accept --yes; done
for n in 1 2; do
	start_node "$n"
	check "node $n starts" test $? -eq 0
done
largest=$((largest - 8000000000))
holds "base backup"
end_testing
