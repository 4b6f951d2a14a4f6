/*
 * Time enters the program here only, so that tests can fix it. Wall time is
 * UTC; deadlines are measured on the monotonic clock.
 */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/op.h"

int64_t clock_now_s(void);       /* seconds since 1970, UTC */
int64_t clock_now_ns(void);      /* nanoseconds since 1970, UTC */
int64_t clock_monotonic_ms(void);

/* Tests only: fix wall time at `now_s`; negative sets it free again. */
void clock_fix(int64_t now_s);

/* "2026-11-21T09:30:00Z" (RFC 3339); the ns form has nine decimals. */
char *clock_rfc3339(struct arena *arena, int64_t time_s);
char *clock_rfc3339_ns(struct arena *arena, int64_t time_ns);
/* RFC 3339 with Z or an offset, whole seconds or a fraction that is dropped. */
result clock_parse_rfc3339(struct op *op, const char *text, int64_t *time_s);
/* "Sat, 21 Nov 2026 09:30:00 GMT" (RFC 9110 section 5.6.7). */
char *clock_http_date(struct arena *arena, int64_t time_s);
#define HTTP_DATE_SIZE 30
void clock_put_http_date(int64_t time_s, char out[HTTP_DATE_SIZE]);
