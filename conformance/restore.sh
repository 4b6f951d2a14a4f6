#!/usr/bin/env bash
# Backups while clients enroll, and an older copy in the store's place: refused
# until an operator accepts it, and then no CRL number is used twice, no revocation
# is lost, and the log proves it (F37, I5, I6, I9).
# builds: all
# stores: sqlite (restore_postgresql.sh is the other half)
unset CHANCERY_TEST_STORE # of SQLite; restore_postgresql.sh has the other one
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup
cd "$T" || exit 1

ca() { local command=$1; shift; "$CHANCERY" "$command" "$@" --dir "$CA"; }
entries_of() { sqlite3 "$1" 'SELECT count(*) FROM audit_entry'; }

# as_house FILE: a folder like the CA's, with this store.
as_house() {
	rm -rf "$T/house"
	mkdir "$T/house" && cp "$1" "$T/house/chancery.db" && cp "$CA/chancery.yaml" "$T/house/"
}
is_intact() { # FILE: by the log's own proof
	as_house "$1" && "$CHANCERY" audit verify --dir "$T/house"
}

# Eight clients that enroll without a pause, and copies meanwhile.
make_csr load load.t.test
touch going
for client in 1 2 3 4 5 6 7 8; do
	while [ -e going ]; do ca cert issue --csr load.csr >>"load.$client.pem" || break; done 2>>load.log &
	pids+=($!)
done
is_busy() { [ "$(store_sql "SELECT count(*) FROM certificate WHERE profile = 'operator'")" -gt "$1" ]; }
check "clients enroll" wait_for 300 is_busy 20
for n in 1 2 3; do
	check "backup $n while they do" ca backup "load.$n.db"
	check "its log is whole" is_intact "load.$n.db"
	[ "$n" = 3 ] || check "they went on" wait_for 300 is_busy $((n * 20 + 20))
done
check_fails "no client had to notice" grep -q . load.log
is_growing() { [ "$(entries_of load.1.db)" -lt "$(entries_of load.2.db)" ] && [ "$(entries_of load.2.db)" -lt "$(entries_of load.3.db)" ]; }
check "each copy has more than the one before" is_growing
rm going
wait "${pids[@]:2}" # all but DNS and the server
pids=("${pids[@]:0:2}")
check "the log of the server is whole" ca audit verify
check "a copy can be read by its owner only" test "$(stat -c %a load.1.db)" = 600
has_no_wal() { [ ! -e load.1.db-wal ] && ! compgen -G '*.tmp' >/dev/null && ! compgen -G "$CA/*.tmp" >/dev/null; }
check "it is one file, and nothing else is left" has_no_wal
check "backup to standard output" sh -c "'$CHANCERY' backup - --dir '$CA' >piped.db 2>piped.log"
check "is the same kind of copy" is_intact piped.db
check_says "and says what it holds aside" '^log +[0-9]+ entries, root [0-9a-f]{64}' cat piped.log
is_told() { [ "$(ca backup load.4.db --json | field .entries)" = "$(entries_of load.4.db)" ]; }
check "the JSON says what it holds" is_told
check_says "backups are in the log" '"type":"backup.made"' sh -c "'$CHANCERY' audit export --dir '$CA'"
check_fails "a folder that is not there" ca backup nowhere/x.db

# The copy of an hour ago …
for name in kept early; do check "a certificate for $name.t.test" issue_cert "$name" "$name.t.test"; done
check "one is revoked before the copy" ca cert revoke "$(serial_of early.pem)" --reason superseded
check "the copy of an hour ago" ca backup old.db

# … and what relying parties were told since.
numbers=
note_numbers() { numbers="$numbers $(crl_number issuing) $(crl_number root)"; }
note_numbers
for name in late lost gone; do check "a certificate for $name.t.test since" issue_cert "$name" "$name.t.test"; done
check "revoked since, issued before" ca cert revoke "$(serial_of kept.pem)" --reason cessationOfOperation
note_numbers
check "revoked since, issued since" ca cert revoke "$(serial_of lost.pem)" --reason keyCompromise
note_numbers
for _ in 1 2 3; do ca crl publish root >/dev/null; ca crl publish issuing >/dev/null; note_numbers; done
largest=$(tr ' ' '\n' <<<"$numbers" | sort -n | tail -n 1)
serials_before=$(store_sql 'SELECT serial FROM certificate ORDER BY serial')
check_says "not while the server runs" 'stop the server first' ca restore old.db --yes
check "a checkpoint of all that" ca audit checkpoint

ask() { openssl ocsp -issuer issuing.pem -CAfile roots.pem -url "http://127.0.0.1:$HTTP/ocsp/issuing" -cert "$1"; }
for name in kept early late lost gone; do openssl x509 -in "$name.pem" -out "$name.leaf"; done

# is_refused COMMAND…: by the words that say what is missing and what to do.
is_refused() {
	local output status=0
	output=$("$@" 2>&1) || status=$?
	echo "$output"
	[ "$status" -eq 1 ] && grep -q 'older copy that lacks [0-9]* entries.*chancery restore --accept' <<<"$output"
}

# holds NAME: what has to be true after an acceptance, with the server running.
holds() {
	for name in kept lost; do
		check "$1: OCSP says that $name is revoked" wait_for 60 says_revoked "$name"
		check "$1: the CRL says so" is_on_crl "$name"
	done
	check_says "$1: also who was revoked before" 'early.leaf: revoked' ask early.leaf
	check "$1: the issuing CA's number is above all of before" test "$(crl_number issuing)" -gt "$largest"
	check "$1: the root's as well" test "$(crl_number root)" -gt "$largest"
	check_fails "$1: the compromised key stays blocked" ca cert issue --csr lost.csr
	check_says "$1: a lost certificate that was not revoked is unknown" 'gone.leaf: unknown' ask gone.leaf
	check "$1: it issues" issue_cert new new.t.test
	check_fails "$1: a serial that was never there" grep -qx "$(serial_of new.pem)" <<<"$serials_before"
	check "$1: the log proves it" ca audit verify
	check_says "$1: and tells it" '"type":"store.restored"' ca audit export
}
says_revoked() { ask "$1.leaf" | grep -q "$1.leaf: revoked"; }
is_on_crl() {
	curl -fsS "http://127.0.0.1:$HTTP/crl/issuing.crl" | openssl crl -inform DER -noout -text |
		grep -qi "Serial Number: 0*$(serial_of "$1.pem")"
}

# The disk died, somebody put the old copy there.
kill -KILL "$SERVER"
wait "$SERVER" 2>/dev/null
wait_for 60 flock -n "$CA/lock" true
mkdir newest && mv "$CA"/chancery.db* newest/
install -m 600 old.db "$CA/chancery.db"
check "the server refuses" is_refused timeout 60 "$CHANCERY" serve --dir "$CA"
check "doctor does" is_refused ca doctor
check "a command that writes does" is_refused ca cert issue --csr load.csr
check "so does a backup of it" is_refused ca backup never.db
# Without the checkpoint the journal still tells, and the other way round.
for file in checkpoint recovery.journal; do
	mv "$CA/$file" aside
	check "refused without $file" is_refused timeout 60 "$CHANCERY" serve --dir "$CA"
	mv aside "$CA/$file"
done
rows=$(store_sql 'SELECT count(*) FROM audit_entry')
check_says "asked without --yes it says what is lost" "lacks the entries $rows to [0-9]+ of the log" ca restore --accept
check_fails "and does nothing" ca restore --accept
check "nothing at all" test "$(store_sql 'SELECT count(*) FROM audit_entry')" -eq "$rows"
check "then it is refused as before" is_refused ca doctor

check_says "accepted" '^Accepted. 2 revocations came back, 1 of them without' ca restore --accept --yes
check "the old checkpoint is kept" compgen -G "$CA/checkpoint.lost-*"
check "doctor is content" ca doctor
start_server
check "the server starts" test $? -eq 0
holds "accepted"
restart_server
check "and again" test $? -eq 0
stop_server

# The same by one command, from the newest store to the same old copy: what was accepted is older again.
largest=$((largest + 8000000000))
check_says "restore without --yes counts the certificates" 'has [0-9]+ certificates that it lacks' ca restore old.db
check_says "no database at all" 'not a database' ca restore load.csr --yes
check_fails "nor one of another program" sh -c "sqlite3 other.db 'CREATE TABLE a (b)' && '$CHANCERY' restore other.db --yes --dir '$CA'"
"$CHANCERY" init --dir "$T/other" --name Other --host localhost >/dev/null
check_says "nor one of another CA" 'the token has no private key "root"' sh -c \
	"'$CHANCERY' backup other-ca.db --dir '$T/other' && '$CHANCERY' restore other-ca.db --yes --dir '$CA'"
check "all that left the store as it was" ca audit verify
check_says "restored" '^Accepted. ' ca restore old.db --yes
check "what it replaced is kept" is_intact "$(compgen -G "$CA/chancery.db.before-restore-*" | grep -v -- '-\(wal\|shm\)$' | head -n 1)"
start_server
check "the server starts" test $? -eq 0
largest=$((largest - 8000000000))
holds "restored"
done_testing
