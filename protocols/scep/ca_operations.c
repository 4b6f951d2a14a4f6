/* Nothing is advertised that is not so (SP1). */
#include "protocols/scep/ca_operations.h"

#include "ca/certs_only.h"

#define CHAIN_MAX 16

static bool find_next_ca(struct op *op, const struct scep_request *request, struct bytes *message)
{
	return next_ca_find(op->arena, request->scep->next_cas, request->settings, request->profile->ca, message);
}

/*
 * One to a line (section 3.5.2). SHA-384 is none of the RFC's words: strongSwan uses
 * AES with nobody who does not say it, and messages signed with it are taken. What
 * comes after the CA is said when there is something to hand out (section 4.7).
 */
result scep_get_ca_caps(struct op *op, const struct scep_request *request, struct reply *reply)
{
	const struct config_scep *settings = request->settings;
	struct bytes next;
	reply_text(op, reply, 200,
		   arena_printf(op->arena, "AES\n%s%sPOSTPKIOperation\n%sSCEPStandard\n%sSHA-256\nSHA-384\nSHA-512",
				(settings->compatibility & SCEP_ACCEPTS_3DES) != 0 ? "DES3\n" : "",
				find_next_ca(op, request, &next) ? "GetNextCACert\n" : "",
				settings->has_renewal ? "Renewal\n" : "",
				(settings->compatibility & SCEP_ACCEPTS_SHA1) != 0 ? "SHA-1\n" : ""));
	return OK;
}

/* The RA first, to which is encrypted (SP3): some clients take the first that fits. Then its CA and what is above. */
result scep_get_ca_cert(struct op *op, const struct scep_request *request, struct reply *reply)
{
	struct bytes list[CHAIN_MAX];
	unsigned n = 0;
	SCEP_RA_PIN(ra);
	TRY(scep_ra_pin(op, request->scep->ras, request->settings->name, &ra));
	list[n++] = ra->certificate;
	for (const struct ca *ca = ra->ca; ca != NULL && n < CHAIN_MAX; ca = ca->parent)
		list[n++] = ca->der;
	reply->status = 200;
	reply->content_type = "application/x-x509-ca-ra-cert";
	reply->body = certs_only(op->arena, list, n);
	return OK;
}

/* SP14: signed before anybody asked for it. */
result scep_get_next_ca_cert(struct op *op, const struct scep_request *request, struct reply *reply)
{
	if (!find_next_ca(op, request, &reply->body))
		return FAIL(op, ERR_NOT_FOUND, "nothing is known of a CA after %s; GetCACaps says when there is", request->profile->ca);
	reply->status = 200;
	reply->content_type = "application/x-x509-next-ca-cert";
	return OK;
}
