/*
 * The question before a signature (IN2). Only one answer is a yes, and it is good
 * for the request that was shown and for this moment; everything else is a no,
 * or trouble, and both end without a certificate (F38, V44).
 */
#include "base/clock.h"
#include "protocols/scep/intune_link.h"

static struct bytes request_body(struct op *op, const char *transaction_id, struct bytes csr_der)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_object(&w, "request");
	json_write_text(&w, "transactionId", transaction_id);
	json_write_text(&w, "certificateRequest", bytes_to_base64(op->arena, csr_der));
	json_write_text(&w, "callerInfo", INTUNE_CALLER);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return json_write_done(&w);
}

static result ask(struct op *op, struct intune_link *link, const char *transaction_id, struct bytes csr_der)
{
	AUTO(json_t) *answer = NULL;
	int64_t retry_s;
	const struct intune_errand errand = { .service = INTUNE_VALIDATION,
					      .action = "ScepActions/validateRequest",
					      .version = INTUNE_SCEP_VERSION,
					      .body = request_body(op, transaction_id, csr_der),
					      .body_limit = INTUNE_ANSWER_BYTES };
	TRY(intune_post(op, link, &errand, &answer, &retry_s));
	return intune_read_code(op, answer);
}

/* The device waits: token, discovery and the question share one timeout. */
static result ask_within(struct op *op, struct intune_link *link, const struct config_scep *endpoint,
			 const char *transaction_id, struct bytes csr_der)
{
	int64_t kept_ms = op->deadline_ms, end_ms = clock_monotonic_ms() + endpoint->intune.timeout_s * 1000;
	if (kept_ms == 0 || kept_ms > end_ms)
		op->deadline_ms = end_ms;
	result r = ask(op, link, transaction_id, csr_der);
	op->deadline_ms = kept_ms;
	return r;
}

result intune_validate(struct op *op, struct intune *intune, const struct config_scep *endpoint, const char *transaction_id,
		       struct bytes csr_der)
{
	struct intune_link *link;
	INTUNE_TURN(turn);
	result r = intune_link_of(op, intune, endpoint, &link);
	if (r.err == ERR_NONE) {
		TRY(intune_turn_take(op, link, &turn));
		r = ask_within(op, link, endpoint, transaction_id, csr_der);
	}
	if (r.err == ERR_NONE || r.err == ERR_DENIED)
		return r;
	return FAIL(op, ERR_BACKEND, "Intune could not be asked: %s", arena_text(op->arena, op->detail));
}
