/* chancery est user … | token … */
#include "command/est.h"

#include "command/command.h"

int command_est(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "user", est_user, "users with a password: add, list, disable, enable, password" },
		{ "token", est_token, "one-time tokens: create, list" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("est", table, argc, argv);
}
