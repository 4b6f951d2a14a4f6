noinst_LIBRARIES += src/token/libtoken.a
src_token_libtoken_a_SOURCES = \
	src/token/key_pair.c \
	src/token/key_pair.h \
	src/token/module.c \
	src/token/module.h \
	src/token/pkcs1_block.c \
	src/token/pkcs1_block.h \
	src/token/session.c \
	src/token/session.h \
	src/token/signer.c \
	src/token/softhsm.c \
	src/token/spki.c \
	src/token/spki.h \
	src/token/token.c \
	src/token/token.h \
	src/token/token_wire.c \
	src/token/token_wire.h \
	src/token/unwrap.c \
	src/token/unwrap.h

# A PKCS#11 module that stands before another one and fails on demand. libtool would be the only use of libtool.
EXTRA_DIST += tests/fault/p11proxy.c
tests/fault/p11proxy.so: tests/fault/p11proxy.c
	@$(MKDIR_P) tests/fault
	$(AM_V_CCLD)$(CC) $(DEFS) -std=gnu17 -pthread $(WARNINGS) -fPIC -shared $(PKCS11_CFLAGS) $(CFLAGS) $(LDFLAGS) \
		-o $@ $(srcdir)/tests/fault/p11proxy.c -ldl $(OPENSSL_LIBS)
clean-local:
	rm -f tests/fault/p11proxy.so

EXTRA_PROGRAMS += bench/signbench
bench_signbench_SOURCES = bench/signbench.c
bench_signbench_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_token tests/unit/test_token_fault tests/unit/test_spki tests/unit/test_pkcs1_block
tests_unit_test_spki_SOURCES = tests/unit/test_spki.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_spki_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_spki_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_pkcs1_block_SOURCES = tests/unit/test_pkcs1_block.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_pkcs1_block_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_pkcs1_block_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_token_SOURCES = tests/unit/test_token.c tests/unit/token_fixture.c tests/unit/token_fixture.h tests/unit/check.h tests/unit/fixture.h
tests_unit_test_token_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_token_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_token_fault_SOURCES = tests/unit/test_token_fault.c tests/unit/token_fixture.c tests/unit/token_fixture.h tests/unit/check.h tests/unit/fixture.h
tests_unit_test_token_fault_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_token_fault_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
EXTRA_tests_unit_test_token_fault_DEPENDENCIES = tests/fault/p11proxy.so
endif
