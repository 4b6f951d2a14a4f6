/*
 * Text of which a person sees every character, in the order in which it stands
 * there: UTF-8 without controls, without characters that have no width or change
 * the direction, and without what is no character at all (row N3).
 */
#pragma once

#include "base/bytes.h"
#include "base/op.h"

/* ERR_POLICY with the reason, which calls the text "the WHAT". *characters: how many it has; none is fine here. */
result visible_text_check(struct op *op, const char *what, struct bytes text, size_t *characters);
