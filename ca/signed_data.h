/*
 * Signed messages: CMS SignedData (RFC 5652 section 5) with a content of its own, or
 * none at all, and exactly one signer, both ways. Read by hand from strict DER, so
 * that what is verified and what is used are the same octets. Who the signer is, and
 * whether that counts, is the caller's to decide: nothing here looks for a path to a root.
 */
#pragma once

#include "base/op.h"
#include "ca/der.h"
#include "ca/signature_algorithm.h"

#define SIGNED_DATA_CERTIFICATES 8 /* a signer and what is above it; others are passed over */

/* What is taken besides what signed_data_read() takes. */
struct signed_data_rules {
	bool takes_sha1;       /* as digest, with RSA: clients of SCEP that know nothing newer */
	bool takes_no_content; /* eContent absent: answers of SCEP without a certificate (RFC 8894 section 3.3.2) */
};

/* Parts of the message's own bytes, which must live as long; but for `attributes`. */
struct signed_data {
	struct bytes type;    /* content of the OID of what is signed */
	struct bytes content; /* what is signed */
	bool has_content;     /* false: there was none, not even an empty one */
	struct bytes certificates[SIGNED_DATA_CERTIFICATES]; /* whole, in their order */
	unsigned n_certificates;
	struct bytes issuer_and_serial; /* of the signer: content of IssuerAndSerialNumber; empty: named by its key */
	const char *digest;             /* "SHA256", …, "SHA1" */
	bool is_sha1;                   /* by rules that take it: worth telling to who reads the audit log */
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
/* After a failure out->attributes are what the message has, where it got so far: an answer repeats some of them. */
result signed_data_read_by(struct op *op, struct bytes der, const struct signed_data_rules *rules, struct signed_data *out);
/* The signature is by this key (SubjectPublicKeyInfo). */
bool signed_data_is_by(struct op *op, const struct signed_data *message, struct bytes spki);
/* The signer calls itself the holder of this certificate (DER), by issuer and serial number. */
bool signed_data_names(const struct signed_data *message, struct bytes certificate);
/* The value of the signed attribute of this type, if it is there exactly once and has exactly one value. */
bool signed_data_attribute(const struct signed_data *message, struct bytes oid, struct der_value *out);

/* One more signed attribute: content of its OID, and its one value, whole. */
struct signed_data_attribute {
	struct bytes oid, value;
};

/* How a message is signed. RSA goes by its plain name, rsaEncryption, the only one that all clients of SCEP know. */
enum signed_data_algorithm {
	SIGNED_ECDSA_SHA256,
	SIGNED_ECDSA_SHA384,
	SIGNED_RSA_SHA256,
	SIGNED_RSA_SHA1 /* for clients that know nothing newer */
};

/* What is signed, and by whom. */
struct signed_data_writing {
	struct bytes type;    /* content of the OID of what is signed */
	struct bytes content;
	bool has_no_content;  /* eContent is left out; else an empty content is written as one, which more clients take */
	const struct bytes *certificates; /* whole; in the message in this order */
	unsigned n_certificates;
	const struct signed_data_attribute *attributes; /* besides content type and digest; in any order */
	unsigned n_attributes;
	enum signed_data_algorithm algorithm;
	struct bytes signer; /* certificate of the key: its issuer and serial number name the signer */
	/* Signs `attributes`, a whole SET, by `algorithm`; the signature in op's arena. */
	result (*sign)(struct op *op, void *arg, struct bytes attributes, struct bytes *signature);
	void *arg;
};
/* ContentInfo in DER. Fails as `sign` does. */
result signed_data_write_by(struct op *op, const struct signed_data_writing *writing, struct bytes *out);

/* Who signs: a P-256 key in memory and its certificate. */
struct signed_data_signer {
	EVP_PKEY *key;
	struct bytes certificate;
};
/* ContentInfo in DER, signed with ECDSA and SHA-256. The certificates are in it in this order. */
result signed_data_write(struct op *op, struct bytes type, struct bytes content, const struct bytes *certificates,
			 unsigned n_certificates, const struct signed_data_signer *signer, struct bytes *out);

/* What the two directions share: contents of the OIDs of attributes that every message has (section 11). */
extern const struct bytes signed_data_content_type_oid, signed_data_digest_oid;
