/*
 * A small house for tests: a store in a folder of its own, the ceremony run with
 * the token in memory (fake_token.h), and the authority opened on it, with a
 * root and an issuing CA. All of it is the real code but for the token.
 */
#pragma once

#include "ca/authority.h"
#include "store/certificates.h"
#include "tests/fake/test_store.h"

struct fake_authority {
	struct op *op;
	struct arena *arena;     /* of the configuration and of what the functions below return */
	char dir[64];
	struct test_store store;
	struct config *config;   /* may be changed while the authority is closed */
	struct authority *authority;
	const struct ca *root, *issuing;
};

/* The folder, the configuration and the ceremony; then open. Aborts when something fails. */
struct fake_authority *fake_authority_new(void);
/* Everything but the authority. `ocsp_key`: "memory" or "token". */
struct fake_authority *fake_authority_prepare(const char *ocsp_key);
void fake_authority_open(struct fake_authority *fake);
void fake_authority_close(struct fake_authority *fake);
/* Closes it and removes the folder. */
void fake_authority_free(struct fake_authority **fake);

/*
 * Another node on the same store: with a folder, a name and a ledger of its own,
 * and the same token. A CA of one node is not a pointer of the other one.
 */
struct fake_node {
	char dir[64];
	struct arena *arena;
	struct authority *authority;
	const struct ca *root, *issuing;
};
struct fake_node *fake_node_open(struct fake_authority *fake);
void fake_node_close(struct fake_node **node); /* before the house */

/* A certificate's row in that status, without a certificate; its serial, random, as hex. */
const char *fake_authority_certificate(struct fake_authority *fake, const struct ca *ca, enum certificate_status status,
				       int64_t not_after_s);
/* What CERTIFICATE_INTENDED becomes. */
void fake_authority_finish(struct fake_authority *fake, const char *serial);
/* The row of a revocation, nothing else: no CRL, no cache. */
void fake_authority_revoke(struct fake_authority *fake, const struct ca *ca, const char *serial, int reason,
			   int64_t revoked_s, int64_t not_after_s);
