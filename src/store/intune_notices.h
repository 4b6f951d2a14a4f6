/*
 * What Microsoft Intune has still to be told, and asked: an outbox. A row stands
 * there from before a certificate is signed until Microsoft has taken the news,
 * so that neither a crash nor an outage loses any (IN3).
 *
 * One node at a time sends a row: who moves its due time has it until then. A
 * node that dies with it leaves it to whoever looks next.
 */
#pragma once

#include "store/enrollments.h"

enum intune_notice_kind {
	NOTICE_OUTCOME,     /* of an enrollment: due once that was issued or rejected, or expired ten minutes ago */
	NOTICE_REFUSAL,     /* of a request that got no enrollment */
	NOTICE_REVOCATIONS, /* what became of the revocations that Microsoft asked for */
	NOTICE_DOWNLOAD     /* one for each endpoint, and always there: when Microsoft is asked for revocations next */
};
const char *intune_notice_kind_name(enum intune_notice_kind kind); /* "outcome" */

struct intune_notice {
	const char *id;
	const char *endpoint;       /* of scep: in the configuration */
	enum intune_notice_kind kind;
	const char *enrollment_id;  /* NOTICE_OUTCOME, else NULL */
	const char *transaction_id; /* the device's; "" for the last two kinds */
	struct bytes csr;           /* DER; likewise empty */
	int64_t code;               /* NOTICE_REFUSAL: of the kind of refusal */
	const char *detail;         /* its words; NOTICE_REVOCATIONS: the results as JSON */
	unsigned attempts;
	int64_t due_s, created_s;

	/* Of the enrollment, when one is listed; not stored here. */
	enum enrollment_status status;
	const char *serial, *reason;
};

/* ERR_CONFLICT: there is one of that id. */
result intune_notice_insert(struct op *op, struct db *db, const struct intune_notice *notice);
/* Nothing happens when it is there already. */
result intune_notice_want_download(struct op *op, struct db *db, const char *endpoint, int64_t now_s);
/* Those of the endpoint that are due at `now_s`, the longest due first, at most `limit`. */
result intune_notice_list_due(struct op *op, struct db *db, const char *endpoint, int64_t now_s, unsigned limit,
			      struct intune_notice **out, unsigned *n);
/* Counts one attempt, and puts off the next to `until_s`. ERR_CONFLICT: another has it, or it is done. */
result intune_notice_claim(struct op *op, struct db *db, const struct intune_notice *notice, int64_t until_s);
/* By who has claimed it: due again then. `is_new_work`: what was counted so far is forgotten. */
result intune_notice_put_off(struct op *op, struct db *db, const char *id, int64_t due_s, bool is_new_work);
/* Done, or given up. */
result intune_notice_remove(struct op *op, struct db *db, const char *id);
/* Those that have been due since before `before_s`: of endpoints that nobody serves any more. */
result intune_notice_clean(struct op *op, struct db *db, int64_t before_s, unsigned *n);
