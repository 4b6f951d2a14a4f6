/* The token in memory: see fake_token.h. */
#include "tests/fake/fake_token.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/openssl_auto.h"
#include "base/random.h"
#include "base/text.h"

#define KEYS_MAX 64

struct fake_key {
	char label[64];
	uint8_t id[TOKEN_ID_SIZE];
	enum key_type type;
	bool unwraps;
	EVP_PKEY *key;
	EVP_PKEY *other; /* of the same type: what a confused token signs with */
};

struct token {
	unsigned signers;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct fake_key keys[KEYS_MAX];
static unsigned n_keys;
static struct fake_token_faults faults;
static uint64_t signatures;

void fake_token_set_faults(const struct fake_token_faults *from)
{
	pthread_mutex_lock(&mutex);
	faults = from != NULL ? *from : (struct fake_token_faults){ 0 };
	pthread_mutex_unlock(&mutex);
}

uint64_t fake_token_signatures(void)
{
	pthread_mutex_lock(&mutex);
	uint64_t n = signatures;
	pthread_mutex_unlock(&mutex);
	return n;
}

void fake_token_reset(void)
{
	pthread_mutex_lock(&mutex);
	for (unsigned i = 0; i < n_keys; i++) {
		EVP_PKEY_free(keys[i].key);
		EVP_PKEY_free(keys[i].other);
	}
	memset(keys, 0, sizeof keys);
	n_keys = 0;
	faults = (struct fake_token_faults){ 0 };
	signatures = 0;
	pthread_mutex_unlock(&mutex);
}

static struct fake_key *find_locked(const char *label)
{
	for (unsigned i = 0; i < n_keys; i++) {
		if (text_equal(keys[i].label, label))
			return &keys[i];
	}
	return NULL;
}

EVP_PKEY *fake_token_key(const char *label)
{
	pthread_mutex_lock(&mutex);
	struct fake_key *found = find_locked(label);
	pthread_mutex_unlock(&mutex);
	return found != NULL ? found->key : NULL;
}

/* True when this call is to fail; counts down to it. */
static bool is_failing(enum err *kind)
{
	pthread_mutex_lock(&mutex);
	bool fails = faults.fail != ERR_NONE && faults.fail_after == 0;
	if (faults.fail_after > 0)
		faults.fail_after--;
	*kind = faults.fail;
	pthread_mutex_unlock(&mutex);
	return fails;
}

#define FAIL_IF_TOLD(op)                                                     \
	do {                                                                 \
		enum err kind_;                                              \
		if (is_failing(&kind_))                                      \
			return FAIL((op), kind_, "the fake token was told to fail"); \
	} while (0)

struct token *token_new(unsigned signers, void (*recycle)(void *arg, unsigned index) UNUSED, void *arg UNUSED)
{
	struct token *token = calloc(1, sizeof *token);
	ASSERT(token != NULL);
	token->signers = signers;
	return token;
}

void token_free(struct token **token)
{
	free(*token);
	*token = NULL;
}

void token_attach(struct token *token UNUSED, unsigned index UNUSED, int own_fd)
{
	if (own_fd >= 0)
		close(own_fd);
}

bool token_is_up(struct token *token)
{
	return token != NULL;
}

result token_open_here(struct op *op, const char *dir UNUSED, struct token **out)
{
	FAIL_IF_TOLD(op);
	*out = token_new(1, NULL, NULL);
	return OK;
}

static EVP_PKEY *make_key(enum key_type type)
{
	switch (type) {
	case KEY_P256:
		return EVP_EC_gen("P-256");
	case KEY_P384:
		return EVP_EC_gen("P-384");
	case KEY_RSA2048:
		return EVP_RSA_gen(2048);
	case KEY_RSA3072:
		return EVP_RSA_gen(3072);
	case KEY_RSA4096:
		return EVP_RSA_gen(4096);
	default:
		return NULL;
	}
}

static struct bytes spki_of(struct op *op, EVP_PKEY *key)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	ASSERT(n > 0);
	struct bytes spki = arena_bytes(op->arena, (struct bytes){ der, (size_t)n });
	OPENSSL_free(der);
	return spki;
}

static result generate(struct op *op, const char *label, enum key_type type, bool unwraps, struct token_key *out)
{
	FAIL_IF_TOLD(op);
	struct fake_key made = { .type = type, .unwraps = unwraps, .key = make_key(type) };
	if (made.key == NULL || !text_copy(made.label, sizeof made.label, label)) {
		EVP_PKEY_free(made.key);
		return FAIL(op, ERR_POLICY, "the fake token makes no such key");
	}
	random_bytes(made.id, sizeof made.id);
	pthread_mutex_lock(&mutex);
	bool is_taken = n_keys == KEYS_MAX || find_locked(label) != NULL;
	if (!is_taken)
		keys[n_keys++] = made;
	pthread_mutex_unlock(&mutex);
	if (is_taken) {
		EVP_PKEY_free(made.key);
		return FAIL(op, ERR_CONFLICT, "the token has a key \"%s\" already", label);
	}
	*out = (struct token_key){ .type = type, .spki = spki_of(op, made.key) };
	memcpy(out->label, made.label, sizeof out->label);
	memcpy(out->id, made.id, sizeof out->id);
	return OK;
}

result token_generate(struct op *op, struct token *token UNUSED, const char *label, enum key_type type,
		      struct token_key *out)
{
	return generate(op, label, type, false, out);
}

result token_generate_unwrapping(struct op *op, struct token *token UNUSED, const char *label, enum key_type type,
				 struct token_key *out)
{
	if (type != KEY_RSA2048 && type != KEY_RSA3072 && type != KEY_RSA4096)
		return FAIL(op, ERR_POLICY, "a key of type %s decrypts nothing", key_type_name(type));
	return generate(op, label, type, true, out);
}

/* By label and id, and the public key must be the one that was asked for. Copied: keys are only ever added. */
static result find(struct op *op, const struct token_key *key, struct fake_key *out)
{
	pthread_mutex_lock(&mutex);
	struct fake_key *found = find_locked(key->label);
	bool is_there = found != NULL && memcmp(found->id, key->id, TOKEN_ID_SIZE) == 0;
	if (is_there)
		*out = *found;
	pthread_mutex_unlock(&mutex);
	if (!is_there)
		return FAIL(op, ERR_NOT_FOUND, "the token has no key \"%s\"", key->label);
	if (!bytes_equal(spki_of(op, out->key), key->spki))
		return FAIL(op, ERR_BACKEND, "the token's key \"%s\" is another one", key->label);
	return OK;
}

result token_check(struct op *op, struct token *token UNUSED, const struct token_key *key)
{
	struct fake_key found;
	FAIL_IF_TOLD(op);
	return find(op, key, &found);
}

/* The key that signs now: the right one, or on demand another. */
static EVP_PKEY *choose(const struct fake_key *found)
{
	pthread_mutex_lock(&mutex);
	struct fake_key *kept = find_locked(found->label);
	if (faults.is_key_wrong && kept->other == NULL)
		kept->other = make_key(kept->type);
	EVP_PKEY *chosen = faults.is_key_wrong ? kept->other : kept->key;
	signatures++;
	pthread_mutex_unlock(&mutex);
	return chosen;
}

result token_sign(struct op *op, struct token *token UNUSED, const struct token_key *key, struct bytes message,
		  struct bytes *signature)
{
	struct fake_key found;
	FAIL_IF_TOLD(op);
	TRY(find(op, key, &found));
	const EVP_MD *digest = found.type == KEY_P384 ? EVP_sha384() : EVP_sha256();
	AUTO(EVP_MD_CTX) *context = EVP_MD_CTX_new();
	uint8_t out[1024];
	size_t n = sizeof out;
	if (context == NULL || EVP_DigestSignInit(context, NULL, digest, NULL, choose(&found)) != 1 ||
	    EVP_DigestSign(context, out, &n, message.p, message.n) != 1)
		return FAIL(op, ERR_BACKEND, "the fake token cannot sign");
	pthread_mutex_lock(&mutex);
	out[n - 1] ^= faults.is_signature_wrong ? 1 : 0;
	pthread_mutex_unlock(&mutex);
	*signature = arena_bytes(op->arena, (struct bytes){ out, n });
	return OK;
}

result token_unwrap(struct op *op, struct token *token UNUSED, const struct token_key *key, struct bytes encrypted,
		    uint8_t *out, size_t n)
{
	struct fake_key found;
	uint8_t plain[1024];
	size_t plain_n = sizeof plain;
	FAIL_IF_TOLD(op);
	TRY(find(op, key, &found));
	if (!found.unwraps)
		return FAIL(op, ERR_BACKEND, "the key \"%s\" may not decrypt", key->label);
	AUTO(EVP_PKEY_CTX) *context = EVP_PKEY_CTX_new(found.key, NULL);
	bool is_right = context != NULL && EVP_PKEY_decrypt_init(context) == 1 &&
			EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
			EVP_PKEY_decrypt(context, plain, &plain_n, encrypted.p, encrypted.n) == 1 && plain_n == n;
	ERR_clear_error();
	random_bytes(out, n);
	if (is_right)
		memcpy(out, plain, n);
	return OK;
}

result token_describe(struct op *op, struct token *token UNUSED, char **out)
{
	FAIL_IF_TOLD(op);
	*out = arena_text(op->arena, "fake token in memory");
	return OK;
}

int signer_main(const char *name UNUSED, const char *dir UNUSED)
{
	return 1; /* there is no process to be */
}

result token_make_softhsm(struct op *op, const char *dir UNUSED, const char *module UNUSED, const char *label UNUSED,
			  const char *pin_file)
{
	FAIL_IF_TOLD(op);
	return files_write(op, pin_file, 0600, BYTES_LITERAL("fake\n"));
}
