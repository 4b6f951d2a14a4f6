/*
 * What the two halves of the gate share: gate.c reads heads, gate_chunks.c
 * chunked bodies, gate_fields.c the fields that decide about framing.
 */
#pragma once

#include "server/gate.h"

/* Ends the request with `status`; returns false, so that checks can end with it. */
bool gate_refuse(struct gate *gate, int status, const char *reason);

/* Decodes in place what is complete in p[scanned..n). */
enum gate_state gate_read_chunks(struct gate *gate, uint8_t *p, size_t n);

/* Acts on a field that the gate itself needs; true for all others. */
bool gate_take_field(struct gate *gate, const struct http_header *header);
/* With all fields seen: what they say together (RFC 9112 sections 3.2 and 6). */
bool gate_check_fields(struct gate *gate);
