/*
 * Opening and closing the house in the one right order, and taking a new
 * configuration while it runs.
 */
#include "ca/authority.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/crl.h"
#include "ca/doubts.h"
#include "ca/journal.h"
#include "ca/ocsp.h"
#include "ca/published.h"

result authority_node(struct op *op, const struct config *config, char **out)
{
	char *path = files_join(op->arena, config->dir, "node");
	struct bytes content;
	result r = files_read(op, path, 64, &content);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		char id[RANDOM_ID_SIZE], host[64] = "node";
		random_id(id);
		gethostname(host, sizeof host - 1);
		content = bytes_of_text(arena_printf(op->arena, "%s-%.8s\n", host, id));
		TRY(files_write(op, path, 0640, content));
	} else {
		TRY(r);
	}
	while (content.n > 0 && content.p[content.n - 1] == '\n')
		content.n--;
	*out = arena_text_n(op->arena, (const char *)content.p, content.n);
	text_make_printable(*out);
	return OK;
}

/* Keys that this node signs with must be in its token, the very ones. */
static result check_keys(struct op *op, struct authority *a)
{
	for (unsigned i = 0; i < a->hierarchy->n; i++)
		TRY(token_check(op, a->token, &a->hierarchy->cas[i].key));
	if (a->hierarchy->has_audit_key)
		TRY(token_check(op, a->token, &a->hierarchy->audit_key));
	return OK;
}

/* Both know what the store was: the checkpoint now and then, signed; the journal each revocation and CRL. */
static result open_ledger(struct op *op, struct authority *a, bool is_restored)
{
	if (is_restored)
		return ledger_open_restored(op, a->store, a->node, &a->ledger);
	TRY(ledger_open(op, a->store, a->node, &a->ledger));
	return journal_open(op, a->store, a->config->dir, &a->journal);
}

static result open_parts(struct op *op, struct authority *a, bool is_restored)
{
	char *node;
	TRY(store_open(op, a->config->store, a->config->dir, &a->store));
	TRY(authority_node(op, a->config, &node));
	a->node = strdup(node);
	if (a->token != NULL) /* who can sign writes; others read, also a log that the ledger would refuse */
		TRY(open_ledger(op, a, is_restored));
	TRY(hierarchy_load(op, a->store, a->config, &a->hierarchy));
	if (a->token != NULL)
		TRY(check_keys(op, a));
	a->published = published_new();
	a->crl_rounds = crl_rounds_new();
	a->doubts = doubts_new();
	return OK;
}

static result open_house(struct op *op, const struct config *config, struct token *own_token, struct courier *own_courier,
			 bool is_restored, struct authority **out)
{
	struct authority *a = calloc(1, sizeof *a);
	ASSERT(a != NULL);
	a->config = config;
	a->token = own_token;
	a->courier = own_courier;
	result r = open_parts(op, a, is_restored);
	if (r.err != ERR_NONE) {
		authority_free(&a);
		return r;
	}
	*out = a;
	return OK;
}

result authority_open(struct op *op, const struct config *config, struct token *own_token, struct courier *own_courier,
		      struct authority **out)
{
	return open_house(op, config, own_token, own_courier, false, out);
}

result authority_open_restored(struct op *op, const struct config *config, struct token *own_token, struct authority **out)
{
	return open_house(op, config, own_token, NULL, true, out);
}

void authority_free(struct authority **authority)
{
	struct authority *a = *authority;
	if (a == NULL)
		return;
	courier_free(&a->courier);
	ocsp_signers_free(&a->ocsp);
	crl_rounds_free(&a->crl_rounds);
	doubts_free(&a->doubts);
	published_free(&a->published);
	hierarchy_free(&a->hierarchy);
	journal_free(&a->journal);
	ledger_free(&a->ledger);
	store_free(&a->store);
	token_free(&a->token);
	free((char *)(uintptr_t)a->node);
	free(a);
	*authority = NULL;
}

const struct config *authority_config(const struct authority *authority)
{
	return __atomic_load_n(&authority->config, __ATOMIC_ACQUIRE);
}

static bool texts_equal(const struct config_texts *a, const struct config_texts *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (!text_equal(a->items[i], b->items[i]))
			return false;
	return true;
}

/* Threads, queues and memory are laid out at the start. */
static bool limits_equal(const struct config_limits *a, const struct config_limits *b)
{
	return a->connections == b->connections && a->connections_per_address == b->connections_per_address &&
	       a->lane_read == b->lane_read && a->lane_sign == b->lane_sign && a->lane_wait == b->lane_wait &&
	       a->lane_batch == b->lane_batch &&
	       a->queue_read == b->queue_read && a->queue_sign == b->queue_sign && a->queue_wait == b->queue_wait &&
	       a->queue_batch == b->queue_batch &&
	       a->loops == b->loops && a->ocsp_cache_bytes == b->ocsp_cache_bytes;
}

/* The courier has its own copy, read when it started. */
static bool validation_equal(const struct config_validation *a, const struct config_validation *b)
{
	return texts_equal(&a->resolvers, &b->resolvers) && texts_equal(&a->deny, &b->deny) &&
	       a->http_port == b->http_port && a->allow_private == b->allow_private &&
	       a->allow_loopback == b->allow_loopback;
}

/* What is bound to sockets, processes and open files changes with a restart only. */
static const char *needs_restart(const struct config *old, const struct config *new)
{
	if (!text_equal(old->store, new->store))
		return "store";
	if (!text_equal(old->host, new->host) || old->https_port != new->https_port || old->http_port != new->http_port)
		return "host or ports";
	if (!texts_equal(&old->listen.https, &new->listen.https) || !texts_equal(&old->listen.http, &new->listen.http) ||
	    !texts_equal(&old->listen.mutual, &new->listen.mutual) ||
	    !text_equal(old->listen.mutual_host, new->listen.mutual_host))
		return "listen";
	if (!text_equal(old->token.module, new->token.module) || !text_equal(old->token.label, new->token.label) ||
	    !text_equal(old->token.pin_file, new->token.pin_file) || old->token.signers != new->token.signers)
		return "token";
	if (!text_equal(old->ocsp_key, new->ocsp_key))
		return "ocsp_key";
	if (!limits_equal(&old->limits, &new->limits))
		return "limits (all but orders_per_account)";
	if (!validation_equal(&old->validation, &new->validation))
		return "validation (all but attempts)";
	if (old->n_cas != new->n_cas || old->n_acme != new->n_acme || old->n_est != new->n_est || old->n_scep != new->n_scep)
		return "the list of cas, of acme or scep endpoints, or of est labels";
	for (unsigned i = 0; i < old->n_cas; i++)
		if (!text_equal(old->cas[i].name, new->cas[i].name))
			return "the name of a CA";
	for (unsigned i = 0; i < old->n_acme; i++)
		if (!text_equal(old->acme[i].name, new->acme[i].name))
			return "the name of an acme endpoint";
	for (unsigned i = 0; i < old->n_est; i++)
		if (!text_equal(old->est[i].label, new->est[i].label))
			return "an est label";
	for (unsigned i = 0; i < old->n_scep; i++)
		if (!text_equal(old->scep[i].name, new->scep[i].name))
			return "the name of a scep endpoint";
	return NULL;
}

result authority_reload(struct op *op, struct authority *authority, struct config *own_config)
{
	const struct config *old = authority_config(authority);
	const char *what = needs_restart(old, own_config);
	if (what != NULL) {
		config_free(&own_config);
		return FAIL(op, ERR_POLICY, "%s changed in chancery.yaml: that takes a restart; the old configuration stays", what);
	}
	struct audit_event event = { .type = AUDIT_CONFIG_RELOADED, .config_hash = BYTES_ARRAY(own_config->hash) };
	char *before = bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(old->hash));
	event.facts[0] = (struct audit_fact){ "previous", before };
	result r = authority_record(op, authority, &event);
	if (r.err != ERR_NONE) {
		config_free(&own_config);
		return r;
	}
	/*
	 * Requests under way hold pointers into the old one, and CAs point at
	 * theirs: it stays. A reload costs some kilobytes for the life of the process.
	 */
	for (unsigned i = 0; i < authority->hierarchy->n; i++) {
		struct ca *ca = &authority->hierarchy->cas[i];
		__atomic_store_n(&ca->config, config_ca(own_config, ca->name), __ATOMIC_RELEASE);
	}
	__atomic_store_n(&authority->config, own_config, __ATOMIC_RELEASE);
	return OK;
}

static result record(struct op *op, struct ledger_tx *tx, void *arg)
{
	return ledger_audit(op, tx, arg, NULL);
}

result authority_record(struct op *op, struct authority *authority, struct audit_event *event)
{
	return ledger_run(op, authority->ledger, record, event);
}
