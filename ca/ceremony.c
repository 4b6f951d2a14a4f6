/*
 * From nothing to a root and an issuing CA. Each step looks whether it was done
 * before, so that an interrupted ceremony is finished by running it again.
 */
#include "ca/ceremony.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "ca/issuance.h"
#include "ca/need_key.h"
#include "store/authorities.h"

struct ceremony {
	struct authority *authority; /* store, ledger, token; its hierarchy grows as CAs are made */
	const struct ceremony_plan *plan;
};

static result write_authority(struct op *op, struct ledger_tx *tx, void *arg)
{
	struct authority_row *row = arg;
	uint8_t hash[SHA256_SIZE];
	bytes_sha256(row->certificate, hash);
	struct audit_event event = { .type = AUDIT_CA_CREATED,
				     .ca = row->name,
				     .key = row->key_label,
				     .certificate_hash = BYTES_ARRAY(hash) };
	if (row->parent != NULL)
		event.facts[0] = (struct audit_fact){ "parent", row->parent };
	TRY(authority_insert(op, ledger_db(tx), row));
	return ledger_audit(op, tx, &event, NULL);
}

static void plan_ca(struct op *op, const struct ceremony *c, const struct ca *parent,
		    const struct token_key *key, struct tbs_plan *plan)
{
	const struct config *config = authority_config(c->authority);
	const char *base = config_http_base(op->arena, config);
	int64_t now = clock_now_s();
	struct identifier *subject = arena_alloc_array(op->arena, 2, sizeof *subject);
	subject[0] = (struct identifier){ IDENTIFIER_O, c->plan->organization };
	subject[1] = (struct identifier){ IDENTIFIER_CN, arena_printf(op->arena, "%s %s", c->plan->organization,
								      parent == NULL ? "Root CA" : "Issuing CA") };
	*plan = (struct tbs_plan){
		.kind = parent == NULL ? TBS_ROOT : TBS_INTERMEDIATE,
		.issuer = parent,
		.spki = key->spki,
		.signature_key = parent == NULL ? key->type : parent->key.type,
		.subject = subject,
		.n_subject = 2,
		.not_before_s = now,
		.not_after_s = now + (parent == NULL ? c->plan->root_validity_s : c->plan->issuing_validity_s) - 1,
		.path_length = parent == NULL ? -1 : 0, /* the issuing CA may have no CA below it */
	};
	if (parent != NULL) {
		if (plan->not_after_s > parent->not_after_s)
			plan->not_after_s = parent->not_after_s;
		plan->ocsp_url = arena_printf(op->arena, "%s/ocsp/%s", base, parent->name);
		plan->ca_issuers_url = arena_printf(op->arena, "%s/ca/%s.cer", base, parent->name);
		plan->crl_url = arena_printf(op->arena, "%s/crl/%s.crl", base, parent->name);
	}
}

static result reload_hierarchy(struct op *op, struct authority *a)
{
	hierarchy_free(&a->hierarchy);
	return hierarchy_load(op, a->store, authority_config(a), &a->hierarchy);
}

static result need_ca(struct op *op, struct ceremony *c, const char *name, const char *parent_name)
{
	struct authority *a = c->authority;
	TRY(reload_hierarchy(op, a));
	if (hierarchy_find(a->hierarchy, name) != NULL)
		return OK;
	const struct ca *parent = parent_name != NULL ? hierarchy_find(a->hierarchy, parent_name) : NULL;
	struct token_key key;
	TRY(need_key(op, a, name, "ca", c->plan->ca_key, &key));
	struct issuance issuance = { .issuer_key = parent != NULL ? &parent->key : &key,
				     .ca = parent != NULL ? parent->name : name,
				     .profile = "ca",
				     .door = DOOR_INTERNAL,
				     .requester = "ceremony",
				     .config_hash = BYTES_ARRAY(authority_config(a)->hash) };
	plan_ca(op, c, parent, &key, &issuance.plan);
	struct issued issued;
	TRY(issuance_run(op, a, &issuance, &issued));
	struct authority_row row = { .name = name,
				     .parent = parent_name,
				     .status = AUTHORITY_ACTIVE,
				     .generation = 1,
				     .key_label = arena_text(op->arena, key.label),
				     .certificate = issued.der,
				     .created_s = clock_now_s() };
	TRY(ledger_run(op, a->ledger, write_authority, &row));
	return reload_hierarchy(op, a);
}

static result refuse_others(struct op *op, const struct authority *a)
{
	for (unsigned i = 0; i < a->hierarchy->n; i++)
		if (!text_equal(a->hierarchy->cas[i].name, "root") && !text_equal(a->hierarchy->cas[i].name, "issuing"))
			return FAIL(op, ERR_CONFLICT, "this store has a CA %s already: init is for a new store",
				    a->hierarchy->cas[i].name);
	return OK;
}

static char *fingerprint_of(struct arena *arena, struct bytes der)
{
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(der, digest);
	struct buf buf;
	buf_init(&buf, arena, 3 * SHA256_SIZE + 1);
	for (unsigned i = 0; i < SHA256_SIZE; i++)
		buf_printf(&buf, "%s%02X", i > 0 ? ":" : "", digest[i]);
	return buf_as_text(&buf);
}

static result run(struct op *op, struct ceremony *c, char **fingerprint)
{
	struct authority *a = c->authority;
	struct token_key audit_key, responder_key;
	TRY(reload_hierarchy(op, a));
	TRY(refuse_others(op, a));
	TRY(need_key(op, a, "audit", "audit", KEY_P256, &audit_key));
	TRY(need_ca(op, c, "root", NULL));
	TRY(need_ca(op, c, "issuing", "root"));
	if (text_equal(authority_config(a)->ocsp_key, "token")) {
		TRY(need_key(op, a, "ocsp root", "ocsp", KEY_P256, &responder_key));
		TRY(need_key(op, a, "ocsp issuing", "ocsp", KEY_P256, &responder_key));
	}
	*fingerprint = fingerprint_of(op->arena, hierarchy_find(a->hierarchy, "root")->der);
	return OK;
}

result ceremony_run(struct op *op, const struct config *config, struct store *store, struct ledger *ledger,
		    struct token *token, const struct ceremony_plan *plan, char **fingerprint)
{
	char *node;
	TRY(authority_node(op, config, &node));
	struct authority authority = { .config = config, .store = store, .ledger = ledger, .token = token, .node = node };
	struct ceremony ceremony = { .authority = &authority, .plan = plan };
	result r = run(op, &ceremony, fingerprint);
	hierarchy_free(&authority.hierarchy);
	return r;
}
