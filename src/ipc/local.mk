noinst_LIBRARIES += src/ipc/libipc.a
src_ipc_libipc_a_SOURCES = \
	src/ipc/channel.c \
	src/ipc/channel.h \
	src/ipc/child.c \
	src/ipc/child.h \
	src/ipc/frame.c \
	src/ipc/frame.h \
	src/ipc/message.c \
	src/ipc/message.h \
	src/ipc/role.c \
	src/ipc/role.h \
	src/ipc/sandbox.c \
	src/ipc/supervisor.c \
	src/ipc/supervisor.h \
	src/ipc/supervisor_link.c \
	src/ipc/supervisor_wire.c \
	src/ipc/supervisor_wire.h \
	src/ipc/waiters.c \
	src/ipc/waiters.h

if HAVE_CMOCKA
check_PROGRAMS += \
	tests/unit/test_message \
	tests/unit/test_channel \
	tests/unit/test_sandbox \
	tests/unit/test_supervisor

tests_unit_test_message_SOURCES = tests/unit/test_message.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_message_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_message_LDADD = $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_channel_SOURCES = tests/unit/test_channel.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_channel_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_channel_LDADD = $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_sandbox_SOURCES = tests/unit/test_sandbox.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_sandbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sandbox_LDADD = $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_supervisor_SOURCES = tests/unit/test_supervisor.c tests/unit/check.h tests/unit/fixture.h
tests_unit_test_supervisor_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_supervisor_LDADD = $(IPC_LIBS) $(BASE_LIBS) $(CMOCKA_LIBS)
endif
