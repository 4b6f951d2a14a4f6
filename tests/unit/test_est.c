/* simpleenroll, simplereenroll and cacerts: addresses, bodies, names, certificates as proof. */
#include "tests/unit/est_scene.h"

#include <openssl/pem.h>
#include <string.h>

#include "base/files.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/authorization.h"
#include "ca/issue.h"
#include "ca/revoke.h"
#include "tests/fake/x509_maker.h"

static const char *subject_of(struct est_house *h, struct bytes der)
{
	const uint8_t *p = der.p;
	char line[256];
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)der.n);
	assert_non_null(certificate);
	X509_NAME_oneline(X509_get_subject_name(certificate), line, sizeof line);
	return arena_text(h->op->arena, line);
}

/* E3: without saying who one is; the CA and what is above it. */
static void test_cacerts_E3(void **state)
{
	struct est_house *h = *state;
	static const char *const paths[] = { "cacerts", "default/cacerts", "manual/cacerts", "both/cacerts" };
	for (unsigned i = 0; i < 4; i++) {
		struct est_answer a = ASSERT_SENT(h, 200, .path = paths[i]);
		assert_string_equal(a.content_type, "application/pkcs7-mime");
		assert_int_equal(a.n_certificates, 2);
		assert_true(bytes_equal(a.certificate, h->fake->issuing->der));
		assert_null(strpbrk(a.body, "\r\n"));
	}
	struct est_answer a = ASSERT_SENT(h, 200, .path = "rooted/cacerts");
	assert_int_equal(a.n_certificates, 1);
	assert_true(bytes_equal(a.certificate, h->fake->root->der));
}

/* E1, V12: a label that is none, an operation that is none, other spellings: nothing there. E15: other methods. */
static void test_paths_E1_V12_E15(void **state)
{
	struct est_house *h = *state;
	static const char *const nowhere[] = { "nolabel/cacerts", "default/default/cacerts", "cacerts/", "/cacerts", "Cacerts",
					       "cacerts;x", "%63acerts", "cacerts.", "default//cacerts", "default", "", "./cacerts",
					       "cacerts/default" };
	for (unsigned i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++)
		ASSERT_SENT(h, 404, .path = nowhere[i]);
	ASSERT_SENT(h, 405, .path = "simpleenroll");
	ASSERT_SENT(h, 405, .path = "cacerts", .method = HTTP_POST);
	struct call plain = { .path = BYTES_LITERAL("/.well-known/est/cacerts") };
	assert_null(routes_find(h->routes, ON_HTTP, &plain)); /* E2: never on clear */
	assert_null(routes_find(h->routes, ON_LOCAL, &plain));
}

/* E7: the new certificate and nothing else, in one line. E11, E15: what of a request does not matter. */
static void test_the_answer_and_the_body_E7_E11_E15(void **state)
{
	struct est_house *h = *state;
	struct bytes csr = EST_CSR(h, .cn = "dev-1");
	const char *text = bytes_to_base64(h->op->arena, csr);
	struct est_answer first = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr);
	assert_string_equal(first.content_type, "application/pkcs7-mime; smime-type=certs-only");
	assert_int_equal(first.n_certificates, 1);
	assert_string_equal(subject_of(h, first.certificate), "/CN=dev-1");
	assert_null(strpbrk(first.body, "\r\n"));

	struct buf broken;
	buf_init(&broken, h->op->arena, 2048);
	for (size_t i = 0; text[i] != '\0'; i++)
		buf_printf(&broken, "%c%s", text[i], i % 7 == 0 ? "\r\n" : i % 5 == 0 ? "\n" : "");
	struct est_answer a = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .body = buf_as_text(&broken));
	assert_true(bytes_equal(a.certificate, first.certificate));
	ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr, .content_type = "application/pkcs10; charset=x",
		    .extra_header = "binary");
	ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = csr, .content_type = "Application/PKCS10", .extra_header = "8bit");
	ASSERT_SENT(h, 415, .path = "open/simpleenroll", .csr = csr, .content_type = "application/pkcs7-mime");
	ASSERT_SENT(h, 415, .path = "open/simpleenroll", .csr = csr, .content_type = "");
	assert_int_equal(n_issued(h), 1);
}

/* S9 and what else is no request: 400 in words, and no certificate. */
static void test_bodies_that_are_none_S9(void **state)
{
	struct est_house *h = *state;
	static const char *const bodies[] = { "", "\r\n", "!!!!", "AAAA", "MIIB", "-----BEGIN CERTIFICATE REQUEST-----" };
	for (unsigned i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		struct est_answer a = ASSERT_SENT(h, 400, .path = "open/simpleenroll", .body = bodies[i], .method = HTTP_POST);
		assert_true(text_has_prefix(a.content_type, "text/plain"));
		assert_true(strlen(a.body) > 10 && strlen(a.body) < 300);
	}
	ASSERT_SENT(h, 400, .path = "open/simpleenroll", .csr = EST_CSR(h, .cn = "a", .is_signature_wrong = true));
	ASSERT_SENT(h, 403, .path = "open/simpleenroll", .csr = EST_CSR(h, .cn = NULL));
	assert_int_equal(est_house_count(h, "certificate WHERE door = 'est'"), 0);
	assert_int_equal(est_house_count(h, "enrollment"), 0);
}

/* E4: who does not say who he is learns nothing of what is wrong with the body. */
static void test_first_who_then_what_E4(void **state)
{
	struct est_house *h = *state;
	struct est_answer a = ASSERT_SENT(h, 401, .body = "!!!!", .method = HTTP_POST);
	assert_string_equal(a.challenges, "Basic realm=\"est default\", charset=\"UTF-8\"");
	a = ASSERT_SENT(h, 403, .path = "maker/simpleenroll", .body = "!!!!", .method = HTTP_POST); /* no password would help */
	assert_string_equal(a.challenges, "");
	assert_int_equal(est_house_entries(h, "authentication.refused"), 0); /* how HTTP clients begin */
}

/* V21: a user gets its own name, and a bounded one what it was given. */
static void test_names_of_users_V21(void **state)
{
	struct est_house *h = *state;
	est_house_add_user(h, &(struct user){ .name = "alice" }, NULL);
	est_house_add_user(h, &(struct user){ .name = "ops", .names = "[\"cn:dev-1\",\"dns:*.fleet.example\"]" }, NULL);
	est_house_add_user(h, &(struct user){ .name = "desk", .is_registrar = true }, NULL);
	ASSERT_SENT(h, 200, .user = "alice", .csr = EST_CSR(h, .cn = "alice"));
	ASSERT_SENT(h, 403, .user = "alice", .csr = EST_CSR(h, .cn = "bob"));
	ASSERT_SENT(h, 403, .user = "alice", .csr = EST_CSR(h, .cn = "alice", .dns = "bob.example"));
	ASSERT_SENT(h, 403, .user = "alice", .csr = EST_CSR(h, .cn = "alice", .serial = "17"));
	ASSERT_SENT(h, 403, .user = "alice", .csr = EST_CSR(h, .cn = "Alice"));

	ASSERT_SENT(h, 200, .user = "ops", .csr = EST_CSR(h, .cn = "dev-1", .dns = "a.fleet.example"));
	ASSERT_SENT(h, 200, .user = "ops", .csr = EST_CSR(h, .cn = "a.b.fleet.example", .dns = "a.b.fleet.example"));
	ASSERT_SENT(h, 403, .user = "ops", .csr = EST_CSR(h, .cn = "dev-1", .dns = "fleet.example"));
	ASSERT_SENT(h, 403, .user = "ops", .csr = EST_CSR(h, .cn = "dev-1", .dns = "afleet.example"));
	ASSERT_SENT(h, 403, .user = "ops", .csr = EST_CSR(h, .cn = "dev-1", .dns = "a.fleet.example", .dns2 = "www.example"));
	ASSERT_SENT(h, 403, .user = "ops", .csr = EST_CSR(h, .cn = "ops"));

	ASSERT_SENT(h, 200, .user = "desk", .csr = EST_CSR(h, .cn = "whoever", .dns = "www.example"));
	assert_int_equal(n_issued(h), 4);
	assert_int_equal(est_house_entries(h, "issuance.refused"), 8);
}

/* A token: its names and no others, once; a repeat with it finds its certificate (E14). */
static void test_one_time_tokens(void **state)
{
	struct est_house *h = *state;
	const char *token = est_house_add_token(h, "default", "[\"cn:dev-1\",\"dns:dev-1.example\"]");
	ASSERT_SENT(h, 403, .token = token, .csr = EST_CSR(h, .cn = "dev-1"));
	ASSERT_SENT(h, 403, .token = token, .csr = EST_CSR(h, .cn = "dev-2", .dns = "dev-1.example"));
	ASSERT_SENT(h, 403, .token = token, .csr = EST_CSR(h, .cn = "dev-1", .dns = "dev-1.example", .dns2 = "www.example"));
	ASSERT_SENT(h, 401, .path = "manual/simpleenroll", .token = token, .csr = EST_CSR(h, .cn = "dev-1", .dns = "dev-1.example"));
	AUTO(EVP_PKEY) *unlisted = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ASSERT_SENT(h, 403, .token = token, .csr = EST_CSR(h, .cn = "dev-1", .dns = "dev-1.example", .key = unlisted));

	struct bytes csr = EST_CSR(h, .cn = "dev-1", .dns = "dev-1.example"); /* none of these has spent it */
	struct est_answer first = ASSERT_SENT(h, 200, .token = token, .csr = csr);
	struct est_answer again = ASSERT_SENT(h, 200, .user = "token", .password = token, .csr = csr);
	assert_true(bytes_equal(first.certificate, again.certificate));
	ASSERT_SENT(h, 403, .token = token, .csr = EST_CSR(h, .cn = "dev-1", .dns = "dev-1.example"));
	advance(601);
	ASSERT_SENT(h, 403, .token = token, .csr = csr);
	ASSERT_SENT(h, 401, .token = "no-such-token", .csr = csr);

	token = est_house_add_token(h, "default", "[\"cn:dev-3\"]");
	advance(3600);
	ASSERT_SENT(h, 401, .token = token, .csr = EST_CSR(h, .cn = "dev-3"));
	assert_int_equal(n_issued(h), 1);
}

static struct bytes enroll(struct est_house *h, const char *path, const char *cn)
{
	return ASSERT_SENT(h, 200, .path = path, .csr = EST_CSR(h, .cn = cn)).certificate;
}

/* E6, V21: what the certificate says, and by nothing but a certificate. */
static void test_reenrolment_is_for_the_same_names_E6_V21(void **state)
{
	struct est_house *h = *state;
	struct est_answer a = ASSERT_SENT(h, 200, .path = "open/simpleenroll",
					  .csr = EST_CSR(h, .cn = "dev-1", .serial = "A1", .dns = "dev-1.example"));
	struct bytes old = a.certificate;
	a = ASSERT_SENT(h, 200, .path = "simplereenroll", .certificate = old,
			.csr = EST_CSR(h, .cn = "dev-1", .serial = "A1", .dns = "dev-1.example"));
	assert_false(bytes_equal(a.certificate, old));
	assert_string_equal(subject_of(h, a.certificate), subject_of(h, old));
	const struct est_ask others[] = { { .cn = "dev-2", .serial = "A1", .dns = "dev-1.example" },
					  { .cn = "dev-1", .serial = "A2", .dns = "dev-1.example" },
					  { .cn = "dev-1", .dns = "dev-1.example" },
					  { .cn = "dev-1", .serial = "A1" },
					  { .cn = "dev-1", .serial = "A1", .dns = "dev-2.example" },
					  { .cn = "dev-1", .serial = "A1", .dns = "dev-1.example", .dns2 = "dev-2.example" } };
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
		ASSERT_SENT(h, 403, .path = "simplereenroll", .certificate = old, .csr = est_csr(h, &others[i]));
		ASSERT_SENT(h, 403, .path = "simpleenroll", .certificate = old, .csr = est_csr(h, &others[i]));
	}
	struct bytes csr = EST_CSR(h, .cn = "dev-1", .serial = "A1", .dns = "dev-1.example");
	est_house_add_user(h, &(struct user){ .name = "desk", .is_registrar = true }, NULL);
	ASSERT_SENT(h, 403, .path = "simplereenroll", .csr = csr, .is_mutual = true);
	ASSERT_SENT(h, 403, .path = "simplereenroll", .csr = csr, .user = "desk");
	ASSERT_SENT(h, 403, .path = "simplereenroll", .csr = csr, .certificate = est_maker_leaf(h, "dev-1", "A1"));
	ASSERT_SENT(h, 200, .path = "simplereenroll", .csr = csr, .certificate = old);
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

/* V10: revoked, expired, not yet valid, one of whom only the serial is ours. */
static void test_certificates_that_count_no_more_V10(void **state)
{
	struct est_house *h = *state;
	struct bytes good = enroll(h, "open/simpleenroll", "dev-1"), revoked = enroll(h, "open/simpleenroll", "dev-2");
	int64_t now = clock_now_s();
	fake_authority_revoke(h->fake, h->fake->issuing, serial_of(h, revoked), 1, now, now + 90 * 86400);
	struct est_answer a = ASSERT_SENT(h, 403, .path = "simplereenroll", .certificate = revoked, .csr = EST_CSR(h, .cn = "dev-2"));
	assert_non_null(strstr(a.body, "revoked"));
	a = ASSERT_SENT(h, 401, .path = "simpleenroll", .certificate = revoked, .csr = EST_CSR(h, .cn = "dev-2"));
	uint8_t *forged = arena_alloc(h->op->arena, good.n);
	memcpy(forged, good.p, good.n);
	forged[good.n - 1] ^= 1;
	ASSERT_SENT(h, 403, .path = "simplereenroll", .certificate = { forged, good.n }, .csr = EST_CSR(h, .cn = "dev-1"));
	clock_fix(now + 91 * 86400);
	ASSERT_SENT(h, 403, .path = "simplereenroll", .certificate = good, .csr = EST_CSR(h, .cn = "dev-1"));
	clock_fix(now - 2 * 3600);
	ASSERT_SENT(h, 403, .path = "simplereenroll", .certificate = good, .csr = EST_CSR(h, .cn = "dev-1"));
	clock_fix(now);
	ASSERT_SENT(h, 200, .path = "simplereenroll", .certificate = good, .csr = EST_CSR(h, .cn = "dev-1"));
	assert_true(est_house_entries(h, "authentication.refused") >= 5);
}

/* N7: what was revoked as compromised ends all that was certified for its key, and a manufacturer's certificate with it. */
static void test_a_compromised_key_proves_nothing_V10(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	struct revocation revocation;
	struct bytes lost = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = EST_CSR(h, .cn = "dev-1", .key = key)).certificate;
	struct bytes twin = ASSERT_SENT(h, 200, .path = "open/simpleenroll", .csr = EST_CSR(h, .cn = "dev-2", .key = key)).certificate;
	ASSERT_SENT(h, 200, .path = "simplereenroll", .certificate = twin, .csr = EST_CSR(h, .cn = "dev-2"));
	assert_ok(op, certificate_revoke(op, h->fake->authority, serial_of(h, lost), 1, true, &revocation));
	struct est_answer a = ASSERT_SENT(h, 403, .path = "simplereenroll", .certificate = twin, .csr = EST_CSR(h, .cn = "dev-2"));
	assert_non_null(strstr(a.body, "blocked"));
	/* Refused before anything is spent: the token is good for another key. */
	const char *token = est_house_add_token(h, "default", "[\"cn:dev-3\"]");
	ASSERT_SENT(h, 403, .token = token, .csr = EST_CSR(h, .cn = "dev-3", .key = key));
	assert_int_equal(est_house_count(h, "enrollment WHERE status <> 'issued'"), 0);
	ASSERT_SENT(h, 200, .token = token, .csr = EST_CSR(h, .cn = "dev-3"));
}

/* A certificate through the operator's door, with the profile of registrars. */
static struct bytes issue_registrar(struct est_house *h)
{
	struct op *op = h->op;
	const struct identifier name = { IDENTIFIER_CN, "desk-1" };
	const struct authorization_facts facts = { .door = DOOR_OPERATOR, .profile = "registrar", .identifiers = &name,
						   .n_identifiers = 1, .requester = "uid:0" };
	struct authorization *authorization;
	struct issued issued;
	AUTO(EVP_PKEY) *key = maker_key(KEY_P256);
	assert_ok(op, authorization_new(op, h->fake->config, &facts, &authorization));
	assert_ok(op, issue(op, h->fake->authority, authorization, maker_spki(op, key), &issued));
	return issued.der;
}

/* V11: of another CA of the house, or of another profile. E13: registrars where the label has them, of its CA. */
static void test_certificates_of_other_labels_V11_E13(void **state)
{
	struct est_house *h = *state;
	struct bytes device = enroll(h, "open/simpleenroll", "dev-1"), registrar = issue_registrar(h);
	ASSERT_SENT(h, 403, .path = "rooted/simplereenroll", .certificate = device, .csr = EST_CSR(h, .cn = "dev-1"));
	ASSERT_SENT(h, 403, .path = "rooted/simpleenroll", .certificate = device, .csr = EST_CSR(h, .cn = "dev-1"));
	ASSERT_SENT(h, 403, .path = "rooted/simpleenroll", .certificate = registrar, .csr = EST_CSR(h, .cn = "dev-9"));
	ASSERT_SENT(h, 403, .path = "simpleenroll", .certificate = registrar, .csr = EST_CSR(h, .cn = "dev-9"));
	ASSERT_SENT(h, 403, .path = "simplereenroll", .certificate = registrar, .csr = EST_CSR(h, .cn = "desk-1"));
	ASSERT_SENT(h, 200, .path = "fleet/simpleenroll", .certificate = registrar, .csr = EST_CSR(h, .cn = "dev-9"));
	/* Re-enrolment asks for no other proof, so it is for who has the certificate already, registrars included. */
	ASSERT_SENT(h, 403, .path = "fleet/simplereenroll", .certificate = registrar, .csr = EST_CSR(h, .cn = "dev-10"));
	ASSERT_SENT(h, 403, .path = "fleet/simplereenroll", .certificate = registrar, .csr = EST_CSR(h, .cn = "desk-1"));
	ASSERT_SENT(h, 403, .path = "fleet/simpleenroll", .certificate = device, .csr = EST_CSR(h, .cn = "dev-9"));
	ASSERT_SENT(h, 200, .path = "fleet/simplereenroll", .certificate = device, .csr = EST_CSR(h, .cn = "dev-1"));
}

/* First certificates by that of a manufacturer: its names, or any, as the label says. */
static void test_anchors(void **state)
{
	struct est_house *h = *state;
	struct bytes leaf = est_maker_leaf(h, "dev-1", "A1");
	ASSERT_SENT(h, 200, .path = "maker/simpleenroll", .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-1", .serial = "A1"));
	ASSERT_SENT(h, 403, .path = "maker/simpleenroll", .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-1"));
	ASSERT_SENT(h, 403, .path = "maker/simpleenroll", .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-2", .serial = "A1"));
	ASSERT_SENT(h, 200, .path = "wide/simpleenroll", .certificate = leaf, .csr = EST_CSR(h, .cn = "pump-7", .dns = "pump-7.example"));
	ASSERT_SENT(h, 401, .path = "simpleenroll", .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-1", .serial = "A1"));
	struct ca *stranger = maker_ca(h->op, KEY_P256, clock_now_s() - 60, clock_now_s() + 3600, 0);
	ASSERT_SENT(h, 403, .path = "wide/simpleenroll", .certificate = stranger->der, .csr = EST_CSR(h, .cn = "pump-8"));
	maker_ca_free(stranger);
	advance(366 * 86400);
	ASSERT_SENT(h, 403, .path = "wide/simpleenroll", .certificate = leaf, .csr = EST_CSR(h, .cn = "pump-9"));
	assert_int_equal(n_issued(h), 2);
}

/* V10: a manufacturer's CRL, and what there has to be of it. */
static void test_crls_of_a_manufacturer_V10(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "wide/simpleenroll";
	struct bytes lost = est_maker_leaf(h, "dev-1", NULL), good = est_maker_leaf(h, "dev-2", NULL);
	est_house_write_crl(h, lost, 7 * 86400, true);
	est_house_name_crls(h, "wide");
	struct est_answer a = ASSERT_SENT(h, 403, .path = path, .certificate = lost, .csr = EST_CSR(h, .cn = "dev-1"));
	assert_non_null(strstr(a.body, "revoked"));
	ASSERT_SENT(h, 200, .path = path, .certificate = good, .csr = EST_CSR(h, .cn = "dev-2"));
	ASSERT_SENT(h, 200, .path = "maker/simpleenroll", .certificate = lost, .csr = EST_CSR(h, .cn = "dev-1")); /* it names none */
	advance(7 * 86400 + 1);
	a = ASSERT_SENT(h, 403, .path = path, .certificate = good, .csr = EST_CSR(h, .cn = "dev-3"));
	assert_non_null(strstr(a.body, "the CRL of its issuer in anchor_crls has expired"));
	assert_int_equal(n_issued(h), 2);
	assert_int_equal(est_house_entries(h, "authentication.refused"), 2);
}

/* The same settings, as after a reload. Never freed: the house's arena has it. */
static void reload(struct est_house *h)
{
	struct config *config = arena_alloc(h->fake->arena, sizeof *config);
	*config = *h->fake->config;
	assert_ok(h->op, authority_reload(h->op, h->fake->authority, config));
}

/* Files are read at a reload, and not in between; a bad one is refused there. */
static void test_anchors_are_read_at_a_reload(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "wide/simpleenroll";
	const char *file = files_join(h->op->arena, h->fake->dir, "maker.crl");
	struct bytes leaf = est_maker_leaf(h, "dev-1", NULL);
	est_house_name_crls(h, "wide");
	result r = est_check(h->op, h->fake->config);
	assert_int_equal(r.err, ERR_NOT_FOUND);
	assert_non_null(strstr(h->op->detail, "est label wide: the file of CRLs "));
	op_clear_failure(h->op);
	assert_ok(h->op, files_write(h->op, file, 0600, BYTES_LITERAL("-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n")));
	assert_err(h->op, ERR_MALFORMED, est_check(h->op, h->fake->config));
	assert_ok(h->op, files_write(h->op, file, 0600, BYTES_LITERAL("\x30\x03\x02\x01")));
	assert_err(h->op, ERR_MALFORMED, est_check(h->op, h->fake->config));
	est_house_write_crl(h, BYTES_NONE, 86400, false);
	assert_ok(h->op, est_check(h->op, h->fake->config));
	ASSERT_SENT(h, 200, .path = path, .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-1"));
	est_house_write_crl(h, leaf, 86400, false);
	ASSERT_SENT(h, 200, .path = path, .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-2"));
	reload(h);
	ASSERT_SENT(h, 403, .path = path, .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-3"));
	assert_int_equal(n_issued(h), 2);
}

/* Whose CRL is not there is not known to be good; and files that went bad behind our back are our trouble, not the client's. */
static void test_without_a_crl_of_the_issuer(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "wide/simpleenroll";
	struct bytes leaf = est_maker_leaf(h, "dev-1", NULL);
	AUTO(X509_NAME) *own_name = X509_NAME_dup(X509_get_subject_name(h->maker));
	assert_true(X509_set_subject_name(h->maker, X509_get_subject_name(h->fake->root->certificate)) == 1);
	est_house_write_crl(h, BYTES_NONE, 86400, true);
	assert_true(X509_set_subject_name(h->maker, own_name) == 1);
	est_house_name_crls(h, "wide");
	struct est_answer a = ASSERT_SENT(h, 403, .path = path, .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-1"));
	assert_non_null(strstr(a.body, "there is no CRL of its issuer"));
	assert_ok(h->op, files_write(h->op, files_join(h->op->arena, h->fake->dir, "maker.crl"), 0600, BYTES_LITERAL("gone")));
	reload(h);
	a = ASSERT_SENT(h, 500, .path = path, .certificate = leaf, .csr = EST_CSR(h, .cn = "dev-1"));
	assert_null(strstr(a.body, "maker.crl"));
	assert_int_equal(n_issued(h), 0);
}

/* ECDSA takes (r, -s) where it takes (r, s): the same certificate in other octets, by anybody. */
static struct bytes with_other_signature(struct est_house *h, struct bytes der)
{
	const uint8_t *p = der.p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)der.n);
	AUTO(EC_GROUP) *curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	AUTO(BIGNUM) *s = BN_new();
	const ASN1_BIT_STRING *bits;
	unsigned char *octets = NULL;
	X509_get0_signature(&bits, NULL, certificate);
	p = bits->data;
	AUTO(ECDSA_SIG) *signature = d2i_ECDSA_SIG(NULL, &p, bits->length);
	assert_true(BN_sub(s, EC_GROUP_get0_order(curve), ECDSA_SIG_get0_s(signature)) == 1);
	assert_true(ECDSA_SIG_set0(signature, BN_dup(ECDSA_SIG_get0_r(signature)), TAKE(s)) == 1);
	int n = i2d_ECDSA_SIG(signature, &octets);
	assert_true(ASN1_STRING_set((ASN1_STRING *)(uintptr_t)bits, octets, n) == 1);
	OPENSSL_free(octets);
	octets = NULL;
	n = i2d_X509(certificate, &octets);
	struct bytes out = arena_bytes(h->op->arena, (struct bytes){ octets, (size_t)n });
	OPENSSL_free(octets);
	assert_false(bytes_equal(out, der));
	return out;
}

/* V10, V11: anchors with a CA of the house among them let nothing by that the store says of its certificates. */
static void test_our_own_ca_is_no_anchor_V10_V11(void **state)
{
	struct est_house *h = *state;
	struct op *op = h->op;
	AUTO(BIO) *memory = BIO_new(BIO_s_mem());
	char *text;
	assert_true(PEM_write_bio_X509(memory, h->fake->root->certificate) == 1);
	assert_true(PEM_write_bio_X509(memory, h->fake->issuing->certificate) == 1);
	size_t n = (size_t)BIO_get_mem_data(memory, &text);
	assert_ok(op, files_write(op, files_join(op->arena, h->fake->dir, "maker.pem"), 0600, (struct bytes){ (uint8_t *)text, n }));
	struct bytes good = enroll(h, "open/simpleenroll", "dev-1"), revoked = enroll(h, "open/simpleenroll", "dev-2");
	int64_t now = clock_now_s();
	fake_authority_revoke(h->fake, h->fake->issuing, serial_of(h, revoked), 1, now, now + 90 * 86400);
	ASSERT_SENT(h, 403, .path = "wide/simpleenroll", .certificate = revoked, .csr = EST_CSR(h, .cn = "dev-7"));
	ASSERT_SENT(h, 403, .path = "wide/simpleenroll", .certificate = with_other_signature(h, revoked), .csr = EST_CSR(h, .cn = "dev-7"));
	ASSERT_SENT(h, 403, .path = "wide/simpleenroll", .certificate = with_other_signature(h, good), .csr = EST_CSR(h, .cn = "dev-7"));
	ASSERT_SENT(h, 200, .path = "wide/simpleenroll", .certificate = good, .csr = EST_CSR(h, .cn = "dev-1"));
	assert_int_equal(n_issued(h), 3);
}

/* "certificate+user" and "certificate+token": neither alone, and the rules of both. */
static void test_two_proofs(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "both/simpleenroll";
	struct bytes leaf = est_maker_leaf(h, "dev-1", NULL), csr = EST_CSR(h, .cn = "dev-1");
	est_house_add_user(h, &(struct user){ .name = "desk", .is_registrar = true }, NULL);
	const char *token = est_house_add_token(h, "both", "[\"cn:dev-1\"]");
	struct est_answer a = ASSERT_SENT(h, 401, .path = path, .csr = csr, .certificate = leaf);
	assert_true(text_has_prefix(a.challenges, "Basic realm=\"est both\""));
	ASSERT_SENT(h, 401, .path = path, .csr = csr, .user = "desk");
	ASSERT_SENT(h, 401, .path = path, .csr = csr, .user = "desk", .is_mutual = true);
	ASSERT_SENT(h, 401, .path = path, .csr = csr, .token = token, .is_mutual = true);
	ASSERT_SENT(h, 401, .path = path, .csr = csr, .user = "desk", .password = "wrong", .certificate = leaf);
	ASSERT_SENT(h, 403, .path = path, .csr = EST_CSR(h, .cn = "dev-2"), .user = "desk", .certificate = leaf);
	ASSERT_SENT(h, 200, .path = path, .csr = csr, .user = "desk", .certificate = leaf);
	ASSERT_SENT(h, 200, .path = path, .csr = csr, .token = token, .certificate = leaf);
}

/* E5, S9: tied to this connection, whichever of the two bindings it has; demanded: absence is refused. */
static void test_channel_binding_E5_S9(void **state)
{
	struct est_house *h = *state;
	static const char path[] = "bound/simpleenroll";
	const struct bytes unique = BYTES_LITERAL("twelve bytes"), exporter = BYTES_LITERAL("0123456789abcdef0123456789abcdef");
	const char *u = bytes_to_base64(h->op->arena, unique), *e = bytes_to_base64(h->op->arena, exporter);
	est_house_add_user(h, &(struct user){ .name = "a" }, NULL);
	ASSERT_SENT(h, 200, .path = path, .user = "a", .unique = unique, .exporter = exporter, .csr = EST_CSR(h, .cn = "a", .binding = u));
	ASSERT_SENT(h, 200, .path = path, .user = "a", .exporter = exporter, .csr = EST_CSR(h, .cn = "a", .binding = e));
	ASSERT_SENT(h, 403, .path = path, .user = "a", .exporter = exporter, .csr = EST_CSR(h, .cn = "a", .binding = u));
	ASSERT_SENT(h, 403, .path = path, .user = "a", .exporter = exporter, .csr = EST_CSR(h, .cn = "a"));
	ASSERT_SENT(h, 403, .path = path, .user = "a", .is_mutual = true, .csr = EST_CSR(h, .cn = "a", .binding = u));
	ASSERT_SENT(h, 403, .path = path, .user = "a", .csr = EST_CSR(h, .cn = "a", .binding = e));
	ASSERT_SENT(h, 403, .path = path, .user = "a", .csr = EST_CSR(h, .cn = "a"));
	/* Where it is optional: checked if it is there. */
	ASSERT_SENT(h, 403, .user = "a", .exporter = exporter, .csr = EST_CSR(h, .cn = "a", .binding = "bm90IGl0"));
	ASSERT_SENT(h, 403, .user = "a", .csr = EST_CSR(h, .cn = "a", .binding = e));
	ASSERT_SENT(h, 200, .user = "a", .exporter = exporter, .csr = EST_CSR(h, .cn = "a", .binding = e));
	ASSERT_SENT(h, 200, .user = "a", .csr = EST_CSR(h, .cn = "a"));
	assert_int_equal(n_issued(h), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(test_cacerts_E3),
		SCENE(test_paths_E1_V12_E15),
		SCENE(test_the_answer_and_the_body_E7_E11_E15),
		SCENE(test_bodies_that_are_none_S9),
		SCENE(test_first_who_then_what_E4),
		SCENE(test_names_of_users_V21),
		SCENE(test_one_time_tokens),
		SCENE(test_reenrolment_is_for_the_same_names_E6_V21),
			SCENE(test_certificates_that_count_no_more_V10),
		SCENE(test_a_compromised_key_proves_nothing_V10),
		SCENE(test_certificates_of_other_labels_V11_E13),
		SCENE(test_anchors),
		SCENE(test_crls_of_a_manufacturer_V10),
		SCENE(test_anchors_are_read_at_a_reload),
		SCENE(test_without_a_crl_of_the_issuer),
		SCENE(test_our_own_ca_is_no_anchor_V10_V11),
		SCENE(test_two_proofs),
		SCENE(test_channel_binding_E5_S9),
	};
	return RUN_SCENES(tests);
}
