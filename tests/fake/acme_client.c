/* The client for tests: see acme_client.h. */
#include "tests/fake/acme_client.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "store/db.h"
#include "tests/fake/fake_courier.h"

static void configure(struct fake_authority *fake)
{
	struct config *config = fake->config;
	static const char *permitted[] = { "t.test" };

	config->n_profiles = 2;
	config->profiles = arena_alloc_array(fake->arena, 2, sizeof *config->profiles);
	config->profiles[0] = (struct config_profile){ .name = "tls",
						       .ca = "issuing",
						       .door = DOOR_ACME,
						       .validity_s = 90 * 86400,
						       .backdate_s = 3600,
						       .key_types = { KEY_P256, KEY_RSA2048 },
						       .n_key_types = 2,
						       .server_auth = true,
						       .names = IDENTIFIER_BIT(IDENTIFIER_DNS),
						       .permitted_names = { permitted, 1 } };
	config->profiles[1] = config->profiles[0];
	config->profiles[1].name = "other";
	config->n_acme = 2;
	config->acme = arena_alloc_array(fake->arena, 2, sizeof *config->acme);
	config->acme[0] = (struct config_acme){ "default", "tls", NULL, "https://example.internal/", 3600, 7200 };
	config->acme[1] = (struct config_acme){ "terms", "other", ACME_TEST_TERMS, NULL, 3600, 7200 };
	config->validation.attempts = 3;
	config->limits.orders_per_account = 5;
	config->limits.keep_finished_s = ACME_TEST_KEEP_S;
}

struct acme_house *acme_house_new(void)
{
	struct acme_house *house = calloc(1, sizeof *house);
	ASSERT(house != NULL);
	log_set_level(LOG_LEVEL_ERROR); /* what is refused and tried again is what the tests are about */
	house->fake = fake_authority_prepare("memory");
	configure(house->fake);
	fake_authority_open(house->fake);
	house->fake->authority->courier = courier_new(NULL, NULL);
	house->batch = lane_new("batch", 1, 64);
	house->acme = acme_new(house->fake->authority, house->batch);
	house->routes = routes_new();
	acme_routes_add(house->acme, house->routes);
	return house;
}

void acme_house_free(struct acme_house **house)
{
	struct acme_house *h = *house;
	fake_courier_set_gone(false);
	acme_stop(h->acme);
	lane_free(&h->batch);
	fake_authority_free(&h->fake);
	routes_free(&h->routes);
	acme_free(&h->acme);
	free(h);
	*house = NULL;
}

static void wait_until_recorded(struct acme_house *house)
{
	struct lane_state state;
	do {
		sched_yield();
		lane_read_state(house->batch, &state);
	} while (state.done < house->n_answered);
}

void acme_house_probe(struct acme_house *house, const char *thumbprint, enum acme_probe_kind kind)
{
	struct op *op = op_new();
	const char *right = arena_printf(op->arena, "%s.%s", fake_courier_token(0), thumbprint);
	struct probe_reply reply = { .outcome = PROBE_ANSWERED, .detail = "told by the test", .status = 200, .evidence = "{}" };

	switch (kind) {
	case ANSWER_RIGHT:
	case ANSWER_LOST:
		reply.body = bytes_of_text(right);
		break;
	case ANSWER_RIGHT_WITH_BLANKS:
		reply.body = bytes_of_text(arena_printf(op->arena, "%s \t\r\n\n", right));
		break;
	case ANSWER_WRONG:
		reply.body = BYTES_LITERAL("<html>secret body</html>");
		break;
	case ANSWER_DNS:
		reply.outcome = PROBE_DNS;
		break;
	case ANSWER_CONNECTION:
		reply.outcome = PROBE_CONNECTION;
		break;
	}
	house->n_answered++;
	fake_courier_answer(kind == ANSWER_LOST ? NULL : &reply);
	wait_until_recorded(house);
	op_free(&op);
}

void acme_house_sweep(struct acme_house *house)
{
	struct op *op = op_new();
	result r = acme_validation_sweep(op, house->acme);
	ASSERT(r.err == ERR_NONE);
	op_free(&op);
}

void acme_house_tend_nonces(struct acme_house *house)
{
	struct op *op = op_new();
	result r = acme_nonce_sweep(op, house->acme);
	ASSERT(r.err == ERR_NONE);
	op_free(&op);
}

void acme_house_clean_up(struct acme_house *house)
{
	struct op *op = op_new();
	for (bool is_done = false; !is_done;) {
		result r = acme_clean_up_step(op, house->acme, &is_done);
		ASSERT(r.err == ERR_NONE);
	}
	op_free(&op);
}

static result take_count(struct op *op UNUSED, void *arg, const struct db_value *columns, unsigned n UNUSED)
{
	*(int64_t *)arg = columns[0].integer;
	return OK;
}

int64_t acme_house_count(struct acme_house *house, const char *table)
{
	struct op *op = op_new();
	int64_t count = -1;
	{
		STORE_LEASE(lease);
		result r = store_read(op, house->fake->authority->store, &lease);
		ASSERT(r.err == ERR_NONE);
		const char *sql = arena_printf(op->arena, "SELECT COUNT(*) FROM %s", table);
		r = db_run(op, lease.db, sql, NULL, 0, take_count, &count, NULL);
		ASSERT(r.err == ERR_NONE);
	}
	op_free(&op);
	return count;
}

EVP_PKEY *acme_test_key(const char *alg)
{
	EVP_PKEY *key = NULL;
	if (text_equal(alg, "ES256"))
		key = EVP_EC_gen("P-256");
	else if (text_equal(alg, "ES384"))
		key = EVP_EC_gen("P-384");
	else if (text_equal(alg, "RS256"))
		key = EVP_RSA_gen(2048);
	else
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ASSERT(key != NULL);
	return key;
}

struct acme_client *acme_client_new(struct acme_house *house, const char *alg)
{
	struct acme_client *client = calloc(1, sizeof *client);
	ASSERT(client != NULL);
	client->house = house;
	client->op = op_new();
	client->key = acme_test_key(alg);
	client->alg = alg;
	client->endpoint = "default";
	client->kept = json_array();
	result r = jwk_of_key(client->op, client->key, &client->jwk);
	ASSERT(r.err == ERR_NONE);
	return client;
}

void acme_client_free(struct acme_client **client)
{
	EVP_PKEY_free((*client)->key);
	json_decref((*client)->kept);
	op_free(&(*client)->op);
	free(*client);
	*client = NULL;
}

/* JWS signatures: OpenSSL's, with ECDSA turned from DER to R || S. */
static struct bytes sign(struct acme_client *client, EVP_PKEY *key, struct bytes message)
{
	const char *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_PKEY_get_bits(key) == 384 ? "SHA384" : "SHA256";
	size_t n = 0;
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	ASSERT(EVP_DigestSignInit_ex(context, NULL, digest, NULL, NULL, key, NULL) == 1);
	ASSERT(EVP_DigestSign(context, NULL, &n, message.p, message.n) == 1);
	uint8_t *p = arena_alloc(client->op->arena, n);
	ASSERT(EVP_DigestSign(context, p, &n, message.p, message.n) == 1);
	if (!EVP_PKEY_is_a(key, "EC"))
		return (struct bytes){ p, n };
	const uint8_t *der = p;
	AUTO(ECDSA_SIG) *signature = d2i_ECDSA_SIG(NULL, &der, (long)n);
	int half = EVP_PKEY_get_bits(key) / 8;
	uint8_t *raw = arena_alloc(client->op->arena, (size_t)(2 * half));
	ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, half) == half);
	ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + half, half) == half);
	return (struct bytes){ raw, (size_t)(2 * half) };
}

static const char *full_path(struct acme_client *client, const char *path)
{
	return path[0] == '/' ? path : arena_printf(client->op->arena, "/acme/%s/%s", client->endpoint, path);
}

static const char *fresh_nonce(struct acme_client *client)
{
	struct acme_answer answer = ACME_SEND(client, .path = "new-nonce", .is_get = true);
	const char *nonce = acme_answer_header(&answer, "Replay-Nonce", 0);
	ASSERT(nonce != NULL);
	return nonce;
}

static const char *make_header(struct acme_client *client, const struct acme_send *send, const char *path)
{
	struct arena *arena = client->op->arena;
	if (send->header != NULL)
		return send->header;
	const char *signer = send->with_jwk || client->kid == NULL ?
				     arena_printf(arena, "\"jwk\":%s", send->jwk != NULL ? send->jwk : client->jwk.json) :
				     arena_printf(arena, "\"kid\":\"%s\"", send->kid != NULL ? send->kid : client->kid);
	return arena_printf(arena, "{\"alg\":\"%s\",\"nonce\":\"%s\",\"url\":\"%s\",%s%s}",
			    send->alg != NULL ? send->alg : client->alg,
			    send->nonce != NULL ? send->nonce : fresh_nonce(client),
			    send->url != NULL ? send->url : arena_printf(arena, "%s%s", ACME_TEST_BASE, path), signer,
			    send->extra != NULL ? send->extra : "");
}

static const char *make_body(struct acme_client *client, const struct acme_send *send, const char *path)
{
	struct arena *arena = client->op->arena;
	if (send->body != NULL)
		return send->body;
	const char *header = bytes_to_base64url(arena, bytes_of_text(make_header(client, send, path)));
	const char *payload = bytes_to_base64url(arena, bytes_of_text(send->payload != NULL ? send->payload : ""));
	struct bytes signature = sign(client, send->signer != NULL ? send->signer : client->key,
				      bytes_of_text(arena_printf(arena, "%s.%s", header, payload)));
	if (send->is_signature_flipped) {
		uint8_t *p = arena_alloc(arena, signature.n);
		memcpy(p, signature.p, signature.n);
		p[signature.n / 2] ^= 1;
		signature.p = p;
	}
	return arena_printf(arena, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"%s}", header, payload,
			    bytes_to_base64url(arena, signature), send->outer_extra != NULL ? send->outer_extra : "");
}

static void handle(struct op *op, const struct route *route, const struct call *call, struct reply *reply)
{
	struct fast_pin pin = { 0 };
	if (route->fast != NULL && route->fast(op, call, reply, &pin))
		return;
	result r = OK;
	if ((call->method == HTTP_POST && !route->post) || (call->method == HTTP_GET && !route->get))
		r = FAIL(op, ERR_MALFORMED, "this address does not take that method");
	else
		r = route->handler(op, call, reply);
	if (r.err != ERR_NONE)
		route->fail(op, call, reply);
}

static void read_answer(struct acme_client *client, const struct reply *reply, struct acme_answer *answer)
{
	static const char urn[] = "urn:ietf:params:acme:error:";
	struct arena *arena = client->op->arena;

	answer->reply = *reply;
	answer->status = reply->status;
	answer->body = arena_text_n(arena, (const char *)reply->body.p, reply->body.n);
	const char *location = acme_answer_header(answer, "Location", 0);
	answer->location = location != NULL ? acme_path(location) : NULL;
	if (reply->content_type == NULL || strstr(reply->content_type, "json") == NULL)
		return;
	AUTO(json_t) *json = NULL;
	result r = json_parse(client->op, reply->body, "answer", &json);
	ASSERT(r.err == ERR_NONE);
	answer->json = json;
	if (text_equal(reply->content_type, "application/problem+json")) {
		const char *type = acme_answer_text(answer, "type");
		ASSERT(type != NULL && text_has_prefix(type, urn));
		ASSERT(json_integer_value(json_object_get(json, "status")) == reply->status);
		answer->problem = arena_text(arena, type + strlen(urn));
		answer->detail = arena_text(arena, acme_answer_text(answer, "detail"));
	}
	ASSERT(json_array_append(client->kept, json) == 0);
}

struct acme_answer acme_client_send(struct acme_client *client, const struct acme_send *send)
{
	const char *path = full_path(client, send->path);
	const char *question = strchr(path, '?');
	const char *type = send->content_type != NULL ? send->content_type : "application/jose+json";
	struct http_header headers[2];
	struct call call = {
		.method = send->is_get ? HTTP_GET : HTTP_POST,
		.target = bytes_of_text(path),
		.path = { (const uint8_t *)path, question != NULL ? (size_t)(question - path) : strlen(path) },
		.query = bytes_of_text(question != NULL ? question + 1 : ""),
		.is_tls = true,
		.headers = headers,
	};
	struct acme_answer answer = { 0 };
	struct reply reply = { 0 };

	if (call.method == HTTP_POST && type[0] != '\0')
		headers[call.n_headers++] =
			(struct http_header){ BYTES_LITERAL("Content-Type"), bytes_of_text(type) };
	if (send->accept != NULL)
		headers[call.n_headers++] = (struct http_header){ BYTES_LITERAL("Accept"), bytes_of_text(send->accept) };
	const struct route *route = routes_find(client->house->routes, ON_HTTPS, &call);
	if (route == NULL)
		return (struct acme_answer){ .status = 404 };
	if (call.method == HTTP_POST)
		call.body = bytes_of_text(make_body(client, send, path));
	op_clear_failure(client->op);
	handle(client->op, route, &call, &reply);
	read_answer(client, &reply, &answer);
	return answer;
}

const char *acme_answer_header(const struct acme_answer *answer, const char *name, unsigned nth)
{
	for (unsigned i = 0; i < answer->reply.n_headers; i++)
		if (text_equal_nocase(answer->reply.headers[i].name, name) && nth-- == 0)
			return answer->reply.headers[i].value;
	return NULL;
}

const char *acme_answer_text(const struct acme_answer *answer, const char *member)
{
	return json_string_value(json_object_get(answer->json, member));
}

const char *acme_answer_item(const struct acme_answer *answer, const char *member, unsigned i)
{
	return json_string_value(json_array_get(json_object_get(answer->json, member), i));
}

const char *acme_path(const char *url)
{
	ASSERT(text_has_prefix(url, ACME_TEST_BASE));
	return url + strlen(ACME_TEST_BASE);
}

static void need_status(const struct acme_answer *answer, int status)
{
	if (answer->status == status)
		return;
	fprintf(stderr, "expected status %d, got %d: %s\n", status, answer->status, answer->body);
	abort();
}

void acme_client_register(struct acme_client *client)
{
	struct acme_answer answer =
		ACME_SEND(client, .path = "new-account", .payload = "{\"termsOfServiceAgreed\":true}", .with_jwk = true);
	need_status(&answer, 201);
	client->kid = acme_answer_header(&answer, "Location", 0);
}

const char *acme_client_order(struct acme_client *client, const char *name)
{
	struct acme_answer answer = ACME_SEND(
		client, .path = "new-order",
		.payload = arena_printf(client->op->arena, "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"%s\"}]}", name));
	need_status(&answer, 201);
	return answer.location;
}

const char *acme_client_challenge(struct acme_client *client, const char *order, unsigned i)
{
	struct acme_answer answer = ACME_SEND(client, .path = order);
	need_status(&answer, 200);
	answer = ACME_SEND(client, .path = acme_path(acme_answer_item(&answer, "authorizations", i)));
	need_status(&answer, 200);
	const json_t *challenge = json_array_get(json_object_get(answer.json, "challenges"), 0);
	return acme_path(json_string_value(json_object_get(challenge, "url")));
}

void acme_client_make_ready(struct acme_client *client, const char *order)
{
	struct acme_answer answer = ACME_SEND(client, .path = order);
	need_status(&answer, 200);
	size_t n = json_array_size(json_object_get(answer.json, "authorizations"));
	for (unsigned i = 0; i < n; i++) {
		answer = ACME_SEND(client, .path = acme_client_challenge(client, order, i), .payload = "{}");
		need_status(&answer, 200);
		acme_house_probe(client->house, client->jwk.thumbprint, ANSWER_RIGHT);
	}
}

static void add_names(X509_REQ *request, struct op *op, const char *const *names, unsigned n)
{
	struct buf list;
	buf_init(&list, op->arena, 256);
	for (unsigned i = 0; i < n; i++)
		buf_printf(&list, "%sDNS:%s", i > 0 ? "," : "", names[i]);
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, buf_as_text(&list));
	ASSERT(san != NULL && sk_X509_EXTENSION_push(extensions, san) > 0);
	ASSERT(X509_REQ_add_extensions(request, extensions) == 1);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

const char *acme_client_csr(struct acme_client *client, EVP_PKEY *key, const char *const *names, unsigned n)
{
	struct arena *arena = client->op->arena;
	AUTO(EVP_PKEY) *fresh = key == NULL ? acme_test_key("ES256") : NULL;
	EVP_PKEY *used = key != NULL ? key : fresh;
	AUTO(X509_REQ) *request = X509_REQ_new();

	ASSERT(X509_REQ_set_version(request, 0) == 1 && X509_REQ_set_pubkey(request, used) == 1);
	if (n > 0)
		add_names(request, client->op, names, n);
	ASSERT(X509_REQ_sign(request, used, EVP_PKEY_is_a(used, "ED25519") ? NULL : EVP_sha256()) > 0);
	uint8_t *der = NULL;
	int size = i2d_X509_REQ(request, &der);
	ASSERT(size > 0);
	const char *text = bytes_to_base64url(arena, (struct bytes){ der, (size_t)size });
	OPENSSL_free(der);
	return arena_printf(arena, "{\"csr\":\"%s\"}", text);
}
