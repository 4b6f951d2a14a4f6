/* chancery scep challenge create | list */
#include "command/door_token.h"
#include "command/scep.h"

static const struct door_tokens tokens = {
	.path = "/api/v1/scep/challenges",
	.endpoint = "endpoint",
	.heading = "ENDPOINT",
	.what = "challenge",
	.create = { "scep challenge create",
		    "Usage: chancery scep challenge create --name TEXT… [--endpoint N] [--ttl 1h] [--json] [--dir DIR]\n\n"
		    "Makes a challenge that is good for one certificate with exactly these names, and\n"
		    "prints it once, alone on the last line. Names have their kind before them: cn:dev-17,\n"
		    "dns:dev-17.example.internal, email:ann@example.internal. With a \"*\", as in\n"
		    "\"dns:*.phones.example.internal\", it is good for names that end so, or are listed.\n\n"
		    "  --name TEXT   a name that the certificate will have; several times for several\n"
		    "  --endpoint N  the SCEP endpoint that it is for (the only one, or default)\n"
		    "  --ttl 1h      how long it is good\n"
		    "  --json        as JSON\n\n"
		    "The device sends it as the challengePassword of its request.\n" },
	.list = { "scep challenge list",
		  "Usage: chancery scep challenge list [--json] [--dir DIR]\n\n"
		  "Lists challenges that were not used, by the beginning of their hash, in order of\n"
		  "expiry. The challenges themselves are kept nowhere.\n" },
};

static int create(int argc, char **argv)
{
	return door_token_create(&tokens, argc, argv);
}

static int list(int argc, char **argv)
{
	return door_token_list(&tokens, argc, argv);
}

int scep_challenge(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "create", create, "a challenge for these names" },
		{ "list", list, "challenges that were not used" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("scep challenge", table, argc, argv);
}
