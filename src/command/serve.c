/* chancery serve: the supervisor in the foreground. */
#include "command/command.h"

#include "base/log.h"
#include "ipc/supervisor.h"

int command_serve(int argc, char **argv)
{
	const char *dir = NULL;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { NULL, NULL, NULL } };
	struct options options = {
		.command = "serve",
		.rows = rows,
		.help = "Usage: chancery serve [--dir DIR]\n\n"
			"Runs the server in the foreground; systemd and containers use the same.\n"
			"SIGTERM or Ctrl-C drains and ends it, SIGHUP reads chancery.yaml again.\n"
			"It logs JSON lines on standard error. It starts its own signers and courier\n"
			"and starts them again when they die; only a token that refuses ends it.\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct config *config = NULL;
	dir = command_dir(op, dir);
	if (config_load(op, dir, &config).err != ERR_NONE)
		return command_failed("serve", op);
	enum log_level level = LOG_LEVEL_INFO;
	log_parse_level(config->log_level, &level);
	log_open("supervisor", level);
	unsigned signers = config->token.signers;
	config_free(&config); /* each role reads its own */
	int status = supervisor_run(op, dir, signers);
	op_free(&op);
	return status;
}
