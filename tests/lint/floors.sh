#!/usr/bin/env bash
# An include points down: base < ipc < store, token, courier < ca < protocols <
# command. The server floor stands beside and uses base only; the three services
# and the protocols do not know one another. Libraries stay where they belong.
. "$CHANCERY_TOP/tests/tap.sh"
cd "$CHANCERY_TOP" || exit 1

# may FOLDER: what a file there may include, as an extended regular expression on the include's path.
may() {
	case "$1" in
	src/base) echo '^base/' ;;
	src/ipc) echo '^(base|ipc)/' ;;
	src/server) echo '^(base|server)/' ;;
	src/store) echo '^(base|store)/' ;;
	src/token) echo '^(base|ipc|token)/' ;;
	src/courier) echo '^(base|ipc|courier)/' ;;
	ca) echo '^(base|ipc|store|token|courier|ca)/' ;;
	protocols) echo '^(base|store|courier|server|ca|protocols)/' ;;
	protocols/*) echo "^(base|store|courier|server|ca|protocols/shared|$1)/" ;;
	src/command | src) echo '.' ;;
	esac
}

for folder in src src/base src/ipc src/server src/store src/token src/courier ca protocols protocols/*/ src/command; do
	folder=${folder%/}
	wrong=$(grep -nE '^#include "' "$folder"/*.[ch] 2>/dev/null | sed -E 's/^([^:]*:[0-9]*):#include "([^"]*)".*/\1 \2/' |
		awk -v may="$(may "$folder")" '$2 !~ may')
	check_empty() { if [ -z "$2" ]; then ok "$1"; else not_ok "$1" "$2"; fi; }
	check_empty "$folder includes only what is below it" "$wrong"
done

# only LIBRARY-HEADER PATTERN-OF-FOLDERS NAME
only() {
	local wrong
	wrong=$(find src ca protocols -name '*.[ch]' -exec grep -lE "^#include <$1" {} + | grep -vE "^($2)" || true)
	check_empty "$3 only where it belongs" "$wrong"
}
only 'event2/' 'src/server/|src/courier/' libevent
only '(sqlite3|libpq)' 'src/store/' "the databases"
only 'pkcs11' 'src/token/' PKCS#11
only '(curl/|ares)' 'src/courier/' "libcurl and c-ares"
only 'jansson' 'src/base/json' jansson
only 'cyaml' 'src/base/config' libcyaml
only 'seccomp' 'src/ipc/sandbox' libseccomp

# The token's signature has one caller, and the store's rows only what stands above the store.
wrong=$(grep -lE '\btoken_sign\(' ca/*.c protocols/*/*.c src/command/*.c | grep -v '^ca/sign.c$' || true)
check_empty "only ca/sign.c asks the token for signatures" "$wrong"
wrong=$(grep -lE '\btoken_(unwrap|generate_unwrapping)\(' ca/*.c protocols/*/*.c src/command/*.c | grep -vE '^ca/(scep_ra[a-z_]*|need_key)\.c$' || true)
check_empty "only the keys of SCEP's RAs decrypt (S5)" "$wrong"
wrong=$(grep -nE '\b(db_run|DB_RUN|db_open|db_begin|db_commit)\(' ca/*.c protocols/*/*.c src/command/*.c || true)
check_empty "SQL only in the store" "$wrong"
wrong=$(grep -nE '\bC_[A-Z][A-Za-z]+\(' src/base/*.c src/ipc/*.c src/server/*.c src/store/*.c src/courier/*.c src/command/*.c ca/*.c protocols/*/*.c || true)
check_empty "C_* only in the token floor" "$wrong"
wrong=$(grep -nE 'X509_REQ_get_(extensions|attr)' src/*/*.c ca/*.c protocols/*/*.c | grep -v '^ca/csr' || true)
check_empty "no file but ca/csr*.c reads what a CSR asks for (V50)" "$wrong"

# Every protocol folder has its row; what they share is none.
for folder in protocols/*/; do
	name=$(basename "$folder")
	[ "$name" = shared ] && continue
	check "protocol $name has a row in protocols/list.c" grep -q "{ \"$name\"," protocols/list.c
done
done_testing
