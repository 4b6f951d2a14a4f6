#!/usr/bin/env bash
# Three PostgreSQL clusters that replicate: the primary is killed under load, a synchronous standby is promoted, and the
# server goes on by itself with all that it had acknowledged. Where a failover would lose something it says so and
# promises nothing (F4). It reads where it writes, also with a standby first in its URL that is an hour behind (F26).
# builds: plain
# stores: postgresql (with clusters of its own)
. "$CHANCERY_TOP/conformance/tools/clusters.sh" || exit 1
cd "$T" || exit 1

url_of() { # CLUSTER…: one URL with all of them, in this order
	local IFS=,
	local hosts=("${@/#/$PG/}")
	echo "postgresql://chancery@/chancery?host=${hosts[*]}&target_session_attrs=read-write"
}
follows() { # STANDBY PRIMARY
	[ "$(cluster_sql "$2" "SELECT state FROM pg_stat_replication WHERE application_name = '$1'")" = streaming ]
}
wait_for_any() { echo "synchronous_standby_names='ANY 1 (a, b, c)'"; } # a cluster is never a standby of its own
wait_for_none() { echo "synchronous_standby_names=''"; }
logged() { grep -q "\"event\":\"$1\"" server.log; } # EVENT

need "a cluster" initdb.log make_cluster a
need "it starts" a.pg.log start_cluster a
cluster_sql a 'CREATE DATABASE chancery'
for name in b c; do
	need "standby $name" basebackup.log make_standby "$name" a
	need "it starts" "$name.pg.log" start_cluster "$name"
	need "it follows" "$name.pg.log" wait_for 30 follows "$name" a
done

# Nobody waits for the standbys yet: a CA that begins like this would promise what the first failover breaks.
STORE=$(url_of c b a)
init_ca
check "init refuses several servers without a synchronous standby" test $? -eq 1
check_says "in a sentence" 'waits for no synchronous standby: .*set synchronous_standby_names' cat init.log
for name in a b c; do cluster_configure "$name" "$(wait_for_any)" && cluster_reload "$name"; done
for name in a b c; do
	check "$name waits for a standby, or will" wait_for 30 cluster_shows "$name" synchronous_standby_names 'ANY 1 (a, b, c)'
done
need "a CA is made" init.log init_ca
start_dns
need "the server starts" server.log start_server
server_role=$(role_of server)
make_csr a a.t.test

# F4: the primary dies in the middle of it.
start_load 4 --revoke 0.3 --patience 240
check "clients get certificates" wait_for 60 load_has 8 certificate
check "and revoke some" wait_for 60 load_has 2 revoked
kill_cluster a
so_far=$(journal_count certificate)
# What was acknowledged is on one of the two at least: the one that has more.
position() { cluster_sql "$1" "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'"; }
if [ "$(position b)" -ge "$(position c)" ]; then primary=b standby=c; else primary=c standby=b; fi
cluster_configure "$standby" "primary_conninfo='host=$PG/$primary user=chancery'"
cluster_reload "$standby"
check "the standby that has more is promoted" cluster_sql "$primary" 'SELECT pg_promote()'
check "the other one follows it" wait_for 60 follows "$standby" "$primary"
check "clients get certificates again, without anybody's help to the server" wait_for 120 load_has $((so_far + 8)) certificate
stop_load
check "every client got what it was about" test $? -eq 0
check "it is the same process" test "$(role_of server)" = "$server_role"
check "the server is ready" wait_for 60 is_ready
check "all that clients saw is in the promoted database, once, and the log has it" wait_for 60 check_history --open-for 300

# F26: an hour behind, and first in the URL.
stop_server
cluster_configure "$standby" recovery_min_apply_delay=1h
cluster_reload "$standby"
check "a standby falls behind" wait_for 30 cluster_shows "$standby" recovery_min_apply_delay 1h
STORE=$(url_of "$standby" "$primary" a)
set_store "$CA" "$STORE"
need "the server starts" server.log start_server
for n in 1 2 3 4 5; do
	check "certificate $n" issue_cert "fresh$n" "fresh$n.t.test"
	serial=$(serial_of "fresh$n.pem")
	check "the standby does not know it" test "$(cluster_sql "$standby" "SELECT count(*) FROM certificate WHERE serial = '$serial'" chancery)" = 0
	check "OCSP knows it at once" ocsp_says "$serial" ': good'
	check "it is revoked" "$CHANCERY" cert revoke --dir "$CA" --reason superseded "$serial"
	check "OCSP knows that at once" ocsp_says "$serial" ': revoked'
done
for n in 1 2 3 4 5; do
	check "and none is good again: $n" ocsp_says "$(serial_of "fresh$n.pem")" ': revoked'
done
check_says "it reads from the one that takes the writes" '^[1-9]' \
	cluster_sql "$primary" "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chancery'"
check "and from no other" test "$(cluster_sql "$standby" "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chancery'")" = 0

# With no standby left a COMMIT waits; somebody who cancels the wait makes it visible, and nothing is promised by that.
stop_cluster "$standby"
waits() { # a COMMIT, for the standby
	cluster_sql "$primary" "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'" | grep -q .
}
make_csr hasty hasty.t.test
issue_now hasty.csr >hasty.status 2>hasty.err &
hasty=$!
check "without a standby a COMMIT waits" wait_for 30 waits
cancel() { cluster_sql "$primary" "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"; }
check "an administrator cancels the wait" cancel
wait "$hasty"
check "the client gets no certificate by that" test "$(cat hasty.status)" = 503
check "/readyz says that nothing can be written" wait_for 90 ready_says 'the store cannot be written'
cluster_configure "$standby" recovery_min_apply_delay=0
need "the standby comes back" "$standby.pg.log" start_cluster "$standby"
check "the server is ready by itself" wait_for 90 is_ready
check "and issues" wait_for 60 issues a.csr

# F4, in service: somebody takes the guarantee away.
cluster_configure "$primary" "$(wait_for_none)"
cluster_reload "$primary"
check "/readyz says so" wait_for 90 ready_says 'waits for no synchronous standby'
check "certificates are refused, with 503" is_refused a.csr
check_says "and with the reason" 'waits for no synchronous standby' cat answer
check "the log has it" logged failover.unsafe
kept=$(cluster_sql "$primary" "SELECT serial FROM certificate WHERE status = 'issued' AND profile <> 'ocsp-responder'
	AND serial NOT IN (SELECT serial FROM revocation) LIMIT 1" chancery)
check "revocations are taken all the same" "$CHANCERY" cert revoke --dir "$CA" --reason superseded "$kept"
cluster_configure "$primary" "$(wait_for_any)"
cluster_reload "$primary"
check "mended, the server is ready" wait_for 90 is_ready
check "and issues" issues a.csr
check "the log has that, too" logged failover.safe
check "the invariants hold" wait_for 60 check_history --open-for 300

# F4, at the start.
stop_server
cluster_configure "$primary" "$(wait_for_none)"
cluster_reload "$primary"
check "once more nobody waits" wait_for 30 cluster_shows "$primary" synchronous_standby_names ''
timeout 60 "$CHANCERY" serve --dir "$CA" 2>refused.log
check "the start is refused with status 1" test $? -eq 1
check_says "in a sentence" '"event":"server.refused".*waits for no synchronous standby' cat refused.log
done_testing
