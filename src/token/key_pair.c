/* Making and finding key pairs (PKCS #11 v2.40, sections 5.7 and 5.13; mechanisms 2.1.2 and 2.3.3). */
#include "token/key_pair.h"

#include <string.h>

#include "base/random.h"
#include "token/spki.h"

/* Two keys of one name are told apart; more than that is nobody's business. */
#define FOUND_MAX 2

#define ATTRIBUTE(name, value) { (name), (void *)&(value), sizeof(value) }
#define ATTRIBUTE_BYTES(name, bytes) { (name), (void *)(bytes).p, (bytes).n }

static CK_BBOOL is_true = CK_TRUE;
static CK_BBOOL is_false = CK_FALSE;

/* RFC 5480 section 2.1.1.1: namedCurve, DER. */
static const uint8_t oid_p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t oid_p384[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22 };

static const uint8_t exponent_f4[] = { 0x01, 0x00, 0x01 };

/* What has to be said of a kind of key to have one made. */
struct recipe {
	CK_MECHANISM_TYPE mechanism;
	CK_ULONG bits;       /* RSA */
	struct bytes curve;  /* EC */
	bool unwraps;        /* RSA */
};

static result recipe_of(struct op *op, enum key_type type, bool unwraps, struct recipe *out)
{
	const struct recipe recipes[] = {
		[KEY_P256] = { CKM_EC_KEY_PAIR_GEN, 0, BYTES_ARRAY(oid_p256), false },
		[KEY_P384] = { CKM_EC_KEY_PAIR_GEN, 0, BYTES_ARRAY(oid_p384), false },
		[KEY_RSA2048] = { CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, BYTES_NONE, unwraps },
		[KEY_RSA3072] = { CKM_RSA_PKCS_KEY_PAIR_GEN, 3072, BYTES_NONE, unwraps },
		[KEY_RSA4096] = { CKM_RSA_PKCS_KEY_PAIR_GEN, 4096, BYTES_NONE, unwraps },
	};

	if ((size_t)type >= sizeof(recipes) / sizeof(recipes[0]))
		return FAIL(op, ERR_POLICY, "a key of type %s cannot be made in the token; P-256, P-384 and RSA can",
			    key_type_name(type));
	*out = recipes[type];
	if (unwraps && !out->unwraps)
		return FAIL(op, ERR_POLICY, "a key of type %s decrypts nothing; RSA does", key_type_name(type));
	return OK;
}

static result session_open_raw(struct op *op, const struct module *module, CK_SLOT_ID slot, CK_FLAGS flags,
			       CK_SESSION_HANDLE *out)
{
	CK_RV rv = module->f->C_OpenSession(slot, CKF_SERIAL_SESSION | flags, NULL, NULL, out);

	return rv == CKR_OK ? OK : FAIL(op, ERR_BACKEND, "the token gives no session (%s)", module_error(rv));
}

/* Up to FOUND_MAX objects; `n` counts them. */
static result find(struct op *op, const struct module *module, CK_SESSION_HANDLE session, CK_ATTRIBUTE *like,
		   CK_ULONG n_like, CK_OBJECT_HANDLE found[FOUND_MAX], CK_ULONG *n)
{
	CK_RV rv = module->f->C_FindObjectsInit(session, like, n_like);

	if (rv == CKR_OK) {
		rv = module->f->C_FindObjects(session, found, FOUND_MAX, n);
		module->f->C_FindObjectsFinal(session);
	}
	return rv == CKR_OK ? OK : FAIL(op, ERR_BACKEND, "the token's objects cannot be searched (%s)", module_error(rv));
}

/* One attribute of any length, in op's arena. */
static result get(struct op *op, const struct module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
		  CK_ATTRIBUTE_TYPE name, struct bytes *out)
{
	CK_ATTRIBUTE attribute = { name, NULL, 0 };
	CK_RV rv = module->f->C_GetAttributeValue(session, object, &attribute, 1);

	if (rv == CKR_OK && (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION || attribute.ulValueLen > 4096))
		rv = CKR_ATTRIBUTE_TYPE_INVALID;
	if (rv == CKR_OK) {
		attribute.pValue = arena_alloc(op->arena, attribute.ulValueLen + 1);
		rv = module->f->C_GetAttributeValue(session, object, &attribute, 1);
	}
	if (rv != CKR_OK)
		return FAIL(op, ERR_BACKEND, "attribute 0x%lx of a key cannot be read from the token (%s)",
			    (unsigned long)name, module_error(rv));
	*out = (struct bytes){ attribute.pValue, attribute.ulValueLen };
	return OK;
}

static result read_spki(struct op *op, const struct module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			enum key_type type, struct bytes *spki)
{
	struct bytes point, modulus, exponent;

	if (type == KEY_P256 || type == KEY_P384) {
		TRY(get(op, module, session, object, CKA_EC_POINT, &point));
		return spki_from_ec_point(op, type, point, spki);
	}
	TRY(get(op, module, session, object, CKA_MODULUS, &modulus));
	TRY(get(op, module, session, object, CKA_PUBLIC_EXPONENT, &exponent));
	return spki_from_rsa(op, modulus, exponent, spki);
}

/* A module may take CKA_SENSITIVE and do as it pleases: believe what it says afterwards. */
static result check_locked_in(struct op *op, const struct module *module, CK_SESSION_HANDLE session,
			      CK_OBJECT_HANDLE private_key)
{
	CK_BBOOL is_sensitive = CK_FALSE, is_extractable = CK_TRUE;
	CK_ATTRIBUTE attributes[] = { ATTRIBUTE(CKA_SENSITIVE, is_sensitive), ATTRIBUTE(CKA_EXTRACTABLE, is_extractable) };
	CK_RV rv = module->f->C_GetAttributeValue(session, private_key, attributes, 2);

	if (rv != CKR_OK || is_sensitive != CK_TRUE || is_extractable != CK_FALSE)
		return FAIL(op, ERR_BACKEND,
			    "the token made a private key that could be taken out of it (%s); it was destroyed", module_error(rv));
	return OK;
}

struct pair {
	CK_OBJECT_HANDLE public_key, private_key;
};

static CK_RV generate(const struct module *module, CK_SESSION_HANDLE session, const struct recipe *recipe,
		      struct bytes label, struct bytes id, struct pair *out)
{
	CK_MECHANISM mechanism = { recipe->mechanism, NULL, 0 };
	CK_ATTRIBUTE public_template[] = {
		ATTRIBUTE(CKA_TOKEN, is_true),
		ATTRIBUTE(CKA_PRIVATE, is_false), /* readable before log-in: doctor and backup tools look at it */
		ATTRIBUTE(CKA_VERIFY, is_true),
		ATTRIBUTE_BYTES(CKA_LABEL, label),
		ATTRIBUTE_BYTES(CKA_ID, id),
		/* Kinds differ in the rest. */
		ATTRIBUTE_BYTES(CKA_EC_PARAMS, recipe->curve),
		{ 0 },
	};
	CK_ULONG n_public = 6;
	CK_ATTRIBUTE private_template[] = {
		ATTRIBUTE(CKA_TOKEN, is_true),	    ATTRIBUTE(CKA_PRIVATE, is_true),
		ATTRIBUTE(CKA_SENSITIVE, is_true),  ATTRIBUTE(CKA_EXTRACTABLE, is_false),
		ATTRIBUTE(CKA_SIGN, is_true),	    ATTRIBUTE_BYTES(CKA_LABEL, label),
		ATTRIBUTE_BYTES(CKA_ID, id),
		/* RSA: said in either case, for tokens differ in what they take for meant (SoftHSM: all of it). */
		{ CKA_DECRYPT, recipe->unwraps ? &is_true : &is_false, sizeof(CK_BBOOL) },
		ATTRIBUTE(CKA_UNWRAP, is_false),
	};
	CK_ULONG n_private = sizeof(private_template) / sizeof(private_template[0]) - 2;

	if (recipe->mechanism == CKM_RSA_PKCS_KEY_PAIR_GEN) {
		public_template[5] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_MODULUS_BITS, recipe->bits);
		public_template[6] = (CK_ATTRIBUTE)ATTRIBUTE(CKA_PUBLIC_EXPONENT, exponent_f4);
		n_public = 7;
		n_private += 2;
	}
	return module->f->C_GenerateKeyPair(session, &mechanism, public_template, n_public, private_template, n_private,
					    &out->public_key, &out->private_key);
}

static result generate_in(struct op *op, const struct module *module, CK_SESSION_HANDLE session,
			  const struct recipe *recipe, struct token_key *out)
{
	struct pair pair;
	CK_RV rv = generate(module, session, recipe, bytes_of_text(out->label), (struct bytes)BYTES_ARRAY(out->id), &pair);

	if (rv == CKR_MECHANISM_INVALID)
		return FAIL(op, ERR_POLICY, "this token makes no %s keys: it has no mechanism for them (%s)",
			    key_type_name(out->type), module_error(rv));
	if (rv != CKR_OK)
		return FAIL(op, ERR_BACKEND, "the token does not make a %s key (%s)", key_type_name(out->type),
			    module_error(rv));
	result r = check_locked_in(op, module, session, pair.private_key);
	if (r.err == ERR_NONE)
		r = read_spki(op, module, session, pair.public_key, out->type, &out->spki);
	if (r.err != ERR_NONE) {
		module->f->C_DestroyObject(session, pair.private_key);
		module->f->C_DestroyObject(session, pair.public_key);
	}
	return r;
}

result key_pair_generate(struct op *op, const struct module *module, CK_SLOT_ID slot, const char *label,
			 enum key_type type, bool unwraps, struct token_key *out)
{
	struct recipe recipe;
	CK_SESSION_HANDLE session;

	TRY(recipe_of(op, type, unwraps, &recipe));
	if (label[0] == '\0' || strlen(label) >= sizeof(out->label))
		return FAIL(op, ERR_MALFORMED, "a key's label has 1 to %zu characters", sizeof(out->label) - 1);
	*out = (struct token_key){ .type = type };
	memcpy(out->label, label, strlen(label));
	random_bytes(out->id, sizeof(out->id));
	TRY(session_open_raw(op, module, slot, CKF_RW_SESSION, &session));
	result r = generate_in(op, module, session, &recipe, out);
	module->f->C_CloseSession(session);
	return r;
}

static result find_private(struct op *op, const struct module *module, CK_SESSION_HANDLE session,
			   const struct token_key *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	struct bytes label = bytes_of_text(key->label);
	CK_ATTRIBUTE like[] = { ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_ID, key->id),
				ATTRIBUTE_BYTES(CKA_LABEL, label) };
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG n_by_id, n;

	/* By id alone first: the library that signs looks for nothing else, so there may be no second one. */
	TRY(find(op, module, session, like, 2, found, &n_by_id));
	TRY(find(op, module, session, like, 3, found, &n));
	const char *id = bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(key->id));
	if (n_by_id == 0)
		return FAIL(op, ERR_NOT_FOUND,
			    "the token has no private key \"%s\" with id %s; it is another token, or the key was deleted",
			    key->label, id);
	if (n_by_id > 1)
		return FAIL(op, ERR_CONFLICT, "the token has several private keys with id %s; remove the copies of \"%s\"",
			    id, key->label);
	if (n == 0)
		return FAIL(op, ERR_CONFLICT, "the private key with id %s in the token is not labelled \"%s\"; it is another key",
			    id, key->label);
	return OK;
}

static result compare_public(struct op *op, const struct module *module, CK_SESSION_HANDLE session,
			     const struct token_key *key)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE kind = key->type == KEY_P256 || key->type == KEY_P384 ? CKK_EC : CKK_RSA;
	CK_ATTRIBUTE like[] = { ATTRIBUTE(CKA_CLASS, class), ATTRIBUTE(CKA_ID, key->id),
				ATTRIBUTE(CKA_KEY_TYPE, kind) };
	CK_OBJECT_HANDLE found[FOUND_MAX];
	CK_ULONG n;
	struct bytes spki = BYTES_NONE;

	TRY(find(op, module, session, like, 3, found, &n));
	if (n == 1)
		TRY(read_spki(op, module, session, found[0], key->type, &spki));
	if (!bytes_equal(spki, key->spki))
		return FAIL(op, ERR_CONFLICT,
			    "the key \"%s\" in the token has another public key than the one on record; "
			    "this is not the token that the CA was made with",
			    key->label);
	return OK;
}

result key_pair_check(struct op *op, const struct module *module, CK_SLOT_ID slot, const struct token_key *key)
{
	CK_SESSION_HANDLE session;
	enum key_type type;

	TRY(spki_key_type(op, key->spki, &type));
	if (type != key->type)
		return FAIL(op, ERR_CONFLICT, "the public key on record for \"%s\" is not of type %s", key->label,
			    key_type_name(key->type));
	TRY(session_open_raw(op, module, slot, 0, &session));
	result r = find_private(op, module, session, key);
	if (r.err == ERR_NONE)
		r = compare_public(op, module, session, key);
	module->f->C_CloseSession(session);
	return r;
}
