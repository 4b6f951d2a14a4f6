# shellcheck shell=bash
# Ports for tests that run side by side. Sourced by bash.
#
# reserve_ports FIRST END STEP: $reserved is the first port of a block of STEP,
# between FIRST and END, that is this process' own until it and all that it
# started have ended. The lock is the kernel's, on an open file that children
# inherit: nothing has to be given back, and nothing that died keeps a block.
# The ports themselves are tried as well, for what does not take part in this.
# Keep below 32768: above, the kernel gives ports to outgoing connections.

ports_dir=/tmp/chancery-test-ports

port_answers() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

block_is_free() { # FIRST STEP
	local port
	for ((port = $1; port < $1 + $2; port++)); do
		port_answers "$port" && return 1
	done
	return 0
}

reserve_ports() {
	local first=$1 step=$3 blocks=$((($2 - $1) / $3)) try block lock
	mkdir -m 1777 "$ports_dir" 2>/dev/null
	block=$((RANDOM % blocks))
	for ((try = 0; try < blocks; try++, block = (block + 1) % blocks)); do
		reserved=$((first + block * step))
		{ exec {lock}>>"$ports_dir/$reserved"; } 2>/dev/null || continue # another user's
		if flock -n "$lock" && block_is_free "$reserved" "$step"; then return 0; fi
		exec {lock}>&-
	done
	echo "no free block of $step ports between $first and $2" >&2
	return 1
}
