/*
 * chancery: one table from subcommand to entry point. The same binary runs as
 * each of the server's processes: `--role NAME` is how they are started, by the
 * supervisor and never by people.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command/command.h"
#include "courier/courier.h"
#include "token/token.h"

static const struct subcommand commands[] = {
	{ "init", command_init, "makes a CA: token, keys, root, issuing CA, configuration" },
	{ "serve", command_serve, "runs the server in the foreground" },
	{ "doctor", command_doctor, "says what is wrong and how to mend it" },
	{ "ca", command_ca, "the CAs: list, show" },
	{ "cert", command_cert, "certificates: list, show, issue, revoke" },
	{ "crl", command_crl, "CRLs: publish" },
	{ "est", command_est, "users and one-time tokens of EST" },
	{ "scep", command_scep, "one-time challenges of SCEP, and who may have them" },
	{ "request", command_request, "requests that wait for approval" },
	{ "audit", command_audit, "the log: verify, prove, key, export, checkpoint" },
	{ "backup", command_backup, "a copy of the store, while the server runs" },
	{ "restore", command_restore, "puts a copy back, and accepts an older one" },
	{ NULL, NULL, NULL },
};

static int usage(FILE *to, int status)
{
	fputs("Usage: chancery COMMAND [OPTION…]\n\n", to);
	for (const struct subcommand *row = commands; row->name != NULL; row++)
		fprintf(to, "  %-8s %s\n", row->name, row->summary);
	fputs("\nEach has a --help. --dir DIR names the folder of the CA ($CHANCERY_DIR, " CHANCERY_SYSCONFDIR ").\n"
	      "A first CA on this machine: chancery init --dir demo --name \"Example Corp\" --host ca.example.internal\n",
	      to);
	return status;
}

/* --role NAME --dir DIR: see ipc/role.h. */
static int run_role(const char *name, const char *dir)
{
	if (strcmp(name, "server") == 0)
		return server_main(dir);
	if (strncmp(name, "signer-", 7) == 0)
		return signer_main(name, dir);
	if (strcmp(name, "courier") == 0)
		return courier_main(dir);
	if (strcmp(name, "token-init") == 0)
		return token_init_main(dir);
	fprintf(stderr, "chancery: there is no role %s\n", name);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	umask(027); /* nothing that we make is for the world (V24) */
	if (argc == 5 && strcmp(argv[1], "--role") == 0 && strcmp(argv[3], "--dir") == 0)
		return run_role(argv[2], argv[4]);
	if (argc < 2)
		return usage(stderr, EXIT_USAGE);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout, EXIT_OK);
	if (strcmp(argv[1], "--version") == 0) {
		puts("chancery " CHANCERY_VERSION);
		return EXIT_OK;
	}
	for (const struct subcommand *row = commands; row->name != NULL; row++)
		if (strcmp(row->name, argv[1]) == 0)
			return row->run(argc - 2, argv + 2);
	fprintf(stderr, "chancery: there is no command %s\nTry: chancery --help\n", argv[1]);
	return EXIT_USAGE;
}
