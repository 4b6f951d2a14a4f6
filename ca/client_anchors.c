/* OpenSSL's path validation, with times, limits and sentences of our own. */
#include "ca/client_anchors.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/openssl_auto.h"

#define CHAIN_DEPTH 5

AUTO_DEFINE(X509_STORE, X509_STORE_free);
AUTO_DEFINE(X509_STORE_CTX, X509_STORE_CTX_free);

struct client_anchors {
	X509_STORE *store;
	bool has_crls;
};

void client_anchors_free(struct client_anchors **anchors)
{
	if (*anchors == NULL)
		return;
	X509_STORE_free((*anchors)->store);
	free(*anchors);
	*anchors = NULL;
}

static result read_file(struct op *op, const char *what, const char *path, struct bytes *out)
{
	result r = files_read(op, path, LIMIT_ANCHOR_FILE, out);
	if (r.err == ERR_NOT_FOUND || r.err == ERR_LIMIT)
		return op_explain(op, r, "the file of %s %s cannot be read", what, path);
	return r;
}

static result add_certificates(struct op *op, X509_STORE *store, const char *path)
{
	struct bytes content;
	unsigned n = 0;
	TRY(read_file(op, "trust anchors", path, &content));
	AUTO(BIO) *pem = BIO_new_mem_buf(content.p, (int)content.n);
	ASSERT(pem != NULL);
	for (;; n++) {
		AUTO(X509) *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
		if (certificate == NULL)
			break;
		if (X509_STORE_add_cert(store, certificate) != 1)
			return FAIL(op, ERR_BUG, "a certificate of %s cannot be taken as an anchor", path);
	}
	ERR_clear_error();
	return n > 0 ? OK : FAIL(op, ERR_MALFORMED, "%s holds no certificate in PEM form", path);
}

/* The next one of a file; NULL: there is none, or what is there is no CRL. */
static X509_CRL *next_crl(BIO *file, bool is_der)
{
	return is_der ? d2i_X509_CRL_bio(file, NULL) : PEM_read_bio_X509_CRL(file, NULL, NULL, NULL);
}

/* DER begins with a SEQUENCE, PEM with text. */
static result add_crls(struct op *op, X509_STORE *store, const char *path)
{
	struct bytes content;
	unsigned n = 0;
	TRY(read_file(op, "CRLs", path, &content));
	bool is_der = content.n > 0 && content.p[0] == 0x30;
	AUTO(BIO) *file = BIO_new_mem_buf(content.p, (int)content.n);
	ASSERT(file != NULL);
	for (;; n++) {
		AUTO(X509_CRL) *crl = next_crl(file, is_der);
		if (crl == NULL)
			break;
		if (X509_STORE_add_crl(store, crl) != 1)
			return FAIL(op, ERR_BUG, "a CRL of %s cannot be taken", path);
	}
	ERR_clear_error();
	if (n == 0 || (is_der && BIO_pending(file) > 0))
		return FAIL(op, ERR_MALFORMED, "%s holds no CRL in PEM or DER form", path);
	return OK;
}

result client_anchors_load(struct op *op, const struct config_texts *files, const struct config_texts *crls,
			   struct client_anchors **out)
{
	AUTO(X509_STORE) *store = X509_STORE_new();
	ASSERT(store != NULL);
	for (unsigned i = 0; i < files->n; i++)
		TRY(add_certificates(op, store, files->items[i]));
	for (unsigned i = 0; i < crls->n; i++)
		TRY(add_crls(op, store, crls->items[i]));
	struct client_anchors *anchors = calloc(1, sizeof *anchors);
	ASSERT(anchors != NULL);
	anchors->store = TAKE(store);
	anchors->has_crls = crls->n > 0;
	*out = anchors;
	return OK;
}

static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_pop_free(*stack, X509_free);
}

/* What cannot be read is passed over: the path may do without it. */
static void add_others(STACK_OF(X509) * others, const struct bytes *chain, unsigned n_chain)
{
	for (unsigned i = 1; i < n_chain; i++) {
		const uint8_t *p = chain[i].p;
		X509 *other = d2i_X509(NULL, &p, (long)chain[i].n);
		if (other != NULL && sk_X509_push(others, other) <= 0)
			X509_free(other);
	}
}

/* Whoever named a CRL named that of the CA that devices are of; those above it rarely have one that is published. */
static int forgive_missing_crls_above(int is_good, X509_STORE_CTX *path)
{
	return is_good || (X509_STORE_CTX_get_error(path) == X509_V_ERR_UNABLE_TO_GET_CRL && X509_STORE_CTX_get_error_depth(path) > 0);
}

static void set_rules(X509_STORE_CTX *path, bool has_crls)
{
	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(path);
	X509_VERIFY_PARAM_set_depth(rules, CHAIN_DEPTH);
	X509_VERIFY_PARAM_set_time(rules, clock_now_s());
	ASSERT(X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT) == 1); /* the CAs in between are asked, too */
	X509_VERIFY_PARAM_set_auth_level(rules, 2); /* 112 bits: no SHA-1, no RSA below 2048 */
	/* A manufacturer's issuing CA may itself be the anchor that was named. */
	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT);
	if (!has_crls)
		return;
	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_verify_cb(path, forgive_missing_crls_above);
}

static const char *reason_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_REVOKED:
		return "a CRL of its issuer says that it was revoked";
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return "there is no CRL of its issuer in anchor_crls, and without one nobody knows whether it was revoked";
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return "the CRL of its issuer in anchor_crls has expired; the operator of this server has to get the next one, and reload";
	default:
		return X509_verify_cert_error_string(error);
	}
}

result client_anchors_verify(struct op *op, const struct client_anchors *anchors, X509 *leaf, const struct bytes *chain,
			     unsigned n_chain, STACK_OF(X509) **own_path)
{
	AUTO(X509_STORE_CTX) *path = X509_STORE_CTX_new();
	__attribute__((cleanup(free_stack))) STACK_OF(X509) *others = sk_X509_new_null();
	ASSERT(path != NULL && others != NULL);
	add_others(others, chain, n_chain);
	ASSERT(X509_STORE_CTX_init(path, anchors->store, leaf, others) == 1);
	set_rules(path, anchors->has_crls);
	bool is_good = X509_verify_cert(path) == 1;
	ERR_clear_error();
	if (!is_good)
		return FAIL(op, ERR_UNAUTHENTIC, "the client's certificate is not trusted here: %s",
			    reason_of(X509_STORE_CTX_get_error(path)));
	*own_path = X509_STORE_CTX_get1_chain(path);
	ASSERT(*own_path != NULL);
	return OK;
}
