/*
 * BER from outside: what comes of it is one value with definite, minimal lengths all the
 * way down, not longer than before, and the same when it is rewritten once more; DER
 * comes out as it is. The gate and the readers take the result or refuse it.
 */
#include "base/limits.h"
#include "ca/ber.h"
#include "ca/der.h"
#include "ca/enveloped_data.h"
#include "ca/signed_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool are_lengths_minimal(struct bytes der)
{
	struct der_value value;
	while (der.n > 0)
		if (!der_next(&der, &value) || ((value.tag & 0x20) != 0 && !are_lengths_minimal(value.content)))
			return false;
	return true;
}

static void read_as_messages(struct op *op, struct bytes der)
{
	static const struct signed_data_rules takes_all = { .takes_sha1 = true, .takes_no_content = true };
	static const struct enveloped_rules takes_3des = { .takes_3des = true };
	struct signed_data outside;
	struct enveloped_data inside;
	result r = signed_data_read_by(op, der, &takes_all, &outside);
	ASSERT(r.err != ERR_NONE || der_is_strict(der));
	r = enveloped_data_read(op, der, &takes_3des, &inside);
	ASSERT(r.err != ERR_NONE || der_is_strict(der));
	op_clear_failure(op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	const struct bytes input = { data, size };
	struct bytes der, again;
	result r = ber_to_der(op, input, &der);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED);
	if (r.err == ERR_NONE) {
		struct bytes rest = der;
		struct der_value value;
		ASSERT(der.n > 0 && der.n <= size && der_next(&rest, &value) && rest.n == 0);
		ASSERT(are_lengths_minimal(der));
		ASSERT(ber_to_der(op, der, &again).err == ERR_NONE && bytes_equal(again, der));
		/* Shorter: encryptedContent was in pieces, or what stands in its place. */
		ASSERT(!der_is_strict(input) || der.n < size || bytes_equal(der, input));
		read_as_messages(op, der);
	} else {
		ASSERT(der.n == 0 && (size > LIMIT_BODY_SCEP || !der_is_strict(input)));
	}
	op_free(&op);
	return 0;
}
