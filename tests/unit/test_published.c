/* ca/published.c and the addresses that serve it (protocols/crl). */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <openssl/pem.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/openssl_auto.h"
#include "ca/hierarchy.h"
#include "ca/published.h"
#include "protocols/crl/crl.h"

#define NOW INT64_C(1795000000)

static void put(struct published *published, const char *path, const char *content, int64_t expires_s)
{
	const struct published_object object = { .content = bytes_of_text(content),
						 .content_type = "application/pkix-crl",
						 .modified_s = NOW - 60,
						 .expires_s = expires_s };
	published_put(published, path, &object);
}

static const struct published_object *pin(struct published *published, const char *path)
{
	return published_pin(published, bytes_of_text(path));
}

static void unpin(const struct published_object *object)
{
	published_unpin((void *)(uintptr_t)object);
}

static void test_replace(void **state UNUSED) /* L12: at once, and who reads the old one goes on */
{
	struct published *published = published_new();
	put(published, "/crl/a.crl", "one", NOW);
	put(published, "/crl/b.crl", "other", NOW);
	const struct published_object *one = pin(published, "/crl/a.crl");
	put(published, "/crl/a.crl", "two", NOW);
	const struct published_object *two = pin(published, "/crl/a.crl");
	assert_true(bytes_equal_text(one->content, "one"));
	assert_true(bytes_equal_text(two->content, "two"));
	assert_string_not_equal(one->etag, two->etag);
	assert_string_equal(two->content_type, "application/pkix-crl");
	assert_null(pin(published, "/crl/a.crl/"));
	assert_null(pin(published, "/crl/A.crl"));
	published_free(&published);
	assert_true(bytes_equal_text(two->content, "two"));
	unpin(one);
	unpin(two);
}

/* F17, I6: whoever is slow does not bring an older CRL back. */
static void test_never_a_lower_number(void **state UNUSED)
{
	static const struct {
		uint64_t number;
		const char *content, *then;
	} puts[] = { { 7, "seven", "seven" }, { 6, "six", "seven" }, { 7, "again", "again" }, { 9, "nine", "nine" },
		     { 8, "eight", "nine" } };
	struct published *published = published_new();
	for (size_t i = 0; i < sizeof puts / sizeof puts[0]; i++) {
		const struct published_object object = { .content = bytes_of_text(puts[i].content),
							 .content_type = "application/pkix-crl",
							 .number = puts[i].number };
		published_put(published, "/crl/a.crl", &object);
		const struct published_object *now = pin(published, "/crl/a.crl");
		assert_true(bytes_equal_text(now->content, puts[i].then));
		unpin(now);
	}
	published_free(&published);
}

#define TURNS 2000

static void *read_all(void *arg)
{
	for (unsigned i = 0; i < TURNS; i++) {
		const struct published_object *object = pin(arg, "/crl/a.crl");
		ASSERT(object->content.n == 3);
		unpin(object);
	}
	return NULL;
}

static void test_threads(void **state UNUSED)
{
	struct published *published = published_new();
	pthread_t readers[3];
	put(published, "/crl/a.crl", "one", NOW);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_all, published), 0);
	for (unsigned i = 0; i < TURNS; i++)
		put(published, "/crl/a.crl", i % 2 ? "one" : "two", NOW);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(readers[i], NULL);
	const struct published_object *last = pin(published, "/crl/a.crl");
	assert_true(bytes_equal_text(last->content, "one"));
	unpin(last);
	published_free(&published);
}

/* Through the routes, as the loop does. */
struct heard {
	struct reply reply;
	struct fast_pin pin;
	bool is_served;
};

static void get(struct op *op, struct published *published, const char *path, const char *if_none_match,
		struct heard *out)
{
	static struct authority authority;
	authority.published = published;
	struct routes *routes = routes_new();
	crl_routes_add(routes, &authority);
	struct http_header header = { BYTES_LITERAL("If-None-Match"), BYTES_NONE };
	struct call call = { .method = HTTP_GET, .path = bytes_of_text(path), .headers = &header };
	if (if_none_match != NULL) {
		header.value = bytes_of_text(if_none_match);
		call.n_headers = 1;
	}
	const struct route *route = routes_find(routes, ON_HTTP, &call);
	assert_non_null(route);
	assert_true(route->get && route->head && !route->post);
	*out = (struct heard){ .is_served = false };
	out->is_served = route->fast(op, &call, &out->reply, &out->pin);
	if (!out->is_served)
		assert_err(op, ERR_NOT_FOUND, route->handler(op, &call, &out->reply));
	if (out->pin.object != NULL)
		out->pin.unpin(out->pin.object);
	assert_null(routes_find(routes, ON_HTTPS, &call)); /* C14: plain HTTP */
	routes_free(&routes);
}

static const char *header(const struct heard *heard, const char *name)
{
	for (unsigned i = 0; i < heard->reply.n_headers; i++)
		if (strcmp(heard->reply.headers[i].name, name) == 0)
			return heard->reply.headers[i].value;
	return NULL;
}

static void test_headers(void **state) /* L12 */
{
	struct op *op = *state;
	struct published *published = published_new();
	struct heard heard;
	clock_fix(NOW);
	put(published, "/crl/long.crl", "long", NOW + 86400);
	put(published, "/crl/short.crl", "short", NOW + 17);
	put(published, "/crl/ended.crl", "ended", NOW - 1);
	put(published, "/ca/root.cer", "certificate", 0);
	const struct {
		const char *path, *control;
		int64_t expires_s;
	} rows[] = { { "/crl/long.crl", "max-age=300, public, no-transform", NOW + 300 },
		     { "/crl/short.crl", "max-age=17, public, no-transform", NOW + 17 },
		     { "/crl/ended.crl", "no-cache", NOW },
		     { "/ca/root.cer", "max-age=3600, public, no-transform", NOW + 3600 } };
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		get(op, published, rows[i].path, NULL, &heard);
		assert_true(heard.is_served);
		assert_int_equal(heard.reply.status, 200);
		assert_string_equal(header(&heard, "Cache-Control"), rows[i].control);
		assert_string_equal(header(&heard, "Expires"), clock_http_date(op->arena, rows[i].expires_s));
		assert_string_equal(header(&heard, "Last-Modified"), clock_http_date(op->arena, NOW - 60));
		assert_non_null(header(&heard, "ETag"));
	}
	get(op, published, "/crl/nothing.crl", NULL, &heard);
	assert_false(heard.is_served);
	published_free(&published);
	clock_fix(-1);
}

static void test_conditional(void **state) /* RFC 9110 section 13.1.2 */
{
	struct op *op = *state;
	struct published *published = published_new();
	struct heard heard;
	put(published, "/crl/a.crl", "one", NOW);
	get(op, published, "/crl/a.crl", NULL, &heard);
	const char *etag = header(&heard, "ETag");
	const struct {
		const char *value;
		int status;
	} rows[] = { { etag, 304 },
		     { "*", 304 },
		     { arena_printf(op->arena, "W/%s", etag), 304 },
		     { arena_printf(op->arena, "\"x\" , %s", etag), 304 },
		     { "\"x\"", 200 },
		     { "", 200 },
		     { ",,", 200 },
		     { arena_printf(op->arena, "%.10s", etag), 200 } };
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		get(op, published, "/crl/a.crl", rows[i].value, &heard);
		assert_int_equal(heard.reply.status, rows[i].status);
		assert_string_equal(header(&heard, "ETag"), etag);
	}
	published_free(&published);
}

/* PEM at an address, read by OpenSSL: the n-th certificate, or nothing. */
static struct bytes read_pem(struct op *op, const struct published_object *object, unsigned n)
{
	AUTO(BIO) *in = BIO_new_mem_buf(object->content.p, (int)object->content.n);
	struct bytes out = BYTES_NONE;
	for (unsigned i = 0; i <= n; i++) {
		char *name, *header;
		unsigned char *der;
		long der_n;
		if (PEM_read_bio(in, &name, &header, &der, &der_n) != 1)
			return BYTES_NONE;
		assert_string_equal(name, "CERTIFICATE");
		out = arena_bytes(op->arena, (struct bytes){ der, (size_t)der_n });
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	return out;
}

static void test_hierarchy(void **state) /* every address of a CA's certificate */
{
	struct op *op = *state;
	struct published *published = published_new();
	struct ca cas[] = { { .name = "root", .der = BYTES_LITERAL("der of the root"), .chain_pem = "" },
			    { .name = "issuing",
			      .parent = &cas[0],
			      .der = BYTES_LITERAL("der of the issuing CA, which takes more than one line of base64"),
			      .chain_pem = "chain" },
			    { .name = "root2", .der = BYTES_LITERAL("der of another root"), .chain_pem = "" } };
	const struct hierarchy hierarchy = { .cas = cas, .n = 3 };
	published_put_hierarchy(op, published, &hierarchy);

	const struct published_object *cer = pin(published, "/ca/issuing.cer"), *pem = pin(published, "/ca/issuing.pem"),
				      *chain = pin(published, "/ca/issuing-chain.pem"), *roots = pin(published, "/ca/roots.pem");
	assert_true(bytes_equal(cer->content, cas[1].der));
	assert_string_equal(cer->content_type, "application/pkix-cert");
	assert_true(bytes_equal(read_pem(op, pem, 0), cas[1].der));
	assert_int_equal(read_pem(op, pem, 1).n, 0);
	assert_true(bytes_equal_text(chain->content, "chain"));
	assert_true(bytes_equal(read_pem(op, roots, 0), cas[0].der));
	assert_true(bytes_equal(read_pem(op, roots, 1), cas[2].der));
	assert_int_equal(read_pem(op, roots, 2).n, 0);
	unpin(cer);
	unpin(pem);
	unpin(chain);
	unpin(roots);
	published_free(&published);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replace),	TEST(test_threads),   TEST(test_headers),
		TEST(test_conditional), TEST(test_hierarchy), TEST(test_never_a_lower_number),
	};
	return RUN_TESTS(tests);
}
