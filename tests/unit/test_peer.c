/*
 * Listeners that ask clients for a certificate: what handlers learn of the peer
 * (E2), and the channel bindings (E5, S9), against a client that computes its own.
 */
#include "front_fixture.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/openssl_auto.h"
#include "server/peer.h"

static struct fixture f;

/* Exactly one of each for all tests: a key is expensive under sanitizers. */
static EVP_PKEY *key;
static X509 *certificate;

static int start(void **state)
{
	(void)state;
	fixture_start(&f, (struct front_config){ 0 });
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fixture_stop(&f);
	return 0;
}

static int make_identity(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	certificate = X509_new();
	X509_set_version(certificate, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	return X509_sign(certificate, key, EVP_sha256()) > 0 ? 0 : -1;
}

static int free_identity(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	X509_free(certificate);
	return 0;
}

struct wish {
	unsigned port;
	int version;
	const char *host; /* SNI */
	bool has_certificate;
	SSL_SESSION *session; /* to resume */
};

static bool connect_as(struct client *client, const struct wish *wish)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	client_open(client, wish->port);
	SSL_CTX_set_min_proto_version(ctx, wish->version);
	SSL_CTX_set_max_proto_version(ctx, wish->version);
	if (wish->has_certificate) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	}
	client->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(client->ssl, client->fd);
	if (wish->host != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(client->ssl, wish->host), 1);
	if (wish->session != NULL)
		assert_int_equal(SSL_set_session(client->ssl, wish->session), 1);
	return SSL_connect(client->ssl) == 1;
}

static void ask_peer(struct client *client, struct answer *answer)
{
	client_ask(client, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n", answer);
	assert_int_equal(answer->status, 200);
}

/* What the server has to say, from the client's own end of the connection. */
static void expect(struct client *client, unsigned n, char *out, size_t size)
{
	struct op *op = op_new();
	uint8_t exporter[TLS_EXPORTER_SIZE], finished[EVP_MAX_MD_SIZE];
	static const char label[] = "EXPORTER-Channel-Binding";
	assert_int_equal(SSL_export_keying_material(client->ssl, exporter, sizeof exporter, label, strlen(label), NULL, 0, 0), 1);
	size_t n_finished = SSL_version(client->ssl) == TLS1_2_VERSION ?
				    SSL_get_finished(client->ssl, finished, sizeof finished) : 0;
	snprintf(out, size, "n=%u leaf=%d unique=%s exporter=%s\n", n, n > 0 ? i2d_X509(certificate, NULL) : 0,
		 bytes_to_hex(op->arena, (struct bytes){ finished, n_finished }),
		 bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(exporter)));
	op_free(&op);
}

static void test_the_peer_and_its_bindings(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct wish wish = { f.mutual_port, versions[i % 2], NULL, i >= 2, NULL };
		struct client client;
		struct answer answer;
		char expected[1024];
		assert_true(connect_as(&client, &wish));
		ask_peer(&client, &answer);
		expect(&client, i >= 2 ? 1 : 0, expected, sizeof expected);
		assert_string_equal(answer.body, expected);
		ask_peer(&client, &answer); /* the same on the kept connection */
		assert_string_equal(answer.body, expected);
		client_close(&client);
	}
}

static void test_others_are_not_asked(void **state)
{
	struct wish wish = { f.https_port, 0, "localhost", true, NULL };
	struct client client;
	struct answer answer;
	(void)state;
	assert_true(connect_as(&client, &wish));
	ask_peer(&client, &answer);
	assert_string_equal(answer.body, "not asked\n");
	client_close(&client);
}

static void test_a_name_of_its_own_asks_on_the_common_port(void **state)
{
	static const char *const names[] = { MUTUAL_HOST, "Mutual.EXAMPLE", "mutual.example.", "xmutual.example", "mutual.exampl" };
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct wish wish = { f.https_port, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION, names[i], true, NULL };
		struct client client;
		struct answer answer;
		char expected[1024];
		assert_true(connect_as(&client, &wish));
		ask_peer(&client, &answer);
		expect(&client, 1, expected, sizeof expected);
		assert_string_equal(answer.body, i < 2 ? expected : "not asked\n");
		client_close(&client);
	}
}

/* A session from before cannot be resumed where a proof is wanted, so that each connection has a binding of its own. */
static void test_sessions_are_not_resumed(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct wish wish = { f.https_port, TLS1_2_VERSION, NULL, true, NULL };
		struct client client;
		struct answer answer;
		assert_true(connect_as(&client, &wish));
		ask_peer(&client, &answer);
		wish.session = SSL_SESSION_dup(SSL_get0_session(client.ssl)); /* closing without a goodbye would spoil its own */
		client_close(&client);

		assert_true(connect_as(&client, &wish)); /* the session is good: only that */
		assert_int_equal(SSL_session_reused(client.ssl), 1);
		client_close(&client);

		wish.port = i == 0 ? f.mutual_port : f.https_port;
		wish.host = i == 0 ? NULL : MUTUAL_HOST;
		assert_true(connect_as(&client, &wish));
		assert_int_equal(SSL_session_reused(client.ssl), 0);
		ask_peer(&client, &answer);
		assert_non_null(strstr(answer.body, "n=1 "));
		client_close(&client);
		SSL_SESSION_free(wish.session);
	}
}

/* F20: the bytes of a client's chain are bounded. */
static void test_a_huge_chain_is_refused(void **state)
{
	(void)state;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct client client;
	struct answer answer;
	client_open(&client, f.mutual_port);
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	assert_int_equal(SSL_CTX_use_certificate(ctx, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	for (int i = 0; i < 200; i++)
		assert_int_equal(SSL_CTX_add1_chain_cert(ctx, certificate), 1);
	client.ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(client.ssl, client.fd);
	assert_int_not_equal(SSL_connect(client.ssl), 1);
	client_close(&client);

	struct wish wish = { f.mutual_port, 0, NULL, true, NULL }; /* and others are served */
	assert_true(connect_as(&client, &wish));
	ask_peer(&client, &answer);
	client_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_peer_and_its_bindings, start, stop),
		cmocka_unit_test_setup_teardown(test_others_are_not_asked, start, stop),
		cmocka_unit_test_setup_teardown(test_a_name_of_its_own_asks_on_the_common_port, start, stop),
		cmocka_unit_test_setup_teardown(test_sessions_are_not_resumed, start, stop),
		cmocka_unit_test_setup_teardown(test_a_huge_chain_is_refused, start, stop),
	};
	signal(SIGPIPE, SIG_IGN); /* a client that goes on writing to a server that has had enough */
	return cmocka_run_group_tests(tests, make_identity, free_identity);
}
