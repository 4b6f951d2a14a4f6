/* Signed messages from outside, by the most generous rules: what is accepted is a view of the input, within its limits. */
#include "ca/signed_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct bytes part, struct bytes whole)
{
	return part.n == 0 || (part.p >= whole.p && part.n <= whole.n && (size_t)(part.p - whole.p) <= whole.n - part.n);
}

static void check(struct op *op, struct bytes input, const struct signed_data *message)
{
	struct der_value value;
	const struct bytes parts[] = { message->type, message->content, message->issuer_and_serial, message->signature };
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ASSERT(is_within(parts[i], input));
	ASSERT(message->algorithm != NULL && message->digest != NULL && message->n_certificates <= SIGNED_DATA_CERTIFICATES);
	ASSERT(message->has_content || message->content.n == 0);
	for (unsigned i = 0; i < message->n_certificates; i++) {
		ASSERT(is_within(message->certificates[i], input));
		(void)signed_data_names(message, message->certificates[i]);
	}
	ASSERT(der_is_strict(message->attributes) && signed_data_attribute(message, signed_data_digest_oid, &value));
	ASSERT(value.tag == DER_OCTET_STRING && is_within(value.whole, message->attributes));
	ASSERT(!signed_data_is_by(op, message, BYTES_LITERAL("\x30\x00"))); /* no key */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct signed_data_rules generous = { .takes_sha1 = true, .takes_no_content = true };
	struct op *op = op_new();
	struct bytes input = { data, size };
	struct signed_data message;
	result r = signed_data_read_by(op, input, &generous, &message);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED || r.err == ERR_POLICY);
	if (r.err == ERR_NONE)
		check(op, input, &message);
	op_clear_failure(op);
	/* What the strict rules take, the generous ones take. */
	ASSERT(signed_data_read(op, input, &message).err != ERR_NONE || r.err == ERR_NONE);
	op_free(&op);
	return 0;
}
