/*
 * A profile's content as one value. An order and an intent each carry that of
 * their time, so that one sees afterwards under which rules they were made, also
 * where nodes had different ones for a while (F32, V37; docs/decisions/0009).
 */
#pragma once

#include "base/config.h"

/*
 * SHA-256 in hex, in the arena, over everything that the profile means: equal on all
 * nodes whose profiles mean the same. How chancery.yaml is written, and in which
 * order its lists stand, makes no difference.
 */
const char *profile_hash(struct arena *arena, const struct config_profile *profile);
