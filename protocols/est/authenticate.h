/*
 * Who asks (RFC 7030 section 3.3): by the ways that the label takes, each of
 * which is enough by itself. What a client may then ask for is may_ask.h's.
 */
#pragma once

#include "protocols/est/request.h"

/*
 * For a first certificate: by the Authorization header where there is one and the
 * label takes any, else by the TLS client certificate, else nobody where the label
 * lets anybody in. ERR_UNAUTHENTIC with the reason (recorded); ERR_DENIED: known,
 * and not for this label (V11).
 */
result est_authenticate(struct op *op, struct est_request *request);
/* For re-enrolment: by a certificate of this label, current and unrevoked (E6, V10). */
result est_authenticate_own(struct op *op, struct est_request *request);
/*
 * Takes a certificate that has signed the request's message, where none was shown
 * by TLS: of this label, current and unrevoked, as for re-enrolment. It bounds what
 * may be asked for besides who asks. ERR_UNAUTHENTIC, ERR_DENIED: it is none of those.
 */
result est_take_signer(struct op *op, struct est_request *request, struct bytes certificate);
