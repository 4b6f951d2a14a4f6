/*
 * The commands: each entry point takes what follows its name and returns the
 * exit status (0, 1 refused or failed, 2 usage). Errors are one line on
 * standard error that says what and what to do.
 */
#pragma once

#include "base/config.h"
#include "command/options.h"

int command_init(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_ca(int argc, char **argv);
int command_cert(int argc, char **argv);
int command_crl(int argc, char **argv);
int command_est(int argc, char **argv);
int command_scep(int argc, char **argv);
int command_request(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_restore(int argc, char **argv);

/* The server role (server_role.c): everything between the sockets and the store. */
int server_main(const char *dir);

/* --dir, else $CHANCERY_DIR, else /etc/chancery; absolute, in op's arena. */
const char *command_dir(struct op *op, const char *option);
/* A path as it was typed, absolute: from the folder in which it was typed. */
const char *command_file(struct op *op, const char *path);
/* From here on `op` acts for the person who typed the command. */
void command_is_operator(struct op *op);
/* Prints the failure that `op` holds, frees it, and returns EXIT_FAILED. */
int command_failed(const char *command, struct op *op);

/* The words of a command with sub-commands: "cert" has "list", "show", … */
struct subcommand {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};
int command_dispatch(const char *command, const struct subcommand *table, int argc, char **argv);
