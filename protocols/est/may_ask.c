/* One function for each kind of proof. */
#include "protocols/est/may_ask.h"

#include "ca/certificate_names.h"
#include "ca/name_pattern.h"

static result own_names_only(struct op *op, const struct est_request *request, const struct csr *csr)
{
	const struct csr_rules rules = csr_rules_of(request->profile);
	return certificate_names_match(op, request->certificate.der, &rules, csr, "client's");
}

static result check_certificate(struct op *op, const struct est_request *request, const struct csr *csr)
{
	const struct client_certificate *c = &request->certificate;
	bool is_ours = c->ca != NULL;
	bool is_registrar = request->settings->has_registrars && c->is_registrar;
	bool is_free = is_ours ? is_registrar && !request->is_reenrollment : request->settings->has_any_anchored_names;
	return is_free ? OK : own_names_only(op, request, csr);
}

/* V21: nothing but its own name, where nobody said more. */
static result check_own_name(struct op *op, const char *name, const struct csr *csr)
{
	const char *items[] = { arena_printf(op->arena, "cn:%s", name), arena_printf(op->arena, "dns:%s", name) };
	const struct config_texts names = { items, 2 };
	return name_patterns_give(op, &names, csr->identifiers, csr->n_identifiers);
}

static result check_user(struct op *op, const struct user *user, const struct csr *csr)
{
	struct config_texts patterns;
	if (user->is_registrar)
		return OK;
	TRY(name_patterns_from_json(op, user->names, &patterns));
	if (patterns.n == 0)
		return check_own_name(op, user->name, csr);
	return name_patterns_give(op, &patterns, csr->identifiers, csr->n_identifiers);
}

static result check_token(struct op *op, const struct one_time_token *token, const struct csr *csr)
{
	struct config_texts names;
	TRY(name_patterns_from_json(op, token->names, &names));
	return name_patterns_are(op, &names, csr->identifiers, csr->n_identifiers);
}

result est_may_ask(struct op *op, const struct est_request *request, const struct csr *csr)
{
	if (request->certificate.x509 != NULL)
		TRY(check_certificate(op, request, csr));
	if (request->user.name != NULL)
		TRY(check_user(op, &request->user, csr));
	return request->token.hash.n > 0 ? check_token(op, &request->token, csr) : OK;
}
