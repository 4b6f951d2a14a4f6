/* Rows of the token's keys and of the CAs. */
#include "store/authorities.h"
#include "store/nodes.h"

#include "tests/unit/store_fixture.h"

static void put_key(struct place *place, const char *label, const char *purpose, int64_t created_s)
{
	struct key_row key = { .label = label, .id = BYTES_LITERAL("\x01"), .type = "P-256", .purpose = purpose,
			       .spki = bytes_of_text(label), .created_s = created_s };
	assert_ok(place->op, key_insert(place->op, place->db, &key));
}

static void keys_are_found(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct key_row found;
	bool known;
	put_key(place, "root-1", "ca", 1);
	put_key(place, "audit-1", "audit", 2);
	put_key(place, "audit-2", "audit", 3);
	assert_err(op, ERR_CONFLICT, key_insert(op, place->db, &(struct key_row){ .label = "root-1", .type = "P-384",
										  .purpose = "ca" }));
	assert_ok(op, key_load(op, place->db, "root-1", &found));
	assert_string_equal(found.type, "P-256");
	assert_string_equal(found.purpose, "ca");
	assert_true(bytes_equal_text(found.id, "\x01"));
	assert_true(bytes_equal_text(found.spki, "root-1"));
	assert_int_equal(found.created_s, 1);
	assert_ok(op, key_load_by_purpose(op, place->db, "audit", &found));
	assert_string_equal(found.label, "audit-2");
	assert_err(op, ERR_NOT_FOUND, key_load(op, place->db, "root", &found));
	assert_err(op, ERR_NOT_FOUND, key_load_by_purpose(op, place->db, "ocsp", &found));
	assert_ok(op, key_has_spki(op, place->db, BYTES_LITERAL("root-1"), &known)); /* N7 */
	assert_true(known);
	assert_ok(op, key_has_spki(op, place->db, BYTES_LITERAL("root-2"), &known));
	assert_false(known);
}

static void parents_come_first(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct authority_row *list;
	unsigned n;
	put_key(place, "root-1", "ca", 1);
	put_key(place, "issuing-1", "ca", 1);
	struct authority_row issuing = { .name = "issuing", .parent = "root", .status = AUTHORITY_ACTIVE, .generation = 1,
					 .key_label = "issuing-1", .certificate = BYTES_LITERAL("der"), .created_s = 1 };
	struct authority_row root = { .name = "root", .status = AUTHORITY_ACTIVE, .generation = 1, .key_label = "root-1",
				      .certificate = BYTES_LITERAL("der"), .created_s = 1 };
	assert_ok(op, authority_insert(op, place->db, &issuing));
	assert_ok(op, authority_insert(op, place->db, &root));
	assert_err(op, ERR_CONFLICT, authority_insert(op, place->db, &root));
	issuing.generation = 2;
	issuing.status = AUTHORITY_CREATED;
	assert_ok(op, authority_insert(op, place->db, &issuing));
	root.name = "other";
	root.key_label = "absent";
	assert_err(op, ERR_BACKEND, authority_insert(op, place->db, &root));
	assert_ok(op, authority_list(op, place->db, &list, &n));
	assert_int_equal(n, 3);
	assert_string_equal(list[0].name, "root");
	assert_null(list[0].parent);
	assert_string_equal(list[1].name, "issuing");
	assert_string_equal(list[1].parent, "root");
	assert_true(bytes_equal_text(list[1].certificate, "der"));
	assert_int_equal(list[2].generation, 2);
	assert_int_equal(list[2].status, AUTHORITY_CREATED);
}

#define NOW 1000000

static uint64_t take(struct place *place, const char *ca)
{
	uint64_t number = 0;
	const struct crl_builder builder = { "a", 1 };
	assert_ok(place->op, crl_turn_take(place->op, place->db, ca, &builder, NOW, &number));
	return number;
}

/* I6: numbers go up, whatever becomes of the CRLs. */
static void crl_numbers_never_repeat(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct crl_row latest;
	uint64_t last = 0;
	for (unsigned i = 0; i < 20; i++) {
		struct crl_row row = { .ca = "issuing", .number = take(place, "issuing"), .this_update_s = i,
				       .next_update_s = i + 10, .der = BYTES_LITERAL("crl") };
		assert_true(row.number > last);
		last = row.number;
		if (i % 3 != 0) /* some are taken and never signed */
			assert_ok(op, crl_insert(op, place->db, &row));
	}
	assert_true(place_number(place, place->db, "SELECT COUNT(*) FROM crl") <= 9);
	assert_ok(op, crl_load_latest(op, place->db, "issuing", &latest));
	assert_int_equal(latest.number, last);
	assert_ok(op, db_run_script(op, place->db, "DELETE FROM crl"));
	assert_err(op, ERR_NOT_FOUND, crl_load_latest(op, place->db, "issuing", &latest));
	place_close(place);
	place_open(place);
	assert_int_equal(take(place, "issuing"), last + 1);
	assert_int_equal(take(place, "root"), 1); /* each CA counts for itself */
}

static void old_crls_are_dropped(void **state)
{
	struct place *place = *state;
	for (unsigned i = 0; i < 20; i++) {
		struct crl_row row = { .ca = i % 2 == 0 ? "issuing" : "root", .der = BYTES_LITERAL("crl") };
		row.number = take(place, row.ca);
		assert_ok(place->op, crl_insert(place->op, place->db, &row));
	}
	/* The newest and the eight before it. */
	assert_int_equal(place_number(place, place->db, "SELECT COUNT(*) FROM crl WHERE ca = 'issuing'"), 9);
	assert_int_equal(place_number(place, place->db, "SELECT MIN(number) FROM crl WHERE ca = 'root'"), 2);
}

static void a_published_crl_is_not_replaced(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	struct crl_row found, row = { .ca = "issuing", .number = take(place, "issuing"), .this_update_s = 1, .next_update_s = 2 };
	assert_ok(op, crl_insert(op, place->db, &row)); /* number taken, not signed */
	assert_err(op, ERR_NOT_FOUND, crl_load_latest(op, place->db, "issuing", &found));
	row.der = BYTES_LITERAL("first");
	assert_ok(op, crl_insert(op, place->db, &row));
	row.der = BYTES_LITERAL("second");
	assert_err(op, ERR_CONFLICT, crl_insert(op, place->db, &row));
	assert_ok(op, crl_load_latest(op, place->db, "issuing", &found));
	assert_true(bytes_equal_text(found.der, "first"));
	assert_string_equal(found.ca, "issuing");
	assert_int_equal(found.this_update_s, 1);
	assert_int_equal(found.next_update_s, 2);
}

static bool is_of_another(struct place *place, const char *node, int64_t now_s)
{
	struct crl_turn turn;
	assert_ok(place->op, crl_turn_load(place->op, place->db, "issuing", now_s, &turn));
	return crl_turn_is_of_another(&turn, node, now_s);
}

/* F17: only whoever has the turn ends it, and with the number that was taken. */
static void a_turn_is_ended_by_its_owner(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	static const struct crl_builder a = { "a", 1 }, later = { "a", 2 }, b = { "b", 1 };
	struct crl_turn turn;
	uint64_t first, second;
	assert_ok(op, crl_turn_load(op, place->db, "issuing", NOW, &turn));
	assert_int_equal(turn.number, 0);
	assert_null(turn.builder);
	assert_ok(op, crl_turn_take(op, place->db, "issuing", &a, NOW, &first));
	assert_err(op, ERR_CONFLICT, crl_turn_end(op, place->db, "issuing", &b, first));
	assert_err(op, ERR_CONFLICT, crl_turn_end(op, place->db, "issuing", &later, first));
	assert_err(op, ERR_CONFLICT, crl_turn_end(op, place->db, "root", &a, first));
	assert_ok(op, crl_turn_take(op, place->db, "issuing", &b, NOW, &second));
	assert_int_equal(second, first + 1);
	assert_err(op, ERR_CONFLICT, crl_turn_end(op, place->db, "issuing", &a, first));
	assert_err(op, ERR_CONFLICT, crl_turn_end(op, place->db, "issuing", &b, first));
	assert_ok(op, crl_turn_end(op, place->db, "issuing", &b, second));
	assert_err(op, ERR_CONFLICT, crl_turn_end(op, place->db, "issuing", &b, second)); /* once */
	assert_ok(op, crl_turn_load(op, place->db, "issuing", NOW, &turn));
	assert_int_equal(turn.number, second);
	assert_null(turn.builder);
}

/* How long others leave a turn alone: its time, the epoch that took it, and signs of life. */
static void a_turn_outlives_no_epoch(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	uint64_t epoch, number;
	assert_ok(op, node_start(op, place->db, "a", NOW, &epoch));
	const struct crl_builder a = { "a", epoch };
	assert_ok(op, crl_turn_take(op, place->db, "issuing", &a, NOW, &number));
	assert_false(is_of_another(place, "a", NOW)); /* its own */
	assert_true(is_of_another(place, "b", NOW + CRL_BUILDER_UNSEEN_S - 1));
	assert_false(is_of_another(place, "b", NOW + CRL_BUILDER_UNSEEN_S)); /* it was not seen since */
	assert_ok(op, node_seen(op, place->db, "a", epoch, NOW + CRL_TURN_S));
	assert_true(is_of_another(place, "b", NOW + CRL_TURN_S - 1));
	assert_false(is_of_another(place, "b", NOW + CRL_TURN_S));
	assert_ok(op, node_start(op, place->db, "a", NOW, &epoch)); /* kill -9, and it starts again */
	assert_false(is_of_another(place, "b", NOW));
}

/* A command has no epoch and no signs of life: the time counts. */
static void a_commands_turn_ends_by_time(void **state)
{
	struct place *place = *state;
	const struct crl_builder command = { "a", 0 };
	uint64_t number;
	assert_ok(place->op, crl_turn_take(place->op, place->db, "issuing", &command, NOW, &number));
	assert_true(is_of_another(place, "b", NOW + CRL_TURN_S - 1));
	assert_false(is_of_another(place, "b", NOW + CRL_TURN_S));
	assert_false(is_of_another(place, "a", NOW));
}

/* F14: a node whose clock is an hour ahead took it and died; its turn and its signs of life are of the future. */
static void a_turn_of_the_future_holds_nobody_up(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	uint64_t epoch, number;
	assert_ok(op, node_start(op, place->db, "a", NOW + 3600, &epoch));
	const struct crl_builder a = { "a", epoch };
	assert_ok(op, crl_turn_take(op, place->db, "issuing", &a, NOW + 3600, &number));
	assert_false(is_of_another(place, "b", NOW));
	assert_true(is_of_another(place, "b", NOW + 3600)); /* by a clock that is as wrong */
	assert_ok(op, crl_turn_take(op, place->db, "issuing", &a, NOW + CRL_TURN_S, &number));
	assert_true(is_of_another(place, "b", NOW)); /* so much may clocks differ */
}

static void facts_are_kept(void **state)
{
	struct place *place = *state;
	struct op *op = place->op;
	const char *value;
	assert_err(op, ERR_NOT_FOUND, meta_read(op, place->db, "node", &value));
	assert_ok(op, meta_write(op, place->db, "node", "n1"));
	assert_ok(op, meta_write(op, place->db, "node", "n2"));
	assert_ok(op, meta_read(op, place->db, "node", &value));
	assert_string_equal(value, "n2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(keys_are_found),
		STORE_TEST(parents_come_first),
		STORE_TEST(crl_numbers_never_repeat),
		STORE_TEST(old_crls_are_dropped),
		STORE_TEST(a_published_crl_is_not_replaced),
		STORE_TEST(a_turn_is_ended_by_its_owner),
		STORE_TEST(a_turn_outlives_no_epoch),
		STORE_TEST(a_turn_of_the_future_holds_nobody_up),
		STORE_TEST(a_commands_turn_ends_by_time),
		STORE_TEST(facts_are_kept),
	};
	return RUN_TESTS(tests);
}
