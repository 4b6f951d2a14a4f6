/*
 * The CAs of this house, as loaded at start: certificates, keys, chains and the
 * forms of them that protocols serve. Immutable once loaded; any thread.
 */
#pragma once

#include <openssl/x509.h>

#include "store/store.h"
#include "token/token.h"

struct ca {
	const char *name;
	const struct ca *parent;       /* NULL: root */
	struct token_key key;
	EVP_PKEY *public_key;
	X509 *certificate;
	struct bytes der;
	struct bytes subject;          /* DER Name, issuer of its children */
	struct bytes key_identifier;   /* its SKI: AKI of its children */
	/* CertID hashes (RFC 6960 section 4.1.1): of the subject Name and of the key BIT STRING. */
	uint8_t name_sha1[SHA1_SIZE], key_sha1[SHA1_SIZE];
	uint8_t name_sha256[SHA256_SIZE], key_sha256[SHA256_SIZE];
	const char *chain_pem;         /* this certificate, then its parents, without the root */
	int64_t not_before_s, not_after_s;
	const struct config_ca *config;
};

struct hierarchy {
	struct ca *cas;
	unsigned n;
	struct token_key audit_key;
	bool has_audit_key;
	struct arena *arena;
};

result hierarchy_load(struct op *op, struct store *store, const struct config *config, struct hierarchy **out);
void hierarchy_free(struct hierarchy **hierarchy);
const struct ca *hierarchy_find(const struct hierarchy *hierarchy, const char *name); /* NULL: none */
