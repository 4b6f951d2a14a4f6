/* What chancery.yaml means: defaults, ranges, and what its parts say about each other. */
#pragma once

#include "base/config.h"
#include "base/config_schema.h"

/* Fills `config`, whose dir and arena are set, from the texts of the file. */
result config_check(struct op *op, const struct raw_config *raw, const struct config_lines *lines,
		    struct config *config);
