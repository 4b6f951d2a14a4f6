noinst_LIBRARIES += src/command/libcommand.a
src_command_libcommand_a_SOURCES = \
	src/command/audit.c \
	src/command/ca.c \
	src/command/cert.c \
	src/command/command.c src/command/command.h \
	src/command/doctor.c \
	src/command/front_certificate.c \
	src/command/health.c \
	src/command/init.c \
	src/command/lock.c src/command/lock.h \
	src/command/operator.c src/command/operator.h \
	src/command/options.c src/command/options.h \
	src/command/print.c src/command/print.h \
	src/command/serve.c \
	src/command/server_role.c src/command/server_role.h
