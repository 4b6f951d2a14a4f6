noinst_LIBRARIES += src/command/libcommand.a
src_command_libcommand_a_SOURCES = \
	src/command/audit.c \
	src/command/backup.c \
	src/command/ca.c \
	src/command/cert.c \
	src/command/command.c src/command/command.h \
	src/command/doctor.c \
	src/command/door_token.c \
	src/command/door_token.h \
	src/command/door_user.c src/command/door_user.h \
	src/command/est.c src/command/est.h \
	src/command/est_token.c \
	src/command/est_user.c \
	src/command/front_certificate.c \
	src/command/health.c \
	src/command/init.c \
	src/command/lock.c src/command/lock.h \
	src/command/operator.c src/command/operator.h \
	src/command/options.c src/command/options.h \
	src/command/print.c src/command/print.h \
	src/command/request.c \
	src/command/scep.c src/command/scep.h \
	src/command/scep_challenge.c \
	src/command/scep_user.c \
	src/command/restore.c \
	src/command/serve.c \
	src/command/server_role.c src/command/server_role.h

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_options
tests_unit_test_options_SOURCES = tests/unit/test_options.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_options_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_options_LDADD = src/command/libcommand.a $(BASE_LIBS) $(CMOCKA_LIBS)
endif
