protocols_libprotocols_a_SOURCES += \
	protocols/crl/crl.c protocols/crl/crl.h
