/*
 * One pkiMessage while it is answered: whose endpoint it is at, who signed it,
 * what is in it. Steps fill it from top to bottom.
 */
#pragma once

#include "ca/client_certificate.h"
#include "ca/csr.h"
#include "ca/enveloped_data.h"
#include "protocols/scep/endpoint.h"
#include "protocols/scep/message.h"
#include "server/call.h"
#include "store/credentials.h"

struct scep_request {
	struct scep *scep;
	struct authority *authority;
	const struct call *call;
	const struct config *config;
	const struct config_scep *settings;
	const struct config_profile *profile;
	int64_t now_s;

	struct scep_message message;
	struct scep_ra *ra; /* pinned */

	/* signer.h */
	uint8_t signer_hash[SHA256_SIZE];      /* of the key, or of the certificate where it is one of ours */
	struct client_certificate certificate; /* x509 NULL: the signer has signed its certificate itself */

	/* unwrap.h */
	enum content_cipher cipher;            /* the request's, and so the answer's */
	bool has_ber_envelope;
	struct bytes content;                  /* messageData; in op's arena, which is wiped */
	bool has_sha1_csr;                     /* of a first request or a renewal */

	/* who.h */
	enum scep_way way;                     /* of a first certificate */
	const char *requester;                 /* "scep-challenge:HASH", "certificate:SERIAL" */
	struct one_time_token challenge;       /* with SCEP_CHALLENGE */

	/* consent.h */
	bool has_consent;                      /* Microsoft's, to this very request, in this call */
};

/* Endpoint and settings. ERR_NOT_FOUND: a reload has removed it. */
result scep_request_open(struct op *op, const struct call *call, struct scep_request *out);
void scep_request_release(struct scep_request *request);
#define SCEP_REQUEST(name) __attribute__((cleanup(scep_request_release))) struct scep_request name = { .now_s = 0 }

/* The CA of the endpoint. ERR_BUSY: it is not there yet. */
result scep_find_ca(struct op *op, const struct scep_request *request, const struct ca **out);

/* What the endpoint's profile and `compatibility:` let requests be. */
struct csr_rules scep_csr_rules(const struct scep_request *request);

/* What the request needed of `compatibility:` ("3des sha1 ber"), for the audit log (S8); NULL: nothing. */
const char *scep_compatibility_used(struct op *op, const struct scep_request *request);

/*
 * The failure that `op` holds into the audit log, as far as the log is not filled
 * by it (LIMIT_SCEP_REFUSALS). `csr` NULL: it was not read. The failure stays.
 */
void scep_record_refusal(struct op *op, const struct scep_request *request, enum audit_type type, const struct csr *csr);
