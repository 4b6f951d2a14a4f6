/*
 * The names of Windows accounts in their canonical form: user principal names and
 * security identifiers. Domain controllers log in whoever holds a certificate with
 * such a name (KB5014754), so there is one spelling of each and no wildcard.
 */
#include "ca/identifier.h"

#include <string.h>

#include "base/text.h"
#include "ca/visible_text.h"

#define UPN_MAX_OCTETS 1024 /* what a directory holds as userPrincipalName */
#define SID_MAX_OCTETS 184 /* "S-1-", an authority of 15 digits, 15 times "-4294967295" */
#define SUB_AUTHORITIES_MAX 15

static result check_local_part(struct op *op, struct bytes text)
{
	size_t characters;
	TRY(visible_text_check(op, "UPN", text, &characters));
	if (characters == 0 || text.p[0] == ' ' || text.p[text.n - 1] == ' ')
		return FAIL(op, ERR_POLICY, "the UPN has nothing or a blank before its @, or begins with a blank");
	if (memchr(text.p, '*', text.n) != NULL)
		return FAIL(op, ERR_POLICY, "the UPN has a \"*\" in it, and no account is called so");
	return OK;
}

result identifier_upn(struct op *op, struct bytes text, struct identifier *out)
{
	struct identifier domain;
	if (text.n == 0 || text.n > UPN_MAX_OCTETS)
		return FAIL(op, ERR_POLICY, "the UPN has %zu octets; 1 to %d are allowed", text.n, UPN_MAX_OCTETS);
	const uint8_t *at = memchr(text.p, '@', text.n);
	if (at == NULL)
		return FAIL(op, ERR_POLICY, "the UPN has no @; it is written as user@domain.example");
	struct bytes local = { text.p, (size_t)(at - text.p) }, rest = { at + 1, text.n - local.n - 1 };
	if (rest.n > 0 && memchr(rest.p, '@', rest.n) != NULL)
		return FAIL(op, ERR_POLICY, "the UPN has more than one @");
	TRY(check_local_part(op, local));
	TRY(op_explain(op, identifier_dns(op, rest, false, &domain), "UPN"));
	const char *user = arena_text_n(op->arena, (const char *)local.p, local.n);
	*out = (struct identifier){ IDENTIFIER_UPN, arena_printf(op->arena, "%s@%s", user, domain.value) };
	return OK;
}

/* Takes "-NUMBER" off the front. One spelling for each number: decimal digits, no leading zero. */
static bool take_part(struct op *op, const char **text, uint64_t most)
{
	uint64_t number;
	if ((*text)[0] != '-')
		return false;
	const char *digits = *text + 1;
	size_t n = strspn(digits, "0123456789");
	if (n == 0 || (digits[0] == '0' && n > 1) || !text_parse_u64(arena_text_n(op->arena, digits, n), 0, most, &number))
		return false;
	*text = digits + n;
	return true;
}

static bool is_sid(struct op *op, const char *text)
{
	unsigned n = 0;
	if (!text_has_prefix(text, "S-1-"))
		return false;
	text += strlen("S-1");
	if (!take_part(op, &text, (UINT64_C(1) << 48) - 1))
		return false;
	while (n < SUB_AUTHORITIES_MAX && take_part(op, &text, UINT32_MAX))
		n++;
	return n > 0 && text[0] == '\0';
}

result identifier_sid(struct op *op, struct bytes text, struct identifier *out)
{
	bool is_text = text.n > 0 && text.n <= SID_MAX_OCTETS && memchr(text.p, '\0', text.n) == NULL;
	const char *sid = is_text ? arena_text_n(op->arena, (const char *)text.p, text.n) : "";
	if (!is_sid(op, sid))
		return FAIL(op, ERR_POLICY, "that is no SID; it is written as S-1-5-21-1004336348-1177238915-682003330-512");
	*out = (struct identifier){ IDENTIFIER_SID, sid };
	return OK;
}
