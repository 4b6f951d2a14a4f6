/* Nothing is advertised that is not so (SP1). */
#include "protocols/scep/ca_operations.h"

#include "ca/certs_only.h"

#define CHAIN_MAX 16

/*
 * One to a line (section 3.5.2). SHA-384 is none of the RFC's words: strongSwan uses
 * AES with nobody who does not say it, and messages signed with it are taken. There
 * is no next generation of a CA to hand out, and so no GetNextCACert.
 */
result scep_get_ca_caps(struct op *op, const struct scep_request *request, struct reply *reply)
{
	const struct config_scep *settings = request->settings;
	reply_text(op, reply, 200,
		   arena_printf(op->arena, "AES\n%sPOSTPKIOperation\n%sSCEPStandard\n%sSHA-256\nSHA-384\nSHA-512",
				(settings->compatibility & SCEP_ACCEPTS_3DES) != 0 ? "DES3\n" : "",
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

result scep_get_next_ca_cert(struct op *op, const struct scep_request *request, struct reply *reply)
{
	(void)reply;
	return FAIL(op, ERR_NOT_FOUND, "the CA %s has no next generation; GetCACaps says when it has", request->profile->ca);
}
