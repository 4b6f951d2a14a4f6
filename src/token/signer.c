/*
 * The signer process: one thread that reads a request, asks the token, answers.
 * It is the only process that maps the vendor's module and knows the PIN. It
 * tells that it is up by SUPERVISOR_READY, or what is wrong by FRAME_FAILURE,
 * before the first request; whoever started it reads that.
 */
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/log.h"
#include "base/secret.h"
#include "ipc/channel.h"
#include "ipc/role.h"
#include "ipc/supervisor.h"
#include "token/module.h"
#include "token/session.h"
#include "token/token_wire.h"

typedef result answer_function(struct op *op, struct session *session, struct message_reader *request,
			       struct buf *answer);

static result answer_sign(struct op *op, struct session *session, struct message_reader *request, struct buf *answer)
{
	struct token_key key;
	struct bytes raw;

	token_wire_take_key(op, request, &key);
	struct bytes digest = message_take_bytes(request);
	TRY(message_end(op, request));
	TRY(session_sign(op, session, &key, digest, &raw));
	message_put_bytes(answer, raw);
	return OK;
}

static result answer_unwrap(struct op *op, struct session *session, struct message_reader *request, struct buf *answer)
{
	struct token_key key;
	uint8_t plain[TOKEN_UNWRAP_MAX];

	token_wire_take_key(op, request, &key);
	struct bytes encrypted = message_take_bytes(request);
	uint8_t n = message_take_u8(request);
	TRY(message_end(op, request));
	if (n > sizeof(plain))
		return FAIL(op, ERR_MALFORMED, "%u octets are more than a key for content has", n);
	TRY(session_unwrap(op, session, &key, encrypted, plain, n));
	message_put_bytes(answer, (struct bytes){ plain, n });
	OPENSSL_cleanse(plain, sizeof(plain));
	return OK;
}

static result answer_check(struct op *op, struct session *session, struct message_reader *request, struct buf *answer)
{
	struct token_key key;

	(void)answer;
	token_wire_take_key(op, request, &key);
	TRY(message_end(op, request));
	return session_check(op, session, &key);
}

static result answer_generate(struct op *op, struct session *session, struct message_reader *request,
			      struct buf *answer)
{
	struct token_key key;
	const char *label = message_take_text(request, op->arena);
	uint8_t type = message_take_u8(request);
	uint8_t unwraps = message_take_u8(request);

	TRY(message_end(op, request));
	if (label == NULL || type >= KEY_OTHER)
		return FAIL(op, ERR_MALFORMED, "a request for a key without a label or type");
	TRY(session_generate(op, session, label, (enum key_type)type, unwraps != 0, &key));
	token_wire_put_key(answer, &key);
	return OK;
}

static result answer_describe(struct op *op, struct session *session, struct message_reader *request,
			      struct buf *answer)
{
	TRY(message_end(op, request));
	message_put_text(answer, session_describe(op, session));
	return OK;
}

static answer_function *const answers[] = {
	[TOKEN_SIGN] = answer_sign,
	[TOKEN_CHECK] = answer_check,
	[TOKEN_GENERATE] = answer_generate,
	[TOKEN_UNWRAP] = answer_unwrap,
	[TOKEN_DESCRIBE] = answer_describe,
};

static result answer_one(struct op *op, struct session *session, const struct frame *request)
{
	struct message_reader reader;
	struct buf answer;

	message_read(&reader, request->payload);
	buf_init(&answer, op->arena, 256);
	answer_function *function = request->type < sizeof(answers) / sizeof(answers[0]) ? answers[request->type] : NULL;
	result r = function == NULL ? FAIL(op, ERR_MALFORMED, "a signer knows no request of type %u", request->type) :
				      function(op, session, &reader, &answer);
	if (r.err != ERR_NONE)
		return frame_write_failure(op, ROLE_FD, request->id, op);
	return frame_write(op, ROLE_FD, TOKEN_DONE, request->id, buf_as_bytes(&answer));
}

/* Until the socket ends, or the session does. */
static void serve(struct session *session)
{
	bool is_open = true;

	while (is_open && !session_is_lost(session)) {
		struct op *op = op_new();
		struct frame request;
		result r = frame_read(op, ROLE_FD, &request);
		if (r.err == ERR_NONE)
			r = answer_one(op, session, &request);
		if (r.err != ERR_NONE && r.err != ERR_NOT_FOUND)
			log_failure(op, "signer.failed");
		is_open = r.err == ERR_NONE;
		op_free(&op);
	}
}

static result set_up(struct op *op, const char *dir, struct session **session, bool *is_final)
{
	struct config *config = NULL;
	enum log_level level;

	*is_final = true;
	TRY(config_load(op, dir, &config));
	if (log_parse_level(config->log_level, &level))
		log_set_level(level);
	result r = session_open(op, &config->token, session, is_final);
	config_free(&config);
	TRY(r);
	/* After the log-in: modules may start helpers of their own while they set up. */
	return sandbox_enter(op, SANDBOX_SIGNER, NULL);
}

int signer_main(const char *name, const char *dir)
{
	struct session *session = NULL;
	struct op *op = op_new();
	bool is_final;

	secret_harden_process();
	log_open(name, LOG_LEVEL_INFO);
	module_use_softhsm_conf(dir);
	result r = set_up(op, dir, &session, &is_final);
	if (r.err == ERR_NONE)
		r = frame_write(op, ROLE_FD, SUPERVISOR_READY, 0, BYTES_NONE);
	else
		IGNORE(frame_write_failure(op, ROLE_FD, 0, op)); /* nobody there to hear it: the exit status still tells */
	op_free(&op);
	if (r.err != ERR_NONE) {
		session_close(&session);
		return is_final ? ROLE_EXIT_FINAL : EXIT_FAILURE;
	}
	serve(session);
	/* C_Finalize on a token that is lost may hang, and there is nothing left to tidy. */
	if (session_is_lost(session))
		_exit(EXIT_FAILURE);
	session_close(&session);
	return EXIT_SUCCESS;
}
