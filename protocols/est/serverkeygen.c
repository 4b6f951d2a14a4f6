/*
 * serverkeygen (RFC 7030 section 4.4): as simpleenroll, but for a key that is made
 * here and goes to the client with its certificate. Key and signature in the request
 * are passed over, as section 4.4.1 says: clients that can make neither come here.
 *
 * The new key exists in memory until the reply has gone, and nowhere else: it is in
 * no row, log or cache, and a repeated request gets another key (S11). It is encrypted
 * before anything is issued; what cannot be encrypted as it was asked for is
 * refused before that, and never sent in clear (E9).
 */
#include <openssl/err.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/random.h"
#include "ca/certs_only.h"
#include "ca/key_check.h"
#include "protocols/est/body.h"
#include "protocols/est/enroll.h"
#include "protocols/est/key_protection.h"
#include "protocols/est/made_key.h"
#include "protocols/est/reply.h"

/* How this client gets its key. */
struct delivery {
	struct made_key_seal seal; /* without a recipient: by TLS alone */
	struct cmc_signer *signer; /* pinned, with a recipient */
	struct bytes key;          /* as it goes into the reply */
};

static void delivery_release(struct delivery *delivery)
{
	X509_free(delivery->seal.recipient);
	cmc_signer_unpin(&delivery->signer);
}
#define DELIVERY(name) __attribute__((cleanup(delivery_release))) struct delivery name = { .signer = NULL }

static result refuse(struct op *op, const char *why)
{
	return FAIL_CODE(op, ERR_POLICY, 400, "%s", why);
}

/* Section 4.4.1.2: by the certificate's subjectKeyIdentifier, or the SHA-1 of its key (RFC 5280 section 4.2.1.2). */
static bool is_named(X509 *certificate, struct bytes id)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned n;
	const ASN1_OCTET_STRING *own = X509_get0_subject_key_id(certificate);
	if (own != NULL && bytes_equal(id, (struct bytes){ ASN1_STRING_get0_data(own), (size_t)ASN1_STRING_length(own) }))
		return true;
	return X509_pubkey_digest(certificate, EVP_sha1(), hash, &n) == 1 && bytes_equal(id, (struct bytes){ hash, n });
}

/*
 * The handshake has proved that the client has the key; more than that a recipient
 * need not have. Its keyUsage is not asked either: the client names this key itself.
 */
static result find_recipient(struct op *op, const struct est_request *request, struct bytes id, X509 **own_out)
{
	const struct tls_peer *peer = request->call->peer;
	enum key_type type;
	if (peer == NULL || peer->n_chain == 0)
		return refuse(op, "the key can be encrypted only to that of a certificate which the client shows on this connection");
	const uint8_t *p = peer->chain[0].p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)peer->chain[0].n);
	EVP_PKEY *key = certificate != NULL ? X509_get0_pubkey(certificate) : NULL;
	ERR_clear_error();
	if (key == NULL || !is_named(certificate, id))
		return refuse(op, "AsymmetricDecryptKeyIdentifier is not the identifier of the key of the certificate that the client "
				  "shows on this connection");
	if (key_check(op, key, &type).err != ERR_NONE || type == KEY_ED25519)
		return refuse(op, "nothing can be encrypted to the key of the client's certificate; it has to be RSA, P-256 or P-384");
	*own_out = TAKE(certificate);
	return OK;
}

/* Section 4.4.2 wants the key signed by who made it: with the key that the server signs CMC answers with. */
static result find_signer(struct op *op, const struct est_request *request, struct delivery *out)
{
	const struct ca *ca = hierarchy_find(request->authority->hierarchy, request->profile->ca);
	if (ca == NULL)
		return FAIL(op, ERR_BUSY, "the CA %s of this label is not there yet", request->profile->ca);
	TRY(cmc_signer_pin(op, request->est->cmc_signers, ca, &out->signer));
	out->seal.signer = cmc_signer_read(out->signer);
	out->seal.issuer = ca->der;
	return OK;
}

/* Section 4.4.1: who names no key gets none that is encrypted, and where one is wanted, none at all. */
static result decide_delivery(struct op *op, const struct est_request *request, const struct csr *csr, struct delivery *out)
{
	struct key_protection wanted;
	TRY(key_protection_read(op, csr->attributes, &wanted));
	if (!wanted.is_wanted && request->settings->server_keys == EST_KEYS_TLS)
		return OK;
	if (wanted.is_symmetric && wanted.key_id.n == 0)
		return refuse(op, "DecryptKeyIdentifier: this server shares no secrets with clients; use AsymmetricDecryptKeyIdentifier");
	if (wanted.key_id.n == 0)
		return refuse(op, "the key is to be encrypted, and the CSR has no AsymmetricDecryptKeyIdentifier that says to which one");
	if (wanted.has_capabilities && !wanted.takes_aes256_cbc)
		return refuse(op, "the key would be encrypted with AES-256-CBC, which the CSR's SMIMECapabilities do not list");
	TRY(find_recipient(op, request, wanted.key_id, &out->seal.recipient));
	out->seal.oaep_digest = wanted.oaep_digest;
	return find_signer(op, request, out);
}

/* An RSA key may cost a second, and those of parallel repeats are made in vain: others must get their turn. */
static result generate(struct op *op, struct est *est, enum key_type type, EVP_PKEY **own_out)
{
	bool has_place = atomic_fetch_add(&est->keys_in_making, 1) < LIMIT_KEYS_IN_MAKING;
	result r = has_place ? made_key_new(op, type, own_out) : FAIL(op, ERR_BUSY, "many keys are being made; try again in a moment");
	atomic_fetch_sub(&est->keys_in_making, 1);
	return r;
}

/* *spki: its public key. The private one stays in op's arena, in the form in which it goes out. */
static result make_key(struct op *op, const struct est_request *request, struct delivery *delivery, struct bytes *spki)
{
	AUTO(EVP_PKEY) *key = NULL;
	TRY(generate(op, request->est, request->profile->key_types[0], &key)); /* the one that the profile wants most */
	*spki = made_key_spki(op, key);
	struct bytes pkcs8 = made_key_pkcs8(op, key);
	if (delivery->seal.recipient != NULL)
		return made_key_seal(op, pkcs8, &delivery->seal, &delivery->key);
	delivery->key = pkcs8;
	return OK;
}

/*
 * RFC 2046 section 5.1. The parts are base64 in one line each. Nobody has to be told so any more, and who reads it has to
 * pass over it (RFC 8951 section 3); but libest takes no part that does not say it, as RFC 7030 section 4.4.2 had it.
 */
static void put_part(struct op *op, struct buf *out, const char *boundary, const char *type, struct bytes der)
{
	buf_printf(out, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n", boundary, type);
	buf_bytes(out, est_body_encode(op->arena, der));
	buf_text(out, "\r\n");
}

static void reply_parts(struct op *op, const struct delivery *delivery, struct bytes certificate, struct reply *reply)
{
	char boundary[RANDOM_ID_SIZE];
	struct buf body;
	random_id(boundary);
	buf_init(&body, op->arena, 2 * (delivery->key.n + certificate.n) + 512);
	put_part(op, &body, boundary,
		 delivery->seal.recipient != NULL ? "application/pkcs7-mime; smime-type=server-generated-key" : "application/pkcs8",
		 delivery->key);
	put_part(op, &body, boundary, "application/pkcs7-mime; smime-type=certs-only", certs_only(op->arena, &certificate, 1));
	buf_printf(&body, "--%s--\r\n", boundary);
	reply->status = 200;
	reply->content_type = arena_printf(op->arena, "multipart/mixed; boundary=\"%s\"", boundary);
	reply->body = buf_as_bytes(&body);
	reply_header(reply, "Cache-Control", "no-store");
}

/* Not the request that the same CSR is at simpleenroll, and over when it was answered once. */
static void make_wish(const struct csr *csr, struct bytes der, struct est_wish *out)
{
	static const struct bytes what = BYTES_LITERAL("serverkeygen");
	const struct bytes parts[] = { what, csr->hash };
	est_wish_make(csr, der, out);
	out->is_answered_once = true;
	bytes_sha256_parts(parts, 2, out->key);
}

static result enroll(struct op *op, const struct est_request *request, struct reply *reply)
{
	DELIVERY(delivery);
	struct bytes der, spki = BYTES_NONE, certificate;
	struct csr csr;
	struct est_wish wish;
	struct enrollment row;
	int64_t wait_s;
	TRY(est_body_decode(op, request->call->body, &der));
	TRY(est_read_csr(op, request, der, true, &csr));
	TRY(est_decide(op, request, &csr));
	TRY(decide_delivery(op, request, &csr, &delivery));
	make_wish(&csr, der, &wish);
	TRY(est_enrollment_open(op, request, &wish, &row));
	if (row.status == ENROLLMENT_READY)
		TRY(make_key(op, request, &delivery, &spki));
	TRY(est_enrollment_finish(op, request, &wish, &row, spki, &certificate, &wait_s));
	if (certificate.n > 0)
		reply_parts(op, &delivery, certificate, reply);
	else
		est_reply_wait(op, reply, wait_s);
	return OK;
}

result est_serverkeygen(struct op *op, const struct call *call, struct reply *reply)
{
	EST_REQUEST(request);
	bool is_known;
	TRY(est_request_open(op, call, "application/pkcs10", &request));
	if (request.settings->server_keys == EST_KEYS_OFF)
		return FAIL_CODE(op, ERR_POLICY, 501, "this label makes no keys for clients");
	TRY(est_let_in(op, &request, reply, &is_known));
	if (!is_known)
		return OK;
	arena_wipe_when_freed(op->arena); /* from here to the end of the reply the key is in there */
	return enroll(op, &request, reply);
}
