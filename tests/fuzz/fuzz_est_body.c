/* Bodies of EST: what is accepted is written again and read as the same. */
#include "protocols/est/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	struct bytes der, again;
	if (est_body_decode(op, (struct bytes){ data, size }, &der).err == ERR_NONE) {
		result r = est_body_decode(op, est_body_encode(op->arena, der), &again);
		ASSERT(r.err == ERR_NONE && bytes_equal(der, again));
	}
	op_free(&op);
	return 0;
}
