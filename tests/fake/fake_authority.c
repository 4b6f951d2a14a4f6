/* The house for tests: see fake_authority.h. */
#include "tests/fake/fake_authority.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "ca/ceremony.h"
#include "ca/tbs.h"
#include "tests/fake/fake_token.h"

static void must(struct op *op, const char *what, result r)
{
	if (r.err == ERR_NONE)
		return;
	fprintf(stderr, "%s: %s: %s\n", what, err_name(r.err), op->detail);
	abort();
}
#define MUST(op, call) must((op), #call, (call))

static struct config *make_config(struct arena *arena, const char *dir, const char *store, const char *ocsp_key)
{
	struct config *config = arena_alloc(arena, sizeof *config);
	config->dir = arena_text(arena, dir);
	config->organization = "Example Corp";
	config->host = "ca.example.internal";
	config->log_level = "warning";
	config->store = arena_text(arena, store);
	config->ocsp_key = ocsp_key;
	config->https_port = 8443;
	config->http_port = 8080;
	config->cas = arena_alloc_array(arena, 2, sizeof *config->cas);
	config->n_cas = 2;
	config->cas[0] = (struct config_ca){ "root", 30 * 86400, 7 * 86400, 2 * 86400 };
	config->cas[1] = (struct config_ca){ "issuing", 7 * 86400, 86400, 86400 };
	config->limits.ocsp_cache_bytes = 1 << 20;
	config->arena = arena;
	return config;
}

static void run_ceremony(struct fake_authority *fake)
{
	const struct ceremony_plan plan = { .organization = "Example Corp",
					    .ca_key = KEY_P256,
					    .root_validity_s = 3650 * INT64_C(86400),
					    .issuing_validity_s = 1825 * INT64_C(86400) };
	struct op *op = fake->op;
	struct store *store;
	struct ledger *ledger;
	struct token *token = token_new(1, NULL, NULL);
	char *fingerprint;
	MUST(op, store_open(op, fake->config->store, fake->dir, &store));
	MUST(op, ledger_open(op, store, "ceremony", &ledger));
	MUST(op, ceremony_run(op, fake->config, store, ledger, token, &plan, &fingerprint));
	ledger_free(&ledger);
	store_free(&store);
	token_free(&token);
}

static void make_folder(char dir[64])
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, 64, "%s/chancery-test-XXXXXX", tmp != NULL && strlen(tmp) < 32 ? tmp : "/tmp");
	ASSERT(mkdtemp(dir) != NULL);
}

struct fake_authority *fake_authority_prepare(const char *ocsp_key)
{
	struct fake_authority *fake = calloc(1, sizeof *fake);
	ASSERT(fake != NULL);
	fake->op = op_new();
	fake->arena = arena_new();
	make_folder(fake->dir);
	test_store_make(&fake->store);
	fake->config = make_config(fake->arena, fake->dir, fake->store.url, ocsp_key);
	fake_token_reset();
	run_ceremony(fake);
	return fake;
}

void fake_authority_open(struct fake_authority *fake)
{
	MUST(fake->op, authority_open(fake->op, fake->config, token_new(1, NULL, NULL), NULL, &fake->authority));
	fake->root = hierarchy_find(fake->authority->hierarchy, "root");
	fake->issuing = hierarchy_find(fake->authority->hierarchy, "issuing");
	ASSERT(fake->root != NULL && fake->issuing != NULL);
}

struct fake_authority *fake_authority_new(void)
{
	struct fake_authority *fake = fake_authority_prepare("memory");
	fake_authority_open(fake);
	return fake;
}

void fake_authority_close(struct fake_authority *fake)
{
	authority_free(&fake->authority);
}

/* The store keeps its files in this one folder. */
static void remove_folder(const char *dir)
{
	DIR *folder = opendir(dir);
	ASSERT(folder != NULL);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		unlink(path); /* "." and ".." refuse */
	}
	closedir(folder);
	rmdir(dir);
}

void fake_authority_free(struct fake_authority **fake)
{
	struct fake_authority *f = *fake;
	fake_authority_close(f);
	test_store_drop(&f->store);
	remove_folder(f->dir);
	op_free(&f->op);
	arena_free(&f->arena);
	free(f);
	fake_token_reset();
	*fake = NULL;
}

struct fake_node *fake_node_open(struct fake_authority *fake)
{
	struct fake_node *node = calloc(1, sizeof *node);
	ASSERT(node != NULL);
	make_folder(node->dir);
	node->arena = arena_new();
	struct config *config = arena_alloc(node->arena, sizeof *config);
	*config = *fake->config;
	config->dir = node->dir;
	if (!test_store_is_postgresql())
		config->store = arena_printf(node->arena, "sqlite:%s/chancery.db", fake->dir);
	MUST(fake->op, authority_open(fake->op, config, token_new(1, NULL, NULL), NULL, &node->authority));
	node->root = hierarchy_find(node->authority->hierarchy, "root");
	node->issuing = hierarchy_find(node->authority->hierarchy, "issuing");
	ASSERT(node->root != NULL && node->issuing != NULL);
	return node;
}

void fake_node_close(struct fake_node **node)
{
	struct fake_node *n = *node;
	authority_free(&n->authority);
	remove_folder(n->dir);
	arena_free(&n->arena);
	free(n);
	*node = NULL;
}

struct making {
	struct certificate row;
	enum certificate_status status;
};

static result make_certificate(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct making *making = arg;
	struct db *db = ledger_db(tx);
	TRY(certificate_intend(op, db, &making->row));
	switch (making->status) {
	case CERTIFICATE_INTENDED:
		return OK;
	case CERTIFICATE_ISSUED:
		return certificate_issue(op, db, making->row.serial, BYTES_LITERAL("certificate"), making->row.issued_s);
	case CERTIFICATE_FAILED:
		return certificate_fail(op, db, making->row.serial);
	case CERTIFICATE_ORPHANED:
		return certificate_orphan(op, db, making->row.serial);
	}
	return FAIL(op, ERR_BUG, "no such status");
}

const char *fake_authority_certificate(struct fake_authority *fake, const struct ca *ca, enum certificate_status status,
				       int64_t not_after_s)
{
	static const uint8_t hash[SHA256_SIZE];
	struct serial serial;
	serial_draw(&serial);
	int64_t now = clock_now_s();
	struct making making = { .status = status,
				 .row = { .serial = serial_to_hex(fake->arena, &serial),
					  .ca = ca->name,
					  .profile = "test",
					  .door = "internal",
					  .subject = "a.example.internal",
					  .names = "[]",
					  .spki_hash = BYTES_ARRAY(hash),
					  .tbs = BYTES_LITERAL("tbs"),
					  .requester = "system",
					  .node = fake->authority->node,
					  .not_before_s = now - 3600,
					  .not_after_s = not_after_s,
					  .intended_s = now,
					  .issued_s = now } };
	MUST(fake->op, ledger_run(fake->op, fake->authority->ledger, make_certificate, &making));
	return making.row.serial;
}

static result finish_certificate(struct op *op, struct ledger_tx *tx, void *arg)
{
	return certificate_issue(op, ledger_db(tx), arg, BYTES_LITERAL("certificate"), clock_now_s());
}

void fake_authority_finish(struct fake_authority *fake, const char *serial)
{
	MUST(fake->op, ledger_run(fake->op, fake->authority->ledger, finish_certificate, (char *)(uintptr_t)serial));
}

static result make_revocation(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct revocation *revocation = arg;
	struct audit_event event = { .type = AUDIT_REVOKED, .ca = revocation->ca, .serial = revocation->serial };
	TRY(revocation_insert(op, ledger_db(tx), revocation));
	return ledger_audit(op, tx, &event, NULL);
}

void fake_authority_revoke(struct fake_authority *fake, const struct ca *ca, const char *serial, int reason,
			   int64_t revoked_s, int64_t not_after_s)
{
	struct revocation revocation = { serial, ca->name, revoked_s, reason, not_after_s };
	MUST(fake->op, ledger_run(fake->op, fake->authority->ledger, make_revocation, &revocation));
}
