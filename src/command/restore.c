/*
 * chancery restore: an older copy becomes the store, by an operator's word. It
 * says what is lost, and does nothing without --yes; then no serial and no CRL
 * number is used twice, and no revocation that this node knows of is forgotten.
 */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/files.h"
#include "ca/recovery.h"
#include "command/lock.h"
#include "store/sqlite_copy.h"

#define RESTORE_LIMIT_MS 3600000 /* CRLs of large CAs, thousands of revocations that come back */

static const char help[] =
	"Usage: chancery restore FILE [--yes] [--dir DIR]\n"
	"       chancery restore --accept [--yes] [--dir DIR]\n\n"
	"With the server stopped: puts FILE, a copy that chancery backup made, in the place of\n"
	"the SQLite store and accepts it. The old store is kept beside it.\n\n"
	"  --accept   accepts the store that is there: after PostgreSQL was restored by its\n"
	"             own tools, on each node; or when a restore was interrupted\n"
	"  --yes      does it; without, it only says what is lost (exit status 1)\n\n"
	"Accepting an older copy brings back the revocations that recovery.journal tells of and\n"
	"the store lacks, goes on with CRL numbers that nobody can have seen, makes every nonce\n"
	"invalid, publishes new CRLs, records it all in the log, and signs a new checkpoint.\n"
	"Until then no server starts over an older copy.\n";

struct restore {
	const char *dir, *file; /* file NULL: what is there is accepted */
	bool accept, yes;
	struct config *config;
};

/* How the command at the end of the report is typed again. */
static const char *again(struct op *op, const struct restore *in)
{
	return arena_printf(op->arena, "chancery restore %s --yes --dir %s", in->file != NULL ? in->file : "--accept", in->dir);
}

/* Of the store that is replaced, when it can still be read. */
static void print_certificates_lost(struct op *op, const struct restore *in, const struct recovery_view *view)
{
	uint64_t n;
	if (in->file != NULL && store_count_issued(op, in->config->store, in->config->dir, view->store.entries, &n).err == ERR_NONE)
		printf("The store that it replaces has %" PRIu64 " certificates that it lacks.\n", n);
	else
		puts("How many certificates are among them cannot be known here.");
	op_clear_failure(op);
}

static void print_loss(struct op *op, const struct restore *in, const struct recovery_view *view)
{
	if (view->known_by == NULL)
		puts("There is neither a checkpoint nor a recovery.journal here to measure it with: what it lacks cannot be known.");
	else if (view->known > view->store.entries)
		printf("It lacks the entries %" PRIu64 " to %" PRIu64 " of the log, that is all since %s (%s tells of them).\n",
		       view->store.entries, view->known - 1, clock_rfc3339(op->arena, view->store.last_s), view->known_by);
	if (view->is_other_history)
		printf("Its log has other entries than %s tells of. That is right when this was an older copy and another node has\n"
		       "accepted it and gone on. Otherwise it is another store, or was changed: then do not accept it, and look at\n"
		       "chancery audit verify.\n",
		       view->known_by);
	if (view->known > view->store.entries)
		print_certificates_lost(op, in, view);
	else if (!view->is_other_history && view->known_by != NULL)
		puts("It has all that this node knows of.");
}

static void print_view(struct op *op, const struct restore *in, const struct recovery_view *view)
{
	printf("%s: %" PRIu64 " entries of the log, the last one of %s; %" PRIu64 " certificates, %" PRIu64 " revocations.\n",
	       in->file != NULL ? in->file : "The store", view->store.entries, clock_rfc3339(op->arena, view->store.last_s),
	       view->store.certificates, view->store.revocations);
	print_loss(op, in, view);
	if (view->has_journal)
		printf("recovery.journal tells of %" PRIu64 " revocations; those that it lacks come back.\n", view->revocations);
	else
		puts("There is no recovery.journal here: revocations that it lacks do not come back by themselves.");
}

static result open_restored(struct op *op, const struct restore *in, const char *url, struct authority **out)
{
	struct token *token = NULL;
	struct config *config = arena_alloc(op->arena, sizeof *config);
	*config = *in->config;
	config->store = url;
	TRY(token_open_here(op, in->dir, &token));
	return authority_open_restored(op, config, token, out);
}

/* The copy opens, its hierarchy is whole, and the keys of its CAs are in this token. */
static result check_keys(struct op *op, const struct restore *in, const char *copy)
{
	struct authority *authority = NULL;
	result r = open_restored(op, in, store_url_of_file(op, copy), &authority);
	if (r.err == ERR_NONE && authority->hierarchy->n == 0)
		r = FAIL(op, ERR_POLICY, "%s has no CA", in->file);
	authority_free(&authority);
	return r;
}

/* A copy of the copy, in the folder of the store, so that a rename puts it in place. */
static result put_in_place(struct op *op, const struct restore *in)
{
	const char *path, *aside;
	TRY(store_file(op, in->config->store, in->config->dir, &path));
	const char *copy = arena_printf(op->arena, "%s.restoring", path);
	store_file_remove(op, copy); /* of a try that was interrupted */
	TRY(sqlite_copy(op, in->file, copy));
	result r = check_keys(op, in, copy);
	if (r.err == ERR_NONE)
		r = store_put_in_place(op, in->config->store, in->config->dir, copy, &aside);
	if (r.err != ERR_NONE) {
		store_file_remove(op, copy);
		return r;
	}
	if (aside != NULL)
		printf("The old store is kept as %s.\n", aside);
	return OK;
}

static result accept_store(struct op *op, const struct restore *in, const struct recovery_view *view)
{
	struct authority *authority = NULL;
	struct recovery_done done;
	result r = open_restored(op, in, in->config->store, &authority);
	if (r.err == ERR_NONE)
		r = recovery_accept(op, authority, view, &done);
	authority_free(&authority);
	TRY(op_explain(op, r, "the store is not accepted yet; when this is mended, type chancery restore --accept"));
	printf("Accepted. %" PRIu64 " revocations came back, %" PRIu64 " of them without their certificates.\n", done.revocations,
	       done.lost);
	puts("New CRLs are made, with numbers far above any that was used. Next: chancery serve");
	return OK;
}

/* *is_done: it was not only a report. */
static result restore(struct op *op, struct restore *in, bool *is_done)
{
	struct recovery_view view;
	const char *none;
	TRY(config_load(op, in->dir, &in->config));
	if (in->file != NULL) /* not before it is known that a file can be the store */
		TRY(store_file(op, in->config->store, in->config->dir, &none));
	const char *url = in->file != NULL ? store_url_of_file(op, in->file) : in->config->store;
	TRY(recovery_view(op, url, in->dir, &view));
	print_view(op, in, &view);
	*is_done = in->yes;
	if (!in->yes) {
		printf("Nothing was changed. To go on with it: %s\n", again(op, in));
		return OK;
	}
	if (in->file != NULL)
		TRY(put_in_place(op, in));
	return accept_store(op, in, &view);
}

static result run(struct op *op, struct restore *in, bool *is_done)
{
	int lock;
	result r = lock_take(op, in->dir, &lock);
	if (r.err == ERR_BUSY)
		return op_explain(op, r, "stop the server first");
	TRY(r);
	op->deadline_ms = clock_monotonic_ms() + RESTORE_LIMIT_MS;
	r = restore(op, in, is_done);
	config_free(&in->config);
	close(lock);
	return r;
}

int command_restore(int argc, char **argv)
{
	struct restore in = { .file = NULL };
	bool is_done = false;
	const struct option_row rows[] = { { "dir", &in.dir, NULL },
					   { "accept", NULL, &in.accept },
					   { "yes", NULL, &in.yes },
					   { NULL, NULL, NULL } };
	struct options options = {
		.command = "restore", .rows = rows, .positional = &in.file, .max_positional = 1, .help = help
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	if ((in.file != NULL) == in.accept) {
		fputs("chancery restore: name a FILE, or --accept, one of both\nTry: chancery restore --help\n", stderr);
		return EXIT_USAGE;
	}
	struct op *op = op_new();
	command_is_operator(op);
	in.dir = command_dir(op, in.dir);
	if (in.file != NULL)
		in.file = command_file(op, in.file);
	if (run(op, &in, &is_done).err != ERR_NONE)
		return command_failed("restore", op);
	op_free(&op);
	return is_done ? EXIT_OK : EXIT_FAILED;
}
