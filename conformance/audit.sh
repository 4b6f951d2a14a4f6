#!/usr/bin/env bash
# The log against somebody who owns the store: every change of an entry, a
# certificate or a revocation is found and named, and an old copy of the store
# is not served over (P1, P4; F37).
. "$CHANCERY_TOP/conformance/lib.sh" || exit 1
setup
cd "$T" || exit 1

for name in a b c d; do check "a certificate for $name.t.test" issue_cert "$name" "$name.t.test"; done
check "one is revoked" "$CHANCERY" cert revoke --dir "$CA" "$(serial_of b.pem)" --reason superseded
check "another, for good" "$CHANCERY" cert revoke --dir "$CA" "$(serial_of d.pem)" --reason keyCompromise
copy_ca "$CA" older
check "its store is copied while it runs" test $? -eq 0
# Past 256 entries there is a complete tile, which keeps a second copy of the hashes.
for _ in {1..120}; do "$CHANCERY" cert issue --dir "$CA" --csr c.csr >last.pem; done
stop_server
check "the server ends well" test $? -eq 0
check "the log is intact" "$CHANCERY" audit verify --dir "$CA"
entries=$(store_sql 'SELECT count(*) FROM audit_entry')
last=$((entries - 1))
check "it has a complete tile" test "$entries" -gt 257

# The store itself refuses what nobody has any business doing.
for statement in "UPDATE audit_entry SET type = 'x' WHERE seq = 3" "DELETE FROM audit_entry WHERE seq = 3" \
	"DELETE FROM audit_entry" "UPDATE audit_tile SET level = level" "DELETE FROM audit_checkpoint" \
	"DELETE FROM certificate" "DELETE FROM revocation" "DELETE FROM blocked_key" "DELETE FROM audit_head"; do
	check_says "refused: $statement" "is forbidden" store_sql "$statement"
done
check "and all is as it was" "$CHANCERY" audit verify --dir "$CA"

# What the two stores spell in their own way: how whoever owns the tables gets rid of their triggers, and bytes.
if [ -n "$STORE" ]; then
	triggers="SELECT format('DROP TRIGGER %I ON %s;', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal"
	freely="SET session_replication_role = replica;" # no foreign keys, as with the sqlite3 program
	text_of() { echo "convert_from($1, 'UTF8')"; }
	bytes_of() { echo "'\\x$1'"; }
else
	triggers="SELECT 'DROP TRIGGER ' || name || ';' FROM sqlite_schema WHERE type = 'trigger'"
	freely=
	text_of() { echo "CAST($1 AS TEXT)"; }
	bytes_of() { echo "X'$1'"; }
fi
to_hex() { od -An -v -tx1 | tr -d ' \n'; }

# tamper NAME PATTERN SQL: on a copy, without its triggers.
tamper() {
	drop_ca tampered
	if ! copy_ca "$CA" tampered || ! ca_sql tampered "$(store_sql "$triggers")" >/dev/null ||
		! ca_sql tampered "$freely $3" >/dev/null; then
		not_ok "$1" "the change could not be made: $3"
		return
	fi
	check_fails "found: $1" "$CHANCERY" audit verify --dir tampered
	check_says "and named" "^NOT INTACT: .*$2" "$CHANCERY" audit verify --dir tampered
}
copy_ca "$CA" tampered
check "a copy is intact until it is changed" "$CHANCERY" audit verify --dir tampered

# A changed entry and the leaf hash that belongs to it (RFC 6962 section 2.1).
change_entry() { # SEQ [leaf]: SQL that makes another build of it
	local hex leaf=
	hex=$(store_sql "SELECT replace($(text_of entry), '\"build\":\"', '\"build\":\"x') FROM audit_entry WHERE seq = $1" |
		tr -d '\n' | to_hex)
	if [ -n "${2:-}" ]; then
		leaf=", leaf = $(bytes_of "$(perl -e 'print pack "H*", shift' "00$hex" | sha256sum | cut -d' ' -f1)")"
	fi
	echo "UPDATE audit_entry SET entry = $(bytes_of "$hex")$leaf WHERE seq = $1"
}
swap() { # SEQ SEQ
	echo "UPDATE audit_entry SET seq = -1 WHERE seq = $1; UPDATE audit_entry SET seq = $1 WHERE seq = $2;
		UPDATE audit_entry SET seq = $2 WHERE seq = -1"
}
forge() { # TABLE FROM CHANGE: one more row, like the one that FROM finds but for the change
	echo "CREATE TEMP TABLE forged AS SELECT * FROM $1 $2; UPDATE forged SET $3; INSERT INTO $1 SELECT * FROM forged"
}
issued_seq=$(store_sql "SELECT seq FROM audit_entry WHERE type = 'certificate.issued' AND serial = '$(serial_of a.pem)'")
revoked_seq=$(store_sql "SELECT seq FROM audit_entry WHERE type = 'certificate.revoked' AND serial = '$(serial_of b.pem)'")

for seq in 0 "$issued_seq" 255 256 "$last"; do
	tamper "entry $seq changed" "entry $seq was changed" "$(change_entry "$seq")"
done
for seq in 0 "$issued_seq" 255; do
	tamper "entry $seq changed, its hash as well" "entry $seq was changed, its stored hash as well" \
		"$(change_entry "$seq" leaf)"
done
tamper "entry 257 changed, its hash as well, with no complete tile over it" \
	"entry from 256 on was changed, its stored hash as well" "$(change_entry 257 leaf)"
for seq in 0 "$issued_seq" 256; do
	tamper "entry $seq deleted" "entry $seq is missing" "DELETE FROM audit_entry WHERE seq = $seq"
done
tamper "three entries deleted" "entries 7 to 9 are missing" "DELETE FROM audit_entry WHERE seq BETWEEN 7 AND 9"
tamper "the last entry deleted" "entr.*$last.*missing" "DELETE FROM audit_entry WHERE seq = $last"
tamper "two entries swapped" "entry 5 stands in another's place" "$(swap 5 9)"
tamper "neighbours swapped" "entry $issued_seq stands in another's place" "$(swap "$issued_seq" $((issued_seq + 1)))"
tamper "an entry added behind the end" "entry $entries" "$(forge audit_entry "WHERE seq = $last" "seq = $entries")"
tamper "a tile deleted" "tile of entries 0 to 255 is missing" "DELETE FROM audit_tile WHERE level = 0 AND tile = 0"
tamper "a certificate without an entry" "deadbeef.* without an entry" \
	"$(forge certificate "WHERE serial = '$(serial_of a.pem)'" "serial = 'deadbeef'")"
tamper "a certificate replaced" "certificate $(serial_of a.pem) .* not the one that entry $issued_seq records" \
	"UPDATE certificate SET der = (SELECT der FROM certificate WHERE serial = '$(serial_of c.pem)')
		WHERE serial = '$(serial_of a.pem)'"
tamper "a certificate deleted" "entry $issued_seq records certificate $(serial_of a.pem)" \
	"DELETE FROM certificate WHERE serial = '$(serial_of a.pem)'"
tamper "a revocation deleted" "entry $revoked_seq records the revocation of $(serial_of b.pem)" \
	"DELETE FROM revocation WHERE serial = '$(serial_of b.pem)'"
tamper "a revocation without an entry" "$(serial_of a.pem) stands in the store without an entry" \
	"$(forge revocation "LIMIT 1" "serial = '$(serial_of a.pem)'")"
check_says "the finding in JSON" '"intact":false.*"finding"' "$CHANCERY" audit verify --json --dir tampered

# An old copy of the store, with the checkpoint that stands beside it as it was (F37).
drop_ca tampered
cp -a "$CA" restored
take_store restored older
is_refused() { # COMMAND…: a sentence about the checkpoint, once, and status 1
	local output status=0
	output=$("$@" 2>&1) || status=$?
	echo "$output"
	[ "$status" -eq 1 ] && [ "$(grep -c 'checkpoint' <<<"$output")" -eq 1 ]
}
rows=$(ca_sql restored 'SELECT count(*) FROM certificate')
check "an older store is not served over" is_refused timeout 30 "$CHANCERY" serve --dir restored
check "nor issued from" is_refused "$CHANCERY" cert issue --dir restored --csr a.csr
check "nor revoked in" is_refused "$CHANCERY" cert revoke --dir restored "$(serial_of c.pem)"
check "doctor says so" is_refused "$CHANCERY" doctor --dir restored
check "audit verify says so" is_refused "$CHANCERY" audit verify --dir restored
check "no row was made" test "$(ca_sql restored 'SELECT count(*) FROM certificate')" -eq "$rows"

# A log of the same length with other entries: the checkpoint tells them apart, too.
rm -f older/checkpoint
for _ in {1..130}; do "$CHANCERY" cert issue --dir older --csr a.csr >/dev/null; done
take_store restored older
check "the other history is at least as long" test "$(ca_sql restored 'SELECT count(*) FROM audit_entry')" -ge "$entries"
check "another history is not served over" is_refused timeout 30 "$CHANCERY" serve --dir restored
check "audit verify says so" is_refused "$CHANCERY" audit verify --dir restored

check "the real one is intact" "$CHANCERY" audit verify --dir "$CA"
start_server
check "and served" test $? -eq 0
done_testing
