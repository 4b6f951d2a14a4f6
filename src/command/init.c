/*
 * chancery init: a folder, a token, a configuration, the first ceremony, the
 * first CRLs and checkpoint. Run again after an interruption it goes on where
 * it stopped; it never replaces a CA.
 */
#include "command/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "ca/audit.h"
#include "ca/ceremony.h"
#include "ca/crl.h"
#include "ca/scep_ras.h"
#include "command/lock.h"

#define SOFTHSM_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define YEAR_S (365LL * 24 * 3600)
#define INIT_LIMIT_MS 300000 /* RSA-4096 keys in a slow token */

static const char help[] =
	"Usage: chancery init --dir DIR --name \"Example Corp\" --host ca.example.internal [OPTION…]\n\n"
	"Makes a CA in DIR: keys in a PKCS#11 token, a root, an issuing CA, a commented\n"
	"chancery.yaml, the store and the log. Prints the root's fingerprint.\n\n"
	"  --name NAME         the organization, in the names of the CAs\n"
	"  --host HOST         the name by which clients reach the server\n"
	"  --key-type T        P-256 (default), P-384, RSA-3072, RSA-4096\n"
	"  --store URL         sqlite:chancery.db (default)\n"
	"  --module SO         the PKCS#11 module (SoftHSM2; its token is made in DIR)\n"
	"  --token-label L     the token (chancery)\n"
	"  --pin-file F        file with the token's PIN, mode 0600; SoftHSM2: made, DIR/pin\n"
	"  --listen ADDRESS    where to listen (127.0.0.1; 0.0.0.0 or [::] for all)\n"
	"  --https-port N      8443\n"
	"  --http-port N       8080\n"
	"  --mutual-port N     https that asks for client certificates (the https port + 1)\n"
	"  --ocsp-key WHERE    memory (default): responder keys live in memory; token: in the token\n"
	"  --resolver IP:PORT  DNS server for validation (the system's)\n"
	"  --validation-port N port of http-01 on the clients (80; others are for tests)\n"
	"  --allow-loopback    validation may reach this machine: demonstrations and tests only\n";

struct init {
	const char *dir, *name, *host, *key_type, *store, *module, *token_label, *pin_file, *listen, *https_port,
		*http_port, *mutual_port, *ocsp_key, *resolver, *validation_port;
	bool allow_loopback;
};

static result read_port(struct op *op, const char *option, const char *text, unsigned *out)
{
	uint64_t port;
	if (!text_parse_u64(text, 1, 65535, &port))
		return FAIL(op, ERR_MALFORMED, "%s takes a port from 1 to 65535, not %s", option, text);
	*out = (unsigned)port;
	return OK;
}

/* The one after the https port, unless plain HTTP has it. */
static result read_mutual_port(struct op *op, const char *text, struct config_seed *seed)
{
	if (text != NULL)
		return read_port(op, "--mutual-port", text, &seed->mutual_port);
	seed->mutual_port = seed->https_port + 1;
	if (seed->mutual_port == seed->http_port)
		seed->mutual_port++;
	if (seed->mutual_port > 65535)
		return FAIL(op, ERR_MALFORMED, "there is no port after --https-port %u: name one with --mutual-port",
			    seed->https_port);
	return OK;
}

static result write_configuration(struct op *op, const struct init *in, const char *dir)
{
	struct config_seed seed = { .organization = in->name,
				    .host = in->host,
				    .store = in->store,
				    .module = in->module,
				    .token_label = in->token_label,
				    .pin_file = in->pin_file,
				    .listen_address = in->listen,
				    .ocsp_key = in->ocsp_key,
				    .demo = in->allow_loopback,
				    .resolver = in->resolver };
	TRY(read_port(op, "--https-port", in->https_port, &seed.https_port));
	TRY(read_port(op, "--http-port", in->http_port, &seed.http_port));
	TRY(read_mutual_port(op, in->mutual_port, &seed));
	TRY(read_port(op, "--validation-port", in->validation_port, &seed.validation_http_port));
	char *yaml = config_template(op->arena, &seed);
	struct config *config;
	TRY(op_explain(op, config_parse(op, dir, bytes_of_text(yaml), &config), "these options give no working configuration"));
	config_free(&config);
	return files_write(op, files_join(op->arena, dir, "chancery.yaml"), 0640, bytes_of_text(yaml));
}

/* What must be there before a signer can be started: folder, token, configuration. */
static result prepare(struct op *op, const struct init *in, const char *dir)
{
	TRY(files_make_folder(op, dir, 0750));
	bool has_token = files_exists(files_join(op->arena, dir, "softhsm2.conf"));
	if (text_equal(in->module, SOFTHSM_MODULE) && !has_token) {
		puts("Making a SoftHSM2 token …");
		TRY(token_make_softhsm(op, dir, in->module, in->token_label, files_join(op->arena, dir, in->pin_file)));
	}
	if (files_exists(files_join(op->arena, dir, "chancery.yaml"))) {
		puts("Using the chancery.yaml that is there.");
		return OK;
	}
	return write_configuration(op, in, dir);
}

static result hold_ceremony(struct op *op, const struct init *in, const struct config *config, struct token *token,
			    char **fingerprint)
{
	struct store *store = NULL;
	struct ledger *ledger = NULL;
	struct ceremony_plan plan = { .organization = in->name,
				      .root_validity_s = 20 * YEAR_S,
				      .issuing_validity_s = 10 * YEAR_S };
	if (!key_type_parse(in->key_type, &plan.ca_key) || plan.ca_key == KEY_RSA2048 || plan.ca_key == KEY_ED25519)
		return FAIL(op, ERR_POLICY, "--key-type takes P-256, P-384, RSA-3072 or RSA-4096, not %s", in->key_type);
	char *node;
	TRY(authority_node(op, config, &node));
	result r = store_open(op, config->store, config->dir, &store);
	if (r.err == ERR_NONE)
		r = ledger_open(op, store, node, &ledger);
	if (r.err == ERR_NONE)
		r = store_may_promise(op, store);
	if (r.err == ERR_NONE)
		r = ceremony_run(op, config, store, ledger, token, &plan, fingerprint);
	ledger_free(&ledger);
	store_free(&store);
	return r;
}

static result make_scep_ras(struct op *op, struct authority *authority)
{
	struct scep_ras *ras = scep_ras_new(authority);
	result r = scep_ras_refresh(op, ras);
	scep_ras_free(&ras);
	return r;
}

/*
 * The RAs of SCEP endpoints, where the configuration that is there names some; the first CRLs and the first
 * checkpoint, so that relying parties and auditors have something from the start.
 */
static result publish_first(struct op *op, const struct config *config, struct token *own_token)
{
	struct authority *authority;
	char *checkpoint;
	TRY(authority_open(op, config, own_token, NULL, &authority));
	result r = make_scep_ras(op, authority);
	if (r.err == ERR_NONE)
		r = crl_refresh(op, authority, true);
	if (r.err == ERR_NONE)
		r = audit_checkpoint(op, authority, false, &checkpoint);
	authority_free(&authority);
	return r;
}

static result run(struct op *op, const struct init *in, char **fingerprint)
{
	int lock = -1;
	struct config *config = NULL;
	struct token *token = NULL;
	TRY(prepare(op, in, in->dir));
	TRY(lock_take(op, in->dir, &lock));
	result r = config_load(op, in->dir, &config);
	if (r.err == ERR_NONE)
		r = token_open_here(op, in->dir, &token);
	if (r.err == ERR_NONE) {
		printf("Making the keys in the token and the CAs (%s) …\n", in->key_type);
		fflush(stdout);
		op->deadline_ms = clock_monotonic_ms() + INIT_LIMIT_MS;
		r = hold_ceremony(op, in, config, token, fingerprint);
	}
	if (r.err == ERR_NONE)
		r = publish_first(op, config, TAKE(token));
	token_free(&token);
	config_free(&config);
	close(lock);
	return r;
}

int command_init(int argc, char **argv)
{
	struct init in = { .key_type = "P-256",
			   .store = "sqlite:chancery.db",
			   .module = SOFTHSM_MODULE,
			   .token_label = "chancery",
			   .pin_file = "pin",
			   .listen = "127.0.0.1",
			   .https_port = "8443",
			   .http_port = "8080",
			   .ocsp_key = "memory",
			   .validation_port = "80" };
	const struct option_row rows[] = { { "dir", &in.dir, NULL },
					   { "name", &in.name, NULL },
					   { "host", &in.host, NULL },
					   { "key-type", &in.key_type, NULL },
					   { "store", &in.store, NULL },
					   { "module", &in.module, NULL },
					   { "token-label", &in.token_label, NULL },
					   { "pin-file", &in.pin_file, NULL },
					   { "listen", &in.listen, NULL },
					   { "https-port", &in.https_port, NULL },
					   { "http-port", &in.http_port, NULL },
					   { "mutual-port", &in.mutual_port, NULL },
					   { "ocsp-key", &in.ocsp_key, NULL },
					   { "resolver", &in.resolver, NULL },
					   { "validation-port", &in.validation_port, NULL },
					   { "allow-loopback", NULL, &in.allow_loopback },
					   { NULL, NULL, NULL } };
	struct options options = { .command = "init", .rows = rows, .help = help };
	OPTIONS_OR_RETURN(&options, argc, argv);
	if (in.name == NULL || in.host == NULL) {
		fputs("chancery init: --name and --host are needed\nTry: chancery init --help\n", stderr);
		return EXIT_USAGE;
	}
	struct op *op = op_new();
	in.dir = command_dir(op, in.dir);
	command_is_operator(op);
	char *fingerprint;
	if (run(op, &in, &fingerprint).err != ERR_NONE)
		return command_failed("init", op);
	printf("The CA is ready in %s.\nSHA-256 fingerprint of the root:\n%s\nNext: chancery serve --dir %s\n", in.dir,
	       fingerprint, in.dir);
	op_free(&op);
	return EXIT_OK;
}
