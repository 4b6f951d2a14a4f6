/* RFC 7517, 7518, 7638, 8037: JSON Web Keys that verify. */
#include "protocols/acme/jwk.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/key_check.h"
#include "ca/public_key.h"
#include "protocols/acme/problem.h"

AUTO_DEFINE(OSSL_PARAM, OSSL_PARAM_free);
AUTO_DEFINE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);

#define BAD_KEY(op, ...) FAIL_CODE((op), ERR_POLICY, ACME_BAD_PUBLIC_KEY, __VA_ARGS__)

#define EXPONENT_BYTES_MAX 8 /* 65537 needs three; more costs verification time for nothing */
#define ED25519_SIZE 32

static const struct {
	const char *crv, *group;
	enum key_type type;
	size_t size;
} curves[] = {
	[JWK_P256] = { "P-256", "prime256v1", KEY_P256, 32 },
	[JWK_P384] = { "P-384", "secp384r1", KEY_P384, 48 },
};

/* RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2, and "k" of symmetric keys (W9). */
static result refuse_private(struct op *op, const json_t *object)
{
	static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (json_object_get(object, names[i]) != NULL)
			return BAD_KEY(op, "the JWK has the private member \"%s\": send the public key only, "
					   "and consider this one lost", names[i]);
	return OK;
}

/* RFC 7517 sections 4.2 and 4.3 (W9): where the key says what it is for, it must be for this. */
static result check_purpose(struct op *op, const json_t *object)
{
	const char *use;
	const json_t *key_ops;
	TRY(json_maybe_text(op, object, "use", &use));
	TRY(json_maybe_array(op, object, "key_ops", &key_ops));
	if (use != NULL && !text_equal(use, "sig"))
		return BAD_KEY(op, "the JWK's \"use\" is not \"sig\"");
	if (key_ops == NULL)
		return OK;
	for (size_t i = 0; i < json_array_size(key_ops); i++)
		if (text_equal(json_string_value(json_array_get(key_ops, i)), "verify"))
			return OK;
	return BAD_KEY(op, "the JWK's \"key_ops\" lacks \"verify\"");
}

static result need_number(struct op *op, const json_t *object, const char *name, struct bytes *out)
{
	const char *text = json_string_value(json_object_get(object, name));
	if (text == NULL)
		return BAD_KEY(op, "the JWK has no text member \"%s\"", name);
	if (bytes_from_base64url(op, bytes_of_text(text), out).err != ERR_NONE)
		return BAD_KEY(op, "the JWK's \"%s\" is not base64url", name);
	return OK;
}

/* RFC 7518 section 6.2.1.2: the full length of a coordinate, also with leading zeros (W8). */
static result parse_ec(struct op *op, const json_t *object, struct jwk *out)
{
	const char *crv = json_string_value(json_object_get(object, "crv"));
	for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
		if (!text_equal(crv, curves[i].crv))
			continue;
		out->type = (enum jwk_type)i;
		TRY(need_number(op, object, "x", &out->a));
		TRY(need_number(op, object, "y", &out->b));
		if (out->a.n != curves[i].size || out->b.n != curves[i].size)
			return BAD_KEY(op, "coordinates of a %s key must have exactly %zu bytes", crv, curves[i].size);
		return OK;
	}
	return BAD_KEY(op, "EC keys must be on P-256 or P-384");
}

/* RFC 7518 section 6.3.1: as few bytes as possible (W8, J4). */
static result parse_rsa(struct op *op, const json_t *object, struct jwk *out)
{
	out->type = JWK_RSA;
	TRY(need_number(op, object, "n", &out->a));
	TRY(need_number(op, object, "e", &out->b));
	if (out->a.n == 0 || out->b.n == 0 || out->a.p[0] == 0 || out->b.p[0] == 0)
		return BAD_KEY(op, "\"n\" and \"e\" of an RSA key must not be empty or begin with zero bytes");
	if (out->a.n < LIMIT_RSA_MIN_BITS / 8 || out->a.n > LIMIT_RSA_MAX_BITS / 8)
		return BAD_KEY(op, "RSA keys must have %d to %d bits", LIMIT_RSA_MIN_BITS, LIMIT_RSA_MAX_BITS);
	if (out->b.n > EXPONENT_BYTES_MAX)
		return BAD_KEY(op, "the exponent of the RSA key is too large; use 65537");
	return OK;
}

/* Points of small order and non-canonical ones (W10, J3) are key_check's business. */
static result parse_okp(struct op *op, const json_t *object, struct jwk *out)
{
	out->type = JWK_ED25519;
	if (!text_equal(json_string_value(json_object_get(object, "crv")), "Ed25519"))
		return BAD_KEY(op, "OKP keys must be Ed25519");
	TRY(need_number(op, object, "x", &out->a));
	if (out->a.n != ED25519_SIZE)
		return BAD_KEY(op, "\"x\" of an Ed25519 key must have exactly 32 bytes");
	return OK;
}

/* RFC 7638 section 3.2: required members, in lexicographic order. */
static void make_canonical(struct op *op, struct jwk *jwk)
{
	const char *a = bytes_to_base64url(op->arena, jwk->a);
	const char *b = bytes_to_base64url(op->arena, jwk->b);
	uint8_t digest[SHA256_SIZE];

	switch (jwk->type) {
	case JWK_P256:
	case JWK_P384:
		jwk->json = arena_printf(op->arena, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
					 curves[jwk->type].crv, a, b);
		break;
	case JWK_RSA:
		jwk->json = arena_printf(op->arena, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", b, a);
		break;
	case JWK_ED25519:
		jwk->json = arena_printf(op->arena, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", a);
		break;
	}
	bytes_sha256(bytes_of_text(jwk->json), digest);
	ASSERT(text_copy(jwk->thumbprint, sizeof jwk->thumbprint,
			 bytes_to_base64url(op->arena, (struct bytes)BYTES_ARRAY(digest))));
}

result jwk_parse(struct op *op, const json_t *object, struct jwk *out)
{
	static const struct {
		const char *kty;
		result (*parse)(struct op *op, const json_t *object, struct jwk *out);
	} kinds[] = { { "EC", parse_ec }, { "RSA", parse_rsa }, { "OKP", parse_okp } };

	if (!json_is_object(object))
		return FAIL_CODE(op, ERR_MALFORMED, ACME_MALFORMED, "\"jwk\" must be an object");
	const char *kty = json_string_value(json_object_get(object, "kty"));
	TRY(refuse_private(op, object));
	TRY(check_purpose(op, object));
	*out = (struct jwk){ 0 };
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!text_equal(kty, kinds[i].kty))
			continue;
		TRY(kinds[i].parse(op, object, out));
		make_canonical(op, out);
		return OK;
	}
	return BAD_KEY(op, "the JWK's \"kty\" must be EC, RSA or OKP");
}

result jwk_parse_text(struct op *op, const char *json, struct jwk *out)
{
	AUTO(json_t) *object = NULL;
	TRY(json_parse_object(op, bytes_of_text(json), "stored JWK", &object));
	return jwk_parse(op, object, out);
}

static result ec_key(struct op *op, const struct jwk *jwk, EVP_PKEY **own_out)
{
	uint8_t point[1 + 2 * 48] = { 0x04 }; /* uncompressed (SEC 1 section 2.3.3) */

	memcpy(point + 1, jwk->a.p, jwk->a.n);
	memcpy(point + 1 + jwk->a.n, jwk->b.p, jwk->b.n);
	*own_out = public_key_from_point(curves[jwk->type].type, (struct bytes){ point, 1 + jwk->a.n + jwk->b.n });
	return *own_out != NULL ? OK : BAD_KEY(op, "the JWK is not a valid public key");
}

static result rsa_key(struct op *op, const struct jwk *jwk, EVP_PKEY **own_out)
{
	AUTO(BIGNUM) *n = BN_bin2bn(jwk->a.p, (int)jwk->a.n, NULL);
	AUTO(BIGNUM) *e = BN_bin2bn(jwk->b.p, (int)jwk->b.n, NULL);
	AUTO(OSSL_PARAM_BLD) *builder = OSSL_PARAM_BLD_new();

	ASSERT(n != NULL && e != NULL && builder != NULL);
	ASSERT(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1);
	ASSERT(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1);
	AUTO(OSSL_PARAM) *parameters = OSSL_PARAM_BLD_to_param(builder);
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	ASSERT(parameters != NULL && context != NULL && EVP_PKEY_fromdata_init(context) == 1);
	if (EVP_PKEY_fromdata(context, own_out, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		return BAD_KEY(op, "the JWK is not a valid public key");
	return OK;
}

result jwk_key(struct op *op, const struct jwk *jwk, EVP_PKEY **own_out)
{
	switch (jwk->type) {
	case JWK_P256:
	case JWK_P384:
		return ec_key(op, jwk, own_out);
	case JWK_RSA:
		return rsa_key(op, jwk, own_out);
	case JWK_ED25519:
		*own_out = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, jwk->a.p, jwk->a.n);
		return *own_out != NULL ? OK : BAD_KEY(op, "the JWK is not a valid public key");
	}
	return FAIL(op, ERR_BUG, "JWK of unknown type %d", (int)jwk->type);
}

result jwk_key_checked(struct op *op, const struct jwk *jwk, EVP_PKEY **own_out)
{
	AUTO(EVP_PKEY) *key = NULL;
	enum key_type type;

	TRY(jwk_key(op, jwk, &key));
	result r = key_check(op, key, &type);
	if (r.err == ERR_MALFORMED || r.err == ERR_POLICY)
		return BAD_KEY(op, "%s", op->detail);
	TRY(r);
	*own_out = TAKE(key);
	return OK;
}

static struct bytes number_of(struct op *op, const EVP_PKEY *key, const char *parameter, size_t size)
{
	BIGNUM *raw = NULL;
	ASSERT(EVP_PKEY_get_bn_param(key, parameter, &raw) == 1);
	AUTO(BIGNUM) *number = raw;
	size_t n = size != 0 ? size : (size_t)BN_num_bytes(number);
	uint8_t *p = arena_alloc(op->arena, n + 1);
	ASSERT(BN_bn2binpad(number, p, (int)n) == (int)n);
	return (struct bytes){ p, n };
}

static bool is_on_group(const EVP_PKEY *key, const char *group)
{
	char name[64];
	size_t n;
	return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &n) == 1 &&
	       text_equal(name, group);
}

result jwk_of_key(struct op *op, const EVP_PKEY *key, struct jwk *out)
{
	*out = (struct jwk){ 0 };
	if (EVP_PKEY_is_a(key, "RSA")) {
		out->type = JWK_RSA;
		out->a = number_of(op, key, OSSL_PKEY_PARAM_RSA_N, 0);
		out->b = number_of(op, key, OSSL_PKEY_PARAM_RSA_E, 0);
	} else if (EVP_PKEY_is_a(key, "EC") && is_on_group(key, curves[JWK_P256].group)) {
		out->type = JWK_P256;
	} else if (EVP_PKEY_is_a(key, "EC") && is_on_group(key, curves[JWK_P384].group)) {
		out->type = JWK_P384;
	} else if (EVP_PKEY_is_a(key, "ED25519")) {
		uint8_t *x = arena_alloc(op->arena, ED25519_SIZE);
		size_t n = ED25519_SIZE;
		ASSERT(EVP_PKEY_get_raw_public_key(key, x, &n) == 1);
		out->type = JWK_ED25519;
		out->a = (struct bytes){ x, n };
	} else {
		return FAIL(op, ERR_POLICY, "this kind of key has no place in a JWK");
	}
	if (out->type == JWK_P256 || out->type == JWK_P384) {
		out->a = number_of(op, key, OSSL_PKEY_PARAM_EC_PUB_X, curves[out->type].size);
		out->b = number_of(op, key, OSSL_PKEY_PARAM_EC_PUB_Y, curves[out->type].size);
	}
	make_canonical(op, out);
	return OK;
}
