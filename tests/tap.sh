# TAP for shell tests: `check "what holds" COMMAND…`, then `done_testing`.
# Sourced by bash. A failed check goes on; its command's output is shown.

tap_n=0
tap_failed=0

ok() {
	tap_n=$((tap_n + 1))
	printf 'ok %d - %s\n' "$tap_n" "$1"
}

not_ok() {
	tap_n=$((tap_n + 1))
	tap_failed=$((tap_failed + 1))
	printf 'not ok %d - %s\n' "$tap_n" "$1"
	[ -n "${2:-}" ] && printf '%s\n' "$2" | sed 's/^/# /'
	return 0
}

# check NAME COMMAND…: ok when it exits 0.
check() {
	local name=$1 output
	shift
	if output=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "status $? of: $*
$output"; fi
}

# check_fails NAME COMMAND…: ok when it exits with another status than 0 and is not killed by a signal.
check_fails() {
	local name=$1 output status=0
	shift
	output=$("$@" 2>&1) || status=$?
	if [ "$status" -gt 0 ] && [ "$status" -lt 126 ]; then ok "$name"; else not_ok "$name" "status $status of: $*
$output"; fi
}

# check_says NAME PATTERN COMMAND…: ok when the output matches the extended regular expression.
check_says() {
	local name=$1 pattern=$2 output
	shift 2
	output=$("$@" 2>&1) || true
	if grep -Eq -- "$pattern" <<<"$output"; then ok "$name"; else not_ok "$name" "no /$pattern/ in the output of: $*
$output"; fi
}

# take_tap FILE: what another program found, renumbered into this test's own count.
take_tap() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${line#ok * - }" ;;
		"not ok "*) not_ok "${line#not ok * - }" ;;
		"#"*) printf '%s\n' "$line" ;;
		esac
	done <"$1"
}

tap_end() {
	printf '1..%d\n' "$tap_n"
	[ "$tap_failed" -eq 0 ]
}

done_testing() {
	tap_end
}
