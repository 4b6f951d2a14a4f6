/* RFC 3565 section 4.1, RFC 3370 section 5.1. */
#include "ca/content_cipher.h"

#define CONTENT_CIPHERS 4

static const struct cipher {
	const char *name;
	struct bytes oid;
	const EVP_CIPHER *(*evp)(void);
	size_t key_size, block;
} ciphers[CONTENT_CIPHERS] = {
	[CIPHER_AES128] = { "AES-128-CBC", BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x02"), EVP_aes_128_cbc, 16, 16 },
	[CIPHER_AES192] = { "AES-192-CBC", BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x16"), EVP_aes_192_cbc, 24, 16 },
	[CIPHER_AES256] = { "AES-256-CBC", BYTES_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x01\x2a"), EVP_aes_256_cbc, 32, 16 },
	[CIPHER_3DES] = { "DES-EDE3-CBC", BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x03\x07"), EVP_des_ede3_cbc, 24, 8 },
};

bool content_cipher_find(struct bytes oid, enum content_cipher *out)
{
	for (unsigned i = 0; i < CONTENT_CIPHERS; i++)
		if (bytes_equal(ciphers[i].oid, oid)) {
			*out = (enum content_cipher)i;
			return true;
		}
	return false;
}

struct bytes content_cipher_oid(enum content_cipher cipher)
{
	return ciphers[cipher].oid;
}

const EVP_CIPHER *content_cipher_evp(enum content_cipher cipher)
{
	return ciphers[cipher].evp();
}

size_t content_cipher_block(enum content_cipher cipher)
{
	return ciphers[cipher].block;
}

size_t content_cipher_key_size(enum content_cipher cipher)
{
	return ciphers[cipher].key_size;
}

const char *content_cipher_name(enum content_cipher cipher)
{
	return ciphers[cipher].name;
}
