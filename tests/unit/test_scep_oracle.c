/*
 * Whoever intercepts a message can send what it holds again, changed as he likes,
 * under a signature of his own. No answer may tell what came out of it: a padding
 * that was right by chance, DER that is none of ours (S5, SP15).
 */
#include "tests/unit/scep_scene.h"

#include <string.h>

#include "base/text.h"

/* Contents that a change of a block can make of a request, and none that the type asks for. */
static const struct bytes contents[] = {
	BYTES_LITERAL("\x04\x03xyz"),                                 /* strict DER */
	BYTES_LITERAL("\x30\x00"),
	BYTES_LITERAL("\x30\x05\x04\x00\x02\x01\x05"),               /* an issuer that is none, and a number */
	BYTES_LITERAL("\x30\x05\x30\x00\x02\x01\x05"),
	BYTES_LITERAL("\x30\x04\x30\x00\x30\x00"),                    /* two names */
	BYTES_LITERAL("\x30\x80\x00\x00"),                            /* BER */
	BYTES_LITERAL("no DER at all"),
};

/* As one whose padding is wrong: the same failInfo, in the same words, of the same size. */
static void assert_tells_nothing(struct scep_house *h, struct scep_send send)
{
	struct scep_send damaged = send;
	damaged.content = (struct bytes)BYTES_LITERAL("whatever");
	damaged.flip = 1;
	struct scep_seen expected = scep_send(h, &damaged);
	for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
		send.content = contents[i];
		struct scep_seen seen = scep_send(h, &send);
		assert_answer(&seen, FAILURE, expected.fail_info);
		assert_string_equal(seen.text, expected.text);
		assert_int_equal(seen.body.n, expected.body.n);
	}
}

static void test_first_requests_S5(void **state)
{
	struct scep_house *h = *state;
	assert_tells_nothing(h, (struct scep_send){ .type = SCEP_PKCS_REQ });
	assert_tells_nothing(h, (struct scep_send){ .type = SCEP_PKCS_REQ, .endpoint = "desk" });
}

/* Neither who has no request under way, for whom nothing is decrypted, nor who has one. */
static void test_polls_S5_SP11(void **state)
{
	struct scep_house *h = *state;
	struct bytes csr = SCEP_CSR(h, .cn = "dev-1");
	assert_tells_nothing(h, (struct scep_send){ .type = SCEP_CERT_POLL });
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .content = csr);
	assert_tells_nothing(h, (struct scep_send){ .type = SCEP_CERT_POLL, .endpoint = "desk" });
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = scep_about(h, csr));
}

/* A certificate is no reason to be told more of the messages of others. */
static void test_holders_of_certificates_S5_SP13(void **state)
{
	static const int types[] = { SCEP_RENEWAL_REQ, SCEP_GET_CERT, SCEP_GET_CRL };
	struct scep_house *h = *state;
	const char *challenge = scep_house_challenge(h, "default", "[\"cn:dev-1\"]", false);
	struct scep_seen own = ASSERT_SENT(h, SUCCESS, -1, .content = SCEP_CSR(h, .cn = "dev-1", .challenge = challenge));
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		assert_tells_nothing(h, (struct scep_send){ .type = types[i], .certificate = own.certificate });
}

/* A whole request in somebody else's hands: neither its challenge nor its names are looked at, and nothing is spent. */
static void test_a_request_of_somebody_else_S4_S5(void **state)
{
	struct scep_house *h = *state;
	const char *challenge = scep_house_challenge(h, "default", "[\"cn:dev-1\"]", false);
	const struct bytes taken[] = { SCEP_CSR(h, .cn = "dev-1", .challenge = challenge),
				       SCEP_CSR(h, .cn = "dev-2", .challenge = challenge),
				       SCEP_CSR(h, .cn = "dev-1", .challenge = "never-was-one") };
	const char *text = NULL;
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		struct scep_seen seen = ASSERT_REFUSED(h, .content = taken[i], .key = scep_key(1), .transaction = "t-2");
		assert_true(text == NULL || text_equal(text, seen.text));
		text = seen.text;
	}
	ASSERT_SENT(h, SUCCESS, -1, .content = taken[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_first_requests_S5),
		SCENE(test_polls_S5_SP11),
		SCENE(test_holders_of_certificates_S5_SP13),
		SCENE(test_a_request_of_somebody_else_S4_S5),
	};
	return RUN_SCENES(tests);
}
