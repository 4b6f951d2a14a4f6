/*
 * revokeCert (RFC 8555 section 7.6): by the account that got the certificate, by
 * an account that holds authorizations for all of its names, or by the
 * certificate's own key. Rows A29, V43.
 */
#include <openssl/x509.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/identifier.h"
#include "ca/revoke.h"
#include "protocols/acme/objects.h"
#include "protocols/acme/reply.h"

struct wish {
	struct bytes der;
	int reason;
};

static result parse_payload(struct op *op, const struct acme_request *request, struct wish *out)
{
	AUTO(json_t) *payload = NULL;
	const char *text;
	const json_t *reason;

	TRY(acme_request_payload(op, request, &payload));
	TRY(json_need_text(op, payload, "certificate", &text));
	if (bytes_from_base64url(op, bytes_of_text(text), &out->der).err != ERR_NONE)
		return FAIL(op, ERR_MALFORMED, "\"certificate\" is not base64url without padding");
	if (out->der.n > LIMIT_CERTIFICATE_BYTES)
		return FAIL(op, ERR_MALFORMED, "a certificate has at most %d bytes", LIMIT_CERTIFICATE_BYTES);
	reason = json_object_get(payload, "reason");
	if (reason != NULL && !json_is_integer(reason))
		return FAIL_CODE(op, ERR_MALFORMED, ACME_BAD_REVOCATION_REASON, "\"reason\" must be a number");
	json_int_t value = json_integer_value(reason);
	if (value < 0 || value > 10)
		return FAIL_CODE(op, ERR_MALFORMED, ACME_BAD_REVOCATION_REASON, "there is no such revocation reason");
	out->reason = (int)value;
	return OK;
}

static result parse_certificate(struct op *op, struct bytes der, X509 **own_out, const char **serial)
{
	const uint8_t *p = der.p;
	AUTO(X509) *certificate = d2i_X509(NULL, &p, (long)der.n);

	if (certificate == NULL || p != der.p + der.n)
		return FAIL(op, ERR_MALFORMED, "\"certificate\" is not one DER certificate");
	AUTO(BIGNUM) *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	if (number == NULL || BN_is_negative(number) || BN_is_zero(number) || BN_num_bytes(number) > 20)
		return FAIL(op, ERR_NOT_FOUND, "this certificate was not issued here");
	uint8_t content[20];
	int n = BN_bn2bin(number, content);
	*serial = bytes_to_hex(op->arena, (struct bytes){ content, (size_t)n });
	*own_out = TAKE(certificate);
	return OK;
}

/* Byte for byte the one that we issued, not only its serial number. */
static result load_certificate(struct op *op, const struct acme_request *request, const char *serial, struct bytes der,
			       struct certificate *out)
{
	STORE_LEASE(lease);

	TRY(store_read(op, request->authority->store, &lease));
	result r = certificate_load(op, lease.db, serial, out);
	if (r.err == ERR_NOT_FOUND || (r.err == ERR_NONE && !bytes_equal(out->der, der)))
		return FAIL(op, ERR_NOT_FOUND, "this certificate was not issued here");
	return r;
}

/* A wildcard authorization covers its wildcard name only, and the other way round (N1). */
static result holds_all_names(struct op *op, const struct acme_request *request, const struct certificate *row,
			      bool *out)
{
	struct identifier *names;
	unsigned n;
	STORE_LEASE(lease);

	TRY(identifiers_from_json(op, row->names, &names, &n));
	TRY(store_read(op, request->authority->store, &lease));
	*out = n > 0;
	for (unsigned i = 0; i < n && *out; i++) {
		bool is_wildcard = identifier_is_wildcard(&names[i]);
		if (names[i].kind != IDENTIFIER_DNS) { /* of another door: no account can hold it */
			*out = false;
			break;
		}
		TRY(authorization_is_held(op, lease.db, request->account.id, names[i].value + (is_wildcard ? 2 : 0),
					  is_wildcard, request->now_s, out));
	}
	return OK;
}

/*
 * Section 7.6. *holds_key: by the certificate's key, or by the account that
 * ordered it; who holds the names only may not have the key blocked.
 */
static result may_revoke(struct op *op, const struct acme_request *request, X509 *certificate,
			 const struct certificate *row, bool *holds_key)
{
	*holds_key = true;
	if (!request->has_account) {
		EVP_PKEY *key = X509_get0_pubkey(certificate);
		if (key == NULL || EVP_PKEY_eq(key, request->key) != 1)
			return FAIL(op, ERR_DENIED, "the request is signed by another key than the certificate's");
		return OK;
	}
	if (text_equal(row->requester, arena_printf(op->arena, "account:%s", request->account.id)))
		return OK;
	*holds_key = false;
	bool is_holder;
	TRY(holds_all_names(op, request, row, &is_holder));
	if (!is_holder)
		return FAIL(op, ERR_DENIED, "this account neither ordered the certificate nor holds valid authorizations "
					    "for all of its names");
	return OK;
}

result acme_revoke_certificate(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);
	AUTO(X509) *certificate = NULL;
	struct wish wish;
	const char *serial = NULL;
	struct certificate row;
	struct revocation revocation;

	TRY(acme_request_open(op, call, ACME_BY_EITHER, &request));
	TRY(parse_payload(op, &request, &wish));
	TRY(parse_certificate(op, wish.der, &certificate, &serial));
	TRY(load_certificate(op, &request, serial, wish.der, &row));
	bool holds_key;
	TRY(may_revoke(op, &request, certificate, &row, &holds_key));
	result r = certificate_revoke(op, request.authority, serial, wish.reason, holds_key, &revocation);
	if (r.err == ERR_CONFLICT)
		return FAIL_CODE(op, ERR_CONFLICT, ACME_ALREADY_REVOKED, "%s", op->detail);
	if (r.err == ERR_MALFORMED)
		return FAIL_CODE(op, ERR_MALFORMED, ACME_BAD_REVOCATION_REASON, "%s", op->detail);
	TRY(r);
	revocation_announce(op, request.authority, &revocation);
	acme_reply(op, call, 200, reply);
	return OK;
}
