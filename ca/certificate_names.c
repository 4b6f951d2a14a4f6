/* Certificate and TBSCertificate of RFC 5280 section 4.1, as far as the names; csr_names.c reads those. */
#include "ca/certificate_names.h"

#include "base/limits.h"
#include "ca/csr_names.h"
#include "ca/der.h"

/* *extensions: content of their list, empty where there is none. */
static bool split(struct bytes der, struct bytes *subject, struct bytes *extensions)
{
	struct bytes tbs, version, serial, issuer, validity, spki, algorithm;
	if (!der_is_strict(der) || !der_take(&der, DER_SEQUENCE, &der) || !der_take(&der, DER_SEQUENCE, &tbs))
		return false;
	(void)der_take(&tbs, DER_CONTEXT_CONSTRUCTED(0), &version); /* v1 has none */
	if (!der_take(&tbs, DER_INTEGER, &serial) || !der_take(&tbs, DER_SEQUENCE, &algorithm) ||
	    !der_take(&tbs, DER_SEQUENCE, &issuer) || !der_take(&tbs, DER_SEQUENCE, &validity) ||
	    !der_take(&tbs, DER_SEQUENCE, subject) || !der_take(&tbs, DER_SEQUENCE, &spki))
		return false;
	*extensions = BYTES_NONE;
	struct bytes unique, tagged;
	(void)der_take(&tbs, DER_CONTEXT(1), &unique);
	(void)der_take(&tbs, DER_CONTEXT(2), &unique);
	if (!der_take(&tbs, DER_CONTEXT_CONSTRUCTED(3), &tagged))
		return tbs.n == 0;
	return der_take(&tagged, DER_SEQUENCE, extensions) && tagged.n == 0 && tbs.n == 0;
}

result certificate_names(struct op *op, struct bytes der, const struct csr_rules *rules, struct identifier **out,
			 unsigned *n)
{
	struct bytes subject, extensions;
	struct csr_names names;
	if (der.n > LIMIT_CERTIFICATE_BYTES || !split(der, &subject, &extensions))
		return FAIL(op, ERR_MALFORMED, "that is no certificate in strict DER of at most %d bytes",
			    LIMIT_CERTIFICATE_BYTES);
	csr_names_init(op, rules, "certificate", &names);
	TRY(csr_names_from_subject(op, subject, &names));
	TRY(csr_names_from_extensions(op, extensions, &names));
	*out = names.identifiers;
	*n = names.n;
	identifiers_sort(*out, n);
	return OK;
}

result certificate_names_match(struct op *op, struct bytes der, const struct csr_rules *rules, const struct csr *csr,
			       const char *whose)
{
	struct identifier *names;
	unsigned n;
	result r = certificate_names(op, der, rules, &names, &n);
	if (r.err == ERR_POLICY || r.err == ERR_MALFORMED)
		return FAIL(op, ERR_DENIED, "the %s certificate: %s", whose, arena_text(op->arena, op->detail));
	TRY(r);
	if (!identifiers_equal(names, n, csr->identifiers, csr->n_identifiers))
		return FAIL(op, ERR_DENIED, "subject and names of the request are not those of the %s certificate", whose);
	return OK;
}
