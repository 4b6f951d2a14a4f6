protocols_libprotocols_a_SOURCES += \
	protocols/acme/account.c \
	protocols/acme/account_keys.c \
	protocols/acme/account_keys.h \
	protocols/acme/acme.c \
	protocols/acme/acme.h \
	protocols/acme/acme_authorization.c \
	protocols/acme/certificate.c \
	protocols/acme/challenge.c \
	protocols/acme/clean_up.c \
	protocols/acme/contact.c \
	protocols/acme/contact.h \
	protocols/acme/directory.c \
	protocols/acme/endpoint.h \
	protocols/acme/finalize.c \
	protocols/acme/jwk.c \
	protocols/acme/jwk.h \
	protocols/acme/jws.c \
	protocols/acme/jws.h \
	protocols/acme/media_type.c \
	protocols/acme/media_type.h \
	protocols/acme/new_order.c \
	protocols/acme/new_order.h \
	protocols/acme/new_order_parse.c \
	protocols/acme/nonce.c \
	protocols/acme/nonce.h \
	protocols/acme/nonce_seal.c \
	protocols/acme/nonce_seal.h \
	protocols/acme/nonce_shared.c \
	protocols/acme/nonce_shared.h \
	protocols/acme/nonce_window.c \
	protocols/acme/nonce_window.h \
	protocols/acme/objects.h \
	protocols/acme/order.c \
	protocols/acme/problem.c \
	protocols/acme/problem.h \
	protocols/acme/reply.c \
	protocols/acme/reply.h \
	protocols/acme/request.c \
	protocols/acme/request.h \
	protocols/acme/revoke_certificate.c \
	protocols/acme/validation.c \
	protocols/acme/validation.h \
	protocols/acme/verdict.c \
	protocols/acme/verdict.h

if HAVE_CMOCKA
ACME_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
ACME_TEST_COMMON = tests/unit/check.h tests/unit/fixture.h
# The house is real but for token and courier, which the fakes stand in for.
ACME_TEST_HOUSE = $(ACME_TEST_COMMON) tests/fake/acme_client.c tests/fake/acme_client.h tests/fake/fake_courier.c \
	tests/fake/fake_courier.h tests/fake/fake_authority.c tests/fake/fake_authority.h tests/fake/fake_token.c \
	tests/fake/fake_token.h
ACME_TEST_LIBS = $(PROTOCOL_LIBS) $(SERVER_LIBS) $(CA_LIBS) $(STORE_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += \
	tests/unit/test_acme \
	tests/unit/test_acme_account \
	tests/unit/test_acme_clean_up \
	tests/unit/test_acme_refusals \
	tests/unit/test_acme_validation \
	tests/unit/test_acme_walk \
	tests/unit/test_account_keys \
	tests/unit/test_contact \
	tests/unit/test_jwk \
	tests/unit/test_jws \
	tests/unit/test_media_type \
	tests/unit/test_new_order \
	tests/unit/test_profile_change \
	tests/unit/test_nonce \
	tests/unit/test_nonce_shared \
	tests/unit/test_verdict
tests_unit_test_acme_SOURCES = tests/unit/test_acme.c tests/unit/acme_scene.h $(ACME_TEST_HOUSE)
tests_unit_test_acme_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_acme_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_acme_account_SOURCES = tests/unit/test_acme_account.c tests/unit/acme_scene.h $(ACME_TEST_HOUSE)
tests_unit_test_acme_account_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_acme_account_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_acme_clean_up_SOURCES = tests/unit/test_acme_clean_up.c tests/unit/acme_scene.h $(ACME_TEST_HOUSE)
tests_unit_test_acme_clean_up_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_acme_clean_up_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_acme_refusals_SOURCES = tests/unit/test_acme_refusals.c $(ACME_TEST_HOUSE)
tests_unit_test_acme_refusals_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_acme_refusals_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_acme_validation_SOURCES = tests/unit/test_acme_validation.c tests/unit/acme_scene.h $(ACME_TEST_HOUSE)
tests_unit_test_acme_validation_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_acme_validation_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_acme_walk_SOURCES = tests/unit/test_acme_walk.c $(ACME_TEST_HOUSE)
tests_unit_test_acme_walk_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_acme_walk_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_account_keys_SOURCES = tests/unit/test_account_keys.c $(ACME_TEST_COMMON)
tests_unit_test_account_keys_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_account_keys_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_contact_SOURCES = tests/unit/test_contact.c $(ACME_TEST_COMMON)
tests_unit_test_contact_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_contact_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_jwk_SOURCES = tests/unit/test_jwk.c $(ACME_TEST_COMMON)
tests_unit_test_jwk_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_jwk_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_jws_SOURCES = tests/unit/test_jws.c $(ACME_TEST_COMMON)
tests_unit_test_jws_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_jws_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_media_type_SOURCES = tests/unit/test_media_type.c $(ACME_TEST_COMMON)
tests_unit_test_media_type_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_media_type_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_new_order_SOURCES = tests/unit/test_new_order.c $(ACME_TEST_COMMON)
tests_unit_test_new_order_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_new_order_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_nonce_SOURCES = tests/unit/test_nonce.c $(ACME_TEST_COMMON)
tests_unit_test_nonce_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_nonce_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_nonce_shared_SOURCES = tests/unit/test_nonce_shared.c tests/unit/store_fixture.h tests/fake/test_store.h $(ACME_TEST_COMMON)
tests_unit_test_nonce_shared_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_nonce_shared_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=nonce_key_list
tests_unit_test_nonce_shared_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_profile_change_SOURCES = tests/unit/test_profile_change.c tests/unit/acme_scene.h $(ACME_TEST_HOUSE)
tests_unit_test_profile_change_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_profile_change_LDADD = $(ACME_TEST_LIBS)
tests_unit_test_verdict_SOURCES = tests/unit/test_verdict.c $(ACME_TEST_COMMON)
tests_unit_test_verdict_CFLAGS = $(ACME_TEST_CFLAGS)
tests_unit_test_verdict_LDADD = $(ACME_TEST_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_acme_json tests/fuzz/replay_jws
tests_fuzz_replay_acme_json_SOURCES = tests/fuzz/fuzz_acme_json.c tests/fuzz/replay.c
tests_fuzz_replay_acme_json_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/acme_json\"
tests_fuzz_replay_acme_json_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_replay_jws_SOURCES = tests/fuzz/fuzz_jws.c tests/fuzz/replay.c
tests_fuzz_replay_jws_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/jws\"
tests_fuzz_replay_jws_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/acme_json tests/fuzz/corpus/jws tests/tools/hostile_acme.py

EXTRA_PROGRAMS += tests/fuzz/fuzz_acme_json tests/fuzz/fuzz_jws
tests_fuzz_fuzz_acme_json_SOURCES = tests/fuzz/fuzz_acme_json.c
tests_fuzz_fuzz_acme_json_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_acme_json_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_jws_SOURCES = tests/fuzz/fuzz_jws.c
tests_fuzz_fuzz_jws_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_jws_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
