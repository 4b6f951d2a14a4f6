/*
 * SignedData around SignedData (RFC 8894 section 4.7.1): the content, of type id-data
 * as in all messages of SCEP, is the certs-only form that GetCACert has. The
 * certificates stand in the outer message as well, behind the signer's: jscep looks
 * for them there, and libraries look for the signer.
 */
#include "protocols/scep/next_ca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/certs_only.h"
#include "ca/cms.h"
#include "ca/sign.h"
#include "ca/signed_data.h"

#define FILE_LIMIT 65536
#define CERTIFICATES_MAX 16

/* What a file holds. */
struct certificates {
	struct bytes of[1 + CERTIFICATES_MAX]; /* the first place is for the signer's */
	unsigned n;
	int64_t ends_s; /* of the first one that ends */
};

/* What one endpoint announces. */
struct slot {
	const char *endpoint;
	uint8_t *message;          /* malloc'ed; NULL: nothing, and the rest does not count */
	size_t n_message;
	const char *ca;            /* who signed it: of the hierarchy */
	uint8_t hash[SHA256_SIZE]; /* of its certificate and what the file held */
	int64_t ends_s;
};

struct next_cas {
	struct authority *authority;
	pthread_mutex_t mutex; /* guards the slots, which the steward alone changes */
	struct slot *slots;
	unsigned n;
	struct arena *arena; /* of slots and endpoints' names */
};

struct next_cas *next_cas_new(struct authority *authority)
{
	const struct config *config = authority_config(authority);
	struct next_cas *all = calloc(1, sizeof *all);
	ASSERT(all != NULL);
	all->authority = authority;
	ASSERT(pthread_mutex_init(&all->mutex, NULL) == 0);
	all->arena = arena_new();
	all->n = config->n_scep;
	all->slots = arena_alloc_array(all->arena, all->n, sizeof *all->slots);
	for (unsigned i = 0; i < all->n; i++)
		all->slots[i] = (struct slot){ .endpoint = arena_text(all->arena, config->scep[i].name) };
	return all;
}

void next_cas_free(struct next_cas **all)
{
	struct next_cas *a = *all;
	if (a == NULL)
		return;
	for (unsigned i = 0; i < a->n; i++)
		free(a->slots[i].message);
	pthread_mutex_destroy(&a->mutex);
	arena_free(&a->arena);
	free(a);
	*all = NULL;
}

static struct slot *slot_of(struct next_cas *all, const char *endpoint)
{
	for (unsigned i = 0; i < all->n; i++)
		if (text_equal(all->slots[i].endpoint, endpoint))
			return &all->slots[i];
	return NULL; /* it came with a reload, and has no address before the next start */
}

/* Puts `with` into the place of what was there. The steward alone comes here, and reads without the mutex therefore. */
static void swap(struct next_cas *all, struct slot *slot, struct slot *with)
{
	uint8_t *old = slot->message;
	with->endpoint = slot->endpoint;
	pthread_mutex_lock(&all->mutex);
	*slot = *with;
	pthread_mutex_unlock(&all->mutex);
	free(old);
}

/* --- The file. */

static bool end_of(X509 *certificate, int64_t *end_s)
{
	int days, seconds;
	AUTO(ASN1_TIME) *epoch = ASN1_TIME_set(NULL, 0);
	if (epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(certificate)) != 1)
		return false;
	*end_s = INT64_C(86400) * days + seconds;
	return true;
}

static result take_certificate(struct op *op, const char *path, X509 *certificate, struct certificates *out)
{
	int64_t end_s;
	unsigned char *der = NULL;
	if (out->n == 0 && X509_check_ca(certificate) != 1)
		return FAIL(op, ERR_POLICY, "the first certificate in %s is not that of a CA", path);
	if (out->n == CERTIFICATES_MAX)
		return FAIL(op, ERR_LIMIT, "%s holds more than %d certificates", path, CERTIFICATES_MAX);
	if (!end_of(certificate, &end_s) || end_s < clock_now_s())
		return FAIL(op, ERR_POLICY, "certificate %u in %s has expired", out->n + 1, path);
	int n = i2d_X509(certificate, &der);
	ASSERT(n > 0);
	out->of[1 + out->n] = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	if (out->n++ == 0 || end_s < out->ends_s)
		out->ends_s = end_s;
	return OK;
}

/* Text around certificates is passed over; what calls itself a certificate and is none is not. */
static result read_file(struct op *op, const char *path, struct certificates *out)
{
	struct bytes content;
	TRY(files_read(op, path, FILE_LIMIT, &content));
	AUTO(BIO) *pem = BIO_new_mem_buf(content.p, (int)content.n);
	ASSERT(pem != NULL);
	for (out->n = 0;;) {
		AUTO(X509) *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
		if (certificate == NULL)
			break;
		TRY(take_certificate(op, path, certificate, out));
	}
	bool is_at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	ERR_clear_error();
	if (!is_at_end || out->n == 0)
		return FAIL(op, ERR_MALFORMED, "certificate %u in %s is none in PEM form", out->n + 1, path);
	return OK;
}

result next_ca_check(struct op *op, const struct config_scep *settings)
{
	struct certificates certificates;
	return op_explain(op, read_file(op, settings->next_ca, &certificates), "next_ca");
}

/* --- The message. */

struct signing {
	struct authority *authority;
	const struct ca *ca;
};

static result sign(struct op *op, void *arg, struct bytes attributes, struct bytes *signature)
{
	const struct signing *signing = arg;
	return sign_next_ca(op, signing->authority->token, signing->ca, attributes, signature);
}

static enum signed_data_algorithm algorithm_of(enum key_type type)
{
	switch (type) {
	case KEY_P256:
		return SIGNED_ECDSA_SHA256;
	case KEY_P384:
		return SIGNED_ECDSA_SHA384;
	default:
		return SIGNED_RSA_SHA256; /* CAs have no other keys (chancery init) */
	}
}

static result make_message(struct op *op, struct authority *authority, const struct ca *ca, struct certificates *certificates,
			   struct slot *slot)
{
	struct bytes message;
	struct signing signing = { authority, ca };
	certificates->of[0] = ca->der;
	const struct signed_data_writing writing = { .type = cms_data_oid,
						     .content = certs_only(op->arena, certificates->of + 1, certificates->n),
						     .certificates = certificates->of,
						     .n_certificates = 1 + certificates->n,
						     .algorithm = algorithm_of(ca->key.type),
						     .signer = ca->der,
						     .sign = sign,
						     .arg = &signing };
	TRY(signed_data_write_by(op, &writing, &message));
	slot->message = malloc(message.n);
	ASSERT(slot->message != NULL);
	memcpy(slot->message, message.p, message.n);
	slot->n_message = message.n;
	return OK;
}

/* --- From time to time. */

static void hash_of(struct op *op, const struct ca *ca, const struct certificates *certificates, uint8_t hash[SHA256_SIZE])
{
	struct buf all;
	buf_init(&all, op->arena, 4096);
	buf_bytes(&all, ca->der);
	for (unsigned i = 0; i < certificates->n; i++)
		buf_bytes(&all, certificates->of[1 + i]);
	bytes_sha256(buf_as_bytes(&all), hash);
}

/* What is to be announced from now on; nothing after a failure. */
static result look(struct op *op, struct authority *authority, const char *path, const struct ca *ca, struct slot *slot)
{
	struct certificates certificates;
	uint8_t hash[SHA256_SIZE];
	TRY(read_file(op, path, &certificates));
	if (bytes_equal(certificates.of[1], ca->der))
		return FAIL(op, ERR_POLICY, "%s has the certificate of CA %s itself, not that of the next one", path, ca->name);
	hash_of(op, ca, &certificates, hash);
	if (slot->message != NULL && memcmp(slot->hash, hash, sizeof hash) == 0)
		return OK;
	struct slot fresh = { .ca = ca->name, .ends_s = certificates.ends_s };
	TRY(make_message(op, authority, ca, &certificates, &fresh));
	memcpy(fresh.hash, hash, sizeof hash);
	*slot = fresh;
	return OK;
}

static result refresh_one(struct op *op, struct next_cas *all, const struct config *config, const struct config_scep *settings)
{
	struct slot *slot = slot_of(all, settings->name);
	if (slot == NULL)
		return OK;
	struct slot with = *slot;
	const struct config_profile *profile = config_profile(config, settings->profile);
	ASSERT(profile != NULL); /* a configuration that was loaded names what there is */
	const struct ca *ca = hierarchy_find(all->authority->hierarchy, profile->ca);
	bool has_one = settings->next_ca != NULL && ca != NULL;
	result r = has_one ? look(op, all->authority, settings->next_ca, ca, &with) : OK;
	if (!has_one || r.err != ERR_NONE)
		with = (struct slot){ .message = NULL };
	if (with.message != slot->message)
		swap(all, slot, &with);
	return r;
}

result next_cas_refresh(struct op *op, struct next_cas *all)
{
	const struct config *config = authority_config(all->authority);
	result first = OK;
	for (unsigned i = 0; i < config->n_scep; i++) {
		result r = op_explain(op, refresh_one(op, all, config, &config->scep[i]), "SCEP endpoint %s", config->scep[i].name);
		if (r.err == ERR_NONE)
			continue;
		log_failure(op, "scep.next-ca");
		if (first.err == ERR_NONE)
			first = r;
	}
	return first;
}

bool next_ca_find(struct arena *arena, struct next_cas *all, const struct config_scep *settings, const char *ca,
		  struct bytes *message)
{
	if (settings->next_ca == NULL)
		return false;
	pthread_mutex_lock(&all->mutex);
	const struct slot *slot = slot_of(all, settings->name);
	bool is_there = slot != NULL && slot->message != NULL && text_equal(slot->ca, ca) && clock_now_s() <= slot->ends_s;
	if (is_there)
		*message = arena_bytes(arena, (struct bytes){ slot->message, slot->n_message });
	pthread_mutex_unlock(&all->mutex);
	return is_there;
}
