/* ca/ocsp_request.c: what is taken, what is refused and with which status. */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <string.h>

#include "ca/der.h"
#include "ca/ocsp.h"

#define OID_SHA1 BYTES_LITERAL("\x2b\x0e\x03\x02\x1a")
#define OID_SHA256 BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x01")
#define OID_SHA512 BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x03")
#define OID_NONCE BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x02")
#define OID_OTHER BYTES_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x07")
#define SERIAL BYTES_LITERAL("\x41\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10")

static struct ca cas[2];
static struct hierarchy hierarchy = { .cas = cas, .n = 2 };

static void fill_hierarchy(void)
{
	for (unsigned i = 0; i < 2; i++) {
		cas[i].name = i == 0 ? "root" : "issuing";
		memset(cas[i].name_sha1, 0x10 + (int)i, SHA1_SIZE);
		memset(cas[i].key_sha1, 0x20 + (int)i, SHA1_SIZE);
		memset(cas[i].name_sha256, 0x30 + (int)i, SHA256_SIZE);
		memset(cas[i].key_sha256, 0x40 + (int)i, SHA256_SIZE);
	}
}

/* What a request is made of: all zero is the request that every client sends. */
struct ask {
	unsigned n_ids;            /* 0: one */
	bool is_empty;             /* no ids at all */
	const struct ca *ca;       /* NULL: issuing */
	const struct ca *last_ca;  /* of the last id, when another */
	const struct ca *key_ca;   /* whose key hash, when another */
	struct bytes hash_oid;     /* none: SHA-1 */
	bool has_no_parameters;
	bool has_odd_parameters;
	struct bytes serial;       /* none: SERIAL */
	int version;               /* 0: left out; v + 1 is written as v */
	bool has_requestor;
	const struct bytes *nonce; /* within its OCTET STRING */
	unsigned n_nonces;         /* 0: one if there is a nonce */
	bool is_raw_nonce;         /* without the inner OCTET STRING */
	bool has_other, is_other_critical;
	bool has_empty_extensions;
	bool has_single, is_single_critical;
	unsigned signature;        /* 0: none, 1: as it should be, 2: garbage */
};

static void put_extension(struct buf *out, struct bytes oid, bool is_critical, struct bytes value)
{
	size_t mark = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, oid);
	if (is_critical)
		der_put_true(out);
	der_put(out, DER_OCTET_STRING, value);
	der_close(out, mark);
}

static void put_cert_id(struct buf *out, const struct ask *ask, const struct ca *ca)
{
	bool is_sha256 = bytes_equal(ask->hash_oid, OID_SHA256);
	const struct ca *key_ca = ask->key_ca != NULL ? ask->key_ca : ca;
	size_t id = der_open(out, DER_SEQUENCE);
	size_t algorithm = der_open(out, DER_SEQUENCE);
	der_put(out, DER_OID, ask->hash_oid.n > 0 ? ask->hash_oid : OID_SHA1);
	if (ask->has_odd_parameters)
		der_put(out, DER_OCTET_STRING, BYTES_LITERAL("x"));
	else if (!ask->has_no_parameters)
		der_put(out, DER_NULL, BYTES_NONE);
	der_close(out, algorithm);
	der_put(out, DER_OCTET_STRING, is_sha256 ? BYTES_ARRAY(ca->name_sha256) : BYTES_ARRAY(ca->name_sha1));
	der_put(out, DER_OCTET_STRING, is_sha256 ? BYTES_ARRAY(key_ca->key_sha256) : BYTES_ARRAY(key_ca->key_sha1));
	der_put(out, DER_INTEGER, ask->serial.n > 0 ? ask->serial : SERIAL);
	der_close(out, id);
}

static void put_ids(struct buf *out, const struct ask *ask)
{
	unsigned n = ask->is_empty ? 0 : ask->n_ids == 0 ? 1 : ask->n_ids;
	size_t list = der_open(out, DER_SEQUENCE);
	for (unsigned i = 0; i < n; i++) {
		const struct ca *ca = i + 1 == n && ask->last_ca != NULL ? ask->last_ca : ask->ca != NULL ? ask->ca : &cas[1];
		size_t request = der_open(out, DER_SEQUENCE);
		put_cert_id(out, ask, ca);
		if (ask->has_single) {
			size_t tag = der_open(out, DER_CONTEXT_CONSTRUCTED(0)), extensions = der_open(out, DER_SEQUENCE);
			put_extension(out, OID_OTHER, ask->is_single_critical, BYTES_LITERAL("\x05\x00"));
			der_close(out, extensions);
			der_close(out, tag);
		}
		der_close(out, request);
	}
	der_close(out, list);
}

static void put_extensions(struct op *op, struct buf *out, const struct ask *ask)
{
	if (ask->nonce == NULL && !ask->has_other && !ask->has_empty_extensions)
		return;
	size_t tag = der_open(out, DER_CONTEXT_CONSTRUCTED(2)), list = der_open(out, DER_SEQUENCE);
	if (ask->has_other)
		put_extension(out, OID_OTHER, ask->is_other_critical, BYTES_LITERAL("\x05\x00"));
	for (unsigned i = 0; ask->nonce != NULL && i < (ask->n_nonces == 0 ? 1 : ask->n_nonces); i++) {
		struct buf value;
		buf_init(&value, op->arena, 64);
		if (ask->is_raw_nonce)
			buf_bytes(&value, *ask->nonce);
		else
			der_put(&value, DER_OCTET_STRING, *ask->nonce);
		put_extension(out, OID_NONCE, false, buf_as_bytes(&value));
	}
	der_close(out, list);
	der_close(out, tag);
}

static void put_signature(struct buf *out, unsigned kind)
{
	if (kind == 0)
		return;
	size_t tag = der_open(out, DER_CONTEXT_CONSTRUCTED(0));
	if (kind == 2) {
		der_put(out, DER_OCTET_STRING, BYTES_LITERAL("garbage"));
	} else {
		size_t signature = der_open(out, DER_SEQUENCE), algorithm = der_open(out, DER_SEQUENCE);
		der_put(out, DER_OID, OID_SHA256);
		der_close(out, algorithm);
		der_put(out, DER_BIT_STRING, BYTES_LITERAL("\0signature"));
		der_close(out, signature);
	}
	der_close(out, tag);
}

static struct bytes build(struct op *op, const struct ask *ask)
{
	struct buf out;
	buf_init(&out, op->arena, 256);
	size_t request = der_open(&out, DER_SEQUENCE), tbs = der_open(&out, DER_SEQUENCE);
	if (ask->version != 0) {
		size_t tag = der_open(&out, DER_CONTEXT_CONSTRUCTED(0));
		der_put_number(&out, DER_INTEGER, (uint64_t)ask->version - 1);
		der_close(&out, tag);
	}
	if (ask->has_requestor)
		der_put(&out, DER_CONTEXT_CONSTRUCTED(1), BYTES_LITERAL("\x82\x01x"));
	put_ids(&out, ask);
	put_extensions(op, &out, ask);
	der_close(&out, tbs);
	put_signature(&out, ask->signature);
	der_close(&out, request);
	return buf_as_bytes(&out);
}

static uint8_t nonce_bytes[129];
#define NONCE(length) (&(struct bytes){ nonce_bytes, (length) })

struct row {
	const char *what;
	enum ocsp_status status;
	struct ask ask;
};

static void check_rows(struct op *op, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ocsp_request request;
		struct bytes der = build(op, &rows[i].ask);
		enum ocsp_status status = ocsp_request_parse(op, &hierarchy, der, &request);
		if (status != rows[i].status)
			fail_msg("%s: expected status %d, got %d", rows[i].what, rows[i].status, status);
		if (status != OCSP_SUCCESSFUL) /* H5: no larger than what was asked */
			assert_true(ocsp_error(status).n <= der.n);
	}
}

static void test_taken(void **state) /* O1, O4, O7, O8, O9 */
{
	const struct row rows[] = {
		{ "the usual one", OCSP_SUCCESSFUL, { 0 } },
		{ "SHA-256", OCSP_SUCCESSFUL, { .hash_oid = OID_SHA256 } },
		{ "hash without parameters", OCSP_SUCCESSFUL, { .has_no_parameters = true } },
		{ "of the root", OCSP_SUCCESSFUL, { .ca = &cas[0] } },
		{ "version v1 written out", OCSP_SUCCESSFUL, { .version = 1 } },
		{ "requestorName", OCSP_SUCCESSFUL, { .has_requestor = true } },
		{ "signed", OCSP_SUCCESSFUL, { .signature = 1, .has_requestor = true } },
		{ "nonce of 1", OCSP_SUCCESSFUL, { .nonce = NONCE(1) } },
		{ "nonce of 32", OCSP_SUCCESSFUL, { .nonce = NONCE(32) } },
		{ "nonce of 128", OCSP_SUCCESSFUL, { .nonce = NONCE(128) } },
		{ "unknown extension, not critical", OCSP_SUCCESSFUL, { .has_other = true } },
		{ "extension of a single request", OCSP_SUCCESSFUL, { .has_single = true } },
		{ "as many ids as may be", OCSP_SUCCESSFUL, { .n_ids = LIMIT_OCSP_CERTIDS } },
		{ "short serial", OCSP_SUCCESSFUL, { .serial = BYTES_LITERAL("\x01") } },
	};
	fill_hierarchy();
	check_rows(*state, rows, sizeof rows / sizeof rows[0]);
}

static void test_malformed(void **state) /* O8, O9, O10, O17, H5 */
{
	const struct row rows[] = {
		{ "empty requestList", OCSP_MALFORMED_REQUEST, { .is_empty = true } },
		{ "one id too many", OCSP_MALFORMED_REQUEST, { .n_ids = LIMIT_OCSP_CERTIDS + 1 } },
		{ "a thousand ids", OCSP_MALFORMED_REQUEST, { .n_ids = 1000 } },
		{ "version v2", OCSP_MALFORMED_REQUEST, { .version = 2 } },
		{ "nonce of 0", OCSP_MALFORMED_REQUEST, { .nonce = NONCE(0) } },
		{ "nonce of 129", OCSP_MALFORMED_REQUEST, { .nonce = NONCE(129) } },
		{ "nonce not within its OCTET STRING", OCSP_MALFORMED_REQUEST, { .nonce = NONCE(16), .is_raw_nonce = true } },
		{ "two nonces", OCSP_MALFORMED_REQUEST, { .nonce = NONCE(16), .n_nonces = 2 } },
		{ "unknown critical extension", OCSP_MALFORMED_REQUEST, { .has_other = true, .is_other_critical = true } },
		{ "the same in a single request", OCSP_MALFORMED_REQUEST, { .has_single = true, .is_single_critical = true } },
		{ "empty list of extensions", OCSP_MALFORMED_REQUEST, { .has_empty_extensions = true } },
		{ "hash with other parameters", OCSP_MALFORMED_REQUEST, { .has_odd_parameters = true } },
		{ "serial with idle octets", OCSP_MALFORMED_REQUEST, { .serial = BYTES_LITERAL("\x00\x01") } },
		{ "garbage for a signature", OCSP_MALFORMED_REQUEST, { .signature = 2 } },
	};
	fill_hierarchy();
	check_rows(*state, rows, sizeof rows / sizeof rows[0]);
}

static void test_unauthorized(void **state) /* O4, O10, H5 */
{
	static struct ca stranger = { .name_sha1 = { 1 }, .key_sha1 = { 2 } };
	const struct row rows[] = {
		{ "unknown hash algorithm", OCSP_UNAUTHORIZED, { .hash_oid = OID_SHA512 } },
		{ "unknown issuer", OCSP_UNAUTHORIZED, { .ca = &stranger } },
		{ "name of one CA, key of another", OCSP_UNAUTHORIZED, { .key_ca = &cas[0] } },
		{ "the same with SHA-256", OCSP_UNAUTHORIZED, { .key_ca = &cas[0], .hash_oid = OID_SHA256 } },
		{ "ids of two CAs of ours", OCSP_UNAUTHORIZED, { .n_ids = 3, .last_ca = &cas[0] } },
		{ "one id of a stranger", OCSP_UNAUTHORIZED, { .n_ids = 2, .last_ca = &stranger } },
	};
	fill_hierarchy();
	check_rows(*state, rows, sizeof rows / sizeof rows[0]);
}

static void test_fields(void **state) /* O4, O8, O10 */
{
	struct op *op = *state;
	struct ocsp_request request;
	fill_hierarchy();
	memset(nonce_bytes, 0x5a, sizeof nonce_bytes);
	struct bytes der = build(op, &(struct ask){ .n_ids = 2, .hash_oid = OID_SHA256, .nonce = NONCE(23) });
	assert_int_equal(ocsp_request_parse(op, &hierarchy, der, &request), OCSP_SUCCESSFUL);
	assert_int_equal(request.n_ids, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_ptr_equal(request.ids[i].ca, &cas[1]);
		assert_true(request.ids[i].is_sha256);
		assert_true(bytes_equal(request.ids[i].serial, SERIAL));
		/* The CertID is a view of the request itself: what is echoed is what was asked. */
		assert_true(request.ids[i].der.p > der.p && request.ids[i].der.p[0] == DER_SEQUENCE);
		assert_true(request.ids[i].serial.p + request.ids[i].serial.n == request.ids[i].der.p + request.ids[i].der.n);
	}
	assert_true(request.has_nonce);
	assert_true(bytes_equal(request.nonce, *NONCE(23)));
}

/* Every prefix, every extension by a byte, every byte changed: no crash, and only whole requests pass. */
static void test_mutations(void **state) /* O17 */
{
	struct op *op = *state;
	struct ocsp_request request;
	fill_hierarchy();
	struct bytes der = build(op, &(struct ask){ .nonce = NONCE(16), .has_other = true, .has_single = true });
	uint8_t *copy = arena_alloc(op->arena, der.n + 1);
	memcpy(copy, der.p, der.n);
	assert_int_equal(ocsp_request_parse(op, &hierarchy, (struct bytes){ copy, der.n }, &request), OCSP_SUCCESSFUL);
	for (size_t n = 0; n < der.n; n++)
		assert_int_equal(ocsp_request_parse(op, &hierarchy, (struct bytes){ copy, n }, &request),
				 OCSP_MALFORMED_REQUEST);
	assert_int_equal(ocsp_request_parse(op, &hierarchy, (struct bytes){ copy, der.n + 1 }, &request),
			 OCSP_MALFORMED_REQUEST);
	for (size_t i = 0; i < der.n; i++) {
		copy[i] ^= 0xff;
		enum ocsp_status status = ocsp_request_parse(op, &hierarchy, (struct bytes){ copy, der.n }, &request);
		assert_true(status == OCSP_SUCCESSFUL || status == OCSP_MALFORMED_REQUEST || status == OCSP_UNAUTHORIZED);
		copy[i] ^= 0xff;
	}
}

static void test_indefinite_length(void **state) /* BER is not DER */
{
	static const uint8_t indefinite[] = { 0x30, 0x80, 0x30, 0x02, 0x30, 0x00, 0x00, 0x00 };
	static const uint8_t long_length[] = { 0x30, 0x81, 0x04, 0x30, 0x02, 0x30, 0x00 };
	struct ocsp_request request;
	assert_int_equal(ocsp_request_parse(*state, &hierarchy, BYTES_ARRAY(indefinite), &request), OCSP_MALFORMED_REQUEST);
	assert_int_equal(ocsp_request_parse(*state, &hierarchy, BYTES_ARRAY(long_length), &request), OCSP_MALFORMED_REQUEST);
	assert_int_equal(ocsp_request_parse(*state, &hierarchy, BYTES_NONE, &request), OCSP_MALFORMED_REQUEST);
}

static void test_errors(void **state UNUSED) /* O2: a status and nothing else */
{
	const enum ocsp_status all[] = { OCSP_MALFORMED_REQUEST, OCSP_INTERNAL_ERROR, OCSP_TRY_LATER, OCSP_SIG_REQUIRED,
					 OCSP_UNAUTHORIZED };
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		struct bytes in = ocsp_error(all[i]), sequence, status;
		assert_true(der_is_strict(in));
		assert_true(der_take(&in, DER_SEQUENCE, &sequence) && der_take(&sequence, DER_ENUMERATED, &status));
		assert_int_equal(sequence.n, 0);
		assert_int_equal(status.n, 1);
		assert_int_equal(status.p[0], all[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_taken),     TEST(test_malformed),	    TEST(test_unauthorized), TEST(test_fields),
		TEST(test_mutations), TEST(test_indefinite_length), TEST(test_errors),
	};
	return RUN_TESTS(tests);
}
