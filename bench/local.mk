# Benchmarks. Not built by default: bench/run makes what it needs. The others
# (httpload, frontbench, signbench, crlbench) are listed by the floors they measure.
EXTRA_PROGRAMS += bench/cryptofloor bench/tlsload
bench_cryptofloor_SOURCES = bench/cryptofloor.c
bench_cryptofloor_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS)
bench_tlsload_SOURCES = bench/tlsload.c
bench_tlsload_LDADD = $(BASE_LIBS) $(OPENSSL_LIBS)
EXTRA_DIST += bench/run bench/lib.sh bench/acmeload.go
