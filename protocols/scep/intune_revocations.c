/*
 * Revocations that an administrator, or a device that left, caused in Intune
 * (IN4). Certificates of this endpoint's CA and profile only: Microsoft's word is
 * no reason to revoke any other one. To revoke twice is to have revoked, so
 * that results that were lost are simply made again.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "ca/revoke.h"
#include "ca/tbs.h"
#include "protocols/scep/intune_link.h"

#define AT_ONCE 100 /* of the 500 that may be asked for: an answer that surely fits */
#define CONTEXT_MOST 2048
#define ANSWER_BYTES 786432

struct wish {
	const char *context, *serial;
	const char *error; /* NULL: done */
	const char *words;
};

static struct bytes question(struct op *op, const char *issuer)
{
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_object(&w, "downloadParameters");
	json_write_integer(&w, "maxRequests", AT_ONCE);
	json_write_text(&w, "issuerName", issuer);
	json_write_object_end(&w);
	json_write_object_end(&w);
	return json_write_done(&w);
}

/* In the form of our rows: upper or lower case, colons, a leading 00 are nothing to look at. NULL: no serial. */
static const char *row_serial(struct op *op, const char *text)
{
	struct buf hex;
	buf_init(&hex, op->arena, 64);
	for (; *text != '\0' && hex.n < 128; text++)
		if (*text != ':' && *text != ' ')
			buf_byte(&hex, (uint8_t)*text);
	char *serial = buf_as_text(&hex);
	text_lower(serial);
	while (strlen(serial) > 2 * SERIAL_SIZE && text_has_prefix(serial, "00"))
		serial += 2;
	return serial[0] != '\0' && strspn(serial, "0123456789abcdef") == strlen(serial) ? serial : NULL;
}

static bool is_other(const char *value, const char *ours)
{
	return value != NULL && value[0] != '\0' && !text_equal(value, ours);
}

/* False: it is for another endpoint, another CA or nobody, and not ours to answer. */
static bool read_wish(const struct intune_link *link, const char *issuer, const json_t *item, struct wish *out)
{
	out->context = json_string_value(json_object_get(item, "requestContext"));
	out->serial = json_string_value(json_object_get(item, "serialNumber"));
	if (out->context == NULL || out->context[0] == '\0' || strlen(out->context) > CONTEXT_MOST || out->serial == NULL)
		return false;
	return !is_other(json_string_value(json_object_get(item, "issuerName")), issuer) &&
	       !is_other(json_string_value(json_object_get(item, "caConfiguration")), link->endpoint);
}

static result find_own(struct op *op, struct intune_link *link, const char *serial, struct certificate *row)
{
	const struct authority *a = link->intune->authority;
	const struct config *config = authority_config(a);
	const struct config_scep *endpoint = config_scep(config, link->endpoint);
	const struct config_profile *profile = endpoint != NULL ? config_profile(config, endpoint->profile) : NULL;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(certificate_load(op, lease.db, serial, row));
	if (profile == NULL || row->status != CERTIFICATE_ISSUED || !text_equal(row->ca, profile->ca) ||
	    !text_equal(row->profile, profile->name) || !text_equal(row->door, door_name(DOOR_SCEP)))
		return FAIL(op, ERR_NOT_FOUND, "serial %s is not of this endpoint", serial);
	return OK;
}

static result revoke(struct op *op, struct intune_link *link, const struct wish *wish, struct revocation *out)
{
	const char *serial = row_serial(op, wish->serial);
	struct certificate row;
	if (serial == NULL)
		return FAIL(op, ERR_NOT_FOUND, "what Intune names is no serial number");
	TRY(find_own(op, link, serial, &row));
	return certificate_revoke(op, link->intune->authority, serial, REASON_UNSPECIFIED, false, out);
}

/* False: trouble of ours, of which Microsoft hears nothing: it will ask again. */
static bool grant(struct op *op, struct intune_link *link, struct wish *wish, struct revocation *last)
{
	struct revocation revocation;
	result r = revoke(op, link, wish, &revocation);
	if (r.err == ERR_NONE)
		*last = revocation;
	else if (r.err == ERR_NOT_FOUND) {
		wish->error = "CertificateNotFoundError";
		wish->words = arena_text(op->arena, op->detail);
	} else if (r.err != ERR_CONFLICT) { /* that is: revoked already */
		log_failure(op, "intune.not-revoked");
	}
	op_clear_failure(op);
	return r.err == ERR_NONE || r.err == ERR_NOT_FOUND || r.err == ERR_CONFLICT;
}

static void write_result(struct json_writer *w, const struct wish *wish)
{
	json_write_object(w, NULL);
	json_write_text(w, "requestContext", wish->context);
	json_write_bool(w, "succeeded", wish->error == NULL);
	json_write_text(w, "errorCode", wish->error != NULL ? wish->error : "None");
	json_write_text(w, "errorMessage", wish->words);
	json_write_object_end(w);
}

/* All that are ours of the list; *n of them have a result. */
static struct bytes grant_all(struct op *op, struct intune_link *link, const char *issuer, const json_t *list, unsigned *n)
{
	struct json_writer w;
	struct revocation last = { .serial = NULL };
	*n = 0;
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (size_t i = 0; i < json_array_size(list) && i < AT_ONCE; i++) {
		struct wish wish = { .context = NULL };
		if (!read_wish(link, issuer, json_array_get(list, i), &wish) || !grant(op, link, &wish, &last))
			continue;
		write_result(&w, &wish);
		(*n)++;
	}
	json_write_array_end(&w);
	if (last.serial != NULL)
		revocation_announce(op, link->intune->authority, &last);
	return json_write_done(&w);
}

static result ask(struct op *op, struct intune_link *link, const char *action, struct bytes body, json_t **own_out,
		  int64_t *retry_s)
{
	const struct intune_errand errand = { .service = INTUNE_CONNECTOR,
					      .action = action,
					      .version = INTUNE_REVOCATION_VERSION,
					      .body = body,
					      .body_limit = ANSWER_BYTES };
	return intune_post(op, link, &errand, own_out, retry_s);
}

static result insert_results(struct op *op, struct ledger_tx *tx, void *arg)
{
	return intune_notice_insert(op, ledger_db(tx), arg);
}

static result keep_results(struct op *op, struct intune_link *link, struct bytes results)
{
	char id[RANDOM_ID_SIZE];
	random_id(id);
	struct intune_notice notice = { .id = id,
					.endpoint = link->endpoint,
					.kind = NOTICE_REVOCATIONS,
					.transaction_id = "",
					.csr = BYTES_LITERAL(""),
					.detail = arena_text_n(op->arena, (const char *)results.p, results.n),
					.due_s = clock_now_s(),
					.created_s = clock_now_s() };
	return ledger_run(op, link->intune->authority->ledger, insert_results, &notice);
}

result intune_revocations_take(struct op *op, struct intune_link *link, bool *is_more, int64_t *retry_s)
{
	AUTO(json_t) *answer = NULL;
	const char *issuer;
	const json_t *list;
	unsigned n;
	TRY(intune_issuer_name(op, link, &issuer));
	TRY(ask(op, link, "CertificateAuthorityRequests/downloadRevocationRequests", question(op, issuer), &answer, retry_s));
	if (json_maybe_array(op, answer, "value", &list).err != ERR_NONE || list == NULL)
		return FAIL(op, ERR_BACKEND, "Intune's answer has no list of revocations");
	*is_more = json_array_size(list) >= AT_ONCE;
	snprintf(op->actor.id, sizeof op->actor.id, "intune:%s", link->endpoint);
	struct bytes results = grant_all(op, link, issuer, list, &n);
	if (n == 0)
		return OK;
	log_info(op, "intune.revocations", "endpoint %s: Intune asked for %u revocations", link->endpoint, n);
	return keep_results(op, link, results);
}

result intune_revocations_tell(struct op *op, struct intune_link *link, const char *results, int64_t *retry_s)
{
	AUTO(json_t) *answer = NULL;
	struct json_writer w;
	bool is_taken;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_raw(&w, "results", bytes_of_text(results));
	json_write_object_end(&w);
	TRY(ask(op, link, "CertificateAuthorityRequests/uploadRevocationResults", json_write_done(&w), &answer, retry_s));
	if (json_maybe_bool(op, answer, "value", false, &is_taken).err != ERR_NONE || !is_taken)
		return FAIL(op, ERR_DENIED, "Intune did not take the results of revocations");
	return OK;
}
