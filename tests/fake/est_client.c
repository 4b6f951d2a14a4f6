/* The client for tests: see est_client.h. */
#include "tests/fake/est_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/password.h"
#include "base/random.h"
#include "base/text.h"
#include "server/route.h"
#include "store/db.h"

#define DAY_S 86400

static void must(struct op *op, result r)
{
	if (r.err == ERR_NONE)
		return;
	fprintf(stderr, "est client: %s: %s\n", err_name(r.err), op->detail);
	abort();
}

static void configure(struct fake_authority *fake, const char *anchors)
{
	struct config *config = fake->config;
	const char **items = arena_alloc_array(fake->arena, 1, sizeof *items);
	items[0] = anchors;
	const struct config_texts files = { items, 1 };
	const unsigned all = EST_CERTIFICATE | EST_USER | EST_TOKEN;
	const struct config_est labels[] = {
		{ .label = "default", .profile = "device", .ways = all },
		{ .label = "manual", .profile = "device", .ways = all, .is_manual = true },
		{ .label = "both", .profile = "device", .ways = EST_CERTIFICATE_AND_USER | EST_CERTIFICATE_AND_TOKEN, .anchors = files },
		{ .label = "open", .profile = "device", .ways = EST_ANONYMOUS },
		{ .label = "bound", .profile = "device", .ways = EST_USER, .needs_binding = true },
		{ .label = "maker", .profile = "device", .ways = EST_CERTIFICATE, .anchors = files },
		{ .label = "wide", .profile = "device", .ways = EST_CERTIFICATE, .anchors = files, .has_any_anchored_names = true },
		{ .label = "fleet", .profile = "device", .ways = EST_CERTIFICATE, .has_registrars = true },
		{ .label = "rooted", .profile = "rooted", .ways = EST_CERTIFICATE },
	};
	config->n_est = sizeof labels / sizeof labels[0];
	config->est = arena_alloc_array(fake->arena, config->n_est, sizeof *config->est);
	memcpy(config->est, labels, sizeof labels);
	for (unsigned i = 0; i < config->n_est; i++)
		config->est[i].request_lifetime_s = 7 * DAY_S;
	const struct config_profile device = {
		.name = "device", .ca = "issuing", .door = DOOR_EST, .validity_s = 90 * DAY_S, .backdate_s = 3600,
		.key_types = { KEY_P256, KEY_RSA2048 }, .n_key_types = 2, .client_auth = true,
		.names = IDENTIFIER_BIT(IDENTIFIER_DNS) | IDENTIFIER_BIT(IDENTIFIER_IP),
		.subject = IDENTIFIER_BIT(IDENTIFIER_CN) | IDENTIFIER_BIT(IDENTIFIER_SERIAL_NUMBER),
	};
	config->n_profiles = 3;
	config->profiles = arena_alloc_array(fake->arena, 3, sizeof *config->profiles);
	config->profiles[0] = config->profiles[1] = config->profiles[2] = device;
	config->profiles[1].name = "rooted";
	config->profiles[1].ca = "root";
	config->profiles[2].name = "registrar";
	config->profiles[2].door = DOOR_OPERATOR;
	config->profiles[2].registrar = true;
	config->limits.keep_finished_s = 30 * DAY_S;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	ASSERT(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static X509 *begin_certificate(EVP_PKEY *key, const char *cn, const char *serial)
{
	X509 *c = X509_new();
	uint8_t number[16];
	random_bytes(number, sizeof number);
	number[0] = (uint8_t)((number[0] & 0x3f) | 0x40);
	BIGNUM *bn = BN_bin2bn(number, sizeof number, NULL);
	ASSERT(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(c)) != NULL);
	BN_free(bn);
	ASSERT(X509_set_version(c, X509_VERSION_3) == 1 && X509_set_pubkey(c, key) == 1);
	ASSERT(ASN1_TIME_set(X509_getm_notBefore(c), clock_now_s() - 3600) != NULL);
	ASSERT(ASN1_TIME_set(X509_getm_notAfter(c), clock_now_s() + 365 * DAY_S) != NULL);
	X509_NAME *name = X509_get_subject_name(c);
	ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0) == 1);
	if (serial != NULL)
		ASSERT(X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_UTF8, (const uint8_t *)serial, -1, -1, 0) == 1);
	return c;
}

static void make_manufacturer(struct est_house *house)
{
	house->maker_key = EVP_EC_gen("P-256");
	X509 *c = house->maker = begin_certificate(house->maker_key, "Maker CA", NULL);
	ASSERT(X509_set_issuer_name(c, X509_get_subject_name(c)) == 1);
	add_extension(c, c, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(c, c, NID_key_usage, "critical,keyCertSign,cRLSign");
	add_extension(c, c, NID_subject_key_identifier, "hash");
	ASSERT(X509_sign(c, house->maker_key, EVP_sha256()) > 0);
}

static const char *write_anchors(struct est_house *house)
{
	AUTO(BIO) *memory = BIO_new(BIO_s_mem());
	char *text;
	ASSERT(PEM_write_bio_X509(memory, house->maker) == 1);
	long n = BIO_get_mem_data(memory, &text);
	const char *path = files_join(house->op->arena, house->fake->dir, "maker.pem");
	must(house->op, files_write(house->op, path, 0600, (struct bytes){ (const uint8_t *)text, (size_t)n }));
	return path;
}

struct bytes est_maker_leaf(struct est_house *house, const char *cn, const char *serial)
{
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	AUTO(X509) *c = begin_certificate(key, cn, serial);
	unsigned char *der = NULL;
	ASSERT(X509_set_issuer_name(c, X509_get_subject_name(house->maker)) == 1);
	add_extension(c, house->maker, NID_key_usage, "critical,digitalSignature");
	add_extension(c, house->maker, NID_ext_key_usage, "clientAuth");
	add_extension(c, house->maker, NID_subject_key_identifier, "hash");
	add_extension(c, house->maker, NID_authority_key_identifier, "keyid");
	ASSERT(X509_sign(c, house->maker_key, EVP_sha256()) > 0);
	int n = i2d_X509(c, &der);
	struct bytes out = arena_bytes(house->op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return out;
}

static void add_revoked(X509_CRL *crl, struct bytes der)
{
	const uint8_t *p = der.p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)der.n);
	AUTO(ASN1_TIME) *now = ASN1_TIME_set(NULL, clock_now_s());
	X509_REVOKED *entry = X509_REVOKED_new();
	ASSERT(certificate != NULL && entry != NULL && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1);
	ASSERT(X509_REVOKED_set_revocationDate(entry, now) == 1 && X509_CRL_add0_revoked(crl, entry) == 1);
}

void est_house_write_crl(struct est_house *house, struct bytes revoked, int64_t ttl_s, bool is_pem)
{
	AUTO(X509_CRL) *crl = X509_CRL_new();
	AUTO(ASN1_TIME) *now = ASN1_TIME_set(NULL, clock_now_s());
	AUTO(ASN1_TIME) *next = ASN1_TIME_set(NULL, clock_now_s() + ttl_s);
	AUTO(BIO) *memory = BIO_new(BIO_s_mem());
	char *text;
	ASSERT(X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
	ASSERT(X509_CRL_set_issuer_name(crl, X509_get_subject_name(house->maker)) == 1);
	ASSERT(X509_CRL_set1_lastUpdate(crl, now) == 1 && X509_CRL_set1_nextUpdate(crl, next) == 1);
	if (revoked.n > 0)
		add_revoked(crl, revoked);
	ASSERT(X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, house->maker_key, EVP_sha256()) > 0);
	ASSERT((is_pem ? PEM_write_bio_X509_CRL(memory, crl) : i2d_X509_CRL_bio(memory, crl)) == 1);
	long n = BIO_get_mem_data(memory, &text);
	const char *path = files_join(house->op->arena, house->fake->dir, "maker.crl");
	must(house->op, files_write(house->op, path, 0600, (struct bytes){ (const uint8_t *)text, (size_t)n }));
}

void est_house_name_crls(struct est_house *house, const char *label)
{
	struct config_est *settings = (struct config_est *)(uintptr_t)config_est(house->fake->config, label);
	const char **items = arena_alloc_array(house->fake->arena, 1, sizeof *items);
	ASSERT(settings != NULL);
	items[0] = files_join(house->fake->arena, house->fake->dir, "maker.crl");
	settings->anchor_crls = (struct config_texts){ items, 1 };
}

struct est_house *est_house_new(void)
{
	struct est_house *house = calloc(1, sizeof *house);
	ASSERT(house != NULL);
	log_set_level(LOG_LEVEL_ERROR); /* what is refused is what the tests are about */
	house->op = op_new();
	house->fake = fake_authority_prepare("memory");
	make_manufacturer(house);
	configure(house->fake, write_anchors(house));
	fake_authority_open(house->fake);
	house->est = est_new(house->fake->authority);
	house->routes = routes_new();
	est_routes_add(house->est, house->routes);
	return house;
}

void est_house_free(struct est_house **house)
{
	struct est_house *h = *house;
	fake_authority_free(&h->fake);
	routes_free(&h->routes);
	est_free(&h->est);
	X509_free(h->maker);
	EVP_PKEY_free(h->maker_key);
	op_free(&h->op);
	free(h);
	*house = NULL;
}

static result insert_user(struct op *op, struct ledger_tx *tx, void *arg)
{
	return user_insert(op, ledger_db(tx), arg);
}

void est_house_add_user(struct est_house *house, const struct user *user, const char *password)
{
	struct user row = *user;
	row.door = "est";
	row.is_enabled = true;
	row.created_s = clock_now_s();
	if (row.names == NULL)
		row.names = "[]";
	row.verifier = password_verifier(house->op->arena, bytes_of_text(password != NULL ? password : EST_PASSWORD));
	must(house->op, ledger_run(house->op, house->fake->authority->ledger, insert_user, &row));
}

struct user est_house_user(struct est_house *house, const char *name)
{
	struct user user;
	STORE_LEASE(lease);
	must(house->op, store_read(house->op, house->fake->authority->store, &lease));
	must(house->op, user_load(house->op, lease.db, "est", name, &user));
	return user;
}

static result insert_token(struct op *op, struct ledger_tx *tx, void *arg)
{
	return one_time_token_insert(op, ledger_db(tx), arg);
}

const char *est_house_add_token(struct est_house *house, const char *label, const char *names)
{
	char text[RANDOM_ID_SIZE];
	uint8_t hash[SHA256_SIZE];
	random_id(text);
	bytes_sha256(bytes_of_text(text), hash);
	struct one_time_token token = { .hash = BYTES_ARRAY(hash),
					.door = "est",
					.endpoint = label,
					.names = names,
					.made_by = "uid:0",
					.created_s = clock_now_s(),
					.expires_s = clock_now_s() + 3600 };
	must(house->op, ledger_run(house->op, house->fake->authority->ledger, insert_token, &token));
	return arena_text(house->op->arena, text);
}

struct deciding {
	bool is_approved;
	const char *reason;
};

static result decide(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct deciding *d = arg;
	struct enrollment *rows;
	unsigned n;
	TRY(enrollment_list(op, ledger_db(tx), true, NULL, 1, &rows, &n));
	ASSERT(n == 1);
	return enrollment_decide(op, ledger_db(tx), rows[0].id, d->is_approved, "uid:0", d->reason, clock_now_s());
}

void est_house_decide(struct est_house *house, bool is_approved, const char *reason)
{
	struct deciding deciding = { is_approved, reason };
	must(house->op, ledger_run(house->op, house->fake->authority->ledger, decide, &deciding));
}

static result take_count(struct op *op UNUSED, void *arg, const struct db_value *columns, unsigned n UNUSED)
{
	*(int64_t *)arg = columns[0].integer;
	return OK;
}

static int64_t count(struct est_house *house, const char *sql)
{
	int64_t number = -1;
	STORE_LEASE(lease);
	must(house->op, store_read(house->op, house->fake->authority->store, &lease));
	must(house->op, db_run(house->op, lease.db, sql, NULL, 0, take_count, &number, NULL));
	return number;
}

int64_t est_house_count(struct est_house *house, const char *what)
{
	return count(house, arena_printf(house->op->arena, "SELECT COUNT(*) FROM %s", what));
}

int64_t est_house_entries(struct est_house *house, const char *type)
{
	return count(house, arena_printf(house->op->arena, "SELECT COUNT(*) FROM audit_entry WHERE type = '%s'", type));
}

static void add_names(X509_REQ *csr, const struct est_ask *ask)
{
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	char value[512];
	snprintf(value, sizeof value, "DNS:%s%s%s", ask->dns, ask->dns2 != NULL ? ",DNS:" : "", ask->dns2 != NULL ? ask->dns2 : "");
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
	ASSERT(san != NULL && sk_X509_EXTENSION_push(list, san) > 0 && X509_REQ_add_extensions(csr, list) == 1);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

struct bytes est_csr(struct est_house *house, const struct est_ask *ask)
{
	EVP_PKEY *key = ask->key != NULL ? ask->key : EVP_EC_gen("P-256");
	X509_REQ *csr = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(csr);
	unsigned char *der = NULL;
	ASSERT(key != NULL && X509_REQ_set_pubkey(csr, key) == 1);
	if (ask->cn != NULL)
		ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)ask->cn, -1, -1, 0) == 1);
	if (ask->serial != NULL)
		ASSERT(X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_UTF8, (const uint8_t *)ask->serial, -1, -1, 0) == 1);
	if (ask->dns != NULL)
		add_names(csr, ask);
	if (ask->binding != NULL)
		ASSERT(X509_REQ_add1_attr_by_NID(csr, NID_pkcs9_challengePassword, V_ASN1_PRINTABLESTRING,
						 (const uint8_t *)ask->binding, (int)strlen(ask->binding)) == 1);
	ASSERT(X509_REQ_sign(csr, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
	int n = i2d_X509_REQ(csr, &der);
	ASSERT(n > 0);
	if (ask->is_signature_wrong)
		der[n - 1] ^= 1;
	struct bytes out = arena_bytes(house->op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	X509_REQ_free(csr);
	if (ask->key == NULL)
		EVP_PKEY_free(key);
	return out;
}

struct wire {
	struct http_header headers[6];
	struct tls_peer peer;
	struct call call;
};

static void put_header(struct wire *wire, const char *name, const char *value)
{
	if (value == NULL)
		return;
	ASSERT(wire->call.n_headers < 6);
	wire->headers[wire->call.n_headers++] = (struct http_header){ bytes_of_text(name), bytes_of_text(value) };
}

static const char *basic(struct arena *arena, const char *user, const char *password)
{
	const char *pair = arena_printf(arena, "%s:%s", user, password != NULL ? password : EST_PASSWORD);
	return arena_printf(arena, "Basic %s", bytes_to_base64(arena, bytes_of_text(pair)));
}

static void fill(struct arena *arena, const struct est_send *send, struct wire *wire)
{
	bool is_get = send->csr.n == 0 && send->body == NULL && send->method == HTTP_GET;
	const char *path = arena_printf(arena, "/.well-known/est/%s", send->path != NULL ? send->path : "simpleenroll");
	wire->call = (struct call){ .method = is_get ? HTTP_GET : HTTP_POST,
				    .method_name = is_get ? BYTES_LITERAL("GET") : BYTES_LITERAL("POST"),
				    .target = bytes_of_text(path),
				    .path = bytes_of_text(path),
				    .host = BYTES_LITERAL("ca.example.internal:8443"),
				    .is_tls = true,
				    .headers = wire->headers };
	if (send->content_type == NULL || send->content_type[0] != '\0')
		put_header(wire, "content-type", send->content_type != NULL ? send->content_type : "application/pkcs10");
	if (send->user != NULL)
		put_header(wire, "Authorization", basic(arena, send->user, send->password));
	if (send->token != NULL)
		put_header(wire, "Authorization", arena_printf(arena, "Bearer %s", send->token));
	put_header(wire, "Authorization", send->authorization);
	put_header(wire, "authorization", send->second_authorization);
	put_header(wire, "Content-Transfer-Encoding", send->extra_header);
	wire->call.body = bytes_of_text(send->body != NULL ? send->body : bytes_to_base64(arena, send->csr));
	if (!send->is_mutual && send->certificate.n == 0 && send->unique.n == 0 && send->exporter.n == 0)
		return;
	wire->peer = (struct tls_peer){ .n_chain = send->certificate.n > 0, .unique = send->unique, .exporter = send->exporter };
	wire->peer.chain[0] = send->certificate;
	wire->call.peer = &wire->peer;
}

static void read_certificates(struct arena *arena, const struct reply *reply, struct est_answer *out)
{
	struct op *op = op_new();
	struct bytes der;
	const unsigned char *p = NULL;
	if (bytes_from_base64(op, reply->body, &der).err == ERR_NONE)
		p = der.p;
	PKCS7 *message = p != NULL ? d2i_PKCS7(NULL, &p, (long)der.n) : NULL;
	if (message != NULL && PKCS7_type_is_signed(message)) {
		STACK_OF(X509) *list = message->d.sign->cert;
		unsigned char *leaf = NULL;
		out->n_certificates = (unsigned)sk_X509_num(list);
		int n = i2d_X509(sk_X509_value(list, 0), &leaf);
		out->certificate = arena_bytes(arena, (struct bytes){ leaf, (size_t)n });
		OPENSSL_free(leaf);
	}
	PKCS7_free(message);
	ERR_clear_error();
	op_free(&op);
}

static const char *join_headers(struct arena *arena, const struct reply *reply, const char *name)
{
	struct buf buf;
	buf_init(&buf, arena, 64);
	for (unsigned i = 0; i < reply->n_headers; i++)
		if (text_equal(reply->headers[i].name, name))
			buf_printf(&buf, "%s%s", buf.n > 0 ? "\n" : "", reply->headers[i].value);
	return buf_as_text(&buf);
}

struct est_answer est_send(struct est_house *house, const struct est_send *send)
{
	struct op *op = op_new();
	struct wire wire = { .call = { .n_headers = 0 } };
	struct reply reply = { .status = 0 };
	struct arena *arena = house->op->arena;
	fill(op->arena, send, &wire);
	enum listener_kind on = wire.call.peer != NULL ? ON_MUTUAL : ON_HTTPS;
	const struct route *route = routes_find(house->routes, on, &wire.call);
	struct est_answer answer = { .status = 404, .body = "" };
	if (route != NULL && (wire.call.method == HTTP_GET ? route->get : route->post)) {
		result r = route->handler(op, &wire.call, &reply);
		if (r.err != ERR_NONE) {
			reply = (struct reply){ .status = 0 };
			route->fail(op, &wire.call, &reply);
		}
		answer.status = reply.status;
		answer.body = arena_text_n(arena, (const char *)reply.body.p, reply.body.n);
		answer.content_type = arena_text(arena, reply.content_type);
		answer.challenges = join_headers(arena, &reply, "WWW-Authenticate");
		answer.retry_after = join_headers(arena, &reply, "Retry-After");
		if (answer.status == 200)
			read_certificates(arena, &reply, &answer);
	} else if (route != NULL) {
		answer.status = 405;
	}
	op_free(&op);
	return answer;
}
