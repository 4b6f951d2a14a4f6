/*
 * RSAES-PKCS1-v1_5 without telling whether it came out (PKCS #11 v2.40, section
 * 5.9; mechanism 2.1.6 CKM_RSA_PKCS). RFC 3218 section 2.3.2 is the rule: octets
 * are drawn before the token is asked, and those that the token has decrypted
 * replace them when they are as many as was asked for.
 */
#include "token/unwrap.h"

#include <string.h>

#include <openssl/crypto.h>

#include "base/limits.h"
#include "base/random.h"

#define MODULUS_MAX (LIMIT_RSA_MAX_BITS / 8)

static result open_session(struct op *op, const struct module *module, CK_SLOT_ID slot, struct unwrapper *unwrapper)
{
	if (unwrapper->is_open)
		return OK;
	CK_RV rv = module->f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &unwrapper->session);
	unwrapper->is_open = rv == CKR_OK;
	return rv == CKR_OK ? OK : FAIL(op, ERR_BACKEND, "the token gives no session (%s)", module_error(rv));
}

result unwrap_find(struct op *op, const struct module *module, CK_SLOT_ID slot, struct unwrapper *unwrapper,
		   const struct token_key *key, CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, (void *)key->id, sizeof(key->id) } };
	CK_ULONG n = 0;

	TRY(open_session(op, module, slot, unwrapper));
	CK_RV rv = module->f->C_FindObjectsInit(unwrapper->session, like, 2);
	if (rv == CKR_OK) {
		rv = module->f->C_FindObjects(unwrapper->session, out, 1, &n);
		module->f->C_FindObjectsFinal(unwrapper->session);
	}
	if (rv != CKR_OK || n != 1)
		return FAIL(op, ERR_BACKEND, "the private key \"%s\" cannot be found in the token a second time (%s)", key->label,
			    module_error(rv));
	return OK;
}

/* Before anything from outside is involved: a refusal here is the key's, or the session is gone. */
static result begin(struct op *op, const struct module *module, const struct unwrapper *unwrapper,
		    const struct token_key *key, CK_OBJECT_HANDLE private_key, bool *is_lost)
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_RV rv = module->f->C_DecryptInit(unwrapper->session, &mechanism, private_key);

	if (rv == CKR_OK)
		return OK;
	if (rv == CKR_KEY_FUNCTION_NOT_PERMITTED || rv == CKR_KEY_TYPE_INCONSISTENT)
		return FAIL(op, ERR_BACKEND, "the key \"%s\" may not decrypt (%s); it was made for something else", key->label,
			    module_error(rv));
	if (rv == CKR_MECHANISM_INVALID)
		return FAIL(op, ERR_BACKEND, "the token does not decrypt with RSA and PKCS #1 v1.5, which SCEP needs (%s)",
			    module_error(rv));
	*is_lost = true;
	return FAIL(op, ERR_BUSY, "the token did not decrypt with \"%s\" (%s); the signer starts again, try later", key->label,
		    module_error(rv));
}

/*
 * Errors that are about session, login or key handle. All others may have been caused by what was to be decrypted:
 * modules differ in what they say to bad padding, and SoftHSM says CKR_GENERAL_ERROR.
 */
static bool is_of_session(CK_RV rv)
{
	static const CK_RV codes[] = { CKR_DEVICE_REMOVED,	  CKR_TOKEN_NOT_PRESENT,   CKR_TOKEN_NOT_RECOGNIZED,
				       CKR_SESSION_CLOSED,	  CKR_SESSION_HANDLE_INVALID, CKR_USER_NOT_LOGGED_IN,
				       CKR_KEY_HANDLE_INVALID,	  CKR_OBJECT_HANDLE_INVALID,  CKR_CRYPTOKI_NOT_INITIALIZED,
				       CKR_OPERATION_NOT_INITIALIZED };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (rv == codes[i])
			return true;
	return false;
}

/* Asked after every decryption, good or bad, so that neither takes longer. */
static bool is_alive(const struct module *module, const struct unwrapper *unwrapper)
{
	CK_SESSION_INFO info = { 0 };

	return module->f->C_GetSessionInfo(unwrapper->session, &info) == CKR_OK && info.state == CKS_RO_USER_FUNCTIONS;
}

/* The n octets of `plain` over those of `out` when `is_wrong` is 0; without a branch. */
static void choose(uint64_t is_wrong, const uint8_t *plain, uint8_t *out, size_t n)
{
	uint8_t mask = (uint8_t)(((is_wrong | (0 - is_wrong)) >> 63) - 1);

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(out[i] ^ (mask & (out[i] ^ plain[i])));
}

result unwrap_run(struct op *op, const struct module *module, const struct unwrapper *unwrapper,
		  const struct token_key *key, CK_OBJECT_HANDLE private_key, struct bytes encrypted, uint8_t *out, size_t n,
		  bool *is_lost)
{
	uint8_t input[MODULUS_MAX + 1] = { 0 }, plain[MODULUS_MAX] = { 0 };
	CK_ULONG plain_n = sizeof(plain);

	ASSERT(n <= TOKEN_UNWRAP_MAX);
	random_bytes(out, n);
	TRY(begin(op, module, unwrapper, key, private_key, is_lost));
	/* Never nothing at all, which some modules take for a wrong call; and what is too long stays so. */
	size_t input_n = encrypted.n < sizeof(input) ? encrypted.n : sizeof(input);
	if (input_n > 0)
		memcpy(input, encrypted.p, input_n);
	CK_RV rv = module->f->C_Decrypt(unwrapper->session, input, input_n > 0 ? input_n : 1, plain, &plain_n);
	bool is_gone = is_of_session(rv), is_dead = !is_alive(module, unwrapper);
	choose((uint64_t)rv | ((uint64_t)plain_n ^ n), plain, out, n);
	OPENSSL_cleanse(plain, sizeof(plain));
	if (!is_gone && !is_dead)
		return OK;
	*is_lost = true;
	return FAIL(op, ERR_BUSY, "the token did not decrypt with \"%s\" (%s); the signer starts again, try later", key->label,
		    module_error(rv));
}
