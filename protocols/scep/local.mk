protocols_libprotocols_a_SOURCES += \
	protocols/scep/ca_operations.c \
	protocols/scep/ca_operations.h \
	protocols/scep/challenge_door.c \
	protocols/scep/clean_up.c \
	protocols/scep/consent.c \
	protocols/scep/consent.h \
	protocols/scep/endpoint.h \
	protocols/scep/enroll.c \
	protocols/scep/intune.c \
	protocols/scep/intune.h \
	protocols/scep/intune_assertion.c \
	protocols/scep/intune_call.c \
	protocols/scep/intune_discover.c \
	protocols/scep/intune_link.h \
	protocols/scep/intune_notices.c \
	protocols/scep/intune_revocations.c \
	protocols/scep/intune_token.c \
	protocols/scep/intune_turn.c \
	protocols/scep/intune_validate.c \
	protocols/scep/look_up.c \
	protocols/scep/message.c \
	protocols/scep/message.h \
	protocols/scep/messages.h \
	protocols/scep/next_ca.c \
	protocols/scep/next_ca.h \
	protocols/scep/operation.c \
	protocols/scep/pki_operation.c \
	protocols/scep/pki_operation.h \
	protocols/scep/query.c \
	protocols/scep/query.h \
	protocols/scep/reply.c \
	protocols/scep/reply.h \
	protocols/scep/request.c \
	protocols/scep/request.h \
	protocols/scep/scep.c \
	protocols/scep/scep.h \
	protocols/scep/signer.c \
	protocols/scep/signer.h \
	protocols/scep/transaction.c \
	protocols/scep/transaction.h \
	protocols/scep/unwrap.c \
	protocols/scep/unwrap.h \
	protocols/scep/who.c \
	protocols/scep/who.h

if HAVE_CMOCKA
SCEP_TEST_LIBS = $(PROTOCOL_LIBS) $(SERVER_LIBS) $(CA_LIBS) $(STORE_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
INTUNE_TEST_HOUSE = tests/unit/intune_scene.h tests/unit/check.h tests/unit/fixture.h \
	tests/fake/fake_microsoft.c tests/fake/fake_microsoft.h \
	tests/fake/fake_courier.c tests/fake/fake_courier.h tests/fake/fake_authority.c tests/fake/fake_authority.h \
	tests/fake/fake_token.c tests/fake/fake_token.h tests/fake/x509_maker.c tests/fake/x509_maker.h
check_PROGRAMS += tests/unit/test_intune tests/unit/test_intune_outbox
tests_unit_test_intune_SOURCES = tests/unit/test_intune.c $(INTUNE_TEST_HOUSE)
tests_unit_test_intune_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_intune_LDADD = $(SCEP_TEST_LIBS)
tests_unit_test_intune_outbox_SOURCES = tests/unit/test_intune_outbox.c $(INTUNE_TEST_HOUSE)
tests_unit_test_intune_outbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_intune_outbox_LDADD = $(SCEP_TEST_LIBS)

# The house is real but for the token, which the fake stands in for.
SCEP_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
SCEP_TEST_HOUSE = tests/unit/check.h tests/unit/scep_scene.h tests/fake/scep_client.c tests/fake/scep_client.h \
	tests/fake/cms_maker.c tests/fake/cms_maker.h \
	tests/fake/fake_courier.c tests/fake/fake_courier.h tests/fake/fake_authority.c tests/fake/fake_authority.h \
	tests/fake/fake_token.c tests/fake/fake_token.h tests/fake/x509_maker.c tests/fake/x509_maker.h
check_PROGRAMS += \
	tests/unit/test_scep \
	tests/unit/test_scep_ber \
	tests/unit/test_scep_challenges \
	tests/unit/test_scep_intune \
	tests/unit/test_scep_oracle \
	tests/unit/test_scep_requests
tests_unit_test_scep_SOURCES = tests/unit/test_scep.c $(SCEP_TEST_HOUSE)
tests_unit_test_scep_CFLAGS = $(SCEP_TEST_CFLAGS)
tests_unit_test_scep_LDADD = $(SCEP_TEST_LIBS)
tests_unit_test_scep_ber_SOURCES = tests/unit/test_scep_ber.c tests/fake/ber_maker.c tests/fake/ber_maker.h $(SCEP_TEST_HOUSE)
tests_unit_test_scep_ber_CFLAGS = $(SCEP_TEST_CFLAGS)
tests_unit_test_scep_ber_LDADD = $(SCEP_TEST_LIBS)
tests_unit_test_scep_challenges_SOURCES = tests/unit/test_scep_challenges.c $(SCEP_TEST_HOUSE)
tests_unit_test_scep_challenges_CFLAGS = $(SCEP_TEST_CFLAGS)
tests_unit_test_scep_challenges_LDADD = $(SCEP_TEST_LIBS)
tests_unit_test_scep_intune_SOURCES = tests/unit/test_scep_intune.c tests/fake/fake_microsoft.c tests/fake/fake_microsoft.h \
	$(SCEP_TEST_HOUSE)
tests_unit_test_scep_intune_CFLAGS = $(SCEP_TEST_CFLAGS)
tests_unit_test_scep_intune_LDADD = $(SCEP_TEST_LIBS)
tests_unit_test_scep_oracle_SOURCES = tests/unit/test_scep_oracle.c $(SCEP_TEST_HOUSE)
tests_unit_test_scep_oracle_CFLAGS = $(SCEP_TEST_CFLAGS)
tests_unit_test_scep_oracle_LDADD = $(SCEP_TEST_LIBS)
tests_unit_test_scep_requests_SOURCES = tests/unit/test_scep_requests.c $(SCEP_TEST_HOUSE)
tests_unit_test_scep_requests_CFLAGS = $(SCEP_TEST_CFLAGS)
tests_unit_test_scep_requests_LDADD = $(SCEP_TEST_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_pki_message
tests_fuzz_replay_pki_message_SOURCES = tests/fuzz/fuzz_pki_message.c tests/fuzz/replay.c
tests_fuzz_replay_pki_message_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/pki_message\"
tests_fuzz_replay_pki_message_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/pki_message
EXTRA_PROGRAMS += tests/fuzz/fuzz_pki_message
tests_fuzz_fuzz_pki_message_SOURCES = tests/fuzz/fuzz_pki_message.c
tests_fuzz_fuzz_pki_message_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_pki_message_LDADD = $(PROTOCOL_LIBS) $(CA_LIBS) $(BASE_LIBS)
