/*
 * cryptofloor DIR [SECONDS]
 *
 * What one ACME issuance costs in cryptography alone: the verification of six
 * JWS (ES256), of one CSR, and one certificate signature: C_Sign in the token of
 * the CA in DIR, with a key of this program's own, and its verification. All
 * P-256, all keys ready in memory, nothing parsed, one thread. Prints CPU
 * milliseconds of user and system time for each of them and for all.
 *
 * The keys are made for the run; the one in the token is a session object and
 * goes with the session.
 */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <pkcs11-helper-1.0/pkcs11h-core.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/config.h"
#include "base/files.h"
#include "base/openssl_auto.h"
#include "base/random.h"
#include "base/text.h"
#include "token/module.h"

#define JWS_PER_ISSUANCE 6
#define ROUNDS 5

#define MUST(call) must((call), op, #call)

static void must(result r, const struct op *op, const char *what)
{
	if (r.err == ERR_NONE)
		return;
	fprintf(stderr, "cryptofloor: %s: %s\n", what, op->detail);
	exit(1);
}

static double cpu_ms(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

/* ---- verification ---- */

struct signed_text {
	EVP_PKEY *key;
	uint8_t text[400]; /* about a JWS' signing input, a CSR, a TBSCertificate */
	uint8_t signature[80];
	size_t signature_n;
};

static void make_signed_text(struct signed_text *out)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();

	out->key = EVP_EC_gen("P-256");
	out->signature_n = sizeof(out->signature);
	random_bytes(out->text, sizeof(out->text));
	ASSERT(out->key != NULL && context != NULL);
	ASSERT(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, out->key) == 1);
	ASSERT(EVP_DigestSign(context, out->signature, &out->signature_n, out->text, sizeof(out->text)) == 1);
}

static void verify(const struct signed_text *in)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();

	ASSERT(context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, in->key) == 1);
	ASSERT(EVP_DigestVerify(context, in->signature, in->signature_n, in->text, sizeof(in->text)) == 1);
}

/* ---- the token ---- */

struct signing {
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
};

static void find_key(struct signing *signing)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_KEY_TYPE, &type, sizeof(type) } };
	CK_ULONG found = 0;
	CK_FUNCTION_LIST *f = signing->f;

	ASSERT(f->C_FindObjectsInit(signing->session, like, 2) == CKR_OK);
	ASSERT(f->C_FindObjects(signing->session, &signing->key, 1, &found) == CKR_OK && found == 1);
	ASSERT(f->C_FindObjectsFinal(signing->session) == CKR_OK);
}

/* A session of the CA's own token, logged in, and a key on P-256 in it. */
static void open_token(struct op *op, const struct config *config, struct module *module, struct signing *signing)
{
	struct module_token token;
	struct secret *pin = NULL;

	module_use_softhsm_conf(config->dir);
	MUST(secret_read_file(op, config->token.pin_file, &pin));
	MUST(module_open(op, config->token.module, module));
	MUST(module_find_token(op, module, config->token.label, &token));
	signing->f = module->f;
	ASSERT(signing->f->C_OpenSession(token.slot, CKF_SERIAL_SESSION, NULL, NULL, &signing->session) == CKR_OK);
	ASSERT(signing->f->C_Login(signing->session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin).p,
				   secret_bytes(pin).n) == CKR_OK);
	secret_free(&pin);
	find_key(signing);
}
