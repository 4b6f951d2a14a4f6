noinst_LIBRARIES += ca/libca.a
ca_libca_a_SOURCES = \
	ca/audit.c \
	ca/audit_verify.c \
	ca/audit_proof.c \
	ca/authority.c \
	ca/authorization.c \
	ca/ber.c \
	ca/ber.h \
	ca/ceremony.c \
	ca/certs_only.c \
	ca/certs_only.h \
	ca/client_anchors.c \
	ca/client_anchors.h \
	ca/client_certificate.c \
	ca/client_certificate.h \
	ca/cmc_signers.c \
	ca/cmc_signers.h \
	ca/cms.c \
	ca/cms.h \
	ca/content_cipher.c \
	ca/content_cipher.h \
	ca/audit_export.c \
	ca/issuance.c \
	ca/crl.c \
	ca/csr.c \
	ca/certificate_names.c \
	ca/csr_names.c \
	ca/der_read.c \
	ca/der_write.c \
	ca/doubts.c \
	ca/doubts.h \
	ca/ed25519_point.c \
	ca/enveloped_data.h \
	ca/enveloped_data_read.c \
	ca/enveloped_data_write.c \
	ca/hierarchy.c \
	ca/identifier.c \
	ca/identifier_dns.c \
	ca/identifier_account.c \
	ca/identifier_san.c \
	ca/identifier_subject.c \
	ca/issue.c \
	ca/key_check.c \
	ca/journal.c \
	ca/journal_file.c \
	ca/lint.c \
	ca/login.c \
	ca/login.h \
	ca/name_pattern.c \
	ca/name_pattern.h \
	ca/name_policy.c \
	ca/need_key.c \
	ca/need_key.h \
	ca/lint_extensions.c \
	ca/lint_crl.c \
	ca/lint_names.c \
	ca/ocsp.c \
	ca/ocsp_request.c \
	ca/ocsp_signers.c \
	ca/other_name.c \
	ca/other_name.h \
	ca/profile_hash.c \
	ca/public_key.c \
	ca/published.c \
	ca/punycode.c \
	ca/recovery.c \
	ca/revoke.c \
	ca/rsa_weakness.c \
	ca/scep_ra_generation.c \
	ca/scep_ra_generation.h \
	ca/scep_ras.c \
	ca/scep_ras.h \
	ca/sign.c \
	ca/signature_algorithm.c \
	ca/signature_algorithm.h \
	ca/signed_data.h \
	ca/signed_data_read.c \
	ca/signed_data_write.c \
	ca/steward.c \
	ca/tbs.c \
	ca/tbs_extensions.c \
	ca/audit.h \
	ca/authority.h \
	ca/authorization.h \
	ca/ceremony.h \
	ca/crl.h \
	ca/csr.h \
	ca/certificate_names.h \
	ca/csr_names.h \
	ca/der.h \
	ca/ed25519_point.h \
	ca/hierarchy.h \
	ca/identifier.h \
	ca/issuance.h \
	ca/issue.h \
	ca/key_check.h \
	ca/journal.h \
	ca/journal_file.h \
	ca/lint.h \
	ca/name_policy.h \
	ca/lint_extensions.h \
	ca/lint_names.h \
	ca/lint_rule.h \
	ca/ocsp.h \
	ca/profile_hash.h \
	ca/public_key.h \
	ca/published.h \
	ca/punycode.h \
	ca/recovery.h \
	ca/revoke.h \
	ca/sign.h \
	ca/steward.h \
	ca/tbs.h \
	ca/tbs_extensions.h \
	ca/visible_text.c \
	ca/visible_text.h

# Names, keys, requests, certificates, signatures: tests and fuzz targets.
if HAVE_CMOCKA
X509_TEST_COMMON = tests/unit/check.h tests/unit/fixture.h
X509_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
X509_TEST_LIBS = $(CA_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
X509_MAKER = tests/fake/x509_maker.c tests/fake/x509_maker.h
CMS_MAKER = tests/fake/cms_maker.c tests/fake/cms_maker.h $(X509_MAKER)
BER_MAKER = tests/fake/ber_maker.c tests/fake/ber_maker.h
FAKE_TOKEN = tests/fake/fake_token.c tests/fake/fake_token.h
check_PROGRAMS += \
	tests/unit/test_ber \
	tests/unit/test_csr \
	tests/unit/test_der \
	tests/unit/test_enveloped_data \
	tests/unit/test_identifier \
	tests/unit/test_key_check \
	tests/unit/test_profile_hash \
	tests/unit/test_lint \
	tests/unit/test_lint_crl \
	tests/unit/test_csr_names \
	tests/unit/test_name_pattern \
	tests/unit/test_names \
	tests/unit/test_sign \
	tests/unit/test_signed_data \
	tests/unit/test_tbs
tests_unit_test_csr_SOURCES = tests/unit/test_csr.c $(X509_MAKER) $(X509_TEST_COMMON)
tests_unit_test_csr_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_csr_LDADD = $(X509_TEST_LIBS)
tests_unit_test_der_SOURCES = tests/unit/test_der.c $(X509_TEST_COMMON)
tests_unit_test_der_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_der_LDADD = $(X509_TEST_LIBS)
tests_unit_test_identifier_SOURCES = tests/unit/test_identifier.c $(X509_TEST_COMMON)
tests_unit_test_identifier_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_identifier_LDADD = $(X509_TEST_LIBS)
tests_unit_test_profile_hash_SOURCES = tests/unit/test_profile_hash.c $(X509_TEST_COMMON)
tests_unit_test_profile_hash_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_profile_hash_LDADD = $(X509_TEST_LIBS)
tests_unit_test_key_check_SOURCES = tests/unit/test_key_check.c $(X509_MAKER) $(X509_TEST_COMMON)
tests_unit_test_key_check_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_key_check_LDADD = $(X509_TEST_LIBS)
tests_unit_test_lint_SOURCES = tests/unit/test_lint.c $(X509_MAKER) $(X509_TEST_COMMON)
tests_unit_test_lint_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_lint_LDADD = $(X509_TEST_LIBS)
tests_unit_test_lint_crl_SOURCES = tests/unit/test_lint_crl.c $(X509_MAKER) $(X509_TEST_COMMON)
tests_unit_test_lint_crl_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_lint_crl_LDADD = $(X509_TEST_LIBS)
tests_unit_test_csr_names_SOURCES = tests/unit/test_csr_names.c $(X509_MAKER) $(X509_TEST_COMMON)
tests_unit_test_csr_names_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_csr_names_LDADD = $(X509_TEST_LIBS)
tests_unit_test_name_pattern_SOURCES = tests/unit/test_name_pattern.c $(X509_TEST_COMMON)
tests_unit_test_name_pattern_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_name_pattern_LDADD = $(X509_TEST_LIBS)
tests_unit_test_names_SOURCES = tests/unit/test_names.c $(X509_TEST_COMMON)
tests_unit_test_names_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_names_LDADD = $(X509_TEST_LIBS)
tests_unit_test_sign_SOURCES = tests/unit/test_sign.c $(FAKE_TOKEN) $(X509_MAKER) $(X509_TEST_COMMON)
tests_unit_test_sign_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_sign_LDADD = $(X509_TEST_LIBS)
tests_unit_test_ber_SOURCES = tests/unit/test_ber.c $(BER_MAKER) $(CMS_MAKER) $(X509_TEST_COMMON)
tests_unit_test_ber_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_ber_LDADD = $(X509_TEST_LIBS)
tests_unit_test_signed_data_SOURCES = tests/unit/test_signed_data.c $(CMS_MAKER) $(X509_TEST_COMMON)
tests_unit_test_signed_data_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_signed_data_LDADD = $(X509_TEST_LIBS)
tests_unit_test_enveloped_data_SOURCES = tests/unit/test_enveloped_data.c $(CMS_MAKER) $(X509_TEST_COMMON)
tests_unit_test_enveloped_data_CFLAGS = $(X509_TEST_CFLAGS)
# The test looks at what is wiped.
tests_unit_test_enveloped_data_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=OPENSSL_cleanse
tests_unit_test_enveloped_data_LDADD = $(X509_TEST_LIBS)
tests_unit_test_tbs_SOURCES = tests/unit/test_tbs.c $(X509_MAKER) $(X509_TEST_COMMON)
tests_unit_test_tbs_CFLAGS = $(X509_TEST_CFLAGS)
tests_unit_test_tbs_LDADD = $(X509_TEST_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_ber tests/fuzz/replay_csr tests/fuzz/replay_enveloped_data tests/fuzz/replay_identifier tests/fuzz/replay_signed_data
tests_fuzz_replay_ber_SOURCES = tests/fuzz/fuzz_ber.c tests/fuzz/replay.c
tests_fuzz_replay_ber_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/ber\"
tests_fuzz_replay_ber_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_replay_enveloped_data_SOURCES = tests/fuzz/fuzz_enveloped_data.c tests/fuzz/replay.c
tests_fuzz_replay_enveloped_data_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/enveloped_data\"
tests_fuzz_replay_enveloped_data_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_replay_signed_data_SOURCES = tests/fuzz/fuzz_signed_data.c tests/fuzz/replay.c
tests_fuzz_replay_signed_data_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/signed_data\"
tests_fuzz_replay_signed_data_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_replay_csr_SOURCES = tests/fuzz/fuzz_csr.c tests/fuzz/replay.c
tests_fuzz_replay_csr_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/csr\"
tests_fuzz_replay_csr_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_replay_identifier_SOURCES = tests/fuzz/fuzz_identifier.c tests/fuzz/replay.c
tests_fuzz_replay_identifier_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/identifier\"
tests_fuzz_replay_identifier_LDADD = $(CA_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/ber tests/fuzz/corpus/csr tests/fuzz/corpus/enveloped_data tests/fuzz/corpus/identifier tests/fuzz/corpus/signed_data

EXTRA_PROGRAMS += tests/fuzz/fuzz_ber tests/fuzz/fuzz_csr tests/fuzz/fuzz_enveloped_data tests/fuzz/fuzz_identifier tests/fuzz/fuzz_signed_data
tests_fuzz_fuzz_ber_SOURCES = tests/fuzz/fuzz_ber.c
tests_fuzz_fuzz_ber_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_ber_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_enveloped_data_SOURCES = tests/fuzz/fuzz_enveloped_data.c
tests_fuzz_fuzz_enveloped_data_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_enveloped_data_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_signed_data_SOURCES = tests/fuzz/fuzz_signed_data.c
tests_fuzz_fuzz_signed_data_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_signed_data_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_csr_SOURCES = tests/fuzz/fuzz_csr.c
tests_fuzz_fuzz_csr_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_csr_LDADD = $(CA_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_identifier_SOURCES = tests/fuzz/fuzz_identifier.c
tests_fuzz_fuzz_identifier_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_identifier_LDADD = $(CA_LIBS) $(BASE_LIBS)

# Answers and lists: OCSP, CRLs and what is published; tests, fuzz target, benchmark.
ca_libca_a_SOURCES += \
	ca/crl_refresh.c \
	ca/crl_round.c \
	ca/crl_round.h \
	ca/crl_writer.c \
	ca/follow.c \
	ca/follow.h \
	ca/ocsp_cache.c \
	ca/ocsp_cache.h \
	ca/ocsp_response.c \
	ca/ocsp_response.h \
	ca/ocsp_signers.h
if HAVE_CMOCKA
STATUS_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
# The fake token stands where the token's library would.
STATUS_TEST_LIBS = $(CA_LIBS) $(STORE_LIBS) $(COURIER_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
FAKE_AUTHORITY = tests/fake/fake_authority.c tests/fake/fake_authority.h tests/fake/fake_token.c tests/fake/fake_token.h
check_PROGRAMS += \
	tests/unit/test_crl \
	tests/unit/test_crl_nodes \
	tests/unit/test_follow \
	tests/unit/test_ocsp \
	tests/unit/test_ocsp_cache \
	tests/unit/test_ocsp_http \
	tests/unit/test_ocsp_request \
	tests/unit/test_published
tests_unit_test_crl_SOURCES = tests/unit/test_crl.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_crl_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_crl_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_crl_nodes_SOURCES = tests/unit/test_crl_nodes.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_crl_nodes_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_crl_nodes_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sign_crl -Wl,--wrap=sign_checkpoint
tests_unit_test_crl_nodes_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_follow_SOURCES = tests/unit/test_follow.c tests/unit/ocsp_client.c tests/unit/ocsp_client.h \
	$(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_follow_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_follow_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_read
tests_unit_test_follow_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_ocsp_SOURCES = tests/unit/test_ocsp.c tests/unit/ocsp_client.c tests/unit/ocsp_client.h \
	$(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_ocsp_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_ocsp_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_ocsp_cache_SOURCES = tests/unit/test_ocsp_cache.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_ocsp_cache_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_ocsp_cache_LDADD = $(CA_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_ocsp_http_SOURCES = tests/unit/test_ocsp_http.c tests/unit/ocsp_client.c tests/unit/ocsp_client.h \
	$(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_ocsp_http_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_ocsp_http_LDADD = $(PROTOCOL_LIBS) $(SERVER_LIBS) $(STATUS_TEST_LIBS)
tests_unit_test_ocsp_request_SOURCES = tests/unit/test_ocsp_request.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_ocsp_request_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_ocsp_request_LDADD = $(CA_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_published_SOURCES = tests/unit/test_published.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_published_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_published_LDADD = $(PROTOCOL_LIBS) $(SERVER_LIBS) $(CA_LIBS) $(STORE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_ocsp_request
tests_fuzz_replay_ocsp_request_SOURCES = tests/fuzz/fuzz_ocsp_request.c tests/fuzz/replay.c
tests_fuzz_replay_ocsp_request_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/ocsp_request\"
tests_fuzz_replay_ocsp_request_LDADD = $(CA_LIBS) $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/ocsp_request

EXTRA_PROGRAMS += tests/fuzz/fuzz_ocsp_request bench/crlbench
tests_fuzz_fuzz_ocsp_request_SOURCES = tests/fuzz/fuzz_ocsp_request.c
tests_fuzz_fuzz_ocsp_request_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_ocsp_request_LDADD = $(CA_LIBS) $(BASE_LIBS)
bench_crlbench_SOURCES = bench/crlbench.c
bench_crlbench_LDADD = $(CA_LIBS) $(STORE_LIBS) $(BASE_LIBS)

# The door and the log.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_issue tests/unit/test_audit tests/unit/test_checkpoint tests/unit/test_steward
tests_unit_test_steward_SOURCES = tests/unit/test_steward.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_steward_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_steward_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_issue_SOURCES = tests/unit/test_issue.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_issue_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_issue_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ledger_run -Wl,--wrap=ledger_settle
tests_unit_test_issue_LDADD = $(STATUS_TEST_LIBS)
check_PROGRAMS += tests/unit/test_scep_ras
tests_unit_test_scep_ras_SOURCES = tests/unit/test_scep_ras.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_scep_ras_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_scep_ras_LDADD = $(STATUS_TEST_LIBS)
check_PROGRAMS += tests/unit/test_journal tests/unit/test_recovery
tests_unit_test_journal_SOURCES = tests/unit/test_journal.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_journal_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_journal_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fdatasync
tests_unit_test_journal_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_recovery_SOURCES = tests/unit/test_recovery.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_recovery_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_recovery_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c $(FAKE_AUTHORITY) tests/unit/check.h tests/unit/fixture.h
tests_unit_test_audit_CFLAGS = $(STATUS_TEST_CFLAGS)
tests_unit_test_audit_LDADD = $(STATUS_TEST_LIBS)
tests_unit_test_checkpoint_SOURCES = tests/unit/test_checkpoint.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_checkpoint_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_checkpoint_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
endif
