noinst_LIBRARIES += src/server/libserver.a
src_server_libserver_a_SOURCES = \
	src/server/address.c \
	src/server/admission.c \
	src/server/admission.h \
	src/server/call.c \
	src/server/call.h \
	src/server/connection.c \
	src/server/connection.h \
	src/server/connection_parts.h \
	src/server/connection_requests.c \
	src/server/exchange.c \
	src/server/exchange.h \
	src/server/front.c \
	src/server/front.h \
	src/server/gate.c \
	src/server/gate.h \
	src/server/gate_chunks.c \
	src/server/gate_fields.c \
	src/server/gate_parts.h \
	src/server/lane.c \
	src/server/lane.h \
	src/server/listener.c \
	src/server/listener.h \
	src/server/loop.c \
	src/server/loop.h \
	src/server/mailbox.c \
	src/server/mailbox.h \
	src/server/peer.c \
	src/server/peer.h \
	src/server/respond.c \
	src/server/respond.h \
	src/server/route.c \
	src/server/route.h \
	src/server/stream.c \
	src/server/stream.h \
	src/server/tls.c \
	src/server/tls.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_gate tests/unit/test_route tests/unit/test_lane tests/unit/test_front tests/unit/test_peer

tests_unit_test_gate_SOURCES = tests/unit/test_gate.c tests/unit/check.h
tests_unit_test_gate_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_gate_LDADD = $(SERVER_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_route_SOURCES = tests/unit/test_route.c tests/unit/check.h
tests_unit_test_route_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_route_LDADD = $(SERVER_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_lane_SOURCES = tests/unit/test_lane.c tests/unit/check.h
tests_unit_test_lane_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_lane_LDADD = $(SERVER_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_peer_SOURCES = tests/unit/test_peer.c tests/unit/front_fixture.c tests/unit/front_fixture.h tests/unit/check.h
tests_unit_test_peer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_peer_LDADD = $(SERVER_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_front_SOURCES = tests/unit/test_front.c tests/unit/front_fixture.c tests/unit/front_fixture.h tests/unit/check.h
tests_unit_test_front_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_front_LDADD = $(SERVER_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
endif

# Not built by default: `make bench/httpload bench/frontbench`.
EXTRA_PROGRAMS += bench/httpload bench/frontbench
bench_httpload_SOURCES = bench/httpload.c
bench_httpload_LDADD = $(BASE_LIBS)
bench_frontbench_SOURCES = bench/frontbench.c
bench_frontbench_LDADD = $(SERVER_LIBS) $(BASE_LIBS)

check_PROGRAMS += tests/fuzz/replay_gate
tests_fuzz_replay_gate_SOURCES = tests/fuzz/fuzz_gate.c tests/fuzz/replay.c
tests_fuzz_replay_gate_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/gate\"
tests_fuzz_replay_gate_LDADD = $(SERVER_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/gate

EXTRA_PROGRAMS += tests/fuzz/fuzz_gate
tests_fuzz_fuzz_gate_SOURCES = tests/fuzz/fuzz_gate.c
tests_fuzz_fuzz_gate_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_gate_LDADD = $(SERVER_LIBS) $(BASE_LIBS)
