/*
 * The opened certificate authority: everything that a decision needs, in one
 * place. Made once by the server or by a command; any thread.
 */
#pragma once

#include "ca/hierarchy.h"
#include "courier/courier.h"
#include "store/ledger.h"

struct crl_rounds;   /* ca/crl.h */
struct doubts;       /* ca/doubts.h */
struct journal;      /* ca/journal.h */
struct ocsp_signers; /* ca/ocsp.h */
struct published;    /* ca/published.h */

struct authority {
	const struct config *config;  /* read through authority_config: a reload swaps it */
	struct store *store;
	struct ledger *ledger;        /* NULL for commands that only read */
	struct token *token;
	struct courier *courier;      /* NULL in commands */
	struct journal *journal;      /* NULL where there is no ledger, and while a restored store is accepted */
	struct hierarchy *hierarchy;
	struct crl_rounds *crl_rounds;
	struct doubts *doubts;
	struct ocsp_signers *ocsp;
	struct published *published;
	const char *node;
	void (*crl_due)(void *arg); /* tells the server's steward; NULL: nobody is there to make CRLs later */
	void *crl_due_arg;
};

/* The configuration of now; stays readable for the life of the process. */
const struct config *authority_config(const struct authority *authority);

/*
 * Opens store, ledger and hierarchy of DIR; `token` and `courier` are taken over
 * (token NULL: for reading only, no ledger). Refuses with a sentence:
 * not initialised, schema newer, log shorter than its checkpoint, key missing.
 */
result authority_open(struct op *op, const struct config *config, struct token *own_token, struct courier *own_courier,
		      struct authority **out);
/*
 * The same over a store that is an older copy, for who accepts it as it is:
 * neither checkpoint nor journal is asked, and no journal is kept.
 */
result authority_open_restored(struct op *op, const struct config *config, struct token *own_token, struct authority **out);
void authority_free(struct authority **authority);
/* The name of this node, kept in DIR/node; made at the first call. */
result authority_node(struct op *op, const struct config *config, char **out);
/* SIGHUP: a new configuration, or why it cannot be taken without a restart. */
result authority_reload(struct op *op, struct authority *authority, struct config *own_config);

/* An audit entry by itself, where nothing else is written with it. */
result authority_record(struct op *op, struct authority *authority, struct audit_event *event);
