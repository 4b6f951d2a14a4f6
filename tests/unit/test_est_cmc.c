/* fullcmc: messages that OpenSSL signs, answers that OpenSSL verifies, and whatever else may come. */
#include "tests/unit/est_scene.h"

#include <pthread.h>
#include <string.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/authorization.h"
#include "ca/certs_only.h"
#include "ca/der.h"
#include "ca/issue.h"
#include "protocols/est/cmc.h"
#include "protocols/est/endpoint.h"
#include "tests/fake/cmc_client.h"
#include "tests/fake/x509_maker.h"

#define REQUEST_PART 9
#define NO_PARTS ((struct bytes){ NULL, 0 })

/* A PKIData with this request and nothing else. */
static struct bytes plain(struct est_house *h, struct bytes csr)
{
	return cmc_pki_data(h->op, NO_PARTS, cmc_tagged_request(h->op, REQUEST_PART, csr), NO_PARTS, NO_PARTS);
}

/* Sends; the answer has to be a CMC answer by the house. */
static struct cmc_answer send_message(struct est_house *h, int status, const struct est_send *send, struct est_answer *http)
{
	struct cmc_answer out;
	struct bytes der;
	struct est_send whole = *send;
	if (whole.path == NULL)
		whole.path = "open/fullcmc";
	if (whole.content_type == NULL)
		whole.content_type = "application/pkcs7-mime; smime-type=CMC-request";
	*http = est_send(h, &whole);
	assert_status(http, status);
	assert_string_equal(http->content_type, "application/pkcs7-mime; smime-type=CMC-response");
	assert_ok(h->op, bytes_from_base64(h->op, bytes_of_text(http->body), &der));
	assert_true(cmc_answer_read(h->op, der, h->fake->root->der, clock_now_s(), &out));
	return out;
}

static struct est_answer expect_success(struct est_house *h, const struct est_send *send)
{
	struct est_answer http;
	struct cmc_answer a = send_message(h, 200, send, &http);
	assert_int_equal(a.status, 0);
	assert_int_equal(a.body_part, REQUEST_PART);
	assert_int_equal(a.fail_info, -1);
	assert_int_equal(http.n_certificates, 3); /* the signer's, and that of the issuing CA */
	return http;
}
#define EXPECT_SUCCESS(house, ...) expect_success((house), &(struct est_send){ __VA_ARGS__ })

static struct cmc_answer expect_failure(struct est_house *h, int status, enum cmc_fail_info info, long body_part,
					const struct est_send *send)
{
	struct est_answer http;
	struct cmc_answer a = send_message(h, status, send, &http);
	assert_int_equal(a.status, 2);
	if (a.fail_info != (long)info)
		fail_msg("expected CMCFailInfo %d, got %ld: %.*s", (int)info, a.fail_info, (int)a.text.n, (const char *)a.text.p);
	assert_int_equal(a.body_part, body_part);
	assert_true(a.text.n > 10 && a.text.n < 300);
	return a;
}
#define EXPECT_FAILURE(house, status, info, body_part, ...) \
	expect_failure((house), (status), (info), (body_part), &(struct est_send){ __VA_ARGS__ })

static bool is_for(struct bytes certificate, EVP_PKEY *key)
{
	const uint8_t *p = certificate.p;
	AUTO(X509) *x509 = d2i_X509(NULL, &p, (long)certificate.n);
	return x509 != NULL && EVP_PKEY_eq(X509_get0_pubkey(x509), key) == 1;
}

/* E9: by the key that is to be certified. The same request finds the same certificate, also at simpleenroll (E8, E14). */
static void test_signed_by_the_new_key_E9_E14(void **state)
{
	struct est_house *h = *state;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	struct bytes csr = EST_CSR(h, .cn = "dev-1", .key = key);
	struct bytes message = CMC_SIGN(h->op, plain(h, csr), .key = key);
	struct est_answer first = EXPECT_SUCCESS(h, .csr = message);
	assert_true(is_for(first.certificate, key));
	assert_null(strpbrk(first.body, "\r\n"));
	assert_true(bytes_equal(EXPECT_SUCCESS(h, .csr = message).certificate, first.certificate));
	struct est_answer simple = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr);
	assert_true(bytes_equal(simple.certificate, first.certificate));
	assert_int_equal(n_issued(h), 1);
	assert_int_equal(est_house_count(h, "certificate WHERE profile = 'cmc-signer'"), 1);
}

/* Keys, digests and names of signers that clients use. */
static void test_ways_to_sign_E9(void **state)
{
	struct est_house *h = *state;
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
	static const enum key_type types[] = { KEY_P256, KEY_RSA2048 };
	for (unsigned t = 0; t < 2; t++) {
		AUTO(EVP_PKEY) *key = maker_key(types[t]);
		struct bytes data = plain(h, EST_CSR(h, .cn = "dev-1", .key = key));
		for (unsigned d = 0; d < 3; d++) {
			EXPECT_SUCCESS(h, .csr = CMC_SIGN(h->op, data, .key = key, .digest = digests[d]));
			EXPECT_SUCCESS(h, .csr = CMC_SIGN(h->op, data, .key = key, .digest = digests[d], .is_self_named = true));
		}
	}
	assert_int_equal(n_issued(h), 2);
}

/* RFC 5272 sections 6.4 and 6.6: transaction and data come back, and the nonce as the recipient's. */
static void test_controls_that_come_back(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	struct bytes transaction = BYTES_LITERAL("\x02\x02\x01\x2c"), nonce = BYTES_LITERAL("\x04\x04nonc");
	struct bytes data = BYTES_LITERAL("\x04\x02hi");
	struct bytes controls = MAKER_JOIN(op, cmc_control(op, 1, 5, transaction), cmc_control(op, 2, 6, nonce), cmc_control(op, 3, 4, data),
					   cmc_control(op, 4, 2, BYTES_LITERAL("\x0c\x05" "dev-1")));
	struct bytes csr = EST_CSR(h, .cn = "dev-1", .key = key);
	struct bytes whole = cmc_pki_data(op, controls, cmc_tagged_request(op, REQUEST_PART, csr), NO_PARTS, NO_PARTS);
	const struct est_send send = { .csr = CMC_SIGN(op, whole, .key = key) };
	struct est_answer http;
	struct cmc_answer first = send_message(h, 200, &send, &http), second = send_message(h, 200, &send, &http);
	assert_true(bytes_equal(first.transaction_id, transaction));
	assert_true(bytes_equal(first.recipient_nonce, nonce));
	assert_true(bytes_equal(first.data_return, data));
	assert_int_equal(first.sender_nonce.n, 2 + CMC_NONCE_SIZE);
	assert_false(bytes_equal(first.sender_nonce, second.sender_nonce));
	/* Also when it is refused, and a control behind those is the reason. */
	whole = cmc_pki_data(op, MAKER_JOIN(op, cmc_control(op, 7, 17, BYTES_LITERAL("\x05\x00")), controls),
			     cmc_tagged_request(op, REQUEST_PART, csr), NO_PARTS, NO_PARTS);
	first = EXPECT_FAILURE(h, 400, CMC_BAD_REQUEST, 7, .csr = CMC_SIGN(op, whole, .key = key));
	assert_true(bytes_equal(first.transaction_id, transaction) && bytes_equal(first.recipient_nonce, nonce));
	/* Where nothing was sent, nothing comes back. */
	first = send_message(h, 200, &(struct est_send){ .csr = CMC_SIGN(op, plain(h, csr), .key = key) }, &http);
	assert_true(first.transaction_id.n == 0 && first.sender_nonce.n == 0 && first.recipient_nonce.n == 0 && first.data_return.n == 0);
}

/* E4, E8, E15, V21: who asks, and what for, is decided as at simpleenroll. */
static void test_the_same_decisions_E4_E8_E15_V21(void **state)
{
	struct est_house *h = *state;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	static const char type[] = "application/pkcs7-mime";
	struct bytes message = CMC_SIGN(h->op, plain(h, EST_CSR(h, .cn = "dev-1", .key = key)), .key = key);
	est_house_add_user(h, &(struct user){ .name = "dev-1" }, NULL);
	est_house_add_user(h, &(struct user){ .name = "dev-2" }, NULL);
	struct est_answer a = ASSERT_SENT(h, 401, .path = "fullcmc", .content_type = type, .csr = message);
	assert_non_null(strstr(a.challenges, "Basic"));
	ASSERT_SENT(h, 401, .path = "fullcmc", .content_type = type, .body = "!!!!");
	ASSERT_SENT(h, 401, .path = "fullcmc", .content_type = type, .user = "dev-1", .password = "wrong", .csr = message);
	ASSERT_SENT(h, 415, .path = "open/fullcmc", .content_type = "application/pkcs10", .csr = message);
	ASSERT_SENT(h, 405, .path = "open/fullcmc");
	assert_int_equal(est_house_count(h, "certificate WHERE profile = 'cmc-signer'"), 0);

	EXPECT_FAILURE(h, 403, CMC_BAD_REQUEST, REQUEST_PART, .path = "fullcmc", .user = "dev-2", .csr = message);
	EXPECT_FAILURE(h, 403, CMC_BAD_REQUEST, REQUEST_PART, .path = "bound/fullcmc", .user = "dev-1", .csr = message);
	EXPECT_SUCCESS(h, .path = "fullcmc", .user = "dev-1", .csr = message);
	assert_int_equal(est_house_entries(h, "issuance.refused"), 2);

	a = ASSERT_SENT(h, 202, .path = "manual/fullcmc", .user = "dev-1", .content_type = type, .csr = message);
	assert_string_equal(a.retry_after, "30");
	est_house_decide(h, true, NULL);
	EXPECT_SUCCESS(h, .path = "manual/fullcmc", .user = "dev-1", .csr = message);
	assert_int_equal(n_issued(h), 2);
}

static struct bytes enroll(struct est_house *h, EVP_PKEY *key, const char *cn)
{
	return ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = EST_CSR(h, .cn = cn, .key = key)).certificate;
}

/* E6: renewal with the key of the certificate that is to be followed, by TLS or besides a password. */
static void test_signed_by_a_certificate_of_ours_E6(void **state)
{
	struct est_house *h = *state;
	AUTO(EVP_PKEY) *old_key = maker_key(KEY_P256);
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	struct bytes old = enroll(h, old_key, "dev-1");
	struct bytes same = CMC_SIGN(h->op, plain(h, EST_CSR(h, .cn = "dev-1", .key = key)), .key = old_key, .certificate = old);
	struct bytes other = CMC_SIGN(h->op, plain(h, EST_CSR(h, .cn = "dev-2")), .key = old_key, .certificate = old);
	assert_true(is_for(EXPECT_SUCCESS(h, .path = "fullcmc", .certificate = old, .csr = same).certificate, key));
	EXPECT_FAILURE(h, 403, CMC_BAD_REQUEST, REQUEST_PART, .path = "fullcmc", .certificate = old, .csr = other);

	est_house_add_user(h, &(struct user){ .name = "desk", .is_registrar = true }, NULL);
	EXPECT_SUCCESS(h, .path = "fullcmc", .user = "desk", .csr = same);
	/* The signer's names bind, whoever brings the message. */
	EXPECT_FAILURE(h, 403, CMC_BAD_REQUEST, REQUEST_PART, .path = "fullcmc", .user = "desk", .csr = other);
	EXPECT_FAILURE(h, 403, CMC_BAD_REQUEST, REQUEST_PART, .csr = other);
	/* Without the certificate in the message TLS has it. */
	struct bytes bare = CMC_SIGN(h->op, plain(h, EST_CSR(h, .cn = "dev-1", .key = key)), .key = old_key, .certificate = old,
				     .flags = CMS_NOCERTS);
	EXPECT_SUCCESS(h, .path = "fullcmc", .certificate = old, .csr = bare);
	EXPECT_SUCCESS(h, .path = "open/fullcmc", .certificate = old, .csr = bare);
	EXPECT_FAILURE(h, 400, CMC_BAD_MESSAGE_CHECK, 0, .csr = bare);
}

static struct bytes issue_registrar(struct est_house *h, EVP_PKEY *key)
{
	const struct identifier name = { IDENTIFIER_CN, "desk-1" };
	const struct authorization_facts facts = { .door = DOOR_OPERATOR, .profile = "registrar", .identifiers = &name,
						   .n_identifiers = 1, .requester = "uid:0" };
	struct authorization *authorization;
	struct issued issued;
	assert_ok(h->op, authorization_new(h->op, h->fake->config, &facts, &authorization));
	assert_ok(h->op, issue(h->op, h->fake->authority, authorization, maker_spki(h->op, key), &issued));
	return issued.der;
}

/* E13: a registrar signs for others where the label has registrars, and nowhere else. */
static void test_signed_by_a_registrar_E13(void **state)
{
	struct est_house *h = *state;
	AUTO(EVP_PKEY) *desk_key = maker_key(KEY_P256);
	struct bytes desk = issue_registrar(h, desk_key);
	struct bytes message = CMC_SIGN(h->op, plain(h, EST_CSR(h, .cn = "dev-9")), .key = desk_key, .certificate = desk);
	EXPECT_SUCCESS(h, .path = "fleet/fullcmc", .certificate = desk, .csr = message);
	EXPECT_FAILURE(h, 403, CMC_BAD_IDENTITY, 0, .csr = message); /* "open" has none */
	assert_int_equal(n_issued(h), 1);
}

static const char *serial_of(struct est_house *h, struct bytes der)
{
	const uint8_t *p = der.p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)der.n);
	AUTO(BIGNUM) *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	uint8_t octets[16];
	assert_int_equal(BN_bn2binpad(number, octets, sizeof octets), sizeof octets);
	return bytes_to_hex(h->op->arena, (struct bytes)BYTES_ARRAY(octets));
}

/* S9, V10: by nobody, by a stranger, by another client, by one who was revoked. */
static void test_other_signers_S9_V10(void **state)
{
	struct est_house *h = *state;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	AUTO(EVP_PKEY) *stranger = maker_key(KEY_P256);
	AUTO(EVP_PKEY) *mine_key = maker_key(KEY_P256);
	AUTO(EVP_PKEY) *theirs_key = maker_key(KEY_P256);
	struct bytes data = plain(h, EST_CSR(h, .cn = "dev-1", .key = key));
	EXPECT_FAILURE(h, 400, CMC_BAD_MESSAGE_CHECK, 0, .csr = CMC_SIGN(h->op, data, .key = stranger));
	EXPECT_FAILURE(h, 403, CMC_BAD_IDENTITY, 0, .csr = CMC_SIGN(h->op, data, .key = stranger, .is_self_named = true));

	struct bytes mine = enroll(h, mine_key, "dev-1"), theirs = enroll(h, theirs_key, "dev-2");
	struct bytes by_them = CMC_SIGN(h->op, data, .key = theirs_key, .certificate = theirs);
	EXPECT_FAILURE(h, 403, CMC_BAD_IDENTITY, 0, .path = "fullcmc", .certificate = mine, .csr = by_them);
	int64_t now = clock_now_s();
	struct bytes by_me = CMC_SIGN(h->op, data, .key = mine_key, .certificate = mine);
	fake_authority_revoke(h->fake, h->fake->issuing, serial_of(h, mine), 1, now, now + 90 * 86400);
	struct cmc_answer a = EXPECT_FAILURE(h, 403, CMC_BAD_IDENTITY, 0, .csr = by_me);
	assert_non_null(memmem(a.text.p, a.text.n, "revoked", 7));

	/* The last octet of a message is one of its signature; any of the content is digested. */
	struct bytes good = CMC_SIGN(h->op, data, .key = key);
	uint8_t *broken = arena_alloc(h->op->arena, good.n);
	memcpy(broken, good.p, good.n);
	broken[good.n - 1] ^= 1;
	EXPECT_FAILURE(h, 400, CMC_BAD_MESSAGE_CHECK, 0, .csr = { broken, good.n });
	memcpy(broken, good.p, good.n);
	uint8_t *name = memmem(broken, good.n, "dev-1", 5);
	assert_non_null(name);
	name[4] = '2';
	EXPECT_FAILURE(h, 400, CMC_BAD_REQUEST, 0, .csr = { broken, good.n });
	assert_int_equal(n_issued(h), 2); /* the two by simpleenroll */
	assert_int_equal(est_house_count(h, "enrollment"), 2);
}

/* A SignedData as it should be, but for its signers: there are none. */
static struct bytes unsigned_message(struct op *op, struct bytes data)
{
	struct bytes signed_data = BYTES_LITERAL("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"), empty = BYTES_LITERAL("\x31\x00");
	struct bytes pki_data = BYTES_LITERAL("\x06\x08\x2b\x06\x01\x05\x05\x07\x0c\x02"), version = BYTES_LITERAL("\x02\x01\x03");
	struct bytes content = MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), MAKER_DER(op, DER_OCTET_STRING, data));
	struct bytes body = MAKER_DER(op, DER_SEQUENCE, version, empty, MAKER_DER(op, DER_SEQUENCE, pki_data, content), empty);
	return MAKER_DER(op, DER_SEQUENCE, signed_data, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), body));
}

/* What is no message with one signer, in strict DER. */
static void test_messages_that_are_none(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	AUTO(EVP_PKEY) *second = maker_key(KEY_P256);
	struct bytes csr = EST_CSR(h, .cn = "dev-1", .key = key), data = plain(h, csr);
	struct bytes good = CMC_SIGN(op, data, .key = key);
	const struct bytes messages[] = {
		csr,
		data,
		BYTES_LITERAL("\x30\x00"),
		MAKER_JOIN(op, good, BYTES_LITERAL("\x00")),
		(struct bytes){ good.p, good.n - 1 },
		CMC_SIGN(op, data, .key = key, .second = second),
		unsigned_message(op, data),
		certs_only(op->arena, &h->fake->root->der, 1),
		CMC_SIGN(op, data, .key = key, .is_detached = true),
		CMC_SIGN(op, data, .key = key, .flags = CMS_NOATTR),
		CMC_SIGN(op, data, .key = key, .type = "1.2.840.113549.1.7.1"),
		CMC_SIGN(op, data, .key = key, .type = "1.3.6.1.5.5.7.12.3"),
		CMC_SIGN(op, good, .key = key), /* one in another */
		CMC_SIGN(op, csr, .key = key),
		CMC_SIGN(op, BYTES_LITERAL("\x30\x80\x00\x00"), .key = key),
	};
	for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++) {
		print_message("# message %u\n", i);
		EXPECT_FAILURE(h, 400, CMC_BAD_REQUEST, 0, .csr = messages[i]);
	}
	struct bytes ber = CMC_SIGN(op, data, .key = key, .flags = CMS_STREAM);
	assert_true(ber.p[1] == 0x80); /* of indefinite length */
	struct cmc_answer a = EXPECT_FAILURE(h, 400, CMC_BAD_REQUEST, 0, .csr = ber);
	assert_non_null(memmem(a.text.p, a.text.n, "strict DER", 10));
	EXPECT_FAILURE(h, 400, CMC_BAD_REQUEST, 0, .body = "!!!!", .method = HTTP_POST);
	EXPECT_FAILURE(h, 400, CMC_BAD_REQUEST, 0, .body = "", .method = HTTP_POST);
	EXPECT_FAILURE(h, 403, CMC_BAD_ALG, 0, .csr = CMC_SIGN(op, data, .key = key, .digest = "SHA1"));
	EXPECT_FAILURE(h, 403, CMC_BAD_ALG, 0, .csr = CMC_SIGN(op, data, .key = key, .digest = "SHA224"));
	assert_int_equal(n_issued(h), 0);
}

struct evil {
	struct bytes controls, requests, messages, others;
	enum cmc_fail_info info;
	long body_part;
};

/* PKIData, well signed, of which something is not as this server takes it (RFC 5272 section 3.2.1). */
static void test_contents_that_are_refused(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	struct bytes csr = EST_CSR(h, .cn = "dev-1", .key = key), one = cmc_tagged_request(op, REQUEST_PART, csr);
	struct bytes null = BYTES_LITERAL("\x05\x00"), nonce = BYTES_LITERAL("\x04\x01x");
	struct bytes bad_csr = cmc_tagged_request(op, REQUEST_PART, EST_CSR(h, .cn = "dev-1", .key = key, .is_signature_wrong = true));
	struct bytes part = BYTES_LITERAL("\x02\x01\x05"), huge = BYTES_LITERAL("\x02\x05\x01\x00\x00\x00\x00");
	struct bytes minus = BYTES_LITERAL("\x02\x01\xff");
	uint8_t long_nonce[CMC_VALUE_MAX];
	memset(long_nonce, 'x', sizeof long_nonce);
	struct bytes many = cmc_control(op, 1, 5, BYTES_LITERAL("\x02\x01\x05"));
	for (unsigned i = 2; i <= CMC_CONTROLS_MAX + 1; i++)
		many = MAKER_JOIN(op, many, cmc_control(op, 100 + i, 2, BYTES_LITERAL("\x0c\x01x")));
	struct bytes deep = null;
	for (unsigned i = 0; i < 2 * DER_DEPTH_MAX; i++)
		deep = MAKER_DER(op, DER_SEQUENCE, deep);
	uint8_t *large = arena_alloc(op->arena, LIMIT_CSR_BYTES);
	for (unsigned i = 0; i < LIMIT_CSR_BYTES; i += 2)
		large[i] = DER_NULL;
	const struct evil rows[] = {
		{ NO_PARTS, NO_PARTS, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, MAKER_JOIN(op, one, cmc_tagged_request(op, 8, csr)), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		/* CRMF, another kind, none of the choices */
		{ NO_PARTS, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(1), part, csr), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(2), part, csr), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, csr, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		/* numbers of body parts: 0, beyond 32 bits, negative, missing, twice */
		{ NO_PARTS, cmc_tagged_request(op, 0, csr), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), huge, csr), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), minus, csr), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), csr), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, MAKER_DER(op, DER_CONTEXT_CONSTRUCTED(0), part, csr, null), NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ cmc_control(op, REQUEST_PART, 6, nonce), one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		/* messages and other things inside */
		{ NO_PARTS, one, null, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, one, NO_PARTS, null, CMC_BAD_REQUEST, 0 },
		/* controls: unknown, of another type, without a value, with two, twice, too long, too many */
		{ cmc_control(op, 5, 99, null), one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 5 },
		{ cmc_control(op, 5, 7, nonce), one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 5 },
		{ cmc_control(op, 5, 6, null), one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ cmc_control(op, 5, 6, MAKER_JOIN(op, nonce, nonce)), one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ MAKER_JOIN(op, cmc_control(op, 5, 6, nonce), cmc_control(op, 6, 6, nonce)), one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ cmc_control(op, 5, 6, MAKER_DER(op, DER_OCTET_STRING, BYTES_ARRAY(long_nonce))), one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ many, one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ null, one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		/* section 6.2: proofs with a secret that nobody shares */
		{ cmc_control(op, 5, 3, BYTES_LITERAL("\x04\x01x")), one, NO_PARTS, NO_PARTS, CMC_BAD_IDENTITY, 5 },
		{ cmc_control(op, 5, 34, BYTES_LITERAL("\x30\x00")), one, NO_PARTS, NO_PARTS, CMC_BAD_IDENTITY, 5 },
		/* too deep, too large, S9 */
		{ deep, one, NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, 0 },
		{ NO_PARTS, cmc_tagged_request(op, REQUEST_PART, MAKER_DER(op, DER_SEQUENCE, (struct bytes){ large, LIMIT_CSR_BYTES })),
		  NO_PARTS, NO_PARTS, CMC_BAD_REQUEST, REQUEST_PART },
		{ NO_PARTS, bad_csr, NO_PARTS, NO_PARTS, CMC_POP_FAILED, REQUEST_PART },
	};
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes data = cmc_pki_data(op, rows[i].controls, rows[i].requests, rows[i].messages, rows[i].others);
		print_message("# content %u\n", i);
		EXPECT_FAILURE(h, 400, rows[i].info, rows[i].body_part, .csr = CMC_SIGN(op, data, .key = key));
	}
	assert_int_equal(n_issued(h), 0);
	assert_int_equal(est_house_count(h, "enrollment"), 0);
}

/* The signer's certificate is good for a week, and changed at half of it, when it was revoked, and when the clock was ahead. */
static void test_the_signer_is_changed(void **state)
{
	struct est_house *h = *state;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	const struct est_send send = { .csr = CMC_SIGN(h->op, plain(h, EST_CSR(h, .cn = "dev-1", .key = key)), .key = key) };
	struct est_answer http;
	int64_t start = clock_now_s();
	struct bytes first = send_message(h, 200, &send, &http).signer;
	advance(3 * 86400);
	assert_true(bytes_equal(send_message(h, 200, &send, &http).signer, first));
	advance(86400);
	struct bytes second = send_message(h, 200, &send, &http).signer;
	assert_false(bytes_equal(first, second));
	int64_t now = clock_now_s();
	fake_authority_revoke(h->fake, h->fake->issuing, serial_of(h, second), 1, now, now + 90 * 86400);
	struct bytes third = send_message(h, 200, &send, &http).signer;
	assert_false(bytes_equal(third, second));
	assert_true(bytes_equal(send_message(h, 200, &send, &http).signer, third));
	clock_fix(start);
	assert_false(bytes_equal(send_message(h, 200, &send, &http).signer, third));
	assert_int_equal(est_house_count(h, "certificate WHERE profile = 'cmc-signer'"), 4);
}

struct contender {
	struct est_house *house;
	pthread_t thread;
	uint8_t hash[SHA256_SIZE]; /* of the certificate of the signer that it got */
};

static void *pin(void *arg)
{
	struct contender *c = arg;
	struct op *op = op_new();
	CMC_SIGNER_PIN(signer);
	result r = cmc_signer_pin(op, c->house->est->cmc_signers, c->house->fake->issuing, &signer);
	if (r.err == ERR_NONE)
		bytes_sha256(cmc_signer_read(signer)->certificate, c->hash);
	op_free(&op);
	return NULL;
}

/* Many who need the first one at the same moment get the same one. */
static void test_one_signer_for_all(void **state)
{
	struct contender contenders[6] = { { .house = *state } };
	uint8_t none[SHA256_SIZE] = { 0 };
	for (unsigned i = 0; i < 6; i++) {
		contenders[i].house = *state;
		assert_int_equal(pthread_create(&contenders[i].thread, NULL, pin, &contenders[i]), 0);
	}
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(pthread_join(contenders[i].thread, NULL), 0);
	assert_memory_not_equal(contenders[0].hash, none, sizeof none);
	for (unsigned i = 1; i < 6; i++)
		assert_memory_equal(contenders[i].hash, contenders[0].hash, sizeof none);
	assert_int_equal(est_house_count(*state, "certificate WHERE profile = 'cmc-signer'"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_signed_by_the_new_key_E9_E14),
		SCENE(test_ways_to_sign_E9),
		SCENE(test_controls_that_come_back),
		SCENE(test_the_same_decisions_E4_E8_E15_V21),
		SCENE(test_signed_by_a_certificate_of_ours_E6),
		SCENE(test_signed_by_a_registrar_E13),
		SCENE(test_other_signers_S9_V10),
		SCENE(test_messages_that_are_none),
		SCENE(test_contents_that_are_refused),
		SCENE(test_the_signer_is_changed),
		SCENE(test_one_signer_for_all),
	};
	return RUN_SCENES(tests);
}
