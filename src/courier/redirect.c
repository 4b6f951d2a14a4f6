/*
 * Redirects by hand (RFC 9110 section 10.2.2, RFC 8555 section 8.3): resolved
 * against the URL that sent us, then held to the same rules as the first one.
 * The details go to whoever asked for the validation, so they never quote what
 * a redirect's target answered (R5).
 */
#include "courier/redirect.h"

#include <curl/curl.h>
#include <string.h>

#include "base/auto.h"
#include "base/limits.h"
#include "base/text.h"
#include "courier/host_name.h"

AUTO_DEFINE(CURLU, curl_url_cleanup);

bool redirect_is_status(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* RFC 3986 section 2: everything else must come percent-encoded, and parsers differ over it. */
static bool is_url_character(uint8_t c)
{
	return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL;
}

static result location_text(struct op *op, struct bytes location, char **out)
{
	if (location.n == 0)
		return FAIL(op, ERR_DENIED, "redirect without a Location");
	if (location.n > LIMIT_PROBE_URL)
		return FAIL(op, ERR_DENIED, "redirect to a URL longer than %d bytes", LIMIT_PROBE_URL);
	for (size_t i = 0; i < location.n; i++)
		if (!is_url_character(location.p[i]))
			return FAIL(op, ERR_DENIED, "redirect to a URL with characters that must be percent-encoded");
	*out = arena_text_n(op->arena, (const char *)location.p, location.n);
	return OK;
}

/* One part of a URL, copied to the arena; NULL when it has none. */
static char *url_part(struct op *op, CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL, *copy;

	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return NULL;
	copy = arena_text(op->arena, text);
	curl_free(text);
	return copy;
}

static result check_scheme(struct op *op, CURLU *url, bool *is_https)
{
	const char *scheme = url_part(op, url, CURLUPART_SCHEME, 0);

	*is_https = text_equal_nocase(scheme, "https");
	if (scheme == NULL || (!*is_https && !text_equal_nocase(scheme, "http")))
		return FAIL(op, ERR_DENIED, "redirect to a scheme other than http and https");
	if (url_part(op, url, CURLUPART_USER, 0) != NULL || url_part(op, url, CURLUPART_PASSWORD, 0) != NULL)
		return FAIL(op, ERR_DENIED, "redirect to a URL with user information");
	return OK;
}

static result check_port(struct op *op, CURLU *url, struct redirect_ports ports, bool is_https, unsigned *out)
{
	const char *text = url_part(op, url, CURLUPART_PORT, 0);
	uint64_t port = is_https ? 443 : 80; /* what the scheme means, whatever we are set to */

	if (text != NULL && !text_parse_u64(text, 1, UINT16_MAX, &port))
		return FAIL(op, ERR_DENIED, "redirect to a port that is none");
	if (port != (is_https ? ports.https : ports.http))
		return FAIL(op, ERR_DENIED, "redirect to port %u; %s is followed on port %u only", (unsigned)port,
			    is_https ? "https" : "http", is_https ? ports.https : ports.http);
	*out = (unsigned)port;
	return OK;
}

static result check_host(struct op *op, CURLU *url, const char **out)
{
	char *host = url_part(op, url, CURLUPART_HOST, CURLU_URLDECODE);
	const char *refusal = host == NULL ? "no host" : host_name_refusal(host);

	if (refusal != NULL)
		return FAIL(op, ERR_DENIED, "redirect to %s", refusal);
	text_lower(host);
	/* "http://" HOST PATH put together without a slash: somebody's configuration, and never a name of theirs. */
	if (text_equal(host, "well-known") || text_has_suffix(host, ".well-known"))
		return FAIL(op, ERR_DENIED, "redirect to a host that ends in .well-known: a \"/\" is missing before it");
	*out = host;
	return OK;
}

/* The URL as it will be fetched. Writing the parts back makes one spelling of it, for the loop check. */
static result write_url(struct op *op, CURLU *url, const char *host, const char **out)
{
	const char *text;

	if (curl_url_set(url, CURLUPART_HOST, host, 0) != CURLUE_OK ||
	    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
		return FAIL(op, ERR_DENIED, "redirect to a URL that cannot be parsed");
	text = url_part(op, url, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
	if (text == NULL)
		return FAIL(op, ERR_DENIED, "redirect to a URL that cannot be parsed");
	if (strlen(text) > LIMIT_PROBE_URL)
		return FAIL(op, ERR_DENIED, "redirect to a URL longer than %d bytes", LIMIT_PROBE_URL);
	*out = text;
	return OK;
}

result redirect_follow(struct op *op, struct redirect_ports ports, const char *const *chain, unsigned n_chain,
		       struct bytes location, struct target *out)
{
	AUTO(CURLU) *url = curl_url();
	char *text = NULL;

	ASSERT(url != NULL && n_chain > 0);
	if (n_chain > LIMIT_PROBE_REDIRECTS)
		return FAIL(op, ERR_DENIED, "more than %d redirects", LIMIT_PROBE_REDIRECTS);
	TRY(location_text(op, location, &text));
	if (curl_url_set(url, CURLUPART_URL, chain[n_chain - 1], CURLU_PATH_AS_IS) != CURLUE_OK)
		return FAIL(op, ERR_BUG, "the URL that redirected cannot be parsed");
	if (curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return FAIL(op, ERR_DENIED, "redirect to a URL that cannot be parsed");
	TRY(check_scheme(op, url, &out->is_https));
	TRY(check_port(op, url, ports, out->is_https, &out->port));
	TRY(check_host(op, url, &out->host));
	TRY(write_url(op, url, out->host, &out->url));
	for (unsigned i = 0; i < n_chain; i++)
		if (text_equal(chain[i], out->url))
			return FAIL(op, ERR_DENIED, "redirect loop");
	return OK;
}
