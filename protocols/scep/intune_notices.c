/*
 * The outbox (IN3). A notice is written in the same transaction as the row of
 * its enrollment, before anything is signed; what it says is put together when
 * it is sent, from what has become of the request by then.
 */
#include <openssl/x509.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/random.h"
#include "base/text.h"
#include "protocols/scep/intune_link.h"
#include "store/certificates.h"

#define ROWS_AT_ONCE 20
#define CLAIM_S 600        /* longer than one notice can take: token, discovery and call, each twice */
#define LEAST_LEFT_MS 60000 /* of the sweep, for another notice to be begun */
#define FIRST_WAIT_S 30    /* after a failure, doubled each time … */
#define LONGEST_WAIT_S 3600
#define ATTEMPTS_MOST 175  /* … so that they end after seven days */
#define DOWNLOAD_S 300
#define DOWNLOAD_SOON_S 30
#define DESCRIPTION_MOST 255
#define REFUSAL_HRESULT 0xA0000001 /* severity: failure; the customer bit ([MS-ERREF] section 2.1) */

/* --- into the outbox --- */

static result put(struct op *op, struct db *db, struct intune_notice notice, int64_t now_s)
{
	char id[RANDOM_ID_SIZE];
	random_id(id);
	notice.id = id;
	notice.due_s = notice.created_s = now_s;
	return intune_notice_insert(op, db, &notice);
}

result intune_notice_for(struct op *op, struct db *db, const struct config_scep *endpoint, const char *enrollment_id,
			 const char *transaction_id, struct bytes csr_der, int64_t now_s)
{
	const struct intune_notice notice = { .endpoint = endpoint->name,
					      .kind = NOTICE_OUTCOME,
					      .enrollment_id = enrollment_id,
					      .transaction_id = transaction_id,
					      .csr = csr_der,
					      .detail = "" };
	return put(op, db, notice, now_s);
}

result intune_notice_refused(struct op *op, struct db *db, const struct config_scep *endpoint, enum intune_refusal refusal,
			     const char *why, const char *transaction_id, struct bytes csr_der, int64_t now_s)
{
	const struct intune_notice notice = { .endpoint = endpoint->name,
					      .kind = NOTICE_REFUSAL,
					      .transaction_id = transaction_id,
					      .csr = csr_der,
					      .code = refusal,
					      .detail = why };
	return put(op, db, notice, now_s);
}

/* --- what is said --- */

static void begin(struct op *op, struct json_writer *w, const struct intune_notice *notice)
{
	json_write_init(w, op->arena);
	json_write_object(w, NULL);
	json_write_object(w, "notification");
	json_write_text(w, "transactionId", notice->transaction_id);
	json_write_text(w, "certificateRequest", bytes_to_base64(op->arena, notice->csr));
	json_write_text(w, "callerInfo", INTUNE_CALLER);
}

static struct bytes end(struct json_writer *w)
{
	json_write_object_end(w);
	json_write_object_end(w);
	return json_write_done(w);
}

static const char *upper_hex(struct op *op, struct bytes bytes)
{
	char *hex = bytes_to_hex(op->arena, bytes);
	for (char *c = hex; *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'f')
			*c = (char)(*c - 'a' + 'A');
	return hex;
}

result intune_issuer_name(struct op *op, struct intune_link *link, const char **out)
{
	const struct authority *a = link->intune->authority;
	const struct config *config = authority_config(a);
	const struct config_scep *endpoint = config_scep(config, link->endpoint);
	const struct config_profile *profile = endpoint != NULL ? config_profile(config, endpoint->profile) : NULL;
	const struct ca *ca = profile != NULL ? hierarchy_find(a->hierarchy, profile->ca) : NULL;
	if (ca == NULL)
		return FAIL(op, ERR_NOT_FOUND, "endpoint %s has no CA", link->endpoint);
	AUTO(BIO) *bio = BIO_new(BIO_s_mem());
	char *text;
	ASSERT(bio != NULL &&
	       X509_NAME_print_ex(bio, X509_get_subject_name(ca->certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0);
	long n = BIO_get_mem_data(bio, &text);
	*out = arena_text_n(op->arena, text, (size_t)n);
	return OK;
}

static result load_certificate(struct op *op, struct intune_link *link, const char *serial, struct certificate *out)
{
	STORE_LEASE(lease);
	TRY(store_read(op, link->intune->authority->store, &lease));
	return certificate_load(op, lease.db, serial, out);
}

static result success_body(struct op *op, struct intune_link *link, const struct intune_notice *notice, struct bytes *out)
{
	struct certificate row;
	struct bytes serial;
	struct json_writer w;
	const char *issuer;
	uint8_t thumbprint[SHA1_SIZE];
	TRY(load_certificate(op, link, notice->serial, &row));
	TRY(bytes_from_hex(op, row.serial, &serial));
	TRY(intune_issuer_name(op, link, &issuer));
	bytes_sha1(row.der, thumbprint);
	begin(op, &w, notice);
	json_write_text(&w, "certificateThumbprint", upper_hex(op, (struct bytes)BYTES_ARRAY(thumbprint)));
	json_write_text(&w, "certificateSerialNumber", upper_hex(op, serial));
	json_write_text(&w, "certificateExpirationDateUtc",
			arena_printf(op->arena, "%.19s.000Z", clock_rfc3339(op->arena, row.not_after_s)));
	json_write_text(&w, "issuingCertificateAuthority", issuer);
	json_write_text(&w, "caConfiguration", link->endpoint);
	json_write_text(&w, "certificateAuthority", row.ca);
	*out = end(&w);
	return OK;
}

static struct bytes failure_body(struct op *op, const struct intune_notice *notice, enum intune_refusal refusal, const char *why)
{
	struct json_writer w;
	char *description = arena_printf(op->arena, "%.*s", DESCRIPTION_MOST, why);
	text_make_printable(description);
	begin(op, &w, notice);
	json_write_integer(&w, "hResult", REFUSAL_HRESULT + (int64_t)refusal);
	json_write_text(&w, "errorDescription", description);
	return end(&w);
}

static struct bytes outcome_failure(struct op *op, const struct intune_notice *notice)
{
	if (notice->status != ENROLLMENT_REJECTED)
		return failure_body(op, notice, INTUNE_REFUSED_EXPIRED, "nobody decided in time, or the device did not come back");
	return failure_body(op, notice, INTUNE_REFUSED_REJECTED,
			    notice->reason != NULL && notice->reason[0] != '\0' ? notice->reason : "an operator rejected the request");
}

static result notify(struct op *op, struct intune_link *link, const char *action, struct bytes body, int64_t *retry_s)
{
	AUTO(json_t) *answer = NULL;
	const struct intune_errand errand = { .service = INTUNE_VALIDATION,
					      .action = action,
					      .version = INTUNE_SCEP_VERSION,
					      .body = body,
					      .body_limit = INTUNE_ANSWER_BYTES };
	TRY(intune_post(op, link, &errand, &answer, retry_s));
	return intune_read_code(op, answer);
}

static result notify_outcome(struct op *op, struct intune_link *link, const struct intune_notice *notice, int64_t *retry_s)
{
	struct bytes body;
	if (notice->status != ENROLLMENT_ISSUED)
		return notify(op, link, "ScepActions/failureNotification", outcome_failure(op, notice), retry_s);
	TRY(success_body(op, link, notice, &body));
	return notify(op, link, "ScepActions/successNotification", body, retry_s);
}

/* --- sending --- */

/* What a ledger's closure needs: which row, and what for. */
struct step {
	const struct intune_notice *notice;
	int64_t due_s;
	bool is_new_work;
};

static result claim(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct step *step = arg;
	return intune_notice_claim(op, ledger_db(tx), step->notice, step->due_s);
}

static result put_off(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct step *step = arg;
	return intune_notice_put_off(op, ledger_db(tx), step->notice->id, step->due_s, step->is_new_work);
}

static result drop(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct step *step = arg;
	return intune_notice_remove(op, ledger_db(tx), step->notice->id);
}

static result run(struct op *op, struct intune_link *link, ledger_fn *fn, struct step step)
{
	return ledger_run(op, link->intune->authority->ledger, fn, &step);
}

/* `attempts`: those that failed. */
static int64_t wait_after(unsigned attempts, int64_t retry_s)
{
	int64_t wait_s = FIRST_WAIT_S;
	for (unsigned i = 1; i < attempts && wait_s < LONGEST_WAIT_S; i++)
		wait_s *= 2;
	if (wait_s > LONGEST_WAIT_S)
		wait_s = LONGEST_WAIT_S;
	return wait_s > retry_s ? wait_s : retry_s;
}

/* Kept in `failed` past the store's calls, which have failures of their own. */
static result end_failed(struct op *op, struct intune_link *link, const struct intune_notice *notice, result failed,
			 int64_t retry_s)
{
	unsigned attempts = notice->attempts + 1;
	const char *why = arena_text(op->arena, op->detail);
	struct step step = { notice, clock_now_s() + wait_after(attempts, retry_s), false };
	op_clear_failure(op);
	if (notice->kind == NOTICE_DOWNLOAD || attempts < ATTEMPTS_MOST) {
		log_info(op, "intune.put-off", "endpoint %s: notice %s (%s) was not taken, attempt %u: %s", link->endpoint,
			 notice->id, intune_notice_kind_name(notice->kind), attempts, why);
		TRY(run(op, link, put_off, step));
	} else {
		log_warning(op, "intune.given-up", "endpoint %s: notice %s (%s) of transaction %s was not taken in %u attempts: %s",
			    link->endpoint, notice->id, intune_notice_kind_name(notice->kind), notice->transaction_id, attempts,
			    why);
		TRY(run(op, link, drop, step));
	}
	return FAIL(op, failed.err, "%s", why);
}

static result download(struct op *op, struct intune_link *link, const struct intune_notice *notice, int64_t *retry_s)
{
	bool is_more;
	if (!intune_settings(link)->downloads_revocations)
		return run(op, link, drop, (struct step){ .notice = notice });
	TRY(intune_revocations_take(op, link, &is_more, retry_s));
	return run(op, link, put_off,
		   (struct step){ notice, clock_now_s() + (is_more ? DOWNLOAD_SOON_S : DOWNLOAD_S), true });
}

static result tell(struct op *op, struct intune_link *link, const struct intune_notice *notice, int64_t *retry_s)
{
	switch (notice->kind) {
	case NOTICE_OUTCOME:
		return notify_outcome(op, link, notice, retry_s);
	case NOTICE_REFUSAL:
		return notify(op, link, "ScepActions/failureNotification",
			      failure_body(op, notice, (enum intune_refusal)notice->code, notice->detail), retry_s);
	case NOTICE_REVOCATIONS:
		return intune_revocations_tell(op, link, notice->detail, retry_s);
	case NOTICE_DOWNLOAD:
		return download(op, link, notice, retry_s);
	}
	return FAIL(op, ERR_BUG, "a notice of unknown kind %d", (int)notice->kind);
}

static result send_one(struct op *op, struct intune_link *link, const struct intune_notice *notice)
{
	int64_t retry_s = 0;
	result r = run(op, link, claim, (struct step){ notice, clock_now_s() + CLAIM_S, false });
	if (r.err == ERR_CONFLICT) { /* another node has it */
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	r = tell(op, link, notice, &retry_s);
	if (r.err != ERR_NONE)
		return end_failed(op, link, notice, r, retry_s);
	return notice->kind == NOTICE_DOWNLOAD ? OK : run(op, link, drop, (struct step){ .notice = notice });
}

static result list_due(struct op *op, struct intune_link *link, struct intune_notice **out, unsigned *n)
{
	STORE_LEASE(lease);
	TRY(store_read(op, link->intune->authority->store, &lease));
	return intune_notice_list_due(op, lease.db, link->endpoint, clock_now_s(), ROWS_AT_ONCE, out, n);
}

static bool has_time(const struct op *op, const struct intune_link *link)
{
	return op_left_ms(op) > LEAST_LEFT_MS && !atomic_load(&link->intune->is_stopping);
}

/* A notice that Microsoft does not take for itself is no reason to keep the next one back. */
static result send_all(struct op *op, struct intune_link *link, const struct intune_notice *notices, unsigned n)
{
	for (unsigned i = 0; i < n && has_time(op, link); i++) {
		result r = send_one(op, link, &notices[i]);
		if (r.err == ERR_BUSY || r.err == ERR_BACKEND)
			return r;
		if (r.err != ERR_NONE)
			op_clear_failure(op); /* is in the log */
	}
	return OK;
}

result intune_notices_send(struct op *op, struct intune_link *link)
{
	unsigned n;
	do {
		struct intune_notice *notices;
		TRY(list_due(op, link, &notices, &n));
		TRY(send_all(op, link, notices, n));
	} while (n == ROWS_AT_ONCE && has_time(op, link));
	return OK;
}
