/*
 * Loading the hierarchy: rows to certificates, keys and the forms that
 * protocols need, all made once so that requests only read.
 */
#include "ca/hierarchy.h"

#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/openssl_auto.h"
#include "base/text.h"
#include "store/authorities.h"

static result key_from_row(struct op *op, struct arena *arena, const struct key_row *row, struct token_key *key)
{
	if (!text_copy(key->label, sizeof key->label, row->label) || row->id.n != sizeof key->id ||
	    !key_type_parse(row->type, &key->type))
		return FAIL(op, ERR_BACKEND, "the store's row of key %s is damaged: restore a backup", row->label);
	memcpy(key->id, row->id.p, sizeof key->id);
	key->spki = arena_bytes(arena, row->spki);
	return OK;
}

static result time_of(struct op *op, const ASN1_TIME *time, int64_t *out)
{
	struct tm tm;
	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return FAIL(op, ERR_BACKEND, "a CA certificate in the store has an unreadable date");
	*out = (int64_t)timegm(&tm);
	return OK;
}

static char *pem_of(struct arena *arena, X509 *certificate)
{
	AUTO(BIO) *memory = BIO_new(BIO_s_mem());
	ASSERT(memory != NULL && PEM_write_bio_X509(memory, certificate) == 1);
	char *text;
	long n = BIO_get_mem_data(memory, &text);
	return arena_text_n(arena, text, (size_t)n);
}

/* The hashes of CertID: RFC 6960 section 4.1.1, over the Name and over the key bits. */
static void hash_for_cert_ids(struct ca *ca)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(ca->certificate);
	struct bytes key = { ASN1_STRING_get0_data(bits), (size_t)ASN1_STRING_length(bits) };
	bytes_sha1(ca->subject, ca->name_sha1);
	bytes_sha256(ca->subject, ca->name_sha256);
	bytes_sha1(key, ca->key_sha1);
	bytes_sha256(key, ca->key_sha256);
}

static result read_certificate(struct op *op, struct arena *arena, const struct authority_row *row, struct ca *ca)
{
	ca->name = arena_text(arena, row->name);
	ca->der = arena_bytes(arena, row->certificate);
	const uint8_t *p = ca->der.p;
	ca->certificate = d2i_X509(NULL, &p, (long)ca->der.n);
	if (ca->certificate == NULL)
		return FAIL(op, ERR_BACKEND, "the certificate of CA %s in the store is unreadable: restore a backup", row->name);
	ca->public_key = X509_get_pubkey(ca->certificate);
	const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(ca->certificate);
	const unsigned char *name = NULL;
	size_t name_n = 0;
	if (ca->public_key == NULL || ski == NULL ||
	    X509_NAME_get0_der(X509_get_subject_name(ca->certificate), &name, &name_n) != 1)
		return FAIL(op, ERR_BACKEND, "the certificate of CA %s lacks a key or a key identifier", row->name);
	ca->subject = arena_bytes(arena, (struct bytes){ name, name_n });
	ca->key_identifier = arena_bytes(
		arena, (struct bytes){ ASN1_STRING_get0_data(ski), (size_t)ASN1_STRING_length(ski) });
	TRY(time_of(op, X509_get0_notBefore(ca->certificate), &ca->not_before_s));
	TRY(time_of(op, X509_get0_notAfter(ca->certificate), &ca->not_after_s));
	hash_for_cert_ids(ca);
	return OK;
}

/* The key row must be the certificate's key: a store put together from two would sign for nobody. */
static result bind_key(struct op *op, struct ca *ca)
{
	AUTO(EVP_PKEY) *key = NULL;
	const uint8_t *p = ca->key.spki.p;
	key = d2i_PUBKEY(NULL, &p, (long)ca->key.spki.n);
	if (key == NULL || EVP_PKEY_eq(key, ca->public_key) != 1)
		return FAIL(op, ERR_BACKEND, "CA %s: its certificate and its key %s do not belong together", ca->name,
			    ca->key.label);
	return OK;
}

static result load_one(struct op *op, struct hierarchy *h, struct db *db, const struct config *config,
		       const struct authority_row *row, struct ca *ca)
{
	TRY(read_certificate(op, h->arena, row, ca));
	struct key_row key;
	TRY(key_load(op, db, row->key_label, &key));
	TRY(key_from_row(op, h->arena, &key, &ca->key));
	TRY(bind_key(op, ca));
	ca->config = config_ca(config, ca->name);
	if (ca->config == NULL)
		return FAIL(op, ERR_POLICY, "the store has a CA named %s and chancery.yaml has not: add it under cas:", ca->name);
	return OK;
}

/* Rows come in the order of creation, so that a parent stands before its children. */
static result link_parents(struct op *op, struct hierarchy *h, const struct authority_row *rows)
{
	for (unsigned i = 0; i < h->n; i++) {
		struct ca *ca = &h->cas[i];
		if (rows[i].parent != NULL) {
			ca->parent = hierarchy_find(h, rows[i].parent);
			if (ca->parent == NULL || ca->parent >= ca)
				return FAIL(op, ERR_BACKEND, "CA %s names a parent %s that does not stand before it",
					    ca->name, rows[i].parent);
			ca->chain_pem = arena_printf(h->arena, "%s%s", pem_of(h->arena, ca->certificate),
						     ca->parent->chain_pem);
		} else {
			ca->chain_pem = ""; /* a chain leaves out its root */
		}
	}
	return OK;
}

static result load_all(struct op *op, struct hierarchy *h, struct db *db, const struct config *config)
{
	struct authority_row *rows;
	unsigned n;
	TRY(authority_list(op, db, &rows, &n));
	h->cas = arena_alloc_array(h->arena, n, sizeof *h->cas);
	for (unsigned i = 0; i < n; i++) {
		h->n = i + 1; /* so that a failure frees what this one had got */
		TRY(load_one(op, h, db, config, &rows[i], &h->cas[i]));
	}
	TRY(link_parents(op, h, rows));
	struct key_row key;
	result r = key_load_by_purpose(op, db, "audit", &key);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	TRY(key_from_row(op, h->arena, &key, &h->audit_key));
	h->has_audit_key = true;
	return OK;
}

result hierarchy_load(struct op *op, struct store *store, const struct config *config, struct hierarchy **out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, store, &lease));
	struct arena *arena = arena_new();
	struct hierarchy *h = arena_alloc(arena, sizeof *h);
	h->arena = arena;
	result r = load_all(op, h, lease.db, config);
	if (r.err != ERR_NONE) {
		hierarchy_free(&h);
		return r;
	}
	*out = h;
	return OK;
}

void hierarchy_free(struct hierarchy **hierarchy)
{
	struct hierarchy *h = *hierarchy;
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->n; i++) {
		X509_free(h->cas[i].certificate);
		EVP_PKEY_free(h->cas[i].public_key);
	}
	struct arena *arena = h->arena; /* h itself lies in it */
	arena_free(&arena);
	*hierarchy = NULL;
}

const struct ca *hierarchy_find(const struct hierarchy *hierarchy, const char *name)
{
	for (unsigned i = 0; i < hierarchy->n; i++)
		if (text_equal(hierarchy->cas[i].name, name))
			return &hierarchy->cas[i];
	return NULL;
}
