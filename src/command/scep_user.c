/* chancery scep user add | list | disable | enable | password */
#include "command/door_user.h"
#include "command/scep.h"

static const struct door_users users = {
	.path = "/api/v1/scep/users",
	.endpoint = "endpoint",
	.heading = "ENDPOINT",
	.add = { "scep user add",
		 "Usage: chancery scep user add NAME [OPTION…]\n\n"
		 "Makes a user who may have one-time challenges, for the MDM that hands them to devices.\n"
		 "Its password is drawn and printed once, alone on the last line.\n"
		 "Without --name the challenges are for its own name, and nothing else.\n\n"
		 "  --name TEXT       they may be for this, with the kind before it: cn:dev-17,\n"
		 "                    dns:dev-17.example.internal; \"dns:*.example.internal\" for all below;\n"
		 "                    several times for several\n"
		 "  --registrar       they may be for whatever the profile gives\n"
		 "  --endpoint N      it may use this endpoint only\n"
		 "  --password-stdin  the password is the first line of standard input\n"
		 "  --json            as JSON\n"
		 "  --dir DIR         the folder of the CA ($CHANCERY_DIR, " CHANCERY_SYSCONFDIR ")\n\n"
		 "Example: chancery scep user add jamf --name \"dns:*.phones.example.internal\"\n" },
	.list = { "scep user list", "Usage: chancery scep user list [--json] [--dir DIR]\n\n"
				    "Lists the users of SCEP: endpoint, state, what their challenges may be for.\n" },
	.disable = { "scep user disable",
		     "Usage: chancery scep user disable NAME [--json] [--dir DIR]\n\n"
		     "The user gets no challenges any more. Those that it has stay until they end.\n" },
	.enable = { "scep user enable", "Usage: chancery scep user enable NAME [--json] [--dir DIR]\n\n"
					"Lets a user in again that was disabled.\n" },
	.password = { "scep user password",
		      "Usage: chancery scep user password NAME [--password-stdin] [--json] [--dir DIR]\n\n"
		      "Gives a user a new password, and ends a lock. It is drawn and printed once, alone on\n"
		      "the last line, or is the first line of standard input. The old one ends at once.\n" },
};

static int add(int argc, char **argv)
{
	return door_user_add(&users, argc, argv);
}

static int list(int argc, char **argv)
{
	return door_user_list(&users, argc, argv);
}

static int disable(int argc, char **argv)
{
	return door_user_disable(&users, argc, argv);
}

static int enable(int argc, char **argv)
{
	return door_user_enable(&users, argc, argv);
}

static int password(int argc, char **argv)
{
	return door_user_password(&users, argc, argv);
}

int scep_user(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "add", add, "a user, with a password that is printed once" },
		{ "list", list, "users and what they may ask for" },
		{ "disable", disable, "a user gets nothing any more" },
		{ "enable", enable, "and again" },
		{ "password", password, "a new password" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("scep user", table, argc, argv);
}
