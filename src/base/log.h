/*
 * Log lines: one JSON object each on standard error, for machines and people:
 * {"time":…,"level":…,"role":…,"event":…,"request":…,"message":…}. Never
 * secrets; the audit log is something else (store/ledger.h). Any thread.
 */
#pragma once

#include "base/op.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* Set once at the start of a role; `role` is static text ("server", "signer-0"). */
void log_open(const char *role, enum log_level least);
void log_set_level(enum log_level least);
bool log_parse_level(const char *name, enum log_level *out); /* "debug" … "error" */

/*
 * `event` is a stable dotted name ("signer.lost"); the message is for people.
 * `op` may be NULL. One write(2) per line.
 */
void log_line(enum log_level level, const struct op *op, const char *event, const char *format, ...) PRINTF(4, 5);
#define log_debug(op, event, ...) log_line(LOG_LEVEL_DEBUG, (op), (event), __VA_ARGS__)
#define log_info(op, event, ...) log_line(LOG_LEVEL_INFO, (op), (event), __VA_ARGS__)
#define log_warning(op, event, ...) log_line(LOG_LEVEL_WARNING, (op), (event), __VA_ARGS__)
#define log_error(op, event, ...) log_line(LOG_LEVEL_ERROR, (op), (event), __VA_ARGS__)
/* The failure that `op` holds, as a warning. */
void log_failure(const struct op *op, const char *event);
