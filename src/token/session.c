/* Log-in, the cache of keys, and signing (PKCS #11 v2.40; mechanisms 2.1.6 CKM_RSA_PKCS and 2.3.6 CKM_ECDSA). */
#include "token/session.h"

#include <pkcs11-helper-1.0/pkcs11h-certificate.h>
#include <pkcs11-helper-1.0/pkcs11h-token.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "token/key_pair.h"
#include "token/module.h"
#include "token/spki.h"
#include "token/unwrap.h"

#define SIGNATURE_MAX (LIMIT_RSA_MAX_BITS / 8)

/* A key that was found and compared; signing with it needs no search. */
struct cached_key {
	struct cached_key *next;
	struct token_key key; /* spki malloc'd */
	pkcs11h_certificate_t signer;
	struct unwrap_key unwrapping; /* the private key, in the session of `unwrapper` */
	bool has_unwrapping;
};

struct session {
	struct module module;
	struct module_token token;
	pkcs11h_token_id_t token_id;
	struct cached_key *keys;
	struct unwrapper unwrapper;
	bool is_lost;
	char trouble[64]; /* the name of the error that C_Sign returned last: "CKR_DEVICE_REMOVED" */
};

/*
 * libpkcs11-helper answers a failed C_Sign by logging in again, which we do not
 * let it; so what it returns is that refusal. The error of C_Sign itself is only
 * in its log.
 */
static void __attribute__((format(printf, 3, 0))) note_trouble(void *arg, unsigned flags, const char *format, va_list args)
{
	struct session *session = arg;
	char line[256];

	(void)flags;
	if (strstr(format, "operation failed") == NULL)
		return;
	vsnprintf(line, sizeof(line), format, args);
	char *name = strstr(line, "CKR_");
	if (name == NULL)
		return;
	name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] = '\0';
	text_copy(session->trouble, sizeof(session->trouble), name);
}

/* Whether an attempt may be made at all: the token's own flags tell before it is too late. */
static result check_pin_flags(struct op *op, const struct module_token *token)
{
	if ((token->flags & CKF_USER_PIN_LOCKED) != 0)
		return FAIL(op, ERR_DENIED, "the PIN of token \"%s\" is locked; unlock it with the token's own tool",
			    token->label);
	if ((token->flags & CKF_USER_PIN_FINAL_TRY) != 0)
		return FAIL(op, ERR_DENIED,
			    "token \"%s\" has one PIN attempt left, which is not taken; log in once with the token's own tool",
			    token->label);
	if ((token->flags & CKF_USER_PIN_COUNT_LOW) != 0)
		log_warning(op, "token.pin-count-low", "somebody has presented a wrong PIN to token \"%s\" before us",
			    token->label);
	return OK;
}

static bool is_same_token(const struct module_token *token, pkcs11h_token_id_t id)
{
	return text_equal(token->label, id->label) && text_equal(token->serial, id->serialNumber);
}

static result find_token_id(struct op *op, struct session *session)
{
	pkcs11h_token_id_list_t list = NULL;
	CK_RV rv = pkcs11h_token_enumTokenIds(PKCS11H_ENUM_METHOD_CACHE_EXIST, &list);

	for (pkcs11h_token_id_list_t at = list; rv == CKR_OK && at != NULL && session->token_id == NULL; at = at->next)
		if (is_same_token(&session->token, at->token_id))
			rv = pkcs11h_token_duplicateTokenId(&session->token_id, at->token_id);
	if (list != NULL)
		pkcs11h_token_freeTokenIdList(list);
	if (session->token_id == NULL)
		return FAIL(op, ERR_BACKEND, "token \"%s\" went away while it was opened (%s)", session->token.label,
			    module_error(rv));
	return OK;
}

static result start_helper(struct op *op, struct session *session, const char *module)
{
	CK_RV rv = pkcs11h_initialize();

	if (rv == CKR_OK)
		rv = pkcs11h_setMaxLoginRetries(1);
	if (rv == CKR_OK)
		rv = pkcs11h_setProtectedAuthentication(FALSE);
	if (rv == CKR_OK)
		rv = pkcs11h_setLogHook(note_trouble, session);
	pkcs11h_setLogLevel(PKCS11H_LOG_DEBUG1);
	/* It finds the module initialized by us and is content with that. */
	if (rv == CKR_OK)
		rv = pkcs11h_addProvider("token", module, FALSE, PKCS11H_PRIVATEMODE_MASK_AUTO,
					 PKCS11H_SLOTEVENT_METHOD_AUTO, 0, FALSE);
	return rv == CKR_OK ? OK : FAIL(op, ERR_BACKEND, "libpkcs11-helper does not start (%s)", module_error(rv));
}

/* The one C_Login of this process (F10). */
static result log_in(struct op *op, struct session *session, const struct config_token *config,
		     const struct secret *pin, bool *is_final)
{
	CK_RV rv = pkcs11h_token_login(session->token_id, TRUE, (const char *)secret_bytes(pin).p);

	if (rv == CKR_OK)
		return OK;
	*is_final = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_EXPIRED ||
		    rv == CKR_PIN_LOCKED || rv == CKR_USER_PIN_NOT_INITIALIZED;
	if (*is_final)
		return FAIL(op, ERR_DENIED,
			    "token \"%s\" refuses the PIN in %s (%s); correct that file, then start again: "
			    "no second attempt is made",
			    session->token.label, config->pin_file, module_error(rv));
	return FAIL(op, ERR_BACKEND, "token \"%s\" does not let us log in (%s)", session->token.label, module_error(rv));
}

static result open_with_pin(struct op *op, struct session *session, const struct config_token *config,
			    const struct secret *pin, bool *is_final)
{
	*is_final = true;
	result r = module_open(op, config->module, &session->module);
	/* A module that is there and does not start may wait for its device. */
	*is_final = r.err == ERR_NOT_FOUND || r.err == ERR_MALFORMED;
	TRY(r);
	TRY(module_find_token(op, &session->module, config->label, &session->token));
	r = check_pin_flags(op, &session->token);
	*is_final = r.err != ERR_NONE;
	TRY(r);
	TRY(start_helper(op, session, config->module));
	TRY(find_token_id(op, session));
	return log_in(op, session, config, pin, is_final);
}

result session_open(struct op *op, const struct config_token *config, struct session **out, bool *is_final)
{
	struct secret *pin = NULL;

	*is_final = true;
	TRY(op_explain(op, secret_read_file(op, config->pin_file, &pin), "the token's PIN"));
	struct session *session = calloc(1, sizeof(*session));
	ASSERT(session != NULL);
	result r = open_with_pin(op, session, config, pin, is_final);
	secret_free(&pin);
	if (r.err == ERR_NONE)
		*out = session;
	else
		session_close(&session);
	return r;
}

static void free_keys(struct session *session)
{
	for (struct cached_key *next, *at = session->keys; at != NULL; at = next) {
		next = at->next;
		pkcs11h_certificate_freeCertificate(at->signer);
		free((void *)at->key.spki.p);
		free(at);
	}
	session->keys = NULL;
}

void session_close(struct session **session)
{
	struct session *gone = *session;

	if (gone == NULL)
		return;
	free_keys(gone);
	if (gone->token_id != NULL)
		pkcs11h_token_freeTokenId(gone->token_id);
	/* Without pkcs11h_terminate: it destroys mutexes that it holds, and the process is about to end. */
	module_close(&gone->module);
	free(gone);
	*session = NULL;
}

bool session_is_lost(const struct session *session)
{
	return session->is_lost;
}

/*
 * After a failure that may be the key's or the session's: a new session must be
 * to be had, and be logged in, for log-in is the state of the whole process.
 */
static void probe(struct session *session)
{
	CK_FUNCTION_LIST *f = session->module.f;
	CK_SESSION_HANDLE handle;
	CK_SESSION_INFO info = { 0 };

	if (f->C_OpenSession(session->token.slot, CKF_SERIAL_SESSION, NULL, NULL, &handle) != CKR_OK) {
		session->is_lost = true;
		return;
	}
	if (f->C_GetSessionInfo(handle, &info) != CKR_OK || info.state != CKS_RO_USER_FUNCTIONS)
		session->is_lost = true;
	f->C_CloseSession(handle);
}

static struct cached_key *find_cached(const struct session *session, const struct token_key *key)
{
	for (struct cached_key *at = session->keys; at != NULL; at = at->next)
		if (memcmp(at->key.id, key->id, sizeof(key->id)) == 0 && strcmp(at->key.label, key->label) == 0)
			return at;
	return NULL;
}

static result cache_key(struct op *op, struct session *session, const struct token_key *key, struct cached_key **out)
{
	struct pkcs11h_certificate_id_s id = { .token_id = session->token_id,
					       .attrCKA_ID = (CK_BYTE_PTR)key->id,
					       .attrCKA_ID_size = sizeof(key->id) };
	pkcs11h_certificate_t signer;

	/* No prompts of any kind: the library must not log in by itself. */
	CK_RV rv = pkcs11h_certificate_create(&id, NULL, 0, PKCS11H_PIN_CACHE_INFINITE, &signer);
	if (rv != CKR_OK)
		return FAIL(op, ERR_BACKEND, "the key \"%s\" cannot be used (%s)", key->label, module_error(rv));
	struct cached_key *cached = calloc(1, sizeof(*cached));
	uint8_t *spki = malloc(key->spki.n);
	ASSERT(cached != NULL && spki != NULL);
	memcpy(spki, key->spki.p, key->spki.n);
	*cached = (struct cached_key){ .next = session->keys, .key = *key, .signer = signer };
	cached->key.spki = (struct bytes){ spki, key->spki.n };
	session->keys = cached;
	*out = cached;
	return OK;
}

/* From the cache, or found and compared now. */
static result find_key(struct op *op, struct session *session, const struct token_key *key, struct cached_key **out)
{
	*out = find_cached(session, key);
	if (*out != NULL && !bytes_equal((*out)->key.spki, key->spki))
		return FAIL(op, ERR_CONFLICT, "the key \"%s\" in the token has another public key than was asked for",
			    key->label);
	if (*out != NULL)
		return OK;
	result r = key_pair_check(op, &session->module, session->token.slot, key);
	if (r.err == ERR_NONE)
		r = cache_key(op, session, key, out);
	if (r.err != ERR_NONE)
		probe(session);
	return r;
}

/* What C_Sign gets: the digest for ECDSA, a DigestInfo for RSA (RFC 8017 section 9.2, note 1). */
static struct bytes signature_input(struct op *op, enum key_type type, struct bytes digest, CK_MECHANISM_TYPE *mechanism)
{
	static const uint8_t sha256_info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					       0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };
	struct buf buf;

	*mechanism = CKM_ECDSA;
	if (type == KEY_P256 || type == KEY_P384)
		return digest;
	*mechanism = CKM_RSA_PKCS;
	buf_init(&buf, op->arena, sizeof(sha256_info) + digest.n);
	buf_put(&buf, sha256_info, sizeof(sha256_info));
	buf_bytes(&buf, digest);
	return buf_as_bytes(&buf);
}

result session_sign(struct op *op, struct session *session, const struct token_key *key, struct bytes digest,
		    struct bytes *raw)
{
	struct cached_key *cached;
	CK_MECHANISM_TYPE mechanism;
	size_t n = SIGNATURE_MAX;

	if (digest.n != spki_digest_size(key->type))
		return FAIL(op, ERR_MALFORMED, "a digest of %zu bytes is not what a %s key signs", digest.n,
			    key_type_name(key->type));
	TRY(find_key(op, session, key, &cached));
	uint8_t *p = arena_alloc(op->arena, n);
	struct bytes input = signature_input(op, key->type, digest, &mechanism);
	CK_RV rv = pkcs11h_certificate_signAny(cached->signer, mechanism, input.p, input.n, p, &n);
	if (rv != CKR_OK) {
		/* The library has logged out on its way: there is no going on in this process. */
		session->is_lost = true;
		return FAIL(op, ERR_BUSY, "the token did not sign with \"%s\" (%s); the signer starts again, try later",
			    key->label, session->trouble[0] != '\0' ? session->trouble : module_error(rv));
	}
	*raw = (struct bytes){ p, n };
	return OK;
}

/* The message begins with words, so that its signature can never be that of a certificate or CRL. */
static result prove(struct op *op, struct session *session, const struct token_key *key)
{
	uint8_t message[] = "chancery key check: ................................";
	uint8_t digest[SPKI_DIGEST_MAX];
	struct bytes raw, signature;

	random_bytes(message + sizeof(message) - 33, 32);
	size_t n = spki_digest(key->type, (struct bytes)BYTES_ARRAY(message), digest);
	TRY(session_sign(op, session, key, (struct bytes){ digest, n }, &raw));
	TRY(spki_signature(op, key->type, raw, &signature));
	if (!spki_verifies(key->spki, key->type, (struct bytes)BYTES_ARRAY(message), signature))
		return FAIL(op, ERR_CONFLICT, "what the token signs with \"%s\" does not verify with its public key",
			    key->label);
	return OK;
}

result session_check(struct op *op, struct session *session, const struct token_key *key)
{
	/* Not from the cache: the question is what is in the token now. */
	result r = key_pair_check(op, &session->module, session->token.slot, key);

	if (r.err != ERR_NONE)
		probe(session);
	TRY(r);
	return prove(op, session, key);
}

result session_unwrap(struct op *op, struct session *session, const struct token_key *key, struct bytes encrypted,
		      uint8_t *out, size_t n)
{
	struct cached_key *cached;

	TRY(find_key(op, session, key, &cached));
	if (!cached->has_unwrapping) {
		result r = unwrap_find(op, &session->module, &session->token, &session->unwrapper, key, &cached->unwrapping);
		if (r.err != ERR_NONE)
			probe(session);
		TRY(r);
		cached->has_unwrapping = true;
	}
	return unwrap_run(op, &session->module, &session->unwrapper, key, &cached->unwrapping, encrypted, out, n,
			  &session->is_lost);
}

result session_generate(struct op *op, struct session *session, const char *label, enum key_type type, bool unwraps,
			struct token_key *out)
{
	result r = key_pair_generate(op, &session->module, session->token.slot, label, type, unwraps, out);

	if (r.err == ERR_BACKEND)
		probe(session);
	return r;
}

char *session_describe(struct op *op, const struct session *session)
{
	const struct module_token *token = &session->token;

	return arena_printf(op->arena, "%s %s serial %s firmware %u.%u%s", token->manufacturer, token->model, token->serial,
			    token->firmware_major, token->firmware_minor,
			    token->has_raw_rsa ? "" : " (no raw RSA: it checks the padding for SCEP itself)");
}
