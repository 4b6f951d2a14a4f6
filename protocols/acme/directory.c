/*
 * Directory and newNonce (RFC 8555 sections 7.1.1 and 7.2). GET and HEAD are
 * answered on the loop; POST-as-GET, which section 6.3 demands too, on a lane.
 */
#include "base/json.h"
#include "protocols/acme/reply.h"
#include "protocols/acme/request.h"

static struct bytes directory_json(struct op *op, const struct config *config, const struct acme_endpoint *endpoint)
{
	static const struct {
		const char *name, *path;
	} resources[] = {
		{ "newNonce", "new-nonce" },
		{ "newAccount", "new-account" },
		{ "newOrder", "new-order" },
		{ "revokeCert", "revoke-cert" },
	};
	const struct config_acme *settings = acme_settings(config, endpoint->name);
	const char *base = acme_base(op, config, endpoint->name);
	struct json_writer w;

	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
		json_write_text(&w, resources[i].name, arena_printf(op->arena, "%s/%s", base, resources[i].path));
	json_write_object(&w, "meta");
	if (settings->terms != NULL)
		json_write_text(&w, "termsOfService", settings->terms);
	if (settings->website != NULL)
		json_write_text(&w, "website", settings->website);
	json_write_bool(&w, "externalAccountRequired", false);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return json_write_done(&w);
}

/* Section 7.1: the directory is the one resource without a link to itself. */
static void reply_directory(struct op *op, const struct call *call, const struct config *config, struct reply *reply)
{
	*reply = (struct reply){ .status = 200, .content_type = "application/json" };
	reply->body = directory_json(op, config, call->endpoint);
}

bool acme_directory_fast(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin UNUSED)
{
	const struct acme_endpoint *endpoint = call->endpoint;
	const struct config *config = authority_config(endpoint->acme->authority);

	/* What fails, or is a POST, is the handler's. */
	if (call->method == HTTP_POST || acme_settings(config, endpoint->name) == NULL)
		return false;
	reply_directory(op, call, config, reply);
	return true;
}

result acme_directory(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);

	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(acme_request_need_empty(op, &request));
	reply_directory(op, call, request.config, reply);
	reply_header(reply, "Replay-Nonce", acme_nonce_make(request.acme->nonces, op->arena));
	return OK;
}

/* Section 7.2 (A18): 200 to HEAD, 204 to GET, and never from a cache. */
bool acme_new_nonce_fast(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin UNUSED)
{
	const struct acme_endpoint *endpoint = call->endpoint;

	if (call->method == HTTP_POST)
		return false;
	acme_reply(op, call, call->method == HTTP_HEAD ? 200 : 204, reply);
	reply_header(reply, "Replay-Nonce", acme_nonce_make(endpoint->acme->nonces, op->arena));
	reply_header(reply, "Cache-Control", "no-store");
	return true;
}

result acme_new_nonce(struct op *op, const struct call *call, struct reply *reply)
{
	ACME_REQUEST(request);

	TRY(acme_request_open(op, call, ACME_BY_ACCOUNT, &request));
	TRY(acme_request_need_empty(op, &request));
	acme_reply(op, call, 204, reply);
	reply_header(reply, "Cache-Control", "no-store");
	return OK;
}
