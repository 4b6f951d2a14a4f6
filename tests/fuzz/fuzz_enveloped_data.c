/*
 * Encrypted messages from outside, by the most generous rules: what is accepted is a
 * view of the input, within its limits, and opening it with some key gives a part of
 * what was encrypted or the one failure.
 */
#include <string.h>

#include "ca/cms.h"
#include "ca/enveloped_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct bytes part, struct bytes whole)
{
	return part.n == 0 || (part.p >= whole.p && part.n <= whole.n && (size_t)(part.p - whole.p) <= whole.n - part.n);
}

static void check(struct bytes input, const struct enveloped_data *message)
{
	ASSERT(message->n_recipients > 0 && message->n_recipients <= ENVELOPED_DATA_RECIPIENTS);
	ASSERT(is_within(message->iv, input) && is_within(message->content, input));
	ASSERT(content_cipher_key_size(message->cipher) <= CONTENT_KEY_MAX);
	for (unsigned i = 0; i < message->n_recipients; i++) {
		ASSERT(is_within(message->recipients[i].issuer_and_serial, input));
		ASSERT(is_within(message->recipients[i].encrypted_key, input));
		(void)enveloped_data_is_for(message, i, input);
	}
}

static void open_with_some_key(struct op *op, const struct enveloped_data *message)
{
	static const uint8_t key[CONTENT_KEY_MAX];
	struct bytes content;
	result r = enveloped_data_open(op, message, key, &content);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED);
	ASSERT(r.err == ERR_NONE ? content.n < message->content.n : content.n == 0);
	ASSERT(r.err == ERR_NONE || strcmp(op->detail, "the message could not be decrypted") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct enveloped_rules generous = { .takes_3des = true, .takes_des = true };
	struct op *op = op_new();
	struct bytes input = { data, size }, spki;
	struct enveloped_data message;
	result r = enveloped_data_read(op, input, &generous, &message);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED || r.err == ERR_POLICY);
	if (r.err == ERR_NONE) {
		check(input, &message);
		open_with_some_key(op, &message);
	}
	ASSERT(!cms_spki(input, &spki) || is_within(spki, input));
	op_free(&op);
	return 0;
}
