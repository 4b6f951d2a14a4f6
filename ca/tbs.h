/*
 * To-be-signed certificates, built from a plan and nothing else. RFC 5280
 * section 4, rows C1-C16. The builder knows no CSR.
 */
#pragma once

#include "ca/hierarchy.h"
#include "ca/identifier.h"

#define SERIAL_SIZE 16 /* 128 bits, the highest one 0 and the next 1: positive, fixed length (V15, C1) */

struct serial {
	uint8_t b[SERIAL_SIZE];
};
/* 126 random bits behind the fixed two; hex form for rows. */
void serial_draw(struct serial *serial);
char *serial_to_hex(struct arena *arena, const struct serial *serial);

enum tbs_kind { TBS_ROOT, TBS_INTERMEDIATE, TBS_LEAF, TBS_OCSP_RESPONDER, TBS_CMC_SIGNER, TBS_SCEP_RA };

struct tbs_plan {
	enum tbs_kind kind;
	struct serial serial;
	const struct ca *issuer;         /* NULL for TBS_ROOT: self-signed with `spki` */
	struct bytes spki;               /* subject public key, DER */
	enum key_type signature_key;     /* of the issuer's key: decides the signature algorithm */
	const struct identifier *subject; /* its attributes, sorted (identifiers_sort), each kind at most once */
	unsigned n_subject;
	/* Leaves: the subject was authorized as such. Otherwise it is a DNS name of theirs as common name, or empty (N4). */
	bool has_own_subject;
	const struct identifier *identifiers; /* subjectAltNames, in the order in which they are written */
	unsigned n_identifiers;
	const char *sid;                 /* leaves: of a Windows account; NULL: none */
	bool server_auth, client_auth, registrar;
	int64_t not_before_s, not_after_s; /* both inclusive */
	int path_length;                 /* CAs: pathLenConstraint, -1 none */
	const char *ocsp_url, *ca_issuers_url, *crl_url; /* NULL: left out */
};

/* Gives the plan a subject of this common name alone, in op's arena. */
void tbs_plan_common_name(struct op *op, const char *common_name, struct tbs_plan *plan);
/* The subject in a word, for lists: its last attribute, which is the common name if it has one; "" for none. */
const char *tbs_plan_title(const struct tbs_plan *plan);
/* The Name that the plan's certificate has as its subject; ERR_POLICY when a subject cannot say that. */
result tbs_build_subject(struct op *op, const struct tbs_plan *plan, struct bytes *out);
/* DER of TBSCertificate, in op's arena. */
result tbs_build(struct op *op, const struct tbs_plan *plan, struct bytes *out);
/* DER of the AlgorithmIdentifier that a signature by such a key carries. */
struct bytes tbs_signature_algorithm(enum key_type signature_key);
/* Certificate ::= SEQUENCE { tbs, algorithm, BIT STRING signature } (CRLs and OCSP share the form). */
struct bytes tbs_assemble(struct op *op, struct bytes tbs, enum key_type signature_key, struct bytes signature);
