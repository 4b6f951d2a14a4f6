/* RFC 8555 section 7.4: which names, and for how long. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "protocols/acme/new_order.h"

/* 0 for a member that is absent. */
static result parse_time(struct op *op, const json_t *object, const char *name, int64_t *out)
{
	const char *text;

	*out = 0;
	TRY(json_maybe_text(op, object, name, &text));
	if (text == NULL)
		return OK;
	if (clock_parse_rfc3339(op, text, out).err != ERR_NONE || *out <= 0)
		return FAIL(op, ERR_MALFORMED, "\"%s\" must be a time as in RFC 3339, after 1970", name);
	/* Honoured to the second or refused (A24): what a certificate cannot say is not rounded. */
	if (strchr(text, '.') != NULL || (strlen(text) > 18 && text[17] == '6'))
		return FAIL(op, ERR_MALFORMED, "\"%s\" must be in whole seconds, and no leap second", name);
	return OK;
}

static void refuse(struct op *op, struct new_order *order, enum acme_problem problem, const char *type,
		   const char *value)
{
	order->refused[order->n_refused++] = (struct acme_subproblem){
		.problem = problem,
		.detail = arena_text(op->arena, op->detail),
		.identifier_type = arena_text(op->arena, type),
		.identifier_value = arena_text(op->arena, value),
	};
	op_clear_failure(op);
}

/*
 * Wildcard names are proven by dns-01 only (RFC 8555 section 8.3 leaves http-01
 * out, N1), and there is no dns-01 here.
 */
static result parse_dns(struct op *op, const char *value, struct identifier *out)
{
	TRY(identifier_dns(op, bytes_of_text(value), true, out));
	if (identifier_is_wildcard(out))
		return FAIL(op, ERR_POLICY,
			    "wildcard names are proven by a dns-01 challenge, which this server does not offer");
	return OK;
}

static result parse_identifier(struct op *op, const json_t *object, struct new_order *order)
{
	const char *type, *value;

	if (!json_is_object(object))
		return FAIL(op, ERR_MALFORMED, "an identifier must be an object with \"type\" and \"value\"");
	TRY(json_need_text(op, object, "type", &type));
	TRY(json_need_text(op, object, "value", &value));
	if (!text_equal(type, "dns")) {
		IGNORE(FAIL(op, ERR_POLICY, "only identifiers of type dns are supported")); /* goes into the list */
		refuse(op, order, ACME_UNSUPPORTED_IDENTIFIER, type, value);
		return OK;
	}
	result r = parse_dns(op, value, &order->identifiers[order->n]);
	if (r.err == ERR_NONE)
		order->n++;
	else if (r.err == ERR_POLICY || r.err == ERR_MALFORMED)
		refuse(op, order, ACME_REJECTED_IDENTIFIER, type, value);
	else
		return r;
	return OK;
}

result new_order_parse(struct op *op, struct bytes payload, struct new_order *out)
{
	AUTO(json_t) *object = NULL;
	const json_t *list;

	*out = (struct new_order){ 0 };
	TRY(json_parse_object(op, payload, "the payload", &object));
	TRY(json_maybe_array(op, object, "identifiers", &list));
	size_t n = json_array_size(list);
	if (n == 0)
		return FAIL(op, ERR_MALFORMED, "an order needs at least one identifier");
	if (n > LIMIT_ORDER_IDENTIFIERS)
		return FAIL(op, ERR_MALFORMED, "an order can have at most %d identifiers", LIMIT_ORDER_IDENTIFIERS);
	TRY(parse_time(op, object, "notBefore", &out->not_before_s));
	TRY(parse_time(op, object, "notAfter", &out->not_after_s));
	out->identifiers = arena_alloc_array(op->arena, n, sizeof *out->identifiers);
	out->refused = arena_alloc_array(op->arena, 2 * n, sizeof *out->refused); /* parsed here, then judged by the profile */
	for (size_t i = 0; i < n; i++)
		TRY(parse_identifier(op, json_array_get(list, i), out));
	identifiers_sort(out->identifiers, &out->n);
	return OK;
}
