/*
 * The names in a certificate, read exactly as those of a request are: what a
 * re-enrolment must ask for again (RFC 7030 section 4.2.2, E6).
 */
#pragma once

#include "ca/csr.h"

/*
 * Sorted, no doubles, to be compared with csr.identifiers by identifiers_equal.
 * With the rules that the request was read by: a common name that was copied from
 * a DNS name is then that name again. ERR_MALFORMED: it is not a certificate in
 * strict DER; ERR_POLICY: it has a name that the rules do not allow, as another
 * house's may. The signature is not looked at.
 */
result certificate_names(struct op *op, struct bytes der, const struct csr_rules *rules, struct identifier **out,
			 unsigned *n);

/*
 * What renews a certificate asks for the names in it and no others (E6, S3): both
 * sides are read by the same rules, so that nothing is understood in two ways.
 * ERR_DENIED otherwise. `whose`: "client's", for people.
 */
result certificate_names_match(struct op *op, struct bytes der, const struct csr_rules *rules, const struct csr *csr,
			       const char *whose);
