/*
 * What the door that users come through and the operators' interface that makes
 * them have to understand alike.
 */
#pragma once

#include "base/op.h"

/* 1 to LIMIT_USER_NAME of A-Z, a-z, 0-9, '.', '_', '-', '@'; not "token": under that name one-time tokens come. */
bool login_is_user_name(const char *name);

/* "est default": the realm of a label, for Basic and Digest. */
const char *login_realm(struct arena *arena, const char *door, const char *endpoint);

/* H(A1) of HTTP Digest with SHA-256 (RFC 7616 section 3.4.2): of user ":" realm ":" password. */
void login_digest_ha1(const char *user, const char *realm, struct bytes password, uint8_t ha1[SHA256_SIZE]);
