/* Doors by their addresses, and what is to be seen at each. */
#include "tests/fake/fake_microsoft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define ENDPOINTS MICROSOFT_GRAPH "/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints"

static const struct {
	const char *method, *url, *version, *answer;
} doors[MICROSOFT_DOORS] = {
	[MICROSOFT_TOKENS] = { "POST", MICROSOFT_LOGIN "/" MICROSOFT_TENANT "/oauth2/v2.0/token", NULL, NULL },
	[MICROSOFT_SERVICES] = { "GET", ENDPOINTS, NULL,
				 "{\"@odata.context\":\"x\",\"value\":["
				 "{\"id\":\"1\",\"providerName\":\"Other\",\"uri\":\"https://other.example\"},"
				 "{\"id\":\"2\",\"capability\":\"c\",\"providerId\":null,\"providerName\":\"ScepRequestValidationFEService\","
				 "\"uri\":\"" MICROSOFT_VALIDATION "\"},"
				 "{\"id\":\"3\",\"providerName\":\"PkiConnectorFEService\",\"uri\":\"" MICROSOFT_CONNECTOR "/\"}]}" },
	[MICROSOFT_VALIDATE] = { "POST", MICROSOFT_VALIDATION "/ScepActions/validateRequest", "2018-02-20",
				 "{\"@odata.context\":\"x\",\"code\":\"Success\",\"errorDescription\":\"\"}" },
	[MICROSOFT_SUCCESS] = { "POST", MICROSOFT_VALIDATION "/ScepActions/successNotification", "2018-02-20",
				"{\"code\":\"Success\",\"errorDescription\":\"\"}" },
	[MICROSOFT_FAILURE] = { "POST", MICROSOFT_VALIDATION "/ScepActions/failureNotification", "2018-02-20",
				"{\"code\":\"Success\",\"errorDescription\":\"\"}" },
	[MICROSOFT_DOWNLOAD] = { "POST", MICROSOFT_CONNECTOR "/CertificateAuthorityRequests/downloadRevocationRequests", "5019-05-05",
				 "{\"value\":[]}" },
	[MICROSOFT_UPLOAD] = { "POST", MICROSOFT_CONNECTOR "/CertificateAuthorityRequests/uploadRevocationResults", "5019-05-05",
			       "{\"value\":true}" },
};

static enum microsoft_door door_of(const struct courier_request *request)
{
	for (unsigned i = 0; i < MICROSOFT_DOORS; i++)
		if (text_equal(doors[i].url, request->url)) {
			ASSERT(text_equal(doors[i].method, request->method));
			return (enum microsoft_door)i;
		}
	fprintf(stderr, "nobody is at %s\n", request->url);
	abort();
}

static const char *header(const struct courier_request *request, const char *name)
{
	const char *found = NULL;
	for (unsigned i = 0; i < request->n_headers; i++)
		if (text_equal_nocase(request->headers[i].name, name)) {
			ASSERT(found == NULL);
			found = request->headers[i].value;
		}
	return found;
}

static bool is_uuid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx";
	if (text == NULL || strlen(text) != sizeof form - 1)
		return false;
	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == 'x' ? strchr("0123456789abcdef", text[i]) == NULL : text[i] != form[i])
			return false;
	return true;
}

/* What Microsoft's own client sends with every call. */
static void check(enum microsoft_door door, const struct courier_request *request)
{
	ASSERT(is_uuid(header(request, "client-request-id")));
	if (door == MICROSOFT_TOKENS) {
		ASSERT(text_equal(header(request, "Content-Type"), "application/x-www-form-urlencoded"));
		return;
	}
	ASSERT(text_has_prefix(header(request, "Authorization"), "Bearer token-"));
	ASSERT(text_has_prefix(header(request, "UserAgent"), "Chancery "));
	ASSERT(text_equal(header(request, "api-version"), doors[door].version));
	if (door != MICROSOFT_SERVICES)
		ASSERT(text_equal(header(request, "Content-Type"), "application/json"));
}

static bool is_admitted(struct microsoft *m, enum microsoft_door door, const struct courier_request *request)
{
	const char *given = header(request, "Authorization");
	if (door == MICROSOFT_TOKENS || door == MICROSOFT_SERVICES || !m->is_impatient)
		return true;
	if (m->n_uses == 0 || !text_equal(given, arena_printf(m->arena, "Bearer token-%u", m->n[MICROSOFT_TOKENS])))
		return false;
	m->n_uses--;
	return true;
}

/* `number`: of the request. */
static const char *good_body(struct microsoft *m, enum microsoft_door door, unsigned number)
{
	if (door != MICROSOFT_TOKENS)
		return doors[door].answer;
	return arena_printf(m->arena, "{\"token_type\":\"Bearer\",\"expires_in\":%d,\"ext_expires_in\":3599,\"access_token\":\"token-%u\"}",
			    (int)m->token_lifetime_s, number);
}

static result serve(struct op *op, void *arg, const struct courier_request *request, struct courier_response *out)
{
	static const struct microsoft_answer unauthorized = { .status = 401, .body = "{\"error\":\"InvalidToken\"}" };
	struct microsoft *m = arg;
	enum microsoft_door door = door_of(request);
	const struct microsoft_answer *answer = &m->answers[door];
	check(door, request);
	const unsigned number = ++m->n[door];
	m->body[door] = request->body.n > 0 ? arena_text_n(m->arena, (const char *)request->body.p, request->body.n) : "";
	m->authorization[door] = arena_text(m->arena, header(request, "Authorization"));
	m->timeout_ms = request->timeout_ms;
	m->proxy = arena_text(m->arena, request->proxy);
	m->trust = arena_bytes(m->arena, request->trust);
	if (m->during != NULL)
		m->during(m->during_arg, door);
	if (answer->is_away)
		return FAIL(op, ERR_BACKEND, "fef.example: no whole answer within 10000 ms");
	if (!is_admitted(m, door, request))
		answer = &unauthorized;
	const char *body = answer->status != 0 ? answer->body : good_body(m, door, number);
	const char *type = answer->content_type != NULL ? answer->content_type : "application/json; odata.metadata=minimal";
	*out = (struct courier_response){ .status = answer->status != 0 ? answer->status : 200,
					  .content_type = type[0] != '\0' ? type : NULL,
					  .retry_after = answer->retry_after,
					  .body = arena_bytes(op->arena, bytes_of_text(body != NULL ? body : "")) };
	ASSERT(out->body.n <= request->body_limit);
	return OK;
}

void microsoft_open(struct microsoft *microsoft)
{
	*microsoft = (struct microsoft){ .arena = arena_new(), .token_lifetime_s = 3599 };
	fake_courier_serve(serve, microsoft);
}

void microsoft_close(struct microsoft *microsoft)
{
	fake_courier_serve(NULL, NULL);
	arena_free(&microsoft->arena);
}
