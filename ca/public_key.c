/* The structure is read by our own reader; OpenSSL gets numbers and points. */
#include "ca/public_key.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>
#include <pthread.h>

#include "base/openssl_auto.h"
#include "ca/der.h"

AUTO_DEFINE(OSSL_PARAM_BLD, OSSL_PARAM_BLD_free);
AUTO_DEFINE(OSSL_PARAM, OSSL_PARAM_free);

typedef EVP_PKEY *make_key(struct bytes key, enum key_type type);

/*
 * Curves without a point, made once. A key is a copy with its point set, which
 * takes a quarter of the time of EVP_PKEY_fromdata: that finds the curve anew.
 */
static pthread_once_t curves_once = PTHREAD_ONCE_INIT;
static EVP_PKEY *curve_p256, *curve_p384;

/* Numbers, points or octets to a key; NULL: they are none. */
static EVP_PKEY *make(const char *type, OSSL_PARAM *parameters)
{
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;
	if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
		return NULL;
	return key;
}

/* A positive, minimal INTEGER. */
static BIGNUM *take_number(struct bytes *in)
{
	struct bytes content;
	if (!der_take(in, DER_INTEGER, &content) || content.n == 0 || content.p[0] >= 0x80)
		return NULL;
	return BN_bin2bn(content.p, (int)content.n, NULL);
}

/* RSAPublicKey ::= SEQUENCE { modulus, publicExponent }, DER inside the BIT STRING (RFC 3279 section 2.3.1). */
static EVP_PKEY *make_rsa(struct bytes key, enum key_type type UNUSED)
{
	if (!der_is_strict(key) || !der_take(&key, DER_SEQUENCE, &key))
		return NULL;
	AUTO(BIGNUM) *n = take_number(&key);
	AUTO(BIGNUM) *e = take_number(&key);
	AUTO(OSSL_PARAM_BLD) *builder = OSSL_PARAM_BLD_new();
	if (n == NULL || e == NULL || key.n != 0 || builder == NULL)
		return NULL;
	if (OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		return NULL;
	AUTO(OSSL_PARAM) *parameters = OSSL_PARAM_BLD_to_param(builder);
	return parameters != NULL ? make("RSA", parameters) : NULL;
}

static EVP_PKEY *curve_make(const char *group)
{
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *curve = NULL;
	ASSERT(context != NULL && EVP_PKEY_paramgen_init(context) == 1);
	ASSERT(EVP_PKEY_CTX_set_group_name(context, group) == 1 && EVP_PKEY_paramgen(context, &curve) == 1);
	return curve;
}

static void curves_free(void)
{
	EVP_PKEY_free(curve_p256);
	EVP_PKEY_free(curve_p384);
}

static void curves_make(void)
{
	curve_p256 = curve_make("P-256");
	curve_p384 = curve_make("P-384");
	OPENSSL_atexit(curves_free);
}

EVP_PKEY *public_key_from_point(enum key_type type, struct bytes point)
{
	ASSERT(type == KEY_P256 || type == KEY_P384);
	pthread_once(&curves_once, curves_make);
	AUTO(EVP_PKEY) *key = EVP_PKEY_dup(type == KEY_P256 ? curve_p256 : curve_p384);
	ASSERT(key != NULL);
	/* OpenSSL refuses coordinates beyond the prime and points off the curve. */
	if (EVP_PKEY_set1_encoded_public_key(key, point.p, point.n) != 1)
		return NULL;
	return TAKE(key);
}

static EVP_PKEY *make_ec(struct bytes key, enum key_type type)
{
	return public_key_from_point(type, key);
}

static EVP_PKEY *make_ed25519(struct bytes key, enum key_type type UNUSED)
{
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key.p, key.n);
}

/* RFC 3279 section 2.3.1, RFC 5480 section 2.1.1 (namedCurve only), RFC 8410 section 3. */
static const struct algorithm {
	struct bytes der;
	make_key *make;
	enum key_type type;
	size_t point; /* octets of an uncompressed point, 0 for others */
} algorithms[] = {
	{ BYTES_LITERAL("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"), make_rsa, KEY_OTHER, 0 },
	{ BYTES_LITERAL("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), make_ec,
	  KEY_P256, 65 },
	{ BYTES_LITERAL("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22"), make_ec, KEY_P384, 97 },
	{ BYTES_LITERAL("\x30\x05\x06\x03\x2b\x65\x70"), make_ed25519, KEY_ED25519, 0 },
};

static const struct algorithm *algorithm_find(struct bytes der)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
		if (bytes_equal(algorithms[i].der, der))
			return &algorithms[i];
	}
	return NULL;
}

/* SubjectPublicKeyInfo ::= SEQUENCE { algorithm, subjectPublicKey BIT STRING } */
static result split(struct op *op, struct bytes spki, struct bytes *algorithm, struct bytes *key)
{
	struct bytes in = spki;
	struct der_value value;
	if (!der_is_strict(spki) || !der_take(&in, DER_SEQUENCE, &in) || !der_next(&in, &value) ||
	    value.tag != DER_SEQUENCE || !der_take(&in, DER_BIT_STRING, key) || in.n != 0)
		return FAIL(op, ERR_MALFORMED, "the public key is not a DER SubjectPublicKeyInfo");
	*algorithm = value.whole;
	return OK;
}

result public_key_decode(struct op *op, struct bytes spki, EVP_PKEY **own_out)
{
	struct bytes algorithm, key;
	TRY(split(op, spki, &algorithm, &key));
	const struct algorithm *known = algorithm_find(algorithm);
	if (known == NULL)
		return FAIL(op, ERR_POLICY,
			    "the public key is of a type that is not accepted: use RSA, a named curve P-256 or P-384, "
			    "or Ed25519");
	if (key.n < 2 || key.p[0] != 0)
		return FAIL(op, ERR_MALFORMED, "the public key's BIT STRING does not hold whole octets");
	key = (struct bytes){ key.p + 1, key.n - 1 };
	/* RFC 5480 section 2.2: 04 is uncompressed; 02 and 03 are compressed, 00 alone is infinity. */
	if (known->point != 0 && (key.n != known->point || key.p[0] != 0x04))
		return FAIL(op, ERR_POLICY, "the %s public key is not an uncompressed point",
			    key_type_name(known->type));
	*own_out = known->make(key, known->type);
	if (*own_out == NULL)
		return FAIL(op, ERR_MALFORMED, "the public key is damaged: it is no key, or a point off its curve");
	return OK;
}
