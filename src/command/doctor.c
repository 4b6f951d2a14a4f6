/*
 * chancery doctor: looks at each thing that a CA needs, says which is wrong,
 * and how to mend it. It changes nothing; with no server running it opens the
 * token itself (one login).
 */
#include "command/command.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/journal.h"
#include "ca/scep_ras.h"
#include "command/lock.h"
#include "command/operator.h"
#include "protocols/list.h"
#include "store/authorities.h"

#define TOKEN_LIMIT_MS 30000
#define CA_WARNING_S (180LL * 24 * 3600)
#define CLOCK_FLOOR_S 1767225600 /* 2026-01-01: this program is younger than any clock that says less */

struct doctor {
	const char *dir;
	bool json, is_server_up;
	unsigned bad;
	struct json_writer w;
	struct config *config;
	struct authority *authority;
};

/* One finding. `detail` says what is so, or what is wrong and what to do. */
static void say(struct doctor *d, const char *what, bool is_good, const char *detail)
{
	d->bad += !is_good;
	if (!d->json) {
		printf("%-5s %-14s %s\n", is_good ? "ok" : "WRONG", what, detail);
		return;
	}
	json_write_object(&d->w, NULL);
	json_write_text(&d->w, "what", what);
	json_write_bool(&d->w, "ok", is_good);
	json_write_text(&d->w, "detail", detail);
	json_write_object_end(&d->w);
}

/* The outcome of a step; a failure's own words are the advice. */
static bool say_result(struct op *op, struct doctor *d, const char *what, result r, const char *good)
{
	say(d, what, r.err == ERR_NONE, r.err == ERR_NONE ? good : op->detail);
	op_clear_failure(op);
	return r.err == ERR_NONE;
}

static void check_folder(struct op *op, struct doctor *d)
{
	struct stat st;
	if (stat(d->dir, &st) != 0)
		say(d, "folder", false, arena_printf(op->arena, "%s cannot be read: make a CA there with chancery init", d->dir));
	else if ((st.st_mode & 0007) != 0)
		say(d, "folder", false, arena_printf(op->arena, "%s is open to everybody: chmod o-rwx %s", d->dir, d->dir));
	else
		say(d, "folder", true, d->dir);
}

static void check_clock(struct op *op, struct doctor *d)
{
	int64_t now = clock_now_s();
	char *text = clock_rfc3339(op->arena, now);
	if (now < CLOCK_FLOOR_S)
		say(d, "clock", false, arena_printf(op->arena, "%s is in the past: set the clock, then start NTP", text));
	else
		say(d, "clock", true, text);
}

static void check_server(struct op *op, struct doctor *d)
{
	int status;
	struct bytes answer;
	result r = operator_ask_server(op, d->dir, "/readyz", &status, &answer);
	d->is_server_up = r.err == ERR_NONE;
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		say(d, "server", true, "not running (chancery serve)");
		return;
	}
	if (r.err == ERR_NONE && status != 200)
		r = FAIL(op, ERR_BUSY, "running and not ready: %.*s", (int)(answer.n < 400 ? answer.n : 400),
			 (const char *)answer.p);
	say_result(op, d, "server", r, "running and ready");
}

static result open_token_here(struct op *op, struct doctor *d, char **description)
{
	struct token *token = NULL;
	int lock;
	TRY(lock_take(op, d->dir, &lock));
	op->deadline_ms = clock_monotonic_ms() + TOKEN_LIMIT_MS;
	result r = token_open_here(op, d->dir, &token);
	if (r.err == ERR_NONE)
		r = token_describe(op, token, description);
	for (unsigned i = 0; r.err == ERR_NONE && i < d->authority->hierarchy->n; i++)
		r = token_check(op, token, &d->authority->hierarchy->cas[i].key);
	if (r.err == ERR_NONE && d->authority->hierarchy->has_audit_key)
		r = token_check(op, token, &d->authority->hierarchy->audit_key);
	if (r.err == ERR_NONE)
		r = scep_ras_check_keys(op, d->authority, token);
	token_free(&token);
	close(lock);
	return r;
}

static void check_token(struct op *op, struct doctor *d)
{
	char *description = NULL;
	if (d->is_server_up) {
		say(d, "token", true, "in use by the running server");
		return;
	}
	result r = open_token_here(op, d, &description);
	say_result(op, d, "token", r,
		   r.err == ERR_NONE ? arena_printf(op->arena, "%s; the keys of all CAs and RAs are in it", description) : "");
}

/* With no server running its ports must be free. */
static result check_port(struct op *op, const char *address)
{
	char *host = arena_text(op->arena, address), *colon = strrchr(host, ':');
	if (colon == NULL)
		return FAIL(op, ERR_MALFORMED, "listen: %s has no port", address);
	*colon = '\0';
	size_t n = strlen(host);
	if (n > 1 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		host++;
	}
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICHOST, .ai_socktype = SOCK_STREAM }, *list;
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return FAIL(op, ERR_MALFORMED, "listen: %s is no address", address);
	int one = 1, fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_free = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
		       bind(fd, list->ai_addr, list->ai_addrlen) == 0;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(list);
	if (!is_free)
		return FAIL(op, ERR_CONFLICT, "%s cannot be had: stop what listens there (ss -ltnp), or change listen: in chancery.yaml",
			    address);
	return OK;
}

static void check_listeners(struct op *op, struct doctor *d)
{
	if (d->is_server_up)
		return;
	const struct config_listen *listen = &d->config->listen;
	const struct config_texts *lists[] = { &listen->https, &listen->http, &listen->mutual };
	for (unsigned k = 0; k < 3; k++)
		for (unsigned i = 0; i < lists[k]->n; i++)
			say_result(op, d, "listener", check_port(op, lists[k]->items[i]), lists[k]->items[i]);
}

static result verify_chain(struct op *op, const struct ca *ca)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	ASSERT(store != NULL && context != NULL && between != NULL);
	for (const struct ca *up = ca; up != NULL; up = up->parent) {
		if (up->parent == NULL)
			X509_STORE_add_cert(store, up->certificate);
		else
			sk_X509_push(between, up->certificate);
	}
	result r = OK;
	if (X509_STORE_CTX_init(context, store, ca->certificate, between) != 1 || X509_verify_cert(context) != 1)
		r = FAIL(op, ERR_POLICY, "CA %s does not verify: %s", ca->name,
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
	sk_X509_free(between);
	X509_STORE_CTX_free(context);
	X509_STORE_free(store);
	return r;
}

static void check_cas(struct op *op, struct doctor *d)
{
	const struct hierarchy *h = d->authority->hierarchy;
	if (h->n == 0)
		say(d, "cas", false, "there is none: run chancery init again, it goes on where it stopped");
	for (unsigned i = 0; i < h->n; i++) {
		const struct ca *ca = &h->cas[i];
		char *until = clock_rfc3339(op->arena, ca->not_after_s);
		if (!say_result(op, d, "chain", verify_chain(op, ca), arena_printf(op->arena, "CA %s verifies", ca->name)))
			continue;
		bool is_far = ca->not_after_s - clock_now_s() > CA_WARNING_S;
		say(d, "lifetime", is_far,
		    arena_printf(op->arena, is_far ? "CA %s lives until %s" : "CA %s ends at %s: make its successor now",
				 ca->name, until));
	}
}

static void check_crls(struct op *op, struct doctor *d)
{
	STORE_LEASE(lease);
	if (!say_result(op, d, "store", store_read(op, d->authority->store, &lease),
			store_url_public(op, store_url(d->authority->store))))
		return;
	for (unsigned i = 0; i < d->authority->hierarchy->n; i++) {
		const char *name = d->authority->hierarchy->cas[i].name;
		struct crl_row crl;
		result r = crl_load_latest_times(op, lease.db, name, &crl);
		if (r.err == ERR_NONE && crl.next_update_s < clock_now_s())
			r = FAIL(op, ERR_POLICY, "the CRL of %s ended at %s: start the server, or chancery crl publish %s",
				 name, clock_rfc3339(op->arena, crl.next_update_s), name);
		say_result(op, d, "crl", r,
			   r.err == ERR_NONE ? arena_printf(op->arena, "%s has number %llu until %s", name,
							    (unsigned long long)crl.number,
							    clock_rfc3339(op->arena, crl.next_update_s)) :
					       "");
	}
}

/* The log against DIR/checkpoint is what ledger_open refuses on; a server asks the journal, too. */
static void check_log(struct op *op, struct doctor *d)
{
	struct ledger *ledger = NULL;
	if (d->is_server_up) {
		say(d, "log", true, "in use by the running server (chancery audit verify recomputes it)");
		return;
	}
	result r = ledger_open(op, d->authority->store, d->authority->node, &ledger);
	ledger_free(&ledger);
	if (r.err == ERR_NONE)
		r = journal_check(op, d->authority->store, d->dir);
	say_result(op, d, "log", r, "agrees with its last checkpoint and the recovery journal (chancery audit verify recomputes it)");
}

static void examine(struct op *op, struct doctor *d)
{
	check_folder(op, d);
	check_clock(op, d);
	if (!say_result(op, d, "configuration", config_load(op, d->dir, &d->config), "chancery.yaml is in order"))
		return;
	if (!say_result(op, d, "protocols", protocols_check(op, d->config), "the files that they need are there"))
		return;
	check_server(op, d);
	result r = authority_open(op, d->config, NULL, NULL, &d->authority);
	if (!say_result(op, d, "house", r, "store and hierarchy open"))
		return;
	check_token(op, d);
	check_listeners(op, d);
	check_cas(op, d);
	check_crls(op, d);
	check_log(op, d);
}

int command_doctor(int argc, char **argv)
{
	const char *dir = NULL;
	struct doctor d = { 0 };
	const struct option_row rows[] = { { "dir", &dir, NULL }, { "json", NULL, &d.json }, { NULL, NULL, NULL } };
	struct options options = { .command = "doctor",
				   .rows = rows,
				   .help = "Usage: chancery doctor [--json] [--dir DIR]\n\n"
					   "Checks configuration, clock, token and keys, store, log, listeners, chains and\n"
					   "CRLs; says what is wrong and how to mend it. Changes nothing.\n"
					   "Exit status: 0 all is well, 1 something is wrong.\n" };
	OPTIONS_OR_RETURN(&options, argc, argv);
	struct op *op = op_new();
	d.dir = command_dir(op, dir);
	json_write_init(&d.w, op->arena);
	json_write_array(&d.w, NULL);
	examine(op, &d);
	json_write_array_end(&d.w);
	struct bytes text = json_write_done(&d.w);
	if (d.json)
		printf("%.*s\n", (int)text.n, (const char *)text.p);
	authority_free(&d.authority);
	config_free(&d.config);
	op_free(&op);
	return d.bad == 0 ? EXIT_OK : EXIT_FAILED;
}
