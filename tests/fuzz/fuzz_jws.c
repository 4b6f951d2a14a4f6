/* Flattened JWS from outside: what is accepted has all its parts, and its key, if it brings one, survives a round trip. */
#include "base/openssl_auto.h"
#include "protocols/acme/jwk.h"
#include "protocols/acme/jws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_key(struct op *op, const struct jws *jws)
{
	struct jwk jwk, again;
	AUTO(EVP_PKEY) *key = NULL;

	if (jwk_parse(op, jws->jwk, &jwk).err != ERR_NONE)
		return;
	result r = jwk_parse_text(op, jwk.json, &again);
	ASSERT(r.err == ERR_NONE);
	ASSERT(bytes_equal_text(bytes_of_text(jwk.thumbprint), again.thumbprint));
	if (jwk_key_checked(op, &jwk, &key).err != ERR_NONE)
		return;
	r = jwk_of_key(op, key, &again);
	ASSERT(r.err == ERR_NONE && bytes_equal_text(bytes_of_text(jwk.json), again.json));
	IGNORE(jws_verify(op, jws, key)); /* verifying is what must not crash */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	struct jws jws = { 0 };

	if (jws_parse(op, (struct bytes){ data, size }, &jws).err == ERR_NONE) {
		ASSERT(jws.url != NULL && (jws.kid != NULL) != (jws.jwk != NULL));
		ASSERT(jws.signing_input.n > 0);
		if (jws.jwk != NULL)
			use_key(op, &jws);
	}
	jws_clear(&jws);
	op_free(&op);
	return 0;
}
