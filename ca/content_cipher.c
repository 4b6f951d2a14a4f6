/*
 * RFC 3565 section 4.1, RFC 3370 section 5.1; single DES as OIW has it. OpenSSL has
 * that in a provider of its own only: here it is triple DES with the same key three
 * times, which is the same.
 */
#include "ca/content_cipher.h"

#include <string.h>

#define CONTENT_CIPHERS 5
#define DES_KEY 8

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
	[CIPHER_DES] = { "DES-CBC", BYTES_LITERAL("\x2b\x0e\x03\x02\x07"), EVP_des_ede3_cbc, DES_KEY, 8 },
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

void content_cipher_widen(enum content_cipher cipher, const uint8_t *key, uint8_t wide[CONTENT_KEY_MAX])
{
	unsigned times = cipher == CIPHER_DES ? 3 : 1;
	for (unsigned i = 0; i < times; i++)
		memcpy(wide + i * DES_KEY, key, ciphers[cipher].key_size);
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
