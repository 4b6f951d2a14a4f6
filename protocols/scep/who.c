/* One function for each way. */
#include "protocols/scep/who.h"

#include <stdio.h>

#include "base/secret.h"
#include "base/text.h"
#include "ca/certificate_names.h"
#include "ca/name_pattern.h"

#define NOT_GOOD "that challenge is not good here, or no more"

static bool takes(const struct scep_request *request, enum scep_way way)
{
	return (request->settings->ways & way) != 0;
}

static result act_as(struct op *op, struct scep_request *request, enum scep_way way, const char *requester)
{
	request->way = way;
	request->requester = requester;
	op->actor.kind = ACTOR_ACCOUNT;
	snprintf(op->actor.id, sizeof op->actor.id, "%s", requester);
	return OK;
}

/* Where a challenge says nothing of who sends it, the address is what there is. */
static const char *by_address(struct op *op, const char *kind)
{
	return arena_printf(op->arena, "%s:%s", kind, op->actor.remote);
}

/* *is_known false: it is no one-time challenge of ours. Its text is random: a hash finds it. */
static result by_one_time(struct op *op, struct scep_request *request, struct bytes challenge, bool *is_known)
{
	uint8_t hash[SHA256_SIZE];
	bytes_sha256(challenge, hash);
	STORE_LEASE(lease);
	TRY(store_read(op, request->authority->store, &lease));
	result r = one_time_token_load(op, lease.db, (struct bytes)BYTES_ARRAY(hash), &request->challenge);
	*is_known = r.err == ERR_NONE;
	if (r.err == ERR_NOT_FOUND)
		op_clear_failure(op);
	else
		TRY(r);
	const struct one_time_token *token = &request->challenge;
	if (!*is_known)
		return OK;
	if (token->used_s != 0 || token->expires_s <= request->now_s || !text_equal(token->door, SCEP_DOOR) ||
	    !text_equal(token->endpoint, request->settings->name))
		return FAIL(op, ERR_DENIED, NOT_GOOD);
	return act_as(op, request, SCEP_CHALLENGE, arena_printf(op->arena, "scep-challenge:%.16s", bytes_to_hex(op->arena, token->hash)));
}

static result by_static(struct op *op, struct scep_request *request, struct bytes challenge, bool *is_known)
{
	__attribute__((cleanup(secret_free))) struct secret *expected = NULL;
	result r = secret_read_file(op, request->settings->static_challenge_file, &expected);
	if (r.err != ERR_NONE) /* it could be read when the configuration was loaded */
		return FAIL(op, ERR_BACKEND, "%s", arena_text(op->arena, op->detail));
	*is_known = bytes_equal_secret(challenge, secret_bytes(expected));
	return *is_known ? act_as(op, request, SCEP_STATIC, by_address(op, "scep-static")) : OK;
}

static result by_challenge(struct op *op, struct scep_request *request, struct bytes challenge)
{
	bool is_known = false;
	if (takes(request, SCEP_CHALLENGE))
		TRY(by_one_time(op, request, challenge, &is_known));
	if (!is_known && takes(request, SCEP_STATIC))
		TRY(by_static(op, request, challenge, &is_known));
	if (!is_known && takes(request, SCEP_INTUNE))
		return act_as(op, request, SCEP_INTUNE, by_address(op, SCEP_INTUNE_REQUESTER));
	return is_known ? OK : FAIL(op, ERR_DENIED, NOT_GOOD);
}

static result by_certificate(struct op *op, struct scep_request *request, const struct csr *csr)
{
	if (takes(request, SCEP_INTUNE) && csr->challenge_password.n == 0)
		return FAIL(op, ERR_DENIED, "a renewal here needs a challenge of Intune besides");
	return act_as(op, request, takes(request, SCEP_INTUNE) ? SCEP_INTUNE : 0,
		      arena_printf(op->arena, "certificate:%s", request->certificate.serial));
}

result scep_authenticate(struct op *op, struct scep_request *request, const struct csr *csr)
{
	if (request->certificate.x509 != NULL)
		return by_certificate(op, request, csr);
	if (csr->challenge_password.n > 0)
		return by_challenge(op, request, csr->challenge_password);
	if (takes(request, SCEP_APPROVAL))
		return act_as(op, request, SCEP_APPROVAL, by_address(op, "scep-address"));
	return FAIL(op, ERR_DENIED, "a first certificate needs a challengePassword in the request");
}

static result own_names_only(struct op *op, const struct scep_request *request, const struct csr *csr)
{
	const struct csr_rules rules = csr_rules_of(request->profile);
	return certificate_names_match(op, request->certificate.der, &rules, csr, "signer's");
}

static result names_of_challenge(struct op *op, const struct one_time_token *token, const struct csr *csr)
{
	struct config_texts names;
	TRY(name_patterns_from_json(op, token->names, &names));
	if (token->are_patterns && names.n == 1 && text_equal(names.items[0], SCEP_ANY_NAME))
		return OK;
	return token->are_patterns ? name_patterns_give(op, &names, csr->identifiers, csr->n_identifiers) :
				     name_patterns_are(op, &names, csr->identifiers, csr->n_identifiers);
}

static result static_names(struct op *op, const struct config_texts *given, const struct csr *csr)
{
	struct config_texts patterns = { arena_alloc_array(op->arena, given->n, sizeof *patterns.items), given->n };
	for (unsigned i = 0; i < given->n; i++)
		TRY(name_pattern_make(op, given->items[i], &patterns.items[i]));
	return name_patterns_give(op, &patterns, csr->identifiers, csr->n_identifiers);
}

result scep_may_ask(struct op *op, const struct scep_request *request, const struct csr *csr)
{
	if (request->certificate.x509 != NULL)
		return own_names_only(op, request, csr);
	if (request->way == SCEP_CHALLENGE)
		return names_of_challenge(op, &request->challenge, csr);
	return request->way == SCEP_STATIC ? static_names(op, &request->settings->static_names, csr) : OK;
}
