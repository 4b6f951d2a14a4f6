/* What a profile's hash depends on, and what not. Rows F32, V37. */
#include "ca/profile_hash.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#include <string.h>

static const char *names[] = { "b.example", "a.example" }, *sorted[] = { "a.example", "b.example", "b.example" };
static const char *networks[] = { "10.0.0.0/8" };

static const struct config_profile plain = { .name = "tls",
					     .ca = "issuing",
					     .door = DOOR_ACME,
					     .validity_s = 90 * 86400,
					     .backdate_s = 3600,
					     .key_types = { KEY_P256, KEY_RSA2048 },
					     .n_key_types = 2,
					     .server_auth = true,
					     .names = IDENTIFIER_BIT(IDENTIFIER_DNS),
					     .permitted_names = { names, 2 },
					     .common_name = true };

/* Another version of this program computes the same, so this value never changes. */
static void the_value_is_pinned(void **state)
{
	struct op *op = *state;
	static const char canonical[] =
		"{\"backdate_s\":3600,\"ca\":\"issuing\",\"client_auth\":false,\"common_name\":true,\"door\":\"acme\","
		"\"key_types\":[\"P-256\",\"RSA-2048\"],\"name\":\"tls\",\"permitted_names\":[\"a.example\",\"b.example\"],"
		"\"server_auth\":true,\"validity_s\":7776000,\"wildcards\":false}";
	uint8_t digest[SHA256_SIZE];
	bytes_sha256(BYTES_LITERAL(canonical), digest);
	assert_string_equal(profile_hash(op->arena, &plain), bytes_to_hex(op->arena, (struct bytes)BYTES_ARRAY(digest)));
}

static void the_order_of_lists_means_nothing(void **state)
{
	struct op *op = *state;
	struct config_profile other = plain;
	other.key_types[0] = KEY_RSA2048;
	other.key_types[1] = KEY_P256;
	other.permitted_names = (struct config_texts){ sorted, 3 };
	assert_string_equal(profile_hash(op->arena, &plain), profile_hash(op->arena, &other));
	assert_string_equal(names[0], "b.example"); /* what was asked about is not sorted */
}

static void every_member_counts(void **state)
{
	struct op *op = *state;
	struct config_profile other[] = { plain, plain, plain, plain, plain, plain, plain, plain,
					  plain, plain, plain, plain, plain, plain, plain };
	unsigned n = sizeof other / sizeof other[0];
	other[1].name = "tls2";
	other[2].ca = "other";
	other[3].door = DOOR_OPERATOR;
	other[4].validity_s++;
	other[5].backdate_s++;
	other[6].key_types[1] = KEY_P384;
	other[7].n_key_types = 1;
	other[8].server_auth = false;
	other[9].client_auth = true;
	other[10].wildcards = true;
	other[11].permitted_names.n = 1;
	other[12].common_name = false;
	other[13].names |= IDENTIFIER_BIT(IDENTIFIER_IP);
	other[14].permitted_networks = (struct config_texts){ networks, 1 };
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(profile_hash(op->arena, &other[i]), profile_hash(op->arena, &other[j]));
	struct config_profile subject = plain;
	subject.subject = IDENTIFIER_BIT(IDENTIFIER_O);
	assert_string_not_equal(profile_hash(op->arena, &plain), profile_hash(op->arena, &subject));
	struct config_profile registrar = plain;
	registrar.registrar = true;
	assert_string_not_equal(profile_hash(op->arena, &plain), profile_hash(op->arena, &registrar));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_value_is_pinned),
		TEST(the_order_of_lists_means_nothing),
		TEST(every_member_counts),
	};
	return RUN_TESTS(tests);
}
