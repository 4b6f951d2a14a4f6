# Benchmarks. Not built by default: bench/run makes what it needs. The others
# (httpload, frontbench, signbench, crlbench) are listed by the floors they measure.
EXTRA_PROGRAMS += bench/cryptofloor bench/estfloor bench/fillstore bench/scepfloor bench/tlsload
bench_cryptofloor_SOURCES = bench/cryptofloor.c bench/floor_token.c bench/floor_token.h
bench_cryptofloor_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS)
bench_estfloor_SOURCES = bench/estfloor.c bench/floor_token.c bench/floor_token.h
bench_estfloor_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS) $(OPENSSL_LIBS)
bench_fillstore_SOURCES = bench/fillstore.c
bench_fillstore_LDADD = $(STORE_LIBS) $(BASE_LIBS)
bench_scepfloor_SOURCES = bench/scepfloor.c bench/floor_token.c bench/floor_token.h
bench_scepfloor_LDADD = $(TOKEN_LIBS) $(IPC_LIBS) $(BASE_LIBS)
bench_tlsload_SOURCES = bench/tlsload.c
bench_tlsload_LDADD = $(BASE_LIBS) $(OPENSSL_LIBS)
EXTRA_DIST += bench/tools/plans bench/tools/plans.notes bench/run bench/lib.sh bench/stores.sh bench/acmeload.go bench/estload.go bench/scepload.go bench/scepmessages.py
