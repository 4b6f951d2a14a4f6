#!/usr/bin/env bash
# What the code writes to the store against docs/postgresql-grants.sql: a table or a column that the servers' role may
# not write stops a node that otherwise passed all tests, which run as the owner; one that it need not write is open
# without a reason.
. "$CHANCERY_TOP/tests/tap.sh"
cd "$CHANCERY_TOP" || exit 1
T=$(mktemp -d "${TMPDIR:-/tmp}/grants.XXXXXX")
trap 'rm -rf "$T"' EXIT

# Lines such as "INSERT meta" and "UPDATE meta value". C joins neighbouring literals, and so does this; a table whose
# name is put in at run time would not be seen, so there must be none.
mapfile -t sources < <(find src ca protocols -name '*.c' ! -name '*schema.c' ! -name migrations.c) # those run as the owner
perl -0777 -ne '
	s{/\*.*?\*/}{}gs;
	s/"\s*"//g;
	while (/"((?:[^"\\]|\\.)*)"/g) {
		my $sql = $1;
		my $table;
		while ($sql =~ /\b(INSERT INTO|DELETE FROM|UPDATE)\s+([a-z_%]+)?/g) {
			my ($verb, $name, $end) = ($1, $2, pos $sql);
			next if $verb eq "UPDATE" && substr($sql, 0, $end) =~ /\b(DO|KEY|FOR) UPDATE\s*$/;
			if (!defined $name || $name =~ /%/) { print "UNKNOWN $verb $ARGV\n" unless $sql =~ /^(UPDATE|DELETE) ?$/; next }
			$verb =~ s/ .*//;
			print "$verb $name\n" if $verb ne "UPDATE";
			$table = $name;
			sets($table, substr($sql, $end)) if $verb eq "UPDATE";
		}
		sets($table, $1) if defined $table && $sql =~ /\bDO (UPDATE SET .*)/;
	}
	sub sets {
		my ($table, $rest) = @_;
		$rest =~ s/^.*?\bSET\s//s;
		$rest =~ s/\bCASE\b.*?\bEND\b/x/gs;
		$rest =~ s/\b(WHERE|RETURNING)\b.*//s;
		print "UPDATE $table $_\n" for $rest =~ /(?:^|,)\s*([a-z_0-9]+)\s*=/g;
	}' "${sources[@]}" |
	sort -u >"$T/written"
perl -0777 -ne '
	s/--.*//g;
	for my $grant (/\bGRANT ([^;]*?) TO chancery;/g) {
		my ($rights, $tables) = $grant =~ /^(.*) ON (?!ALL )(.*)$/s or next;
		for my $table (split /\s*,\s*/, $tables) {
			while ($rights =~ /(INSERT|DELETE|UPDATE)\s*(?:\(([^)]*)\))?/g) {
				my ($verb, $columns) = ($1, $2);
				print "$verb $table\n" if $verb ne "UPDATE";
				print "UPDATE $table $_\n" for $verb eq "UPDATE" ? split(/\s*,\s*/, $columns // "*") : ();
			}
		}
	}' docs/postgresql-grants.sql | sort -u >"$T/granted"

none() { if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi; }
check "statements and grants were found" test "$(wc -l <"$T/written")" -gt 50 -a "$(wc -l <"$T/granted")" -gt 50
none "no statement writes to a table that is named at run time" "$(grep '^UNKNOWN' "$T/written")"
none "the servers' role may write all that the code writes" "$(grep -v '^UNKNOWN' "$T/written" | comm -23 - "$T/granted")"
none "and nothing else" "$(comm -13 "$T/written" "$T/granted")"
tap_end
