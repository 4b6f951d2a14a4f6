/* Ours by the store, others by RFC 5280's path validation. */
#include "ca/client_certificate.h"

#include <openssl/err.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "store/certificates.h"

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

/* What holds for any: a client's own certificate, valid now or until `late_s` ago. */
static result check_fitness(struct op *op, const struct client_certificate *c, int64_t late_s)
{
	int64_t now = clock_now_s();
	uint32_t flags = X509_get_extension_flags(c->x509);
	if ((flags & EXFLAG_INVALID) != 0 || X509_get_version(c->x509) != X509_VERSION_3)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is malformed");
	if ((flags & EXFLAG_CA) != 0)
		return FAIL(op, ERR_UNAUTHENTIC, "a CA's certificate does not speak for a client");
	if (now < c->not_before_s || c->not_after_s < now - late_s)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is valid from %s to %s, which is not now",
			    clock_rfc3339(op->arena, c->not_before_s), clock_rfc3339(op->arena, c->not_after_s));
	return OK;
}

static result check_purpose(struct op *op, const struct client_certificate *c)
{
	if (X509_check_purpose(c->x509, X509_PURPOSE_SSL_CLIENT, 0) != 1 && !c->is_registrar)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is not for client authentication");
	return OK;
}

/* A key that somebody else has got proves nothing, whichever certificate it is in, and whoever issued that (N7). */
static result check_blocked(struct op *op, struct db *db, const struct client_certificate *c)
{
	uint8_t hash[SHA256_SIZE];
	const char *why;
	bytes_sha256(c->spki, hash);
	result r = blocked_key_load(op, db, (struct bytes)BYTES_ARRAY(hash), &why);
	if (r.err == ERR_NONE)
		return FAIL(op, ERR_UNAUTHENTIC, "the key of the client's certificate is blocked (%s)", why);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	return r;
}

/* V10: the row is the truth. A certificate that only claims our issuer and a serial of ours is none of ours. */
static result judge_own(struct op *op, struct authority *a, struct client_certificate *c, bool *is_ours)
{
	struct certificate row;
	struct revocation revocation;
	STORE_LEASE(lease);
	*is_ours = false;
	TRY(store_read(op, a->store, &lease));
	TRY(check_blocked(op, lease.db, c));
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
	__attribute__((cleanup(free_stack))) STACK_OF(X509) *path = NULL;
	TRY(client_anchors_verify(op, anchors, c->x509, chain, n_chain, &path));
	if (is_below_own_ca(a, path))
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate %s is of this CA, and not as it was issued", c->serial);
	return OK;
}

static result open_certificate(struct op *op, struct bytes der, int64_t late_s, struct client_certificate *out)
{
	*out = (struct client_certificate){ .x509 = der.n > 0 ? parse(der) : NULL };
	if (out->x509 == NULL)
		return FAIL(op, ERR_UNAUTHENTIC, "the client has shown no certificate that can be read");
	TRY(describe(op, der, out));
	return check_fitness(op, out, late_s);
}

result client_certificate_judge(struct op *op, struct authority *a, const struct bytes *chain, unsigned n_chain,
				const struct client_anchors *anchors, struct client_certificate *out)
{
	bool is_ours;
	TRY(open_certificate(op, n_chain > 0 ? chain[0] : BYTES_NONE, 0, out));
	TRY(check_purpose(op, out));
	TRY(judge_own(op, a, out, &is_ours));
	if (is_ours)
		return OK;
	if (anchors == NULL)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate %s was not issued here", out->serial);
	return judge_foreign(op, a, out, chain, n_chain, anchors);
}

result client_certificate_judge_signer(struct op *op, struct authority *a, struct bytes der, int64_t late_s,
				       struct client_certificate *out)
{
	bool is_ours;
	TRY(open_certificate(op, der, late_s, out));
	TRY(judge_own(op, a, out, &is_ours));
	return is_ours ? OK : FAIL(op, ERR_UNAUTHENTIC, "the client's certificate %s was not issued here", out->serial);
}
