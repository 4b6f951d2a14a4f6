#!/usr/bin/env bash
# Calls that are not to be made, and marks that are not to be left.
. "$CHANCERY_TOP/tests/tap.sh"
cd "$CHANCERY_TOP" || exit 1

sources() { find src ca protocols -name '*.[ch]' | sort; }

# banned NAME PATTERN [FILES-THAT-MAY]
banned() {
	local wrong
	wrong=$(sources | xargs grep -nE "$2" | grep -vE "^(${3:-none}):" || true)
	if [ -z "$wrong" ]; then ok "$1"; else not_ok "$1" "$wrong"; fi
}

banned "no unbounded string calls" '\b(strcpy|strcat|sprintf|vsprintf|gets|stpcpy)\('
banned "no number parsing that hides errors" '\b(atoi|atol|atoll|strtol|strtoul|strtoll|strtoull|sscanf)\('
banned "no shared static buffers" '\b(gmtime|localtime|ctime|asctime|strtok|strerror_l|inet_ntoa|getpwuid)\('
banned "no jumps and no cancelling" '\b(goto |longjmp|setjmp|pthread_cancel|alloca)\b'
banned "no shell" '\b(system|popen|execlp|execvp)\('
banned "time enters through clock.c" '\b(time\(NULL\)|gettimeofday\(|clock_gettime\()' 'src/base/clock\.c'
banned "chance enters through random.c" '^[^*]*\b(rand\(|random\(\)|RAND_bytes|getrandom\(|arc4random)' 'src/base/random\.c'
banned "MACs and secrets are compared in constant time (W13)" \
	'\b(memcmp|strcmp|bytes_equal|text_equal)\(.*\b(mac|pin|secret|key_authorization)\b'
banned "no PKCS7_* on bytes from outside" '\bPKCS7_'
banned "no conditional compilation outside compat.h" '^#if' 'src/base/compat\.h'
banned "no marks of unfinished work" '\b(TODO|FIXME|XXX|HACK)\b'
banned "jansson is strict everywhere" '\bjson_load(s|b|f|_file)\(' 'src/base/json\.c'
banned "duplicate members are refused where JSON is read" '^[^*]*(JSON_ALLOW_NUL|JSON_DISABLE_EOF_CHECK)'
check "duplicate members are refused (J5)" grep -q JSON_REJECT_DUPLICATES src/base/json.c

missing=$(sources | grep '\.h$' | xargs grep -L '^#pragma once' || true)
if [ -z "$missing" ]; then ok "every header is included once"; else not_ok "every header is included once" "$missing"; fi
missing=$(sources | while read -r file; do head -n 1 "$file" | grep -q '^/\*' || echo "$file"; done)
if [ -z "$missing" ]; then ok "every file says what it is for"; else not_ok "every file says what it is for" "$missing"; fi

# Headers are self-contained.
flags=$(pkg-config --cflags openssl libevent sqlite3 jansson libcyaml libpkcs11-helper-1 libcares libcurl libseccomp libpq)
wrong=
for header in $(sources | grep '\.h$'); do
	# shellcheck disable=SC2086
	printf '#include "%s"\n' "${header#src/}" | gcc -std=gnu17 -D_GNU_SOURCE -fsyntax-only -Isrc -I. $flags -x c - 2>/dev/null || wrong="$wrong $header"
done
if [ -z "$wrong" ]; then ok "every header compiles alone"; else not_ok "every header compiles alone" "$wrong"; fi

check "shell scripts pass shellcheck" shellcheck -s bash -x -S warning -e SC1090,SC1091,SC2034,SC2120,SC2154 quickstart runtests .ci/run \
	scripts/*.sh tests/*.sh tests/run_one tests/tools/*.sh tests/tools/with_postgres tests/lint/*.sh tests/fault/*.sh \
	conformance/*.sh conformance/tools/*.sh
done_testing
