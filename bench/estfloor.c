/*
 * estfloor [ENROLMENTS]
 *
 * What one EST renewal costs the server in cryptography alone: its side of a full
 * TLS 1.3 handshake in which both show a certificate, verifying one CSR, signing the
 * certificate by C_Sign in a SoftHSM token, verifying that. All keys P-256; the
 * handshake by X25519 over memory, with the chain of two that the server has. Nothing
 * is looked up or kept; one thread. The time is CPU time, the middle one of several
 * rounds. Prints "cpu_ms=… kept_ms=… handshake_ms=… sign_ms=… verify_ms=…": of one
 * renewal, of one on a connection that is kept, and the parts of them.
 */
#include <openssl/ssl.h>
#include <stdio.h>

#include "base/openssl_auto.h"
#include "base/result.h"
#include "base/text.h"
#include "bench/floor_token.h"
#include "ipc/role.h"

#define ROUNDS 5
#define VERIFICATIONS 2 /* the CSR, and what the token signed */

/* CPU milliseconds per renewal, of each round. */
struct costs {
	double all[ROUNDS], kept[ROUNDS], handshake[ROUNDS], sign[ROUNDS], verify[ROUNDS];
};

struct ends {
	SSL_CTX *server, *client;
};

/* As long as a real one, and self-signed: no path is looked for. */
static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
	X509 *certificate = X509_new();
	ASSERT(certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1);
	ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711) == 1 && X509_set_pubkey(certificate, key) == 1);
	ASSERT(X509_gmtime_adj(X509_getm_notBefore(certificate), -60) != NULL);
	ASSERT(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) != NULL);
	X509_NAME *subject = X509_get_subject_name(certificate);
	ASSERT(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1, 0) == 1);
	ASSERT(X509_set_issuer_name(certificate, subject) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

/* The server looks its clients' certificates up, and asks no path of TLS. */
static int take_any(X509_STORE_CTX *path, void *arg)
{
	(void)path;
	(void)arg;
	return 1;
}

static SSL_CTX *make_end(const SSL_METHOD *method, const char *name)
{
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	AUTO(X509) *leaf = make_certificate(key, name);
	SSL_CTX *end = SSL_CTX_new(method);
	ASSERT(end != NULL && SSL_CTX_set_min_proto_version(end, TLS1_3_VERSION) == 1);
	ASSERT(SSL_CTX_use_certificate(end, leaf) == 1 && SSL_CTX_use_PrivateKey(end, key) == 1);
	ASSERT(SSL_CTX_add0_chain_cert(end, make_certificate(key, "CN of the issuing CA")) == 1);
	SSL_CTX_set_verify(end, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(end, take_any, NULL);
	SSL_CTX_set_session_cache_mode(end, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(end, 0);
	return end;
}

static SSL *begin(SSL_CTX *end, BIO *in, BIO *out)
{
	SSL *ssl = SSL_new(end);
	ASSERT(ssl != NULL && BIO_up_ref(in) == 1 && BIO_up_ref(out) == 1);
	SSL_set_bio(ssl, in, out);
	return ssl;
}

/* CPU time of the server's side: the ends take turns, and only its are counted. */
static double handshake(const struct ends *ends)
{
	AUTO(BIO) *to_server = BIO_new(BIO_s_mem());
	AUTO(BIO) *to_client = BIO_new(BIO_s_mem());
	double spent_ms = 0;
	bool is_done = false;
	SSL *client = begin(ends->client, to_client, to_server);
	double start_ms = floor_cpu_ms();
	SSL *server = begin(ends->server, to_server, to_client);
	spent_ms += floor_cpu_ms() - start_ms;
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (unsigned turns = 0; !is_done; turns++) {
		ASSERT(turns < 10);
		(void)SSL_do_handshake(client);
		start_ms = floor_cpu_ms();
		is_done = SSL_do_handshake(server) == 1;
		spent_ms += floor_cpu_ms() - start_ms;
	}
	SSL_free(client);
	start_ms = floor_cpu_ms();
	SSL_free(server);
	return spent_ms + floor_cpu_ms() - start_ms;
}

static void run_round(const struct floor_token *token, const struct floor_key *key, const struct ends *ends, uint64_t renewals,
		      struct costs *costs, unsigned round)
{
	uint8_t der[FLOOR_SIGNATURE_MAX];
	struct bytes signature = { der, floor_sign(token, key, der) };
	double n = (double)renewals, handshakes_ms = 0;

	double start_ms = floor_cpu_ms();
	for (uint64_t i = 0; i < renewals; i++)
		signature.n = floor_sign(token, key, der);
	double signed_ms = floor_cpu_ms();
	for (uint64_t i = 0; i < renewals * VERIFICATIONS; i++)
		floor_verify(key->public, signature);
	double verified_ms = floor_cpu_ms();
	for (uint64_t i = 0; i < renewals; i++)
		handshakes_ms += handshake(ends);
	costs->sign[round] = (signed_ms - start_ms) / n;
	costs->verify[round] = (verified_ms - signed_ms) / n;
	costs->handshake[round] = handshakes_ms / n;
	costs->kept[round] = costs->sign[round] + costs->verify[round];
	costs->all[round] = costs->kept[round] + costs->handshake[round];
}

int main(int argc, char **argv)
{
	uint64_t renewals = 300;
	struct floor_key key = { .type = KEY_P256 };
	struct floor_token token;
	struct costs costs;

	if (argc == 5 && text_equal(argv[1], "--role"))
		return text_equal(argv[2], "token-init") ? token_init_main(argv[4]) : signer_main(argv[2], argv[4]);
	if (argc > 1 && !text_parse_u64(argv[1], 1, 1000000, &renewals)) {
		fprintf(stderr, "usage: estfloor [ENROLMENTS]\n");
		return 2;
	}
	floor_token_open(&token, &key, 1);
	struct ends ends = { make_end(TLS_server_method(), "localhost"), make_end(TLS_client_method(), "dev-17") };
	for (unsigned i = 0; i < ROUNDS; i++)
		run_round(&token, &key, &ends, renewals, &costs, i);
	printf("cpu_ms=%.3f kept_ms=%.3f handshake_ms=%.3f sign_ms=%.3f verify_ms=%.3f\n", floor_median(costs.all, ROUNDS),
	       floor_median(costs.kept, ROUNDS), floor_median(costs.handshake, ROUNDS), floor_median(costs.sign, ROUNDS),
	       floor_median(costs.verify, ROUNDS));
	SSL_CTX_free(ends.server);
	SSL_CTX_free(ends.client);
	floor_token_close(&token, &key, 1);
	return 0;
}
