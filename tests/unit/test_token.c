/*
 * The token with a real SoftHSM behind it: keys are made in it, found again by
 * label, id and public key, and sign; what is wrong with it is said in one
 * sentence that helps.
 */
#include "token/token.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/files.h"
#include "base/secret.h"
#include "check.h"
#include "fixture.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "token/module.h"
#include "token_fixture.h"

static struct house house;

static int house_setup(void **state)
{
	struct op *op = op_new();

	(void)state;
	house_make(op, &house);
	op_free(&op);
	return 0;
}

static int house_teardown(void **state)
{
	(void)state;
	house_remove(&house);
	return 0;
}

static struct token *open_token(struct op *op)
{
	struct token *token;

	assert_ok(op, token_open_here(op, house.dir, &token));
	return token;
}

static void sign_and_verify(struct op *op, struct token *token, const struct token_key *key)
{
	struct bytes message = BYTES_LITERAL("to be signed");
	struct bytes signature;

	assert_ok(op, token_sign(op, token, key, message, &signature));
	assert_true(house_verifies(key, message, signature));
	assert_false(house_verifies(key, BYTES_LITERAL("To be signed"), signature));
}

/* A key of each kind: made, checked, used, and found again by a process that has not made it. */
static void a_key_of(struct op *op, enum key_type type)
{
	struct token *token = open_token(op);
	struct token_key key;

	assert_ok(op, token_generate(op, token, key_type_name(type), type, &key));
	assert_string_equal(key.label, key_type_name(type));
	assert_int_equal(key.type, type);
	assert_ok(op, token_check(op, token, &key));
	sign_and_verify(op, token, &key);
	token_free(&token);
	assert_null(token);

	token = open_token(op);
	sign_and_verify(op, token, &key);
	assert_ok(op, token_check(op, token, &key));
	token_free(&token);
}

static void a_p256_key_signs(void **state)
{
	a_key_of(*state, KEY_P256);
}

static void a_p384_key_signs(void **state)
{
	a_key_of(*state, KEY_P384);
}

static void an_rsa_3072_key_signs(void **state)
{
	a_key_of(*state, KEY_RSA3072);
}

static void an_rsa_4096_key_signs(void **state)
{
	a_key_of(*state, KEY_RSA4096);
}

static void an_ed25519_key_is_refused(void **state)
{
	struct op *op = *state;
	struct token *token = open_token(op);
	struct token_key key;

	assert_err(op, ERR_POLICY, token_generate(op, token, "ed", KEY_ED25519, &key));
	assert_true(token_is_up(token)); /* that is no reason for the signer to end */
	token_free(&token);
}

/* The role "inspect": reads attributes of a private key behind the signer's back. Answer: one byte for each. */
static const CK_ATTRIBUTE_TYPE inspected[] = { CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_ALWAYS_SENSITIVE,
					       CKA_EXTRACTABLE, CKA_NEVER_EXTRACTABLE, CKA_LOCAL, CKA_SIGN };
#define INSPECTED (sizeof(inspected) / sizeof(inspected[0]))

static CK_RV inspect(struct op *op, const char *dir, struct bytes id, uint8_t values[INSPECTED], CK_RV *value_rv)
{
	struct module module;
	struct module_token token;
	struct secret *pin = NULL;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE found[2];
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE like[] = { { CKA_CLASS, &class, sizeof(class) }, { CKA_ID, (void *)id.p, id.n } };
	CK_ULONG n = 0;

	module_use_softhsm_conf(dir);
	assert_ok(op, secret_read_file(op, files_join(op->arena, dir, "pin"), &pin));
	assert_ok(op, module_open(op, house_softhsm(), &module));
	assert_ok(op, module_find_token(op, &module, HOUSE_LABEL, &token));
	CK_FUNCTION_LIST *f = module.f;
	assert_int_equal(f->C_OpenSession(token.slot, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_OK);
	assert_int_equal(f->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)secret_bytes(pin).p, secret_bytes(pin).n), CKR_OK);
	assert_int_equal(f->C_FindObjectsInit(session, like, 2), CKR_OK);
	assert_int_equal(f->C_FindObjects(session, found, 2, &n), CKR_OK);
	f->C_FindObjectsFinal(session);
	CK_RV rv = n == 1 ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
	for (size_t i = 0; i < INSPECTED && rv == CKR_OK; i++)
		rv = f->C_GetAttributeValue(session, found[0], &(CK_ATTRIBUTE){ inspected[i], &values[i], 1 }, 1);
	uint8_t secret_value[128];
	if (rv == CKR_OK)
		*value_rv = f->C_GetAttributeValue(
			session, found[0], &(CK_ATTRIBUTE){ CKA_VALUE, secret_value, sizeof(secret_value) }, 1);
	module_close(&module);
	secret_free(&pin);
	return rv;
}

static int inspect_main(const char *dir)
{
	struct op *op = op_new();
	struct frame request;
	uint8_t values[INSPECTED] = { 0 };
	CK_RV value_rv = CKR_OK;
	struct buf answer;

	assert_ok(op, frame_read(op, ROLE_FD, &request));
	CK_RV rv = inspect(op, dir, request.payload, values, &value_rv);
	buf_init(&answer, op->arena, 64);
	message_put_u32(&answer, (uint32_t)rv);
	message_put_u32(&answer, (uint32_t)value_rv);
	message_put_bytes(&answer, (struct bytes)BYTES_ARRAY(values));
	assert_ok(op, frame_write(op, ROLE_FD, 1, 1, buf_as_bytes(&answer)));
	op_free(&op);
	return 0;
}

static void a_private_key_cannot_leave_the_token(void **state)
{
	struct op *op = *state;
	struct token *token = open_token(op);
	struct role_process inspector;
	struct message_reader reader;
	struct token_key key;
	struct frame answer;

	assert_ok(op, token_generate(op, token, "kept", KEY_P256, &key));
	token_free(&token);
	assert_ok(op, role_start(op, "inspect", house.dir, &inspector));
	assert_ok(op, frame_write(op, inspector.fd, 1, 1, (struct bytes)BYTES_ARRAY(key.id)));
	assert_ok(op, frame_read(op, inspector.fd, &answer));
	assert_int_equal(role_end(&inspector, 10000), 0);
	message_read(&reader, answer.payload);
	assert_int_equal(message_take_u32(&reader), CKR_OK);
	assert_int_equal(message_take_u32(&reader), CKR_ATTRIBUTE_SENSITIVE);
	static const uint8_t wanted[INSPECTED] = { 1, 1, 1, 1, 0, 1, 1, 1 };
	assert_true(bytes_equal(message_take_bytes(&reader), (struct bytes)BYTES_ARRAY(wanted)));
}

/* RSAES-PKCS1-v1_5 to the key, as clients do it; or the bare RSA operation over a block that is not as it should be. */
static struct bytes encrypt(struct op *op, const struct token_key *key, int padding, struct bytes plain)
{
	const uint8_t *p = key->spki.p;
	EVP_PKEY *public_key = d2i_PUBKEY(NULL, &p, (long)key->spki.n);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(public_key, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(public_key);
	uint8_t *out = arena_alloc(op->arena, n);

	assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, padding), 1);
	assert_int_equal(EVP_PKEY_encrypt(context, out, &n, plain.p, plain.n), 1);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(public_key);
	return (struct bytes){ out, n };
}

/* 00 02 PS 00 MESSAGE of the size of a 2048-bit modulus. */
#define BLOCK 256
struct block {
	uint8_t b[BLOCK];
};

static struct block block_of(struct bytes message)
{
	struct block block;

	memset(block.b, 0x55, BLOCK);
	block.b[0] = 0;
	block.b[1] = 2;
	block.b[BLOCK - message.n - 1] = 0;
	memcpy(block.b + BLOCK - message.n, message.p, message.n);
	return block;
}

static const uint8_t content_key[32] = "0123456789abcdef0123456789abcdef";

/* No error, and octets that are not those that were encrypted, and others each time. */
static void unwraps_to_chance(struct op *op, struct token *token, const struct token_key *key, struct bytes encrypted)
{
	static const uint8_t nothing[32];
	uint8_t one[32] = { 0 }, two[32] = { 0 };

	assert_ok(op, token_unwrap(op, token, key, encrypted, one, sizeof(one)));
	assert_memory_not_equal(one, content_key, sizeof(one));
	assert_memory_not_equal(one, nothing, sizeof(one));
	assert_ok(op, token_unwrap(op, token, key, encrypted, two, sizeof(two)));
	assert_memory_not_equal(one, two, sizeof(one));
}

static void unwraps_right(struct op *op, struct token *token, const struct token_key *key)
{
	uint8_t out[32] = { 0 };
	struct bytes encrypted = encrypt(op, key, RSA_PKCS1_PADDING, (struct bytes)BYTES_ARRAY(content_key));

	assert_ok(op, token_unwrap(op, token, key, encrypted, out, sizeof(out)));
	assert_memory_equal(out, content_key, sizeof(out));
}

/* S5, RFC 3218 section 2.3.2 */
static void what_does_not_unwrap_looks_like_what_does(void **state)
{
	struct op *op = *state;
	struct token *token = open_token(op);
	struct bytes good = BYTES_ARRAY(content_key);
	struct block block;
	struct token_key key;

	assert_ok(op, token_generate_unwrapping(op, token, "ra", KEY_RSA2048, &key));
	sign_and_verify(op, token, &key);
	unwraps_right(op, token, &key);

	/* Another length than was asked for. */
	unwraps_to_chance(op, token, &key, encrypt(op, &key, RSA_PKCS1_PADDING, (struct bytes){ good.p, 31 }));
	unwraps_to_chance(op, token, &key, encrypt(op, &key, RSA_PKCS1_PADDING, BYTES_LITERAL("")));
	/* Block type 1; a first octet that is not 0; no 0 behind the padding; a padding too short. */
	block = block_of(good);
	block.b[1] = 1;
	unwraps_to_chance(op, token, &key, encrypt(op, &key, RSA_NO_PADDING, (struct bytes)BYTES_ARRAY(block.b)));
	block = block_of(good);
	block.b[0] = 1;
	unwraps_to_chance(op, token, &key, encrypt(op, &key, RSA_NO_PADDING, (struct bytes)BYTES_ARRAY(block.b)));
	block = block_of(good);
	block.b[BLOCK - 33] = 0x55;
	memset(block.b + BLOCK - 32, 0x55, 32);
	unwraps_to_chance(op, token, &key, encrypt(op, &key, RSA_NO_PADDING, (struct bytes)BYTES_ARRAY(block.b)));
	block = block_of(good);
	block.b[3] = 0;
	unwraps_to_chance(op, token, &key, encrypt(op, &key, RSA_NO_PADDING, (struct bytes)BYTES_ARRAY(block.b)));
	/* Nothing, one, a number beyond the modulus; too few octets, none, too many, far too many. */
	struct bytes right = encrypt(op, &key, RSA_PKCS1_PADDING, good);
	memset(block.b, 0, BLOCK);
	unwraps_to_chance(op, token, &key, (struct bytes)BYTES_ARRAY(block.b));
	block.b[BLOCK - 1] = 1;
	unwraps_to_chance(op, token, &key, (struct bytes)BYTES_ARRAY(block.b));
	memset(block.b, 0xff, BLOCK);
	unwraps_to_chance(op, token, &key, (struct bytes)BYTES_ARRAY(block.b));
	unwraps_to_chance(op, token, &key, (struct bytes){ right.p, BLOCK - 1 });
	unwraps_to_chance(op, token, &key, BYTES_NONE);
	uint8_t *longer = arena_alloc(op->arena, 70000);
	memcpy(longer, right.p, BLOCK);
	unwraps_to_chance(op, token, &key, (struct bytes){ longer, BLOCK + 1 });
	unwraps_to_chance(op, token, &key, (struct bytes){ longer, 70000 });

	unwraps_right(op, token, &key); /* none of that has hurt the signer */
	token_free(&token);
}

static void keys_of_each_length_unwrap(void **state)
{
	static const enum key_type types[] = { KEY_RSA2048, KEY_RSA3072, KEY_RSA4096 };
	struct op *op = *state;
	struct token *token = open_token(op);
	uint8_t sent[TOKEN_UNWRAP_MAX], out[TOKEN_UNWRAP_MAX];
	struct token_key key;

	random_bytes(sent, sizeof(sent));
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		assert_ok(op, token_generate_unwrapping(op, token, key_type_name(types[i]), types[i], &key));
		for (size_t n = 0; n <= sizeof(sent); n += 8) {
			struct bytes encrypted = encrypt(op, &key, RSA_PKCS1_PADDING, (struct bytes){ sent, n });
			assert_ok(op, token_unwrap(op, token, &key, encrypted, out, n));
			assert_memory_equal(out, sent, n);
		}
	}
	token_free(&token);
}

static void only_a_key_made_for_it_unwraps(void **state)
{
	struct op *op = *state;
	struct token *token = open_token(op);
	struct token_key ca, ec;
	uint8_t out[16];

	assert_err(op, ERR_POLICY, token_generate_unwrapping(op, token, "ec", KEY_P256, &ec));
	assert_ok(op, token_generate(op, token, "ec", KEY_P256, &ec));
	assert_ok(op, token_generate(op, token, "ca", KEY_RSA2048, &ca));
	struct bytes encrypted = encrypt(op, &ca, RSA_PKCS1_PADDING, BYTES_LITERAL("0123456789abcdef"));
	assert_err(op, ERR_BACKEND, token_unwrap(op, token, &ca, encrypted, out, sizeof(out)));
	assert_err(op, ERR_BACKEND, token_unwrap(op, token, &ec, encrypted, out, sizeof(out)));
	sign_and_verify(op, token, &ca);
	token_free(&token);
}

static void a_key_is_known_by_label_id_and_public_key(void **state)
{
	struct op *op = *state;
	struct token *token = open_token(op);
	struct token_key one, two, wrong;
	struct bytes signature;

	assert_ok(op, token_generate(op, token, "twin", KEY_P256, &one));
	assert_ok(op, token_generate(op, token, "twin", KEY_P256, &two));
	assert_memory_not_equal(one.id, two.id, sizeof(one.id));
	sign_and_verify(op, token, &one);
	sign_and_verify(op, token, &two);

	wrong = one; /* the id of one, the public key of two: before and after it is in the signer's cache */
	wrong.spki = two.spki;
	assert_err(op, ERR_CONFLICT, token_sign(op, token, &wrong, BYTES_LITERAL("x"), &signature));
	assert_err(op, ERR_CONFLICT, token_check(op, token, &wrong));
	token_free(&token);
	token = open_token(op);
	assert_err(op, ERR_CONFLICT, token_sign(op, token, &wrong, BYTES_LITERAL("x"), &signature));

	wrong = one;
	wrong.id[0] ^= 1;
	assert_err(op, ERR_NOT_FOUND, token_sign(op, token, &wrong, BYTES_LITERAL("x"), &signature));
	wrong = one;
	assert_int_equal(snprintf(wrong.label, sizeof(wrong.label), "other"), 5);
	assert_err(op, ERR_CONFLICT, token_sign(op, token, &wrong, BYTES_LITERAL("x"), &signature));
	wrong = one;
	wrong.type = KEY_P384;
	assert_err(op, ERR_CONFLICT, token_sign(op, token, &wrong, BYTES_LITERAL("x"), &signature));

	sign_and_verify(op, token, &one); /* none of that has hurt the signer */
	token_free(&token);
}

static void a_token_describes_itself(void **state)
{
	struct op *op = *state;
	struct token *token = open_token(op);
	char *text;

	assert_ok(op, token_describe(op, token, &text));
	assert_non_null(strstr(text, "SoftHSM"));
	assert_non_null(strstr(text, " serial "));
	assert_null(strstr(text, "raw RSA")); /* it has that */
	token_free(&token);
}

/* Opening fails with `kind`, and the sentence holds `words`. */
static void opening_fails(struct op *op, enum err kind, const char *words)
{
	struct token *token = NULL;
	result r = token_open_here(op, house.dir, &token);

	if (r.err != kind || strstr(op->detail, words) == NULL)
		fail_msg("expected %s with \"%s\", got %s: %s", err_name(kind), words, err_name(r.err), op->detail);
	assert_null(token);
	op_clear_failure(op);
	house_configure(op, &house, house.module, HOUSE_LABEL, house.pin_file);
}

static void a_missing_module_is_named(void **state)
{
	struct op *op = *state;

	house_configure(op, &house, "/nowhere/libhsm.so", HOUSE_LABEL, house.pin_file);
	opening_fails(op, ERR_NOT_FOUND, "/nowhere/libhsm.so");
	house_configure(op, &house, "/nowhere/libhsm.so", HOUSE_LABEL, house.pin_file);
	opening_fails(op, ERR_NOT_FOUND, "token.module");
}

static void a_library_that_is_no_module_is_named(void **state)
{
	struct op *op = *state;
	Dl_info libc;

	assert_int_not_equal(dladdr((void *)(uintptr_t)printf, &libc), 0);
	house_configure(op, &house, libc.dli_fname, HOUSE_LABEL, house.pin_file);
	opening_fails(op, ERR_MALFORMED, "is no PKCS#11 module");
}

static void a_missing_token_is_named(void **state)
{
	struct op *op = *state;

	house_configure(op, &house, house.module, "somewhere else", house.pin_file);
	opening_fails(op, ERR_NOT_FOUND, "no token is labelled \"somewhere else\"");
}

static void a_missing_pin_file_is_named(void **state)
{
	struct op *op = *state;

	house_configure(op, &house, house.module, HOUSE_LABEL, "/nowhere/pin");
	opening_fails(op, ERR_NOT_FOUND, "/nowhere/pin");
}

static void a_pin_file_that_others_can_read_is_refused(void **state)
{
	struct op *op = *state;

	assert_int_equal(chmod(house.pin_file, 0640), 0);
	opening_fails(op, ERR_DENIED, "chmod 600");
	assert_int_equal(chmod(house.pin_file, 0600), 0);
}

static void the_exit_status_tells_what_is_final(void **state)
{
	struct op *op = *state;
	struct role_process process;
	struct frame frame;

	/* A module that is not there stays away; a token may come back. */
	house_configure(op, &house, "/nowhere/libhsm.so", HOUSE_LABEL, house.pin_file);
	assert_ok(op, role_start(op, "signer-0", house.dir, &process));
	assert_ok(op, frame_read(op, process.fd, &frame));
	assert_int_equal(WEXITSTATUS(role_end(&process, 10000)), ROLE_EXIT_FINAL);

	house_configure(op, &house, house.module, "somewhere else", house.pin_file);
	assert_ok(op, role_start(op, "signer-0", house.dir, &process));
	assert_ok(op, frame_read(op, process.fd, &frame));
	assert_int_equal(WEXITSTATUS(role_end(&process, 10000)), 1);
	house_configure(op, &house, house.module, HOUSE_LABEL, house.pin_file);
}

static void a_second_token_is_not_made_over_the_first(void **state)
{
	struct op *op = *state;
	struct bytes before, after;

	assert_ok(op, files_read(op, house.pin_file, 100, &before));
	assert_int_equal(before.n, 33); /* 32 hex digits and the end of the line */
	assert_err(op, ERR_CONFLICT, token_make_softhsm(op, house.dir, house.module, HOUSE_LABEL, house.pin_file));
	assert_ok(op, files_read(op, house.pin_file, 100, &after));
	assert_true(bytes_equal(before, after));
}

static void a_token_that_cannot_be_made_leaves_nothing_behind(void **state)
{
	struct op *op = *state;
	char dir[] = "/tmp/chancery-test-XXXXXX";

	assert_non_null(mkdtemp(dir));
	char *pin_file = files_join(op->arena, dir, "pin");
	assert_err(op, ERR_NOT_FOUND, token_make_softhsm(op, dir, "/nowhere/libhsm.so", "x", pin_file));
	assert_false(files_exists(pin_file));
	assert_false(files_exists(files_join(op->arena, dir, "softhsm2.conf")));
	struct house gone = { 0 };
	memcpy(gone.dir, dir, sizeof(dir));
	house_remove(&gone);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_p256_key_signs),
		TEST(a_p384_key_signs),
		TEST(an_rsa_3072_key_signs),
		TEST(an_rsa_4096_key_signs),
		TEST(an_ed25519_key_is_refused),
		TEST(a_private_key_cannot_leave_the_token),
		TEST(what_does_not_unwrap_looks_like_what_does),
		TEST(keys_of_each_length_unwrap),
		TEST(only_a_key_made_for_it_unwraps),
		TEST(a_key_is_known_by_label_id_and_public_key),
		TEST(a_token_describes_itself),
		TEST(a_missing_module_is_named),
		TEST(a_library_that_is_no_module_is_named),
		TEST(a_missing_token_is_named),
		TEST(a_missing_pin_file_is_named),
		TEST(a_pin_file_that_others_can_read_is_refused),
		TEST(the_exit_status_tells_what_is_final),
		TEST(a_second_token_is_not_made_over_the_first),
		TEST(a_token_that_cannot_be_made_leaves_nothing_behind),
	};
	int status;

	if (argc == 5 && strcmp(argv[2], "inspect") == 0)
		return inspect_main(argv[4]);
	if (house_is_role(argc, argv, &status))
		return status;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (house_softhsm() == NULL) {
		printf("1..0 # SKIP SoftHSM is not installed\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, house_setup, house_teardown);
}
