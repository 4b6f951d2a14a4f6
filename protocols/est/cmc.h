/*
 * The inside of CMC messages (RFC 5272), as far as one certificate by a PKCS #10
 * request goes: PKIData with one TaggedCertificationRequest to a struct, and an
 * answer with one status to PKIResponse. What is signed around them is
 * signed_data.h's. Pure functions.
 *
 * Deliberately not here: CRMF and other requests, messages in messages, shared
 * secrets, encrypted proofs of possession, revocation, queries. They are refused.
 */
#pragma once

#include "base/op.h"

/* Contents of the OIDs id-cct-PKIData and id-cct-PKIResponse. */
extern const struct bytes cmc_pki_data_oid, cmc_pki_response_oid;

enum cmc_fail_info { /* CMCFailInfo, section 6.1.4 */
	CMC_BAD_ALG = 0, CMC_BAD_MESSAGE_CHECK = 1, CMC_BAD_REQUEST = 2, CMC_BAD_IDENTITY = 7,
	CMC_POP_FAILED = 9
};

/* Why a request is refused, and which body part of it; 0: the whole (section 3.2.2). */
struct cmc_fault {
	enum cmc_fail_info info;
	uint32_t body_part;
};

/* Parts of the message's own bytes, which must live as long. */
struct cmc_request {
	struct bytes csr; /* CertificationRequest, whole */
	uint32_t body_part; /* of it */
	/* Controls that the answer repeats: values, whole; empty: there were none. */
	struct bytes transaction_id, sender_nonce, data_return;
	struct cmc_fault fault; /* who refuses sets it; at first a bad request, the whole */
};

#define CMC_CONTROLS_MAX 16
#define CMC_VALUE_MAX 1024 /* of what the answer repeats */

/*
 * ERR_MALFORMED, with fault: not strict DER, another number or kind of requests, a
 * body part twice, or a control that is not understood, since none may be passed
 * over (section 3.2.1.1). Of identification alone nothing follows: it only says whose secret an
 * identity proof is made with, and those are refused with badIdentity (section
 * 6.2). What is repeated is in *out also when the rest is refused, as far as it was read.
 */
result cmc_request_read(struct op *op, struct bytes pki_data, struct cmc_request *out);

#define CMC_NONCE_SIZE 16
/*
 * PKIResponse to this request: CMCStatusInfoV2 (section 6.1.1), transaction and
 * nonces (section 6.6). `fault` NULL: success of its body part; else failed, with
 * `text` for people.
 */
struct bytes cmc_response(struct arena *arena, const struct cmc_request *request, const struct cmc_fault *fault,
			  const char *text, const uint8_t nonce[CMC_NONCE_SIZE]);

/* Contents of the OIDs of controls that both directions have. */
extern const struct bytes cmc_transaction_id_oid, cmc_sender_nonce_oid, cmc_recipient_nonce_oid, cmc_data_return_oid;
