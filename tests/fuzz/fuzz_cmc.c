/*
 * Signed messages from outside and the PKIData in them: what is accepted is a view
 * of the input, within its limits, and can be answered. The input is also taken as
 * a PKIData by itself, so that the fuzzer need not find a digest first.
 */
#include <string.h>

#include "ca/der.h"
#include "ca/signed_data.h"
#include "protocols/est/cmc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct bytes part, struct bytes whole)
{
	return part.n == 0 || (part.p >= whole.p && part.n <= whole.n && (size_t)(part.p - whole.p) <= whole.n - part.n);
}

static void read_pki_data(struct op *op, struct bytes input)
{
	static const uint8_t nonce[CMC_NONCE_SIZE];
	struct cmc_request request;
	result r = cmc_request_read(op, input, &request);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED);
	if (r.err == ERR_NONE)
		ASSERT(request.csr.n > 0 && request.body_part > 0 && is_within(request.csr, input));
	const struct bytes repeated[] = { request.transaction_id, request.sender_nonce, request.data_return };
	for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++)
		ASSERT(is_within(repeated[i], input) && repeated[i].n <= CMC_VALUE_MAX);
	const struct cmc_fault *fault = r.err == ERR_NONE ? NULL : &request.fault;
	ASSERT(der_is_strict(cmc_response(op->arena, &request, fault, op->detail, nonce)));
	op_clear_failure(op);
}

static void read_message(struct op *op, struct bytes input)
{
	struct signed_data message;
	result r = signed_data_read(op, input, &message);
	if (r.err != ERR_NONE) {
		ASSERT(r.err == ERR_MALFORMED || r.err == ERR_POLICY);
		op_clear_failure(op);
		return;
	}
	ASSERT(message.algorithm != NULL && is_within(message.content, input) && is_within(message.signature, input));
	ASSERT(message.n_certificates <= SIGNED_DATA_CERTIFICATES);
	for (unsigned i = 0; i < message.n_certificates; i++) {
		ASSERT(is_within(message.certificates[i], input));
		(void)signed_data_names(&message, message.certificates[i]);
	}
	read_pki_data(op, message.content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	read_message(op, (struct bytes){ data, size });
	read_pki_data(op, (struct bytes){ data, size });
	op_free(&op);
	return 0;
}
