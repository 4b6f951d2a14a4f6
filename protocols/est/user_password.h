/*
 * Users at the door: password or Digest, failures counted in the store for all
 * nodes, locked after LIMIT_LOGIN_FAILURES in a row (E17). Who has the wrong
 * password, is unknown, locked, disabled or of another label hears the same words
 * after the same time (S10).
 */
#pragma once

#include "protocols/est/http_auth.h"
#include "protocols/est/request.h"

/* Fills request->user. ERR_UNAUTHENTIC; request->is_stale with a Digest whose nonce is too old. */
result est_user_check(struct op *op, struct est_request *request, const struct http_auth *auth);
