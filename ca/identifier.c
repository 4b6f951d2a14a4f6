/*
 * Lists of identifiers, and their forms on paper and in the store. What makes a
 * value of each kind good is in identifier_dns.c, identifier_san.c,
 * identifier_account.c and identifier_subject.c.
 */
#include "ca/identifier.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static const char *const kind_names[N_IDENTIFIER_KINDS] = {
	[IDENTIFIER_DNS] = "dns", [IDENTIFIER_IP] = "ip",   [IDENTIFIER_EMAIL] = "email",
	[IDENTIFIER_URI] = "uri", [IDENTIFIER_UPN] = "upn", [IDENTIFIER_SID] = "sid",
	[IDENTIFIER_C] = "c",	  [IDENTIFIER_ST] = "st",   [IDENTIFIER_L] = "l",
	[IDENTIFIER_O] = "o",	  [IDENTIFIER_OU] = "ou",   [IDENTIFIER_SERIAL_NUMBER] = "serialNumber",
	[IDENTIFIER_CN] = "cn",
};

const char *identifier_kind_name(enum identifier_kind kind)
{
	ASSERT((unsigned)kind < N_IDENTIFIER_KINDS);
	return kind_names[kind];
}

static bool kind_find(const char *name, size_t n, enum identifier_kind *out)
{
	for (unsigned kind = 0; kind < N_IDENTIFIER_KINDS; kind++) {
		if (strlen(kind_names[kind]) == n && memcmp(kind_names[kind], name, n) == 0) {
			*out = (enum identifier_kind)kind;
			return true;
		}
	}
	return false;
}

result identifier_make(struct op *op, enum identifier_kind kind, struct bytes text, struct identifier *out)
{
	switch (kind) {
	case IDENTIFIER_DNS:
		return identifier_dns(op, text, true, out);
	case IDENTIFIER_IP:
		return identifier_ip(op, text, out);
	case IDENTIFIER_EMAIL:
		return identifier_email(op, text, out);
	case IDENTIFIER_URI:
		return identifier_uri(op, text, out);
	case IDENTIFIER_UPN:
		return identifier_upn(op, text, out);
	case IDENTIFIER_SID:
		return identifier_sid(op, text, out);
	default:
		return identifier_attribute(op, kind, text, out);
	}
}

bool identifier_is_san(enum identifier_kind kind)
{
	return kind <= IDENTIFIER_UPN;
}

bool identifier_is_attribute(enum identifier_kind kind)
{
	return kind >= IDENTIFIER_C;
}

bool identifier_is_wildcard(const struct identifier *identifier)
{
	return identifier->kind == IDENTIFIER_DNS && text_has_prefix(identifier->value, "*.");
}

static int compare(const void *a, const void *b)
{
	const struct identifier *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->value, y->value);
}

bool identifier_equal(const struct identifier *a, const struct identifier *b)
{
	return compare(a, b) == 0;
}

void identifiers_sort(struct identifier *identifiers, unsigned *n)
{
	if (*n == 0)
		return;
	qsort(identifiers, *n, sizeof *identifiers, compare);
	unsigned kept = 1;
	for (unsigned i = 1; i < *n; i++) {
		if (!identifier_equal(&identifiers[i], &identifiers[kept - 1]))
			identifiers[kept++] = identifiers[i];
	}
	*n = kept;
}

bool identifiers_equal(const struct identifier *a, unsigned n_a, const struct identifier *b, unsigned n_b)
{
	if (n_a != n_b)
		return false;
	for (unsigned i = 0; i < n_a; i++) {
		if (!identifier_equal(&a[i], &b[i]))
			return false;
	}
	return true;
}

unsigned identifiers_count_san(const struct identifier *identifiers, unsigned n)
{
	unsigned count = 0;
	while (count < n && identifier_is_san(identifiers[count].kind))
		count++;
	return count;
}

char *identifier_print(struct arena *arena, const struct identifier *identifier)
{
	return arena_printf(arena, "%s:%s", identifier_kind_name(identifier->kind), identifier->value);
}

result identifier_parse_text(struct op *op, const char *text, struct identifier *out)
{
	size_t n = strcspn(text, ":");
	enum identifier_kind kind;
	if (text[n] == '\0' || !kind_find(text, n, &kind))
		return FAIL(op, ERR_MALFORMED,
			    "\"%.80s\" is no name: write KIND:VALUE, such as dns:a.example, ip:192.0.2.1, email:a@b.example, "
			    "uri:urn:x:y, upn:a@b.example, sid:S-1-5-21-1-2-3-1104, cn:dev-17, serialNumber:A1, o:Example, ou:Fleet, "
			    "l:Berlin, st:Hesse, c:DE",
			    text);
	return identifier_make(op, kind, bytes_of_text(text + n + 1), out);
}

char *identifiers_to_json(struct op *op, const struct identifier *identifiers, unsigned n)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < n; i++) {
		json_write_object(&w, NULL);
		json_write_text(&w, "type", identifier_kind_name(identifiers[i].kind));
		json_write_text(&w, "value", identifiers[i].value);
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	struct bytes json = json_write_done(&w);
	return arena_text_n(op->arena, (const char *)json.p, json.n);
}

/* A row of ours that does not read back is damage, whatever a parser calls it. */
static result read_row(struct op *op, const json_t *item, struct identifier *out)
{
	const char *type, *value;
	TRY(json_need_text(op, item, "type", &type));
	TRY(json_need_text(op, item, "value", &value));
	enum identifier_kind kind;
	if (!kind_find(type, strlen(type), &kind))
		return FAIL(op, ERR_BACKEND, "stored identifier of unknown type \"%s\"", type);
	return identifier_make(op, kind, bytes_of_text(value), out);
}

result identifiers_from_json(struct op *op, const char *json, struct identifier **out, unsigned *n)
{
	AUTO(json_t) *array = NULL;
	TRY(json_parse(op, bytes_of_text(json), "stored identifiers", &array));
	if (!json_is_array(array))
		return FAIL(op, ERR_BACKEND, "stored identifiers are not an array");
	size_t count = json_array_size(array);
	struct identifier *list = arena_alloc_array(op->arena, count == 0 ? 1 : count, sizeof *list);
	for (size_t i = 0; i < count; i++) {
		result r = read_row(op, json_array_get(array, i), &list[i]);
		if (r.err != ERR_NONE)
			return FAIL(op, ERR_BACKEND, "stored identifier %zu cannot be read back", i);
	}
	*out = list;
	*n = (unsigned)count;
	return OK;
}

const char *const *identifiers_to_names(struct op *op, const struct identifier *identifiers, unsigned n)
{
	const char **names = arena_alloc_array(op->arena, n == 0 ? 1 : n, sizeof *names);
	for (unsigned i = 0; i < n; i++)
		names[i] = identifier_print(op->arena, &identifiers[i]);
	return names;
}
