/* The file that init writes: it means what it was seeded with, and shows every key there is. */
#include "check.h"
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/config_schema.h"
#include "base/text.h"

static const struct config_seed plain_seed = {
	.organization = "Example Corp",
	.host = "ca.example.internal",
	.store = "sqlite:chancery.db",
	.module = "/usr/lib/softhsm/libsofthsm2.so",
	.token_label = "chancery",
	.pin_file = "token.pin",
	.https_port = 8443,
	.http_port = 8080,
	.mutual_port = 8444,
	.listen_address = "127.0.0.1",
	.validation_http_port = 80,
};

static struct config *parsed(struct op *op, const char *yaml)
{
	struct config *config = NULL;
	assert_ok(op, config_parse(op, "/srv/ca", bytes_of_text(yaml), &config));
	return config;
}

static void test_template_means_its_seed(void **state)
{
	struct op *op = *state;
	struct config *config = parsed(op, config_template(op->arena, &plain_seed));
	assert_string_equal(config->organization, "Example Corp");
	assert_string_equal(config->host, "ca.example.internal");
	assert_string_equal(config->store, "sqlite:/srv/ca/chancery.db");
	assert_string_equal(config->token.module, "/usr/lib/softhsm/libsofthsm2.so");
	assert_string_equal(config->token.label, "chancery");
	assert_string_equal(config->token.pin_file, "/srv/ca/token.pin");
	assert_string_equal(config->listen.https.items[0], "127.0.0.1:8443");
	assert_string_equal(config->listen.http.items[0], "127.0.0.1:8080");
	assert_int_equal(config->https_port, 8443);
	assert_int_equal(config->http_port, 8080);
	assert_int_equal(config->validation.http_port, 80);
	assert_int_equal(config->validation.resolvers.n, 0);
	assert_false(config->validation.allow_loopback);
	assert_non_null(config_ca(config, "root"));
	assert_non_null(config_ca(config, "issuing"));
	assert_int_equal(config_profile(config, "server")->door, DOOR_ACME);
	assert_int_equal(config_profile(config, "operator")->door, DOOR_OPERATOR);
	assert_int_equal(config_profile(config, "front")->door, DOOR_INTERNAL);
	assert_int_equal(config_profile(config, "server")->validity_s, 90 * 86400);
	assert_int_equal(config_profile(config, "server")->backdate_s, 60);
	assert_true(config_profile(config, "operator")->client_auth);
	assert_false(config_profile(config, "server")->client_auth);
	assert_string_equal(config->acme[0].profile, "server");
	assert_string_equal(config->listen.mutual.items[0], "127.0.0.1:8444");
	assert_null(config->listen.mutual_host);
	assert_int_equal(config_profile(config, "device")->door, DOOR_EST);
	assert_int_equal(config_est(config, "default")->ways, EST_CERTIFICATE | EST_USER | EST_TOKEN);
	assert_int_equal(config_profile(config, "mobile")->door, DOOR_SCEP);
	assert_int_equal(config_scep(config, "default")->ways, SCEP_CHALLENGE);
	config_free(&config);
}

static void test_template_for_a_demonstration(void **state)
{
	struct op *op = *state;
	struct config_seed seed = plain_seed;
	seed.organization = "Bücher \"& Söhne\": {x} #1 \\";
	seed.store = "postgresql://ca@db.example.internal/ca?sslmode=verify-full";
	seed.listen_address = "::1";
	seed.demo = true;
	seed.validation_http_port = 5002;
	seed.resolver = "127.0.0.1:5353";
	struct config *config = parsed(op, config_template(op->arena, &seed));
	assert_string_equal(config->organization, seed.organization);
	assert_string_equal(config->store, seed.store);
	assert_string_equal(config->listen.https.items[0], "[::1]:8443");
	assert_true(config->validation.allow_loopback);
	assert_int_equal(config->validation.http_port, 5002);
	assert_string_equal(config->validation.resolvers.items[0], "127.0.0.1:5353");
	config_free(&config);
}

/* Takes the '#' from before every key that is switched off; prose has a blank after it. */
static char *all_switched_on(struct arena *arena, const char *yaml)
{
	char *out = arena_text(arena, yaml);
	char *to = out;
	for (const char *from = yaml; *from != '\0'; from++) {
		bool off = *from == '#' && from[1] >= 'a' && from[1] <= 'z';
		if (!off)
			*to++ = *from;
	}
	*to = '\0';
	return out;
}

/* What no profile of ACME may have stands in the second profile, the operator's. */
static bool is_shown(const struct config_lines *lines, struct arena *arena, const char *key)
{
	static const char first[] = "profiles[0].";
	return config_lines_has(lines, key) ||
	       (text_has_prefix(key, first) &&
		config_lines_has(lines, arena_printf(arena, "profiles[1].%s", key + strlen(first))));
}

/* How many keys the schema has below `value`, each of which must stand in the file. */
static unsigned count_shown(const struct config_lines *lines, struct arena *arena, const cyaml_schema_value_t *value,
			    const char *path)
{
	unsigned n = 0;
	if (value->type == CYAML_SEQUENCE)
		return count_shown(lines, arena, value->sequence.entry, arena_printf(arena, "%s[0]", path));
	if (value->type != CYAML_MAPPING)
		return 0;
	for (const cyaml_schema_field_t *field = value->mapping.fields; field->key != NULL; field++) {
		char *key = arena_printf(arena, "%s%s%s", path, path[0] == '\0' ? "" : ".", field->key);
		if (!is_shown(lines, arena, key))
			fail_msg("the template does not show %s", key);
		n += 1 + count_shown(lines, arena, &field->value, key);
	}
	return n;
}

static void test_template_shows_every_key(void **state)
{
	struct op *op = *state;
	char *yaml = all_switched_on(op->arena, config_template(op->arena, &plain_seed));
	struct config_lines *lines = NULL;
	assert_ok(op, config_lines_read(op, bytes_of_text(yaml), &lines));
	assert_in_range(count_shown(lines, op->arena, &config_schema, ""), 50, 200);
}

/* What the comments give as defaults are the defaults; where they are examples, they are valid. */
static void test_switched_on_template_changes_no_default(void **state)
{
	struct op *op = *state;
	char *yaml = config_template(op->arena, &plain_seed);
	struct config *off = parsed(op, yaml);
	struct config *on = parsed(op, all_switched_on(op->arena, yaml));
	assert_int_equal(on->cas[0].crl_lifetime_s, off->cas[0].crl_lifetime_s);
	assert_int_equal(on->cas[0].crl_refresh_s, off->cas[0].crl_refresh_s);
	assert_int_equal(on->cas[0].ocsp_lifetime_s, off->cas[0].ocsp_lifetime_s);
	assert_int_equal(on->token.signers, off->token.signers);
	assert_int_equal(on->profiles[0].n_key_types, off->profiles[0].n_key_types);
	assert_memory_equal(on->profiles[0].key_types, off->profiles[0].key_types, sizeof on->profiles[0].key_types);
	assert_int_equal(on->profiles[0].wildcards, off->profiles[0].wildcards);
	assert_int_equal(on->profiles[0].common_name, off->profiles[0].common_name);
	assert_int_equal(on->acme[0].order_lifetime_s, off->acme[0].order_lifetime_s);
	assert_int_equal(on->acme[0].authorization_lifetime_s, off->acme[0].authorization_lifetime_s);
	assert_int_equal(on->est[0].has_any_anchored_names, off->est[0].has_any_anchored_names);
	assert_int_equal(on->est[0].needs_binding, off->est[0].needs_binding);
	assert_int_equal(on->est[0].is_manual, off->est[0].is_manual);
	assert_int_equal(on->est[0].has_registrars, off->est[0].has_registrars);
	assert_int_equal(on->est[0].server_keys, off->est[0].server_keys);
	assert_int_equal(on->est[0].request_lifetime_s, off->est[0].request_lifetime_s);
	assert_int_equal(on->scep[0].has_renewal, off->scep[0].has_renewal);
	assert_int_equal(on->scep[0].renewal_after_expiry_s, off->scep[0].renewal_after_expiry_s);
	assert_int_equal(on->scep[0].is_manual, off->scep[0].is_manual);
	assert_int_equal(on->scep[0].ra_key, off->scep[0].ra_key);
	assert_int_equal(on->scep[0].serves_certificates, off->scep[0].serves_certificates);
	assert_int_equal(on->scep[0].serves_crl, off->scep[0].serves_crl);
	assert_int_equal(on->scep[0].request_lifetime_s, off->scep[0].request_lifetime_s);
	assert_int_equal(on->validation.allow_private, off->validation.allow_private);
	assert_int_equal(on->validation.allow_loopback, off->validation.allow_loopback);
	assert_int_equal(on->validation.attempts, off->validation.attempts);
	assert_int_equal(on->validation.http_port, off->validation.http_port);
	assert_string_equal(on->log_level, off->log_level);
	assert_string_equal(on->ocsp_key, off->ocsp_key);
	on->limits.loops = off->limits.loops; /* the only one that depends on the machine */
	assert_memory_equal(&on->limits, &off->limits, sizeof on->limits);
	config_free(&on);
	config_free(&off);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_template_means_its_seed),
		TEST(test_template_for_a_demonstration),
		TEST(test_template_shows_every_key),
		TEST(test_switched_on_template_changes_no_default),
	};
	return RUN_TESTS(tests);
}
