/* chancery ca list | show, chancery crl publish | show */
#include "command/command.h"

#include <stdio.h>

#include <openssl/pem.h>

#include "base/openssl_auto.h"
#include "command/operator.h"
#include "command/print.h"

static int ca_list(int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "ca list",
				   .rows = rows,
				   .help = "Usage: chancery ca list [--json] [--dir DIR]\n\n"
					   "Lists the CAs of this house: parent, end of life, number of the latest CRL.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir), .method = HTTP_GET, .path = "/api/v1/cas" };
	struct bytes answer;
	AUTO(json_t) *cas = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &cas, &is_open).err != ERR_NONE)
		return command_failed("ca list", op);
	if (is_open) {
		const json_t *ca;
		size_t i;
		printf("%-12s  %-12s  %-9s  %-20s  %s\n", "NAME", "PARENT", "KEY", "NOT AFTER", "CRL UNTIL");
		json_array_foreach(cas, i, ca)
			printf("%-12s  %-12s  %-9s  %-20s  %s\n", print_cell(ca, "name"), print_cell(ca, "parent"),
			       print_cell(ca, "key_type"), print_cell(ca, "not_after"),
			       print_cell(ca, "crl_next_update"));
	}
	op_free(&op);
	return EXIT_OK;
}

static int ca_show(int argc, char **argv)
{
	const char *dir = NULL, *name = NULL;
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "ca show",
				   .rows = rows,
				   .positional = &name,
				   .min_positional = 1,
				   .max_positional = 1,
				   .help = "Usage: chancery ca show NAME [--json] [--dir DIR]\n\n"
					   "Shows one CA: key, fingerprint, addresses, and its certificate in PEM.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_GET,
				      .path = arena_printf(op->arena, "/api/v1/cas/%s", name) };
	struct bytes answer, der;
	AUTO(json_t) *ca = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &ca, &is_open).err != ERR_NONE)
		return command_failed("ca show", op);
	if (is_open) {
		static const char *const fields[][2] = {
			{ "name", "name" },	      { "parent", "parent" },	      { "key", "key" },
			{ "key_type", "key type" },   { "not_before", "not before" }, { "not_after", "not after" },
			{ "sha256", "SHA-256" },      { "certificate_url", "certificate" }, { "crl_url", "CRL" },
			{ "ocsp_url", "OCSP" },	      { "crl_number", "CRL number" }, { "crl_next_update", "CRL until" },
		};
		for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++)
			print_field(ca, fields[i][0], fields[i][1]);
		AUTO(BIO) *out = BIO_new_fp(stdout, BIO_NOCLOSE);
		if (bytes_from_base64(op, bytes_of_text(print_cell(ca, "certificate")), &der).err != ERR_NONE ||
		    out == NULL || PEM_write_bio(out, "CERTIFICATE", "", der.p, (long)der.n) <= 0)
			return command_failed("ca show", op);
	}
	op_free(&op);
	return EXIT_OK;
}

int command_ca(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "list", ca_list, "the CAs of this house" },
		{ "show", ca_show, "one CA, with its certificate" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("ca", table, argc, argv);
}

static int crl_publish_now(int argc, char **argv)
{
	const char *dir = NULL, *name = "issuing";
	bool json = false;
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &json }, { NULL, NULL, NULL } };
	struct options options = { .command = "crl publish",
				   .rows = rows,
				   .positional = &name,
				   .max_positional = 1,
				   .help = "Usage: chancery crl publish [CA] [--json] [--dir DIR]\n\n"
					   "Signs and publishes a CRL of the CA (issuing) now, besides the schedule.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	struct operator_call call = { .dir = command_dir(op, dir),
				      .method = HTTP_POST,
				      .path = arena_printf(op->arena, "/api/v1/cas/%s/crl", name),
				      .body = BYTES_LITERAL("{}") };
	struct bytes answer;
	AUTO(json_t) *crl = NULL;
	bool is_open;
	if (operator_call(op, &call, &answer).err != ERR_NONE ||
	    print_answer(op, answer, json, &crl, &is_open).err != ERR_NONE)
		return command_failed("crl publish", op);
	if (is_open) {
		print_field(crl, "ca", "ca");
		print_field(crl, "number", "number");
		print_field(crl, "this_update", "this update");
		print_field(crl, "next_update", "next update");
	}
	op_free(&op);
	return EXIT_OK;
}

int command_crl(int argc, char **argv)
{
	static const struct subcommand table[] = {
		{ "publish", crl_publish_now, "a CRL now" },
		{ NULL, NULL, NULL },
	};
	return command_dispatch("crl", table, argc, argv);
}
