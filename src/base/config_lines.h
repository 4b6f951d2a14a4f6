/*
 * Where the values of chancery.yaml stand. libcyaml knows lines only while it
 * loads; our own checks come later and want to name the line too. So the file
 * is walked once more beforehand, as libyaml events, and every key and list
 * entry is noted: "profiles[0].validity" stands in line 41.
 *
 * The walk also refuses what the configuration has no use for and libcyaml
 * would pass over or take as it can: aliases, tags, several documents, keys that
 * stand there twice, control characters.
 */
#pragma once

#include "base/bytes.h"
#include "base/op.h"

struct config_lines;

result config_lines_read(struct op *op, struct bytes yaml, struct config_lines **out);

bool config_lines_has(const struct config_lines *lines, const char *path);
/* Of a path, or of the nearest path around it that the file has; at least 1. */
unsigned config_line_of(const struct config_lines *lines, const char *path);
/* Of the first key of that name in `from_line` or below; `from_line` when there is none. */
unsigned config_line_of_key(const struct config_lines *lines, const char *key, unsigned from_line);

/* Records "chancery.yaml:LINE: …" as ERR_MALFORMED. */
result config_fail(struct op *op, unsigned line, const char *format, ...) PRINTF(3, 4);
