/* Writing and reading of each message side by side, so that they stay alike. */
#include "courier/probe_message.h"

#include <string.h>

#include "base/limits.h"
#include "courier/host_name.h"
#include "ipc/message.h"

#define TOKEN_MAX_LENGTH 128 /* ours have 43 */

static bool is_token(const char *token)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = strspn(token, alphabet);

	return n > 0 && n <= TOKEN_MAX_LENGTH && token[n] == '\0';
}

result probe_request_check(struct op *op, const struct probe_request *request)
{
	const char *refusal = host_name_refusal(request->host);

	if (refusal != NULL)
		return FAIL(op, ERR_MALFORMED, "\"%.64s\" cannot be validated: %s", request->host, refusal);
	if (!is_token(request->token))
		return FAIL(op, ERR_MALFORMED, "the token is not base64url of at most %d characters", TOKEN_MAX_LENGTH);
	return OK;
}

void probe_request_put(struct buf *buf, const struct probe_request *request)
{
	message_put_text(buf, request->host);
	message_put_text(buf, request->token);
}

result probe_request_read(struct op *op, struct bytes payload, struct probe_request *out)
{
	struct message_reader reader;

	message_read(&reader, payload);
	out->host = message_take_text(&reader, op->arena);
	out->token = message_take_text(&reader, op->arena);
	TRY(message_end(op, &reader));
	if (out->host == NULL || out->token == NULL)
		return FAIL(op, ERR_MALFORMED, "a probe needs host and token");
	return probe_request_check(op, out);
}

void probe_reply_put(struct buf *buf, const struct probe_reply *reply)
{
	message_put_u8(buf, (uint8_t)reply->outcome);
	message_put_text(buf, reply->detail);
	message_put_u32(buf, reply->status);
	message_put_bytes(buf, reply->body);
	message_put_u8(buf, reply->is_body_cut);
	message_put_u8(buf, reply->is_redirected);
	message_put_text(buf, reply->evidence);
}

result probe_reply_read(struct op *op, struct bytes payload, struct probe_reply *out)
{
	struct message_reader reader;
	uint8_t outcome;

	message_read(&reader, payload);
	outcome = message_take_u8(&reader);
	out->outcome = (enum probe_outcome)outcome;
	out->detail = message_take_text(&reader, op->arena);
	out->status = message_take_u32(&reader);
	out->body = message_take_bytes(&reader);
	out->is_body_cut = message_take_u8(&reader) != 0;
	out->is_redirected = message_take_u8(&reader) != 0;
	out->evidence = message_take_text(&reader, op->arena);
	TRY(message_end(op, &reader));
	if (outcome > PROBE_DENIED || out->detail == NULL || out->evidence == NULL || out->body.n > LIMIT_PROBE_BODY)
		return FAIL(op, ERR_MALFORMED, "the courier's answer makes no sense");
	return OK;
}
