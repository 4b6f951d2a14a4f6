/*
 * cryptofloor [ISSUANCES]
 *
 * What one ACME issuance costs in cryptography alone: verifying six JWS (ES256)
 * and one CSR, signing the certificate by C_Sign in a SoftHSM token, verifying
 * that. All keys P-256 and ready to use, nothing is parsed, looked up or kept;
 * one thread. The time is CPU time, the middle one of several rounds. Prints
 * "cpu_ms=… sign_ms=… verify_ms=…": of one issuance, and the two parts of it.
 */
#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/config.h"
#include "base/files.h"
#include "base/openssl_auto.h"
#include "base/secret.h"
#include "base/text.h"
#include "ipc/role.h"
#include "token/module.h"
#include "token/token.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define LABEL "cryptofloor"
#define JWS_VERIFICATIONS 6
#define CSR_VERIFICATIONS 1
#define ROUNDS 5
#define DIGEST_SIZE 32
#define HALF_SIZE 32 /* r or s of a P-256 signature, as PKCS #11 returns them */

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

/* About as long as the signing input of a JWS, or a TBSCertificate. */
static const uint8_t message[400] = "to be signed";

static EVP_PKEY *public_key(const struct token_key *key)
{
	const uint8_t *p = key->spki.p;
	EVP_PKEY *out = d2i_PUBKEY(NULL, &p, (long)key->spki.n);

	ASSERT(out != NULL);
	return out;
}

static void verify(EVP_PKEY *key, struct bytes signature)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();

	ASSERT(context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1);
	ASSERT(EVP_DigestVerify(context, signature.p, signature.n, message, sizeof(message)) == 1);
}

/* ---- the token ---- */

struct signing {
	struct module module;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
};

/* A token of its own with one key, made as `chancery init` makes its own. */
static void make_token(struct op *op, const char *dir, const char *pin_file, struct token_key *key)
{
	const struct config_seed seed = { .organization = "Bench",
					  .host = "ca.bench.internal",
					  .store = "sqlite:chancery.db",
					  .module = MODULE,
					  .token_label = LABEL,
					  .pin_file = pin_file,
					  .https_port = 8443,
					  .http_port = 8080,
					  .listen_address = "127.0.0.1",
					  .validation_http_port = 80 };
	struct token *token;

	MUST(files_write(op, files_join(op->arena, dir, CONFIG_FILE), 0600,
			 bytes_of_text(config_template(op->arena, &seed))));
	MUST(token_make_softhsm(op, dir, MODULE, LABEL, pin_file));
	MUST(token_open_here(op, dir, &token));
	MUST(token_generate(op, token, "bench", KEY_P256, key));
	token_free(&token);
}

static void find_key(struct signing *signing, const struct token_key *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, (void *)key->id, sizeof(key->id) } };
	CK_FUNCTION_LIST *f = signing->module.f;
	CK_ULONG found = 0;

	ASSERT(f->C_FindObjectsInit(signing->session, like, 2) == CKR_OK);
	ASSERT(f->C_FindObjects(signing->session, &signing->key, 1, &found) == CKR_OK && found == 1);
	ASSERT(f->C_FindObjectsFinal(signing->session) == CKR_OK);
}

static void open_token(struct op *op, const char *dir, const char *pin_file, const struct token_key *key,
		       struct signing *signing)
{
	struct module_token token;
	struct secret *pin = NULL;

	module_use_softhsm_conf(dir);
	MUST(secret_read_file(op, pin_file, &pin));
	MUST(module_open(op, MODULE, &signing->module));
	MUST(module_find_token(op, &signing->module, LABEL, &token));
	CK_FUNCTION_LIST *f = signing->module.f;
	ASSERT(f->C_OpenSession(token.slot, CKF_SERIAL_SESSION, NULL, NULL, &signing->session) == CKR_OK);
	ASSERT(f->C_Login(signing->session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin).p, secret_bytes(pin).n) == CKR_OK);
	secret_free(&pin);
	find_key(signing, key);
}

/* Hashes and signs; the signature as X.509 wants it, in `der`. */
static struct bytes sign(const struct signing *signing, uint8_t der[80])
{
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	uint8_t digest[DIGEST_SIZE], halves[2 * HALF_SIZE];
	CK_ULONG size = sizeof(halves);
	CK_FUNCTION_LIST *f = signing->module.f;

	ASSERT(EVP_Digest(message, sizeof(message), digest, NULL, EVP_sha256(), NULL) == 1);
	ASSERT(f->C_SignInit(signing->session, &mechanism, signing->key) == CKR_OK);
	ASSERT(f->C_Sign(signing->session, digest, sizeof(digest), halves, &size) == CKR_OK && size == sizeof(halves));
	AUTO(ECDSA_SIG) *signature = ECDSA_SIG_new();
	ASSERT(signature != NULL);
	ASSERT(ECDSA_SIG_set0(signature, BN_bin2bn(halves, HALF_SIZE, NULL), BN_bin2bn(halves + HALF_SIZE, HALF_SIZE, NULL)));
	uint8_t *p = der;
	int n = i2d_ECDSA_SIG(signature, &p);
	ASSERT(n > 0);
	return (struct bytes){ der, (size_t)n };
}

/* ---- the figure ---- */

/* CPU milliseconds per issuance. */
struct costs {
	double all, sign, verify;
};

static struct costs run_round(const struct signing *signing, EVP_PKEY *key, uint64_t issuances)
{
	uint8_t der[80];
	struct bytes signature = sign(signing, der);

	double start_ms = cpu_ms();
	for (uint64_t i = 0; i < issuances; i++)
		signature = sign(signing, der);
	double signed_ms = cpu_ms();
	for (uint64_t i = 0; i < issuances * (JWS_VERIFICATIONS + CSR_VERIFICATIONS + 1); i++)
		verify(key, signature);
	double end_ms = cpu_ms();
	double n = (double)issuances;
	return (struct costs){ (end_ms - start_ms) / n, (signed_ms - start_ms) / n, (end_ms - signed_ms) / n };
}

static int compare_costs(const void *a, const void *b)
{
	double x = ((const struct costs *)a)->all, y = ((const struct costs *)b)->all;

	return (x > y) - (x < y);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void run(struct op *op, const char *dir, uint64_t issuances)
{
	const char *pin_file = files_join(op->arena, dir, "pin");
	struct costs rounds[ROUNDS];
	struct token_key key;
	struct signing signing;

	make_token(op, dir, pin_file, &key);
	open_token(op, dir, pin_file, &key, &signing);
	AUTO(EVP_PKEY) *public = public_key(&key);
	for (unsigned i = 0; i < ROUNDS; i++)
		rounds[i] = run_round(&signing, public, issuances);
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare_costs);
	struct costs middle = rounds[ROUNDS / 2];
	printf("cpu_ms=%.3f sign_ms=%.3f verify_ms=%.3f\n", middle.all, middle.sign, middle.verify);
	module_close(&signing.module);
}

int main(int argc, char **argv)
{
	uint64_t issuances = 300;
	char dir[] = "/tmp/cryptofloor-XXXXXX";

	if (argc == 5 && text_equal(argv[1], "--role"))
		return text_equal(argv[2], "token-init") ? token_init_main(argv[4]) : signer_main(argv[2], argv[4]);
	if (argc > 1 && !text_parse_u64(argv[1], 1, 1000000, &issuances)) {
		fprintf(stderr, "usage: cryptofloor [ISSUANCES]\n");
		return 2;
	}
	ASSERT(mkdtemp(dir) != NULL);
	struct op *op = op_new();
	run(op, dir, issuances);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	op_free(&op);
	return 0;
}
