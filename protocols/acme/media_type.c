/* RFC 9110 section 12.5.1: the Accept header against one type. */
#include "protocols/acme/media_type.h"

#include <string.h>
#include <strings.h>

static struct bytes trimmed(struct bytes text)
{
	while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = (struct bytes){ text.p + 1, text.n - 1 };
	while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
		text.n--;
	return text;
}

/* Takes what stands before `separator` off the front of *text. */
static struct bytes take_part(struct bytes *text, char separator)
{
	const uint8_t *at = text->n > 0 ? memchr(text->p, separator, text->n) : NULL;
	struct bytes part = { text->p, at != NULL ? (size_t)(at - text->p) : text->n };
	size_t used = part.n + (at != NULL ? 1 : 0);

	*text = (struct bytes){ text->p + used, text->n - used };
	return trimmed(part);
}

static bool equal_nocase(struct bytes a, const char *text, size_t n)
{
	return a.n == n && strncasecmp((const char *)a.p, text, n) == 0;
}

/* How exactly a range names the type: 0 not at all, 1 by star/star, 2 by its family, 3 itself. */
static unsigned precision_of(struct bytes range, const char *type)
{
	size_t family_n = (size_t)(strchr(type, '/') - type) + 1;

	if (equal_nocase(range, type, strlen(type)))
		return 3;
	if (range.n == family_n + 1 && range.p[family_n] == '*' &&
	    equal_nocase((struct bytes){ range.p, family_n }, type, family_n))
		return 2;
	return equal_nocase(range, "*/*", 3) ? 1 : 0;
}

/* ";q=0", "; q=0.000": named in order to be refused. */
static bool is_refused(struct bytes parameters)
{
	while (parameters.n > 0) {
		struct bytes parameter = take_part(&parameters, ';');
		if (parameter.n < 3 || (parameter.p[0] | 0x20) != 'q' || parameter.p[1] != '=')
			continue;
		for (size_t i = 2; i < parameter.n; i++)
			if (parameter.p[i] != '0' && parameter.p[i] != '.')
				return false;
		return true;
	}
	return false;
}

/* The most precise range decides. */
static void judge_header(struct bytes value, const char *type, unsigned *best, bool *is_accepted)
{
	while (value.n > 0) {
		struct bytes parameters = take_part(&value, ',');
		unsigned precision = precision_of(take_part(&parameters, ';'), type);
		if (precision <= *best)
			continue;
		*best = precision;
		*is_accepted = !is_refused(parameters);
	}
}

bool media_type_is_accepted(const struct call *call, const char *type)
{
	static const char name[] = "Accept";
	bool is_accepted = false, has_header = false;
	unsigned best = 0;

	for (unsigned i = 0; i < call->n_headers; i++) {
		if (!equal_nocase(call->headers[i].name, name, sizeof name - 1))
			continue;
		has_header = true;
		judge_header(call->headers[i].value, type, &best, &is_accepted);
	}
	return !has_header || is_accepted;
}
