noinst_LIBRARIES += src/courier/libcourier.a
src_courier_libcourier_a_SOURCES = \
	src/courier/address.c \
	src/courier/address.h \
	src/courier/address_policy.c \
	src/courier/address_policy.h \
	src/courier/call_message.c \
	src/courier/call_message.h \
	src/courier/courier.c \
	src/courier/courier.h \
	src/courier/courier_process.c \
	src/courier/courier_process.h \
	src/courier/dns_answer.c \
	src/courier/dns_answer.h \
	src/courier/evidence.c \
	src/courier/evidence.h \
	src/courier/fetch.c \
	src/courier/fetch.h \
	src/courier/host_name.c \
	src/courier/host_name.h \
	src/courier/probe.c \
	src/courier/probe.h \
	src/courier/probe_message.c \
	src/courier/probe_message.h \
	src/courier/redirect.c \
	src/courier/redirect.h \
	src/courier/resolve.c \
	src/courier/resolve.h \
	src/courier/service_call.c \
	src/courier/service_call.h \
	src/courier/transfers.c \
	src/courier/transfers.h

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/test_address_policy \
	tests/unit/test_courier \
	tests/unit/test_courier_call \
	tests/unit/test_dns_answer \
	tests/unit/test_redirect
COURIER_TEST_LIBS = $(COURIER_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_address_policy_SOURCES = tests/unit/test_address_policy.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_address_policy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_address_policy_LDADD = $(COURIER_TEST_LIBS)
tests_unit_test_dns_answer_SOURCES = tests/unit/test_dns_answer.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_dns_answer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dns_answer_LDADD = $(COURIER_TEST_LIBS)
tests_unit_test_redirect_SOURCES = tests/unit/test_redirect.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_redirect_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_redirect_LDADD = $(COURIER_TEST_LIBS)
tests_unit_test_courier_SOURCES = tests/unit/test_courier.c tests/unit/check.h tests/unit/fixture.h \
	tests/fake/courier_peers.c tests/fake/courier_peers.h
tests_unit_test_courier_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_courier_LDADD = $(COURIER_TEST_LIBS)
tests_unit_test_courier_call_SOURCES = tests/unit/test_courier_call.c tests/unit/check.h tests/unit/fixture.h \
	tests/fake/courier_peers.c tests/fake/courier_peers.h tests/fake/tls_service.c tests/fake/tls_service.h
tests_unit_test_courier_call_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_courier_call_LDADD = $(COURIER_TEST_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_dns_answer
tests_fuzz_replay_dns_answer_SOURCES = tests/fuzz/fuzz_dns_answer.c tests/fuzz/replay.c
tests_fuzz_replay_dns_answer_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/dns_answer\"
tests_fuzz_replay_dns_answer_LDADD = $(COURIER_LIBS) $(IPC_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/dns_answer

EXTRA_PROGRAMS += tests/fuzz/fuzz_dns_answer
tests_fuzz_fuzz_dns_answer_SOURCES = tests/fuzz/fuzz_dns_answer.c
tests_fuzz_fuzz_dns_answer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_dns_answer_LDADD = $(COURIER_LIBS) $(IPC_LIBS) $(BASE_LIBS)

check_PROGRAMS += tests/fuzz/replay_redirect
tests_fuzz_replay_redirect_SOURCES = tests/fuzz/fuzz_redirect.c tests/fuzz/replay.c
tests_fuzz_replay_redirect_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/redirect\"
tests_fuzz_replay_redirect_LDADD = $(COURIER_LIBS) $(IPC_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/redirect

EXTRA_PROGRAMS += tests/fuzz/fuzz_redirect
tests_fuzz_fuzz_redirect_SOURCES = tests/fuzz/fuzz_redirect.c
tests_fuzz_fuzz_redirect_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_redirect_LDADD = $(COURIER_LIBS) $(IPC_LIBS) $(BASE_LIBS)
