/* Texts on both sides: an identifier is printed and compared. */
#include "ca/name_pattern.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* "*." or "*@" after the colon; NULL: an identifier as it is. */
static const char *star_of(const char *text)
{
	const char *colon = strchr(text, ':');
	return colon != NULL && colon[1] == '*' && (colon[2] == '.' || colon[2] == '@') ? colon + 1 : NULL;
}

/* The star of a mailbox or an account stands for its local part, which no identifier has a star for. */
static result make_mailboxes(struct op *op, enum identifier_kind kind, const char *star, const char **out)
{
	struct identifier identifier;
	TRY(identifier_make(op, kind, bytes_of_text(arena_printf(op->arena, "x%s", star + 1)), &identifier));
	*out = arena_printf(op->arena, "%s:*%s", identifier_kind_name(kind), identifier.value + 1);
	return OK;
}

result name_pattern_make(struct op *op, const char *text, const char **out)
{
	struct identifier identifier;
	const char *star = star_of(text);
	if (star != NULL && text_has_prefix(text, "email:"))
		return make_mailboxes(op, IDENTIFIER_EMAIL, star, out);
	if (star != NULL && text_has_prefix(text, "upn:"))
		return make_mailboxes(op, IDENTIFIER_UPN, star, out);
	TRY(identifier_parse_text(op, text, &identifier));
	if (star != NULL && identifier.kind != IDENTIFIER_DNS && identifier.kind != IDENTIFIER_CN)
		return FAIL(op, ERR_POLICY, "\"*.\" stands before DNS names and common names only, and \"*@\" before mailboxes and UPNs");
	*out = identifier_print(op->arena, &identifier);
	return OK;
}

static bool text_fits(struct op *op, const char *pattern, const struct identifier *identifier)
{
	const char *text = identifier_print(op->arena, identifier), *star = star_of(pattern);
	if (text_equal(text, pattern))
		return true;
	if (star == NULL)
		return false;
	size_t n_kind = (size_t)(star - pattern);
	return strncmp(text, pattern, n_kind) == 0 && strlen(text + n_kind) > strlen(star + 1) &&
	       text_has_suffix(text + n_kind, star + 1);
}

/* A common name as the DNS name that software may take it for. */
static bool as_dns_name(struct op *op, const struct identifier *identifier, struct identifier *out)
{
	if (identifier->kind != IDENTIFIER_CN)
		return false;
	bool is_dns = identifier_dns(op, bytes_of_text(identifier->value), true, out).err == ERR_NONE;
	op_clear_failure(op);
	return is_dns;
}

bool name_pattern_fits(struct op *op, const char *pattern, const struct identifier *identifier)
{
	struct identifier dns;
	return text_fits(op, pattern, identifier) ||
	       (as_dns_name(op, identifier, &dns) && text_fits(op, pattern, &dns));
}

static result refuse(struct op *op, const struct identifier *identifier)
{
	return FAIL(op, ERR_DENIED, "%s may not be asked for here", identifier_print(op->arena, identifier));
}

result name_patterns_give(struct op *op, const struct config_texts *patterns, const struct identifier *identifiers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		bool fits = false;
		for (unsigned p = 0; p < patterns->n && !fits; p++)
			fits = name_pattern_fits(op, patterns->items[p], &identifiers[i]);
		if (!fits)
			return refuse(op, &identifiers[i]);
	}
	return OK;
}

static bool lists(struct op *op, const struct config_texts *names, const struct identifier *identifier)
{
	for (unsigned i = 0; i < names->n; i++)
		if (text_equal(names->items[i], identifier_print(op->arena, identifier)))
			return true;
	return false;
}

static bool has(struct op *op, const struct identifier *identifiers, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (text_equal(name, identifier_print(op->arena, &identifiers[i])))
			return true;
	return false;
}

result name_patterns_are(struct op *op, const struct config_texts *names, const struct identifier *identifiers, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct identifier dns;
		bool is_listed = lists(op, names, &identifiers[i]) ||
				 (as_dns_name(op, &identifiers[i], &dns) && lists(op, names, &dns));
		if (!is_listed)
			return refuse(op, &identifiers[i]);
	}
	for (unsigned i = 0; i < names->n; i++)
		if (!has(op, identifiers, n, names->items[i]))
			return FAIL(op, ERR_DENIED, "the request lacks %s", names->items[i]);
	return OK;
}

char *name_patterns_to_json(struct arena *arena, const struct config_texts *patterns)
{
	struct json_writer w;
	json_write_init(&w, arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < patterns->n; i++)
		json_write_text(&w, NULL, patterns->items[i]);
	json_write_array_end(&w);
	return buf_as_text(&w.buf);
}

result name_patterns_from_json(struct op *op, const char *json, struct config_texts *out)
{
	AUTO(json_t) *list = NULL;
	TRY(json_parse(op, bytes_of_text(json), "names", &list));
	size_t n = json_array_size(list);
	*out = (struct config_texts){ arena_alloc_array(op->arena, n + 1, sizeof *out->items), 0 };
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (text == NULL)
			return FAIL(op, ERR_BACKEND, "the names of a row are not a list of texts");
		out->items[out->n++] = arena_text(op->arena, text);
	}
	return OK;
}
