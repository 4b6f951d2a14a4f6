/* pkiMessages: addresses, what is wrong with CMS, message types, nonces, ciphers, and what anybody may ask. */
#include "tests/unit/scep_scene.h"

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <string.h>

#include "base/files.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "tests/fake/cms_maker.h"
#include "tests/fake/fake_token.h"

static struct bytes good_csr(struct scep_house *h, const char *cn)
{
	const char *names = arena_printf(h->op->arena, "[\"cn:%s\"]", cn);
	return SCEP_CSR(h, .cn = cn, .challenge = scep_house_challenge(h, "default", names, false));
}

static const char *text_of(struct scep_house *h, const struct scep_seen *seen)
{
	return arena_text_n(h->op->arena, (const char *)seen->body.p, seen->body.n);
}

/* SP1: one to a line, and nothing that is not so. */
static void test_capabilities_SP1(void **state)
{
	struct scep_house *h = *state;
	struct scep_seen seen = ASSERT_HTTP(h, 200, .target = "/scep/default?operation=GetCACaps");
	assert_true(text_has_prefix(seen.content_type, "text/plain"));
	assert_true(text_has_prefix(text_of(h, &seen), "AES\nPOSTPKIOperation\nRenewal\nSCEPStandard\nSHA-256\nSHA-384\nSHA-512"));
	seen = ASSERT_HTTP(h, 200, .target = "/scep/old?operation=GetCACaps");
	assert_non_null(strstr(text_of(h, &seen), "DES3\n"));
	assert_non_null(strstr(text_of(h, &seen), "SHA-1\n"));
	seen = ASSERT_HTTP(h, 200, .target = "/scep/closed?operation=GetCACaps");
	assert_null(strstr(text_of(h, &seen), "Renewal"));
	assert_null(strstr(text_of(h, &seen), "GetNextCACert")); /* SP14: without next_ca not said, and not there */
	ASSERT_HTTP(h, 404, .target = "/scep/default?operation=GetNextCACert");
}

/* SP3: the RA, then its CA, then the root. */
static void test_ca_certificates_SP3(void **state)
{
	struct scep_house *h = *state;
	struct scep_seen seen = ASSERT_HTTP(h, 200, .target = "/scep/default/pkiclient.exe?operation=GetCACert&message=ca");
	assert_string_equal(seen.content_type, "application/x-x509-ca-ra-cert");
	const unsigned char *p = seen.body.p;
	PKCS7 *message = d2i_PKCS7(NULL, &p, (long)seen.body.n);
	const struct bytes expected[] = { scep_house_ra(h, "default"), h->fake->issuing->der, h->fake->root->der };
	assert_int_equal(sk_X509_num(message->d.sign->cert), 3);
	for (int i = 0; i < 3; i++) {
		unsigned char *der = NULL;
		int n = i2d_X509(sk_X509_value(message->d.sign->cert, i), &der);
		assert_true(bytes_equal((struct bytes){ der, (size_t)n }, expected[i]));
		OPENSSL_free(der);
	}
	PKCS7_free(message);
}

static const char *write_next(struct scep_house *h, struct bytes content)
{
	const char *path = files_join(h->fake->arena, h->fake->dir, "next.pem");
	assert_ok(h->op, files_write(h->op, path, 0600, content));
	return path;
}

static struct bytes pem_of(struct scep_house *h, const struct bytes *certificates, unsigned n)
{
	AUTO(BIO) *out = BIO_new(BIO_s_mem());
	char *p;
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(PEM_write_bio(out, "CERTIFICATE", "", certificates[i].p, (long)certificates[i].n) > 0, 1);
	long size = BIO_get_mem_data(out, &p);
	return arena_bytes(h->op->arena, (struct bytes){ (uint8_t *)p, (size_t)size });
}

/* OpenSSL's CMS finds it signed by the CA of now (an EC key), and these certificates in its content, in this order. */
static void assert_announced(struct scep_house *h, const struct scep_seen *seen, const struct bytes *expected, unsigned n)
{
	AUTO(BIO) *in = BIO_new_mem_buf(seen->body.p, (int)seen->body.n), *out = BIO_new(BIO_s_mem());
	STACK_OF(X509) *signers = sk_X509_new_null();
	const unsigned char *p;
	assert_string_equal(seen->content_type, "application/x-x509-next-ca-cert");
	sk_X509_push(signers, h->fake->issuing->certificate);
	CMS_ContentInfo *cms = d2i_CMS_bio(in, NULL);
	assert_non_null(cms);
	assert_int_equal(CMS_verify(cms, signers, NULL, NULL, out, CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY), 1);
	long size = BIO_get_mem_data(out, (char **)&p);
	PKCS7 *content = d2i_PKCS7(NULL, &p, size);
	assert_int_equal(sk_X509_num(content->d.sign->cert), n);
	assert_int_equal(sk_PKCS7_SIGNER_INFO_num(content->d.sign->signer_info), 0);
	for (unsigned i = 0; i < n; i++) {
		unsigned char *der = NULL;
		int der_n = i2d_X509(sk_X509_value(content->d.sign->cert, (int)i), &der);
		assert_true(bytes_equal((struct bytes){ der, (size_t)der_n }, expected[i]));
		OPENSSL_free(der);
	}
	PKCS7_free(content);
	CMS_ContentInfo_free(cms);
	sk_X509_free(signers);
}

#define NEXT "/scep/default?operation=GetNextCACert"

static bool says_next(struct scep_house *h)
{
	struct scep_seen seen = ASSERT_HTTP(h, 200, .target = "/scep/default?operation=GetCACaps");
	return strstr(text_of(h, &seen), "\nGetNextCACert\n") != NULL;
}

/* SP14: signed once, and again when the file is another. */
static void test_next_ca_SP14(void **state)
{
	struct scep_house *h = *state;
	struct ca *one = maker_ca(h->op, KEY_P256, clock_now_s(), clock_now_s() + 86400, -1);
	struct ca *two = maker_ca(h->op, KEY_RSA2048, clock_now_s(), clock_now_s() + 2 * 86400, -1);
	const struct bytes both[] = { two->der, one->der };
	h->fake->config->scep[0].next_ca = write_next(h, pem_of(h, &two->der, 1));
	assert_ok(h->op, scep_check(h->op, h->fake->config));
	assert_false(says_next(h)); /* nobody has signed it yet, and a request does not */
	ASSERT_HTTP(h, 404, .target = NEXT);
	assert_ok(h->op, scep_refresh(h->op, h->scep));
	uint64_t before = fake_token_signatures();
	assert_true(says_next(h));
	struct scep_seen seen = ASSERT_HTTP(h, 200, .target = NEXT);
	assert_announced(h, &seen, &two->der, 1);
	assert_ok(h->op, scep_refresh(h->op, h->scep));
	struct scep_seen again = ASSERT_HTTP(h, 200, .target = NEXT "&message=ca");
	assert_true(bytes_equal(seen.body, again.body));
	assert_int_equal(fake_token_signatures(), before);
	ASSERT_HTTP(h, 404, .target = "/scep/closed?operation=GetNextCACert");

	write_next(h, pem_of(h, both, 2));
	assert_ok(h->op, scep_refresh(h->op, h->scep));
	assert_int_equal(fake_token_signatures(), before + 1);
	seen = ASSERT_HTTP(h, 200, .target = NEXT);
	assert_announced(h, &seen, both, 2);
	advance(86400 + 1); /* the second one has ended */
	assert_false(says_next(h));
	ASSERT_HTTP(h, 404, .target = NEXT);
	maker_ca_free(one);
	maker_ca_free(two);
}

/* What is in the file no longer is announced no longer; while the token is away, nothing new is. */
static void test_next_ca_that_goes_SP14(void **state)
{
	struct scep_house *h = *state;
	struct ca *next = maker_ca(h->op, KEY_P256, clock_now_s(), clock_now_s() + 86400, -1);
	struct config_scep *settings = &h->fake->config->scep[0];
	const struct fake_token_faults busy = { .fail = ERR_BUSY };
	const char *path = settings->next_ca = write_next(h, pem_of(h, &next->der, 1));
	fake_token_set_faults(&busy);
	assert_err(h->op, ERR_BUSY, scep_refresh(h->op, h->scep));
	fake_token_set_faults(NULL);
	ASSERT_HTTP(h, 404, .target = NEXT);
	assert_ok(h->op, scep_refresh(h->op, h->scep));
	ASSERT_HTTP(h, 200, .target = NEXT);
	settings->next_ca = NULL;
	ASSERT_HTTP(h, 404, .target = NEXT);
	settings->next_ca = path;
	ASSERT_HTTP(h, 200, .target = NEXT);
	write_next(h, pem_of(h, &h->fake->issuing->der, 1));
	assert_err(h->op, ERR_POLICY, scep_refresh(h->op, h->scep)); /* the CA of now is not the next one */
	assert_false(says_next(h));
	ASSERT_HTTP(h, 404, .target = NEXT);
	maker_ca_free(next);
}

/* SP14: what an operator may have put there by mistake. */
static void test_next_ca_files_that_are_refused(void **state)
{
	struct scep_house *h = *state;
	struct op *op = h->op;
	struct ca *next = maker_ca(op, KEY_P256, clock_now_s(), clock_now_s() + 86400, -1);
	struct ca *old = maker_ca(op, KEY_P256, clock_now_s() - 86400, clock_now_s() - 1, -1);
	const struct bytes leaf_first[] = { maker_self_signed(op, scep_key(1), "ra"), next->der }, old_behind[] = { next->der, old->der };
	struct bytes good = pem_of(h, &next->der, 1), many[17];
	for (unsigned i = 0; i < 17; i++)
		many[i] = next->der;
	const struct {
		struct bytes content;
		enum err err;
	} rows[] = {
		{ BYTES_NONE, ERR_MALFORMED },
		{ BYTES_LITERAL("next CA\n"), ERR_MALFORMED },
		{ next->der, ERR_MALFORMED },
		{ { good.p, good.n / 2 }, ERR_MALFORMED },
		{ maker_join(op, good, BYTES_LITERAL("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), BYTES_NONE),
		  ERR_MALFORMED },
		{ pem_of(h, leaf_first, 2), ERR_POLICY },
		{ pem_of(h, old_behind, 2), ERR_POLICY },
		{ pem_of(h, many, 17), ERR_LIMIT },
	};
	struct config_scep *settings = &h->fake->config->scep[0];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		settings->next_ca = write_next(h, rows[i].content);
		assert_err(op, rows[i].err, scep_check(op, h->fake->config));
	}
	settings->next_ca = "/nowhere/next.pem";
	assert_err(op, ERR_NOT_FOUND, scep_check(op, h->fake->config));
	settings->next_ca = write_next(h, maker_join(op, BYTES_LITERAL("# the next one\n"), pem_of(h, many, 16), BYTES_NONE));
	assert_ok(op, scep_check(op, h->fake->config));
	maker_ca_free(next);
	maker_ca_free(old);
}

/* SP2, V12: by GET and POST, exact addresses, exact words. */
static void test_addresses_and_operations_SP2_V12(void **state)
{
	struct scep_house *h = *state;
	static const char *const nowhere[] = { "/scep/default/", "/scep", "/scep/Default?operation=GetCACaps", "/scep/none?operation=GetCACaps",
					       "/scep/default/pkiclient.exe/", "/scep//default", "/scep/default/PKICLIENT.EXE" };
	static const char *const wrong[] = { "/scep/default", "/scep/default?operation=", "/scep/default?operation=getcacaps",
					     "/scep/default?operation=GetCACaps&operation=GetCACert", "/scep/default?Operation=GetCACaps",
					     "/scep/default?operation=GetCACert%", "/scep/default?operation=PKIOperation",
					     "/scep/default?operation=PKIOperation&message=", "/scep/default?operation=PKIOperation&message=MAA-",
					     "/scep/default?operation=PKIOperation&message=MAA%3D", "/scep/default?operation=CAReset" };
	for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++)
		ASSERT_HTTP(h, 404, .target = nowhere[i]);
	for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ASSERT_HTTP(h, 400, .target = wrong[i]);
	ASSERT_HTTP(h, 400, .target = "/scep/default?operation=GetCACaps", .body = "x");
	ASSERT_SENT(h, SUCCESS, -1, .content = good_csr(h, "by-get"), .is_get = true, .transaction = "get");
	ASSERT_SENT(h, SUCCESS, -1, .content = good_csr(h, "by-blank"), .is_get = true, .is_blank_for_plus = true, .transaction = "blank");
	ASSERT_SENT(h, SUCCESS, -1, .content = good_csr(h, "by-post"), .path = "/scep/default/pkiclient.exe", .transaction = "post");
	assert_int_equal(n_issued(h), 3);
}

/* V1, SP4: every other number, and what is none. No row, no certificate. */
static void test_only_five_message_types_V1_SP4(void **state)
{
	struct scep_house *h = *state;
	static const char *const texts[] = { "", "019", "19 ", "+19", "1e1", "PKCSReq", "0x13", "-1", "1900000000019" };
	struct bytes csr = good_csr(h, "dev-1");
	for (int type = 0; type < 256; type++) {
		if (type == SCEP_RENEWAL_REQ || (type >= SCEP_PKCS_REQ && type <= SCEP_GET_CRL))
			continue;
		ASSERT_REFUSED(h, .type_text = arena_printf(h->op->arena, "%d", type), .content = csr);
	}
	for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
		ASSERT_REFUSED(h, .type_text = texts[i], .content = csr);
	assert_int_equal(scep_house_count(h, "enrollment"), 0);
	assert_int_equal(scep_house_count(h, "certificate WHERE door = 'scep'"), 0);
	assert_int_equal(scep_house_entries(h, "enrollment.requested"), 0);
	ASSERT_SENT(h, SUCCESS, -1, .content = csr); /* which was good */
}

/* SP6: sixteen octets, which come back (scep_client.c looks at each answer). */
static void test_nonces_SP6(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = good_csr(h, "dev-1");
	static const uint8_t octets[SCEP_NONCE_SIZE + 1] = { 0 };
	ASSERT_REFUSED(h, .content = csr, .no_nonce = true);
	ASSERT_REFUSED(h, .content = csr, .nonce = { octets, SCEP_NONCE_SIZE - 1 });
	ASSERT_REFUSED(h, .content = csr, .nonce = { octets, SCEP_NONCE_SIZE + 1 });
	ASSERT_SENT(h, SUCCESS, -1, .content = csr, .nonce = { octets, SCEP_NONCE_SIZE });
}

/* SP5: PrintableString, 128 at most. Without one there is nothing to answer to (SP17). */
static void test_transaction_identifiers_SP5_SP17(void **state)
{
	struct scep_house *h = *state;
	char longest[LIMIT_SCEP_TRANSACTION_ID + 2];
	struct bytes csr = good_csr(h, "dev-1");
	memset(longest, 'a', sizeof longest);
	longest[LIMIT_SCEP_TRANSACTION_ID + 1] = '\0';
	struct scep_seen seen = SCEP_SEND(h, .content = csr, .transaction = longest);
	assert_http(&seen, 400);
	seen = SCEP_SEND(h, .content = csr, .transaction = "");
	assert_http(&seen, 400);
	seen = SCEP_SEND(h, .content = csr, .transaction = "a_b");
	assert_http(&seen, 400);
	longest[LIMIT_SCEP_TRANSACTION_ID] = '\0';
	ASSERT_SENT(h, SUCCESS, -1, .content = csr, .transaction = longest);
}

/* SP15, S5: whatever is wrong with the CMS, the answer is the same but for nonce and signature. */
static void test_one_answer_to_all_bad_messages_SP15_S5(void **state)
{
	struct scep_house *h = *state;
	struct op *op = h->op;
	struct bytes csr = good_csr(h, "dev-1"), other_ra = scep_house_ra(h, "closed");
	struct scep_seen first = ASSERT_BAD_MESSAGE(h, .content = csr, .is_signature_wrong = true);
	struct scep_seen seen[] = {
		ASSERT_BAD_MESSAGE(h, .content = csr, .flip = 1),   /* the padding */
		ASSERT_BAD_MESSAGE(h, .content = csr, .flip = 17),  /* it, another way */
		ASSERT_BAD_MESSAGE(h, .content = csr, .flip = 400), /* the middle */
		ASSERT_BAD_MESSAGE(h, .content = csr, .recipient = other_ra),
		ASSERT_BAD_MESSAGE(h, .content = csr, .envelope = MAKER_ENVELOPED(op, .certificate = scep_house_ra(h, "default"),
										  .encrypted_key = BYTES_LITERAL("\x04\x01\x00"))),
		ASSERT_BAD_MESSAGE(h, .content = csr, .envelope = BYTES_LITERAL("\x30\x00")),
		ASSERT_BAD_MESSAGE(h, .content = csr, .envelope = BYTES_LITERAL("x")),
		ASSERT_BAD_MESSAGE(h, .content = BYTES_LITERAL("no DER at all, but well padded")),
		ASSERT_BAD_MESSAGE(h, .content = BYTES_LITERAL("\x30\x00")),
		ASSERT_BAD_MESSAGE(h, .content = SCEP_CSR(h, .cn = "dev-1", .is_signature_wrong = true)),
	};
	for (unsigned i = 0; i < sizeof seen / sizeof seen[0]; i++) {
		assert_string_equal(seen[i].text, first.text);
		assert_int_equal(seen[i].body.n, first.body.n);
	}
	assert_int_equal(scep_house_count(h, "enrollment"), 0);
	ASSERT_SENT(h, SUCCESS, -1, .content = csr);
}

/* SP17: what is no message of SCEP at all gets HTTP's error. */
static void test_no_message_at_all_SP17(void **state)
{
	struct scep_house *h = *state;
	static const struct bytes bodies[] = { BYTES_LITERAL("x"), BYTES_LITERAL("\x30\x80\x00\x00"), BYTES_LITERAL("\x30\x00") };
	for (unsigned i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		struct scep_seen seen = SCEP_SEND(h, .body = bodies[i]);
		assert_http(&seen, 400);
		assert_true(text_has_prefix(seen.content_type, "text/plain"));
	}
}

/* SP8, SP16, S8: as the request; 3DES and SHA-1 only where the endpoint says so, and then it stands in the log. */
static void test_ciphers_and_digests_SP8_SP16_S8(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = good_csr(h, "dev-1");
	ASSERT_SENT(h, FAILURE, SCEP_BAD_ALG, .content = csr, .cipher = EVP_des_ede3_cbc());
	ASSERT_SENT(h, FAILURE, SCEP_BAD_ALG, .content = csr, .digest = "SHA1");
	ASSERT_SENT(h, FAILURE, SCEP_BAD_ALG, .endpoint = "old", .content = csr, .digest = "MD5");
	struct scep_seen seen = ASSERT_SENT(h, SUCCESS, -1, .content = csr, .cipher = EVP_aes_256_cbc(), .digest = "SHA512");
	assert_string_equal(seen.cipher, "AES-256-CBC");
	struct bytes old = SCEP_CSR(h, .cn = "old", .challenge = scep_house_challenge(h, "old", "[\"cn:old\"]", false));
	seen = ASSERT_SENT(h, SUCCESS, -1, .endpoint = "old", .content = old, .cipher = EVP_des_ede3_cbc(), .digest = "SHA1");
	assert_string_equal(seen.cipher, "DES-EDE3-CBC");
	assert_true(scep_house_says(h, "enrollment.requested", "\"compatibility\":\"3des sha1\""));
}

/* An EC key has nothing that could be encrypted to. */
static void test_requesters_with_ec_keys(void **state)
{
	struct scep_house *h = *state;
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	struct scep_seen seen = ASSERT_SENT(h, FAILURE, SCEP_BAD_ALG, .key = key, .content = SCEP_CSR(h, .key = key, .cn = "a"));
	assert_non_null(strstr(seen.text, "RSA"));
}

/* SP15: signingTime, where it is there. */
static void test_clocks_SP15(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = good_csr(h, "dev-1");
	ASSERT_SENT(h, FAILURE, SCEP_BAD_TIME, .content = csr, .signing_time = "200101000000Z");
	ASSERT_SENT(h, FAILURE, SCEP_BAD_TIME, .content = csr, .signing_time = "491231235959Z");
	ASSERT_BAD_MESSAGE(h, .content = csr, .signing_time = "20200101000000Z"); /* to be UTCTime (RFC 5652 section 11.3) */
	char now[16];
	time_t now_s = (time_t)clock_now_s() - 3600;
	struct tm parts;
	strftime(now, sizeof now, "%Y%m%d%H%M%SZ", gmtime_r(&now_s, &parts));
	ASSERT_SENT(h, SUCCESS, -1, .content = csr, .signing_time = now + 2); /* UTCTime has two digits of the year */
}

/* SP13: GetCert and GetCRL, for holders of certificates of the endpoint. */
static void test_looking_up_SP13(void **state)
{
	struct scep_house *h = *state;
	struct bytes own = enrolled(h, "default", "dev-1", scep_key(0)), other = enrolled(h, "other", "dev-2", scep_key(1));
	struct scep_seen seen = ASSERT_SENT(h, SUCCESS, -1, .type = SCEP_GET_CERT, .certificate = own, .content = scep_named(h, other));
	assert_true(bytes_equal(seen.certificate, other));
	ASSERT_REFUSED(h, .type = SCEP_GET_CERT, .content = scep_named(h, own)); /* who signed his certificate himself */
	ASSERT_REFUSED(h, .type = SCEP_GET_CERT, .certificate = other, .key = scep_key(1), .content = scep_named(h, own));
	struct bytes named = scep_named(h, own);
	uint8_t *unknown = arena_alloc(h->op->arena, named.n);
	memcpy(unknown, named.p, named.n);
	unknown[named.n - 1] ^= 1; /* of the serial */
	ASSERT_SENT(h, FAILURE, SCEP_BAD_CERT_ID, .type = SCEP_GET_CERT, .certificate = own, .content = { unknown, named.n });
	ASSERT_BAD_MESSAGE(h, .type = SCEP_GET_CERT, .certificate = own,
			   .content = scep_named(h, maker_self_signed(h->op, scep_key(2), "x")));
	ASSERT_BAD_MESSAGE(h, .type = SCEP_GET_CERT, .certificate = own, .content = BYTES_LITERAL("\x30\x00"));
	ASSERT_REFUSED(h, .type = SCEP_GET_CERT, .endpoint = "closed", .certificate = own, .content = scep_named(h, own));
	ASSERT_REFUSED(h, .type = SCEP_GET_CRL, .endpoint = "closed", .certificate = own, .content = scep_named(h, own));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_capabilities_SP1),
		SCENE(test_ca_certificates_SP3),
		SCENE(test_next_ca_SP14),
		SCENE(test_next_ca_that_goes_SP14),
		SCENE(test_next_ca_files_that_are_refused),
		SCENE(test_addresses_and_operations_SP2_V12),
		SCENE(test_only_five_message_types_V1_SP4),
		SCENE(test_nonces_SP6),
		SCENE(test_transaction_identifiers_SP5_SP17),
		SCENE(test_one_answer_to_all_bad_messages_SP15_S5),
		SCENE(test_no_message_at_all_SP17),
		SCENE(test_ciphers_and_digests_SP8_SP16_S8),
		SCENE(test_requesters_with_ec_keys),
		SCENE(test_clocks_SP15),
		SCENE(test_looking_up_SP13),
	};
	return RUN_SCENES(tests);
}
