/*
 * Messages in BER, as OpenSSL streams them and as others write them: taken where the
 * endpoint says so, and nowhere else (S6).
 */
#include "tests/unit/scep_scene.h"

#include <openssl/cms.h>

#include "base/openssl_auto.h"
#include "ca/der.h"
#include "fixture.h"
#include "tests/fake/ber_maker.h"
#include "tests/fake/cms_maker.h"

#define REQUESTED "enrollment.requested"

static struct bytes csr_for(struct scep_house *h, const char *endpoint, const char *cn)
{
	const char *challenge = scep_house_challenge(h, endpoint, arena_printf(h->op->arena, "[\"cn:%s\"]", cn), false);
	return SCEP_CSR(h, .cn = cn, .challenge = challenge);
}

/* --- OpenSSL, with CMS_STREAM, as `openssl cms -stream` does. */

static struct bytes streamed(struct op *op, CMS_ContentInfo *message, struct bytes content)
{
	AUTO(BIO) *in = BIO_new_mem_buf(content.p, (int)content.n), *out = BIO_new(BIO_s_mem());
	char *p;
	assert_int_equal(i2d_CMS_bio_stream(out, message, in, CMS_STREAM | CMS_BINARY), 1);
	long n = BIO_get_mem_data(out, &p);
	struct bytes ber = arena_bytes(op->arena, (struct bytes){ (const uint8_t *)p, (size_t)n });
	CMS_ContentInfo_free(message);
	assert_false(der_is_strict(ber));
	assert_true(ber.n > 2 && ber.p[1] == 0x80);
	return ber;
}

static X509 *decoded(struct bytes certificate)
{
	const unsigned char *p = certificate.p;
	X509 *x509 = d2i_X509(NULL, &p, (long)certificate.n);
	assert_non_null(x509);
	return x509;
}

static struct bytes streamed_envelope(struct scep_house *h, const char *endpoint, struct bytes content)
{
	AUTO(X509) *recipient = decoded(scep_house_ra(h, endpoint));
	STACK_OF(X509) *recipients = sk_X509_new_null();
	assert_true(sk_X509_push(recipients, recipient) > 0);
	CMS_ContentInfo *message = CMS_encrypt(recipients, NULL, EVP_aes_256_cbc(), CMS_STREAM | CMS_BINARY | CMS_PARTIAL);
	assert_non_null(message);
	sk_X509_free(recipients);
	return streamed(h->op, message, content);
}

static void add_attribute(CMS_SignerInfo *signer, struct bytes oid, int type, struct bytes value)
{
	AUTO(ASN1_OBJECT) *object = ASN1_OBJECT_create(NID_undef, (unsigned char *)(uintptr_t)oid.p, (int)oid.n, NULL, NULL);
	assert_int_equal(CMS_signed_add1_attr_by_OBJ(signer, object, type, value.p, (int)value.n), 1);
}

static struct bytes streamed_message(struct scep_house *h, const char *transaction, struct bytes content)
{
	static const uint8_t nonce[SCEP_NONCE_SIZE] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff }; /* the client's own */
	const unsigned flags = CMS_STREAM | CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
	AUTO(X509) *certificate = decoded(maker_self_signed(h->op, scep_key(0), "device"));
	CMS_ContentInfo *message = CMS_sign(NULL, NULL, NULL, NULL, flags);
	CMS_SignerInfo *signer = CMS_add1_signer(message, certificate, scep_key(0), EVP_sha256(), flags);
	assert_non_null(signer);
	add_attribute(signer, scep_message_type_oid, V_ASN1_PRINTABLESTRING, BYTES_LITERAL("19"));
	add_attribute(signer, scep_transaction_id_oid, V_ASN1_PRINTABLESTRING, bytes_of_text(transaction));
	add_attribute(signer, scep_sender_nonce_oid, V_ASN1_OCTET_STRING, (struct bytes)BYTES_ARRAY(nonce));
	return streamed(h->op, message, content);
}

static void test_streamed_by_openssl_S6(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = csr_for(h, "old", "dev-1");
	struct bytes message = streamed_message(h, "t-1", streamed_envelope(h, "old", csr));
	struct scep_seen first = ASSERT_SENT(h, SUCCESS, -1, .endpoint = "old", .body = message);
	assert_true(scep_house_says(h, REQUESTED, "\"compatibility\":\"ber\"")); /* S8 */
	/* The same request, in whatever form, is the same. */
	struct scep_seen again = ASSERT_SENT(h, SUCCESS, -1, .endpoint = "old", .content = csr);
	assert_true(bytes_equal(first.certificate, again.certificate));
	assert_int_equal(n_issued(h), 1);
	/* Either side by itself. */
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "old", .transaction = "t-2",
		    .envelope = streamed_envelope(h, "old", csr_for(h, "old", "dev-2")));
	assert_true(scep_house_says(h, REQUESTED, "\"compatibility\":\"ber\""));
	struct bytes envelope = scep_envelope(h, &(struct scep_send){ .endpoint = "old", .content = csr_for(h, "old", "dev-3") });
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "old", .transaction = "t-3", .body = streamed_message(h, "t-3", envelope));
	assert_true(scep_house_says(h, REQUESTED, "\"compatibility\":\"ber\""));
}

static void test_is_off_by_default_S6(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = csr_for(h, "default", "dev-1");
	struct bytes envelope = streamed_envelope(h, "default", csr);
	/* From the outer one nothing can be read that an answer needs. */
	struct scep_seen seen = SCEP_SEND(h, .body = streamed_message(h, "t-1", envelope));
	assert_http(&seen, 400);
	ASSERT_BAD_MESSAGE(h, .envelope = envelope);
	assert_int_equal(scep_house_count(h, "enrollment"), 0);
	ASSERT_SENT(h, SUCCESS, -1, .content = csr);
}

static void test_der_stays_der(void **state)
{
	struct scep_house *h = *state;
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "old", .content = csr_for(h, "old", "dev-1"));
	assert_false(scep_house_says(h, REQUESTED, "compatibility"));
}

/* --- Others: every form, certificates and signed attributes included, which are signed as DER (RFC 5652 section 5.4). */

static struct bytes ber_message(struct scep_house *h, const struct scep_send *send, unsigned *seed)
{
	struct scep_send inside = *send;
	inside.envelope = maker_ber(h->op, scep_envelope(h, send), seed);
	return maker_ber(h->op, scep_message(h, &inside), seed);
}

static void test_any_form(void **state)
{
	struct scep_house *h = *state;
	unsigned seed = test_seed();
	for (unsigned i = 0; i < 6; i++) {
		const char *name = arena_printf(h->op->arena, "dev-%u", i);
		struct scep_send send = { .endpoint = "old", .transaction = name, .content = csr_for(h, "old", name) };
		send.body = ber_message(h, &send, i == 0 ? NULL : &seed);
		send.is_get = i % 2 == 1;
		struct scep_seen seen = scep_send(h, &send);
		assert_answer(&seen, SUCCESS, -1);
	}
	assert_int_equal(n_issued(h), 6);
}

/* A certificate of ours that comes in BER is the same certificate. */
static void test_renewal(void **state)
{
	struct scep_house *h = *state;
	struct bytes certificate = enrolled(h, "old", "dev-1", scep_key(0));
	struct scep_send send = { .endpoint = "old", .type = SCEP_RENEWAL_REQ, .transaction = "t-2", .certificate = certificate,
				  .content = SCEP_CSR(h, .key = scep_key(1), .cn = "dev-1") };
	send.body = ber_message(h, &send, NULL);
	struct scep_seen seen = scep_send(h, &send);
	assert_answer(&seen, SUCCESS, -1);
	assert_int_equal(n_issued(h), 2);
}

/* S5, S6: what is wrong is wrong in this form, too, in the same words. */
static void test_refusals_S5_S6(void **state)
{
	struct scep_house *h = *state;
	struct op *op = h->op;
	struct bytes csr = csr_for(h, "old", "dev-1"), envelope = streamed_envelope(h, "old", csr);
	struct bytes message = streamed_message(h, "t-1", envelope);
	struct scep_seen cut = SCEP_SEND(h, .endpoint = "old", .body = { message.p, message.n - 2 });
	assert_http(&cut, 400);
	struct scep_seen trailing = SCEP_SEND(h, .endpoint = "old", .body = MAKER_JOIN(op, message, BYTES_LITERAL("\x00\x00")));
	assert_http(&trailing, 400);
	struct bytes others[] = {
		{ envelope.p, envelope.n - 2 },
		MAKER_JOIN(op, envelope, BYTES_LITERAL("\x00\x00")),
		streamed_envelope(h, "default", csr),              /* another RA's */
		streamed_envelope(h, "old", maker_ber(op, csr, NULL)), /* the CSR is signed as it is */
	};
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct scep_seen seen = ASSERT_BAD_MESSAGE(h, .endpoint = "old", .envelope = others[i]);
		assert_string_equal(seen.text, "the message cannot be read: it is not for this server, was changed on its way, or is no request");
		seen = ASSERT_BAD_MESSAGE(h, .endpoint = "old", .body = streamed_message(h, "t-1", others[i]));
		assert_string_equal(seen.text, "the message cannot be read: it is not for this server, was changed on its way, or is no request");
	}
	ASSERT_BAD_MESSAGE(h, .endpoint = "old", .envelope = envelope, .is_signature_wrong = true);
	assert_int_equal(scep_house_count(h, "enrollment"), 0);
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "old", .body = message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_streamed_by_openssl_S6), SCENE(test_is_off_by_default_S6), SCENE(test_der_stays_der),
		SCENE(test_any_form),		    SCENE(test_renewal),	      SCENE(test_refusals_S5_S6),
	};
	return RUN_SCENES(tests);
}
