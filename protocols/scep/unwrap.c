/* By the certificate that the client has, of now or of before, with the one key. */
#include "protocols/scep/unwrap.h"

#include <openssl/crypto.h>

/* NULL: none of them is for the RA. */
static const struct bytes *find_key(const struct enveloped_data *message, const struct scep_ra *ra)
{
	for (unsigned i = 0; i < message->n_recipients; i++) {
		if (enveloped_data_is_for(message, i, ra->certificate))
			return &message->recipients[i].encrypted_key;
		for (unsigned e = 0; e < ra->n_earlier; e++)
			if (enveloped_data_is_for(message, i, ra->earlier[e]))
				return &message->recipients[i].encrypted_key;
	}
	return NULL;
}

result scep_unwrap(struct op *op, struct scep_request *request)
{
	struct enveloped_data message;
	uint8_t key[CONTENT_KEY_MAX];
	unsigned compatibility = request->settings->compatibility;
	const struct enveloped_rules rules = { .takes_3des = (compatibility & SCEP_ACCEPTS_3DES) != 0,
					       .takes_des = (compatibility & SCEP_ACCEPTS_DES) != 0 };
	struct bytes der;
	TRY(scep_message_to_der(op, request->message.signed_data.content, compatibility, &der, &request->has_ber_envelope));
	result r = enveloped_data_read(op, der, &rules, &message);
	if (r.err == ERR_POLICY)
		return FAIL_CODE(op, ERR_POLICY, SCEP_CODE(SCEP_BAD_ALG), "%s", arena_text(op->arena, op->detail));
	const struct bytes *encrypted_key = r.err == ERR_NONE ? find_key(&message, request->ra) : NULL;
	if (encrypted_key == NULL)
		return scep_bad_message(op);
	TRY(scep_ra_unwrap(op, request->authority, request->ra, *encrypted_key, key, content_cipher_key_size(message.cipher)));
	r = enveloped_data_open(op, &message, key, &request->content);
	OPENSSL_cleanse(key, sizeof key);
	request->cipher = message.cipher;
	/* What a wrong key makes of the content may look padded, and is no DER all the same. */
	return r.err == ERR_NONE && der_is_strict(request->content) ? OK : scep_bad_message(op);
}
