/* Attributes of a request for a key: what is accepted is a view of the input, and says what it wants. */
#include "ca/der.h"
#include "protocols/est/key_protection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	struct key_protection out;
	result r = key_protection_read(op, (struct bytes){ data, size }, &out);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED);
	if (r.err == ERR_NONE) {
		ASSERT(out.key_id.n == 0 || (out.key_id.p > data && out.key_id.p + out.key_id.n <= data + size));
		ASSERT(out.is_wanted == (out.is_symmetric || out.key_id.n > 0 || out.has_capabilities));
		ASSERT(out.has_capabilities || (!out.takes_aes256_cbc && out.oaep_digest == NULL));
	}
	op_free(&op);
	return 0;
}
