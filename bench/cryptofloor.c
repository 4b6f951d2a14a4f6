/*
 * cryptofloor [ISSUANCES]
 *
 * What one ACME issuance costs in cryptography alone: verifying six JWS (ES256)
 * and one CSR, signing the certificate by C_Sign in a SoftHSM token, verifying
 * that. All keys P-256 and ready to use, nothing is parsed, looked up or kept;
 * one thread. The time is CPU time, the middle one of several rounds. Prints
 * "cpu_ms=… sign_ms=… verify_ms=…": of one issuance, and the two parts of it.
 */
#include <stdio.h>

#include "base/text.h"
#include "bench/floor_token.h"
#include "ipc/role.h"

#define JWS_VERIFICATIONS 6
#define CSR_VERIFICATIONS 1
#define ROUNDS 5

/* CPU milliseconds per issuance, of each round. */
struct costs {
	double all[ROUNDS], sign[ROUNDS], verify[ROUNDS];
};

static void run_round(const struct floor_token *token, const struct floor_key *key, uint64_t issuances, struct costs *costs,
		      unsigned round)
{
	uint8_t der[FLOOR_SIGNATURE_MAX];
	struct bytes signature = { der, floor_sign(token, key, der) };

	double start_ms = floor_cpu_ms();
	for (uint64_t i = 0; i < issuances; i++)
		signature.n = floor_sign(token, key, der);
	double signed_ms = floor_cpu_ms();
	for (uint64_t i = 0; i < issuances * (JWS_VERIFICATIONS + CSR_VERIFICATIONS + 1); i++)
		floor_verify(key->public, signature);
	double end_ms = floor_cpu_ms();
	double n = (double)issuances;
	costs->all[round] = (end_ms - start_ms) / n;
	costs->sign[round] = (signed_ms - start_ms) / n;
	costs->verify[round] = (end_ms - signed_ms) / n;
}

int main(int argc, char **argv)
{
	uint64_t issuances = 300;
	struct floor_key key = { .type = KEY_P256 };
	struct floor_token token;
	struct costs costs;

	if (argc == 5 && text_equal(argv[1], "--role"))
		return text_equal(argv[2], "token-init") ? token_init_main(argv[4]) : signer_main(argv[2], argv[4]);
	if (argc > 1 && !text_parse_u64(argv[1], 1, 1000000, &issuances)) {
		fprintf(stderr, "usage: cryptofloor [ISSUANCES]\n");
		return 2;
	}
	floor_token_open(&token, &key, 1);
	for (unsigned i = 0; i < ROUNDS; i++)
		run_round(&token, &key, issuances, &costs, i);
	printf("cpu_ms=%.3f sign_ms=%.3f verify_ms=%.3f\n", floor_median(costs.all, ROUNDS), floor_median(costs.sign, ROUNDS),
	       floor_median(costs.verify, ROUNDS));
	floor_token_close(&token, &key, 1);
	return 0;
}
