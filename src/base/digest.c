/* The digests of bytes.h. */
#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/op.h"

/* Fetched once: a fetch by name costs more than the digest of a short text. */
static pthread_once_t digests_once = PTHREAD_ONCE_INIT;
static EVP_MD *digest_sha256;
static EVP_MD *digest_sha1;

static void digests_free(void)
{
	EVP_MD_free(digest_sha256);
	EVP_MD_free(digest_sha1);
}

static void digests_fetch(void)
{
	digest_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	digest_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	ASSERT(digest_sha256 != NULL && digest_sha1 != NULL);
	OPENSSL_atexit(digests_free);
}

void bytes_sha256(struct bytes bytes, uint8_t digest[SHA256_SIZE])
{
	pthread_once(&digests_once, digests_fetch);
	int done = EVP_Digest(bytes.n == 0 ? "" : (const void *)bytes.p, bytes.n, digest, NULL, digest_sha256, NULL);
	ASSERT(done == 1);
}

void bytes_sha1(struct bytes bytes, uint8_t digest[SHA1_SIZE])
{
	pthread_once(&digests_once, digests_fetch);
	int done = EVP_Digest(bytes.n == 0 ? "" : (const void *)bytes.p, bytes.n, digest, NULL, digest_sha1, NULL);
	ASSERT(done == 1);
}

void bytes_sha256_parts(const struct bytes *parts, size_t n, uint8_t digest[SHA256_SIZE])
{
	pthread_once(&digests_once, digests_fetch);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	ASSERT(context != NULL && EVP_DigestInit_ex2(context, digest_sha256, NULL) == 1);
	for (size_t i = 0; i < n; i++)
		ASSERT(parts[i].n == 0 || EVP_DigestUpdate(context, parts[i].p, parts[i].n) == 1);
	ASSERT(EVP_DigestFinal_ex(context, digest, NULL) == 1);
	EVP_MD_CTX_free(context);
}
