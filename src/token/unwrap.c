/*
 * RSAES-PKCS1-v1_5 without telling whether it came out. RFC 3218 section 2.3.2
 * is the rule: octets are drawn before the token is asked, and those that were
 * encrypted replace them when they are as many as was asked for.
 *
 * The token does the RSA only (PKCS #11 v2.40 mechanism 2.1.12, CKM_RSA_X_509),
 * and the padding is looked at in pkcs1_block.h. A token that looks at it
 * (2.1.6, CKM_RSA_PKCS) does so in its own time: SoftHSM writes to the system's
 * log when it is wrong, which can be measured from outside, and as often as
 * somebody likes. So that is for tokens only that have nothing else.
 */
#include "token/unwrap.h"

#include <string.h>

#include <openssl/crypto.h>

#include "base/log.h"
#include "base/random.h"
#include "token/pkcs1_block.h"
#include "token/spki.h"

static result open_session(struct op *op, const struct module *module, const struct module_token *token,
			   struct unwrapper *unwrapper)
{
	if (unwrapper->is_open)
		return OK;
	CK_RV rv = module->f->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &unwrapper->session);
	if (rv != CKR_OK)
		return FAIL(op, ERR_BACKEND, "the token gives no session (%s)", module_error(rv));
	unwrapper->is_open = true;
	unwrapper->is_raw = token->has_raw_rsa;
	if (!unwrapper->is_raw)
		log_warning(op, "token.no-raw-rsa",
			    "token \"%s\" has no CKM_RSA_X_509 to decrypt with; with CKM_RSA_PKCS it checks the padding itself",
			    token->label);
	return OK;
}

static result find_handle(struct op *op, const struct module *module, const struct unwrapper *unwrapper,
			  const struct token_key *key, CK_OBJECT_HANDLE *out)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, (void *)key->id, sizeof(key->id) } };
	CK_ULONG n = 0;

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

result unwrap_find(struct op *op, const struct module *module, const struct module_token *token,
		   struct unwrapper *unwrapper, const struct token_key *key, struct unwrap_key *out)
{
	struct bytes modulus;

	TRY(spki_rsa_modulus(op, key->spki, &modulus));
	ASSERT(modulus.n <= sizeof(out->end));
	*out = (struct unwrap_key){ .n = modulus.n };
	memcpy(out->end, modulus.p, modulus.n);
	out->end[modulus.n - 1] &= 0xfe; /* it is odd */
	TRY(open_session(op, module, token, unwrapper));
	return find_handle(op, module, unwrapper, key, &out->handle);
}

/* Before anything from outside is involved: a refusal here is the key's, or the session is gone. */
static result begin(struct op *op, const struct module *module, const struct unwrapper *unwrapper,
		    const struct token_key *key, CK_OBJECT_HANDLE private_key, bool *is_lost)
{
	CK_MECHANISM mechanism = { unwrapper->is_raw ? CKM_RSA_X_509 : CKM_RSA_PKCS, NULL, 0 };
	CK_RV rv = module->f->C_DecryptInit(unwrapper->session, &mechanism, private_key);

	if (rv == CKR_OK)
		return OK;
	if (rv == CKR_KEY_FUNCTION_NOT_PERMITTED || rv == CKR_KEY_TYPE_INCONSISTENT)
		return FAIL(op, ERR_BACKEND, "the key \"%s\" may not decrypt (%s); it was made for something else", key->label,
			    module_error(rv));
	if (rv == CKR_MECHANISM_INVALID)
		return FAIL(op, ERR_BACKEND, "the token does not decrypt with \"%s\" and %s, which SCEP needs (%s)",
			    key->label, unwrapper->is_raw ? "CKM_RSA_X_509" : "CKM_RSA_PKCS", module_error(rv));
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

/*
 * What the token gets is a number that it decrypts, whatever came: refusing others, as RFC 8017 section 7.2.2 does in
 * step 1 and SP 800-56B revision 2 in 7.1.2.1, is another way through the token, with its lines in the log. Everybody
 * can see which they are, so here branches tell nothing.
 */
static uint64_t take_ciphertext(const struct unwrap_key *key, struct bytes encrypted,
				uint8_t input[UNWRAP_MODULUS_MAX])
{
	uint8_t one[UNWRAP_MODULUS_MAX] = { 0 };

	one[key->n - 1] = 1;
	if (encrypted.n == key->n && memcmp(encrypted.p, one, key->n) > 0 &&
	    memcmp(encrypted.p, key->end, key->n) < 0) {
		memcpy(input, encrypted.p, key->n);
		return 0;
	}
	memset(input, 2, key->n);
	input[0] = 0;
	return 1;
}

/* The message of n octets over `out`, if all is right; `given` of the octets in `block` are the token's. */
static void take_plain(bool is_raw, uint64_t wrong, uint8_t *block, size_t size, uint64_t given, uint8_t *out, size_t n)
{
	if (is_raw) {
		wrong |= pkcs1_block_align(block, size, given);
		wrong |= pkcs1_block_check(block, size, n);
		pkcs1_block_choose(wrong, block + size - n, out, n);
	} else {
		pkcs1_block_choose(wrong | (given ^ n), block, out, n);
	}
}

result unwrap_run(struct op *op, const struct module *module, const struct unwrapper *unwrapper,
		  const struct token_key *key, const struct unwrap_key *private_key, struct bytes encrypted,
		  uint8_t *out, size_t n, bool *is_lost)
{
	uint8_t input[UNWRAP_MODULUS_MAX], block[UNWRAP_MODULUS_MAX] = { 0 };
	CK_ULONG given = sizeof(block);

	ASSERT(n <= TOKEN_UNWRAP_MAX);
	random_bytes(out, n);
	TRY(begin(op, module, unwrapper, key, private_key->handle, is_lost));
	uint64_t wrong = take_ciphertext(private_key, encrypted, input);
	CK_RV rv = module->f->C_Decrypt(unwrapper->session, input, private_key->n, block, &given);
	bool is_gone = is_of_session(rv), is_dead = !is_alive(module, unwrapper);
	take_plain(unwrapper->is_raw, wrong | rv, block, private_key->n, given, out, n);
	OPENSSL_cleanse(block, sizeof(block));
	if (!is_gone && !is_dead)
		return OK;
	*is_lost = true;
	return FAIL(op, ERR_BUSY, "the token did not decrypt with \"%s\" (%s); the signer starts again, try later", key->label,
		    module_error(rv));
}
