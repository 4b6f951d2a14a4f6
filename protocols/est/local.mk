protocols_libprotocols_a_SOURCES += \
	protocols/est/authenticate.c \
	protocols/est/authenticate.h \
	protocols/est/body.c \
	protocols/est/body.h \
	protocols/est/cacerts.c \
	protocols/est/channel_binding.c \
	protocols/est/channel_binding.h \
	protocols/est/cmc.h \
	protocols/est/cmc_request.c \
	protocols/est/cmc_response.c \
	protocols/est/clean_up.c \
	protocols/est/csr_attributes.c \
	protocols/est/csr_attributes.h \
	protocols/est/csrattrs.c \
	protocols/est/digest_nonce.c \
	protocols/est/digest_nonce.h \
	protocols/est/endpoint.h \
	protocols/est/enroll.c \
	protocols/est/enroll.h \
	protocols/est/enrollment.c \
	protocols/est/enrollment.h \
	protocols/est/est.c \
	protocols/est/est.h \
	protocols/est/fullcmc.c \
	protocols/est/key_protection.c \
	protocols/est/key_protection.h \
	protocols/est/made_key.c \
	protocols/est/made_key.h \
	protocols/est/may_ask.c \
	protocols/est/may_ask.h \
	protocols/est/reply.c \
	protocols/est/reply.h \
	protocols/est/request.c \
	protocols/est/request.h \
	protocols/est/serverkeygen.c \
	protocols/est/user_password.c \
	protocols/est/user_password.h

if HAVE_CMOCKA
EST_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# The house is real but for the token, which the fake stands in for.
EST_TEST_HOUSE = tests/unit/check.h tests/unit/fixture.h tests/unit/est_scene.h tests/fake/est_client.c tests/fake/est_client.h \
	tests/fake/fake_courier.c tests/fake/fake_courier.h tests/fake/fake_authority.c tests/fake/fake_authority.h tests/fake/fake_token.c tests/fake/fake_token.h \
	tests/fake/x509_maker.c tests/fake/x509_maker.h
EST_TEST_LIBS = $(PROTOCOL_LIBS) $(SERVER_LIBS) $(CA_LIBS) $(STORE_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += \
	tests/unit/test_est \
	tests/unit/test_est_cmc \
	tests/unit/test_est_csrattrs \
	tests/unit/test_est_keys \
	tests/unit/test_est_requests \
	tests/unit/test_est_users
tests_unit_test_est_SOURCES = tests/unit/test_est.c $(EST_TEST_HOUSE)
tests_unit_test_est_CFLAGS = $(EST_TEST_CFLAGS)
tests_unit_test_est_LDADD = $(EST_TEST_LIBS)
tests_unit_test_est_cmc_SOURCES = tests/unit/test_est_cmc.c tests/fake/cmc_client.c tests/fake/cmc_client.h $(EST_TEST_HOUSE)
tests_unit_test_est_cmc_CFLAGS = $(EST_TEST_CFLAGS)
tests_unit_test_est_cmc_LDADD = $(EST_TEST_LIBS)
tests_unit_test_est_csrattrs_SOURCES = tests/unit/test_est_csrattrs.c $(EST_TEST_HOUSE)
tests_unit_test_est_csrattrs_CFLAGS = $(EST_TEST_CFLAGS)
tests_unit_test_est_csrattrs_LDADD = $(EST_TEST_LIBS)
tests_unit_test_est_keys_SOURCES = tests/unit/test_est_keys.c $(EST_TEST_HOUSE)
tests_unit_test_est_keys_CFLAGS = $(EST_TEST_CFLAGS)
# The test looks at what is wiped.
tests_unit_test_est_keys_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=OPENSSL_cleanse
tests_unit_test_est_keys_LDADD = $(EST_TEST_LIBS)
tests_unit_test_est_requests_SOURCES = tests/unit/test_est_requests.c $(EST_TEST_HOUSE)
tests_unit_test_est_requests_CFLAGS = $(EST_TEST_CFLAGS)
tests_unit_test_est_requests_LDADD = $(EST_TEST_LIBS)
tests_unit_test_est_users_SOURCES = tests/unit/test_est_users.c $(EST_TEST_HOUSE)
tests_unit_test_est_users_CFLAGS = $(EST_TEST_CFLAGS)
tests_unit_test_est_users_LDADD = $(EST_TEST_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_http_auth tests/fuzz/replay_est_body
tests_fuzz_replay_http_auth_SOURCES = tests/fuzz/fuzz_http_auth.c tests/fuzz/replay.c
tests_fuzz_replay_http_auth_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/http_auth\"
tests_fuzz_replay_http_auth_LDADD = $(PROTOCOL_LIBS) $(SERVER_LIBS) $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_replay_est_body_SOURCES = tests/fuzz/fuzz_est_body.c tests/fuzz/replay.c
tests_fuzz_replay_est_body_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/est_body\"
tests_fuzz_replay_est_body_LDADD = $(PROTOCOL_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/http_auth tests/fuzz/corpus/est_body

EXTRA_PROGRAMS += tests/fuzz/fuzz_http_auth tests/fuzz/fuzz_est_body
tests_fuzz_fuzz_http_auth_SOURCES = tests/fuzz/fuzz_http_auth.c
tests_fuzz_fuzz_http_auth_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_http_auth_LDADD = $(PROTOCOL_LIBS) $(SERVER_LIBS) $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_est_body_SOURCES = tests/fuzz/fuzz_est_body.c
tests_fuzz_fuzz_est_body_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_est_body_LDADD = $(PROTOCOL_LIBS) $(BASE_LIBS)

check_PROGRAMS += tests/fuzz/replay_cmc
tests_fuzz_replay_cmc_SOURCES = tests/fuzz/fuzz_cmc.c tests/fuzz/replay.c
tests_fuzz_replay_cmc_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/cmc\"
tests_fuzz_replay_cmc_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/cmc
EXTRA_PROGRAMS += tests/fuzz/fuzz_cmc
tests_fuzz_fuzz_cmc_SOURCES = tests/fuzz/fuzz_cmc.c
tests_fuzz_fuzz_cmc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_cmc_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)

check_PROGRAMS += tests/fuzz/replay_key_protection
tests_fuzz_replay_key_protection_SOURCES = tests/fuzz/fuzz_key_protection.c tests/fuzz/replay.c
tests_fuzz_replay_key_protection_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/key_protection\"
tests_fuzz_replay_key_protection_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/key_protection
EXTRA_PROGRAMS += tests/fuzz/fuzz_key_protection
tests_fuzz_fuzz_key_protection_SOURCES = tests/fuzz/fuzz_key_protection.c
tests_fuzz_fuzz_key_protection_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_key_protection_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
