/* Answers of the operators' interface for people: aligned fields, tables. */
#pragma once

#include "base/json.h"

/* Parses the answer; with `as_json` prints it indented and returns false in *is_open: nothing left to do. */
result print_answer(struct op *op, struct bytes answer, bool as_json, json_t **own_out, bool *is_open);
/* "name:  value" for a member; left out when it is absent or null. */
void print_field(const json_t *object, const char *member, const char *label);
/* Member as text for table cells; "-" when absent. */
const char *print_cell(const json_t *object, const char *member);
/* The names of a certificate, "a.example, b.example", in op's arena. */
const char *print_names(struct op *op, const json_t *certificate);
