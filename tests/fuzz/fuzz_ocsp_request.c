/* OCSP requests from outside: what is accepted is whole, within its limits, and a view of the input. */
#include <string.h>

#include "ca/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct bytes part, const uint8_t *data, size_t size)
{
	return part.p >= data && part.n <= size && (size_t)(part.p - data) <= size - part.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* All hashes are 0xaa, so that the fuzzer can find its way to a known issuer. */
	static struct ca ca;
	struct hierarchy hierarchy = { .cas = &ca, .n = 1 };
	struct ocsp_request request;
	memset(ca.name_sha1, 0xaa, sizeof ca.name_sha1);
	memset(ca.key_sha1, 0xaa, sizeof ca.key_sha1);
	memset(ca.name_sha256, 0xaa, sizeof ca.name_sha256);
	memset(ca.key_sha256, 0xaa, sizeof ca.key_sha256);

	struct op *op = op_new();
	enum ocsp_status status = ocsp_request_parse(op, &hierarchy, (struct bytes){ data, size }, &request);
	if (status == OCSP_SUCCESSFUL) {
		ASSERT(request.n_ids >= 1 && request.n_ids <= LIMIT_OCSP_CERTIDS);
		for (unsigned i = 0; i < request.n_ids; i++) {
			ASSERT(request.ids[i].ca == &ca);
			ASSERT(is_within(request.ids[i].der, data, size));
			ASSERT(is_within(request.ids[i].serial, request.ids[i].der.p, request.ids[i].der.n));
		}
		if (request.has_nonce) {
			ASSERT(request.nonce.n >= 1 && request.nonce.n <= LIMIT_OCSP_NONCE);
			ASSERT(is_within(request.nonce, data, size));
		}
	} else {
		ASSERT(ocsp_error(status).n == 5);
	}
	op_free(&op);
	return 0;
}
