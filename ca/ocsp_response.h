/*
 * The bytes of an OCSP answer (RFC 6960 section 4.2.1 in the profile of RFC
 * 9919): ResponseData to be signed, and the whole around its signature. Pure.
 */
#pragma once

#include "ca/ocsp_signers.h"

enum ocsp_cert_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

struct ocsp_single {
	enum ocsp_cert_status status;
	int64_t revoked_s; /* with OCSP_REVOKED */
	int reason;        /* 0: left out (O13) */
};

struct ocsp_response {
	const struct ocsp_request *request; /* CertIDs are answered in its order, as they stand */
	struct ocsp_single singles[LIMIT_OCSP_CERTIDS];
	int64_t this_update_s, next_update_s;
};

/* DER of ResponseData. */
struct bytes ocsp_response_data(struct op *op, const struct ocsp_response *response, const struct responder *responder);
/* DER of OCSPResponse, status successful. */
struct bytes ocsp_response_whole(struct op *op, struct bytes data, const struct responder *responder,
				 struct bytes signature);
