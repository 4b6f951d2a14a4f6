/* Encoded points of edwards25519 (RFC 8032 section 5.1.2): which of them may be a public key. Rows N6, W10. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ED25519_POINT_SIZE 32

/*
 * True when the encoding is canonical (y below the prime), the point is on the
 * curve, and it is none of the eight of small order, for which signatures verify
 * under messages that nobody signed. OpenSSL takes all of them.
 */
bool ed25519_point_is_fit(const uint8_t point[ED25519_POINT_SIZE]);
