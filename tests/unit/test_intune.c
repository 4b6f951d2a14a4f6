/* Intune from the first token to a yes: calls, tokens, places, turns. Rows IN1, IN2, V44. */
#include "tests/unit/intune_scene.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "base/json.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "tests/fake/x509_maker.h"

/* --- IN1, IN2: the wire --- */

static void asks_as_microsofts_client_does(void **state)
{
	struct scene *s = *state;
	struct microsoft *m = &s->microsoft;
	assert_ok(s->op, validate(s));
	assert_int_equal(m->n[MICROSOFT_TOKENS], 2);
	assert_int_equal(m->n[MICROSOFT_SERVICES], 1);
	assert_int_equal(m->n[MICROSOFT_VALIDATE], 1);
	/* The last token was for Intune: two slashes, and everything escaped. */
	assert_string_equal(m->body[MICROSOFT_TOKENS],
			    "grant_type=client_credentials&client_id=11111111-2222-3333-4444-555555555555"
			    "&scope=https%3A%2F%2Fapi.manage.example%2F%2F.default&client_secret=s3cr%2Bt%20%26value%3D");
	assert_string_equal(m->body[MICROSOFT_VALIDATE],
			    "{\"request\":{\"transactionId\":\"tx-1\",\"certificateRequest\":\"" CSR_BASE64
			    "\",\"callerInfo\":\"Chancery " CHANCERY_VERSION "\"}}");
}

static void calls_by_proxy_and_trusts_who_is_named(void **state)
{
	struct scene *s = *state;
	write_secret(s, "trust.pem", BYTES_LITERAL("PEM"));
	s->endpoint->intune.trust_file = path_of(s, "trust.pem");
	s->endpoint->intune.proxy = "http://proxy.example:3128";
	assert_ok(s->op, validate(s));
	assert_string_equal(s->microsoft.proxy, "http://proxy.example:3128");
	assert_true(bytes_equal_text(s->microsoft.trust, "PEM"));
}

/* F38: the device waits no longer than the timeout, however many calls it takes. */
static void keeps_to_the_time(void **state)
{
	struct scene *s = *state;
	assert_ok(s->op, validate(s));
	assert_true(s->microsoft.timeout_ms <= 10000);
	assert_int_equal(s->op->deadline_ms, 0);
	s->op->deadline_ms = clock_monotonic_ms() + 3000;
	assert_ok(s->op, validate(s));
	assert_true(s->microsoft.timeout_ms <= 3000);
	s->op->deadline_ms = clock_monotonic_ms() - 1;
	assert_err(s->op, ERR_BACKEND, validate(s));
	s->op->deadline_ms = 0;
}

/* --- IN2, V44: one answer is a yes --- */

static void every_code_but_success_is_a_no(void **state)
{
	static const char *const codes[] = {
		"Unknown", "CertificateRequestDecodingFailed", "ChallengePasswordMissing", "ChallengeDeserializationError",
		"ChallengeDecryptionError", "ChallengeDecodingError", "ChallengeInvalidTimestamp", "ChallengeExpired",
		"SubjectNameMissing", "SubjectNameMismatch", "SubjectAltNameMissing", "SubjectAltNameMismatch", "KeyUsageMismatch",
		"KeyLengthMismatch", "EnhancedKeyUsageMissing", "EnhancedKeyUsageMismatch", "AadKeyIdentifierListMissing",
		"RegisteredKeyMismatch", "SigningCertThumbprintMismatch", "ScepProfileNoLongerTargetedToTheClient",
		"SignatureValidationFailed", "BadCertificateRequestIdInChallenge", "BadDeviceIdInChallenge", "BadUserIdInChallenge",
		/* and what nobody has heard of */
		"SomethingNew", "success", "SUCCESS", "Success ", "Success\\u0000", "1", "",
	};
	struct scene *s = *state;
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		answer(s, MICROSOFT_VALIDATE, 200,
		       arena_printf(s->op->arena, "{\"code\":\"%s\",\"errorDescription\":\"for a test\"}", codes[i]));
		result r = validate(s);
		bool is_no = strstr(codes[i], "\\u") != NULL ? r.err == ERR_BACKEND : r.err == ERR_DENIED;
		if (!is_no)
			fail_msg("%s: %s %s", codes[i], err_name(r.err), s->op->detail);
		if (r.err == ERR_DENIED)
			ASSERT_TEXT(s, "for a test");
		op_clear_failure(s->op);
	}
}

/* Whatever is no clear yes or no has not been answered: fail closed. */
static void anything_else_is_no_answer(void **state)
{
	static const struct {
		unsigned status;
		const char *body, *content_type;
	} answers[] = {
		{ 200, "{\"errorDescription\":\"\"}", NULL },
		{ 200, "{\"code\":null}", NULL },
		{ 200, "{\"code\":1}", NULL },
		{ 200, "{\"code\":[\"Success\"]}", NULL },
		{ 200, "{\"code\":\"ChallengeExpired\",\"code\":\"Success\"}", NULL },
		{ 200, "{\"code\":\"Success\",\"errorDescription\":7}", NULL },
		{ 200, "{\"request\":{\"code\":\"Success\"}}", NULL },
		{ 200, "\"Success\"", NULL },
		{ 200, "[{\"code\":\"Success\"}]", NULL },
		{ 200, "{\"code\":\"Success\"", NULL },
		{ 200, "{\"code\":\"Success\"} and more", NULL },
		{ 200, "Success", NULL },
		{ 200, "", NULL },
		{ 200, "{\"code\":\"Success\"}", "text/html" },
		{ 200, "{\"code\":\"Success\"}", "application/jsonp" },
		{ 200, "{\"code\":\"Success\"}", "" },
		{ 201, "{\"code\":\"Success\"}", NULL },
		{ 204, "{\"code\":\"Success\"}", NULL },
		{ 302, "{\"code\":\"Success\"}", NULL },
		{ 400, "{\"code\":\"Success\"}", NULL },
		{ 401, "{\"code\":\"Success\"}", NULL },
		{ 403, "{\"code\":\"Success\"}", NULL },
		{ 404, "{\"code\":\"Success\"}", NULL },
		{ 429, "{\"code\":\"Success\"}", NULL },
		{ 500, "{\"code\":\"Success\"}", NULL },
		{ 503, "{\"code\":\"Success\"}", NULL },
	};
	struct scene *s = *state;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		s->microsoft.answers[MICROSOFT_VALIDATE] = (struct microsoft_answer){
			.status = answers[i].status, .body = answers[i].body, .content_type = answers[i].content_type
		};
		result r = validate(s);
		if (r.err != ERR_BACKEND)
			fail_msg("%u %s: %s", answers[i].status, answers[i].body, err_name(r.err));
		ASSERT_TEXT(s, "Intune could not be asked");
		op_clear_failure(s->op);
	}
	s->microsoft.answers[MICROSOFT_VALIDATE] = (struct microsoft_answer){ .is_away = true };
	assert_err(s->op, ERR_BACKEND, validate(s));
	fake_courier_set_gone(true);
	assert_err(s->op, ERR_BACKEND, validate(s));
	fake_courier_set_gone(false);
	be_well(s);
	assert_ok(s->op, validate(s));
}

/* IN5: the same request is asked for again, and may get another answer. */
static void a_yes_is_not_kept(void **state)
{
	struct scene *s = *state;
	assert_ok(s->op, validate(s));
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_VALIDATE], 2);
	answer(s, MICROSOFT_VALIDATE, 200, "{\"code\":\"ChallengeExpired\",\"errorDescription\":\"\"}");
	assert_err(s->op, ERR_DENIED, validate(s));
	s->microsoft.answers[MICROSOFT_VALIDATE].is_away = true;
	assert_err(s->op, ERR_BACKEND, validate(s));
}

/* --- turns --- */

/* Requests of which each comes while Microsoft has all before it in its hands. */
struct crowd {
	struct scene *s;
	const char *const *remotes; /* "-": of the other endpoint, from then on; up to NULL */
	const struct config_scep *endpoint;
	unsigned n_asked, n_sent_away;
};

static void come(struct crowd *crowd)
{
	const char *remote = *crowd->remotes;
	if (remote == NULL)
		return;
	crowd->remotes++;
	if (text_equal(remote, "-")) {
		crowd->endpoint++;
		come(crowd);
		return;
	}
	struct op *op = op_new();
	text_copy(op->actor.remote, sizeof op->actor.remote, remote);
	result r = intune_validate(op, crowd->s->intune, crowd->endpoint, "tx-1", CSR);
	crowd->n_asked += r.err == ERR_NONE;
	crowd->n_sent_away += r.err == ERR_BUSY;
	if (r.err == ERR_BUSY) /* at once, and so the next one comes after it */
		come(crowd);
	op_free(&op);
}

static void another_comes(void *arg, enum microsoft_door door)
{
	if (door == MICROSOFT_VALIDATE)
		come(arg);
}

static void assert_crowd(struct scene *s, const char *const *remotes, unsigned n_asked, unsigned n_sent_away)
{
	struct crowd crowd = { .s = s, .remotes = remotes, .endpoint = s->endpoint };
	unsigned before = s->microsoft.n[MICROSOFT_VALIDATE];
	s->microsoft.during = another_comes;
	s->microsoft.during_arg = &crowd;
	come(&crowd);
	s->microsoft.during = NULL;
	assert_int_equal(crowd.n_asked, n_asked);
	assert_int_equal(crowd.n_sent_away, n_sent_away);
	assert_int_equal(s->microsoft.n[MICROSOFT_VALIDATE] - before, n_asked);
}

#define A "192.0.2.1"
#define B "192.0.2.2"
#define C "192.0.2.3"
#define D "192.0.2.4"

/* Of eight threads an address has two, an endpoint four, and all endpoints six; whoever is done makes room. */
static void few_hold_threads_at_once(void **state)
{
	struct scene *s = *state;
	struct config *config = s->fake->config;
	static const char *const one[] = { A, A, A, A, B, NULL }, *const many[] = { A, A, B, B, C, D, NULL };
	static const char *const network[] = { "2001:db8::1", "2001:db8::2:2", "2001:db8::3", "2001:db8:0:1::1", NULL };
	static const char *const all[] = { A, B, C, D, "-", A, B, C, D, "192.0.2.5", NULL };
	config->scep[1] = config->scep[0];
	config->scep[1].name = "printers";
	config->n_scep = 2;
	intune_free(&s->intune);
	s->intune = intune_new(s->fake->authority, NULL);
	assert_crowd(s, one, 3, 2);
	assert_crowd(s, many, 4, 2);
	assert_crowd(s, network, 3, 1);
	assert_crowd(s, all, 6, 3);
	assert_crowd(s, one, 3, 2);
}

/* A narrow lane is one all the same. */
static void one_can_always_be_asked_about(void **state)
{
	struct scene *s = *state;
	static const char *const two[] = { A, B, NULL };
	s->fake->config->limits.lane_wait = 1;
	assert_crowd(s, two, 1, 1);
	assert_crowd(s, two, 1, 1);
}

/* --- IN1: tokens --- */

static void a_token_is_kept_until_shortly_before_its_end(void **state)
{
	struct scene *s = *state;
	assert_ok(s->op, validate(s));
	advance(1700);
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_TOKENS], 2);
	advance(3599 - 300 - 1700 - 1);
	assert_ok(s->op, validate(s)); /* the places are old by now, but Graph's token still serves */
	assert_int_equal(s->microsoft.n[MICROSOFT_TOKENS], 2);
	advance(1);
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_TOKENS], 3);
}

static void a_refused_token_is_replaced_once(void **state)
{
	struct scene *s = *state;
	struct microsoft *m = &s->microsoft;
	assert_ok(s->op, validate(s));
	m->is_impatient = true; /* and refuses the old one at once */
	m->n_uses = 1;
	m->n[MICROSOFT_TOKENS] = 7;
	assert_ok(s->op, validate(s));
	assert_int_equal(m->n[MICROSOFT_TOKENS], 8);
	assert_int_equal(m->n[MICROSOFT_VALIDATE], 3);
	m->n_uses = 0;
	assert_err(s->op, ERR_BACKEND, validate(s));
	assert_int_equal(m->n[MICROSOFT_TOKENS], 9);
	assert_int_equal(m->n[MICROSOFT_VALIDATE], 5);
}

static void without_a_token_there_is_no_yes(void **state)
{
	static const struct {
		unsigned status;
		const char *body, *words;
	} answers[] = {
		{ 401, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client secret.\\r\\nTrace ID: 1\"}",
		  "invalid_client: AADSTS7000215: Invalid client secret." },
		{ 400, "{\"error\":\"invalid_request\"}", "invalid_request" },
		{ 400, "nonsense", "status 400" },
		{ 500, "{}", "status 500" },
		{ 429, "{}", "status 429" },
		{ 200, "{\"token_type\":\"Bearer\",\"expires_in\":3599}", "something else than a token" },
		{ 200, "{\"token_type\":\"mac\",\"expires_in\":3599,\"access_token\":\"a\"}", "something else than a token" },
		{ 200, "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"\"}", "something else than a token" },
		{ 200, "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"a\\r\\nX: y\"}", "something else than a token" },
		{ 200, "{\"token_type\":\"Bearer\",\"expires_in\":\"soon\",\"access_token\":\"a\"}", "something else than a token" },
		{ 200, "[]", "the token endpoint" },
	};
	struct scene *s = *state;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		answer(s, MICROSOFT_TOKENS, answers[i].status, answers[i].body);
		assert_int_equal(validate(s).err, ERR_BACKEND);
		ASSERT_TEXT(s, answers[i].words);
		assert_false(says(s, "s3cr"));
		op_clear_failure(s->op);
	}
	assert_int_equal(s->microsoft.n[MICROSOFT_VALIDATE], 0);
}

static void a_token_without_an_end_is_used_once(void **state)
{
	struct scene *s = *state;
	s->microsoft.token_lifetime_s = 0;
	assert_ok(s->op, validate(s));
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_TOKENS], 3); /* Graph's; and one for each */
}

/* --- IN1: places --- */

static void places_are_looked_for_each_half_hour(void **state)
{
	struct scene *s = *state;
	assert_ok(s->op, validate(s));
	advance(1799);
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 1);
	advance(1);
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 2);
}

/* A service that has moved is found again, and an outage does not ask Graph for every device. */
static void places_are_looked_for_again_after_an_error(void **state)
{
	struct scene *s = *state;
	assert_ok(s->op, validate(s));
	s->microsoft.answers[MICROSOFT_VALIDATE].is_away = true;
	assert_err(s->op, ERR_BACKEND, validate(s));
	assert_err(s->op, ERR_BACKEND, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 1);
	advance(60);
	assert_err(s->op, ERR_BACKEND, validate(s));
	be_well(s);
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 2);
	answer(s, MICROSOFT_VALIDATE, 404, "{}");
	advance(60);
	assert_err(s->op, ERR_BACKEND, validate(s));
	be_well(s);
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 3);
}

static void without_a_place_there_is_no_yes(void **state)
{
#define SERVICE "{\"providerName\":\"ScepRequestValidationFEService\",\"uri\":"
	static const struct {
		unsigned status;
		const char *body;
	} answers[] = {
		{ 200, "{\"value\":[]}" },
		{ 200, "{\"value\":[{\"providerName\":\"Other\",\"uri\":\"https://other.example\"}]}" },
		{ 200, "{\"value\":[" SERVICE "\"http://fef.example/plain\"}]}" },
		{ 200, "{\"value\":[" SERVICE "\"https://fef.example/a?b=\"}]}" },
		{ 200, "{\"value\":[" SERVICE "17}]}" },
		{ 200, "{\"value\":[17, null]}" },
		{ 200, "{\"value\":{}}" },
		{ 200, "{}" },
		{ 200, "nonsense" },
		{ 401, "{}" },
		{ 403, "{}" },
		{ 404, "{}" },
		{ 429, "{}" },
		{ 500, "{}" },
	};
	struct scene *s = *state;
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		answer(s, MICROSOFT_SERVICES, answers[i].status, answers[i].body);
		if (validate(s).err != ERR_BACKEND)
			fail_msg("%s", answers[i].body);
		op_clear_failure(s->op);
		advance(1801);
	}
	assert_int_equal(s->microsoft.n[MICROSOFT_VALIDATE], 0);
}

static void other_settings_bring_other_tokens(void **state)
{
	struct scene *s = *state;
	struct config_scep other = *s->endpoint;
	assert_ok(s->op, validate(s));
	s->endpoint = &other;
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_TOKENS], 4);
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 2);
	other.name = "unknown";
	assert_err(s->op, ERR_BACKEND, validate(s));
}

/* A reload while Microsoft is asked, and a request under the new settings before that one has its answer. */
static void reload_meanwhile(void *arg, enum microsoft_door door)
{
	struct scene *s = arg;
	struct op *op = op_new();
	(void)door;
	s->microsoft.during = NULL;
	assert_ok(op, intune_validate(op, s->intune, s->reloaded, "tx-2", CSR));
	op_free(&op);
}

static void reload_meanwhile_without_services(void *arg, enum microsoft_door door)
{
	struct scene *s = arg;
	if (door != MICROSOFT_SERVICES)
		return;
	reload_meanwhile(s, door);
	answer(s, MICROSOFT_SERVICES, 200, "{\"value\":[]}");
}

static void a_reload_meanwhile_keeps_no_token_of_before(void **state)
{
	struct scene *s = *state;
	struct config_scep reloaded = *s->endpoint;
	s->reloaded = &reloaded;
	s->microsoft.during = reload_meanwhile;
	s->microsoft.during_arg = s;
	assert_ok(s->op, validate(s)); /* was given token-1 for Graph, when token-2 was there already */
	assert_string_equal(s->microsoft.authorization[MICROSOFT_SERVICES], "Bearer token-1");
	advance(1801); /* Graph is asked again, and its token is still good */
	s->endpoint = &reloaded;
	assert_ok(s->op, validate(s));
	assert_string_equal(s->microsoft.authorization[MICROSOFT_SERVICES], "Bearer token-2");
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 3);
}

static void a_reload_meanwhile_keeps_no_place_of_before(void **state)
{
	struct scene *s = *state;
	struct config_scep reloaded = *s->endpoint;
	s->reloaded = &reloaded;
	s->microsoft.during = reload_meanwhile_without_services;
	s->microsoft.during_arg = s;
	assert_err(s->op, ERR_BACKEND, validate(s)); /* its tenant has none */
	s->endpoint = &reloaded;
	assert_ok(s->op, validate(s));
	assert_int_equal(s->microsoft.n[MICROSOFT_SERVICES], 2);
}

/* --- a certificate in place of the secret --- */

static void write_pair(struct scene *s, EVP_PKEY *key, EVP_PKEY *signer, uint8_t thumbprint[SHA1_SIZE])
{
	AUTO(X509) *certificate = X509_new();
	AUTO(BIO) *certificate_pem = BIO_new(BIO_s_mem());
	AUTO(BIO) *key_pem = BIO_new(BIO_s_mem());
	struct bytes content;
	unsigned n = SHA1_SIZE;
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	assert_true(X509_sign(certificate, signer, EVP_sha256()) > 0);
	assert_int_equal(X509_digest(certificate, EVP_sha1(), thumbprint, &n), 1);
	assert_int_equal(PEM_write_bio_X509(certificate_pem, certificate), 1);
	assert_int_equal(PEM_write_bio_PrivateKey(key_pem, signer, NULL, NULL, 0, NULL, NULL), 1);
	content.n = (size_t)BIO_get_mem_data(certificate_pem, (char **)(uintptr_t)&content.p);
	write_secret(s, "app.pem", content);
	content.n = (size_t)BIO_get_mem_data(key_pem, (char **)(uintptr_t)&content.p);
	write_secret(s, "app.key", content);
	s->endpoint->intune.secret_file = NULL;
	s->endpoint->intune.certificate_file = path_of(s, "app.pem");
	s->endpoint->intune.key_file = path_of(s, "app.key");
}

static void assert_signed(struct scene *s, EVP_PKEY *key, const char *jwt)
{
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	struct bytes signature;
	const char *dot = strrchr(jwt, '.');
	assert_ok(s->op, bytes_from_base64url(s->op, bytes_of_text(dot + 1), &signature));
	assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestVerify(context, signature.p, signature.n, (const uint8_t *)jwt, (size_t)(dot - jwt)), 1);
}

static json_t *jwt_part(struct scene *s, const char *from, const char *to)
{
	struct bytes json;
	json_t *value = NULL;
	assert_ok(s->op, bytes_from_base64url(s->op, (struct bytes){ (const uint8_t *)from, (size_t)(to - from) }, &json));
	assert_ok(s->op, json_parse_object(s->op, json, "part", &value));
	return value;
}

static void signs_an_assertion(void **state)
{
	struct scene *s = *state;
	AUTO(EVP_PKEY) *key = maker_key(KEY_RSA2048);
	uint8_t thumbprint[SHA1_SIZE];
	write_pair(s, key, key, thumbprint);
	assert_ok(s->op, intune_check(s->op, s->endpoint));
	assert_ok(s->op, validate(s));
	const char *form = s->microsoft.body[MICROSOFT_TOKENS];
	assert_null(strstr(form, "client_secret"));
	assert_non_null(strstr(form, "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
				     "&client_assertion="));
	const char *jwt = strrchr(form, '=') + 1;
	assert_signed(s, key, jwt);
	AUTO(json_t) *header = jwt_part(s, jwt, strchr(jwt, '.'));
	AUTO(json_t) *claims = jwt_part(s, strchr(jwt, '.') + 1, strrchr(jwt, '.'));
	assert_string_equal(json_string_value(json_object_get(header, "alg")), "RS256");
	assert_string_equal(json_string_value(json_object_get(header, "x5t")),
			    bytes_to_base64url(s->op->arena, (struct bytes)BYTES_ARRAY(thumbprint)));
	assert_string_equal(json_string_value(json_object_get(claims, "aud")),
			    MICROSOFT_LOGIN "/" MICROSOFT_TENANT "/oauth2/v2.0/token");
	assert_string_equal(json_string_value(json_object_get(claims, "iss")), s->endpoint->intune.client_id);
	assert_string_equal(json_string_value(json_object_get(claims, "sub")), s->endpoint->intune.client_id);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")), NOW + 600);
}

static void looks_at_its_files_before_it_needs_them(void **state)
{
	struct scene *s = *state;
	AUTO(EVP_PKEY) *rsa = maker_key(KEY_RSA2048);
	AUTO(EVP_PKEY) *other = maker_key(KEY_RSA2048);
	AUTO(EVP_PKEY) *ec = maker_key(KEY_P256);
	uint8_t thumbprint[SHA1_SIZE];
	assert_ok(s->op, intune_check(s->op, s->endpoint));
	assert_int_equal(chmod(s->endpoint->intune.secret_file, 0644), 0);
	assert_err(s->op, ERR_DENIED, intune_check(s->op, s->endpoint));
	s->endpoint->intune.secret_file = path_of(s, "missing");
	assert_err(s->op, ERR_NOT_FOUND, intune_check(s->op, s->endpoint));
	write_pair(s, rsa, other, thumbprint);
	assert_err(s->op, ERR_MALFORMED, intune_check(s->op, s->endpoint));
	write_pair(s, ec, ec, thumbprint);
	assert_err(s->op, ERR_MALFORMED, intune_check(s->op, s->endpoint));
	write_pair(s, rsa, rsa, thumbprint);
	s->endpoint->intune.trust_file = path_of(s, "missing");
	assert_err(s->op, ERR_NOT_FOUND, intune_check(s->op, s->endpoint));
	s->endpoint->intune.trust_file = NULL;
	assert_ok(s->op, intune_check(s->op, s->endpoint));
	assert_int_equal(chmod(s->endpoint->intune.key_file, 0640), 0);
	assert_err(s->op, ERR_DENIED, intune_check(s->op, s->endpoint));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(asks_as_microsofts_client_does),
		SCENE(calls_by_proxy_and_trusts_who_is_named),
		SCENE(keeps_to_the_time),
		SCENE(every_code_but_success_is_a_no),
		SCENE(anything_else_is_no_answer),
		SCENE(a_yes_is_not_kept),
		SCENE(few_hold_threads_at_once),
		SCENE(one_can_always_be_asked_about),
		SCENE(a_token_is_kept_until_shortly_before_its_end),
		SCENE(a_refused_token_is_replaced_once),
		SCENE(without_a_token_there_is_no_yes),
		SCENE(a_token_without_an_end_is_used_once),
		SCENE(places_are_looked_for_each_half_hour),
		SCENE(places_are_looked_for_again_after_an_error),
		SCENE(without_a_place_there_is_no_yes),
		SCENE(other_settings_bring_other_tokens),
		SCENE(a_reload_meanwhile_keeps_no_token_of_before),
		SCENE(a_reload_meanwhile_keeps_no_place_of_before),
		SCENE(signs_an_assertion),
		SCENE(looks_at_its_files_before_it_needs_them),
	};
	return RUN_SCENES(tests);
}
