/*
 * Both ends of a CMC exchange as OpenSSL's CMS makes and reads them, so that our
 * own reader and writer are held against another's. PKIData is put together piece
 * by piece: each piece can be one that no honest client makes.
 */
#pragma once

#include <openssl/cms.h>

#include "base/op.h"

/* TaggedAttribute with id-cmc-ARC and one value, whole. */
struct bytes cmc_control(struct op *op, unsigned body_part, uint8_t arc, struct bytes value);
/* TaggedRequest: tcr with this CertificationRequest. */
struct bytes cmc_tagged_request(struct op *op, unsigned body_part, struct bytes csr);
/* PKIData of contents of its four sequences. */
struct bytes cmc_pki_data(struct op *op, struct bytes controls, struct bytes requests, struct bytes messages, struct bytes others);

struct cmc_signing {
	EVP_PKEY *key;
	struct bytes certificate; /* of the signer; empty: one that it makes for itself, and the message names the key */
	const char *digest;       /* "SHA256" when NULL */
	const char *type;         /* of the content: id-cct-PKIData when NULL */
	EVP_PKEY *second;         /* signs as well */
	unsigned flags;           /* CMS_… besides */
	bool is_self_named;       /* the certificate that it makes goes with the message, which names that */
	bool is_detached;
};
struct bytes cmc_sign(struct op *op, const struct cmc_signing *signing, struct bytes content);
#define CMC_SIGN(op, content, ...) cmc_sign((op), &(struct cmc_signing){ __VA_ARGS__ }, (content))

struct cmc_answer {
	long status, body_part, fail_info; /* fail_info: -1 when there is none */
	struct bytes text;
	struct bytes transaction_id, sender_nonce, recipient_nonce, data_return; /* values, whole; empty: not there */
	struct bytes signer; /* its certificate */
};
/*
 * False unless it is well-formed and signed by a certificate with id-kp-cmcCA that has a path to `root` (DER), by what
 * is in the message alone.
 */
bool cmc_answer_read(struct op *op, struct bytes der, struct bytes root, int64_t now_s, struct cmc_answer *out);
