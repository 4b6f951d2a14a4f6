/*
 * Where a tenant's services are: Microsoft Graph has the list (IN1). What was
 * found is kept for half an hour; when it did not serve, it is looked for again,
 * though not once for each device that comes along in an outage.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "protocols/scep/intune_link.h"

#define INTUNE_APP_ID "0000000a-0000-0000-c000-000000000000" /* Intune's own, the same for every tenant */
#define KEPT_S 1800
#define DOUBTED_S 60
#define LIST_BYTES 262144 /* some forty services of about 300 bytes */
#define URL_MOST 1024

static const char *const names[INTUNE_SERVICES] = {
	[INTUNE_VALIDATION] = "ScepRequestValidationFEService",
	[INTUNE_CONNECTOR] = "PkiConnectorFEService",
};

/* An address that a call can be put behind: https, no query, without the slash at its end. */
static char *usable_url(struct op *op, const char *uri)
{
	size_t n = strlen(uri);
	if (!text_has_prefix(uri, "https://") || n > URL_MOST || strpbrk(uri, "?# ") != NULL)
		return NULL;
	while (n > 0 && uri[n - 1] == '/')
		n--;
	return arena_text_n(op->arena, uri, n);
}

static result read_list(struct op *op, const json_t *answer, char *found[INTUNE_SERVICES])
{
	const json_t *list;
	if (json_maybe_array(op, answer, "value", &list).err != ERR_NONE || list == NULL)
		return FAIL(op, ERR_BACKEND, "Microsoft Graph's answer has no list of services");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(item, "providerName"));
		const char *uri = json_string_value(json_object_get(item, "uri"));
		for (unsigned s = 0; s < INTUNE_SERVICES; s++)
			if (name != NULL && uri != NULL && text_equal_nocase(name, names[s]))
				found[s] = usable_url(op, uri);
	}
	return OK;
}

static result ask_graph(struct op *op, struct intune_link *link, struct courier_response *out)
{
	struct secret *token = NULL;
	TRY(intune_token_get(op, link, INTUNE_SCOPE_GRAPH, &token));
	struct intune_call call = { .method = "GET", .body_limit = LIST_BYTES };
	call.url = arena_printf(op->arena, "%s/v1.0/servicePrincipals/appId=%s/endpoints", intune_settings(link)->graph_url,
				INTUNE_APP_ID);
	intune_call_identify(op, &call, token);
	secret_free(&token);
	return intune_send(op, link, &call, out);
}

static result discover(struct op *op, struct intune_link *link, char *found[INTUNE_SERVICES])
{
	AUTO(json_t) *answer = NULL;
	struct courier_response response;
	TRY(ask_graph(op, link, &response));
	if (response.status == 401) {
		intune_token_forget(link, INTUNE_SCOPE_GRAPH);
		TRY(ask_graph(op, link, &response));
	}
	if (response.status != 200)
		return FAIL(op, response.status == 429 ? ERR_BUSY : ERR_BACKEND,
			    "Microsoft Graph answered with status %u when it was asked for Intune's services%s", response.status,
			    response.status == 403 ? ": has the app registration Application.Read.All, with admin consent?" : "");
	TRY(intune_read_json(op, &response, "Microsoft Graph", &answer));
	return read_list(op, answer, found);
}

static bool find_kept(struct op *op, struct intune_link *link, enum intune_service service, const char **out, uint64_t *generation)
{
	pthread_mutex_lock(&link->mutex);
	*generation = link->generation;
	bool is_kept = link->places.found_s != 0 && clock_now_s() < link->places.found_s + KEPT_S;
	*out = is_kept ? arena_text(op->arena, link->places.urls[service]) : NULL;
	pthread_mutex_unlock(&link->mutex);
	return is_kept;
}

static void put_places(struct intune_places *places, char *const found[INTUNE_SERVICES])
{
	for (unsigned i = 0; i < INTUNE_SERVICES; i++) {
		free(places->urls[i]);
		places->urls[i] = found[i] != NULL ? strdup(found[i]) : NULL;
		ASSERT(found[i] == NULL || places->urls[i] != NULL);
	}
	places->found_s = clock_now_s();
}

/* A reload may have come while Graph was asked: then they are another tenant's. */
static void keep(struct intune_link *link, uint64_t generation, char *const found[INTUNE_SERVICES])
{
	pthread_mutex_lock(&link->mutex);
	if (link->generation == generation)
		put_places(&link->places, found);
	pthread_mutex_unlock(&link->mutex);
}

result intune_place_get(struct op *op, struct intune_link *link, enum intune_service service, const char **out)
{
	uint64_t generation;
	if (!find_kept(op, link, service, out, &generation)) {
		char *found[INTUNE_SERVICES] = { NULL };
		TRY(discover(op, link, found));
		keep(link, generation, found);
		*out = found[service];
	}
	if (*out == NULL)
		return FAIL(op, ERR_BACKEND, "Microsoft Graph names no %s for this tenant", names[service]);
	return OK;
}

void intune_places_doubt(struct intune_link *link)
{
	pthread_mutex_lock(&link->mutex);
	if (link->places.found_s != 0 && clock_now_s() >= link->places.found_s + DOUBTED_S)
		link->places.found_s = 0;
	pthread_mutex_unlock(&link->mutex);
}
