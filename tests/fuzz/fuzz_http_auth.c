/* Authorization headers from outside: what is accepted has its parts, and a Digest can be compared. */
#include "protocols/shared/http_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ha1[SHA256_SIZE];
	const struct http_header header = { BYTES_LITERAL("Authorization"), { data, size } };
	const struct call call = { .method_name = BYTES_LITERAL("POST"),
				   .target = BYTES_LITERAL("/.well-known/est/simpleenroll"),
				   .headers = &header,
				   .n_headers = 1 };
	struct op *op = op_new();
	HTTP_AUTH(auth);
	if (http_auth_read(op, &call, &auth).err == ERR_NONE) {
		ASSERT((auth.scheme == HTTP_AUTH_BASIC || auth.scheme == HTTP_AUTH_TOKEN) == (auth.secret != NULL));
		ASSERT(auth.scheme != HTTP_AUTH_NONE);
		if (auth.scheme == HTTP_AUTH_DIGEST)
			ASSERT(!http_digest_fits(&auth.digest, &call, (struct bytes)BYTES_ARRAY(ha1)));
	}
	op_free(&op);
	return 0;
}
