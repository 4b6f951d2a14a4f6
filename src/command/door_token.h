/*
 * Secrets that are good once, for names: EST's tokens and SCEP's challenges. Their
 * commands are the same but for their words.
 */
#pragma once

#include "command/door_user.h"

struct door_tokens {
	const char *path;     /* "/api/v1/est/tokens"; "/create" behind it makes one */
	const char *endpoint; /* what its endpoints are called: option, member of the JSON */
	const char *heading;  /* and column */
	const char *what;     /* "token": what it is called, member of the JSON */
	struct user_command create, list;
};

int door_token_create(const struct door_tokens *tokens, int argc, char **argv);
int door_token_list(const struct door_tokens *tokens, int argc, char **argv);
