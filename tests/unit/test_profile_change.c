/*
 * A profile that changes between order and certificate, by a reload or because
 * another node has other settings. Rows F32, V37: what an order and an intent were
 * made by is recorded, and no certificate is made of two profiles.
 */
#include "tests/unit/acme_scene.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "ca/profile_hash.h"
#include "store/audit_rows.h"
#include "store/certificates.h"
#include "store/orders.h"

#define DAY_S 86400
#define NAME "a.t.test"

/* The same settings with other profiles, as after an edit of the file. Never freed: the house's arena has it. */
static struct config *edited(struct scene *s)
{
	struct fake_authority *fake = s->house->fake;
	struct config *config = arena_alloc(fake->arena, sizeof *config);
	struct config_profile *profiles = arena_alloc_array(fake->arena, fake->config->n_profiles, sizeof *profiles);
	*config = *fake->config;
	memcpy(profiles, config->profiles, config->n_profiles * sizeof *profiles);
	config->profiles = profiles;
	config->hash[0] ^= 1;
	profiles[0].validity_s = 30 * DAY_S;
	profiles[0].client_auth = true;
	return config;
}

static void load(struct scene *s, struct config *config)
{
	assert_ok(s->client->op, authority_reload(s->client->op, s->house->fake->authority, config));
}

static const char *hash_of(struct scene *s, const struct config *config)
{
	return profile_hash(s->client->op->arena, config_profile(config, "tls"));
}

static const char *ready_order(struct scene *s)
{
	const char *order = acme_client_order(s->client, NAME);
	acme_client_make_ready(s->client, order);
	return order;
}

static struct acme_answer finalize(struct scene *s, const char *order)
{
	const char *const names[] = { NAME };
	return ACME_SEND(s->client, .path = arena_printf(s->client->op->arena, "%s/finalize", order),
			 .payload = acme_client_csr(s->client, NULL, names, 1));
}

static struct certificate certificate_of(struct scene *s, const struct acme_answer *answer)
{
	struct op *op = s->client->op;
	struct certificate row;
	STORE_LEASE(lease);
	assert_state(answer, "valid");
	const char *url = acme_answer_text(answer, "certificate");
	assert_ok(op, store_read(op, s->house->fake->authority->store, &lease));
	assert_ok(op, certificate_load(op, lease.db, strrchr(url, '/') + 1, &row));
	return row;
}

static const char *hash_of_order(struct scene *s, const char *path)
{
	struct op *op = s->client->op;
	struct order row;
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, s->house->fake->authority->store, &lease));
	assert_ok(op, order_load(op, lease.db, strrchr(path, '/') + 1, &row));
	return row.profile_hash;
}

struct search {
	const char *type, *serial; /* serial NULL: any */
	json_t *found;             /* the last one */
};

static result look_for(struct op *op, void *arg, const struct audit_row *row)
{
	struct search *search = arg;
	if (strcmp(row->type, search->type) != 0 ||
	    (search->serial != NULL && (row->serial == NULL || strcmp(row->serial, search->serial) != 0)))
		return OK;
	json_decref(search->found);
	return json_parse_object(op, row->entry, "entry", &search->found);
}

/* The last entry of that type; the caller frees it. */
static json_t *entry_of(struct scene *s, const char *type, const char *serial)
{
	struct op *op = s->client->op;
	struct search search = { .type = type, .serial = serial };
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, s->house->fake->authority->store, &lease));
	assert_ok(op, audit_rows_read(op, lease.db, 0, UINT32_MAX, look_for, &search));
	assert_non_null(search.found);
	return search.found;
}

static void assert_entry(struct scene *s, const char *type, const char *serial, const char *hash, const char *ordered)
{
	AUTO(json_t) *entry = entry_of(s, type, serial);
	const json_t *before = json_object_get(json_object_get(entry, "facts"), "ordered_profile_hash");
	assert_string_equal(json_string_value(json_object_get(entry, "profile_hash")), hash);
	if (ordered == NULL)
		assert_null(before);
	else
		assert_string_equal(json_string_value(before), ordered);
}

/* V37: the bytes that were signed are those of the one row of the serial, and all of one profile. */
static void assert_made_by(struct scene *s, const struct certificate *row, const struct config *config)
{
	const struct config_profile *profile = config_profile(config, "tls");
	static const uint8_t client_auth[] = { 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02 };
	assert_string_equal(row->profile_hash, hash_of(s, config));
	assert_int_equal(row->not_after_s - row->not_before_s + 1, profile->validity_s);
	assert_int_equal(memmem(row->tbs.p, row->tbs.n, client_auth, sizeof client_auth) != NULL, profile->client_auth);
	assert_true(row->der.n > row->tbs.n + 4);
	assert_memory_equal(row->der.p + 4, row->tbs.p, row->tbs.n); /* behind the header of the outer SEQUENCE */
}

static void an_unchanged_profile_is_said_once(void **state)
{
	struct scene *s = *state;
	const struct config *config = s->house->fake->config;
	const char *order = ready_order(s);
	assert_string_equal(hash_of_order(s, order), hash_of(s, config));
	assert_entry(s, "order.created", NULL, hash_of(s, config), NULL);
	struct acme_answer answer = finalize(s, order);
	struct certificate row = certificate_of(s, &answer);
	assert_made_by(s, &row, config);
	assert_entry(s, "issuance.intended", row.serial, hash_of(s, config), NULL);
}

/* F32: the client of a rolling upgrade gets its certificate, by the profile of now. */
static void a_changed_profile_is_said_with_the_old_one(void **state)
{
	struct scene *s = *state;
	const struct config *before = s->house->fake->config;
	struct config *after = edited(s);
	const char *order = ready_order(s);
	load(s, after);
	struct acme_answer answer = finalize(s, order);
	struct certificate row = certificate_of(s, &answer);
	assert_made_by(s, &row, after);
	assert_string_not_equal(hash_of(s, before), hash_of(s, after));
	assert_string_equal(hash_of_order(s, order), hash_of(s, before));
	assert_entry(s, "issuance.intended", row.serial, hash_of(s, after), hash_of(s, before));
	answer = finalize(s, order); /* I7 */
	assert_int_not_equal(answer.status, 200);
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme'"), 1);
}

/* What the profile of now does not give is not given, and the entry says that it was another one. */
static void names_are_judged_by_the_profile_of_now(void **state)
{
	struct scene *s = *state;
	const struct config *before = s->house->fake->config;
	static const char *elsewhere[] = { "elsewhere.test" };
	struct config *after = edited(s), *again = edited(s);
	const char *order = ready_order(s);
	after->profiles[0].permitted_names = (struct config_texts){ elsewhere, 1 };
	load(s, after);
	struct acme_answer answer = finalize(s, order);
	assert_string_equal(answer.problem, "rejectedIdentifier");
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme'"), 0);
	assert_entry(s, "issuance.refused", NULL, hash_of(s, after), hash_of(s, before));
	load(s, again);
	answer = finalize(s, order);
	struct certificate row = certificate_of(s, &answer);
	assert_made_by(s, &row, again);
	assert_entry(s, "issuance.intended", row.serial, hash_of(s, again), hash_of(s, before));
}

struct turning {
	struct scene *scene;
	struct config *configs[2];
	atomic_bool is_over;
	atomic_uint turns;
};

static void *turn(void *arg)
{
	struct turning *t = arg;
	struct op *op = op_new();
	for (unsigned i = 0; !atomic_load(&t->is_over); i++) {
		if (authority_reload(op, t->scene->house->fake->authority, t->configs[i % 2]).err != ERR_NONE)
			break;
		atomic_fetch_add(&t->turns, 1);
	}
	op_free(&op);
	return NULL;
}

/* V37: two versions of a profile under load; each certificate is of one of them. */
static void no_certificate_is_made_of_two_profiles(void **state)
{
	struct scene *s = *state;
	struct turning turning = { .scene = s, .configs = { edited(s), s->house->fake->config } };
	pthread_t thread;
	const char *hash = hash_of(s, turning.configs[0]);
	assert_int_equal(pthread_create(&thread, NULL, turn, &turning), 0);
	for (unsigned i = 0; i < 12; i++) {
		struct acme_answer answer = finalize(s, ready_order(s));
		struct certificate row = certificate_of(s, &answer);
		assert_made_by(s, &row, turning.configs[strcmp(row.profile_hash, hash) == 0 ? 0 : 1]);
	}
	atomic_store(&turning.is_over, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(atomic_load(&turning.turns) > 0);
	assert_int_equal(acme_house_count(s->house, "certificate WHERE door = 'acme'"), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(an_unchanged_profile_is_said_once),
		SCENE(a_changed_profile_is_said_with_the_old_one),
		SCENE(names_are_judged_by_the_profile_of_now),
		SCENE(no_certificate_is_made_of_two_profiles),
	};
	return RUN_SCENES(tests);
}
