/* The lint of subject, subjectAltName and SID; a part of lint_tbs. */
#pragma once

#include "ca/tbs.h"

/* `der`: the Name, whole. Rows C2, C9, C16. */
result lint_subject(struct op *op, const struct tbs_plan *plan, struct bytes der);
/* `value`: content of extnValue. Rows C9, N4, N12, V49. */
result lint_subject_alt_name(struct op *op, const struct tbs_plan *plan, struct bytes value);
/* `value`: content of extnValue of Microsoft's SID extension. Row V45. */
result lint_sid(struct op *op, const struct tbs_plan *plan, struct bytes value);
