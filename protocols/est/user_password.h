/* Users at a label of EST: by password, or by Digest where it is kept for them (protocols/shared/user_check.h). */
#pragma once

#include "protocols/est/request.h"
#include "protocols/shared/http_auth.h"

/* Fills request->user. ERR_UNAUTHENTIC; request->is_stale with a Digest whose nonce is too old. */
result est_user_check(struct op *op, struct est_request *request, const struct http_auth *auth);
