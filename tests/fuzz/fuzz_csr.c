/* Requests from outside, as DER and as an operator's file: what is accepted keeps every promise of csr.h. */
#include "base/limits.h"
#include "ca/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(struct op *op, const struct csr *csr)
{
	struct identifier again;
	ASSERT(csr->spki.n > 0 && csr->key_type != KEY_OTHER && csr->hash.n == SHA256_SIZE);
	ASSERT(csr->n_identifiers <= LIMIT_ORDER_IDENTIFIERS + 1);
	for (unsigned i = 0; i < csr->n_identifiers; i++) {
		result r = identifier_dns(op, bytes_of_text(csr->identifiers[i].value), true, &again);
		ASSERT(r.err == ERR_NONE && identifier_equal(&csr->identifiers[i], &again));
		ASSERT(i == 0 || !identifier_equal(&csr->identifiers[i], &csr->identifiers[i - 1]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	struct bytes input = { data, size };
	struct csr csr;
	result r = csr_parse(op, input, &csr);
	if (r.err == ERR_NONE)
		check_accepted(op, &csr);
	else
		ASSERT(r.err == ERR_MALFORMED || r.err == ERR_POLICY);
	op_clear_failure(op);
	r = csr_parse_file(op, input, &csr);
	if (r.err == ERR_NONE)
		check_accepted(op, &csr);
	op_free(&op);
	return 0;
}
