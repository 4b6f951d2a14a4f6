noinst_LIBRARIES += src/base/libbase.a
src_base_libbase_a_SOURCES = \
	src/base/arena.c \
	src/base/arena.h \
	src/base/auto.h \
	src/base/buf.c \
	src/base/bytes.c \
	src/base/bytes.h \
	src/base/checkpoint.c src/base/checkpoint.h \
	src/base/clock.c \
	src/base/clock.h \
	src/base/compat.h \
	src/base/config.c \
	src/base/config.h \
	src/base/config_check.c \
	src/base/config_check.h \
	src/base/config_est.c \
	src/base/config_lines.c \
	src/base/config_lines.h \
	src/base/config_profiles.c \
	src/base/config_scep.c \
	src/base/config_schema.c \
	src/base/config_schema.h \
	src/base/config_take.c \
	src/base/config_take.h \
	src/base/config_template.c \
	src/base/digest.c \
	src/base/files.c \
	src/base/files.h \
	src/base/json.c \
	src/base/json.h \
	src/base/json_write.c \
	src/base/limits.h \
	src/base/log.c \
	src/base/log.h \
	src/base/merkle.c \
	src/base/merkle.h \
	src/base/op.c \
	src/base/op.h \
	src/base/openssl_auto.h \
	src/base/password.c \
	src/base/password.h \
	src/base/random.c \
	src/base/random.h \
	src/base/result.h \
	src/base/secret.c \
	src/base/secret.h \
	src/base/text.c \
	src/base/text.h

if HAVE_CMOCKA
BASE_TESTS = \
	tests/unit/test_bytes \
	tests/unit/test_clock \
	tests/unit/test_config \
	tests/unit/test_config_template \
	tests/unit/test_json \
	tests/unit/test_merkle \
	tests/unit/test_op \
	tests/unit/test_password \
	tests/unit/test_secret_files \
	tests/unit/test_text
check_PROGRAMS += $(BASE_TESTS)
BASE_TEST_COMMON = tests/unit/check.h tests/unit/fixture.h
BASE_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
BASE_TEST_LIBS = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_test_bytes_SOURCES = tests/unit/test_bytes.c $(BASE_TEST_COMMON)
tests_unit_test_bytes_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_bytes_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_clock_SOURCES = tests/unit/test_clock.c $(BASE_TEST_COMMON)
tests_unit_test_clock_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_clock_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_config_SOURCES = tests/unit/test_config.c $(BASE_TEST_COMMON)
tests_unit_test_config_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_config_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_config_template_SOURCES = tests/unit/test_config_template.c $(BASE_TEST_COMMON)
tests_unit_test_config_template_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_config_template_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_json_SOURCES = tests/unit/test_json.c $(BASE_TEST_COMMON)
tests_unit_test_json_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_json_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_merkle_SOURCES = tests/unit/test_merkle.c $(BASE_TEST_COMMON)
tests_unit_test_merkle_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_merkle_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_op_SOURCES = tests/unit/test_op.c $(BASE_TEST_COMMON)
tests_unit_test_op_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_op_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_password_SOURCES = tests/unit/test_password.c $(BASE_TEST_COMMON)
tests_unit_test_password_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_password_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_secret_files_SOURCES = tests/unit/test_secret_files.c $(BASE_TEST_COMMON)
tests_unit_test_secret_files_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_secret_files_LDADD = $(BASE_TEST_LIBS)
tests_unit_test_text_SOURCES = tests/unit/test_text.c $(BASE_TEST_COMMON)
tests_unit_test_text_CFLAGS = $(BASE_TEST_CFLAGS)
tests_unit_test_text_LDADD = $(BASE_TEST_LIBS)
endif

check_PROGRAMS += tests/fuzz/replay_config tests/fuzz/replay_json
tests_fuzz_replay_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/replay.c
tests_fuzz_replay_config_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/config\"
tests_fuzz_replay_config_LDADD = $(BASE_LIBS)
tests_fuzz_replay_json_SOURCES = tests/fuzz/fuzz_json.c tests/fuzz/replay.c
tests_fuzz_replay_json_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"$(abs_top_srcdir)/tests/fuzz/corpus/json\"
tests_fuzz_replay_json_LDADD = $(BASE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/config tests/fuzz/corpus/json

EXTRA_PROGRAMS += tests/fuzz/fuzz_config tests/fuzz/fuzz_json
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_config_LDADD = $(BASE_LIBS)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c
tests_fuzz_fuzz_json_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_json_LDADD = $(BASE_LIBS)
