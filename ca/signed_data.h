/*
 * Signed messages: CMS SignedData (RFC 5652 section 5) with a content of its own
 * and exactly one signer, both ways. Read by hand from strict DER, so that what is
 * verified and what is used are the same octets. Who the signer is, and whether
 * that counts, is the caller's to decide: nothing here looks for a path to a root.
 */
#pragma once

#include "base/op.h"
#include "ca/signature_algorithm.h"

#define SIGNED_DATA_CERTIFICATES 8 /* a signer and what is above it; others are passed over */

/* Parts of the message's own bytes, which must live as long; but for `attributes`. */
struct signed_data {
	struct bytes type;    /* content of the OID of what is signed */
	struct bytes content; /* what is signed */
	struct bytes certificates[SIGNED_DATA_CERTIFICATES]; /* whole, in their order */
	unsigned n_certificates;
	struct bytes issuer_and_serial; /* of the signer: content of IssuerAndSerialNumber; empty: named by its key */
	const struct signature_algorithm *algorithm;
	struct bytes attributes; /* signedAttrs as they are signed: a SET, in op's arena */
	struct bytes signature;
};

/*
 * ERR_MALFORMED: BER, bytes behind the end, detached or nested content that is no
 * octets, no signer or several, signed attributes that lack content type or digest,
 * or name others than the content's. ERR_POLICY: signed with SHA-1 or another
 * algorithm that does not count. The digest is checked, the signature is not.
 */
result signed_data_read(struct op *op, struct bytes der, struct signed_data *out);
/* The signature is by this key (SubjectPublicKeyInfo). */
bool signed_data_is_by(struct op *op, const struct signed_data *message, struct bytes spki);
/* The signer calls itself the holder of this certificate (DER), by issuer and serial number. */
bool signed_data_names(const struct signed_data *message, struct bytes certificate);

/* Who signs: a P-256 key in memory and its certificate. */
struct signed_data_signer {
	EVP_PKEY *key;
	struct bytes certificate;
};
/* ContentInfo in DER, signed with ECDSA and SHA-256. The certificates are in it in this order. */
result signed_data_write(struct op *op, struct bytes type, struct bytes content, const struct bytes *certificates,
			 unsigned n_certificates, const struct signed_data_signer *signer, struct bytes *out);

/* What the two directions share. Contents of OIDs. */
extern const struct bytes signed_data_oid, signed_data_content_type_oid, signed_data_digest_oid;
/* Issuer and serial number of a certificate, whole values; false: it is none. */
bool signed_data_issuer_and_serial(struct bytes certificate, struct bytes *issuer, struct bytes *serial);
