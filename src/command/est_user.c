/* chancery est user add | list | disable | enable | password */
#include "command/door_user.h"
#include "command/est.h"

static const struct door_users users = {
	.path = "/api/v1/est/users",
	.endpoint = "label",
	.heading = "LABEL",
	.has_digest = true,
	.add = { "est user add",
		 "Usage: chancery est user add NAME [OPTION…]\n\n"
		 "Makes a user for EST. Its password is drawn and printed once, alone on the last line.\n"
		 "Without --name it may ask for its own name as common name, and nothing else.\n\n"
		 "  --name TEXT       it may ask for this, with the kind before it: cn:dev-17,\n"
		 "                    dns:dev-17.example.internal; \"dns:*.example.internal\" for all below;\n"
		 "                    several times for several\n"
		 "  --registrar       it may ask for whatever the profile gives, for others\n"
		 "  --label L         it may use this label only\n"
		 "  --digest          HTTP Digest, too, besides Basic; for one label\n"
		 "  --password-stdin  the password is the first line of standard input\n"
		 "  --json            as JSON\n"
		 "  --dir DIR         the folder of the CA ($CHANCERY_DIR, " CHANCERY_SYSCONFDIR ")\n\n"
		 "Example: chancery est user add fleet --registrar --label default\n" },
	.list = { "est user list", "Usage: chancery est user list [--json] [--dir DIR]\n\n"
				   "Lists the users of EST: label, state, what they may ask for.\n" },
	.disable = { "est user disable",
		     "Usage: chancery est user disable NAME [--json] [--dir DIR]\n\n"
		     "The user gets no certificates any more. Those that it has stay: see cert revoke.\n" },
	.enable = { "est user enable", "Usage: chancery est user enable NAME [--json] [--dir DIR]\n\n"
				       "Lets a user in again that was disabled.\n" },
	.password = { "est user password",
		      "Usage: chancery est user password NAME [--password-stdin] [--json] [--dir DIR]\n\n"
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

int est_user(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "add", add, "a user, with a password that is printed once" },
		{ "list", list, "users and what they may ask for" },
		{ "disable", disable, "a user gets nothing any more" },
		{ "enable", enable, "and again" },
		{ "password", password, "a new password" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("est user", table, argc, argv);
}
