/* chancery est token create | list */
#include "command/door_token.h"
#include "command/est.h"

static const struct door_tokens tokens = {
	.path = "/api/v1/est/tokens",
	.endpoint = "label",
	.heading = "LABEL",
	.what = "token",
	.create = { "est token create",
		    "Usage: chancery est token create --name TEXT… [--label L] [--ttl 1h] [--json] [--dir DIR]\n\n"
		    "Makes a token that is good for one certificate with exactly these names, and prints\n"
		    "it once, alone on the last line. Names have their kind before them: cn:dev-17,\n"
		    "serialNumber:A1234, dns:dev-17.example.internal, ip:192.0.2.17.\n\n"
		    "  --name TEXT  a name that the certificate will have; several times for several\n"
		    "  --label L    the EST label that it is for (the only one, or default)\n"
		    "  --ttl 1h     how long it is good\n"
		    "  --json       as JSON\n\n"
		    "The device sends it as `Authorization: Bearer TOKEN`, or as the password of the\n"
		    "user \"token\".\n" },
	.list = { "est token list",
		  "Usage: chancery est token list [--json] [--dir DIR]\n\n"
		  "Lists one-time tokens that were not used, by the beginning of their hash, in order\n"
		  "of expiry. The tokens themselves are kept nowhere.\n" },
};

static int create(int argc, char **argv)
{
	return door_token_create(&tokens, argc, argv);
}

static int list(int argc, char **argv)
{
	return door_token_list(&tokens, argc, argv);
}

int est_token(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "create", create, "a token for exactly these names" },
		{ "list", list, "tokens that were not used" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("est token", table, argc, argv);
}
