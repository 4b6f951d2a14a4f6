/*
 * The token when it misbehaves: tests/fault/p11proxy.c stands before SoftHSM,
 * fails where it is told to, and writes down every call. What counts is in the
 * trace: how often somebody logged in, searched, signed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/files.h"
#include "check.h"
#include "fixture.h"
#include "ipc/channel.h"
#include "token_fixture.h"

/* Octets of a 2048-bit modulus. */
#define BLOCK 256

static const uint8_t content_key[16] = "0123456789abcdef";

static struct house house;
static char proxy[4096], control[128], trace[128], count[160];

static int house_setup(void **state)
{
	struct op *op = op_new();

	(void)state;
	assert_non_null(realpath("tests/fault/p11proxy.so", proxy));
	house_make(op, &house);
	snprintf(control, sizeof(control), "%s/control", house.dir);
	snprintf(trace, sizeof(trace), "%s/trace", house.dir);
	snprintf(count, sizeof(count), "%s.count", control);
	setenv("P11PROXY_MODULE", house.module, 1);
	setenv("P11PROXY_CONTROL", control, 1);
	setenv("P11PROXY_TRACE", trace, 1);
	house_configure(op, &house, proxy, HOUSE_LABEL, house.pin_file);
	op_free(&op);
	return 0;
}

static int house_teardown(void **state)
{
	(void)state;
	house_remove(&house);
	return 0;
}

/* From here on these faults, with fresh counts and an empty trace. Processes that run have the old counts. */
static void control_set(struct op *op, const char *lines)
{
	unlink(count);
	unlink(trace);
	assert_ok(op, files_write(op, control, 0600, bytes_of_text(lines)));
}

/* How often the words occur in the trace. */
static unsigned traced(struct op *op, const char *words)
{
	struct bytes content = BYTES_NONE;
	unsigned n = 0;

	if (!files_exists(trace))
		return 0;
	assert_ok(op, files_read(op, trace, 1 << 20, &content));
	const char *text = arena_text_n(op->arena, (const char *)content.p, content.n);
	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		n++;
	return n;
}

static struct token *open_token(struct op *op)
{
	struct token *token;

	assert_ok(op, token_open_here(op, house.dir, &token));
	return token;
}

/* A token with one key that has signed once. */
static struct token *open_with_key(struct op *op, struct token_key *key)
{
	struct bytes signature;

	control_set(op, "");
	struct token *token = open_token(op);
	assert_ok(op, token_generate(op, token, "key", KEY_P256, key));
	assert_ok(op, token_sign(op, token, key, BYTES_LITERAL("first"), &signature));
	return token;
}

/* S6 */
static void a_signature_needs_no_login_and_no_search(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct token *token = open_with_key(op, &key);
	struct bytes signature;

	assert_int_equal(traced(op, "C_Login"), 1);
	unlink(trace);
	for (unsigned i = 0; i < 20; i++)
		assert_ok(op, token_sign(op, token, &key, BYTES_LITERAL("again"), &signature));
	assert_true(house_verifies(&key, BYTES_LITERAL("again"), signature));
	assert_int_equal(traced(op, "C_Sign "), 20);
	assert_int_equal(traced(op, "C_SignInit "), 20);
	assert_int_equal(traced(op, " C_"), 40);
	token_free(&token);
}

/* F10: the real thing. SoftHSM counts wrong PINs, so a second attempt would show in its flags, too. */
static void a_wrong_pin_is_tried_once(void **state)
{
	struct op *op = *state;
	struct token *token = NULL;
	struct bytes pin;
	struct role_process process;
	struct frame frame;

	control_set(op, "");
	assert_ok(op, files_read(op, house.pin_file, 100, &pin));
	assert_ok(op, files_write(op, house.pin_file, 0600, BYTES_LITERAL("00000000\n")));
	assert_err(op, ERR_DENIED, token_open_here(op, house.dir, &token));
	assert_int_equal(traced(op, "C_Login"), 1);
	assert_ok(op, role_start(op, "signer-0", house.dir, &process));
	assert_ok(op, frame_read(op, process.fd, &frame));
	assert_err(op, ERR_DENIED, frame_failure(op, "signer-0", frame.payload));
	assert_int_equal(WEXITSTATUS(role_end(&process, 10000)), ROLE_EXIT_FINAL);
	assert_int_equal(traced(op, "C_Login"), 2);
	assert_ok(op, files_write(op, house.pin_file, 0600, pin));
	token = open_token(op);
	token_free(&token);
}

/* F10 */
static void a_token_about_to_lock_is_not_tried_at_all(void **state)
{
	struct op *op = *state;
	struct token *token = NULL;

	control_set(op, "C_GetTokenInfo flags=0x20000\n"); /* CKF_USER_PIN_FINAL_TRY */
	assert_err(op, ERR_DENIED, token_open_here(op, house.dir, &token));
	control_set(op, "C_GetTokenInfo flags=0x40000\n"); /* CKF_USER_PIN_LOCKED */
	assert_err(op, ERR_DENIED, token_open_here(op, house.dir, &token));
	assert_int_equal(traced(op, "C_Login"), 0);
}

/* F12 */
static void a_token_without_sessions_may_be_tried_again(void **state)
{
	struct op *op = *state;
	struct role_process process;

	control_set(op, "C_OpenSession rv=0xb1\n"); /* CKR_SESSION_COUNT */
	assert_ok(op, role_start(op, "signer-0", house.dir, &process));
	struct frame frame;
	assert_ok(op, frame_read(op, process.fd, &frame));
	assert_int_equal(WEXITSTATUS(role_end(&process, 10000)), 1);
	assert_int_equal(traced(op, "C_Login"), 0);
}

/* Whatever C_Sign returns: a retryable answer, no second attempt, no log-in, a new process that finds the key anew. */
static void after_c_sign(struct op *op, const char *line)
{
	struct token_key key;
	struct token *token = open_with_key(op, &key);
	struct bytes signature;

	unlink(trace);
	assert_ok(op, files_write(op, control, 0600, bytes_of_text(line)));
	assert_err(op, ERR_BUSY, token_sign(op, token, &key, BYTES_LITERAL("lost"), &signature));
	assert_int_equal(traced(op, "C_Sign "), 1);
	assert_int_equal(traced(op, "C_Login"), 0);
	token_free(&token);

	control_set(op, "");
	token = open_token(op);
	assert_ok(op, token_sign(op, token, &key, BYTES_LITERAL("found"), &signature));
	assert_true(house_verifies(&key, BYTES_LITERAL("found"), signature));
	assert_int_not_equal(traced(op, "C_FindObjectsInit"), 0);
	token_free(&token);
}

/* F8 */
static void a_lost_session_ends_the_signer(void **state)
{
	static const char *const codes[] = { "0x32", /* DEVICE_REMOVED */ "0xe0", /* TOKEN_NOT_PRESENT */
					     "0xb3", /* SESSION_HANDLE_INVALID */ "0xb0", /* SESSION_CLOSED */
					     "0x190", /* CRYPTOKI_NOT_INITIALIZED */ "0x30", /* DEVICE_ERROR */
					     "0x82" /* OBJECT_HANDLE_INVALID */ };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct op *op = op_new();
		after_c_sign(op, arena_printf(op->arena, "C_Sign rv=%s\n", codes[i]));
		op_free(&op);
	}
	(void)state;
}

/* The token has signed and says that it has not: that must not lead to a second signature. */
static void a_signature_in_doubt_is_not_made_again(void **state)
{
	after_c_sign(*state, "C_Sign after rv=0x30\n");
}

/* F11: CKR_BUFFER_TOO_SMALL */
static void a_buffer_too_small_ends_the_signer(void **state)
{
	after_c_sign(*state, "C_Sign rv=0x150\n");
}

static struct bytes encrypt(struct op *op, const struct token_key *key, int padding, const void *plain, size_t plain_n)
{
	const uint8_t *p = key->spki.p;
	EVP_PKEY *public_key = d2i_PUBKEY(NULL, &p, (long)key->spki.n);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(public_key, NULL);
	size_t n = BLOCK;
	uint8_t *out = arena_alloc(op->arena, n);

	assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, padding), 1);
	assert_int_equal(EVP_PKEY_encrypt(context, out, &n, plain, plain_n), 1);
	EVP_PKEY_CTX_free(context);
	EVP_PKEY_free(public_key);
	return (struct bytes){ out, n };
}

/* A token with a key of an RA, and something that was encrypted to it. */
static struct token *open_with_ra_key_and(struct op *op, const char *lines, struct token_key *key,
					   struct bytes *encrypted)
{
	control_set(op, lines);
	struct token *token = open_token(op);
	assert_ok(op, token_generate_unwrapping(op, token, "ra", KEY_RSA2048, key));
	*encrypted = encrypt(op, key, RSA_PKCS1_PADDING, content_key, sizeof(content_key));
	return token;
}

static struct token *open_with_ra_key(struct op *op, struct token_key *key, struct bytes *encrypted)
{
	return open_with_ra_key_and(op, "", key, encrypted);
}

/* F8: the session is gone, whichever call says so. */
static void a_session_lost_while_unwrapping_ends_the_signer(void **state)
{
	static const char *const lines[] = { "C_Decrypt rv=0x32\n",	 "C_Decrypt rv=0xe0\n",  "C_Decrypt rv=0xb3\n",
					     "C_Decrypt rv=0x101\n",	 "C_Decrypt rv=0x82\n",  "C_DecryptInit rv=0x32\n",
					     "C_DecryptInit rv=0x30\n", "C_GetSessionInfo rv=0x30\n" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct op *op = op_new();
		struct token_key key;
		struct bytes encrypted;
		uint8_t out[16];
		struct token *token = open_with_ra_key(op, &key, &encrypted);
		assert_ok(op, files_write(op, control, 0600, bytes_of_text(lines[i])));
		unlink(trace);
		assert_err(op, ERR_BUSY, token_unwrap(op, token, &key, encrypted, out, sizeof(out)));
		assert_int_equal(traced(op, "C_Login"), 0);
		token_free(&token);

		control_set(op, "");
		token = open_token(op);
		assert_ok(op, token_unwrap(op, token, &key, encrypted, out, sizeof(out)));
		assert_memory_equal(out, content_key, 16);
		token_free(&token);
		op_free(&op);
	}
	(void)state;
}

/* S5: what modules say to bad padding is no trouble of theirs, and costs the same calls as good padding. */
static void a_refused_ciphertext_is_no_lost_session(void **state)
{
	static const char *const codes[] = { "0x40", /* ENCRYPTED_DATA_INVALID */ "0x41", /* ENCRYPTED_DATA_LEN_RANGE */
					     "0x5", /* GENERAL_ERROR */ "0x6", /* FUNCTION_FAILED */
					     "0x30", /* DEVICE_ERROR */ "0x20", /* DATA_INVALID */
					     "0x80000001" /* a vendor's own */ };
	struct op *op = *state;
	struct token_key key;
	struct bytes encrypted;
	uint8_t out[16];
	struct token *token = open_with_ra_key(op, &key, &encrypted);

	assert_ok(op, token_unwrap(op, token, &key, encrypted, out, sizeof(out)));
	unlink(trace);
	assert_ok(op, token_unwrap(op, token, &key, encrypted, out, sizeof(out)));
	assert_memory_equal(out, content_key, 16);
	assert_int_equal(traced(op, " C_"), 3);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const char *line = arena_printf(op->arena, "C_Decrypt after rv=%s\n", codes[i]);
		assert_ok(op, files_write(op, control, 0600, bytes_of_text(line)));
		unlink(trace);
		assert_ok(op, token_unwrap(op, token, &key, encrypted, out, sizeof(out)));
		assert_memory_not_equal(out, content_key, 16); /* also when the module left it in the buffer */
		assert_int_equal(traced(op, " C_"), 3);
	}
	assert_ok(op, files_write(op, control, 0600, BYTES_LITERAL("")));
	assert_ok(op, token_unwrap(op, token, &key, encrypted, out, sizeof(out)));
	assert_memory_equal(out, content_key, 16);
	token_free(&token);
}

/* What can be sent to a token that is no key of 16 octets: three paddings, two lengths, four that are no ciphertext. */
static unsigned bad_ciphertexts(struct op *op, const struct token_key *key, struct bytes good, struct bytes out[9])
{
	static const uint8_t zero[BLOCK], beyond[BLOCK] = { [0 ... BLOCK - 1] = 0xff };
	uint8_t blocks[3][BLOCK];

	memset(blocks, 0x55, sizeof(blocks)); /* no 02 in front; nothing behind the padding; a padding of two octets */
	blocks[0][0] = blocks[1][0] = blocks[2][0] = 0;
	blocks[1][1] = blocks[2][1] = 2;
	blocks[2][4] = blocks[2][BLOCK - 17] = 0;
	const struct bytes all[] = {
		encrypt(op, key, RSA_NO_PADDING, blocks[0], BLOCK),
		encrypt(op, key, RSA_NO_PADDING, blocks[1], BLOCK),
		encrypt(op, key, RSA_NO_PADDING, blocks[2], BLOCK),
		encrypt(op, key, RSA_PKCS1_PADDING, content_key, 15),
		encrypt(op, key, RSA_PKCS1_PADDING, content_key, 0),
		BYTES_ARRAY(zero),
		BYTES_ARRAY(beyond),
		{ good.p, good.n - 1 },
		BYTES_NONE,
	};
	memcpy(out, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

/*
 * S5: whatever comes, the token decrypts one number, and is content with it. So it has nothing to say in its log, and
 * takes no other time: with CKM_RSA_PKCS SoftHSM did both.
 */
static void the_token_cannot_tell_good_from_bad(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct bytes good, bad[9];
	uint8_t out[16];
	struct token *token = open_with_ra_key(op, &key, &good);
	unsigned n = bad_ciphertexts(op, &key, good, bad);

	assert_ok(op, token_unwrap(op, token, &key, good, out, sizeof(out)));
	for (unsigned i = 0; i <= n; i++) {
		unlink(trace);
		assert_ok(op, token_unwrap(op, token, &key, i < n ? bad[i] : good, out, sizeof(out)));
		assert_int_equal(memcmp(out, content_key, 16) == 0, i == n);
		assert_int_equal(traced(op, " mechanism=0x3 0x0\n"), 1); /* CKM_RSA_X_509 */
		assert_int_equal(traced(op, " C_Decrypt "), 1);
		assert_int_equal(traced(op, " C_GetSessionInfo "), 1);
		assert_int_equal(traced(op, " 0x0\n"), 3);
		assert_int_equal(traced(op, " C_"), 3);
	}
	token_free(&token);
}

/* A block is a number for some modules, and begins where that does. */
static void zeros_before_the_block_may_be_left_out(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct bytes good, bad[9];
	uint8_t out[16];
	struct token *token = open_with_ra_key_and(op, "C_Decrypt strip\n", &key, &good);
	unsigned n = bad_ciphertexts(op, &key, good, bad);

	for (unsigned i = 0; i <= n; i++) {
		assert_ok(op, token_unwrap(op, token, &key, i < n ? bad[i] : good, out, sizeof(out)));
		assert_int_equal(memcmp(out, content_key, 16) == 0, i == n);
	}
	token_free(&token);
}

/* Then the token checks the padding; doctor says so. */
static void a_token_without_raw_rsa_unwraps_as_it_can(void **state)
{
	static const char *const lines[] = { "C_GetMechanismInfo rv=0x70\n",      /* CKR_MECHANISM_INVALID */
					     "C_GetMechanismInfo flags=0x800\n" }; /* CKF_SIGN, not CKF_DECRYPT */

	for (size_t at = 0; at < sizeof(lines) / sizeof(lines[0]); at++) {
		struct op *op = op_new();
		struct token_key key;
		struct bytes good, bad[9];
		uint8_t out[16];
		char *description;
		struct token *token = open_with_ra_key_and(op, lines[at], &key, &good);
		unsigned n = bad_ciphertexts(op, &key, good, bad);

		assert_ok(op, token_describe(op, token, &description));
		assert_non_null(strstr(description, "no raw RSA"));
		for (unsigned i = 0; i <= n; i++) {
			unlink(trace);
			assert_ok(op, token_unwrap(op, token, &key, i < n ? bad[i] : good, out, sizeof(out)));
			assert_int_equal(memcmp(out, content_key, 16) == 0, i == n);
			assert_int_equal(traced(op, " mechanism=0x1 0x0\n"), 1); /* CKM_RSA_PKCS */
			assert_int_equal(traced(op, " C_Decrypt "), 1);
		}
		token_free(&token);
		op_free(&op);
	}
	(void)state;
}

static void a_token_without_rsa_says_so(void **state)
{
	struct op *op = *state;
	struct token_key key;

	control_set(op, "");
	struct token *token = open_token(op);
	assert_ok(op, files_write(op, control, 0600, BYTES_LITERAL("C_GenerateKeyPair rv=0x70\n"))); /* CKR_MECHANISM_INVALID */
	assert_int_equal(token_generate_unwrapping(op, token, "ra", KEY_RSA2048, &key).err, ERR_POLICY);
	assert_non_null(strstr(op->detail, "this token makes no RSA-2048 keys"));
	assert_true(token_is_up(token));
	token_free(&token);
}

static void the_error_of_the_token_is_named(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct token *token = open_with_key(op, &key);
	struct bytes signature;

	assert_ok(op, files_write(op, control, 0600, BYTES_LITERAL("C_Sign rv=0x32\n")));
	assert_int_equal(token_sign(op, token, &key, BYTES_LITERAL("x"), &signature).err, ERR_BUSY);
	assert_non_null(strstr(op->detail, "CKR_DEVICE_REMOVED"));
	token_free(&token);
}

/* F11: who asks for the signature has to verify it, and can see that it is wrong. */
static void a_wrong_signature_does_not_verify(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct token *token = open_with_key(op, &key);
	struct bytes signature;

	assert_ok(op, files_write(op, control, 0600, BYTES_LITERAL("C_Sign corrupt\n")));
	assert_ok(op, token_sign(op, token, &key, BYTES_LITERAL("x"), &signature));
	assert_false(house_verifies(&key, BYTES_LITERAL("x"), signature));
	assert_err(op, ERR_CONFLICT, token_check(op, token, &key));
	assert_ok(op, files_write(op, control, 0600, BYTES_LITERAL("C_Sign short\n")));
	assert_err(op, ERR_BACKEND, token_sign(op, token, &key, BYTES_LITERAL("x"), &signature));
	token_free(&token);
}

static void a_key_that_could_leave_is_not_kept(void **state)
{
	struct op *op = *state;
	struct token *token;
	struct token_key key;

	/* The token does not say whether the key may leave: not good enough. */
	control_set(op, "");
	token = open_token(op);
	assert_ok(op, files_write(op, control, 0600, BYTES_LITERAL("C_GetAttributeValue rv=0x12\n")));
	assert_err(op, ERR_BACKEND, token_generate(op, token, "loose", KEY_P256, &key));
	assert_int_equal(traced(op, "C_DestroyObject"), 2);
	token_free(&token);
}

/* Who was recycled. */
static unsigned recycled[2];

static void note_recycle(void *arg, unsigned index)
{
	(void)arg;
	recycled[index]++;
}

/* Signer 0 hangs. On a busy machine the time may be up before it is asked at all; then the next call gets more. */
static void sign_until_recycled(struct op *op, struct token *token, const struct token_key *key)
{
	struct bytes signature;

	for (int64_t limit_ms = 50; recycled[0] == 0; limit_ms *= 2) {
		op->deadline_ms = clock_monotonic_ms() + limit_ms;
		assert_err(op, ERR_BUSY, token_sign(op, token, key, BYTES_LITERAL("hangs"), &signature));
	}
	op->deadline_ms = 0;
	assert_int_equal(recycled[0], 1);
}

/* F9: one signer of two hangs. Its call ends at the deadline, it is given up, the other goes on, a new one is taken. */
static void a_hanging_signer_is_recycled(void **state)
{
	struct op *op = *state;
	struct token_key key;
	struct bytes signature;
	struct role_process signers[2];

	struct token *maker = open_with_key(op, &key);
	token_free(&maker);
	memset(recycled, 0, sizeof(recycled));
	struct token *token = token_new(2, note_recycle, NULL);
	token_set_patience(token, 1);
	assert_false(token_is_up(token));
	assert_err(op, ERR_BUSY, token_sign(op, token, &key, BYTES_LITERAL("x"), &signature));
	for (unsigned i = 0; i < 2; i++) {
		signers[i] = house_start_signer(op, &house, i);
		token_attach(token, i, signers[i].fd);
		signers[i].fd = -1; /* the channel has it */
	}
	/* Signer 0 is the first to be asked, for none owes anything. */
	assert_ok(op, token_sign(op, token, &key, BYTES_LITERAL("x"), &signature));
	assert_int_equal(kill(signers[0].pid, SIGSTOP), 0);
	sign_until_recycled(op, token, &key);
	assert_int_equal(recycled[0], 1);
	assert_int_equal(recycled[1], 0);
	assert_ok(op, token_sign(op, token, &key, BYTES_LITERAL("goes on"), &signature));
	kill(signers[0].pid, SIGKILL);
	role_end(&signers[0], 10000);
	signers[0] = house_start_signer(op, &house, 0);
	token_attach(token, 0, signers[0].fd);
	signers[0].fd = -1;
	assert_ok(op, token_sign(op, token, &key, BYTES_LITERAL("is back"), &signature));
	assert_int_equal(traced(op, "C_Sign "), 4); /* "first", "x", "goes on", "is back": never "hangs" */
	token_free(&token);
	role_end(&signers[0], 10000);
	role_end(&signers[1], 10000);
}

/* F9: the same inside the module; C_Sign never returns and the process has to be killed. */
static void a_hanging_module_is_recycled(void **state)
{
	struct op *op = *state;
	struct token_key key;

	struct token *maker = open_with_key(op, &key);
	token_free(&maker);
	memset(recycled, 0, sizeof(recycled));
	struct token *token = token_new(1, note_recycle, NULL);
	token_set_patience(token, 1);
	struct role_process signer = house_start_signer(op, &house, 0);
	token_attach(token, 0, signer.fd);
	signer.fd = -1;
	assert_ok(op, files_write(op, control, 0600, BYTES_LITERAL("C_Sign hang\n")));
	sign_until_recycled(op, token, &key);
	assert_false(token_is_up(token));
	token_free(&token);
	kill(signer.pid, SIGKILL);
	assert_true(WIFSIGNALED(role_end(&signer, 10000)));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_signature_needs_no_login_and_no_search),
		TEST(a_wrong_pin_is_tried_once),
		TEST(a_token_about_to_lock_is_not_tried_at_all),
		TEST(a_token_without_sessions_may_be_tried_again),
		TEST(a_lost_session_ends_the_signer),
		TEST(a_signature_in_doubt_is_not_made_again),
		TEST(a_buffer_too_small_ends_the_signer),
		TEST(a_session_lost_while_unwrapping_ends_the_signer),
		TEST(a_refused_ciphertext_is_no_lost_session),
		TEST(the_token_cannot_tell_good_from_bad),
		TEST(zeros_before_the_block_may_be_left_out),
		TEST(a_token_without_raw_rsa_unwraps_as_it_can),
		TEST(a_token_without_rsa_says_so),
		TEST(the_error_of_the_token_is_named),
		TEST(a_wrong_signature_does_not_verify),
		TEST(a_key_that_could_leave_is_not_kept),
		TEST(a_hanging_signer_is_recycled),
		TEST(a_hanging_module_is_recycled),
	};
	int status;

	if (house_is_role(argc, argv, &status))
		return status;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (house_softhsm() == NULL) {
		printf("1..0 # SKIP SoftHSM is not installed\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, house_setup, house_teardown);
}
