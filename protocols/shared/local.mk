# What several protocols need, and none of them owns.
protocols_libprotocols_a_SOURCES += \
	protocols/shared/http_auth.c \
	protocols/shared/http_auth.h \
	protocols/shared/known_credentials.c \
	protocols/shared/known_credentials.h \
	protocols/shared/one_time.c \
	protocols/shared/one_time.h \
	protocols/shared/refusals.c \
	protocols/shared/refusals.h \
	protocols/shared/user_check.c \
	protocols/shared/user_check.h
