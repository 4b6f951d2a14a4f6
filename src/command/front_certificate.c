/*
 * The server's own TLS certificate: issued by its own CA through the internal
 * door, for a key that lives in this process only, renewed long before it ends.
 */
#include "command/server_role.h"

#include <openssl/evp.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "ca/authorization.h"
#include "ca/issue.h"

static void free_chain(STACK_OF(X509) * *chain)
{
	sk_X509_pop_free(*chain, X509_free);
}

static result build_chain(struct op *op, const struct issued *issued, const struct ca *ca, STACK_OF(X509) * chain)
{
	const uint8_t *p = issued->der.p;
	X509 *leaf = d2i_X509(NULL, &p, (long)issued->der.n);
	if (leaf == NULL || sk_X509_push(chain, leaf) <= 0)
		return FAIL(op, ERR_BUG, "our own certificate cannot be read");
	for (; ca != NULL && ca->parent != NULL; ca = ca->parent)
		if (X509_up_ref(ca->certificate) != 1 || sk_X509_push(chain, ca->certificate) <= 0)
			return FAIL(op, ERR_BUG, "our own chain cannot be built");
	return OK;
}

static result issue_own(struct op *op, struct server *server, EVP_PKEY *key, struct issued *issued)
{
	const struct config *config = authority_config(server->authority);
	const struct identifier names[] = { { IDENTIFIER_DNS, config->host }, { IDENTIFIER_DNS, config->listen.mutual_host } };
	struct authorization_facts facts = { .door = DOOR_INTERNAL,
					     .profile = config->tls_profile,
					     .identifiers = names,
					     .n_identifiers = config->listen.mutual_host != NULL ? 2 : 1,
					     .main_name = config->host,
					     .requester = "system" };
	struct authorization *authorization;
	TRY(authorization_new(op, config, &facts, &authorization));
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	if (n <= 0)
		return FAIL(op, ERR_BUG, "our own key cannot be encoded");
	struct bytes spki = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return issue(op, server->authority, authorization, spki, issued);
}

result front_certificate_renew(struct op *op, struct server *server)
{
	const struct config *config = authority_config(server->authority);
	const struct config_profile *profile = config_profile(config, config->tls_profile);
	ASSERT(profile != NULL); /* config_check saw to it */
	if (server->certificate_until_s - clock_now_s() > profile->validity_s / 3)
		return OK;
	AUTO(EVP_PKEY) *key = EVP_EC_gen("P-256");
	if (key == NULL)
		return FAIL(op, ERR_BACKEND, "no key could be made for the server's certificate");
	struct issued issued;
	TRY(issue_own(op, server, key, &issued));
	__attribute__((cleanup(free_chain))) STACK_OF(X509) *chain = sk_X509_new_null();
	TRY(build_chain(op, &issued, hierarchy_find(server->authority->hierarchy, profile->ca), chain));
	TRY(front_set_certificate(op, server->front, chain, key));
	server->certificate_until_s = issued.not_after_s;
	log_info(op, "front.certificate", "serial %s for %s until %s", issued.serial, config->host,
		 clock_rfc3339(op->arena, issued.not_after_s));
	return OK;
}

static result task(struct op *op, void *arg)
{
	return front_certificate_renew(op, arg);
}

void front_certificate_add_task(struct server *server)
{
	const struct steward_task row = { "front-certificate", 600, 600, task, server };
	steward_add(server->steward, &row);
}
