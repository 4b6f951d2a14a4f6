noinst_LIBRARIES += protocols/libprotocols.a
protocols_libprotocols_a_SOURCES = protocols/list.c protocols/list.h

include protocols/shared/local.mk
include protocols/acme/local.mk
include protocols/est/local.mk
include protocols/scep/local.mk
include protocols/ocsp/local.mk
include protocols/crl/local.mk
include protocols/api/local.mk
