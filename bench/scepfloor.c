/*
 * scepfloor [ENROLMENTS]
 *
 * What one SCEP enrolment costs a CA in cryptography alone: verifying the message
 * and the CSR in it (RSA-2048); decrypting the content key and signing the reply in
 * a SoftHSM token (RSA-2048), encrypting the reply's key to the client; signing the
 * certificate in the token (P-256); verifying both signatures that the token made.
 * Keys are ready to use, nothing is parsed, looked up or kept; AES and SHA-256 of the
 * few kilobytes are left out; one thread. The time is CPU time, the middle one of
 * several rounds. Prints "cpu_ms=… token_ms=… rsa_public_ms=… ec_verify_ms=…".
 */
#include <openssl/rsa.h>
#include <stdio.h>

#include "base/openssl_auto.h"
#include "base/text.h"
#include "bench/floor_token.h"
#include "ipc/role.h"

#define VERIFICATIONS 3 /* by RSA: message, CSR, and our own reply */
#define ROUNDS 5

enum { RA, CA, N_KEYS };

struct work {
	struct floor_token token;
	struct floor_key keys[N_KEYS];
	uint8_t rsa[FLOOR_SIGNATURE_MAX], ec[FLOOR_SIGNATURE_MAX], encrypted[FLOOR_SIGNATURE_MAX];
	size_t rsa_n, ec_n, encrypted_n;
};

struct costs {
	double all[ROUNDS], token[ROUNDS], rsa_public[ROUNDS], ec_verify[ROUNDS];
};

/* A key of AES-256 to the client, which is as expensive as to ourselves. */
static void encrypt(struct work *work)
{
	static const uint8_t key[32] = "content-encryption key";
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new(work->keys[RA].public, NULL);

	work->encrypted_n = sizeof(work->encrypted);
	ASSERT(context != NULL && EVP_PKEY_encrypt_init(context) == 1);
	ASSERT(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1);
	ASSERT(EVP_PKEY_encrypt(context, work->encrypted, &work->encrypted_n, key, sizeof(key)) == 1);
}

static void use_token(struct work *work)
{
	uint8_t key[FLOOR_SIGNATURE_MAX];

	ASSERT(floor_decrypt(&work->token, &work->keys[RA], (struct bytes){ work->encrypted, work->encrypted_n }, key) == 32);
	work->ec_n = floor_sign(&work->token, &work->keys[CA], work->ec);
	work->rsa_n = floor_sign(&work->token, &work->keys[RA], work->rsa);
}

static void run_round(struct work *work, uint64_t enrolments, struct costs *costs, unsigned round)
{
	double n = (double)enrolments, start_ms = floor_cpu_ms();

	for (uint64_t i = 0; i < enrolments; i++)
		use_token(work);
	double token_ms = floor_cpu_ms();
	for (uint64_t i = 0; i < enrolments; i++) {
		encrypt(work);
		for (unsigned j = 0; j < VERIFICATIONS; j++)
			floor_verify(work->keys[RA].public, (struct bytes){ work->rsa, work->rsa_n });
	}
	double rsa_ms = floor_cpu_ms();
	for (uint64_t i = 0; i < enrolments; i++)
		floor_verify(work->keys[CA].public, (struct bytes){ work->ec, work->ec_n });
	double end_ms = floor_cpu_ms();
	costs->all[round] = (end_ms - start_ms) / n;
	costs->token[round] = (token_ms - start_ms) / n;
	costs->rsa_public[round] = (rsa_ms - token_ms) / n;
	costs->ec_verify[round] = (end_ms - rsa_ms) / n;
}

int main(int argc, char **argv)
{
	struct work work = { .keys = { [RA] = { .type = KEY_RSA2048 }, [CA] = { .type = KEY_P256 } } };
	uint64_t enrolments = 150;
	struct costs costs;

	if (argc == 5 && text_equal(argv[1], "--role"))
		return text_equal(argv[2], "token-init") ? token_init_main(argv[4]) : signer_main(argv[2], argv[4]);
	if (argc > 1 && !text_parse_u64(argv[1], 1, 1000000, &enrolments)) {
		fprintf(stderr, "usage: scepfloor [ENROLMENTS]\n");
		return 2;
	}
	floor_token_open(&work.token, work.keys, N_KEYS);
	encrypt(&work);
	use_token(&work);
	for (unsigned i = 0; i < ROUNDS; i++)
		run_round(&work, enrolments, &costs, i);
	printf("cpu_ms=%.3f token_ms=%.3f rsa_public_ms=%.3f ec_verify_ms=%.3f\n", floor_median(costs.all, ROUNDS),
	       floor_median(costs.token, ROUNDS), floor_median(costs.rsa_public, ROUNDS), floor_median(costs.ec_verify, ROUNDS));
	floor_token_close(&work.token, work.keys, N_KEYS);
	return 0;
}
