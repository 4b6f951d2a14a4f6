/* RFC 8894 sections 3.2.1 and 3.3.2. */
#include "protocols/scep/reply.h"

#include "base/random.h"
#include "base/text.h"
#include "ca/cms.h"
#include "ca/sign.h"

/* HTTP's status where there is no CertRep: what cannot be read at all, and our own trouble. */
static const int status_of_kind[] = {
	[ERR_NONE] = 500,     [ERR_MALFORMED] = 400, [ERR_UNAUTHENTIC] = 401, [ERR_DENIED] = 403,
	[ERR_POLICY] = 403,   [ERR_NOT_FOUND] = 404, [ERR_CONFLICT] = 409,    [ERR_LIMIT] = 429,
	[ERR_BUSY] = 503,     [ERR_BACKEND] = 500,   [ERR_BUG] = 500,
};

void scep_fail(struct op *op, const struct call *call, struct reply *reply)
{
	(void)call;
	int status = reply->status != 0 ? reply->status : status_of_kind[op->err];
	char *text = arena_text(op->arena, op->detail);
	if (status == 500)
		text = arena_text(op->arena, "the server failed; its log has the reason under this Request-Id");
	text_make_printable(text); /* V40 */
	reply_text(op, reply, status, text);
	if (op->err == ERR_BUSY || op->err == ERR_LIMIT)
		reply_header(reply, "Retry-After", op->err == ERR_LIMIT ? "60" : "2");
}

#define ATTRIBUTES_MAX 7

struct attributes {
	struct arena *arena;
	struct signed_data_attribute of[ATTRIBUTES_MAX];
	unsigned n;
};

static void add(struct attributes *list, struct bytes oid, uint8_t tag, struct bytes value)
{
	struct buf out;
	buf_init(&out, list->arena, value.n + 8);
	der_put(&out, tag, value);
	ASSERT(list->n < ATTRIBUTES_MAX);
	list->of[list->n++] = (struct signed_data_attribute){ oid, buf_as_bytes(&out) };
}

static void add_number(struct attributes *list, struct bytes oid, unsigned number)
{
	add(list, oid, DER_PRINTABLE_STRING, bytes_of_text(arena_printf(list->arena, "%u", number)));
}

/* SP5, SP6, SP7: transaction and nonce come back octet for octet, failInfo goes with FAILURE only. */
static void put_attributes(struct attributes *list, const struct scep_message *message, const struct scep_answer *answer)
{
	uint8_t nonce[SCEP_NONCE_SIZE];
	random_bytes(nonce, sizeof nonce);
	add(list, scep_transaction_id_oid, DER_PRINTABLE_STRING, bytes_of_text(message->transaction_id));
	add_number(list, scep_message_type_oid, SCEP_CERT_REP);
	add_number(list, scep_pki_status_oid, answer->status);
	add(list, scep_sender_nonce_oid, DER_OCTET_STRING, (struct bytes)BYTES_ARRAY(nonce));
	if (message->sender_nonce.n > 0)
		add(list, scep_recipient_nonce_oid, DER_OCTET_STRING, message->sender_nonce);
	if (answer->status != SCEP_FAILURE)
		return;
	add_number(list, scep_fail_info_oid, answer->info);
	if (answer->text != NULL)
		add(list, scep_fail_info_text_oid, DER_UTF8_STRING, bytes_of_text(answer->text));
}

static result sign(struct op *op, void *arg, struct bytes attributes, struct bytes *signature)
{
	const struct scep_request *request = arg;
	return sign_cert_rep(op, request->authority->token, &request->ra->key, attributes, signature);
}

result scep_reply(struct op *op, const struct scep_request *request, const struct scep_answer *answer, struct reply *reply)
{
	struct attributes attributes = { .arena = op->arena };
	struct bytes content = BYTES_NONE;
	if (answer->status == SCEP_SUCCESS)
		TRY(enveloped_data_write(op, answer->content, request->message.signer, request->cipher, &content));
	put_attributes(&attributes, &request->message, answer);
	const struct signed_data_writing writing = { .type = cms_data_oid,
						     .content = content, /* empty, but there, without data: certmonger takes no other */
						     .certificates = &request->ra->certificate,
						     .n_certificates = 1,
						     .attributes = attributes.of,
						     .n_attributes = attributes.n,
						     .algorithm = SIGNED_RSA_SHA256,
						     .signer = request->ra->certificate,
						     .sign = sign,
						     .arg = (void *)(uintptr_t)request };
	TRY(signed_data_write_by(op, &writing, &reply->body));
	reply->status = 200;
	reply->content_type = "application/x-pki-message";
	return OK;
}

bool scep_is_refusal(enum err err)
{
	return err != ERR_NONE && err != ERR_BUSY && err != ERR_BACKEND && err != ERR_BUG;
}

result scep_reply_refusal(struct op *op, const struct scep_request *request, struct reply *reply)
{
	char *text = arena_text(op->arena, op->detail);
	text_make_printable(text);
	const struct scep_answer answer = {
		.status = SCEP_FAILURE,
		.info = op->code != 0 ? (enum scep_fail_info)(op->code - 1) : SCEP_BAD_REQUEST,
		.text = text,
	};
	op_clear_failure(op);
	return scep_reply(op, request, &answer, reply);
}
