/*
 * Secrets: PINs, HMAC keys. Locked in memory, left out of core dumps, wiped on
 * free; never logged, never in an arena.
 */
#pragma once

#include "base/op.h"

struct secret;

struct secret *secret_new(struct bytes from); /* copies; the caller wipes its own */
void secret_free(struct secret **secret);
struct bytes secret_bytes(const struct secret *secret); /* NUL-terminated beyond n */

/*
 * Reads a secret from a file: trailing newline dropped, 1..1024 bytes. Refuses
 * a file that group or others can read, saying which chmod mends it, unless it
 * stands below $CREDENTIALS_DIRECTORY (systemd hands those out itself).
 */
result secret_read_file(struct op *op, const char *path, struct secret **out);
/* The same for a private key in PEM: up to 16 KiB, as it stands there. */
result secret_read_key_file(struct op *op, const char *path, struct secret **out);

/* No core dumps, no ptrace by others: every role that holds a secret calls it first. */
void secret_harden_process(void);
