/*
 * Certificates: list, show, issue through the operator's door, revoke. The
 * operator at the socket is the evidence for the names of the CSR; the profile
 * still bounds them.
 */
#include "protocols/api/api_handlers.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "ca/crl.h"
#include "ca/csr.h"
#include "ca/issue.h"
#include "ca/revoke.h"

#define LIST_LIMIT 100
#define LIST_LIMIT_MAX 1000

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 section 2.1, in place: names may have blanks in them. False for half an escape, a NUL, a '+' of forms. */
static bool unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from != '\0'; from++) {
		int c = (unsigned char)*from;
		if (c == '%') {
			int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
			if (low < 0 || (high == 0 && low == 0))
				return false;
			c = high << 4 | low;
			from += 2;
		} else if (c == '+') {
			return false;
		}
		*to++ = (char)c;
	}
	*to = '\0';
	return true;
}

result api_query_text(struct op *op, const struct call *call, const char *name, const char **out)
{
	char *text = arena_text_n(op->arena, (const char *)call->query.p, call->query.n), *rest = NULL;
	*out = NULL;
	for (char *pair = strtok_r(text, "&", &rest); pair != NULL; pair = strtok_r(NULL, "&", &rest)) {
		size_t n = strlen(name);
		if (strncmp(pair, name, n) != 0 || pair[n] != '=')
			continue;
		if (!unescape(pair + n + 1))
			return FAIL(op, ERR_MALFORMED, "%s: a broken percent escape, or a plus sign that is none (%%2B)", name);
		*out = pair + n + 1;
	}
	return OK;
}

static result read_filter(struct op *op, const struct call *call, struct certificate_filter *filter)
{
	const char *revoked, *expires, *limit;
	*filter = (struct certificate_filter){ .limit = LIST_LIMIT };
	TRY(api_query_text(op, call, "ca", &filter->ca));
	TRY(api_query_text(op, call, "profile", &filter->profile));
	TRY(api_query_text(op, call, "name", &filter->name));
	TRY(api_query_text(op, call, "after", &filter->after));
	TRY(api_query_text(op, call, "revoked", &revoked));
	TRY(api_query_text(op, call, "expires_in", &expires));
	TRY(api_query_text(op, call, "limit", &limit));
	filter->only_revoked = text_equal(revoked, "true");
	int64_t seconds;
	if (expires != NULL && !text_parse_duration(expires, &seconds))
		return FAIL(op, ERR_MALFORMED, "expires_in takes a duration such as 30d, not %s", expires);
	if (expires != NULL) { /* what has ended already is past helping */
		filter->expires_after_s = clock_now_s();
		filter->expires_before_s = clock_now_s() + seconds;
	}
	uint64_t n;
	if (limit != NULL && !text_parse_u64(limit, 1, LIST_LIMIT_MAX, &n))
		return FAIL(op, ERR_MALFORMED, "limit takes a number from 1 to %d", LIST_LIMIT_MAX);
	if (limit != NULL)
		filter->limit = (unsigned)n;
	return OK;
}

static result write_revocation(struct op *op, struct db *db, const char *serial, struct json_writer *w)
{
	struct revocation revocation;
	result r = revocation_load(op, db, serial, &revocation);
	if (r.err == ERR_NOT_FOUND) {
		op_clear_failure(op);
		return OK;
	}
	TRY(r);
	json_write_text(w, "revoked", clock_rfc3339(op->arena, revocation.revoked_s));
	json_write_text(w, "reason", revocation_reason_name(revocation.reason));
	return OK;
}

static result write_certificate(struct op *op, struct db *db, const struct certificate *row, bool is_full,
				struct json_writer *w)
{
	json_write_text(w, "serial", row->serial);
	json_write_text(w, "status", certificate_status_name(row->status));
	json_write_text(w, "ca", row->ca);
	json_write_text(w, "profile", row->profile);
	json_write_text(w, "door", row->door);
	json_write_text(w, "subject", row->subject);
	json_write_raw(w, "names", bytes_of_text(row->names));
	json_write_text(w, "requester", row->requester);
	json_write_text(w, "order", row->claim_id);
	json_write_text(w, "not_before", clock_rfc3339(op->arena, row->not_before_s));
	json_write_text(w, "not_after", clock_rfc3339(op->arena, row->not_after_s));
	if (row->issued_s != 0)
		json_write_text(w, "issued", clock_rfc3339(op->arena, row->issued_s));
	TRY(write_revocation(op, db, row->serial, w));
	if (is_full && row->der.n > 0)
		json_write_text(w, "certificate", bytes_to_base64(op->arena, row->der));
	return OK;
}

result api_certificate_list(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	struct certificate_filter filter;
	struct certificate *rows;
	unsigned n;
	struct json_writer w;
	TRY(read_filter(op, call, &filter));
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(certificate_list(op, lease.db, &filter, &rows, &n));
	json_write_init(&w, op->arena);
	json_write_array(&w, NULL);
	for (unsigned i = 0; i < n; i++) {
		json_write_object(&w, NULL);
		TRY(write_certificate(op, lease.db, &rows[i], false, &w));
		json_write_object_end(&w);
	}
	json_write_array_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

/*
 * Serials come in as people have them: upper or lower case, with colons as
 * OpenSSL prints them, with a leading 00 of the DER INTEGER. Rows have lower-case
 * hex of fixed length (V5).
 */
result api_read_serial(struct op *op, struct bytes from, const char **out)
{
	struct buf hex;
	buf_init(&hex, op->arena, from.n + 1);
	for (size_t i = 0; i < from.n; i++)
		if (from.p[i] != ':')
			buf_byte(&hex, from.p[i]);
	char *text = buf_as_text(&hex);
	text_lower(text);
	while (strlen(text) > 2 * SERIAL_SIZE && text_has_prefix(text, "00"))
		text += 2;
	if (text[0] == '\0' || strspn(text, "0123456789abcdef") != strlen(text))
		return FAIL(op, ERR_MALFORMED, "a serial is hexadecimal; see: chancery cert list");
	*out = text;
	return OK;
}

static result load_by_param(struct op *op, struct db *db, const struct call *call, struct certificate *row)
{
	const char *serial = NULL;
	TRY(api_read_serial(op, call->params[0], &serial));
	result r = certificate_load(op, db, serial, row);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_NOT_FOUND, "no certificate with serial %s; see: chancery cert list", serial);
	return r;
}

result api_certificate_show(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	struct certificate row;
	struct json_writer w;
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	TRY(load_by_param(op, lease.db, call, &row));
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	TRY(write_certificate(op, lease.db, &row, true, &w));
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

/* The profile asked for, or the only one that answers to the operator. */
static result choose_profile(struct op *op, const struct config *config, const char *asked, const char **out)
{
	const char *only = NULL;
	unsigned n = 0;
	for (unsigned i = 0; i < config->n_profiles; i++)
		if (config->profiles[i].door == DOOR_OPERATOR) {
			only = config->profiles[i].name;
			n++;
		}
	if (asked == NULL && n != 1)
		return FAIL(op, ERR_POLICY, "%u profiles answer to the operator: name one with --profile", n);
	*out = asked != NULL ? asked : only;
	return OK;
}

result api_certificate_issue(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	const char *csr_text = NULL, *asked = NULL, *profile = NULL;
	struct csr csr;
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(json_need_text(op, body, "csr", &csr_text));
	TRY(json_maybe_text(op, body, "profile", &asked));
	TRY(choose_profile(op, authority_config(a), asked, &profile));
	const struct csr_rules rules = csr_rules_of(config_profile(authority_config(a), profile));
	TRY(csr_parse_file(op, bytes_of_text(csr_text), &rules, &csr));

	struct authorization *authorization;
	struct authorization_facts facts = { .door = DOOR_OPERATOR,
					     .profile = arena_text(op->arena, profile),
					     .identifiers = csr.identifiers,
					     .n_identifiers = csr.n_identifiers,
					     .main_name = csr.common_name,
					     .requester = op->actor.id,
					     .csr_hash = csr.hash };
	TRY(issue_authorize(op, a, &facts, &authorization));
	struct issued issued;
	TRY(issue(op, a, authorization, csr.spki, &issued));

	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "serial", issued.serial);
	json_write_text(&w, "not_after", clock_rfc3339(op->arena, issued.not_after_s));
	json_write_text(&w, "chain", issued.chain_pem);
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}

/* The operator hears "revoked" when OCSP and CRL say so; the revocation stands in any case. */
static result wait_for_crl(struct op *op, struct authority *a, const char *name)
{
	const struct ca *ca = hierarchy_find(a->hierarchy, name);
	struct crl_row crl;
	ASSERT(ca != NULL);
	return op_explain(op, crl_publish(op, a, ca, &crl), "the certificate is revoked and OCSP says so, but its CRL is late");
}

result api_certificate_revoke(struct op *op, struct authority *a, const struct call *call, struct reply *reply)
{
	AUTO(json_t) *body = NULL;
	const char *name;
	int reason;
	struct certificate row;
	struct revocation revocation;
	TRY(json_parse_object(op, call->body, "request", &body));
	TRY(json_need_text(op, body, "reason", &name));
	if (!revocation_reason_parse(name, &reason))
		return FAIL(op, ERR_MALFORMED, "%s is no revocation reason; see: chancery cert revoke --help", name);
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		TRY(load_by_param(op, lease.db, call, &row));
	}
	TRY(certificate_revoke(op, a, row.serial, reason, true, &revocation));
	TRY(wait_for_crl(op, a, revocation.ca));

	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "serial", revocation.serial);
	json_write_text(&w, "ca", revocation.ca);
	json_write_text(&w, "revoked", clock_rfc3339(op->arena, revocation.revoked_s));
	json_write_text(&w, "reason", revocation_reason_name(revocation.reason));
	json_write_object_end(&w);
	api_reply_json(reply, &w);
	return OK;
}
