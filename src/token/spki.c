/* Conversions of public keys and signatures (RFC 5480, RFC 3279 section 2.2.3). */
#include "token/spki.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "base/openssl_auto.h"

AUTO_DEFINE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);
AUTO_DEFINE(OSSL_PARAM, OSSL_PARAM_free);

/* Width of a coordinate, and of r and s; 0 for RSA. */
static size_t coordinate_size(enum key_type type)
{
	return type == KEY_P256 ? 32 : type == KEY_P384 ? 48 : 0;
}

static result encode(struct op *op, const EVP_PKEY *key, struct bytes *spki)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	if (n <= 0)
		return FAIL(op, ERR_BACKEND, "the token's public key cannot be encoded");
	*spki = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return OK;
}

static result key_from_parameters(struct op *op, const char *algorithm, OSSL_PARAM_BLD *builder, struct bytes *spki)
{
	AUTO(OSSL_PARAM) *parameters = OSSL_PARAM_BLD_to_param(builder);
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new_from_name(NULL, algorithm, NULL);
	AUTO(EVP_PKEY) *key = NULL;

	/* A point off the curve fails here. */
	if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		return FAIL(op, ERR_BACKEND, "the token's public key is not a valid %s key", algorithm);
	return encode(op, key, spki);
}

/* The point inside CKA_EC_POINT, uncompressed; told apart by length, for 04 begins both forms. */
static result unwrap_point(struct op *op, size_t point_size, struct bytes ec_point, struct bytes *point)
{
	*point = ec_point;
	if (ec_point.n == point_size + 2 && ec_point.p[0] == V_ASN1_OCTET_STRING && ec_point.p[1] == point_size)
		*point = (struct bytes){ ec_point.p + 2, point_size };
	if (point->n != point_size || point->p[0] != POINT_CONVERSION_UNCOMPRESSED)
		return FAIL(op, ERR_BACKEND, "the token's CKA_EC_POINT of %zu bytes is not an uncompressed point",
			    ec_point.n);
	return OK;
}

result spki_from_ec_point(struct op *op, enum key_type type, struct bytes ec_point, struct bytes *spki)
{
	AUTO(OSSL_PARAM_BLD) *builder = OSSL_PARAM_BLD_new();
	const char *group = type == KEY_P384 ? "P-384" : "P-256";
	struct bytes point;

	TRY(unwrap_point(op, 1 + 2 * coordinate_size(type), ec_point, &point));
	if (builder == NULL || OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) != 1)
		return FAIL(op, ERR_BUG, "out of memory");
	return key_from_parameters(op, "EC", builder, spki);
}

result spki_from_rsa(struct op *op, struct bytes modulus, struct bytes exponent, struct bytes *spki)
{
	AUTO(OSSL_PARAM_BLD) *builder = OSSL_PARAM_BLD_new();
	AUTO(BIGNUM) *n = BN_bin2bn(modulus.p, (int)modulus.n, NULL);
	AUTO(BIGNUM) *e = BN_bin2bn(exponent.p, (int)exponent.n, NULL);

	if (builder == NULL || n == NULL || e == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		return FAIL(op, ERR_BUG, "out of memory");
	return key_from_parameters(op, "RSA", builder, spki);
}

static enum key_type type_of(const EVP_PKEY *key)
{
	char group[32] = "";

	if (EVP_PKEY_is_a(key, "RSA")) {
		int bits = EVP_PKEY_get_bits(key);
		return bits == 2048 ? KEY_RSA2048 : bits == 3072 ? KEY_RSA3072 : bits == 4096 ? KEY_RSA4096 : KEY_OTHER;
	}
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1)
		return strcmp(group, "prime256v1") == 0 ? KEY_P256 : strcmp(group, "secp384r1") == 0 ? KEY_P384 : KEY_OTHER;
	return KEY_OTHER;
}

result spki_key_type(struct op *op, struct bytes spki, enum key_type *out)
{
	const uint8_t *p = spki.p;
	AUTO(EVP_PKEY) *key = d2i_PUBKEY(NULL, &p, (long)spki.n);

	*out = key == NULL ? KEY_OTHER : type_of(key);
	if (*out == KEY_OTHER)
		return FAIL(op, ERR_POLICY, "a key in the token is P-256, P-384 or RSA of 2048, 3072 or 4096 bits, and not this");
	return OK;
}

result spki_rsa_modulus(struct op *op, struct bytes spki, struct bytes *modulus)
{
	const uint8_t *p = spki.p;
	AUTO(EVP_PKEY) *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	AUTO(BIGNUM) *n = NULL;

	if (key == NULL || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1)
		return FAIL(op, ERR_BACKEND, "only an RSA key decrypts, and this is another one");
	uint8_t *octets = arena_alloc(op->arena, (size_t)BN_num_bytes(n));
	*modulus = (struct bytes){ octets, (size_t)BN_bn2bin(n, octets) };
	return OK;
}

static const EVP_MD *digest_method(enum key_type type)
{
	return type == KEY_P384 ? EVP_sha384() : EVP_sha256();
}

size_t spki_digest_size(enum key_type type)
{
	return type == KEY_P384 ? 48 : SHA256_SIZE;
}

size_t spki_digest(enum key_type type, struct bytes message, uint8_t digest[SPKI_DIGEST_MAX])
{
	unsigned n = 0;

	ASSERT(EVP_Digest(message.p, message.n, digest, &n, digest_method(type), NULL) == 1);
	return n;
}

static result ecdsa_to_der(struct op *op, struct bytes raw, struct bytes *signature)
{
	int half = (int)raw.n / 2;
	AUTO(ECDSA_SIG) *pair = ECDSA_SIG_new();
	AUTO(BIGNUM) *r = BN_bin2bn(raw.p, half, NULL);
	AUTO(BIGNUM) *s = BN_bin2bn(raw.p + half, half, NULL);
	uint8_t *der = NULL;

	if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1)
		return FAIL(op, ERR_BUG, "out of memory");
	/* The pair owns them now. */
	r = s = NULL;
	int n = i2d_ECDSA_SIG(pair, &der);
	if (n <= 0)
		return FAIL(op, ERR_BUG, "out of memory");
	*signature = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return OK;
}

result spki_signature(struct op *op, enum key_type type, struct bytes raw, struct bytes *signature)
{
	size_t half = coordinate_size(type);

	if (half == 0) {
		*signature = raw;
		return OK;
	}
	/* F11: a short buffer is not to be read as shorter numbers. */
	if (raw.n != 2 * half)
		return FAIL(op, ERR_BACKEND, "the token returned a signature of %zu bytes instead of %zu", raw.n, 2 * half);
	return ecdsa_to_der(op, raw, signature);
}

bool spki_verifies(struct bytes spki, enum key_type type, struct bytes message, struct bytes signature)
{
	const uint8_t *p = spki.p;
	AUTO(EVP_PKEY) *key = d2i_PUBKEY(NULL, &p, (long)spki.n);
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();

	return key != NULL && context != NULL &&
	       EVP_DigestVerifyInit(context, NULL, digest_method(type), NULL, key) == 1 &&
	       EVP_DigestVerify(context, signature.p, signature.n, message.p, message.n) == 1;
}
