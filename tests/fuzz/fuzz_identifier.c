/* DNS names from outside: what is accepted is canonical, and stays as it is when it is read again. */
#include <string.h>

#include "ca/identifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	struct identifier first, again;
	result r = identifier_dns(op, (struct bytes){ data, size }, true, &first);
	ASSERT(r.err == ERR_NONE || r.err == ERR_POLICY);
	if (r.err == ERR_NONE) {
		ASSERT(strlen(first.value) == size);
		ASSERT(strspn(first.value, "abcdefghijklmnopqrstuvwxyz0123456789-.*") == size);
		r = identifier_dns(op, bytes_of_text(first.value), identifier_is_wildcard(&first), &again);
		ASSERT(r.err == ERR_NONE && identifier_equal(&first, &again));
	}
	op_free(&op);
	return 0;
}
