/* How Microsoft is called: headers, the one repeat that a token may need, and what counts as an answer. */
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "protocols/scep/intune_link.h"

#define RETRY_MOST_S 3600 /* of a Retry-After that is believed */

char *intune_uuid(struct op *op)
{
	uint8_t r[16];
	random_name_bytes(r, sizeof r);
	r[6] = (uint8_t)(0x40 | (r[6] & 0x0f));
	r[8] = (uint8_t)(0x80 | (r[8] & 0x3f));
	const char *hex = bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(r));
	return arena_printf(op->arena, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void intune_call_header(struct intune_call *call, const char *name, const char *value)
{
	ASSERT(call->n_headers < sizeof call->headers / sizeof call->headers[0]);
	call->headers[call->n_headers++] = (struct courier_header){ name, value };
}

void intune_call_identify(struct op *op, struct intune_call *call, const struct secret *token)
{
	arena_wipe_when_freed(op->arena);
	intune_call_header(call, "Authorization",
			   arena_printf(op->arena, "Bearer %s", (const char *)secret_bytes(token).p));
	intune_call_header(call, "client-request-id", intune_uuid(op));
	intune_call_header(call, "UserAgent", INTUNE_CALLER); /* so, without a hyphen, in Microsoft's own client */
	intune_call_header(call, "Accept", "application/json");
}

result intune_send(struct op *op, struct intune_link *link, const struct intune_call *call, struct courier_response *out)
{
	const struct config_intune *settings = intune_settings(link);
	struct courier *courier = link->intune->authority->courier;
	int64_t left_ms = op_left_ms(op), timeout_ms = settings->timeout_s * 1000;
	struct courier_request request = {
		.method = call->method,
		.url = call->url,
		.headers = call->headers,
		.n_headers = call->n_headers,
		.body = call->body,
		.proxy = settings->proxy,
		.timeout_ms = timeout_ms < left_ms ? timeout_ms : left_ms,
		.body_limit = call->body_limit,
	};
	if (courier == NULL || left_ms == 0)
		return FAIL(op, ERR_BUSY, "%s", courier == NULL ? "nobody is there to call Microsoft" : "no time was left");
	if (settings->trust_file != NULL)
		TRY(files_read(op, settings->trust_file, LIMIT_CALL_TRUST, &request.trust));
	return courier_call(op, courier, &request, out);
}

static bool is_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t n = sizeof json - 1;
	if (content_type == NULL || strlen(content_type) < n)
		return false;
	char type[sizeof json];
	memcpy(type, content_type, n);
	type[n] = '\0';
	return text_equal_nocase(type, json) && (content_type[n] == '\0' || strchr("; \t", content_type[n]) != NULL);
}

result intune_read_json(struct op *op, const struct courier_response *response, const char *what, json_t **own_out)
{
	if (!is_json(response->content_type))
		return FAIL(op, ERR_BACKEND, "%s answered with %s in place of JSON", what,
			    response->content_type != NULL ? response->content_type : "nothing that has a type");
	result r = json_parse_object(op, response->body, "the answer", own_out);
	return r.err == ERR_NONE ? OK : FAIL(op, ERR_BACKEND, "%s: %s", what, arena_text(op->arena, op->detail));
}

/* Seconds only (RFC 9110 section 10.2.3 has dates too); what Microsoft sends. */
static int64_t patience_of(const struct courier_response *response)
{
	uint64_t seconds = 0;
	if (response->retry_after == NULL || !text_parse_u64(response->retry_after, 0, UINT32_MAX, &seconds))
		return 0;
	return seconds < RETRY_MOST_S ? (int64_t)seconds : RETRY_MOST_S;
}

static result post_once(struct op *op, struct intune_link *link, const struct intune_errand *errand,
			struct courier_response *out)
{
	struct secret *token = NULL;
	const char *place;
	TRY(intune_place_get(op, link, errand->service, &place));
	TRY(intune_token_get(op, link, INTUNE_SCOPE_SERVICES, &token));
	struct intune_call call = { .method = "POST",
				    .url = arena_printf(op->arena, "%s/%s", place, errand->action),
				    .body = errand->body,
				    .body_limit = errand->body_limit };
	intune_call_identify(op, &call, token);
	secret_free(&token);
	intune_call_header(&call, "Content-Type", "application/json");
	intune_call_header(&call, "api-version", errand->version);
	result r = intune_send(op, link, &call, out);
	if (r.err == ERR_BACKEND)
		intune_places_doubt(link);
	return r;
}

/* Anything but 200 is an answer that says no, or none; which of these is for people. */
static result check_status(struct op *op, struct intune_link *link, const struct intune_errand *errand,
			   const struct courier_response *response, int64_t *retry_s)
{
	if (response->status == 200)
		return OK;
	log_info(op, "intune.answer", "endpoint %s: %s was answered with status %u: %.300s", link->endpoint, errand->action,
		 response->status, arena_text_n(op->arena, (const char *)response->body.p, response->body.n));
	*retry_s = patience_of(response);
	if (response->status == 429 || response->status == 503)
		return FAIL(op, ERR_BUSY, "Intune has too much to do (status %u)", response->status);
	if (response->status == 401 || response->status == 403)
		return FAIL(op, ERR_BACKEND,
			    "Intune does not let us in (status %u): has the app registration its permissions, with admin consent?",
			    response->status);
	intune_places_doubt(link);
	return FAIL(op, ERR_BACKEND, "Intune answered with status %u", response->status);
}

result intune_post(struct op *op, struct intune_link *link, const struct intune_errand *errand, json_t **own_out,
		   int64_t *retry_s)
{
	struct courier_response response;
	*retry_s = 0;
	TRY(post_once(op, link, errand, &response));
	if (response.status == 401) { /* the token ended before its time; a fresh one is worth one more try */
		intune_token_forget(link, INTUNE_SCOPE_SERVICES);
		TRY(post_once(op, link, errand, &response));
	}
	if (response.status == 401)
		intune_token_forget(link, INTUNE_SCOPE_SERVICES);
	TRY(check_status(op, link, errand, &response, retry_s));
	return intune_read_json(op, &response, "Intune", own_out);
}

result intune_read_code(struct op *op, const json_t *answer)
{
	const char *code, *text;
	if (json_need_text(op, answer, "code", &code).err != ERR_NONE ||
	    json_maybe_text(op, answer, "errorDescription", &text).err != ERR_NONE)
		return FAIL(op, ERR_BACKEND, "Intune's answer has no code");
	if (text_equal(code, "Success"))
		return OK;
	return FAIL(op, ERR_DENIED, "Intune says %.64s%s%.200s", code, text != NULL && text[0] != '\0' ? ": " : "",
		    text != NULL ? text : "");
}
