/*
 * GetCert and GetCRL (RFC 8894 sections 3.3.4 and 3.3.5), for holders of valid
 * certificates of the endpoint only (SP13). CRLs are to be had by HTTP without all this.
 */
#include "protocols/scep/messages.h"
#include "protocols/scep/unwrap.h"

#include "base/limits.h"
#include "base/text.h"
#include "ca/certs_only.h"
#include "ca/published.h"
#include "store/certificates.h"

static result unknown(struct op *op)
{
	return FAIL_CODE(op, ERR_NOT_FOUND, SCEP_CODE(SCEP_BAD_CERT_ID), "this endpoint's CA has issued no such certificate");
}

/*
 * IssuerAndSerialNumber ::= SEQUENCE { issuer Name, serialNumber INTEGER }; the
 * issuer is the endpoint's CA. Of any other content it is not said what it is: it
 * may be that of somebody else's message (S5).
 */
static result read_content(struct op *op, struct scep_request *request, const struct ca *ca, const char **serial)
{
	struct bytes content, fields, number;
	struct der_value issuer;
	TRY(scep_unwrap(op, request));
	content = request->content;
	if (!der_take(&content, DER_SEQUENCE, &fields) || content.n != 0 || !der_next(&fields, &issuer) ||
	    !der_take(&fields, DER_INTEGER, &number) || fields.n != 0 || !bytes_equal(issuer.whole, ca->subject) ||
	    !der_is_serial(number))
		return scep_bad_message(op);
	*serial = bytes_to_hex(op->arena, number);
	return OK;
}

static result load(struct op *op, const struct scep_request *request, const char *serial, struct certificate *out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, request->authority->store, &lease));
	result r = certificate_load(op, lease.db, serial, out);
	if (r.err == ERR_NOT_FOUND)
		return unknown(op);
	TRY(r);
	return out->status == CERTIFICATE_ISSUED && text_equal(out->ca, request->profile->ca) ? OK : unknown(op);
}

result scep_get_cert(struct op *op, struct scep_request *request, struct scep_answer *answer)
{
	const struct ca *ca;
	const char *serial;
	struct certificate row;
	if (!request->settings->serves_certificates)
		return FAIL(op, ERR_DENIED, "this endpoint hands out no certificates of others");
	TRY(scep_find_ca(op, request, &ca));
	TRY(read_content(op, request, ca, &serial));
	TRY(load(op, request, serial, &row));
	*answer = (struct scep_answer){ .status = SCEP_SUCCESS, .content = certs_only(op->arena, &row.der, 1) };
	return OK;
}

static struct bytes copy_crl(struct op *op, const struct ca *ca, struct published *published)
{
	const char *path = arena_printf(op->arena, "/crl/%s.crl", ca->name);
	const struct published_object *object = published_pin(published, bytes_of_text(path));
	if (object == NULL)
		return BYTES_NONE;
	struct bytes crl = object->content.n <= LIMIT_SCEP_CRL_BYTES ? arena_bytes(op->arena, object->content) : BYTES_NONE;
	published_unpin((void *)(uintptr_t)object);
	return crl;
}

result scep_get_crl(struct op *op, struct scep_request *request, struct scep_answer *answer)
{
	const struct ca *ca;
	const char *serial;
	if (!request->settings->serves_crl)
		return FAIL(op, ERR_DENIED, "this endpoint hands out no CRL; certificates say where it is");
	TRY(scep_find_ca(op, request, &ca));
	TRY(read_content(op, request, ca, &serial));
	struct bytes crl = copy_crl(op, ca, request->authority->published);
	if (crl.n == 0)
		return FAIL(op, ERR_NOT_FOUND, "the CRL is too large for SCEP, or there is none yet; certificates say where it is");
	*answer = (struct scep_answer){ .status = SCEP_SUCCESS, .content = crl_only(op->arena, crl) };
	return OK;
}
