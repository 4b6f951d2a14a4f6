/*
 * Names from outside, read as each kind: what is accepted is canonical, has no
 * byte that nobody sees, and stays as it is when it is read again.
 */
#include <string.h>

#include "ca/identifier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_dns(struct bytes text, const struct identifier *name)
{
	ASSERT(strlen(name->value) == text.n);
	ASSERT(strspn(name->value, "abcdefghijklmnopqrstuvwxyz0123456789-.*") == text.n);
}

static void check_kind(struct op *op, enum identifier_kind kind, struct bytes text)
{
	struct identifier first, again;
	result r = identifier_make(op, kind, text, &first);
	ASSERT(r.err == ERR_NONE || r.err == ERR_POLICY);
	if (r.err != ERR_NONE)
		return;
	ASSERT(first.kind == kind && first.value[0] != '\0');
	for (const char *p = first.value; *p != '\0'; p++)
		ASSERT((unsigned char)*p >= ' ' && *p != 0x7f);
	if (kind == IDENTIFIER_DNS)
		check_dns(text, &first);
	r = identifier_parse_text(op, identifier_print(op->arena, &first), &again);
	ASSERT(r.err == ERR_NONE && identifier_equal(&first, &again));
	if (kind == IDENTIFIER_EMAIL || kind == IDENTIFIER_URI || kind == IDENTIFIER_UPN)
		(void)identifier_host(op, &first, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	struct identifier address;
	for (unsigned kind = 0; kind < N_IDENTIFIER_KINDS; kind++)
		check_kind(op, (enum identifier_kind)kind, (struct bytes){ data, size });
	result r = identifier_ip_of_octets(op, (struct bytes){ data, size }, &address);
	ASSERT(r.err == ERR_POLICY || size == 4 || size == 16);
	op_free(&op);
	return 0;
}
