/* chancery scep challenge … | user … */
#include "command/scep.h"

#include "command/command.h"

int command_scep(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "challenge", scep_challenge, "one-time challenges: create, list" },
		{ "user", scep_user, "who may have challenges by HTTPS: add, list, disable, enable, password" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("scep", table, argc, argv);
}
