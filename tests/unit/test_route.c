/* Routes match exact bytes: what is written another way is another address (V12). */
#include "check.h"

#include <string.h>

#include "server/route.h"

static const char *const patterns[] = {
	"/acme/{name}/directory", "/acme/default/order/{id}", "/acme/default/order/{id}/finalize",
	"/acme/default/new-order", "/acme/default/{kind}", "/ocsp/issuing", "/ocsp/issuing/{request...}",
	"/crl/{ca}.crl", "/crl/{ca}/{number}.crl", "/log/tile/{path...}", "/healthz", "/",
};

static result no_handler(struct op *op, const struct call *call, struct reply *reply)
{
	(void)op;
	(void)call;
	(void)reply;
	return OK;
}

static int setup(void **state)
{
	static int endpoint;
	struct routes *routes = routes_new();

	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
		routes_add(routes, &(struct route){ .pattern = patterns[i],
						    .listeners = ON_HTTP | ON_HTTPS,
						    .handler = no_handler,
						    .endpoint = &endpoint });
	routes_add(routes, &(struct route){ .pattern = "/operate/{verb}", .listeners = ON_LOCAL, .handler = no_handler });
	*state = routes;
	return 0;
}

static int teardown(void **state)
{
	routes_free((struct routes **)state);
	assert_null(*state);
	return 0;
}

static const char *found(void **state, enum listener_kind on, const char *path, struct call *call)
{
	*call = (struct call){ .path = bytes_of_text(path) };
	const struct route *route = routes_find(*state, on, call);
	return route != NULL ? route->pattern : "none";
}

static void assert_param(const struct call *call, unsigned i, const char *expected)
{
	if (!bytes_equal_text(call->params[i], expected))
		fail_msg("parameter %u is %.*s instead of %s", i, (int)call->params[i].n,
			 (const char *)call->params[i].p, expected);
}

static void test_finds_literal_paths(void **state)
{
	struct call call;

	assert_string_equal(found(state, ON_HTTP, "/healthz", &call), "/healthz");
	assert_non_null(call.endpoint);
	assert_string_equal(found(state, ON_HTTPS, "/", &call), "/");
	assert_string_equal(found(state, ON_HTTP, "/ocsp/issuing", &call), "/ocsp/issuing");
}

static void test_fills_params(void **state)
{
	struct call call;

	assert_string_equal(found(state, ON_HTTPS, "/acme/default/order/A-_9/finalize", &call),
			    "/acme/default/order/{id}/finalize");
	assert_param(&call, 0, "A-_9");
	assert_string_equal(found(state, ON_HTTPS, "/acme/default/order/A-_9", &call), "/acme/default/order/{id}");
	assert_string_equal(found(state, ON_HTTPS, "/acme/x/directory", &call), "/acme/{name}/directory");
	assert_param(&call, 0, "x");
	assert_string_equal(found(state, ON_HTTP, "/crl/issuing.crl", &call), "/crl/{ca}.crl");
	assert_param(&call, 0, "issuing");
	assert_string_equal(found(state, ON_HTTP, "/crl/issuing/17.crl", &call), "/crl/{ca}/{number}.crl");
	assert_param(&call, 0, "issuing");
	assert_param(&call, 1, "17");
}

static void test_takes_the_rest_as_it_is(void **state)
{
	struct call call;

	assert_string_equal(found(state, ON_HTTP, "/ocsp/issuing/MEow%2F+A=/b//c", &call),
			    "/ocsp/issuing/{request...}");
	assert_param(&call, 0, "MEow%2F+A=/b//c");
	assert_string_equal(found(state, ON_HTTP, "/ocsp/issuing/", &call), "none");
}

static void test_prefers_the_more_specific_row(void **state)
{
	struct call call;

	assert_string_equal(found(state, ON_HTTPS, "/acme/default/new-order", &call), "/acme/default/new-order");
	assert_string_equal(found(state, ON_HTTPS, "/acme/default/new-thing", &call), "/acme/default/{kind}");
	/* The longer literal beginning is tried first, whatever follows. */
	assert_string_equal(found(state, ON_HTTPS, "/acme/default/directory", &call), "/acme/default/{kind}");
}

static void test_keeps_listeners_apart(void **state)
{
	struct call call;

	assert_string_equal(found(state, ON_LOCAL, "/operate/revoke", &call), "/operate/{verb}");
	assert_string_equal(found(state, ON_HTTPS, "/operate/revoke", &call), "none");
	assert_string_equal(found(state, ON_LOCAL, "/healthz", &call), "none");
}

static void test_knows_no_other_spelling(void **state) /* V12 */
{
	static const char *const variants[] = {
		"//healthz", "/healthz/", "/healthz//", "/./healthz", "/x/../healthz", "/Healthz", "/HEALTHZ",
		"/healthz;x", "/healthz;jsessionid=1", "/healthz.", "/healthz%20", "/%68ealthz", "/healthz%00",
		"%2fhealthz", "/%2fhealthz", "/healthz%2f", "healthz", "", "//", "/healthz+", "/healthz\\",
		"http://ca.example/healthz", "/acme//directory", "/acme/x/directory/", "/acme/x//directory",
		"/acme/x/directory;y", "/acme/x/directory.", "/acme/x/Directory", "/Acme/x/directory",
		"/acme%2fx%2fdirectory", "/acme/x%2fdirectory", "/acme/a/b/directory", "/acme/default/order/",
		"/acme/default/order//finalize", "/acme/default/order/a/b", "/acme/default/order/a/finalize/",
		"/crl/.crl", "/crl/issuing.CRL", "/crl/issuing.crl.", "/crl/issuing", "/crl//17.crl", "/log/tile/",
	};
	struct call call;

	for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++)
		if (strcmp(found(state, ON_HTTPS, variants[i], &call), "none") != 0)
			fail_msg("%s is found", variants[i]);
}

static void test_hands_on_params_undecoded(void **state) /* V12: a variant inside of a parameter stays one */
{
	struct call call;

	assert_string_equal(found(state, ON_HTTPS, "/acme/%64efault/directory", &call), "/acme/{name}/directory");
	assert_param(&call, 0, "%64efault");
	assert_string_equal(found(state, ON_HTTPS, "/acme/x;y/directory", &call), "/acme/{name}/directory");
	assert_param(&call, 0, "x;y");
}

static enum lane_name by_method(const struct call *call)
{
	return call->method == HTTP_POST ? LANE_WAIT : LANE_READ;
}

/* One address, and calls that wait for others as well as calls that must not. */
static void test_chooses_a_lane_for_each_call(void **state)
{
	const struct call get = { .method = HTTP_GET }, post = { .method = HTTP_POST };
	const struct route always = { .lane = LANE_SIGN }, chosen = { .lane = LANE_SIGN, .choose_lane = by_method };

	(void)state;
	assert_int_equal(route_lane(&always, &get), LANE_SIGN);
	assert_int_equal(route_lane(&always, &post), LANE_SIGN);
	assert_int_equal(route_lane(&chosen, &get), LANE_READ);
	assert_int_equal(route_lane(&chosen, &post), LANE_WAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_literal_paths),
		cmocka_unit_test(test_fills_params),
		cmocka_unit_test(test_takes_the_rest_as_it_is),
		cmocka_unit_test(test_prefers_the_more_specific_row),
		cmocka_unit_test(test_keeps_listeners_apart),
		cmocka_unit_test(test_knows_no_other_spelling),
		cmocka_unit_test(test_hands_on_params_undecoded),
		cmocka_unit_test(test_chooses_a_lane_for_each_call),
	};
	return cmocka_run_group_tests_name("route", tests, setup, teardown);
}
