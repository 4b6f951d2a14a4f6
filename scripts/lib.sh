# Shared by quickstart, runtests and bench/run: packages, builds, and showing
# that something long is alive. Sourced by bash from the top of the tree.

BUILD_PACKAGES="build-essential autoconf automake pkg-config libssl-dev libevent-dev libsqlite3-dev
	libpq-dev libjansson-dev libcyaml-dev libyaml-dev libpkcs11-helper1-dev libc-ares-dev libcurl4-openssl-dev
	libseccomp-dev softhsm2"
DEMO_PACKAGES="certbot dnsmasq-base openssl curl ca-certificates"
TEST_PACKAGES="libcmocka-dev certbot lego uacme dehydrated acme-tiny dnsmasq-base openssl curl
	ca-certificates gnutls-bin libnss3-tools opensc python3 python3-cryptography sqlite3 jq perl
	shellcheck iproute2 procps util-linux bsdextrautils man-db groff-base xz-utils postgresql haproxy
	nginx-light strongswan-pki libstrongswan-extra-plugins libstrongswan-standard-plugins certmonger
	scep dbus-daemon golang-go"
BENCH_PACKAGES="nginx-light golang-go golang-golang-x-crypto-dev pebble dnsmasq-base openssl curl jq procps"

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# alive TEXT LOG COMMAND…: runs it with its output in LOG and a dot a second; on failure shows the log's end.
alive() {
	local text=$1 log=$2 pid status=0
	shift 2
	printf '%s ' "$text"
	"$@" >"$log" 2>&1 &
	pid=$!
	local ticks=0
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
		ticks=$((ticks + 1))
		[ $((ticks % 10)) -ne 0 ] || printf '.'
	done
	wait "$pid" || status=$?
	if [ "$status" -ne 0 ]; then
		printf ' failed (status %s). The end of %s:\n' "$status" "$log"
		tail -n 40 "$log"
		exit 1
	fi
	printf ' done\n'
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "root is needed to install packages: run as root, or install sudo, or install by hand: $*"
	fi
}

# need_packages LIST: installs what is missing, and asks the network only then.
need_packages() {
	local missing=() package have
	# shellcheck disable=SC2086,SC2016
	have=$(dpkg-query -W -f '${Package} ${Status}\n' $1 2>/dev/null | sed -n 's/ install ok installed$//p') || true # it fails where one is missing
	for package in $1; do
		grep -qxF "$package" <<<"$have" || missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then as_root true; fi # asks for the password before output goes to a file
	local log
	log=$(mktemp)
	alive "Reading Debian's package lists" "$log" as_root apt-get update
	alive "Installing ${#missing[@]} packages (${missing[*]})" "$log" \
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
	rm -f "$log"
}

# build_tree DIR [CONFIGURE-OPTION…]: configure out of tree where needed, then make.
build_tree() {
	local dir=$1 top
	top=$(pwd)
	shift
	mkdir -p "$dir"
	[ -x configure ] && [ configure -nt configure.ac ] || alive "Making configure" "$dir/autoreconf.log" autoreconf -fi
	if [ ! -f "$dir/Makefile" ]; then
		alive "Configuring $dir" "$dir/configure.log" env -C "$dir" "$top/configure" -q "$@"
	fi
	alive "Building $dir" "$dir/make.log" make -C "$dir" -j"$(nproc)" ${MAKE_TARGETS:-all}
}

# free_port FIRST: the first TCP port from FIRST on that nothing on loopback listens on.
free_port() {
	local port=$1
	while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
		port=$((port + 1))
	done
	printf '%s' "$port"
}
