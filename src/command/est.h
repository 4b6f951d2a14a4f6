/* The parts of `chancery est`. */
#pragma once

#include "command/operator.h"

int est_user(int argc, char **argv);  /* est_user.c */
int est_token(int argc, char **argv); /* est_token.c */

/* "names": the list of texts, as the operators' interface takes it. */
void est_write_names(struct json_writer *w, const char *const *names, unsigned n);
/* The texts of a member that is a list, "cn:a, dns:b"; "-" for none. */
const char *est_print_names(struct op *op, const json_t *object);
#define EST_NAMES_MOST 100
