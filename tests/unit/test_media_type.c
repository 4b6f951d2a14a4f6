/* Accept against the one form in which certificates are served. Row A26. */
#include "protocols/acme/media_type.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define TYPE "application/pem-certificate-chain"

static bool is_accepted(const char *first, const char *second)
{
	struct http_header headers[3] = { { BYTES_LITERAL("Host"), BYTES_LITERAL("a") } };
	struct call call = { .headers = headers, .n_headers = 1 };
	if (first != NULL)
		headers[call.n_headers++] = (struct http_header){ BYTES_LITERAL("accept"), bytes_of_text(first) };
	if (second != NULL)
		headers[call.n_headers++] = (struct http_header){ BYTES_LITERAL("Accept"), bytes_of_text(second) };
	return media_type_is_accepted(&call, TYPE);
}

static void test_table(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second;
		bool is_accepted;
	} rows[] = {
		{ NULL, NULL, true },
		{ "*/*", NULL, true },
		{ "application/*", NULL, true },
		{ TYPE, NULL, true },
		{ "Application/PEM-Certificate-Chain", NULL, true },
		{ "text/html, " TYPE ";q=0.1", NULL, true },
		{ "application/pkix-cert", TYPE, true },
		{ "text/html;level=1;q=0.4 , */* ; q=0.1", NULL, true },
		{ "application/pkix-cert", NULL, false },
		{ "application/pkcs7-mime, text/*", NULL, false },
		{ TYPE ";q=0", NULL, false },
		{ TYPE "; q=0.000, */*", NULL, false }, /* the more precise range decides */
		{ "*/*;q=0", NULL, false },
		{ "application/*;q=0, */*", NULL, false },
		{ "*/*, application/*;q=0", NULL, false },
		{ "applicatio", NULL, false },
		{ "*", NULL, false },
		{ "", NULL, false },
		{ ",,;;,", NULL, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (is_accepted(rows[i].first, rows[i].second) != rows[i].is_accepted)
			fail_msg("Accept: %s: not as expected", rows[i].first);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_table) };
	return RUN_TESTS(tests);
}
