/* The client of ocsp_client.h. */
#include "tests/unit/ocsp_client.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include "base/clock.h"
#include "base/openssl_auto.h"

static OCSP_CERTID *cert_id_of(const struct ocsp_question *question)
{
	AUTO(BIGNUM) *number = NULL;
	ASSERT(BN_hex2bn(&number, question->serial) > 0);
	AUTO(ASN1_INTEGER) *serial = BN_to_ASN1_INTEGER(number, NULL);
	const X509 *issuer = question->ca->certificate;
	OCSP_CERTID *id = OCSP_cert_id_new(question->is_sha256 ? EVP_sha256() : EVP_sha1(), X509_get_subject_name(issuer),
					   X509_get0_pubkey_bitstr(issuer), serial);
	ASSERT(id != NULL);
	return id;
}

struct bytes ocsp_client_request(struct op *op, const struct ocsp_question *questions, unsigned n, unsigned nonce_n)
{
	AUTO(OCSP_REQUEST) *request = OCSP_REQUEST_new();
	for (unsigned i = 0; i < n; i++)
		ASSERT(OCSP_request_add0_id(request, cert_id_of(&questions[i])) != NULL);
	if (nonce_n > 0)
		ASSERT(OCSP_request_add1_nonce(request, NULL, (int)nonce_n) == 1);
	unsigned char *der = NULL;
	int der_n = i2d_OCSP_REQUEST(request, &der);
	ASSERT(der_n > 0);
	struct bytes out = arena_bytes(op->arena, (struct bytes){ der, (size_t)der_n });
	OPENSSL_free(der);
	return out;
}

static int64_t time_of(const ASN1_GENERALIZEDTIME *time)
{
	struct tm tm;
	return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* The root is trusted, the issuing CA is known, the time is that of the program. */
static bool is_signed_by_us(const struct fake_authority *fake, OCSP_BASICRESP *basic)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *known = sk_X509_new_null();
	ASSERT(store != NULL && known != NULL);
	ASSERT(X509_STORE_add_cert(store, fake->root->certificate) == 1);
	ASSERT(sk_X509_push(known, fake->issuing->certificate) > 0);
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)clock_now_s());
	bool is_good = OCSP_basic_verify(basic, known, store, 0) == 1;
	if (!is_good)
		ERR_print_errors_fp(stderr);
	sk_X509_free(known);
	X509_STORE_free(store);
	return is_good;
}

static const char *read_single(OCSP_BASICRESP *basic, const struct ocsp_question *question, struct ocsp_verdict *out)
{
	ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
	OCSP_CERTID *id = cert_id_of(question);
	int found = OCSP_resp_find_status(basic, id, &out->status, &out->reason, &revoked, &this_update, &next_update);
	OCSP_CERTID_free(id);
	if (found != 1)
		return "the certificate is not in the answer";
	out->revoked_s = time_of(revoked);
	out->this_update_s = time_of(this_update);
	out->next_update_s = time_of(next_update);
	out->produced_s = time_of(OCSP_resp_get0_produced_at(basic));
	return NULL;
}

const char *ocsp_client_judge(const struct fake_authority *fake, struct bytes request, struct bytes answer,
			      const struct ocsp_question *question, struct ocsp_verdict *out)
{
	const unsigned char *p = answer.p, *q = request.p;
	AUTO(OCSP_RESPONSE) *response = d2i_OCSP_RESPONSE(NULL, &p, (long)answer.n);
	AUTO(OCSP_REQUEST) *asked = d2i_OCSP_REQUEST(NULL, &q, (long)request.n);
	if (response == NULL || p != answer.p + answer.n || asked == NULL)
		return "not an OCSPResponse, or something behind it";
	if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		return "not successful";
	AUTO(OCSP_BASICRESP) *basic = OCSP_response_get1_basic(response);
	if (basic == NULL)
		return "not a BasicOCSPResponse";
	int nonces = OCSP_check_nonce(asked, basic);
	if (nonces != 1 && nonces != 2) /* 1: equal; 2: neither has one */
		return "the nonce is not the one that was sent";
	if (!is_signed_by_us(fake, basic))
		return "the signature does not lead to the root";
	return read_single(basic, question, out);
}
