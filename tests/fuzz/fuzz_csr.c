/*
 * Requests from outside, as DER and as an operator's file, by the rules of ACME
 * and of a profile that gives everything: what is accepted keeps every promise of
 * csr.h.
 */
#include "base/limits.h"
#include "ca/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct csr_rules rules_all = {
	.names = IDENTIFIER_BIT(IDENTIFIER_DNS) | IDENTIFIER_BIT(IDENTIFIER_IP) | IDENTIFIER_BIT(IDENTIFIER_EMAIL) |
		 IDENTIFIER_BIT(IDENTIFIER_URI) | IDENTIFIER_BIT(IDENTIFIER_UPN) | IDENTIFIER_BIT(IDENTIFIER_SID),
	.subject = IDENTIFIER_BIT(IDENTIFIER_C) | IDENTIFIER_BIT(IDENTIFIER_ST) | IDENTIFIER_BIT(IDENTIFIER_L) |
		   IDENTIFIER_BIT(IDENTIFIER_O) | IDENTIFIER_BIT(IDENTIFIER_OU) |
		   IDENTIFIER_BIT(IDENTIFIER_SERIAL_NUMBER) | IDENTIFIER_BIT(IDENTIFIER_CN),
	.challenge_password = true,
};

static void check_accepted(struct op *op, const struct csr_rules *rules, const struct csr *csr)
{
	struct identifier again;
	ASSERT(csr->spki.n > 0 && csr->key_type != KEY_OTHER && csr->hash.n == SHA256_SIZE);
	ASSERT(csr->n_identifiers <= LIMIT_ORDER_IDENTIFIERS + 8);
	ASSERT(csr->challenge_password.n <= 255);
	for (unsigned i = 0; i < csr->n_identifiers; i++) {
		const struct identifier *identifier = &csr->identifiers[i];
		ASSERT(((rules->names | rules->subject) & IDENTIFIER_BIT(identifier->kind)) != 0);
		result r = identifier_parse_text(op, identifier_print(op->arena, identifier), &again);
		ASSERT(r.err == ERR_NONE && identifier_equal(identifier, &again));
		ASSERT(i == 0 || !identifier_equal(identifier, &csr->identifiers[i - 1]));
	}
}

static void check_rules(struct bytes input, const struct csr_rules *rules)
{
	struct op *op = op_new();
	struct csr csr;
	result r = csr_parse(op, input, rules, &csr);
	if (r.err == ERR_NONE)
		check_accepted(op, rules, &csr);
	else
		ASSERT(r.err == ERR_MALFORMED || r.err == ERR_POLICY);
	op_clear_failure(op);
	r = csr_parse_file(op, input, rules, &csr);
	if (r.err == ERR_NONE)
		check_accepted(op, rules, &csr);
	op_free(&op);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_rules((struct bytes){ data, size }, &csr_rules_dns);
	check_rules((struct bytes){ data, size }, &rules_all);
	return 0;
}
