/* Ours by the store, others by RFC 5280's path validation. */
#include "ca/client_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "store/certificates.h"

#define CHAIN_DEPTH 5

AUTO_DEFINE(X509_STORE, X509_STORE_free);
AUTO_DEFINE(X509_STORE_CTX, X509_STORE_CTX_free);

struct client_anchors {
	X509_STORE *store;
};

void client_anchors_free(struct client_anchors **anchors)
{
	if (*anchors == NULL)
		return;
	X509_STORE_free((*anchors)->store);
	free(*anchors);
	*anchors = NULL;
}

static result add_file(struct op *op, X509_STORE *store, const char *path)
{
	AUTO(BIO) *file = BIO_new_file(path, "r");
	unsigned n = 0;
	if (file == NULL) {
		ERR_clear_error();
		return FAIL(op, ERR_NOT_FOUND, "the file of trust anchors %s cannot be read", path);
	}
	for (;; n++) {
		AUTO(X509) *certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
		if (certificate == NULL)
			break;
		if (X509_STORE_add_cert(store, certificate) != 1)
			return FAIL(op, ERR_BUG, "a certificate of %s cannot be taken as an anchor", path);
	}
	ERR_clear_error();
	return n > 0 ? OK : FAIL(op, ERR_MALFORMED, "%s holds no certificate in PEM form", path);
}

result client_anchors_load(struct op *op, const struct config_texts *files, struct client_anchors **out)
{
	AUTO(X509_STORE) *store = X509_STORE_new();
	ASSERT(store != NULL);
	for (unsigned i = 0; i < files->n; i++)
		TRY(add_file(op, store, files->items[i]));
	struct client_anchors *anchors = calloc(1, sizeof *anchors);
	ASSERT(anchors != NULL);
	anchors->store = TAKE(store);
	*out = anchors;
	return OK;
}

void client_certificate_release(struct client_certificate *certificate)
{
	X509_free(certificate->x509);
	certificate->x509 = NULL;
}

static X509 *parse(struct bytes der)
{
	const uint8_t *p = der.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)der.n);
	if (certificate != NULL && p != der.p + der.n) {
		X509_free(certificate);
		certificate = NULL;
	}
	ERR_clear_error();
	return certificate;
}

static result time_of(struct op *op, const ASN1_TIME *time, int64_t *out)
{
	AUTO(ASN1_TIME) *epoch = ASN1_TIME_set(NULL, 0);
	int days, seconds;
	if (epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch, time) != 1)
		return FAIL(op, ERR_MALFORMED, "the client's certificate has no time that can be read");
	*out = (int64_t)days * 86400 + seconds;
	return OK;
}

/* OpenSSL's encoders allocate; the copy lives in the arena. */
static struct bytes keep(struct op *op, unsigned char *own_der, int n)
{
	if (n <= 0)
		return BYTES_NONE;
	struct bytes kept = arena_bytes(op->arena, (struct bytes){ own_der, (size_t)n });
	OPENSSL_free(own_der);
	return kept;
}

static const char *serial_of(struct op *op, const X509 *certificate)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
	unsigned char *der = NULL;
	int n = i2d_ASN1_INTEGER(serial, &der);
	struct bytes whole = keep(op, der, n);
	/* Tag and a length of one octet: no serial number has more than 20 (C1). */
	return whole.n > 2 && whole.n < 130 ? bytes_to_hex(op->arena, (struct bytes){ whole.p + 2, whole.n - 2 }) : "";
}

static bool has_registrar_usage(X509 *certificate)
{
	EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
	bool has = false;
	for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
		has = has || OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i)) == NID_cmcRA;
	sk_ASN1_OBJECT_pop_free(usages, ASN1_OBJECT_free);
	return has;
}

static struct bytes san_of(struct op *op, const X509 *certificate)
{
	int at = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
	if (at < 0)
		return BYTES_NONE;
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
	return arena_bytes(op->arena, (struct bytes){ ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value) });
}

static result describe(struct op *op, struct bytes der, struct client_certificate *out)
{
	unsigned char *p = NULL;
	X509 *x509 = out->x509;
	out->der = arena_bytes(op->arena, der);
	int n = i2d_X509_NAME(X509_get_subject_name(x509), &p);
	out->subject = keep(op, p, n);
	p = NULL;
	n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &p);
	out->spki = keep(op, p, n);
	out->san = san_of(op, x509);
	out->serial = serial_of(op, x509);
	out->is_registrar = has_registrar_usage(x509);
	bytes_sha256(der, out->hash);
	TRY(time_of(op, X509_get0_notBefore(x509), &out->not_before_s));
	return time_of(op, X509_get0_notAfter(x509), &out->not_after_s);
}

/* What holds for any: a client's own certificate, valid now, with a usage that allows this. */
static result check_fitness(struct op *op, const struct client_certificate *c)
{
	int64_t now = clock_now_s();
	uint32_t flags = X509_get_extension_flags(c->x509);
	if ((flags & EXFLAG_INVALID) != 0 || X509_get_version(c->x509) != X509_VERSION_3)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is malformed");
	if ((flags & EXFLAG_CA) != 0)
		return FAIL(op, ERR_UNAUTHENTIC, "a CA's certificate does not speak for a client");
	if (now < c->not_before_s || c->not_after_s < now)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is valid from %s to %s, which is not now",
			    clock_rfc3339(op->arena, c->not_before_s), clock_rfc3339(op->arena, c->not_after_s));
	if (X509_check_purpose(c->x509, X509_PURPOSE_SSL_CLIENT, 0) != 1 && !c->is_registrar)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is not for client authentication");
	return OK;
}

/* V10: the row is the truth. A certificate that only claims our issuer and a serial of ours is none of ours. */
static result judge_own(struct op *op, struct authority *a, struct client_certificate *c, bool *is_ours)
{
	struct certificate row;
	struct revocation revocation;
	STORE_LEASE(lease);
	*is_ours = false;
	TRY(store_read(op, a->store, &lease));
	result r = certificate_load(op, lease.db, c->serial, &row);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	if (row.status != CERTIFICATE_ISSUED || !bytes_equal(row.der, c->der))
		return OK;
	r = revocation_load(op, lease.db, row.serial, &revocation);
	if (r.err == ERR_NONE)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate %s was revoked at %s", row.serial,
			    clock_rfc3339(op->arena, revocation.revoked_s));
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	c->ca = row.ca;
	c->profile = row.profile;
	*is_ours = true;
	return OK;
}

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_pop_free(*stack, X509_free);
}

/*
 * A certificate of ours that is not in the store octet for octet is not ours to
 * believe, whatever the anchors say: ECDSA signatures have two forms, so that
 * anybody can make another one of a revoked certificate (V10).
 */
static bool is_below_own_ca(const struct authority *a, STACK_OF(X509) * path)
{
	for (int i = 1; i < sk_X509_num(path); i++) {
		const EVP_PKEY *key = X509_get0_pubkey(sk_X509_value(path, i));
		for (unsigned k = 0; key != NULL && k < a->hierarchy->n; k++)
			if (EVP_PKEY_eq(key, a->hierarchy->cas[k].public_key) == 1)
				return true;
	}
	return false;
}

static result judge_foreign(struct op *op, const struct authority *a, const struct client_certificate *c,
			    const struct bytes *chain, unsigned n_chain, const struct client_anchors *anchors)
{
	AUTO(X509_STORE_CTX) *path = X509_STORE_CTX_new();
	__attribute__((cleanup(free_stack))) STACK_OF(X509) *others = sk_X509_new_null();
	ASSERT(path != NULL && others != NULL);
	for (unsigned i = 1; i < n_chain; i++) {
		X509 *other = parse(chain[i]);
		if (other != NULL && sk_X509_push(others, other) <= 0)
			X509_free(other);
	}
	ASSERT(X509_STORE_CTX_init(path, anchors->store, c->x509, others) == 1);
	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(path);
	X509_VERIFY_PARAM_set_depth(rules, CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_time(rules, clock_now_s());
	X509_VERIFY_PARAM_set_auth_level(rules, 2); /* 112 bits: no SHA-1, no RSA below 2048 */
	/* A manufacturer's issuing CA may itself be the anchor that was named. */
	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
	int verified = X509_verify_cert(path);
	int reason = X509_STORE_CTX_get_error(path);
	bool is_altered = verified == 1 && is_below_own_ca(a, X509_STORE_CTX_get0_chain(path));
	ERR_clear_error();
	if (verified != 1)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is not trusted here: %s",
			    X509_verify_cert_error_string(reason));
	return is_altered ? FAIL(op, ERR_UNAUTHENTIC, "the client's certificate %s is of this CA, and not as it was issued", c->serial) : OK;
}

result client_certificate_judge(struct op *op, struct authority *a, const struct bytes *chain, unsigned n_chain,
				const struct client_anchors *anchors, struct client_certificate *out)
{
	bool is_ours;
	*out = (struct client_certificate){ .x509 = n_chain > 0 ? parse(chain[0]) : NULL };
	if (out->x509 == NULL)
		return FAIL(op, ERR_UNAUTHENTIC, "the client has shown no certificate that can be read");
	TRY(describe(op, chain[0], out));
	TRY(check_fitness(op, out));
	TRY(judge_own(op, a, out, &is_ours));
	if (is_ours)
		return OK;
	if (anchors == NULL)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate %s was not issued here", out->serial);
	return judge_foreign(op, a, out, chain, n_chain, anchors);
}
