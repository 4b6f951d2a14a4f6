/* The client for tests: see scep_client.h. */
#include "tests/fake/scep_client.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/openssl_auto.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/enveloped_data.h"
#include "ca/scep_ras.h"
#include "protocols/scep/endpoint.h"
#include "store/audit_rows.h"
#include "store/enrollments.h"
#include "tests/fake/cms_maker.h"

#define DAY_S 86400
#define KEYS 4

static void must(struct op *op, result r)
{
	if (r.err == ERR_NONE)
		return;
	fprintf(stderr, "scep client: %s: %s\n", err_name(r.err), op->detail);
	abort();
}

static struct config_texts static_names(struct arena *arena)
{
	const char **items = arena_alloc_array(arena, 1, sizeof *items);
	items[0] = "dns:*.fleet.example";
	return (struct config_texts){ items, 1 };
}

static void configure(struct fake_authority *fake, const char *static_file)
{
	struct config *config = fake->config;
	const struct config_texts names = static_names(fake->arena);
	const struct config_scep endpoints[] = {
		{ .name = "default", .ways = SCEP_CHALLENGE },
		{ .name = "static", .ways = SCEP_STATIC, .static_names = names, .static_challenge_file = static_file },
		{ .name = "desk", .ways = SCEP_APPROVAL },
		{ .name = "manual", .ways = SCEP_CHALLENGE, .is_manual = true },
		{ .name = "old", .ways = SCEP_CHALLENGE,
		  .compatibility = SCEP_ACCEPTS_3DES | SCEP_ACCEPTS_SHA1 | SCEP_ACCEPTS_BER },
		{ .name = "late", .ways = SCEP_CHALLENGE, .renewal_after_expiry_s = 7 * DAY_S },
		{ .name = "closed", .ways = SCEP_CHALLENGE },
		{ .name = "mixed", .ways = SCEP_CHALLENGE | SCEP_STATIC | SCEP_APPROVAL, .static_names = names,
		  .static_challenge_file = static_file },
		{ .name = "other", .ways = SCEP_CHALLENGE },
	};
	config->n_scep = sizeof endpoints / sizeof endpoints[0];
	config->scep = arena_alloc_array(fake->arena, config->n_scep, sizeof *config->scep);
	memcpy(config->scep, endpoints, sizeof endpoints);
	for (unsigned i = 0; i < config->n_scep; i++) {
		struct config_scep *scep = &config->scep[i];
		bool is_closed = text_equal(scep->name, "closed");
		scep->profile = text_equal(scep->name, "other") ? "other" : "mobile";
		scep->request_lifetime_s = 7 * DAY_S;
		scep->ra_key = KEY_RSA2048;
		scep->has_renewal = scep->serves_certificates = scep->serves_crl = !is_closed;
	}
	const struct config_profile mobile = {
		.name = "mobile", .ca = "issuing", .door = DOOR_SCEP, .validity_s = 90 * DAY_S, .backdate_s = 3600,
		.key_types = { KEY_RSA2048 }, .n_key_types = 1, .client_auth = true,
		.names = IDENTIFIER_BIT(IDENTIFIER_DNS) | IDENTIFIER_BIT(IDENTIFIER_EMAIL),
		.subject = IDENTIFIER_BIT(IDENTIFIER_CN),
	};
	config->n_profiles = 2;
	config->profiles = arena_alloc_array(fake->arena, 2, sizeof *config->profiles);
	config->profiles[0] = config->profiles[1] = mobile;
	config->profiles[1].name = "other";
	config->limits.keep_finished_s = 30 * DAY_S;
}

struct scep_house *scep_house_new(void)
{
	struct scep_house *house = calloc(1, sizeof *house);
	ASSERT(house != NULL);
	house->op = op_new();
	house->fake = fake_authority_new();
	fake_authority_close(house->fake);
	const char *path = files_join(house->fake->arena, house->fake->dir, "scep.static");
	must(house->op, files_write(house->op, path, 0600, bytes_of_text(SCEP_HOUSE_STATIC "\n")));
	configure(house->fake, path);
	fake_authority_open(house->fake);
	house->scep = scep_new(house->fake->authority, NULL);
	house->routes = routes_new();
	scep_routes_add(house->scep, house->routes);
	must(house->op, scep_check(house->op, house->fake->config));
	must(house->op, scep_refresh(house->op, house->scep));
	return house;
}

void scep_house_free(struct scep_house **house)
{
	struct scep_house *h = *house;
	routes_free(&h->routes);
	scep_free(&h->scep);
	fake_authority_free(&h->fake);
	op_free(&h->op);
	free(h);
	*house = NULL;
}

struct scep_node *scep_node_open(struct scep_house *house)
{
	struct scep_node *node = calloc(1, sizeof *node);
	ASSERT(node != NULL);
	node->node = fake_node_open(house->fake);
	node->scep = scep_new(node->node->authority, NULL);
	node->routes = routes_new();
	scep_routes_add(node->scep, node->routes);
	must(house->op, scep_refresh(house->op, node->scep));
	return node;
}

void scep_node_close(struct scep_node **node)
{
	routes_free(&(*node)->routes);
	scep_free(&(*node)->scep);
	fake_node_close(&(*node)->node);
	free(*node);
	*node = NULL;
}

static result insert_challenge(struct op *op, struct ledger_tx *tx, void *arg)
{
	return one_time_token_insert(op, ledger_db(tx), arg);
}

const char *scep_house_challenge(struct scep_house *house, const char *endpoint, const char *names, bool are_patterns)
{
	char text[RANDOM_ID_SIZE];
	uint8_t hash[SHA256_SIZE];
	random_id(text);
	bytes_sha256(bytes_of_text(text), hash);
	struct one_time_token token = { .hash = BYTES_ARRAY(hash), .door = SCEP_DOOR, .endpoint = endpoint, .names = names,
					.are_patterns = are_patterns, .made_by = "uid:0", .created_s = clock_now_s(),
					.expires_s = clock_now_s() + 3600 };
	must(house->op, ledger_run(house->op, house->fake->authority->ledger, insert_challenge, &token));
	return arena_text(house->op->arena, text);
}

struct deciding {
	const char *id, *reason;
	bool is_approved;
};

static result decide(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct deciding *d = arg;
	return enrollment_decide(op, ledger_db(tx), d->id, d->is_approved, "uid:0", d->reason, clock_now_s());
}

void scep_house_decide(struct scep_house *house, bool is_approved, const char *reason)
{
	struct enrollment *rows;
	unsigned n;
	{
		STORE_LEASE(lease);
		must(house->op, store_read(house->op, house->fake->authority->store, &lease));
		must(house->op, enrollment_list(house->op, lease.db, true, NULL, 1, &rows, &n));
	}
	ASSERT(n == 1);
	struct deciding deciding = { rows[0].id, reason, is_approved };
	must(house->op, ledger_run(house->op, house->fake->authority->ledger, decide, &deciding));
}

static result take_count(struct op *op, void *arg, const struct db_value *c, unsigned n)
{
	int64_t *count = arg;
	(void)op;
	(void)n;
	*count = c[0].integer;
	return OK;
}

int64_t scep_house_count(struct scep_house *house, const char *what)
{
	int64_t count = -1;
	STORE_LEASE(lease);
	must(house->op, store_read(house->op, house->fake->authority->store, &lease));
	must(house->op, db_run(house->op, lease.db, arena_printf(house->op->arena, "SELECT COUNT(*) FROM %s", what), NULL, 0,
			       take_count, &count, NULL));
	return count;
}

int64_t scep_house_entries(struct scep_house *house, const char *type)
{
	return scep_house_count(house, arena_printf(house->op->arena, "audit_entry WHERE type = '%s'", type));
}

struct looking {
	struct arena *arena;
	const char *type, *entry;
};

static result keep_last(struct op *op, void *arg, const struct audit_row *row)
{
	struct looking *looking = arg;
	(void)op;
	if (text_equal(row->type, looking->type))
		looking->entry = arena_text_n(looking->arena, (const char *)row->entry.p, row->entry.n);
	return OK;
}

bool scep_house_says(struct scep_house *house, const char *type, const char *text)
{
	struct looking looking = { house->op->arena, type, "" };
	STORE_LEASE(lease);
	must(house->op, store_read(house->op, house->fake->authority->store, &lease));
	must(house->op, audit_rows_read(house->op, lease.db, 0, UINT32_MAX, keep_last, &looking));
	return strstr(looking.entry, text) != NULL;
}

struct bytes scep_house_ra(struct scep_house *house, const char *endpoint)
{
	SCEP_RA_PIN(ra);
	must(house->op, scep_ra_pin(house->op, house->scep->ras, endpoint, &ra));
	return arena_bytes(house->op->arena, ra->certificate);
}

EVP_PKEY *scep_key(unsigned i)
{
	static EVP_PKEY *keys[KEYS];
	ASSERT(i < KEYS);
	if (keys[i] == NULL)
		keys[i] = EVP_RSA_gen(2048);
	return keys[i];
}

static struct bytes take_der(struct op *op, unsigned char *own_der, int n)
{
	ASSERT(n > 0);
	struct bytes out = arena_bytes(op->arena, (struct bytes){ own_der, (size_t)n });
	OPENSSL_free(own_der);
	return out;
}

static void add_dns(X509_REQ *csr, const char *dns)
{
	STACK_OF(X509_EXTENSION) *list = NULL;
	X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, dns);
	ASSERT(san != NULL && X509v3_add_ext(&list, san, -1) != NULL && X509_REQ_add_extensions(csr, list) == 1);
	X509_EXTENSION_free(san);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

struct bytes scep_csr(struct scep_house *house, const struct scep_ask *ask)
{
	EVP_PKEY *key = ask->key != NULL ? ask->key : scep_key(0);
	X509_REQ *csr = X509_REQ_new();
	X509_NAME *name = X509_REQ_get_subject_name(csr);
	unsigned char *der = NULL;
	ASSERT(X509_REQ_set_pubkey(csr, key) == 1);
	if (ask->cn != NULL)
		ASSERT(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)ask->cn, -1, -1, 0) == 1);
	if (ask->dns != NULL)
		add_dns(csr, arena_printf(house->op->arena, "DNS:%s", ask->dns));
	if (ask->challenge != NULL)
		ASSERT(X509_REQ_add1_attr_by_NID(csr, NID_pkcs9_challengePassword, V_ASN1_UTF8STRING,
						 (const uint8_t *)ask->challenge, (int)strlen(ask->challenge)) == 1);
	ASSERT(X509_REQ_sign(csr, key, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
	int n = i2d_X509_REQ(csr, &der);
	if (ask->is_signature_wrong)
		der[n - 1] ^= 1;
	X509_REQ_free(csr);
	return take_der(house->op, der, n);
}

struct bytes scep_about(struct scep_house *house, struct bytes csr)
{
	struct op *op = house->op;
	const unsigned char *p = csr.p;
	unsigned char *der = NULL;
	X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)csr.n);
	ASSERT(request != NULL);
	int n = i2d_X509_NAME(X509_REQ_get_subject_name(request), &der);
	X509_REQ_free(request);
	return MAKER_DER(op, DER_SEQUENCE, house->fake->issuing->subject, take_der(op, der, n));
}

struct bytes scep_named(struct scep_house *house, struct bytes certificate)
{
	const unsigned char *p = certificate.p;
	unsigned char *issuer = NULL, *serial = NULL;
	AUTO(X509) *x509 = d2i_X509(NULL, &p, (long)certificate.n);
	ASSERT(x509 != NULL);
	int n = i2d_X509_NAME(X509_get_issuer_name(x509), &issuer);
	struct bytes first = take_der(house->op, issuer, n);
	n = i2d_ASN1_INTEGER(X509_get0_serialNumber(x509), &serial);
	return MAKER_DER(house->op, DER_SEQUENCE, first, take_der(house->op, serial, n));
}

struct bytes scep_look_alike(struct op *op, const struct ca *ca, EVP_PKEY *key, struct bytes like)
{
	const unsigned char *p = like.p;
	unsigned char *der = NULL;
	AUTO(X509) *x509 = d2i_X509(NULL, &p, (long)like.n);
	ASSERT(x509 != NULL && X509_set_pubkey(x509, key) == 1 && X509_sign(x509, maker_ca_key(ca), EVP_sha256()) > 0);
	int n = i2d_X509(x509, &der);
	return take_der(op, der, n);
}

static struct bytes encrypt(struct op *op, struct bytes content, struct bytes recipient, const EVP_CIPHER *cipher)
{
	const unsigned char *p = recipient.p;
	unsigned char *der = NULL;
	AUTO(X509) *x509 = d2i_X509(NULL, &p, (long)recipient.n);
	AUTO(BIO) *in = BIO_new_mem_buf(content.p, (int)content.n);
	STACK_OF(X509) *recipients = sk_X509_new_null();
	ASSERT(x509 != NULL && sk_X509_push(recipients, x509) > 0);
	CMS_ContentInfo *message = CMS_encrypt(recipients, in, cipher, CMS_BINARY);
	ASSERT(message != NULL);
	int n = i2d_CMS_ContentInfo(message, &der);
	CMS_ContentInfo_free(message);
	sk_X509_free(recipients);
	return take_der(op, der, n);
}

static struct bytes printable(struct op *op, const char *text)
{
	return maker_text(op, DER_PRINTABLE_STRING, text);
}

static int order(const void *a, const void *b)
{
	const struct bytes *x = a, *y = b;
	int same = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return same != 0 ? same : (x->n > y->n) - (x->n < y->n);
}

#define ATTRIBUTES_MAX 7

static const uint8_t usual_nonce[SCEP_NONCE_SIZE] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff };

static struct bytes nonce_of(const struct scep_send *send)
{
	return send->nonce.n > 0 ? send->nonce : (struct bytes)BYTES_ARRAY(usual_nonce);
}

/* In the order that DER wants of a SET. */
static struct bytes make_attributes(struct op *op, const struct scep_send *send, struct bytes content)
{
	static const struct bytes signing_time = BYTES_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05");
	struct bytes list[ATTRIBUTES_MAX], two = maker_two_attributes(op, content, send->digest != NULL ? send->digest : "SHA256");
	struct der_value value;
	unsigned n = 0;
	struct buf out;
	while (der_next(&two, &value))
		list[n++] = value.whole;
	const char *type = send->type_text != NULL ? send->type_text :
						     arena_printf(op->arena, "%d", send->type != 0 ? send->type : SCEP_PKCS_REQ);
	const char *transaction = send->transaction != NULL ? send->transaction : "t-1";
	list[n++] = maker_attribute(op, scep_message_type_oid, printable(op, type));
	if (transaction[0] != '\0')
		list[n++] = maker_attribute(op, scep_transaction_id_oid, printable(op, transaction));
	if (!send->no_nonce)
		list[n++] = maker_attribute(op, scep_sender_nonce_oid, MAKER_DER(op, DER_OCTET_STRING, nonce_of(send)));
	if (send->signing_time != NULL)
		list[n++] = maker_attribute(op, signing_time, maker_text(op, strlen(send->signing_time) == 13 ? DER_UTC_TIME : DER_GENERALIZED_TIME,
									 send->signing_time));
	qsort(list, n, sizeof *list, order);
	buf_init(&out, op->arena, 512);
	for (unsigned i = 0; i < n; i++)
		buf_bytes(&out, list[i]);
	return buf_as_bytes(&out);
}

static const char *endpoint_of(const struct scep_send *send)
{
	return send->endpoint != NULL ? send->endpoint : "default";
}

struct bytes scep_envelope(struct scep_house *house, const struct scep_send *send)
{
	struct op *op = house->op;
	struct bytes recipient = send->recipient.n > 0 ? send->recipient : scep_house_ra(house, endpoint_of(send));
	struct bytes made = send->envelope.n > 0 ? send->envelope :
			    encrypt(op, send->content, recipient, send->cipher != NULL ? send->cipher : EVP_aes_128_cbc());
	if (send->flip == 0)
		return made;
	uint8_t *copy = arena_alloc(op->arena, made.n);
	memcpy(copy, made.p, made.n);
	copy[made.n - send->flip] ^= 1;
	return (struct bytes){ copy, made.n };
}

struct bytes scep_message(struct scep_house *house, const struct scep_send *send)
{
	struct op *op = house->op;
	EVP_PKEY *key = send->key != NULL ? send->key : scep_key(0);
	struct bytes content = scep_envelope(house, send);
	struct bytes certificate = send->certificate.n > 0 ? send->certificate : maker_self_signed(op, key, "device");
	struct maker_signed message = { .key = key, .certificate = certificate, .digest = send->digest, .content = content,
					.attributes = make_attributes(op, send, content) };
	if (send->is_signature_wrong)
		message.signature = MAKER_DER(op, DER_OCTET_STRING, maker_sign(op, key, "SHA256", BYTES_LITERAL("something else")));
	return maker_signed(op, &message);
}

static struct scep_seen call_route(struct scep_house *house, const struct routes *routes, enum listener_kind on, struct call *call)
{
	struct op *op = op_new();
	struct reply reply = { .status = 0 };
	struct scep_seen seen = { .status = 404, .pki_status = -1, .fail_info = -1 };
	const struct route *route = routes_find(routes, on, call);
	if (route != NULL && !(call->method == HTTP_GET ? route->get : route->post)) {
		seen.status = 405;
	} else if (route != NULL) {
		if (route->handler(op, call, &reply).err != ERR_NONE) {
			reply = (struct reply){ .status = 0 };
			route->fail(op, call, &reply);
		}
		seen.status = reply.status;
		seen.content_type = arena_text(house->op->arena, reply.content_type);
		seen.body = arena_bytes(house->op->arena, reply.body);
	}
	op_free(&op);
	return seen;
}

/* certs-only, or with a CRL alone. */
static void read_inner(struct op *op, struct bytes der, struct scep_seen *seen)
{
	const unsigned char *p = der.p;
	unsigned char *out = NULL;
	PKCS7 *message = d2i_PKCS7(NULL, &p, (long)der.n);
	ASSERT(message != NULL && PKCS7_type_is_signed(message));
	STACK_OF(X509) *certificates = message->d.sign->cert;
	STACK_OF(X509_CRL) *crls = message->d.sign->crl;
	ASSERT((sk_X509_num(certificates) == 1) != (sk_X509_CRL_num(crls) == 1));
	if (sk_X509_num(certificates) == 1) {
		int n = i2d_X509(sk_X509_value(certificates, 0), &out);
		seen->certificate = take_der(op, out, n);
	} else {
		int n = i2d_X509_CRL(sk_X509_CRL_value(crls, 0), &out);
		seen->crl = take_der(op, out, n);
	}
	PKCS7_free(message);
}

/* With the key alone, as OpenSSL's own client would. */
static void open_envelope(struct op *op, struct bytes der, EVP_PKEY *key, struct scep_seen *seen)
{
	const unsigned char *p = der.p;
	CMS_ContentInfo *message = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	AUTO(BIO) *out = BIO_new(BIO_s_mem());
	char *text;
	ASSERT(message != NULL && CMS_decrypt(message, key, NULL, NULL, out, CMS_BINARY) == 1);
	long n = BIO_get_mem_data(out, &text);
	read_inner(op, (struct bytes){ (const uint8_t *)text, (size_t)n }, seen);
	CMS_ContentInfo_free(message);
	struct enveloped_data parts;
	const struct enveloped_rules rules = { .takes_3des = true };
	must(op, enveloped_data_read(op, der, &rules, &parts));
	seen->cipher = content_cipher_name(parts.cipher);
}

/* OpenSSL's opinion of the signature. */
static void verify(struct bytes der)
{
	const unsigned char *p = der.p;
	CMS_ContentInfo *message = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	AUTO(BIO) *out = BIO_new(BIO_s_mem()), *none = BIO_new_mem_buf("", 0);
	ASSERT(message != NULL);
	ASN1_OCTET_STRING **content = CMS_get0_content(message);
	bool has_content = content != NULL && *content != NULL;
	int verified = CMS_verify(message, NULL, NULL, has_content ? NULL : none, out,
				  CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | (has_content ? 0 : CMS_DETACHED));
	if (verified != 1)
		ERR_print_errors_fp(stderr);
	ASSERT(verified == 1);
	CMS_ContentInfo_free(message);
}

static int number_of(const struct signed_data *message, struct bytes oid)
{
	struct der_value value;
	if (!signed_data_attribute(message, oid, &value))
		return -1;
	ASSERT(value.tag == DER_PRINTABLE_STRING && value.content.n == 1);
	return value.content.p[0] - '0';
}

/* SP5, SP6: whatever the answer says, it is the answer to this. */
static void check_answer(struct scep_house *house, const struct scep_send *send, const char *endpoint,
			 const struct signed_data *message)
{
	struct der_value value;
	ASSERT(number_of(message, scep_message_type_oid) == SCEP_CERT_REP);
	ASSERT(signed_data_attribute(message, scep_transaction_id_oid, &value));
	ASSERT(bytes_equal_text(value.content, send->transaction != NULL ? send->transaction : "t-1"));
	ASSERT(signed_data_attribute(message, scep_sender_nonce_oid, &value) && value.content.n == SCEP_NONCE_SIZE);
	ASSERT(!bytes_equal(value.content, nonce_of(send)));
	bool has = signed_data_attribute(message, scep_recipient_nonce_oid, &value);
	ASSERT(send->no_nonce ? !has : has && bytes_equal(value.content, nonce_of(send)));
	ASSERT(message->n_certificates == 1 && bytes_equal(message->certificates[0], scep_house_ra(house, endpoint)));
}

static void read_answer(struct scep_house *house, const struct scep_send *send, const char *endpoint, struct scep_seen *seen)
{
	const struct signed_data_rules rules = { .takes_no_content = true };
	struct signed_data message;
	struct der_value value;
	must(house->op, signed_data_read_by(house->op, seen->body, &rules, &message));
	verify(seen->body);
	check_answer(house, send, endpoint, &message);
	seen->pki_status = number_of(&message, scep_pki_status_oid);
	seen->fail_info = number_of(&message, scep_fail_info_oid);
	seen->has_content = message.content.n > 0;
	if (signed_data_attribute(&message, scep_fail_info_text_oid, &value))
		seen->text = arena_text_n(house->op->arena, (const char *)value.content.p, value.content.n);
	if (seen->pki_status == 0)
		open_envelope(house->op, message.content, send->key != NULL ? send->key : scep_key(0), seen);
}

/* As a form would write it, or as a bad decoder reads that. */
static const char *escaped(struct arena *arena, const char *base64, bool is_blank_for_plus)
{
	struct buf out;
	buf_init(&out, arena, 8192);
	for (; *base64 != '\0'; base64++)
		buf_text(&out, *base64 == '+' ? (is_blank_for_plus ? "%20" : "%2B") : *base64 == '/' ? "%2F" : *base64 == '=' ? "%3D" :
					      arena_printf(arena, "%c", *base64));
	return buf_as_text(&out);
}

struct scep_seen scep_send(struct scep_house *house, const struct scep_send *send)
{
	struct arena *arena = house->op->arena;
	const char *endpoint = endpoint_of(send);
	const char *path = send->path != NULL ? send->path : arena_printf(arena, "/scep/%s", endpoint);
	struct bytes message = send->body.n > 0 ? send->body : scep_message(house, send);
	const char *query = "operation=PKIOperation";
	if (send->is_get)
		query = arena_printf(arena, "%s&message=%s", query,
				     escaped(arena, bytes_to_base64(arena, message), send->is_blank_for_plus));
	struct call call = { .method = send->is_get ? HTTP_GET : HTTP_POST, .path = bytes_of_text(path), .query = bytes_of_text(query) };
	if (!send->is_get)
		call.body = message;
	struct scep_seen seen = call_route(house, send->node != NULL ? send->node->routes : house->routes, ON_HTTP, &call);
	if (seen.status == 200 && text_equal(seen.content_type, "application/x-pki-message"))
		read_answer(house, send, endpoint, &seen);
	return seen;
}

struct scep_seen scep_http(struct scep_house *house, const struct scep_http *http)
{
	struct arena *arena = house->op->arena;
	const char *mark = strchr(http->target, '?');
	struct http_header header = { BYTES_LITERAL("Authorization"), BYTES_NONE };
	struct call call = { .method = http->body != NULL ? HTTP_POST : http->method,
			     .path = bytes_of_text(mark != NULL ? arena_text_n(arena, http->target, (size_t)(mark - http->target)) :
								  http->target),
			     .query = mark != NULL ? bytes_of_text(mark + 1) : BYTES_NONE,
			     .body = http->body != NULL ? bytes_of_text(http->body) : BYTES_NONE,
			     .headers = &header };
	if (http->credentials != NULL) {
		header.value = bytes_of_text(arena_printf(arena, "Basic %s", bytes_to_base64(arena, bytes_of_text(http->credentials))));
		call.n_headers = 1;
	}
	return call_route(house, house->routes, http->on != 0 ? http->on : ON_HTTP, &call);
}
