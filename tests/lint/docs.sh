#!/usr/bin/env bash
# What is written for people against what is there: settings, commands and their
# options, log and audit events, tables, links, and every path and file name.
. "$CHANCERY_TOP/tests/tap.sh"
cd "$CHANCERY_TOP" || exit 1
: "${CHANCERY:?the built chancery program}"

T=$(mktemp -d "${TMPDIR:-/tmp}/docs.XXXXXX")
trap 'rm -rf "$T"' EXIT
pages=(README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs/*.md docs/decisions/*.md)

# same NAME A B: two lists, a word to a line, are equal as sets, and not empty.
same() {
	local wrong
	sort -u "$2" >"$2.sorted"
	sort -u "$3" >"$3.sorted"
	wrong=$(comm -3 "$2.sorted" "$3.sorted" | sed 's/^\t/only in the second: /; t; s/^/only in the first: /')
	if [ -s "$2" ] && [ -z "$wrong" ]; then ok "$1"; else not_ok "$1" "$wrong"; fi
}

none() { if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi; }

# Settings: "listen.https", "cas.name", "host", "scep.intune.tenant".
sed -nE 's/^\t(TEXT|TEXTS|SECTION|SECTIONS|PART)\([A-Z_]+, (raw_[a-z]+), ([a-z_]+).*/\1 \2 \3/p
	s/^\t(CHOICE)\((raw_[a-z]+), ([a-z_]+).*/\1 \2 \3/p
	s/^static const cyaml_schema_field_t raw_config_fields.*/TOP/p' src/base/config_schema.c |
	awk '$1 == "TOP" { top = 1; next }
		function below(path, raw,  key, name) {
			for (key in keys) if (index(key, raw ".") == 1) {
				name = substr(key, length(raw) + 2)
				print path "." name
				if (keys[key] == "PART") below(path "." name, "raw_" name)
			}
		}
		top && $1 ~ /^SECTION/ { below($3, $2); print $3; next }
		top { print $3; next }
		{ keys[$2 "." $3] = $1 }' >"$T/schema"
awk '/^## / { section = $2 ~ /^`/ ? substr($2, 2, length($2) - 2) "." : "" }
	/^\| `/ { split($0, cell, "|"); gsub(/[ `]/, "", cell[2]); print section cell[2] }' docs/configuration.md >"$T/documented"
"$CHANCERY" init --dir "$T/ca" --name "Test Corp" --host localhost >"$T/init.log" 2>&1 || not_ok "chancery init" "$(cat "$T/init.log")"
# A comment is "# words", a key that is switched off "#key:". Six blanks before it: it is below the last key without a value.
awk 'match($0, /^ *(#|- )?[a-z_]+:/) {
		key = $0; sub(/:.*/, "", key); gsub(/[ #-]/, "", key)
		if ($0 !~ /^ /) section = key
		value = $0; sub(/^[^:]*: ?/, "", value)
		path = $0 ~ /^      / ? section "." part "." key : $0 ~ /^ / ? section "." key : key
		if ($0 !~ /^      / && value == "") part = key
		print path "\t" ($0 ~ /^ *#/ ? value : "") }' "$T/ca/chancery.yaml" >"$T/template.values"
cut -f 1 "$T/template.values" >"$T/template"
same "docs/configuration.md has the keys of the schema, and no others" "$T/schema" "$T/documented"
same "the chancery.yaml that init writes has the keys of the schema, and no others" "$T/schema" "$T/template"

# A default in `code` is the one that the template shows commented out, and the template's defaults are what the program takes.
awk '/^## / { section = $2 ~ /^`/ ? substr($2, 2, length($2) - 2) "." : "" }
	/^\| `/ { split($0, cell, "|"); gsub(/[ `]/, "", cell[2]); value = cell[4]; gsub(/^ +| +$/, "", value)
		if (value ~ /^`/) { gsub(/`/, "", value); print section cell[2] "\t" value } }' docs/configuration.md >"$T/defaults"
wrong=$(awk -F '\t' 'NR == FNR { if ($2 != "") shown[$1] = $2; next }
	$1 in shown && shown[$1] != $2 { print $1 ": documented " $2 ", in the template " shown[$1] }' "$T/template.values" "$T/defaults")
none "documented defaults are those of the template" "$wrong"

# Commands and their options. What a command takes stands in its Usage lines and in lines that begin with an option.
subcommands() { sed -nE 's/^  ([a-z]+) +[^ ].*/\1/p'; }
own_options() {
	awk '/^Usage:/ || /^       chancery / || /^  --/ { print }' | sed 's/^\(  --[a-z-]*\) .*/\1/' |
		grep -oE -- '(^|[ [])--[a-z-]+' | sed 's/^[ []*//' | sort -u
}
commands_below() { # [WORD…]: down to those that have no commands of their own
	local word
	"$CHANCERY" "$@" --help | subcommands | while read -r word; do
		if "$CHANCERY" "$@" "$word" --help | grep -q '^Usage: .* COMMAND'; then
			commands_below "$@" "$word"
		else
			echo "$* $word" | sed 's/^ //'
		fi
	done
}
commands_below >"$T/commands"
while read -r command; do
	# shellcheck disable=SC2086
	"$CHANCERY" $command --help | own_options | sed "s/^/$command /"
done <"$T/commands" >"$T/options"
sed -n '/^\.Sh COMMANDS/,/^\.Sh [^C]/p' docs/chancery.1 >"$T/man"
sed -n 's/^\.Ss //p' "$T/man" >"$T/man.commands"
awk '/^\.Ss / { command = substr($0, 5) }
	/^\./ { line = $0; while (match(line, /Fl -[a-z-]+/)) { print command " -" substr(line, RSTART + 3, RLENGTH - 3); line = substr(line, RSTART + RLENGTH) } }' \
	"$T/man" >"$T/man.options"
same "the man page has the commands of --help, and no others" "$T/commands" "$T/man.commands"
same "the man page has the options of --help, and no others" "$T/options" "$T/man.options"
if command -v man >/dev/null 2>&1; then
	wrong=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z docs/chancery.1 2>&1 >/dev/null)
	none "the man page has no mistakes of form" "$wrong"
fi

# Events of the log, and types of audit entries.
grep -rhoE 'log_(debug|info|warning|error|failure)\([^"]*"[a-z._-]+"' --include='*.c' src ca protocols | grep -oE '"[^"]+"' | tr -d '"' >"$T/events"
grep -rhoE 'log_line\([^"]*"[a-z._-]+"' --include='*.c' src ca protocols | grep -oE '"[^"]+"' | tr -d '"' >>"$T/events"
sed -n '/^## Log events/,/^## /p' docs/operators.md | sed -nE 's/^\| `([a-z._-]+)`.*/\1/p' >"$T/events.documented"
same "docs/operators.md has the log events, and no others" "$T/events" "$T/events.documented"
sed -nE 's/^\t\[AUDIT_[A-Z_]+\] = "([a-z.-]+)",/\1/p' src/store/audit_event.c >"$T/types"
sed -n '/^## Entries of the audit log/,/^## /p' docs/operators.md | sed -nE 's/^\| `([a-z.-]+)`.*/\1/p' >"$T/types.documented"
same "docs/operators.md has the types of audit entries, and no others" "$T/types" "$T/types.documented"

# Tables.
grep -ohE 'CREATE TABLE (IF NOT EXISTS )?[a-z_]+' src/store/*.c | awk '{ print $NF }' >"$T/tables"
sed -n '/^## Tables/,/^## /p' docs/store.md | sed -nE 's/^\| `([a-z_]+)`.*/\1/p' >"$T/tables.documented"
same "docs/store.md has the tables of the migrations, and no others" "$T/tables" "$T/tables.documented"

# Links, relative to the page.
wrong=$(for page in "${pages[@]}"; do
	grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//; s/#.*//' | grep -vE '^(https?:|mailto:|$)' | while read -r link; do
		[ -e "$(dirname "$page")/$link" ] || echo "$page: $link"
	done
done)
none "every relative link leads somewhere" "$wrong"

# Paths. "src/base/config_*.c" is a pattern, "tests/fuzz/fuzz_<parser>.c" and a program's name are beginnings of one.
folders='src|ca|protocols|tests|docs|conformance|bench|scripts'
wrong=$(for page in "${pages[@]}" docs/chancery.1; do
	grep -oE "(^|[^A-Za-z0-9/_.:$-])($folders)/[A-Za-z0-9_.*/<-]+" "$page" | sed -E "s/^[^a-z]//; s/[.]+$//" | sort -u | while read -r path; do
		path=${path%%<*}
		compgen -G "$path" >/dev/null || compgen -G "$path*" >/dev/null || echo "$page: $path"
	done
done)
none "every path that a page names is there" "$wrong"

# Names of files without their folder.
find src ca protocols tests conformance bench scripts -type f -printf '%f\n' >"$T/files"
wrong=$(for page in "${pages[@]}"; do
	grep -oE '(^|[^A-Za-z0-9/_.*-])[a-z][a-z0-9_]+\.(c|h|sh|go)\b' "$page" | sed -E 's/^[^a-z]//' | sort -u | while read -r name; do
		grep -qxF "$name" "$T/files" || echo "$page: $name"
	done
done)
none "no page names a source file that is gone" "$wrong"
done_testing
