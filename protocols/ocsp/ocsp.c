/*
 * The HTTP side of OCSP: where the request is in a call, which headers an answer
 * has. What is in memory goes out on the loop; the rest takes the read lane.
 * Status and signature are ca/ocsp.h's business.
 */
#include "protocols/ocsp/ocsp.h"

#include <string.h>

#include "base/clock.h"
#include "ca/ocsp.h"

#define RESPONSE_TYPE "application/ocsp-response"

/* A call, read: whom it asks by its path, and what. */
struct asked {
	bool has_wrong_type;     /* POST of something else */
	enum ocsp_status status; /* not OCSP_SUCCESSFUL: answer that */
	struct ocsp_request request;
};

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%2B" and so on; '+' and '/' stand for themselves in a path. Fails on '%' without two digits. */
static bool unescape(struct op *op, struct bytes escaped, struct bytes *out)
{
	uint8_t *text = arena_alloc(op->arena, escaped.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < escaped.n; i++) {
		if (escaped.p[i] != '%') {
			text[n++] = escaped.p[i];
			continue;
		}
		int high = i + 2 < escaped.n ? hex_digit(escaped.p[i + 1]) : -1;
		int low = i + 2 < escaped.n ? hex_digit(escaped.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		text[n++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	*out = (struct bytes){ text, n };
	return true;
}

/* RFC 6960 appendix A.1: base64 of the DER, url-encoded, as the rest of the path (O1). */
static bool decode_get(struct op *op, struct bytes rest, struct bytes *der)
{
	struct bytes text;
	if (!unescape(op, rest, &text))
		return false;
	result r = bytes_from_base64(op, text, der);
	op_clear_failure(op);
	return r.err == ERR_NONE;
}

/*
 * "CA", "CA/REQUEST" or "REQUEST": a first segment that is no CA's name is the
 * beginning of the request. No mistaking one for the other: base64 of a DER
 * SEQUENCE begins with "M", and its '/' never comes that early.
 */
static const struct ca *take_ca(const struct hierarchy *hierarchy, struct bytes *rest)
{
	const uint8_t *slash = rest->n > 0 ? memchr(rest->p, '/', rest->n) : NULL;
	struct bytes name = { rest->p, slash != NULL ? (size_t)(slash - rest->p) : rest->n };
	for (unsigned i = 0; i < hierarchy->n; i++) {
		if (!bytes_equal_text(name, hierarchy->cas[i].name))
			continue;
		size_t n = slash != NULL ? name.n + 1 : name.n;
		*rest = (struct bytes){ rest->p + n, rest->n - n };
		return &hierarchy->cas[i];
	}
	return NULL;
}

static bool read_der(struct op *op, const struct call *call, struct bytes rest, struct bytes *der)
{
	if (call->method != HTTP_POST) {
		/* From an address that was given with a slash at its end. */
		while (rest.n > 0 && rest.p[0] == '/')
			rest = (struct bytes){ rest.p + 1, rest.n - 1 };
		return decode_get(op, rest, der);
	}
	*der = call->body;
	return true;
}

/* The path's CA and the request's must be one: an answer for another would be signed by the wrong responder. */
static void read_call(struct op *op, const struct call *call, struct asked *out)
{
	const struct authority *authority = call->endpoint;
	const struct hierarchy *hierarchy = authority->hierarchy;
	bool is_post = call->method == HTTP_POST;
	struct bytes rest = call->params[0], der;
	out->has_wrong_type = is_post && !call_has_content_type(call, "application/ocsp-request");
	out->status = OCSP_MALFORMED_REQUEST;
	if (out->has_wrong_type)
		return;
	const struct ca *ca = take_ca(hierarchy, &rest);
	if (!read_der(op, call, rest, &der))
		return;
	out->status = ocsp_request_parse(op, hierarchy, der, &out->request);
	bool names_another = is_post && (rest.n > 0 || (call->params[0].n > 0 && ca == NULL));
	if (out->status == OCSP_SUCCESSFUL && (names_another || (ca != NULL && ca != out->request.ids[0].ca)))
		out->status = OCSP_UNAUTHORIZED;
}

/* Unsigned, shorter than any request (H5), and nobody's to keep (O12). */
static void reply_error(struct reply *reply, enum ocsp_status status)
{
	reply->status = 200;
	reply->content_type = RESPONSE_TYPE;
	reply->body = ocsp_error(status);
	reply_header(reply, "Cache-Control", "no-store");
}

/*
 * RFC 9919 section 7.2. max-age ends before nextUpdate, so that no cache hands
 * out an answer past its time. What only one client can use (a nonce) or what
 * may change in a moment (unknown) has max-age=0: an answer with our word on it
 * is never marked no-cache or no-store.
 */
static void put_cache_headers(struct op *op, const struct ocsp_answer *answer, struct reply *reply)
{
	int64_t left_s = answer->fresh_until_s - clock_now_s();
	struct buf control;
	if (left_s > LIMIT_OCSP_MAX_AGE_S)
		left_s = LIMIT_OCSP_MAX_AGE_S;
	buf_init(&control, op->arena, 64);
	buf_text(&control, "max-age=");
	buf_number(&control, left_s > 0 ? (uint64_t)left_s : 0);
	buf_text(&control, ", public, no-transform, must-revalidate");
	reply_header(reply, "Last-Modified", arena_text(op->arena, answer->last_modified));
	reply_header(reply, "ETag", arena_text(op->arena, answer->etag));
	reply_header(reply, "Expires", arena_text(op->arena, answer->expires));
	reply_header(reply, "Cache-Control", buf_as_text(&control));
}

static void put_answer(struct op *op, const struct call *call, const struct ocsp_answer *answer, struct bytes body,
		       struct reply *reply)
{
	reply->status = 200;
	reply->content_type = RESPONSE_TYPE;
	reply->body = body;
	if (call->method != HTTP_POST)
		put_cache_headers(op, answer, reply);
}

static bool is_refused(struct op *op, const struct asked *asked, struct reply *reply)
{
	if (asked->has_wrong_type)
		reply_text(op, reply, 415, "send application/ocsp-request");
	else if (asked->status != OCSP_SUCCESSFUL)
		reply_error(reply, asked->status);
	else
		return false;
	return true;
}

/* What needs neither store nor signature: refusals, and what is in memory. */
static bool answer_fast(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin)
{
	struct asked asked;
	read_call(op, call, &asked);
	if (is_refused(op, &asked, reply))
		return true;
	struct ocsp_answer *answer = ocsp_cached(call->endpoint, &asked.request);
	if (answer == NULL)
		return false;
	put_answer(op, call, answer, answer->der, reply);
	*pin = (struct fast_pin){ answer, ocsp_answer_unpin };
	return true;
}

static result answer_slow(struct op *op, const struct call *call, struct reply *reply)
{
	struct asked asked;
	struct ocsp_answer *answer;
	read_call(op, call, &asked);
	if (is_refused(op, &asked, reply))
		return OK;
	TRY(ocsp_answer(op, call->endpoint, &asked.request, &answer));
	put_answer(op, call, answer, arena_bytes(op->arena, answer->der), reply);
	ocsp_answer_unpin(answer);
	return OK;
}

/* A store or token that is away will be back: the client may come again (O2, F25). */
static void fail(struct op *op, const struct call *call UNUSED, struct reply *reply)
{
	switch (op->err) {
	case ERR_MALFORMED:
		reply_error(reply, OCSP_MALFORMED_REQUEST);
		break;
	case ERR_BUSY:
	case ERR_BACKEND:
	case ERR_LIMIT:
		reply_error(reply, OCSP_TRY_LATER);
		break;
	default:
		reply_error(reply, OCSP_INTERNAL_ERROR);
	}
}

void ocsp_routes_add(struct routes *routes, struct authority *authority)
{
	struct route row = { .pattern = "/ocsp",
			     .listeners = ON_HTTP,
			     .post = true,
			     .body_limit = LIMIT_BODY_OCSP,
			     .lane = LANE_READ,
			     .handler = answer_slow,
			     .fast = answer_fast,
			     .fail = fail,
			     .endpoint = authority };
	routes_add(routes, &row);
	/* With or without a CA's name, and GET: told apart in take_ca, where the names are known. */
	row.pattern = "/ocsp/{rest...}";
	row.get = row.head = true;
	routes_add(routes, &row);
}
