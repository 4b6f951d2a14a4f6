/*
 * Users with a password at the doors that have them: the commands of EST's and of
 * SCEP's are the same but for their words.
 */
#pragma once

#include "command/command.h"
#include "command/operator.h"

struct user_command {
	const char *name; /* "est user add" */
	const char *help;
};

struct door_users {
	const char *path;     /* "/api/v1/est/users" */
	const char *endpoint; /* what its endpoints are called: option, member of the JSON */
	const char *heading;  /* and column */
	bool has_digest;
	struct user_command add, list, disable, enable, password;
};

int door_user_add(const struct door_users *users, int argc, char **argv);
int door_user_list(const struct door_users *users, int argc, char **argv);
int door_user_disable(const struct door_users *users, int argc, char **argv);
int door_user_enable(const struct door_users *users, int argc, char **argv);
int door_user_password(const struct door_users *users, int argc, char **argv);

/* "names": the list of texts, as the operators' interface takes it. */
void door_write_names(struct json_writer *w, const char *const *names, unsigned n);
/* The texts of a member that is a list, "cn:a, dns:b"; "-" for none. */
const char *door_print_names(struct op *op, const json_t *object);
#define DOOR_NAMES_MOST 100
