/*
 * The asking side: a channel to each signer, the least busy one is asked. A call
 * that fails is not repeated on another signer: whether the token signed is then
 * unknown, and nothing may be signed twice. Callers begin again with a new
 * intent.
 */
#include "token/token.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/role.h"
#include "ipc/supervisor.h"
#include "token/spki.h"
#include "token/token_wire.h"

/* For an op without a deadline of its own; twice the time of a slow smart card's RSA signature under load. */
#define CALL_LIMIT_MS 30000
/* RSA 4096 on a small HSM. */
#define GENERATE_LIMIT_MS 120000
/* No signature takes this long; a hanging module never comes back (F9). */
#define PATIENCE_MS 10000
/* Of a signer that serves one command: log-in before, leaving after. */
#define LOGIN_LIMIT_MS 60000
#define LEAVE_MS 2000

struct signer {
	char name[24];
	struct channel *channel;
};

struct token {
	unsigned n;
	struct signer *signers;
	void (*recycle)(void *arg, unsigned index);
	void *recycle_arg;
	_Atomic int64_t patience_ms;
	struct role_process here; /* of token_open_here */
};

struct token *token_new(unsigned signers, void (*recycle)(void *arg, unsigned index), void *arg)
{
	struct token *token = calloc(1, sizeof(*token));

	ASSERT(token != NULL && signers > 0);
	token->n = signers;
	token->signers = calloc(signers, sizeof(*token->signers));
	ASSERT(token->signers != NULL);
	token->recycle = recycle;
	token->recycle_arg = arg;
	token->patience_ms = PATIENCE_MS;
	token->here = (struct role_process){ 0, -1 };
	for (unsigned i = 0; i < signers; i++) {
		struct signer *signer = &token->signers[i];
		snprintf(signer->name, sizeof(signer->name), "signer-%u", i);
		signer->channel = channel_new(signer->name, -1);
	}
	return token;
}

void token_free(struct token **token)
{
	struct token *gone = *token;

	if (gone == NULL)
		return;
	for (unsigned i = 0; i < gone->n; i++)
		channel_free(&gone->signers[i].channel);
	role_end(&gone->here, LEAVE_MS);
	free(gone->signers);
	free(gone);
	*token = NULL;
}

void token_set_patience(struct token *token, int64_t patience_ms)
{
	token->patience_ms = patience_ms;
}

void token_attach(struct token *token, unsigned index, int own_fd)
{
	ASSERT(index < token->n);
	channel_replace(token->signers[index].channel, own_fd);
}

bool token_is_up(struct token *token)
{
	for (unsigned i = 0; i < token->n; i++)
		if (channel_is_up(token->signers[i].channel))
			return true;
	return false;
}

/* Index of the signer that owes the fewest answers; token->n when none is up. */
static unsigned least_busy(struct token *token)
{
	unsigned best = token->n, best_load = 0;

	for (unsigned i = 0; i < token->n; i++) {
		struct channel *channel = token->signers[i].channel;
		unsigned load = channel_load(channel);
		if (!channel_is_up(channel) || (best < token->n && load >= best_load))
			continue;
		best = i;
		best_load = load;
	}
	return best;
}

/* Gives up a signer that has been silent for too long; its other callers fail at once. */
static void give_up_when_silent(struct op *op, struct token *token, unsigned index, int64_t patience_ms)
{
	struct signer *signer = &token->signers[index];

	if (channel_quiet_ms(signer->channel) < patience_ms)
		return;
	log_warning(op, "signer.silent", "%s owes answers and has given none for %lld ms", signer->name,
		    (long long)patience_ms);
	channel_replace(signer->channel, -1);
	if (token->recycle != NULL)
		token->recycle(token->recycle_arg, index);
}

static result ask(struct op *op, struct token *token, enum token_frame type, const struct buf *request,
		  struct message_reader *answer)
{
	unsigned index = least_busy(token);
	int64_t limit_ms = type == TOKEN_GENERATE ? GENERATE_LIMIT_MS : CALL_LIMIT_MS;
	int64_t own_deadline_ms = op->deadline_ms;
	struct bytes payload = BYTES_NONE;

	if (index == token->n)
		return FAIL(op, ERR_BUSY, "no signer is running; try again");
	if (op_left_ms(op) > limit_ms)
		op->deadline_ms = clock_monotonic_ms() + limit_ms;
	result r = channel_call(op, token->signers[index].channel, (uint16_t)type, buf_as_bytes(request), &payload);
	op->deadline_ms = own_deadline_ms;
	if (r.err == ERR_BUSY)
		give_up_when_silent(op, token, index, type == TOKEN_GENERATE ? GENERATE_LIMIT_MS : token->patience_ms);
	message_read(answer, payload);
	return r;
}

static result generate(struct op *op, struct token *token, const char *label, enum key_type type, bool unwraps,
		       struct token_key *out)
{
	struct message_reader answer;
	struct buf request;

	buf_init(&request, op->arena, 128);
	message_put_text(&request, label);
	message_put_u8(&request, (uint8_t)type);
	message_put_u8(&request, unwraps);
	TRY(ask(op, token, TOKEN_GENERATE, &request, &answer));
	token_wire_take_key(op, &answer, out);
	return message_end(op, &answer);
}

result token_generate(struct op *op, struct token *token, const char *label, enum key_type type, struct token_key *out)
{
	return generate(op, token, label, type, false, out);
}

result token_generate_unwrapping(struct op *op, struct token *token, const char *label, enum key_type type,
				 struct token_key *out)
{
	return generate(op, token, label, type, true, out);
}

result token_check(struct op *op, struct token *token, const struct token_key *key)
{
	struct message_reader answer;
	struct buf request;

	buf_init(&request, op->arena, 1024);
	token_wire_put_key(&request, key);
	TRY(ask(op, token, TOKEN_CHECK, &request, &answer));
	return message_end(op, &answer);
}

result token_sign(struct op *op, struct token *token, const struct token_key *key, struct bytes message,
		  struct bytes *signature)
{
	uint8_t digest[SPKI_DIGEST_MAX];
	struct message_reader answer;
	struct buf request;

	/* The digest travels, not the message: a CRL can be larger than a frame. */
	size_t n = spki_digest(key->type, message, digest);
	buf_init(&request, op->arena, 1024);
	token_wire_put_key(&request, key);
	message_put_bytes(&request, (struct bytes){ digest, n });
	TRY(ask(op, token, TOKEN_SIGN, &request, &answer));
	struct bytes raw = message_take_bytes(&answer);
	TRY(message_end(op, &answer));
	return spki_signature(op, key->type, raw, signature);
}

result token_unwrap(struct op *op, struct token *token, const struct token_key *key, struct bytes encrypted, uint8_t *out,
		    size_t n)
{
	struct message_reader answer;
	struct buf request;

	ASSERT(n <= TOKEN_UNWRAP_MAX);
	/* One octet more than the longest is as wrong as a megabyte. */
	if (encrypted.n > LIMIT_RSA_MAX_BITS / 8)
		encrypted.n = LIMIT_RSA_MAX_BITS / 8 + 1;
	buf_init(&request, op->arena, 2048);
	token_wire_put_key(&request, key);
	message_put_bytes(&request, encrypted);
	message_put_u8(&request, (uint8_t)n);
	TRY(ask(op, token, TOKEN_UNWRAP, &request, &answer));
	struct bytes plain = message_take_bytes(&answer);
	TRY(message_end(op, &answer));
	if (plain.n != n)
		return FAIL(op, ERR_BACKEND, "the signer answers with %zu octets of %zu", plain.n, n);
	memcpy(out, plain.p, n);
	return OK;
}

result token_describe(struct op *op, struct token *token, char **out)
{
	struct message_reader answer;
	struct buf request;

	buf_init(&request, op->arena, 16);
	TRY(ask(op, token, TOKEN_DESCRIBE, &request, &answer));
	*out = message_take_text(&answer, op->arena);
	TRY(message_end(op, &answer));
	return *out == NULL ? FAIL(op, ERR_BACKEND, "the signer sent no description of the token") : OK;
}

/* The signer's first word: ready, or why not. */
static result await_ready(struct op *op, int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	int64_t left_ms = op_left_ms(op) < LOGIN_LIMIT_MS ? op_left_ms(op) : LOGIN_LIMIT_MS;
	struct frame frame;

	if (poll(&readable, 1, (int)left_ms) <= 0)
		return FAIL(op, ERR_BACKEND, "the token did not let us log in within %d s", (int)(left_ms / 1000));
	result r = frame_read(op, fd, &frame);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_BACKEND, "the signer process ended before it was up; the PKCS#11 module may have crashed");
	TRY(r);
	if (frame.type == FRAME_FAILURE)
		return frame_failure(op, "the signer", frame.payload);
	return frame.type == SUPERVISOR_READY ? OK : FAIL(op, ERR_BACKEND, "the signer's first word is type %u", frame.type);
}

result token_open_here(struct op *op, const char *dir, struct token **out)
{
	struct role_process process;

	TRY(role_start(op, "signer-0", dir, &process));
	result r = await_ready(op, process.fd);
	if (r.err != ERR_NONE) {
		role_end(&process, LEAVE_MS);
		return r;
	}
	*out = token_new(1, NULL, NULL);
	(*out)->here = (struct role_process){ process.pid, -1 };
	token_attach(*out, 0, process.fd);
	return OK;
}
