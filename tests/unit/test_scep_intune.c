/* An endpoint that asks Intune: which lane serves what, and what becomes of a yes (IN5). */
#include "tests/unit/scep_scene.h"

#include <string.h>

#include "base/files.h"
#include "base/text.h"
#include "server/route.h"
#include "tests/fake/fake_microsoft.h"
#include "tests/fake/fake_token.h"

struct intune_scene {
	struct scep_house *house;
	struct microsoft microsoft;
	struct config_scep *phones;
	struct scep_seen meanwhile[2];
	unsigned n_meanwhile;
	struct bytes csr;
};

static struct config_scep *endpoint(struct scep_house *house, const char *name)
{
	struct config *config = house->fake->config;
	for (unsigned i = 0; i < config->n_scep; i++)
		if (text_equal(config->scep[i].name, name))
			return &config->scep[i];
	fail_msg("there is no endpoint %s", name);
	return NULL;
}

/* "desk" asks Intune from now on: a reload, as far as this endpoint sees one. */
static void turn_to_intune(struct intune_scene *s)
{
	struct scep_house *h = s->house;
	const char *secret = files_join(h->fake->arena, h->fake->dir, "intune.secret");
	assert_ok(h->op, files_write(h->op, secret, 0600, BYTES_LITERAL("secret\n")));
	s->phones = endpoint(h, "desk");
	s->phones->ways = SCEP_INTUNE;
	s->phones->intune = (struct config_intune){ .tenant = MICROSOFT_TENANT,
						    .client_id = "11111111-2222-3333-4444-555555555555",
						    .secret_file = secret,
						    .login_url = MICROSOFT_LOGIN,
						    .graph_url = MICROSOFT_GRAPH,
						    .resource_url = MICROSOFT_RESOURCE,
						    .timeout_s = 10 };
}

static int setup(void **state)
{
	struct intune_scene *s = calloc(1, sizeof *s);
	void *house;
	scene_setup(&house);
	s->house = house;
	s->house->fake->authority->courier = courier_new(NULL, NULL);
	microsoft_open(&s->microsoft);
	turn_to_intune(s);
	s->csr = SCEP_CSR(s->house, .cn = "phone-1", .challenge = "of Intune");
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct intune_scene *s = *state;
	void *house = s->house;
	fake_token_set_faults(NULL);
	microsoft_close(&s->microsoft);
	scene_teardown(&house);
	free(s);
	return 0;
}

static void say(struct intune_scene *s, const char *code)
{
	s->microsoft.answers[MICROSOFT_VALIDATE] = (struct microsoft_answer){
		.status = code != NULL ? 200 : 0,
		.body = arena_printf(s->microsoft.arena, "{\"code\":\"%s\",\"errorDescription\":\"\"}", code != NULL ? code : ""),
	};
}

static void be_away(struct intune_scene *s, bool is_away)
{
	s->microsoft.answers[MICROSOFT_VALIDATE] = (struct microsoft_answer){ .is_away = is_away };
}

#define ASSERT_ASKED(s, times) assert_int_equal((s)->microsoft.n[MICROSOFT_VALIDATE], (times))

/* --- lanes --- */

static enum lane_name lane_of(struct intune_scene *s, enum http_method method, const char *path, const char *query)
{
	struct call call = { .method = method, .path = bytes_of_text(path), .query = bytes_of_text(query) };
	const struct route *route = routes_find(s->house->routes, ON_HTTPS, &call);
	assert_non_null(route);
	return route_lane(route, &call);
}

/* Whatever might be a message waits where messages do, however it is spelled. */
static void lanes_are_chosen_by_operation_F3(void **state)
{
	struct intune_scene *s = *state;
	static const char *const read[] = { "operation=GetCACaps", "operation=GetCACert", "operation=GetCACert&message=CA",
					    "operation=GetNextCACert&message=" };
	static const char *const others[] = { "operation=PKIOperation", "operation=PKIOperation&message=MAA%3D", "", "operation",
					      "operation=", "operation=GetCACertX", "operation=GetCA", "operation=getcacert",
					      "message=x&operation=GetCACert", "operation=GetCA%43aps", "operation=PKIOperatio%6e",
					      "operation=PKIOperation&operation=GetCACert", "x", "&operation=GetCACert" };
	for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
		assert_int_equal(lane_of(s, HTTP_GET, "/scep/desk", read[i]), LANE_READ);
		assert_int_equal(lane_of(s, HTTP_GET, "/scep/default/pkiclient.exe", read[i]), LANE_READ);
		assert_int_equal(lane_of(s, HTTP_POST, "/scep/desk", read[i]), LANE_WAIT);
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		assert_int_equal(lane_of(s, HTTP_GET, "/scep/desk", others[i]), LANE_WAIT);
		assert_int_equal(lane_of(s, HTTP_POST, "/scep/desk/pkiclient.exe", others[i]), LANE_WAIT);
		assert_int_equal(lane_of(s, HTTP_GET, "/scep/default", others[i]), LANE_SIGN);
	}
	assert_int_equal(lane_of(s, HTTP_GET, "/scep/desk/mscep_admin", ""), LANE_SIGN);
}

/* As the settings of now say: what begins to ask Intune by a reload leaves the lane of all others. */
static void a_reload_changes_lanes_F3(void **state)
{
	struct intune_scene *s = *state;
	s->phones->ways = SCEP_CHALLENGE;
	assert_int_equal(lane_of(s, HTTP_POST, "/scep/desk", "operation=PKIOperation"), LANE_SIGN);
	s->phones->ways = SCEP_CHALLENGE | SCEP_INTUNE;
	assert_int_equal(lane_of(s, HTTP_POST, "/scep/desk", "operation=PKIOperation"), LANE_WAIT);
	s->phones->name = "another";
	assert_int_equal(lane_of(s, HTTP_POST, "/scep/desk", "operation=PKIOperation"), LANE_SIGN);
}

static void more_come_meanwhile(void *arg, enum microsoft_door door)
{
	struct intune_scene *s = arg;
	if (door != MICROSOFT_VALIDATE || s->n_meanwhile == 2)
		return;
	struct scep_seen *seen = &s->meanwhile[s->n_meanwhile++];
	*seen = SCEP_SEND(s->house, .endpoint = "desk", .content = s->csr, .transaction = "t-more");
}

/* A lane of four asks about one request of an address at once; the next one is told so by HTTP, and refused nothing. */
static void who_comes_too_soon_comes_again_F3(void **state)
{
	struct intune_scene *s = *state;
	struct scep_house *h = s->house;
	h->fake->config->limits.lane_wait = 4;
	s->microsoft.during = more_come_meanwhile;
	s->microsoft.during_arg = s;
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "desk", .content = s->csr);
	s->microsoft.during = NULL;
	assert_int_equal(s->n_meanwhile, 1);
	assert_http(&s->meanwhile[0], 503);
	ASSERT_ASKED(s, 1);
	assert_int_equal(scep_house_entries(h, "authentication.refused"), 0);
	assert_int_equal(scep_house_count(h, "enrollment"), 1);
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "desk", .content = s->csr, .transaction = "t-more");
}

/* --- IN5: a yes is good for the call that it was given in --- */

static void what_was_issued_needs_no_other_yes(void **state)
{
	struct intune_scene *s = *state;
	ASSERT_SENT(s->house, SUCCESS, -1, .endpoint = "desk", .content = s->csr);
	ASSERT_ASKED(s, 1);
	say(s, "ChallengeExpired");
	ASSERT_SENT(s->house, SUCCESS, -1, .endpoint = "desk", .content = s->csr);
	ASSERT_ASKED(s, 1);
	assert_int_equal(n_issued(s->house), 1);
}

static void wait_for_approval(struct intune_scene *s)
{
	s->phones->is_manual = true;
	ASSERT_SENT(s->house, PENDING, -1, .endpoint = "desk", .content = s->csr);
	ASSERT_SENT(s->house, PENDING, -1, .endpoint = "desk", .content = s->csr);
	ASSERT_ASKED(s, 1);
	scep_house_decide(s->house, true, NULL);
	assert_int_equal(n_issued(s->house), 0);
}

static void a_yes_that_was_taken_back_gives_nothing_IN5(void **state)
{
	struct intune_scene *s = *state;
	struct scep_house *h = s->house;
	wait_for_approval(s);
	say(s, "ChallengeExpired");
	struct scep_seen seen = ASSERT_REFUSED(h, .endpoint = "desk", .content = s->csr);
	assert_non_null(strstr(seen.text, "ChallengeExpired"));
	ASSERT_ASKED(s, 2);
	assert_true(scep_house_says(h, "authentication.refused", "ChallengeExpired"));
	/* That was its end, whatever Microsoft says later. */
	say(s, NULL);
	ASSERT_REFUSED(h, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = scep_about(h, s->csr));
	ASSERT_REFUSED(h, .endpoint = "desk", .content = s->csr);
	ASSERT_ASKED(s, 2);
	assert_int_equal(n_issued(h), 0);
}

/* V44: who cannot be asked has not said yes, but no neither. */
static void what_was_approved_waits_for_microsoft_IN5_V44(void **state)
{
	struct intune_scene *s = *state;
	struct scep_house *h = s->house;
	struct bytes about = scep_about(h, s->csr);
	wait_for_approval(s);
	be_away(s, true);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .content = s->csr);
	ASSERT_SENT(h, PENDING, -1, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = about);
	assert_int_equal(n_issued(h), 0);
	be_away(s, false);
	ASSERT_SENT(h, SUCCESS, -1, .endpoint = "desk", .type = SCEP_CERT_POLL, .content = about);
	ASSERT_ASKED(s, 4);
	assert_int_equal(n_issued(h), 1);
}

/* Nobody had to approve it: a token that was away is a pause like any other. */
static void what_was_held_up_is_asked_about_again_IN5(void **state)
{
	struct intune_scene *s = *state;
	struct scep_house *h = s->house;
	const struct fake_token_faults busy = { .fail = ERR_BUSY, .fail_after = 1 }; /* the message is decrypted */
	fake_token_set_faults(&busy);
	struct scep_seen seen = SCEP_SEND(h, .endpoint = "desk", .content = s->csr);
	assert_http(&seen, 503);
	fake_token_set_faults(NULL);
	ASSERT_ASKED(s, 1);
	say(s, "DeviceNotFound");
	ASSERT_REFUSED(h, .endpoint = "desk", .content = s->csr);
	ASSERT_ASKED(s, 2);
	assert_int_equal(n_issued(h), 0);
}

static void a_renewal_that_was_held_up_as_well_IN5(void **state)
{
	struct intune_scene *s = *state;
	struct scep_house *h = s->house;
	const struct fake_token_faults busy = { .fail = ERR_BUSY, .fail_after = 1 };
	struct bytes first = ASSERT_SENT(h, SUCCESS, -1, .endpoint = "desk", .content = s->csr).certificate;
	struct bytes next = SCEP_CSR(h, .key = scep_key(1), .cn = "phone-1", .challenge = "of Intune");
	fake_token_set_faults(&busy);
	struct scep_seen seen = SCEP_SEND(h, .endpoint = "desk", .type = SCEP_RENEWAL_REQ, .certificate = first, .content = next,
					  .transaction = "t-2");
	assert_http(&seen, 503);
	fake_token_set_faults(NULL);
	ASSERT_ASKED(s, 2);
	say(s, "ChallengeExpired");
	ASSERT_REFUSED(h, .endpoint = "desk", .type = SCEP_RENEWAL_REQ, .certificate = first, .content = next, .transaction = "t-2");
	ASSERT_ASKED(s, 3);
	assert_int_equal(n_issued(h), 1);
}

/* Nobody is there to say yes to it: not the endpoint that once was. */
static void without_intune_its_challenges_are_worth_nothing_IN5(void **state)
{
	struct intune_scene *s = *state;
	wait_for_approval(s);
	s->phones->ways = SCEP_CHALLENGE | SCEP_APPROVAL;
	ASSERT_REFUSED(s->house, .endpoint = "desk", .content = s->csr);
	ASSERT_ASKED(s, 1);
	assert_int_equal(n_issued(s->house), 0);
}

#define INTUNE_SCENE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INTUNE_SCENE(lanes_are_chosen_by_operation_F3),
		INTUNE_SCENE(a_reload_changes_lanes_F3),
		INTUNE_SCENE(who_comes_too_soon_comes_again_F3),
		INTUNE_SCENE(what_was_issued_needs_no_other_yes),
		INTUNE_SCENE(a_yes_that_was_taken_back_gives_nothing_IN5),
		INTUNE_SCENE(what_was_approved_waits_for_microsoft_IN5_V44),
		INTUNE_SCENE(what_was_held_up_is_asked_about_again_IN5),
		INTUNE_SCENE(a_renewal_that_was_held_up_as_well_IN5),
		INTUNE_SCENE(without_intune_its_challenges_are_worth_nothing_IN5),
	};
	return RUN_SCENES(tests);
}
