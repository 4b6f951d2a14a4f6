/*
 * Messages of SCEP from outside: what is accepted is a view of the input and has
 * all that an answer needs; what is refused is refused in one of two ways. The
 * input is also taken as an envelope, and as the query of an address.
 */
#include <string.h>

#include "base/limits.h"
#include "ca/enveloped_data.h"
#include "ca/identifier.h"
#include "protocols/scep/message.h"
#include "protocols/scep/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct bytes part, struct bytes whole)
{
	return part.n == 0 || (part.p >= whole.p && part.n <= whole.n && (size_t)(part.p - whole.p) <= whole.n - part.n);
}

static void read_envelope(struct op *op, struct bytes input)
{
	struct enveloped_data message;
	const struct enveloped_rules rules = { .takes_3des = true };
	result r = enveloped_data_read(op, input, &rules, &message);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED || r.err == ERR_POLICY);
	if (r.err == ERR_NONE) {
		static const uint8_t key[CONTENT_KEY_MAX];
		struct bytes content;
		ASSERT(message.n_recipients > 0 && message.n_recipients <= ENVELOPED_DATA_RECIPIENTS);
		ASSERT(is_within(message.content, input) && content_cipher_key_size(message.cipher) <= sizeof key);
		r = enveloped_data_open(op, &message, key, &content);
		ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED);
	}
	op_clear_failure(op);
}

static void read_message(struct op *op, struct bytes input, unsigned compatibility)
{
	struct scep_message message;
	result r = scep_message_read(op, input, compatibility, &message);
	ASSERT(r.err == ERR_NONE || r.err == ERR_MALFORMED || r.err == ERR_POLICY);
	ASSERT(r.err == ERR_NONE || op->code == SCEP_CODE(SCEP_BAD_MESSAGE_CHECK) || op->code == SCEP_CODE(SCEP_BAD_ALG));
	ASSERT(message.type >= -1 && message.type <= 999 && message.sender_nonce.n <= SCEP_NONCE_MAX);
	if (message.transaction_id != NULL) {
		struct bytes text = bytes_of_text(message.transaction_id);
		ASSERT(text.n > 0 && text.n <= LIMIT_SCEP_TRANSACTION_ID && is_printable_string(text));
	}
	if (r.err == ERR_NONE) {
		ASSERT(message.transaction_id != NULL && message.spki.n > 0);
		ASSERT(message.is_ber || is_within(message.signer, input));
		ASSERT(is_within(message.spki, message.signer));
		read_envelope(op, message.signed_data.content);
	}
	op_clear_failure(op);
}

static void read_query(struct op *op, struct bytes input)
{
	struct scep_query query;
	if (scep_query_read(op, input, &query).err == ERR_NONE) {
		ASSERT(query.operation != NULL && query.message.n <= input.n);
		if (scep_query_decode(op, &query).err == ERR_NONE)
			ASSERT(query.message.n > 0 && query.message.n < input.n);
	}
	op_clear_failure(op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	const struct bytes input = { data, size };
	read_message(op, input, 0);
	read_message(op, input, SCEP_ACCEPTS_SHA1);
	read_message(op, input, SCEP_ACCEPTS_SHA1 | SCEP_ACCEPTS_BER);
	read_envelope(op, input);
	read_query(op, input);
	op_free(&op);
	return 0;
}
