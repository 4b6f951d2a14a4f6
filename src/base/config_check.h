/* What chancery.yaml means: defaults, ranges, and what its parts say about each other. */
#pragma once

#include "base/config.h"
#include "base/config_schema.h"
#include "base/config_take.h"

/* Fills `config`, whose dir and arena are set, from the texts of the file. */
result config_check(struct op *op, const struct raw_config *raw, const struct config_lines *lines,
		    struct config *config);
/* A door names a profile, which no other kind of door may have done before (V2). */
result config_open_door(const struct place *at, const char *key, const char *name, enum door door);
/* The est: section; listeners and profiles are read already. */
result config_check_est(const struct place *top, const struct raw_config *raw);
/* The scep: section; profiles are read already. */
result config_check_scep(const struct place *top, const struct raw_config *raw);
/* The part of it for profiles; their CAs are read already, their doors are not. */
result config_check_profiles(const struct place *top, const struct raw_config *raw);
