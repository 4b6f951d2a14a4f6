/*
 * Serves what ca/published.h holds, from memory and on the loop: CRLs and CA
 * certificates (L12). A CRL past its nextUpdate is served all the same, marked
 * as stale to caches: its entries are still true, and clients judge its dates.
 */
#include "protocols/crl/crl.h"

#include <string.h>

#include "base/clock.h"
#include "ca/published.h"

/* A new CRL comes with each revocation: caches ask again soon, which costs a 304. */
#define CRL_MAX_AGE_S 300
#define CERTIFICATE_MAX_AGE_S 3600

static void put_cache_headers(struct op *op, const struct published_object *object, struct reply *reply)
{
	int64_t now = clock_now_s();
	int64_t age_s = object->expires_s != 0 ? CRL_MAX_AGE_S : CERTIFICATE_MAX_AGE_S;
	if (object->expires_s != 0 && object->expires_s - now < age_s)
		age_s = object->expires_s > now ? object->expires_s - now : 0;
	reply_header(reply, "ETag", arena_text(op->arena, object->etag));
	reply_header(reply, "Last-Modified", clock_http_date(op->arena, object->modified_s));
	reply_header(reply, "Expires", clock_http_date(op->arena, now + age_s));
	reply_header(reply, "Cache-Control",
		     age_s > 0 ? arena_printf(op->arena, "max-age=%lld, public, no-transform", (long long)age_s) : "no-cache");
}

static struct bytes trim(struct bytes text)
{
	while (text.n > 0 && (text.p[0] == ' ' || text.p[0] == '\t'))
		text = (struct bytes){ text.p + 1, text.n - 1 };
	while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
		text.n--;
	return text;
}

/* RFC 9110 section 13.1.2: "*", or a list of which one is ours; compared weakly. Our tags hold no comma. */
static bool is_known_to_client(const struct call *call, const char *etag)
{
	const struct http_header *header = call_header(call, "If-None-Match");
	struct bytes left = header != NULL ? header->value : BYTES_NONE;
	while (left.n > 0) {
		const uint8_t *comma = memchr(left.p, ',', left.n);
		size_t n = comma != NULL ? (size_t)(comma - left.p) : left.n;
		struct bytes tag = trim((struct bytes){ left.p, n });
		if (bytes_has_prefix(tag, "W/"))
			tag = (struct bytes){ tag.p + 2, tag.n - 2 };
		if (bytes_equal_text(tag, etag) || bytes_equal_text(tag, "*"))
			return true;
		left = comma != NULL ? (struct bytes){ comma + 1, left.n - n - 1 } : BYTES_NONE;
	}
	return false;
}

static bool serve(struct op *op, const struct call *call, struct reply *reply, struct fast_pin *pin)
{
	const struct authority *authority = call->endpoint;
	const struct published_object *object = published_pin(authority->published, call->path);
	if (object == NULL)
		return false;
	*pin = (struct fast_pin){ (void *)(uintptr_t)object, published_unpin };
	put_cache_headers(op, object, reply);
	if (is_known_to_client(call, object->etag)) {
		reply->status = 304;
		return true;
	}
	reply->status = 200;
	reply->content_type = object->content_type;
	reply->body = object->content;
	return true;
}

static result not_there(struct op *op, const struct call *call UNUSED, struct reply *reply UNUSED)
{
	return FAIL(op, ERR_NOT_FOUND, "nothing is published at this address");
}

void crl_routes_add(struct routes *routes, struct authority *authority)
{
	struct route row = { .pattern = "/crl/{rest...}",
			     .listeners = ON_HTTP,
			     .get = true,
			     .head = true,
			     .lane = LANE_READ,
			     .handler = not_there,
			     .fast = serve,
			     .endpoint = authority };
	routes_add(routes, &row);
	row.pattern = "/ca/{rest...}";
	routes_add(routes, &row);
}
