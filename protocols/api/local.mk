protocols_libprotocols_a_SOURCES += \
	protocols/api/api.c protocols/api/api.h \
	protocols/api/api_audit.c \
	protocols/api/api_cas.c \
	protocols/api/api_certificates.c \
	protocols/api/api_handlers.h \
	protocols/api/api_requests.c \
	protocols/api/api_scep.c \
	protocols/api/api_tokens.c \
	protocols/api/api_users.c
