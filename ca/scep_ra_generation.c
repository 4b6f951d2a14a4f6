/*
 * The order of writes: the turn, the key with its row, the certificate with its
 * intent, then key and certificate become the generation. A node that dies in
 * between leaves a key that the next one uses, or a certificate that nobody was
 * shown.
 */
#include "ca/scep_ra_generation.h"

#include <string.h>

#include <openssl/rsa.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/issue.h"
#include "ca/need_key.h"
#include "ca/public_key.h"

#define RA_LIFETIME_S (365 * 86400)

int64_t scep_ra_renew_s(const struct scep_ra_row *row)
{
	return row->not_before_s + (row->not_after_s - row->not_before_s) / 3 * 2;
}

static bool has_wished_key(const struct scep_ra_wish *wish, const struct scep_ra_row *row)
{
	return !row->is_revoked && text_equal(row->key.type, key_type_name(wish->key_type));
}

/*
 * Also when its certificate lies in the future, since the clock was ahead when it was made. One that ends with its CA
 * is as good as any other that this CA can give.
 */
bool scep_ra_is_due(const struct scep_ra_wish *wish, const struct scep_ra_row *newest, int64_t now_s)
{
	if (newest == NULL || !has_wished_key(wish, newest) || !text_equal(newest->ca, wish->ca->name) ||
	    now_s < newest->not_before_s)
		return true;
	return now_s >= scep_ra_renew_s(newest) && newest->not_after_s < wish->ca->not_after_s;
}

struct generation_writing {
	const struct scep_ra_wish *wish;
	int64_t generation, now_s;
	const char *node, *key_label;
	const char *serial; /* NULL: none yet */
	struct audit_event event;
};

static result write_turn(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct generation_writing *w = arg;
	return scep_ra_take_turn(op, ledger_db(tx), w->wish->endpoint, w->generation, w->node, w->now_s);
}

static result write_end(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct generation_writing *w = arg;
	return scep_ra_end_turn(op, ledger_db(tx), w->wish->endpoint, w->generation, w->node);
}

static result write_generation(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct generation_writing *w = arg;
	TRY(scep_ra_record(op, ledger_db(tx), w->wish->endpoint, w->generation, w->node, w->key_label, w->serial));
	return ledger_audit(op, tx, &w->event, NULL);
}

/* "scep NAME" for the first key of an endpoint; names have no blanks. */
static const char *label_of(struct op *op, const struct generation_writing *w)
{
	if (w->generation == 1)
		return arena_printf(op->arena, "scep %s", w->wish->endpoint);
	return arena_printf(op->arena, "scep %s %lld", w->wish->endpoint, (long long)w->generation);
}

/* What the rows say to who comes second is no failure. */
static result run_unless_others(struct op *op, struct authority *a, ledger_fn *write, struct generation_writing *w,
				bool *is_mine)
{
	result r = ledger_run(op, a->ledger, write, w);
	*is_mine = r.err == ERR_NONE;
	if (r.err != ERR_CONFLICT)
		return r;
	op_clear_failure(op);
	return OK;
}

static result certify(struct op *op, struct authority *a, struct generation_writing *w, const struct token_key *key,
		      bool *is_mine)
{
	struct issued issued;
	uint8_t hash[SHA256_SIZE];
	TRY(issue_scep_ra(op, a, w->wish->ca, w->wish->endpoint, key->spki, RA_LIFETIME_S, &issued));
	bytes_sha256(key->spki, hash);
	w->serial = issued.serial;
	w->key_label = key->label;
	w->event = (struct audit_event){ .type = AUDIT_SCEP_RA_CHANGED,
					 .ca = w->wish->ca->name,
					 .serial = issued.serial,
					 .key = key->label,
					 .spki_hash = BYTES_ARRAY(hash) };
	w->event.facts[0] = (struct audit_fact){ "endpoint", w->wish->endpoint };
	w->event.facts[1] = (struct audit_fact){ "generation", arena_printf(op->arena, "%lld", (long long)w->generation) };
	return run_unless_others(op, a, write_generation, w, is_mine);
}

static result make_in_turn(struct op *op, struct authority *a, struct generation_writing *w, struct token_key *key,
			   bool *is_mine)
{
	if (key->spki.n == 0) {
		result r = need_key(op, a, label_of(op, w), "scep", w->wish->key_type, key);
		if (r.err == ERR_POLICY)
			return op_explain(op, r, "SCEP endpoint %s needs an RSA key: use a token that makes them, or take the endpoint out "
						 "of chancery.yaml", w->wish->endpoint);
		TRY(r);
	}
	return certify(op, a, w, key, is_mine);
}

/* So that others need not wait until it runs out; the failure stays the one that matters. */
static void give_turn_back(struct authority *a, struct generation_writing *w)
{
	struct op *aside = op_new();
	if (ledger_run(aside, a->ledger, write_end, w).err != ERR_NONE)
		log_failure(aside, "scep.ra");
	op_free(&aside);
}

result scep_ra_make(struct op *op, struct authority *a, const struct scep_ra_wish *wish, const struct scep_ra_row *newest,
		    bool *is_mine)
{
	struct generation_writing w = { .wish = wish,
					.generation = newest != NULL ? newest->generation + 1 : 1,
					.now_s = clock_now_s(),
					.node = a->node };
	struct token_key key = { .spki = BYTES_NONE };
	TRY(issue_is_open(op, a));
	if (newest != NULL && has_wished_key(wish, newest)) { /* before the turn: a node without the key takes it from nobody */
		TRY(key_of_row(op, &newest->key, &key));
		TRY(token_check(op, a->token, &key));
	}
	TRY(run_unless_others(op, a, write_turn, &w, is_mine));
	if (!*is_mine)
		return OK;
	result r = make_in_turn(op, a, &w, &key, is_mine);
	if (r.err != ERR_NONE)
		give_turn_back(a, &w);
	return r;
}

static result encrypt(struct op *op, const struct token_key *key, struct bytes plain, struct bytes *out)
{
	AUTO(EVP_PKEY) *public_key = NULL;
	TRY(public_key_decode(op, key->spki, &public_key));
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new(public_key, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(public_key);
	uint8_t *p = arena_alloc(op->arena, n);
	if (context == NULL || EVP_PKEY_encrypt_init(context) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1 ||
	    EVP_PKEY_encrypt(context, p, &n, plain.p, plain.n) != 1)
		return FAIL(op, ERR_BUG, "nothing could be encrypted to the key \"%s\"", key->label);
	*out = (struct bytes){ p, n };
	return OK;
}

result scep_ra_prove(struct op *op, struct token *token, const struct token_key *key)
{
	uint8_t sent[32], returned[sizeof sent];
	struct bytes encrypted;
	TRY(token_check(op, token, key));
	random_bytes(sent, sizeof sent);
	TRY(encrypt(op, key, (struct bytes)BYTES_ARRAY(sent), &encrypted));
	TRY(token_unwrap(op, token, key, encrypted, returned, sizeof returned));
	if (!bytes_equal((struct bytes)BYTES_ARRAY(sent), (struct bytes)BYTES_ARRAY(returned)))
		return FAIL(op, ERR_BACKEND,
			    "the token does not decrypt what is encrypted to \"%s\": SCEP needs RSA with PKCS #1 v1.5, "
			    "which some tokens refuse by policy",
			    key->label);
	return OK;
}
