/* chancery audit verify | prove | key | export | checkpoint */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/audit.h"
#include "command/operator.h"
#include "command/print.h"

/* Reading needs no server and no token: straight from the store. */
static result open_to_read(struct op *op, const char *dir, struct config **config, struct authority **authority)
{
	TRY(config_load(op, dir, config));
	return authority_open(op, *config, NULL, NULL, authority);
}

static result read_public_key(struct op *op, const char *path, struct bytes *spki)
{
	struct bytes content;
	TRY(files_read(op, path, 16384, &content));
	AUTO(BIO) *memory = BIO_new_mem_buf(content.p, (int)content.n);
	AUTO(EVP_PKEY) *key = memory != NULL ? PEM_read_bio_PUBKEY(memory, NULL, NULL, NULL) : NULL;
	unsigned char *der = NULL;
	int n = key != NULL ? i2d_PUBKEY(key, &der) : 0;
	if (n <= 0)
		return FAIL(op, ERR_MALFORMED, "%s is not a public key in PEM (chancery audit key prints it)", path);
	*spki = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return OK;
}

static int verify_proof(const char *proof, const char *key)
{
	struct op *op = op_new();
	struct bytes json, spki;
	char *summary;
	if (read_public_key(op, key, &spki).err != ERR_NONE ||
	    files_read(op, proof, LIMIT_JSON_BYTES, &json).err != ERR_NONE ||
	    audit_verify_proof(op, json, spki, &summary).err != ERR_NONE)
		return command_failed("audit verify", op);
	printf("ok: %s\n", summary);
	op_free(&op);
	return EXIT_OK;
}

static void print_finding(struct op *op, const struct audit_finding *finding, bool json)
{
	if (!json && finding->is_intact) {
		printf("ok: %" PRIu64 " entries, %" PRIu64 " of them under the signed checkpoint, root %s\n",
		       finding->entries, finding->checkpoint_size, finding->root_hex);
		return;
	}
	if (!json) {
		printf("NOT INTACT: %s\n", finding->what);
		return;
	}
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_bool(&w, "intact", finding->is_intact);
	json_write_integer(&w, "entries", (int64_t)finding->entries);
	json_write_integer(&w, "checkpoint_size", (int64_t)finding->checkpoint_size);
	json_write_text(&w, "root", finding->root_hex);
	if (!finding->is_intact) {
		json_write_integer(&w, "first_bad_entry", (int64_t)finding->first_bad_seq);
		json_write_text(&w, "finding", finding->what);
	}
	json_write_object_end(&w);
	struct bytes text = json_write_done(&w);
	printf("%.*s\n", (int)text.n, (const char *)text.p);
}

static int verify(int argc, char **argv)
{
	const char *dir = NULL, *proof = NULL, *key = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL },
					   { "proof", &proof, NULL },
					   { "key", &key, NULL },
					   { "json", NULL, &json },
					   { NULL, NULL, NULL } };
	struct options options = {
		.command = "audit verify",
		.rows = rows,
		.help = "Usage: chancery audit verify [--json] [--dir DIR]\n"
			"       chancery audit verify --proof FILE --key FILE\n\n"
			"Recomputes the whole log: every entry, every hash, the signed checkpoint, and that\n"
			"certificates and revocations in the store have their entries and the other way\n"
			"round. Names the first entry that was changed, removed or reordered.\n\n"
			"With --proof it checks one proof (chancery audit prove) against the audit key\n"
			"(chancery audit key), offline, without the store.\n\n"
			"Exit status: 0 intact, 1 not.\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	if ((proof == NULL) != (key == NULL)) {
		fputs("chancery audit verify: --proof and --key go together\n", stderr);
		return EXIT_USAGE;
	}
	if (proof != NULL)
		return verify_proof(proof, key);
	struct op *op = op_new();
	struct config *config = NULL;
	struct authority *authority = NULL;
	struct audit_finding finding;
	result r = open_to_read(op, command_dir(op, dir), &config, &authority);
	if (r.err == ERR_NONE)
		r = audit_verify(op, authority, &finding);
	if (r.err == ERR_NONE)
		print_finding(op, &finding, json);
	authority_free(&authority);
	config_free(&config);
	if (r.err != ERR_NONE)
		return command_failed("audit verify", op);
	op_free(&op);
	return finding.is_intact ? EXIT_OK : EXIT_FAILED;
}

static int prove(int argc, char **argv)
{
	const char *dir = NULL, *serial = NULL;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { NULL, NULL, NULL } };
	struct options options = {
		.command = "audit prove",
		.rows = rows,
		.positional = &serial,
		.min_positional = 1,
		.max_positional = 1,
		.help = "Usage: chancery audit prove SERIAL [--dir DIR] > proof.json\n\n"
			"Writes the proof that the issuance of this certificate stands in the log: the entry,\n"
			"the path of hashes to a signed checkpoint, and the checkpoint. An outsider checks it\n"
			"with: chancery audit verify --proof proof.json --key audit.pem\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct bytes answer;
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = arena_printf(op->arena, "/api/v1/audit/proof/%s", serial),
				      .body = BYTES_LITERAL("{}") };
	if (operator_call(op, &call, &answer).err != ERR_NONE)
		return command_failed("audit prove", op);
	printf("%.*s\n", (int)answer.n, (const char *)answer.p);
	op_free(&op);
	return EXIT_OK;
}

static int key(int argc, char **argv)
{
	const char *dir = NULL;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { NULL, NULL, NULL } };
	struct options options = { .command = "audit key",
				   .rows = rows,
				   .help = "Usage: chancery audit key [--dir DIR] > audit.pem\n\n"
					   "Prints the public key that signs checkpoints. Give it to your auditor once,\n"
					   "by a way that you both trust.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct config *config = NULL;
	struct authority *authority = NULL;
	result r = open_to_read(op, command_dir(op, dir), &config, &authority);
	if (r.err == ERR_NONE && !authority->hierarchy->has_audit_key)
		r = FAIL(op, ERR_NOT_FOUND, "this store has no audit key: run chancery init to its end");
	if (r.err == ERR_NONE) {
		const struct bytes spki = authority->hierarchy->audit_key.spki;
		AUTO(BIO) *out = BIO_new_fp(stdout, BIO_NOCLOSE);
		if (out == NULL || PEM_write_bio(out, "PUBLIC KEY", "", spki.p, (long)spki.n) <= 0)
			r = FAIL(op, ERR_BACKEND, "could not write to standard output");
	}
	authority_free(&authority);
	config_free(&config);
	if (r.err != ERR_NONE)
		return command_failed("audit key", op);
	op_free(&op);
	return EXIT_OK;
}

static result write_to_stdout(struct op *op, void *arg, struct bytes piece)
{
	(void)arg;
	if (fwrite(piece.p, 1, piece.n, stdout) != piece.n)
		return FAIL(op, ERR_BACKEND, "could not write to standard output");
	return OK;
}

static int export_log(int argc, char **argv)
{
	const char *dir = NULL, *format = "jsonl";
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "format", &format, NULL }, { NULL, NULL, NULL } };
	struct options options = { .command = "audit export",
				   .rows = rows,
				   .help = "Usage: chancery audit export [--format jsonl|csv] [--dir DIR]\n\n"
					   "Writes the whole log: jsonl is each entry exactly as it was hashed, one per\n"
					   "line; csv is a table of the main members for a spreadsheet.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (!text_equal(format, "jsonl") && !text_equal(format, "csv")) {
		fprintf(stderr, "chancery audit export: --format takes jsonl or csv, not %s\n", format);
		return EXIT_USAGE;
	}
	struct op *op = op_new();
	struct config *config = NULL;
	struct authority *authority = NULL;
	result r = open_to_read(op, command_dir(op, dir), &config, &authority);
	if (r.err == ERR_NONE)
		r = audit_export(op, authority, text_equal(format, "csv") ? AUDIT_CSV : AUDIT_JSONL, write_to_stdout, NULL);
	if (r.err == ERR_NONE && fflush(stdout) != 0)
		r = FAIL(op, ERR_BACKEND, "could not write to standard output");
	authority_free(&authority);
	config_free(&config);
	if (r.err != ERR_NONE)
		return command_failed("audit export", op);
	op_free(&op);
	return EXIT_OK;
}

static int checkpoint(int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "audit checkpoint",
				   .rows = rows,
				   .help = "Usage: chancery audit checkpoint [--json] [--dir DIR]\n\n"
					   "Signs the head of the log as it is now and prints the checkpoint (C2SP\n"
					   "tlog-checkpoint). Keep it where the CA's machine cannot reach it: what was\n"
					   "signed before can then no longer be rewritten unseen.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = "/api/v1/audit/checkpoint",
				      .body = BYTES_LITERAL("{}") };
	struct bytes answer;
	AUTO(json_t) *note = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &note, &is_open).err != ERR_NONE)
		return command_failed("audit checkpoint", op);
	if (is_open)
		fputs(print_cell(note, "checkpoint"), stdout);
	op_free(&op);
	return EXIT_OK;
}

int command_audit(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "verify", verify, "recomputes the whole log, or checks one proof offline" },
		{ "prove", prove, "the proof that a certificate stands in the log" },
		{ "key", key, "the public key that signs checkpoints" },
		{ "export", export_log, "the log as JSON lines or CSV" },
		{ "checkpoint", checkpoint, "signs the log as it is now" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("audit", table, argc, argv);
}
