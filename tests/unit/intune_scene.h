/*
 * The house of the tests of Intune: a real store, a courier whose other end is
 * Microsoft as tests/fake/fake_microsoft.h plays it, a clock that stands still.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "protocols/scep/intune.h"
#include "tests/fake/fake_authority.h"
#include "tests/fake/fake_microsoft.h"
#include "tests/unit/check.h"

#define NOW 1790000000
#define CSR BYTES_LITERAL("a request with a challenge")
#define CSR_BASE64 "YSByZXF1ZXN0IHdpdGggYSBjaGFsbGVuZ2U="

struct scene {
	struct fake_authority *fake;
	struct microsoft microsoft;
	struct intune *intune;
	struct config_scep *endpoint; /* "devices" */
	const struct config_scep *reloaded;
	struct op *op;
	struct fake_node *node; /* the second one, where there is one */
	struct intune *intune_there;
};

static inline void write_secret(struct scene *s, const char *name, struct bytes content)
{
	assert_ok(s->op, files_write(s->op, files_join(s->op->arena, s->fake->dir, name), 0600, content));
}

static inline const char *path_of(struct scene *s, const char *name)
{
	return files_join(s->fake->arena, s->fake->dir, name);
}

static inline void configure(struct scene *s)
{
	struct config *config = s->fake->config;
	config->profiles = arena_alloc_array(s->fake->arena, 2, sizeof *config->profiles);
	config->profiles[0] = (struct config_profile){ .name = "device", .ca = "issuing", .door = DOOR_SCEP };
	config->profiles[1] = (struct config_profile){ .name = "printer", .ca = "issuing", .door = DOOR_SCEP };
	config->n_profiles = 2;
	config->limits.lane_wait = 8;
	config->scep = arena_alloc_array(s->fake->arena, 2, sizeof *config->scep);
	config->n_scep = 1;
	config->scep[0] = (struct config_scep){ .name = "devices",
						.profile = "device",
						.ways = SCEP_INTUNE,
						.intune = { .tenant = MICROSOFT_TENANT,
							    .client_id = "11111111-2222-3333-4444-555555555555",
							    .secret_file = path_of(s, "intune.secret"),
							    .login_url = MICROSOFT_LOGIN,
							    .graph_url = MICROSOFT_GRAPH,
							    .resource_url = MICROSOFT_RESOURCE,
							    .timeout_s = 10 } };
	s->endpoint = &config->scep[0];
}

static inline int setup(void **state)
{
	struct scene *s = calloc(1, sizeof *s);
	clock_fix(NOW);
	s->op = op_new();
	s->fake = fake_authority_prepare("memory");
	configure(s);
	fake_authority_open(s->fake);
	s->fake->authority->courier = courier_new(NULL, NULL);
	write_secret(s, "intune.secret", BYTES_LITERAL("s3cr+t &value=\n"));
	microsoft_open(&s->microsoft);
	s->intune = intune_new(s->fake->authority, NULL);
	*state = s;
	return 0;
}

static inline int teardown(void **state)
{
	struct scene *s = *state;
	intune_free(&s->intune);
	if (s->node != NULL) {
		intune_free(&s->intune_there);
		fake_node_close(&s->node);
	}
	microsoft_close(&s->microsoft);
	fake_courier_set_gone(false);
	fake_authority_free(&s->fake);
	op_free(&s->op);
	clock_fix(-1);
	free(s);
	return 0;
}

static inline result validate(struct scene *s)
{
	return intune_validate(s->op, s->intune, s->endpoint, "tx-1", CSR);
}

static inline void answer(struct scene *s, enum microsoft_door door, unsigned status, const char *body)
{
	s->microsoft.answers[door] = (struct microsoft_answer){ .status = status, .body = body };
}

static inline void be_well(struct scene *s)
{
	memset(s->microsoft.answers, 0, sizeof s->microsoft.answers);
}

static inline void advance(int64_t seconds)
{
	clock_fix(clock_now_s() + seconds);
}

static inline bool says(const struct scene *s, const char *text)
{
	return strstr(s->op->detail, text) != NULL;
}

#define ASSERT_TEXT(s, text)                                                    \
	do {                                                                    \
		if (!says((s), (text)))                                         \
			fail_msg("\"%s\" is not in: %s", (text), (s)->op->detail); \
	} while (0)

#define SCENE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
#define RUN_SCENES(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))
