# shellcheck shell=bash disable=SC2034
# For bench/run: a CA and its server, and the servers it is compared with, all on
# loopback ports of their own and in a folder of their own; and how CPU time and
# memory are read. Sourced from the top of the tree, after scripts/lib.sh.

B=$PWD/build-bench
CHANCERY=$B/chancery
T=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
CA=$T/ca
pids=()

stop_all() {
	local pid
	trap - EXIT
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
	rm -rf "$T"
}
trap stop_all EXIT
trap 'exit 1' INT TERM

# stop PID: ends it and waits.
stop() {
	local pid kept=()
	kill "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	for pid in "${pids[@]}"; do [ "$pid" = "$1" ] || kept+=("$pid"); done
	pids=("${kept[@]}")
}

wait_for() { # SECONDS COMMAND…: until it succeeds
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$until" ] || die "gave up waiting for: $*"
		sleep 0.05
	done
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# Ports of its own, below those that the kernel gives to outgoing connections.
choose_ports() {
	local port=$((20000 + $$ % 1000 * 10)) name
	for name in HTTPS HTTP MUTUAL ACME_HTTP DNS NGINX NGINX_TLS PEBBLE PEBBLE_MANAGE SCEPSERVER; do
		port=$(free_port $((port + 1)))
		printf -v "$name" %s "$port"
	done
}

# ---- Chancery ----

# init_ca [OPTION…]: room for ten thousand connections from one address; the rest is as init writes it.
init_ca() {
	"$CHANCERY" init --dir "$CA" --name "Bench Corp" --host localhost --https-port "$HTTPS" --http-port "$HTTP" --mutual-port "$MUTUAL" \
		--resolver "127.0.0.1:$DNS" --validation-port "$ACME_HTTP" --allow-loopback "$@" >"$T/init.log" 2>&1 ||
		die "chancery init failed: $(tail -n 3 "$T/init.log")"
	sed -i 's/^  #connections: .*/  connections: 12000/; s/^  #connections_per_address: .*/  connections_per_address: 12000/' \
		"$CA/chancery.yaml"
}

# start_server LOOPS [COMMAND…]: under that command, if any. PROCESSES are its pids with commas; SERVER is the role's;
# START_S is how long it took until it was ready.
start_server() {
	local began
	sed -i "s/^  #\?loops: .*/  loops: $1/" "$CA/chancery.yaml"
	shift
	began=$EPOCHREALTIME
	"$@" "$CHANCERY" serve --dir "$CA" 2>>"$T/server.log" &
	SUPERVISOR=$!
	pids+=("$SUPERVISOR")
	wait_for 120 curl -fs "http://127.0.0.1:$HTTP/readyz"
	START_S=$(calc "$EPOCHREALTIME - $began" 2)
	curl -fs "http://127.0.0.1:$HTTP/ca/roots.pem" -o "$T/roots.pem"
	PROCESSES=$SUPERVISOR,$(pgrep -d, -P "$SUPERVISOR")
	SERVER=$(role_pids server)
}

stop_server() { stop "$SUPERVISOR"; }

# role_pids NAME: of the processes that play it.
role_pids() {
	local pid
	for pid in ${PROCESSES//,/ }; do
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *"--role $1"* ]] || echo "$pid"
	done
}

# Every name under bench.test is this machine; nothing else exists.
start_dns() {
	dnsmasq --keep-in-foreground --conf-file=/dev/null --port="$DNS" --listen-address=127.0.0.1 --bind-interfaces \
		--no-resolv --no-hosts --pid-file= --user="$(id -un)" --address=/bench.test/127.0.0.1 >"$T/dns.log" 2>&1 &
	pids+=($!)
}

# issue_front FILE: FILE.pem and FILE.key, a chain like that of the server's own listeners.
issue_front() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -subj / \
		-addext subjectAltName=DNS:front.bench.test -out "$1.csr" 2>/dev/null
	"$CHANCERY" cert issue --dir "$CA" --csr "$1.csr" >"$1.pem" || die "no certificate could be issued"
}

# ---- others ----

# start_nginx: one worker, serves $T/www and a TLS handshake with $T/front.pem. NGINX_WORKER is its pid.
start_nginx() {
	mkdir -p "$T/www" "$T/nginx"
	cat >"$T/nginx.conf" <<-END
		daemon off;
		$([ "$(id -u)" -ne 0 ] || echo 'user root;')
		worker_processes 1;
		pid $T/nginx/pid;
		error_log $T/nginx/error.log;
		events { worker_connections 12000; }
		http {
			access_log off;
			client_body_temp_path $T/nginx;
			proxy_temp_path $T/nginx;
			fastcgi_temp_path $T/nginx;
			uwsgi_temp_path $T/nginx;
			scgi_temp_path $T/nginx;
			default_type application/ocsp-response;
			sendfile on;
			tcp_nopush on;
			open_file_cache max=16;
			keepalive_requests 10000;
			ssl_certificate $T/front.pem;
			ssl_certificate_key $T/front.key;
			ssl_protocols TLSv1.2 TLSv1.3;
			server {
				listen 127.0.0.1:$NGINX;
				listen 127.0.0.1:$NGINX_TLS ssl;
				root $T/www;
			}
		}
	END
	PATH=$PATH:/usr/sbin nginx -p "$T/nginx" -e "$T/nginx/error.log" -c "$T/nginx.conf" 2>"$T/nginx.log" &
	pids+=($!)
	NGINX_MASTER=$!
	wait_for 10 is_open "$NGINX"
	NGINX_WORKER=$(pgrep -P "$NGINX_MASTER")
}

# start_scepserver: Debian's, with an RSA-2048 CA that is its own RA. SCEPSERVER_PID.
start_scepserver() {
	(cd "$T" && scepserver ca -init -depot depot -keySize 2048 >scepserver.log 2>&1) || die "scepserver: $(tail -n 3 "$T/scepserver.log")"
	(cd "$T" && exec scepserver -depot depot -port "$SCEPSERVER" -challenge bench -allowrenew 0) >>"$T/scepserver.log" 2>&1 &
	SCEPSERVER_PID=$!
	pids+=("$SCEPSERVER_PID")
	wait_for 10 curl -fs "http://127.0.0.1:$SCEPSERVER/scep?operation=GetCACaps"
}

# start_pebble: PEBBLE_PID. It really validates, without the random sleep and without refusing good nonces.
start_pebble() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/pebble.key" -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost -out "$T/pebble.pem" 2>/dev/null
	cat "$T/pebble.pem" >>"$T/roots.pem"
	cat >"$T/pebble.json" <<-END
		{ "pebble": {
			"listenAddress": "127.0.0.1:$PEBBLE", "managementListenAddress": "127.0.0.1:$PEBBLE_MANAGE",
			"certificate": "$T/pebble.pem", "privateKey": "$T/pebble.key",
			"httpPort": $ACME_HTTP, "tlsPort": 5001, "ocspResponderURL": "", "externalAccountBindingRequired": false } }
	END
	PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=0 \
		pebble -config "$T/pebble.json" -dnsserver "127.0.0.1:$DNS" >"$T/pebble.log" 2>&1 &
	PEBBLE_PID=$!
	pids+=("$PEBBLE_PID")
	wait_for 10 curl -fs --cacert "$T/roots.pem" "https://localhost:$PEBBLE/dir"
}

# ---- loads ----

# build_go NAME: bench/NAME.go, with Debian's own Go, whatever else is in PATH.
build_go() {
	local go
	for go in /usr/lib/go-*/bin/go /usr/bin/go; do [ ! -x "$go" ] || break; done
	[ "$B/$1" -nt "bench/$1.go" ] || alive "Building bench/$1.go" "$B/$1.log" \
		env GO111MODULE=off GOFLAGS= GOTOOLCHAIN=local GOCACHE="$B/go" "$go" build -o "$B/$1" "bench/$1.go"
}

# acme_load CLIENTS SECONDS [DIRECTORY PIDS [NODES]]: its line in $line; value NAME reads it.
acme_load() {
	local directory=${3:-https://localhost:$HTTPS/acme/directory}
	line=$("$B/acmeload" -directory "$directory" -ca "$T/roots.pem" -clients "$1" -time "$2s" -http01 "127.0.0.1:$ACME_HTTP" \
		-pids "${4:-$PROCESSES}" -nodes "${5:-}" 2>>"$T/acmeload.log") || say "acme-load-$1 failed: $(tail -n 2 "$T/acmeload.log")"
}

# est_load CLIENTS SECONDS [-kept]: renewals of $T/device.pem; its line in $line, and CPU_MS of all processes for one.
est_load() {
	local before clients=$1 seconds=$2
	shift 2
	before=$(cpu_ms "$PROCESSES")
	line=$("$B/estload" -url "https://localhost:$MUTUAL/.well-known/est/simplereenroll" -ca "$T/roots.pem" -cert "$T/device.pem" \
		-key "$T/device.key" -name device -clients "$clients" -time "${seconds}s" "$@" 2>>"$T/estload.log") ||
		say "est-load-$clients failed: $(tail -n 2 "$T/estload.log")"
	CPU_MS=$(calc "($(cpu_ms "$PROCESSES") - $before) / $(value enrolled)" 3)
}

# est_device: $T/device.pem and $T/device.key, by a one-time token.
est_device() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/device.key" -subj /CN=device -outform DER \
		-out "$T/device.csr" 2>/dev/null
	"$CHANCERY" est token create --dir "$CA" --name cn:device | sed -n '$s/^/Authorization: Bearer /p' >"$T/device.token"
	openssl base64 -in "$T/device.csr" |
		curl -fsS --cacert "$T/roots.pem" -H "@$T/device.token" -H 'Content-Type: application/pkcs10' --data-binary @- \
			"https://localhost:$HTTPS/.well-known/est/simpleenroll" | base64 -d |
		openssl pkcs7 -inform DER -print_certs -out "$T/device.pem" || die "no device could be enrolled"
}

# scep_messages FILE URL CHALLENGE COUNT: as many enrolments, for names that nobody asked for yet, in FILE.
SCEP_NAMES=1
scep_messages() {
	/usr/bin/python3 -W ignore bench/scepmessages.py "$2" "$3" "$SCEP_NAMES" "$4" >"$1" 2>"$1.size" ||
		die "no SCEP messages: $(tail -n 3 "$1.size")"
	SCEP_NAMES=$((SCEP_NAMES + $4))
}

# scep_load CLIENTS FILE URL PIDS: its line in $line, and CPU_MS of these processes for an enrolment.
scep_load() {
	local before
	before=$(cpu_ms "$4")
	line=$("$B/scepload" -url "$3" -messages "$2" -size "$(cat "$2.size")" -clients "$1" 2>>"$T/scepload.log")
	CPU_MS=$(calc "($(cpu_ms "$4") - $before) / $(value enrolled)" 3)
}

value() { # NAME: of "name=value …" in $line
	local field
	for field in $line; do [[ $field != "$1="* ]] || echo "${field#*=}"; done
}

# http_load PORT REQUESTFILE SECONDS PID: rate and the CPU microseconds of PID for an answer, in $rate and $cpu_us.
http_load() {
	local before after answer
	before=$(cpu_ms "$4")
	answer=$("$B/bench/httpload" 127.0.0.1 "$1" "$2" 64 "$3") || say "http-load failed: $answer"
	after=$(cpu_ms "$4")
	rate=${answer#*requests }
	rate=${rate%%/s*}
	cpu_us=$(calc "($after - $before) * 1000 / ($rate * $3)" 2)
}

# tls_load PORT SECONDS PID: the same with full handshakes.
tls_load() {
	local before after
	before=$(cpu_ms "$3")
	line=$("$B/bench/tlsload" handshakes 127.0.0.1 "$1" "$2") || say "tls-load failed: $line"
	after=$(cpu_ms "$3")
	rate=$(value rate)
	cpu_us=$(calc "($after - $before) * 1000 / $(value handshakes)" 1)
}

# ---- figures ----

calc() { # EXPRESSION DIGITS; nan where there was nothing to divide by
	awk "BEGIN { printf \"%.${2}f\", $1 }" 2>/dev/null || printf nan
}

# figure NAME VALUE UNIT [REFERENCE VALUE UNIT]: with their ratio.
figure() {
	if [ $# -eq 3 ]; then
		printf '%s %s %s | - | -\n' "$1" "$2" "$3"
	else
		printf '%s %s %s | %s %s %s | %s\n' "$@" "$(calc "$2 / $5" 2)"
	fi
}

median() { # of the numbers given
	printf '%s\n' "$@" | sort -g | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

cpu_ms() { # PID[,PID…]: user and system time of all their threads
	local pid
	for pid in ${1//,/ }; do cat "/proc/$pid/stat"; done |
		awk -v hz="$(getconf CLK_TCK)" '{ sub(/^.*\) /, ""); sum += $12 + $13 } END { print sum * 1000 / hz }'
}

memory_mb() { # VmHWM|VmRSS PID…: the largest of them
	local field=$1 pid
	shift
	for pid; do sed -n "s/^$field:[[:space:]]*\([0-9]*\) kB/\1/p" "/proc/$pid/status"; done |
		sort -n | awk 'END { printf "%.1f", $1 / 1024 }'
}
