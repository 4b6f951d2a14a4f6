/*
 * Writing and hashing a CRL from rows in memory, beside the SHA-256 of the same
 * bytes in the same run; the aim is 3 times that for a million entries. Usage:
 * crlbench [ENTRIES]. One line: name value unit | reference value unit | ratio.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "base/text.h"
#include "ca/crl.h"

#define ROUNDS 5
#define NOW_S INT64_C(1795000000)

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Serials rise as the store hands them out; every fourth entry has no reason, times lie within 90 days. */
static struct revocation *make_rows(struct arena *arena, uint64_t n)
{
	struct revocation *rows = arena_alloc_array(arena, n, sizeof *rows);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t chance;
		random_bytes((uint8_t *)&chance, sizeof chance);
		rows[i] = (struct revocation){ .serial = arena_printf(arena, "41%014llx%016llx", (unsigned long long)i,
								      (unsigned long long)chance),
					       .ca = "issuing",
					       .revoked_s = NOW_S - (int64_t)(chance % (90 * 86400)),
					       .reason = chance % 4 == 0 ? 0 : REASON_SUPERSEDED };
	}
	return rows;
}

static struct bytes write_list(struct crl_writer *writer, struct op *op, const struct ca *issuer,
			       const struct revocation *rows, uint64_t n)
{
	struct bytes tbs;
	crl_writer_begin(writer, op, issuer);
	for (uint64_t i = 0; i < n; i++)
		ASSERT(crl_writer_entry(writer, &rows[i]).err == ERR_NONE);
	ASSERT(crl_writer_end(writer, 1, NOW_S, NOW_S + 86400, &tbs).err == ERR_NONE);
	return tbs;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int main(int argc, char **argv)
{
	uint64_t n = 1000000;
	if (argc > 2 || (argc == 2 && !text_parse_u64(argv[1], 1, 10000000, &n))) {
		fprintf(stderr, "usage: crlbench [ENTRIES]\n");
		return 2;
	}
	struct arena *arena = arena_new();
	const struct revocation *rows = make_rows(arena, n);
	const struct ca issuer = { .key = { .type = KEY_P256 },
				   .subject = BYTES_LITERAL("\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02"
							    "CA"),
				   .key_identifier = BYTES_LITERAL("01234567890123456789") };
	int64_t write_ns = INT64_MAX, hash_ns = INT64_MAX;
	size_t size = 0;
	for (int round = 0; round < ROUNDS; round++) {
		struct op *op = op_new();
		CRL_WRITER(writer);
		uint8_t digest[SHA256_SIZE];
		int64_t start = now_ns();
		struct bytes tbs = write_list(&writer, op, &issuer, rows, n);
		int64_t written = now_ns();
		bytes_sha256(tbs, digest);
		int64_t hashed = now_ns();
		write_ns = least(write_ns, hashed - start);
		hash_ns = least(hash_ns, hashed - written);
		size = tbs.n;
		op_free(&op);
	}
	printf("crl-write-and-hash-%llu %.1f ms | sha256-of-%zu-bytes %.1f ms | %.2f\n", (unsigned long long)n,
	       (double)write_ns / 1e6, size, (double)hash_ns / 1e6, (double)write_ns / (double)hash_ns);
	arena_free(&arena);
	return 0;
}
