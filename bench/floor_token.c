#define _XOPEN_SOURCE 700 /* nftw */
#include "bench/floor_token.h"

#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/config.h"
#include "base/files.h"
#include "base/openssl_auto.h"
#include "base/text.h"

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define LABEL "bench"
#define DIGEST_SIZE 32
#define HALF_SIZE 32 /* r or s of a P-256 signature, as PKCS #11 returns them */

#define MUST(call) must((call), op, #call)

const uint8_t floor_message[400] = "to be signed";

static void must(result r, const struct op *op, const char *what)
{
	if (r.err == ERR_NONE)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, op->detail);
	exit(1);
}

static EVP_PKEY *public_key(struct bytes spki)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *out = d2i_PUBKEY(NULL, &p, (long)spki.n);

	ASSERT(out != NULL);
	return out;
}

static void find_key(const struct floor_token *token, const struct token_key *made, struct floor_key *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, (void *)made->id, sizeof(made->id) } };
	CK_FUNCTION_LIST *f = token->module.f;
	CK_ULONG found = 0;

	ASSERT(f->C_FindObjectsInit(token->session, like, 2) == CKR_OK);
	ASSERT(f->C_FindObjects(token->session, &key->private, 1, &found) == CKR_OK && found == 1);
	ASSERT(f->C_FindObjectsFinal(token->session) == CKR_OK);
}

/* The signer process that makes the keys is gone before this one loads the module. */
static void make_keys(struct op *op, const char *dir, const char *pin_file, struct floor_key *keys, unsigned n,
		      struct token_key *made)
{
	const struct config_seed seed = { .organization = "Bench",
					  .host = "ca.bench.internal",
					  .store = "sqlite:chancery.db",
					  .module = MODULE,
					  .token_label = LABEL,
					  .pin_file = pin_file,
					  .https_port = 8443,
					  .http_port = 8080,
					  .mutual_port = 8444,
					  .listen_address = "127.0.0.1",
					  .validation_http_port = 80 };
	struct token *token;

	MUST(files_write(op, files_join(op->arena, dir, CONFIG_FILE), 0600,
			 bytes_of_text(config_template(op->arena, &seed))));
	MUST(token_make_softhsm(op, dir, MODULE, LABEL, pin_file));
	MUST(token_open_here(op, dir, &token));
	for (unsigned i = 0; i < n; i++) {
		const char *label = arena_printf(op->arena, "bench %u", i);
		bool is_rsa = keys[i].type != KEY_P256;
		MUST(is_rsa ? token_generate_unwrapping(op, token, label, keys[i].type, &made[i])
			    : token_generate(op, token, label, keys[i].type, &made[i]));
		keys[i].public = public_key(made[i].spki);
	}
	token_free(&token);
}

static void open_session(struct op *op, const char *pin_file, struct floor_token *token)
{
	struct module_token slot;
	struct secret *pin = NULL;

	module_use_softhsm_conf(token->dir);
	MUST(secret_read_file(op, pin_file, &pin));
	MUST(module_open(op, MODULE, &token->module));
	MUST(module_find_token(op, &token->module, LABEL, &slot));
	CK_FUNCTION_LIST *f = token->module.f;
	ASSERT(f->C_OpenSession(slot.slot, CKF_SERIAL_SESSION, NULL, NULL, &token->session) == CKR_OK);
	ASSERT(f->C_Login(token->session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin).p, secret_bytes(pin).n) == CKR_OK);
	secret_free(&pin);
}

void floor_token_open(struct floor_token *token, struct floor_key *keys, unsigned n)
{
	struct op *op = op_new();
	struct token_key *made = arena_alloc_array(op->arena, n, sizeof *made);

	snprintf(token->dir, sizeof(token->dir), "/tmp/floor-XXXXXX");
	ASSERT(mkdtemp(token->dir) != NULL);
	const char *pin_file = files_join(op->arena, token->dir, "pin");
	make_keys(op, token->dir, pin_file, keys, n, made);
	open_session(op, pin_file, token);
	for (unsigned i = 0; i < n; i++)
		find_key(token, &made[i], &keys[i]);
	op_free(&op);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void floor_token_close(struct floor_token *token, struct floor_key *keys, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		EVP_PKEY_free(keys[i].public);
	module_close(&token->module);
	nftw(token->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* r and s, as X.509 wants them. */
static size_t sign_ec(const struct floor_token *token, const struct floor_key *key, uint8_t *digest, uint8_t *signature)
{
	CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
	CK_FUNCTION_LIST *f = token->module.f;
	uint8_t halves[2 * HALF_SIZE];
	CK_ULONG size = sizeof(halves);

	ASSERT(f->C_SignInit(token->session, &mechanism, key->private) == CKR_OK);
	ASSERT(f->C_Sign(token->session, digest, DIGEST_SIZE, halves, &size) == CKR_OK && size == sizeof(halves));
	AUTO(ECDSA_SIG) *parts = ECDSA_SIG_new();
	ASSERT(parts != NULL);
	ASSERT(ECDSA_SIG_set0(parts, BN_bin2bn(halves, HALF_SIZE, NULL), BN_bin2bn(halves + HALF_SIZE, HALF_SIZE, NULL)));
	int n = i2d_ECDSA_SIG(parts, &signature);
	ASSERT(n > 0);
	return (size_t)n;
}

/* DigestInfo of SHA-256 (RFC 8017 section 9.2), to which CKM_RSA_PKCS adds the padding. */
static size_t sign_rsa(const struct floor_token *token, const struct floor_key *key, const uint8_t *digest, uint8_t *signature)
{
	uint8_t info[19 + DIGEST_SIZE] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_FUNCTION_LIST *f = token->module.f;
	CK_ULONG size = FLOOR_SIGNATURE_MAX;

	memcpy(info + 19, digest, DIGEST_SIZE);
	ASSERT(f->C_SignInit(token->session, &mechanism, key->private) == CKR_OK);
	ASSERT(f->C_Sign(token->session, info, sizeof(info), signature, &size) == CKR_OK);
	return size;
}

size_t floor_sign(const struct floor_token *token, const struct floor_key *key, uint8_t signature[FLOOR_SIGNATURE_MAX])
{
	uint8_t digest[DIGEST_SIZE];

	ASSERT(EVP_Digest(floor_message, sizeof(floor_message), digest, NULL, EVP_sha256(), NULL) == 1);
	return key->type == KEY_P256 ? sign_ec(token, key, digest, signature) : sign_rsa(token, key, digest, signature);
}

size_t floor_decrypt(const struct floor_token *token, const struct floor_key *key, struct bytes encrypted,
		     uint8_t out[FLOOR_SIGNATURE_MAX])
{
	CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
	CK_FUNCTION_LIST *f = token->module.f;
	CK_ULONG size = FLOOR_SIGNATURE_MAX;

	ASSERT(f->C_DecryptInit(token->session, &mechanism, key->private) == CKR_OK);
	ASSERT(f->C_Decrypt(token->session, (CK_BYTE_PTR)encrypted.p, encrypted.n, out, &size) == CKR_OK);
	return size;
}

void floor_verify(EVP_PKEY *key, struct bytes signature)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();

	ASSERT(context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1);
	ASSERT(EVP_DigestVerify(context, signature.p, signature.n, floor_message, sizeof(floor_message)) == 1);
}

double floor_cpu_ms(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double floor_median(double *figures, unsigned n)
{
	qsort(figures, n, sizeof(figures[0]), compare);
	return figures[n / 2];
}
