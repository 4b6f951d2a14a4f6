/* RFC 8555 section 6: from an HTTP request to a proven one. */
#include "protocols/acme/request.h"

#include <string.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "protocols/acme/problem.h"

#define ID_BYTES_MAX 64 /* ids have 22, serials 32 */

void acme_request_close(struct acme_request *request)
{
	jws_clear(&request->jws);
	EVP_PKEY_free(request->key);
	request->key = NULL;
}

/* Section 6.4 (A9, J7): exactly the address that was asked; forwarding headers are not looked at. */
static result check_url(struct op *op, const struct acme_request *request)
{
	struct buf expected;

	buf_init(&expected, op->arena, 256);
	buf_text(&expected, config_https_base(op->arena, request->config));
	buf_bytes(&expected, request->call->target);
	if (!bytes_equal(bytes_of_text(request->jws.url), buf_as_bytes(&expected)))
		return FAIL_CODE(op, ERR_UNAUTHENTIC, ACME_UNAUTHORIZED,
				 "the \"url\" of the JWS is not the address that it was sent to");
	return OK;
}

static result check_signer(struct op *op, const struct acme_request *request, enum acme_signer signer)
{
	bool by_key = request->jws.jwk != NULL;

	if (by_key && signer == ACME_BY_ACCOUNT)
		return FAIL(op, ERR_MALFORMED, "this request must be signed by an account (\"kid\", not \"jwk\")");
	if (!by_key && signer == ACME_BY_KEY)
		return FAIL(op, ERR_MALFORMED, "this request must carry its key (\"jwk\", not \"kid\")");
	return OK;
}

static result need_id(struct op *op, struct bytes text, const char **out)
{
	if (text.n == 0 || text.n > ID_BYTES_MAX)
		return FAIL(op, ERR_NOT_FOUND, "there is no such object");
	char *id = arena_text_n(op->arena, (const char *)text.p, text.n);
	if (strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != text.n)
		return FAIL(op, ERR_NOT_FOUND, "there is no such object");
	*out = id;
	return OK;
}

/* The kid is the account's URL and nothing but it (J9). */
static result load_account(struct op *op, struct acme_request *request)
{
	const char *prefix = arena_printf(op->arena, "%s/account/", request->base);
	const char *kid = request->jws.kid;
	const char *id = NULL;
	STORE_LEASE(lease);

	result r = FAIL(op, ERR_NOT_FOUND, "no account");
	if (text_has_prefix(kid, prefix))
		r = need_id(op, bytes_of_text(kid + strlen(prefix)), &id);
	if (r.err == ERR_NONE) {
		TRY(store_read(op, request->authority->store, &lease));
		r = account_load(op, lease.db, request->settings->name, id, &request->account);
	}
	if (r.err == ERR_NOT_FOUND)
		return FAIL_CODE(op, ERR_UNAUTHENTIC, ACME_ACCOUNT_DOES_NOT_EXIST,
				 "the \"kid\" is not the address of an account here");
	return r;
}

/* The key of an account was judged when the account was made. */
static result account_key(struct op *op, struct acme_request *request)
{
	const struct account *account = &request->account;
	struct account_keys *keys = request->acme->account_keys;
	struct jwk jwk;

	request->thumbprint = account->thumbprint;
	request->key = account_keys_find(keys, account->thumbprint);
	if (request->key != NULL)
		return OK;
	TRY(jwk_parse_text(op, account->jwk, &jwk));
	if (!text_equal(jwk.thumbprint, account->thumbprint))
		return FAIL(op, ERR_BUG, "the row of account %s has another key than its thumbprint says", account->id);
	TRY(jwk_key(op, &jwk, &request->key));
	account_keys_keep(keys, jwk.thumbprint, request->key);
	return OK;
}

static result open_account(struct op *op, struct acme_request *request)
{
	TRY(load_account(op, request));
	TRY(account_key(op, request));
	TRY(jws_verify(op, &request->jws, request->key));
	op->actor.kind = ACTOR_ACCOUNT;
	ASSERT(text_copy(op->actor.id, sizeof op->actor.id, request->account.id));
	if (request->account.status != ACCOUNT_VALID) /* section 7.3.6 */
		return FAIL_CODE(op, ERR_UNAUTHENTIC, ACME_UNAUTHORIZED, "the account is %s",
				 account_status_name(request->account.status));
	request->has_account = true;
	return OK;
}

static result open_key(struct op *op, struct acme_request *request)
{
	TRY(jwk_parse(op, request->jws.jwk, &request->jwk));
	request->thumbprint = request->jwk.thumbprint;
	TRY(jwk_key_checked(op, &request->jwk, &request->key));
	return jws_verify(op, &request->jws, request->key);
}

result acme_request_open(struct op *op, const struct call *call, enum acme_signer signer, struct acme_request *out)
{
	const struct acme_endpoint *endpoint = call->endpoint;

	out->call = call;
	out->acme = endpoint->acme;
	out->authority = endpoint->acme->authority;
	out->config = authority_config(out->authority);
	out->settings = acme_settings(out->config, endpoint->name);
	if (out->settings == NULL)
		return FAIL(op, ERR_NOT_FOUND, "this ACME endpoint is not configured any more");
	out->base = acme_base(op, out->config, endpoint->name);
	out->now_s = clock_now_s();

	if (!call_has_content_type(call, "application/jose+json"))
		return FAIL_CODE(op, ERR_MALFORMED, ACME_MEDIA_TYPE, "the Content-Type must be application/jose+json");
	TRY(jws_parse(op, call->body, &out->jws));
	TRY(check_signer(op, out, signer));
	TRY(check_url(op, out));
	TRY(acme_nonce_spend(op, out->acme->nonces, out->jws.nonce));
	TRY(out->jws.kid != NULL ? open_account(op, out) : open_key(op, out));
	out->payload = out->jws.payload;
	return OK;
}

result acme_request_need_empty(struct op *op, const struct acme_request *request)
{
	if (request->payload.n != 0)
		return FAIL(op, ERR_MALFORMED, "this is read by POST-as-GET: the payload must be the empty text");
	return OK;
}

result acme_request_payload(struct op *op, const struct acme_request *request, json_t **own_out)
{
	return json_parse_object(op, request->payload, "the payload", own_out);
}

result acme_request_id(struct op *op, const struct call *call, const char **out)
{
	return need_id(op, call->params[0], out);
}

result acme_request_need_owner(struct op *op, const struct acme_request *request, const char *account,
			       const char *endpoint)
{
	ASSERT(request->has_account);
	if (!text_equal(account, request->account.id) || !text_equal(endpoint, request->settings->name))
		return FAIL(op, ERR_DENIED, "this belongs to another account");
	return OK;
}

const char *acme_url(struct op *op, const struct acme_request *request, const char *kind, const char *id)
{
	return arena_printf(op->arena, "%s/%s/%s", request->base, kind, id);
}
