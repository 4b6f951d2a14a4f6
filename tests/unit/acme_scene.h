/* A house with one registered ACME client in it, for each test a new one. */
#pragma once

#include "base/clock.h"
#include "protocols/acme/acme.h"
#include "tests/fake/acme_client.h"
#include "tests/unit/check.h"

#include <stdlib.h>

struct scene {
	struct acme_house *house;
	struct acme_client *client; /* registered, ES256 */
};

static inline int scene_setup(void **state)
{
	struct scene *scene = calloc(1, sizeof *scene);
	assert_non_null(scene);
	scene->house = acme_house_new();
	scene->client = acme_client_new(scene->house, "ES256");
	acme_client_register(scene->client);
	*state = scene;
	return 0;
}

static inline int scene_teardown(void **state)
{
	struct scene *scene = *state;
	acme_client_free(&scene->client);
	acme_house_free(&scene->house);
	clock_fix(-1);
	free(scene);
	return 0;
}

#define SCENE(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

static inline void assert_status(const struct acme_answer *answer, int status)
{
	if (answer->status != status)
		fail_msg("expected status %d, got %d: %s", status, answer->status, answer->body);
}

static inline void assert_state(const struct acme_answer *answer, const char *status)
{
	assert_status(answer, 200);
	assert_string_equal(acme_answer_text(answer, "status"), status);
}

/* The main() of a test program of scenes; prints TAP. */
#define RUN_SCENES(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))
