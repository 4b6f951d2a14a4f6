/* chancery cert list | show | issue | revoke */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "base/files.h"
#include "base/limits.h"
#include "base/openssl_auto.h"
#include "command/operator.h"
#include "command/print.h"

/* RFC 3986 section 2.1: whatever is not unreserved. */
static void put_escaped(struct buf *query, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		bool is_unreserved = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
				     strchr("-._~", *p) != NULL;
		buf_printf(query, is_unreserved ? "%c" : "%%%02X", *p);
	}
}

static int list(int argc, char **argv)
{
	const char *dir = NULL, *filters[6] = { NULL };
	static const char *const names[6] = { "name", "profile", "ca", "expires_in", "after", "limit" };
	bool json = false, revoked = false;
	const struct option_row rows[] = { { "dir", &dir, NULL },	   { "json", NULL, &json },
					   { "name", &filters[0], NULL },  { "profile", &filters[1], NULL },
					   { "ca", &filters[2], NULL },	   { "expires-in", &filters[3], NULL },
					   { "after", &filters[4], NULL }, { "limit", &filters[5], NULL },
					   { "revoked", NULL, &revoked },  { NULL, NULL, NULL } };
	struct options options = {
		.command = "cert list",
		.rows = rows,
		.help = "Usage: chancery cert list [OPTION…]\n\n"
			"Lists certificates in order of serial. Options narrow it down:\n\n"
			"  --name NAME       that carry this name: a DNS name, an address, a common name, …\n"
			"  --profile P       of this profile\n"
			"  --ca CA           of this CA\n"
			"  --expires-in 30d  that end within this time\n"
			"  --revoked         that are revoked\n"
			"  --limit N         at most N (100)\n"
			"  --after SERIAL    go on after this one\n"
			"  --json            as JSON\n"
			"  --dir DIR         the folder of the CA ($CHANCERY_DIR, " CHANCERY_SYSCONFDIR ")\n\n"
			"Example: chancery cert list --expires-in 14d\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct buf query;
	buf_init(&query, op->arena, 64);
	buf_printf(&query, "revoked=%s", revoked ? "true" : "false");
	for (unsigned i = 0; i < 6; i++)
		if (filters[i] != NULL) {
			buf_printf(&query, "&%s=", names[i]);
			put_escaped(&query, filters[i]);
		}
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_GET,
				      .path = "/api/v1/certificates",
				      .query = buf_as_text(&query) };
	struct bytes answer;
	AUTO(json_t) *rows_json = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &rows_json, &is_open).err != ERR_NONE)
		return command_failed("cert list", op);
	if (is_open) {
		const json_t *row;
		size_t i;
		printf("%-32s  %-10s  %-20s  %-14s  %s\n", "SERIAL", "STATUS", "NOT AFTER", "PROFILE", "NAMES");
		json_array_foreach(rows_json, i, row)
			printf("%-32s  %-10s  %-20s  %-14s  %s\n", print_cell(row, "serial"),
			       json_object_get(row, "revoked") != NULL ? "revoked" : print_cell(row, "status"),
			       print_cell(row, "not_after"), print_cell(row, "profile"), print_names(op, row));
	}
	op_free(&op);
	return EXIT_OK;
}

static int print_pem(struct op *op, const json_t *certificate)
{
	struct bytes der;
	const char *text = json_string_value(json_object_get(certificate, "certificate"));
	if (text == NULL)
		return EXIT_OK; /* intended or orphaned: there is none */
	if (bytes_from_base64(op, bytes_of_text(text), &der).err != ERR_NONE)
		return EXIT_FAILED;
	AUTO(BIO) *out = BIO_new_fp(stdout, BIO_NOCLOSE);
	return out != NULL && PEM_write_bio(out, "CERTIFICATE", "", der.p, (long)der.n) > 0 ? EXIT_OK : EXIT_FAILED;
}

static int show(int argc, char **argv)
{
	const char *dir = NULL, *serial = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = {
		.command = "cert show",
		.rows = rows,
		.positional = &serial,
		.min_positional = 1,
		.max_positional = 1,
		.help = "Usage: chancery cert show SERIAL [--json] [--dir DIR]\n\n"
			"Shows who asked for a certificate, through which door, whether it is revoked,\n"
			"and the certificate itself in PEM. Serials are hexadecimal, with or without colons.\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_GET,
				      .path = arena_printf(op->arena, "/api/v1/certificates/%s", serial) };
	struct bytes answer;
	AUTO(json_t) *row = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &row, &is_open).err != ERR_NONE)
		return command_failed("cert show", op);
	int status = EXIT_OK;
	if (is_open) {
		static const char *const fields[][2] = {
			{ "serial", "serial" },	      { "status", "status" },	  { "ca", "ca" },
			{ "profile", "profile" },     { "door", "door" },	  { "requester", "requester" },
			{ "order", "order" },	      { "not_before", "not before" }, { "not_after", "not after" },
			{ "issued", "issued" },	      { "revoked", "revoked" },	  { "reason", "reason" },
		};
		for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++)
			print_field(row, fields[i][0], fields[i][1]);
		printf("%-14s %s\n", "names", print_names(op, row));
		status = print_pem(op, row);
	}
	op_free(&op);
	return status;
}

/* The PEM chain on standard output and nothing else, so that a script can redirect it. */
static int issue_one(int argc, char **argv)
{
	const char *dir = NULL, *csr = NULL, *profile = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL },
					   { "csr", &csr, NULL },
					   { "profile", &profile, NULL },
					   { "json", NULL, &json },
					   { NULL, NULL, NULL } };
	struct options options = {
		.command = "cert issue",
		.rows = rows,
		.help = "Usage: chancery cert issue --csr FILE [--profile P] [--json] [--dir DIR]\n\n"
			"Issues a certificate for a PKCS #10 request (PEM or DER) and prints the PEM chain,\n"
			"leaf first, on standard output and nothing else. The names come from the request;\n"
			"you, at this machine, are who vouches for them. The profile must answer to the\n"
			"operator's door (operator: in chancery.yaml); with one such profile it is the default.\n\n"
			"Example:\n"
			"  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout www.key \\\n"
			"    -subj / -addext subjectAltName=DNS:www.corp.example -out www.csr\n"
			"  chancery cert issue --csr www.csr > www.pem\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (csr == NULL) {
		fputs("chancery cert issue: --csr FILE is missing\nTry: chancery cert issue --help\n", stderr);
		return EXIT_USAGE;
	}
	struct op *op = op_new();
	struct bytes content, answer;
	if (files_read(op, csr, LIMIT_CSR_BYTES * 2, &content).err != ERR_NONE)
		return command_failed("cert issue", op);
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	if (content.n > 0 && content.p[0] == 0x30) /* DER: as PEM, so that it fits in JSON */
		json_write_text(&w, "csr", arena_printf(op->arena, "-----BEGIN CERTIFICATE REQUEST-----\n%s\n-----END CERTIFICATE REQUEST-----\n",
							bytes_to_base64(op->arena, content)));
	else
		json_write_text(&w, "csr", arena_text_n(op->arena, (const char *)content.p, content.n));
	if (profile != NULL)
		json_write_text(&w, "profile", profile);
	json_write_object_end(&w);
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = "/api/v1/certificates/issue",
				      .body = json_write_done(&w) };
	AUTO(json_t) *issued = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &issued, &is_open).err != ERR_NONE)
		return command_failed("cert issue", op);
	if (is_open)
		fputs(json_string_value(json_object_get(issued, "chain")), stdout);
	op_free(&op);
	return EXIT_OK;
}

static int revoke_one(int argc, char **argv)
{
	const char *dir = NULL, *serial = NULL, *reason = "unspecified";
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL },
					   { "reason", &reason, NULL },
					   { "json", NULL, &json },
					   { NULL, NULL, NULL } };
	struct options options = {
		.command = "cert revoke",
		.rows = rows,
		.positional = &serial,
		.min_positional = 1,
		.max_positional = 1,
		.help = "Usage: chancery cert revoke SERIAL [--reason R] [--json] [--dir DIR]\n\n"
			"Revokes a certificate for good. OCSP says so and a new CRL is out when this returns.\n\n"
			"Reasons: unspecified (default), keyCompromise (blocks the key for ever),\n"
			"affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn.\n",
	};
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "reason", reason);
	json_write_object_end(&w);
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = arena_printf(op->arena, "/api/v1/certificates/%s/revoke", serial),
				      .body = json_write_done(&w) };
	struct bytes answer;
	AUTO(json_t) *row = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &row, &is_open).err != ERR_NONE)
		return command_failed("cert revoke", op);
	if (is_open)
		printf("revoked %s of CA %s at %s, reason %s\n", print_cell(row, "serial"), print_cell(row, "ca"),
		       print_cell(row, "revoked"), print_cell(row, "reason"));
	op_free(&op);
	return EXIT_OK;
}

int command_cert(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "list", list, "certificates, by name, profile, expiry" },
		{ "show", show, "one certificate: who, when, by which door" },
		{ "issue", issue_one, "a certificate for a request (CSR) of yours" },
		{ "revoke", revoke_one, "end a certificate before its time" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("cert", table, argc, argv);
}
