/*
 * chancery backup: a copy of the SQLite store as of one moment, while the server
 * runs, checked before it gets its name, and recorded in the log.
 */
#include "command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/journal.h"
#include "store/copies.h"

static const char help[] =
	"Usage: chancery backup FILE [--json] [--dir DIR]\n"
	"       chancery backup - [--dir DIR] > FILE\n\n"
	"Copies the SQLite store into FILE, as of one moment and while the server runs;\n"
	"a FILE that is there is replaced. The copy is checked, its log included, before it\n"
	"gets its name. Prints what it holds, and records it in the log.\n\n"
	"The store is not all: chancery.yaml, node, checkpoint, recovery.journal and the token\n"
	"belong to a backup, too. Back: chancery restore FILE.\n"
	"For PostgreSQL there are pg_dump and pg_basebackup (docs/postgresql.md).\n";

static char *root_hex(struct op *op, const struct store_summary *copy)
{
	return bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(copy->root.b));
}

static result record(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct store_summary *copy = arg;
	struct audit_event event = { .type = AUDIT_BACKUP_MADE,
				     .facts = { { "root", root_hex(op, copy) },
						{ "size", arena_printf(op->arena, "%" PRIu64, copy->entries) } } };
	return ledger_audit(op, tx, &event, NULL);
}

/* Beside the running server, whose ledger goes on behind this entry. An older copy of the store is nothing to keep. */
static result record_backup(struct op *op, const struct config *config, struct store_summary *copy)
{
	struct store *store = NULL;
	struct ledger *ledger = NULL;
	char *node;
	TRY(authority_node(op, config, &node));
	result r = store_open(op, config->store, config->dir, &store);
	if (r.err == ERR_NONE)
		r = ledger_open(op, store, node, &ledger);
	if (r.err == ERR_NONE)
		r = journal_check(op, store, config->dir);
	if (r.err == ERR_NONE)
		r = ledger_run(op, ledger, record, copy);
	ledger_free(&ledger);
	store_free(&store);
	return op_explain(op, r, "the backup is not recorded in the log, and not kept");
}

static result copy_to_stdout(struct op *op, const char *path)
{
	uint8_t piece[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	while (n > 0) {
		n = read(fd, piece, sizeof piece);
		if (n > 0 && fwrite(piece, 1, (size_t)n, stdout) != (size_t)n)
			break;
	}
	if (fd >= 0)
		close(fd);
	return n == 0 && fflush(stdout) == 0 ? OK : FAIL(op, ERR_BACKEND, "could not write to standard output");
}

static result back_up(struct op *op, const char *dir, const char *file, struct store_summary *copy)
{
	struct config *config = NULL;
	char id[RANDOM_ID_SIZE];
	bool is_piped = text_equal(file, "-");
	TRY(config_load(op, dir, &config));
	random_id(id);
	const char *name = is_piped ? files_join(op->arena, dir, "backup") : command_file(op, file);
	const char *temporary = arena_printf(op->arena, "%s.%s.tmp", name, id);
	result r = store_copy(op, config->store, config->dir, temporary, copy);
	if (r.err == ERR_NONE) {
		r = record_backup(op, config, copy);
		if (r.err == ERR_NONE)
			r = is_piped ? copy_to_stdout(op, temporary) : files_move(op, temporary, name);
		(void)unlink(temporary); /* by its other name it is there */
	}
	config_free(&config);
	return r;
}

static void print_json(struct op *op, const char *file, const struct store_summary *copy)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "file", file);
	json_write_integer(&w, "entries", (int64_t)copy->entries);
	json_write_text(&w, "root", root_hex(op, copy));
	json_write_text(&w, "last_entry", clock_rfc3339(op->arena, copy->last_s));
	json_write_integer(&w, "certificates", (int64_t)copy->certificates);
	json_write_integer(&w, "revocations", (int64_t)copy->revocations);
	json_write_object_end(&w);
	struct bytes text = json_write_done(&w);
	printf("%.*s\n", (int)text.n, (const char *)text.p);
}

static void print_text(FILE *to, struct op *op, const char *file, const struct store_summary *copy)
{
	fprintf(to, "%-14s %s\n", "store", text_equal(file, "-") ? "on standard output" : file);
	fprintf(to, "%-14s %" PRIu64 " entries, root %s\n", "log", copy->entries, root_hex(op, copy));
	fprintf(to, "%-14s %s\n", "as of", clock_rfc3339(op->arena, copy->last_s));
	fprintf(to, "%-14s %" PRIu64 ", revocations %" PRIu64 "\n", "certificates", copy->certificates, copy->revocations);
	fputs("Keep with it: chancery.yaml, node, checkpoint, recovery.journal, and the token with its PIN.\n", to);
}

int command_backup(int argc, char **argv)
{
	const char *dir = NULL, *file = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "backup",
				   .rows = rows,
				   .positional = &file,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct store_summary copy;
	command_is_operator(op);
	if (back_up(op, command_dir(op, dir), file, &copy).err != ERR_NONE)
		return command_failed("backup", op);
	if (text_equal(file, "-"))
		print_text(stderr, op, file, &copy);
	else if (json)
		print_json(op, file, &copy);
	else
		print_text(stdout, op, file, &copy);
	op_free(&op);
	return EXIT_OK;
}
