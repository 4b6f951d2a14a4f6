/* RFC 9110 section 11.4: scheme, and then one token or a list of parameters. */
#include "protocols/shared/http_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/text.h"
#include "ca/login.h"

void http_auth_release(struct http_auth *auth)
{
	secret_free(&auth->secret);
}

/* The only one of its name: with two, client and server could mean different ones. */
static result find_header(struct op *op, const struct call *call, struct bytes *out)
{
	static const char name[] = "Authorization";
	*out = BYTES_NONE;
	bool has = false;
	for (unsigned i = 0; i < call->n_headers; i++) {
		struct bytes given = call->headers[i].name;
		if (given.n != strlen(name) || strncasecmp((const char *)given.p, name, given.n) != 0)
			continue;
		if (has)
			return FAIL(op, ERR_MALFORMED, "there is more than one Authorization header");
		has = true;
		*out = call->headers[i].value;
	}
	if (out->n > LIMIT_AUTHORIZATION_BYTES)
		return FAIL(op, ERR_MALFORMED, "the Authorization header is longer than %d bytes", LIMIT_AUTHORIZATION_BYTES);
	if (has && out->n == 0)
		return FAIL(op, ERR_MALFORMED, "the Authorization header is empty");
	return OK;
}

/* "Basic xyz" to "xyz"; false: another scheme. */
static bool take_scheme(struct bytes *value, const char *scheme)
{
	size_t n = strlen(scheme);
	if (value->n <= n || strncasecmp((const char *)value->p, scheme, n) != 0 || value->p[n] != ' ')
		return false;
	while (n < value->n && value->p[n] == ' ')
		n++;
	*value = (struct bytes){ value->p + n, value->n - n };
	return true;
}

/* Alphabet and padding; EVP_DecodeBlock would pass over blanks. */
static bool is_base64(struct bytes text)
{
	size_t n = text.n;
	if (n == 0 || n % 4 != 0)
		return false;
	for (unsigned pads = 0; pads < 2 && text.p[n - 1] == '='; pads++)
		n--;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = text.p[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
			return false;
	}
	return true;
}

static result take_pair(struct op *op, struct bytes plain, struct http_auth *out)
{
	const uint8_t *colon = memchr(plain.p, ':', plain.n);
	if (colon == NULL)
		return FAIL(op, ERR_MALFORMED, "the Authorization header has no colon between user and password");
	char *user = arena_text_n(op->arena, (const char *)plain.p, (size_t)(colon - plain.p));
	struct bytes password = { colon + 1, plain.n - (size_t)(colon - plain.p) - 1 };
	if (password.n > LIMIT_PASSWORD_BYTES)
		return FAIL(op, ERR_MALFORMED, "the password is longer than %d bytes", LIMIT_PASSWORD_BYTES);
	out->scheme = text_equal(user, "token") ? HTTP_AUTH_TOKEN : HTTP_AUTH_BASIC;
	out->user = strlen(user) == (size_t)(colon - plain.p) && login_is_user_name(user) ? user : NULL;
	out->secret = secret_new(password);
	return OK;
}

/* The plain text is never in the arena, which nobody wipes. */
static result read_basic(struct op *op, struct bytes text, struct http_auth *out)
{
	uint8_t plain[LIMIT_AUTHORIZATION_BYTES];
	if (!is_base64(text))
		return FAIL(op, ERR_MALFORMED, "the credentials of the Authorization header are not base64");
	int n = EVP_DecodeBlock(plain, text.p, (int)text.n);
	for (size_t i = text.n; n > 0 && text.p[i - 1] == '='; i--)
		n--;
	result r = n > 0 ? take_pair(op, (struct bytes){ plain, (size_t)n }, out) :
			   FAIL(op, ERR_MALFORMED, "the credentials of the Authorization header are empty");
	OPENSSL_cleanse(plain, sizeof plain);
	return r;
}

static result read_bearer(struct op *op, struct bytes token, struct http_auth *out)
{
	for (size_t i = 0; i < token.n; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return FAIL(op, ERR_MALFORMED, "a token has no blanks and no controls");
	if (token.n == 0 || token.n > LIMIT_PASSWORD_BYTES)
		return FAIL(op, ERR_MALFORMED, "a token has 1 to %d bytes", LIMIT_PASSWORD_BYTES);
	out->scheme = HTTP_AUTH_TOKEN;
	out->secret = secret_new(token);
	return OK;
}

static bool is_token_char(char c)
{
	return c > ' ' && c <= '~' && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

static char *skip_blanks(char *at)
{
	return at + strspn(at, " \t");
}

/* A quoted-string, its backslashes taken out in place; NULL: it has no end, or holds a control. */
static char *take_quoted(char *at, const char **value)
{
	char *to = at;
	*value = at;
	for (; *at != '"'; at++) {
		if (*at == '\\')
			at++;
		if ((unsigned char)*at < ' ')
			return NULL;
		*to++ = *at;
	}
	*to = '\0';
	return at + 1;
}

/* name=value or name="value", and the comma behind it. NULL: it is neither. */
static char *take_parameter(char *at, const char **name, const char **value)
{
	*name = at;
	while (is_token_char(*at))
		at++;
	if (at == *name || *at != '=')
		return NULL;
	*at++ = '\0';
	if (*at == '"') {
		at = take_quoted(at + 1, value);
	} else {
		*value = at;
		while (is_token_char(*at))
			at++;
		at = at == *value ? NULL : at;
	}
	if (at == NULL)
		return NULL;
	char *end = at;
	at = skip_blanks(at);
	if (*at != '\0' && *at != ',')
		return NULL;
	bool has_more = *at == ',';
	*end = '\0';
	return has_more ? skip_blanks(at + 1) : at;
}

struct digest_fields {
	const char *user, *algorithm, *qop, *userhash;
	struct http_digest *digest;
};

static const char **field_of(struct digest_fields *f, const char *name)
{
	const struct {
		const char *name;
		const char **field;
	} rows[] = {
		{ "username", &f->user },	     { "realm", &f->digest->realm }, { "nonce", &f->digest->nonce },
		{ "uri", &f->digest->uri },	     { "nc", &f->digest->nc },	     { "cnonce", &f->digest->cnonce },
		{ "response", &f->digest->response }, { "algorithm", &f->algorithm }, { "qop", &f->qop },
		{ "userhash", &f->userhash },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (text_equal_nocase(name, rows[i].name))
			return rows[i].field;
	return NULL;
}

/* Section 3.4. Without an algorithm it would be MD5's (section 3.3), which is not taken. */
static result check_digest(struct op *op, const struct digest_fields *f)
{
	const struct http_digest *d = f->digest;
	if (f->user == NULL || d->realm == NULL || d->nonce == NULL || d->uri == NULL || d->response == NULL ||
	    d->cnonce == NULL || d->nc == NULL)
		return FAIL(op, ERR_MALFORMED, "Digest lacks one of username, realm, nonce, uri, response, cnonce, nc");
	if (!text_equal_nocase(f->algorithm != NULL ? f->algorithm : "MD5", "SHA-256"))
		return FAIL(op, ERR_MALFORMED, "Digest is taken with algorithm=SHA-256 only");
	if (!text_equal(f->qop, "auth"))
		return FAIL(op, ERR_MALFORMED, "Digest is taken with qop=auth only");
	if (f->userhash != NULL && !text_equal(f->userhash, "false"))
		return FAIL(op, ERR_MALFORMED, "Digest is taken with the user's name as it is only");
	if (strlen(d->nc) != 8 || strspn(d->nc, "0123456789abcdefABCDEF") != 8)
		return FAIL(op, ERR_MALFORMED, "nc has eight hexadecimal digits");
	return OK;
}

static result read_digest(struct op *op, struct bytes text, struct http_auth *out)
{
	struct digest_fields fields = { .digest = &out->digest };
	char *at = arena_text_n(op->arena, (const char *)text.p, text.n);
	if (strlen(at) != text.n)
		return FAIL(op, ERR_MALFORMED, "the Authorization header holds a NUL");
	while (*at != '\0') {
		const char *name, *value;
		at = take_parameter(at, &name, &value);
		if (at == NULL)
			return FAIL(op, ERR_MALFORMED, "the parameters of Digest are not name=value, parted by commas");
		const char **field = field_of(&fields, name);
		if (field != NULL && *field != NULL)
			return FAIL(op, ERR_MALFORMED, "a parameter of Digest stands there twice");
		if (field != NULL)
			*field = value;
	}
	TRY(check_digest(op, &fields));
	out->scheme = HTTP_AUTH_DIGEST;
	out->user = login_is_user_name(fields.user) ? fields.user : NULL;
	return OK;
}

result http_auth_read(struct op *op, const struct call *call, struct http_auth *out)
{
	struct bytes value;
	TRY(find_header(op, call, &value));
	if (value.n == 0)
		return OK;
	if (take_scheme(&value, "Basic"))
		return read_basic(op, value, out);
	if (take_scheme(&value, "Bearer"))
		return read_bearer(op, value, out);
	if (take_scheme(&value, "Digest"))
		return read_digest(op, value, out);
	return FAIL(op, ERR_MALFORMED, "the Authorization header is neither Basic, nor Bearer, nor Digest");
}

static void put_hex(char out[2 * SHA256_SIZE], const uint8_t hash[SHA256_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
}

/* Section 3.4.1: H(HEX(H(A1)) ":" nonce ":" nc ":" cnonce ":" qop ":" HEX(H(A2))). */
bool http_digest_fits(const struct http_digest *digest, const struct call *call, struct bytes ha1)
{
	const struct bytes colon = BYTES_LITERAL(":");
	char hex1[2 * SHA256_SIZE], hex2[2 * SHA256_SIZE], expected[2 * SHA256_SIZE];
	uint8_t hash[SHA256_SIZE];
	const struct bytes a2[] = { call->method_name, colon, call->target };
	ASSERT(ha1.n == SHA256_SIZE);
	bytes_sha256_parts(a2, 3, hash);
	put_hex(hex1, ha1.p);
	put_hex(hex2, hash);
	const struct bytes parts[] = { { (const uint8_t *)hex1, sizeof hex1 }, colon, bytes_of_text(digest->nonce), colon,
				       bytes_of_text(digest->nc), colon, bytes_of_text(digest->cnonce), colon,
				       BYTES_LITERAL("auth"), colon, { (const uint8_t *)hex2, sizeof hex2 } };
	bytes_sha256_parts(parts, sizeof parts / sizeof parts[0], hash);
	put_hex(expected, hash);
	OPENSSL_cleanse(hex1, sizeof hex1);
	return bytes_equal_text(call->target, digest->uri) &&
	       bytes_equal_secret((struct bytes){ (const uint8_t *)expected, sizeof expected }, bytes_of_text(digest->response));
}
