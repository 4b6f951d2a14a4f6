protocols_libprotocols_a_SOURCES += \
	protocols/ocsp/ocsp.c protocols/ocsp/ocsp.h
