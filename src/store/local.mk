noinst_LIBRARIES += src/store/libstore.a
src_store_libstore_a_SOURCES = \
	src/store/accounts.c \
	src/store/accounts.h \
	src/store/audit_event.c \
	src/store/audit_event.h \
	src/store/audit_rows.c \
	src/store/audit_rows.h \
	src/store/audit_tiles.c \
	src/store/authorities.c \
	src/store/authorities.h \
	src/store/authorizations.c \
	src/store/certificates.c \
	src/store/certificates.h \
	src/store/challenges.c \
	src/store/claims.c \
	src/store/claims.h \
	src/store/cleanup.c \
	src/store/cleanup.h \
	src/store/copies.c \
	src/store/copies.h \
	src/store/credentials.c \
	src/store/credentials.h \
	src/store/crls.c \
	src/store/db.c \
	src/store/db.h \
	src/store/db_driver.h \
	src/store/db_postgres.c \
	src/store/db_sqlite.c \
	src/store/enrollments.c \
	src/store/enrollments.h \
	src/store/intune_notices.c \
	src/store/intune_notices.h \
	src/store/ledger.c \
	src/store/ledger.h \
	src/store/ledger_batch.c \
	src/store/ledger_batch.h \
	src/store/migrations.c \
	src/store/migrations.h \
	src/store/nodes.c \
	src/store/nodes.h \
	src/store/nonces.c \
	src/store/nonces.h \
	src/store/orders.c \
	src/store/orders.h \
	src/store/postgres.h \
	src/store/postgres_failover.c \
	src/store/postgres_failure.c \
	src/store/postgres_link.c \
	src/store/postgres_schema.c \
	src/store/postgres_statement.c \
	src/store/recovery_rows.c \
	src/store/recovery_rows.h \
	src/store/revocations.c \
	src/store/row.c \
	src/store/row.h \
	src/store/scep_transactions.c \
	src/store/scep_transactions.h \
	src/store/schema.c \
	src/store/scep_ras.c \
	src/store/scep_ras.h \
	src/store/sqlite_copy.c \
	src/store/sqlite_copy.h \
	src/store/statement.c \
	src/store/statement.h \
	src/store/store.c \
	src/store/store.h

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/test_accounts \
	tests/unit/test_audit_event \
	tests/unit/test_audit_rows \
	tests/unit/test_authorities \
	tests/unit/test_certificates \
	tests/unit/test_cleanup \
	tests/unit/test_db \
	tests/unit/test_enrollments \
	tests/unit/test_intune_notices \
	tests/unit/test_ledger \
	tests/unit/test_migrations \
	tests/unit/test_nodes \
	tests/unit/test_nonces \
	tests/unit/test_orders \
	tests/unit/test_orders_walk \
	tests/unit/test_postgres \
	tests/unit/test_scep_transactions
# All that open a store, here and above.
STORE_TESTS = \
	tests/unit/test_accounts \
	tests/unit/test_acme \
	tests/unit/test_acme_clean_up \
	tests/unit/test_acme_refusals \
	tests/unit/test_acme_walk \
	tests/unit/test_audit \
	tests/unit/test_audit_rows \
	tests/unit/test_authorities \
	tests/unit/test_certificates \
	tests/unit/test_cleanup \
	tests/unit/test_crl \
	tests/unit/test_crl_nodes \
	tests/unit/test_db \
	tests/unit/test_enrollments \
	tests/unit/test_intune \
	tests/unit/test_intune_notices \
	tests/unit/test_intune_outbox \
	tests/unit/test_scep \
	tests/unit/test_scep_challenges \
	tests/unit/test_scep_intune \
	tests/unit/test_scep_oracle \
	tests/unit/test_scep_requests \
	tests/unit/test_scep_transactions \
	tests/unit/test_est \
	tests/unit/test_est_csrattrs \
	tests/unit/test_est_keys \
	tests/unit/test_est_requests \
	tests/unit/test_est_users \
	tests/unit/test_follow \
	tests/unit/test_issue \
	tests/unit/test_journal \
	tests/unit/test_ledger \
	tests/unit/test_migrations \
	tests/unit/test_new_order \
	tests/unit/test_nodes \
	tests/unit/test_nonce_shared \
	tests/unit/test_nonces \
	tests/unit/test_ocsp \
	tests/unit/test_ocsp_http \
	tests/unit/test_orders \
	tests/unit/test_orders_walk \
	tests/unit/test_postgres \
	tests/unit/test_profile_change \
	tests/unit/test_recovery \
	tests/unit/test_scep_ras
STORE_TEST_COMMON = tests/fake/test_store.h tests/unit/check.h tests/unit/fixture.h tests/unit/store_fixture.h tests/unit/orders_fixture.h
STORE_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
STORE_TEST_LIBS = $(STORE_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_accounts_SOURCES = tests/unit/test_accounts.c $(STORE_TEST_COMMON)
tests_unit_test_accounts_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_accounts_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_audit_event_SOURCES = tests/unit/test_audit_event.c $(STORE_TEST_COMMON)
tests_unit_test_audit_event_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_audit_event_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_audit_rows_SOURCES = tests/unit/test_audit_rows.c $(STORE_TEST_COMMON)
tests_unit_test_audit_rows_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_audit_rows_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_authorities_SOURCES = tests/unit/test_authorities.c $(STORE_TEST_COMMON)
tests_unit_test_authorities_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_authorities_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_certificates_SOURCES = tests/unit/test_certificates.c $(STORE_TEST_COMMON)
tests_unit_test_certificates_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_certificates_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_cleanup_SOURCES = tests/unit/test_cleanup.c $(STORE_TEST_COMMON)
tests_unit_test_cleanup_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_cleanup_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_db_SOURCES = tests/unit/test_db.c $(STORE_TEST_COMMON)
tests_unit_test_db_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_db_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_scep_transactions_SOURCES = tests/unit/test_scep_transactions.c $(STORE_TEST_COMMON)
tests_unit_test_scep_transactions_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_scep_transactions_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_enrollments_SOURCES = tests/unit/test_enrollments.c $(STORE_TEST_COMMON)
tests_unit_test_enrollments_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_enrollments_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_intune_notices_SOURCES = tests/unit/test_intune_notices.c $(STORE_TEST_COMMON)
tests_unit_test_intune_notices_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_intune_notices_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_ledger_SOURCES = tests/unit/test_ledger.c $(STORE_TEST_COMMON)
tests_unit_test_ledger_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_ledger_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_migrations_SOURCES = tests/unit/test_migrations.c $(STORE_TEST_COMMON)
tests_unit_test_migrations_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_migrations_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_nodes_SOURCES = tests/unit/test_nodes.c $(STORE_TEST_COMMON)
tests_unit_test_nodes_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_nodes_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_nonces_SOURCES = tests/unit/test_nonces.c $(STORE_TEST_COMMON)
tests_unit_test_nonces_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_nonces_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_orders_SOURCES = tests/unit/test_orders.c $(STORE_TEST_COMMON)
tests_unit_test_orders_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_orders_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_orders_walk_SOURCES = tests/unit/test_orders_walk.c $(STORE_TEST_COMMON)
tests_unit_test_orders_walk_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_orders_walk_LDADD = $(STORE_TEST_LIBS)
tests_unit_test_postgres_SOURCES = tests/unit/test_postgres.c $(STORE_TEST_COMMON)
tests_unit_test_postgres_CFLAGS = $(STORE_TEST_CFLAGS)
tests_unit_test_postgres_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=PQgetResult -Wl,--wrap=PQconnectdbParams -Wl,--wrap=nanosleep
tests_unit_test_postgres_LDADD = $(STORE_TEST_LIBS)
endif
