/* protocols/ocsp: where the request stands in a call, and which headers an answer has. */
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <ctype.h>
#include <openssl/ocsp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ca/ocsp.h"
#include "protocols/ocsp/ocsp.h"
#include "tests/unit/ocsp_client.h"

static struct fake_authority *fake;
static struct routes *routes;

static int open_house(void **state)
{
	fake = fake_authority_new();
	assert_ok(fake->op, ocsp_signers_open(fake->op, fake->authority, &fake->authority->ocsp));
	routes = routes_new();
	ocsp_routes_add(routes, fake->authority);
	return op_setup(state);
}

static int close_house(void **state)
{
	clock_fix(-1);
	routes_free(&routes);
	fake_authority_free(&fake);
	return op_teardown(state);
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, open_house, close_house)

struct heard {
	struct reply reply;
	bool is_fast; /* by the loop, without a lane */
};

/* As the front does it: the loop first, then the lane. The body is copied out of its pin. */
static void say(struct op *op, struct call *call, struct heard *out)
{
	struct fast_pin pin = { NULL, NULL };
	const struct route *route = routes_find(routes, ON_HTTP, call);
	assert_non_null(route);
	memset(out, 0, sizeof *out);
	out->is_fast = route->fast(op, call, &out->reply, &pin);
	if (!out->is_fast && route->handler(op, call, &out->reply).err != ERR_NONE)
		(route->fail)(op, call, &out->reply);
	out->reply.body = arena_bytes(op->arena, out->reply.body);
	if (pin.object != NULL)
		pin.unpin(pin.object);
}

static void get(struct op *op, const char *path, struct heard *out)
{
	struct call call = { .method = HTTP_GET, .path = bytes_of_text(path) };
	say(op, &call, out);
}

static void post(struct op *op, const char *path, struct bytes body, const char *type, struct heard *out)
{
	struct http_header header = { BYTES_LITERAL("Content-Type"), bytes_of_text(type) };
	struct call call = {
		.method = HTTP_POST, .path = bytes_of_text(path), .body = body, .headers = &header, .n_headers = 1
	};
	say(op, &call, out);
}

static const char *header(const struct heard *heard, const char *name)
{
	for (unsigned i = 0; i < heard->reply.n_headers; i++)
		if (strcmp(heard->reply.headers[i].name, name) == 0)
			return heard->reply.headers[i].value;
	return NULL;
}

/* O12: of a signed answer that is not to be kept; only errors are no-store. */
#define NOT_FRESH "max-age=0, public, no-transform, must-revalidate"

static void check_error(const struct heard *heard, enum ocsp_status status)
{
	assert_int_equal(heard->reply.status, 200);
	assert_string_equal(heard->reply.content_type, "application/ocsp-response");
	assert_true(bytes_equal(heard->reply.body, ocsp_error(status)));
	assert_string_equal(header(heard, "Cache-Control"), "no-store");
}

static void check_answer(const struct heard *heard, struct bytes request, const struct ocsp_question *question,
			 int status)
{
	struct ocsp_verdict verdict;
	assert_int_equal(heard->reply.status, 200);
	assert_string_equal(heard->reply.content_type, "application/ocsp-response");
	const char *wrong = ocsp_client_judge(fake, request, heard->reply.body, question, &verdict);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	assert_int_equal(verdict.status, status);
}

static struct ocsp_question issued(void)
{
	return (struct ocsp_question){ .ca = fake->issuing,
				       .serial = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ISSUED,
									    clock_now_s() + 86400) };
}

static void test_post(void **state) /* O1 */
{
	struct op *op = *state;
	struct heard heard;
	const struct ocsp_question question = issued();
	struct bytes request = ocsp_client_request(op, &question, 1, 0);
	static const char *const paths[] = { "/ocsp/issuing", "/ocsp", "/ocsp/issuing/" };
	for (unsigned i = 0; i < 3; i++) {
		post(op, paths[i], request, "application/ocsp-request", &heard);
		check_answer(&heard, request, &question, V_OCSP_CERTSTATUS_GOOD);
		assert_int_equal(heard.is_fast, i > 0); /* signed once, then from memory */
	}
	post(op, "/ocsp/issuing", request, "Application/OCSP-Request; charset=x", &heard);
	check_answer(&heard, request, &question, V_OCSP_CERTSTATUS_GOOD);
	post(op, "/ocsp/issuing", request, "application/octet-stream", &heard);
	assert_int_equal(heard.reply.status, 415);
}

static void test_whose(void **state) /* O4, O10: path and request name one CA */
{
	struct op *op = *state;
	struct heard heard;
	const struct ocsp_question question = issued();
	struct bytes request = ocsp_client_request(op, &question, 1, 0);
	static const char *const paths[] = { "/ocsp/root", "/ocsp/nobody", "/ocsp/issuing/root" };
	for (unsigned i = 0; i < 3; i++) {
		post(op, paths[i], request, "application/ocsp-request", &heard);
		assert_true(heard.is_fast);
		check_error(&heard, OCSP_UNAUTHORIZED);
	}
	get(op, arena_printf(op->arena, "/ocsp/root/%s", bytes_to_base64(op->arena, request)), &heard);
	check_error(&heard, OCSP_UNAUTHORIZED);
}

static char *escape(struct op *op, const char *base64, bool all)
{
	struct buf out;
	buf_init(&out, op->arena, 256);
	for (; *base64 != '\0'; base64++) {
		if (isalnum((unsigned char)*base64) && !all)
			buf_byte(&out, (uint8_t)*base64);
		else
			buf_printf(&out, all ? "%%%02x" : "%%%02X", (unsigned char)*base64);
	}
	return buf_as_text(&out);
}

static void test_get(void **state) /* O1: escaped, raw, with '//' and '+' inside */
{
	struct op *op = *state;
	struct heard heard;
	/* A serial that nobody has, with the characters that go wrong wherever base64 begins a group. */
	const struct ocsp_question odd = { fake->issuing, "41fffffffffffbefbeaafbefbeaafbefbe", false };
	struct bytes request = ocsp_client_request(op, &odd, 1, 0);
	const char *base64 = bytes_to_base64(op->arena, request);
	assert_non_null(strstr(base64, "//"));
	assert_non_null(strchr(base64, '+'));
	const char *const forms[] = { base64, escape(op, base64, false), escape(op, base64, true) };
	static const char *const prefixes[] = { "/ocsp/issuing/", "/ocsp/", "/ocsp/issuing//" };
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < 3; k++) {
			get(op, arena_printf(op->arena, "%s%s", prefixes[k], forms[i]), &heard);
			check_answer(&heard, request, &odd, V_OCSP_CERTSTATUS_UNKNOWN);
			assert_string_equal(header(&heard, "Cache-Control"), NOT_FRESH);
		}
	}
}

static void test_bad_get(void **state) /* O17, H5 */
{
	struct op *op = *state;
	struct heard heard;
	const struct ocsp_question question = issued();
	const char *base64 = bytes_to_base64(op->arena, ocsp_client_request(op, &question, 1, 0));
	const char *const rests[] = { "x",
				      "issuing",
				      "issuing/",
				      "issuing/%",
				      "issuing/%4",
				      "issuing/%zz",
				      "issuing/MA==",
				      arena_printf(op->arena, "issuing/%s%%00", base64),
				      arena_printf(op->arena, "issuing/%s/", base64),
				      arena_printf(op->arena, "issuing/%s%%20", base64),
				      arena_printf(op->arena, "issuing/%.20s", base64) };
	for (unsigned i = 0; i < sizeof rests / sizeof rests[0]; i++) {
		get(op, arena_printf(op->arena, "/ocsp/%s", rests[i]), &heard);
		assert_true(heard.is_fast);
		check_error(&heard, OCSP_MALFORMED_REQUEST);
	}
}

static void test_cache_headers(void **state) /* O12 */
{
	struct op *op = *state;
	struct heard heard;
	const struct ocsp_question question = issued();
	struct bytes request = ocsp_client_request(op, &question, 1, 0);
	const char *path = arena_printf(op->arena, "/ocsp/issuing/%s", bytes_to_base64(op->arena, request));
	for (unsigned i = 0; i < 2; i++) { /* signed, then from memory */
		get(op, path, &heard);
		assert_int_equal(heard.is_fast, i);
		check_answer(&heard, request, &question, V_OCSP_CERTSTATUS_GOOD);
		struct ocsp_verdict verdict;
		assert_null(ocsp_client_judge(fake, request, heard.reply.body, &question, &verdict));
		const char *control = header(&heard, "Cache-Control");
		assert_non_null(control);
		assert_int_equal(strncmp(control, "max-age=", 8), 0);
		long max_age = strtol(control + 8, NULL, 10);
		assert_true(max_age > 0 && clock_now_s() + max_age < verdict.next_update_s);
		assert_non_null(strstr(control, ", public, no-transform, must-revalidate"));
		assert_string_equal(header(&heard, "Expires"), clock_http_date(op->arena, verdict.next_update_s));
		assert_string_equal(header(&heard, "Last-Modified"), clock_http_date(op->arena, verdict.this_update_s));
		uint8_t digest[SHA256_SIZE];
		bytes_sha256(heard.reply.body, digest);
		assert_string_equal(header(&heard, "ETag"),
				    arena_printf(op->arena, "\"%s\"", bytes_to_hex(op->arena, BYTES_ARRAY(digest))));
	}
	struct bytes with_nonce = ocsp_client_request(op, &question, 1, 16);
	get(op, arena_printf(op->arena, "/ocsp/issuing/%s", bytes_to_base64(op->arena, with_nonce)), &heard);
	check_answer(&heard, with_nonce, &question, V_OCSP_CERTSTATUS_GOOD);
	assert_string_equal(header(&heard, "Cache-Control"), NOT_FRESH);
}

/* From memory means: neither store nor token is asked. */
static void test_memory_needs_no_store(void **state) /* F25 */
{
	struct op *op = *state;
	struct heard heard;
	const struct ocsp_question question = issued();
	struct bytes request = ocsp_client_request(op, &question, 1, 0);
	post(op, "/ocsp/issuing", request, "application/ocsp-request", &heard);
	struct store *store = fake->authority->store;
	fake->authority->store = NULL;
	post(op, "/ocsp/issuing", request, "application/ocsp-request", &heard);
	fake->authority->store = store;
	assert_true(heard.is_fast);
	check_answer(&heard, request, &question, V_OCSP_CERTSTATUS_GOOD);
}

static void test_failures(void **state) /* O2, F25 */
{
	struct op *op = *state;
	const struct {
		enum err err;
		enum ocsp_status status;
	} rows[] = { { ERR_BUSY, OCSP_TRY_LATER },
		     { ERR_BACKEND, OCSP_TRY_LATER },
		     { ERR_MALFORMED, OCSP_MALFORMED_REQUEST },
		     { ERR_BUG, OCSP_INTERNAL_ERROR } };
	struct call call = { .method = HTTP_POST, .path = BYTES_LITERAL("/ocsp") };
	const struct route *route = routes_find(routes, ON_HTTP, &call);
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct heard heard = { 0 };
		IGNORE(FAIL(op, rows[i].err, "as the front would find it"));
		(route->fail)(op, &call, &heard.reply);
		check_error(&heard, rows[i].status);
		op_clear_failure(op);
	}
	assert_null(routes_find(routes, ON_HTTPS, &call)); /* plain HTTP only */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_post),	  HOUSE_TEST(test_whose),	  HOUSE_TEST(test_get),
		HOUSE_TEST(test_bad_get), HOUSE_TEST(test_cache_headers), HOUSE_TEST(test_memory_needs_no_store),
		HOUSE_TEST(test_failures),
	};
	return RUN_TESTS(tests);
}
