/*
 * An older copy of the store becomes the one to go on with: what the journal
 * tells of and the store lacks comes back, no CRL number and no nonce of before
 * is used again (F37, I5, I6, I8).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "ca/audit.h"
#include "ca/crl.h"
#include "ca/issue.h"
#include "ca/journal.h"
#include "ca/published.h"
#include "ca/recovery.h"
#include "ca/revoke.h"
#include "store/authorities.h"
#include "store/credentials.h"
#include "store/nonces.h"
#include "tests/fake/fake_authority.h"
#include "tests/fake/fake_token.h"
#include "tests/unit/fixture.h"

#define DAY_S 86400
#define LOST_ENTRIES 20
#define NUMBER_TOLD 5000

static struct fake_authority *fake;

static int open_house(void **state)
{
	fake = fake_authority_new();
	return op_setup(state);
}

static int close_house(void **state)
{
	clock_fix(-1);
	fake_token_set_faults(NULL);
	fake_authority_free(&fake);
	return op_teardown(state);
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, open_house, close_house)

static const char *file(const char *name)
{
	return files_join(fake->arena, fake->dir, name);
}

static void open_restored(struct op *op)
{
	assert_ok(op, authority_open_restored(op, fake->config, token_new(1, NULL, NULL), &fake->authority));
	fake->issuing = hierarchy_find(fake->authority->hierarchy, "issuing");
}

/* The three of which the store knows less than was told; `later`: the log had so many more entries then. */
struct lost {
	const char *issued, *intended, *gone;
	uint64_t size;
};

static const uint8_t gone_key[SHA256_SIZE] = { 7 };

static void tell(struct op *op, const struct lost *lost, uint64_t number)
{
	struct journal_head head;
	struct journal_writer writer;
	int64_t now = clock_now_s();
	assert_ok(op, journal_file_read(op, file(JOURNAL_FILE), NULL, &head));
	FILE *journal = fopen(file(JOURNAL_FILE), "r+");
	assert_non_null(journal);
	journal_writer_begin(&writer, op, fileno(journal), &head);
	const struct revocation revocations[] = {
		{ lost->issued, "issuing", now - 10, REASON_SUPERSEDED, now + DAY_S },
		{ lost->intended, "issuing", now - 9, REASON_CESSATION_OF_OPERATION, now + DAY_S },
		{ lost->gone, "issuing", now - 8, REASON_KEY_COMPROMISE, now + DAY_S },
	};
	for (unsigned i = 0; i < 3; i++)
		assert_ok(op, journal_put_revoked(&writer, &revocations[i], i == 2 ? (struct bytes)BYTES_ARRAY(gone_key) : BYTES_NONE));
	assert_ok(op, journal_put_crl(&writer, "issuing", number));
	assert_ok(op, journal_writer_seal(&writer, lost->size, &head.root));
	fclose(journal);
}

/* A house whose store is LOST_ENTRIES behind its journal. */
static struct lost lose(struct op *op)
{
	struct ledger_head head;
	struct lost lost = { .gone = "0123456789abcdef0123456789abcdef" };
	char *text;
	lost.issued = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ISSUED, clock_now_s() + DAY_S);
	lost.intended = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_INTENDED, clock_now_s() + DAY_S);
	assert_ok(op, audit_checkpoint(op, fake->authority, true, &text));
	ledger_read_head(fake->authority->ledger, &head);
	lost.size = head.size + LOST_ENTRIES;
	fake_authority_close(fake);
	tell(op, &lost, NUMBER_TOLD);
	return lost;
}

static void accept_it(struct op *op, struct recovery_view *view, struct recovery_done *done)
{
	assert_ok(op, recovery_view(op, fake->config->store, fake->dir, view));
	open_restored(op);
	assert_ok(op, recovery_accept(op, fake->authority, view, done));
	fake_authority_close(fake);
}

static void assert_revoked(struct op *op, const char *serial, int reason)
{
	struct revocation revocation;
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, fake->authority->store, &lease));
	assert_ok(op, revocation_load(op, lease.db, serial, &revocation));
	assert_int_equal(revocation.reason, reason);
	assert_string_equal(revocation.ca, "issuing");
}

static enum certificate_status status_of(struct op *op, const char *serial)
{
	struct certificate certificate;
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, fake->authority->store, &lease));
	assert_ok(op, certificate_load(op, lease.db, serial, &certificate));
	return certificate.status;
}

static uint64_t last_number(struct op *op)
{
	struct crl_row row;
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, fake->authority->store, &lease));
	assert_ok(op, crl_load_latest_times(op, lease.db, "issuing", &row));
	return row.number;
}

static void assert_all_back(struct op *op, const struct lost *lost)
{
	const char *why;
	assert_revoked(op, lost->issued, REASON_SUPERSEDED);
	assert_revoked(op, lost->intended, REASON_CESSATION_OF_OPERATION);
	assert_revoked(op, lost->gone, REASON_KEY_COMPROMISE);
	assert_int_equal(status_of(op, lost->issued), CERTIFICATE_ISSUED);
	assert_int_equal(status_of(op, lost->intended), CERTIFICATE_ORPHANED); /* no recovery comes to it any more */
	assert_int_equal(status_of(op, lost->gone), CERTIFICATE_ORPHANED);
	STORE_LEASE(lease);
	assert_ok(op, store_read(op, fake->authority->store, &lease));
	assert_ok(op, blocked_key_load(op, lease.db, (struct bytes)BYTES_ARRAY(gone_key), &why)); /* N7 */
}

static void test_view(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct lost lost = lose(op);
	assert_ok(op, recovery_view(op, fake->config->store, fake->dir, &view));
	assert_int_equal(view.known, lost.size);
	assert_string_equal(view.known_by, JOURNAL_FILE);
	assert_true(view.has_checkpoint && view.has_journal && !view.is_other_history);
	assert_int_equal(view.known - view.store.entries, LOST_ENTRIES);
	assert_int_equal(view.revocations, 3);
	assert_int_equal(view.store.revocations, 0);
	assert_int_equal(view.store.certificates, 4); /* those of the CAs, too */
}

static void test_accept(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct recovery_done done;
	struct crl_row row;
	struct lost lost = lose(op);
	accept_it(op, &view, &done);
	assert_int_equal(done.revocations, 3);
	assert_int_equal(done.lost, 1);

	fake_authority_open(fake); /* nothing refuses any more */
	assert_all_back(op, &lost);
	uint64_t number = last_number(op);
	assert_true(number > NUMBER_TOLD + (UINT64_C(1) << 32)); /* I6 */
	assert_ok(op, crl_refresh(op, fake->authority, false));
	const struct published_object *crl = published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl"));
	assert_non_null(crl);
	assert_int_equal(crl->number, number);
	published_unpin((void *)(uintptr_t)crl);
	assert_ok(op, crl_publish(op, fake->authority, fake->issuing, &row));
	assert_int_equal(row.number, number + 1);
	assert_ok(op, journal_check(op, fake->authority->store, fake->dir));

	/* An issuance that the copy knew only as an intent is not revoked a second time by the recovery. */
	unsigned n;
	assert_ok(op, issue_recover(op, fake->authority, true, &n));
	assert_int_equal(n, 0);
}

/* It may be run again, also when it had come to its end; then nothing comes back, and numbers rise once more. */
static void test_again(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct recovery_done done;
	struct lost lost = lose(op);
	accept_it(op, &view, &done);
	fake_authority_open(fake);
	uint64_t number = last_number(op);
	fake_authority_close(fake);
	accept_it(op, &view, &done);
	assert_int_equal(done.revocations, 0);
	fake_authority_open(fake);
	assert_all_back(op, &lost);
	assert_true(last_number(op) > number);
}

/* The token fails in the middle: starts go on to refuse, and the next try comes to the end. */
static void test_interrupted(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct recovery_done done;
	struct authority *authority;
	struct lost lost = lose(op);
	assert_ok(op, recovery_view(op, fake->config->store, fake->dir, &view));
	open_restored(op);
	fake_token_set_faults(&(struct fake_token_faults){ .fail = ERR_BUSY });
	assert_err(op, ERR_BUSY, recovery_accept(op, fake->authority, &view, &done));
	fake_token_set_faults(NULL);
	fake_authority_close(fake);
	assert_err(op, ERR_UNAUTHENTIC, authority_open(op, fake->config, token_new(1, NULL, NULL), NULL, &authority));
	accept_it(op, &view, &done);
	fake_authority_open(fake);
	assert_all_back(op, &lost);
}

/* A second node, whose files are of before, over a log that went on: it is refused, and brings what only it knew. */
static void test_second_node(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct recovery_done done;
	struct authority *authority;
	struct lost lost = lose(op);
	struct bytes journal;
	assert_ok(op, files_read(op, file(JOURNAL_FILE), 1 << 20, &journal));
	accept_it(op, &view, &done);
	fake_authority_open(fake);
	for (unsigned i = 0; i < LOST_ENTRIES; i++)
		(void)fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ISSUED, clock_now_s() + DAY_S);
	struct crl_row row;
	for (unsigned i = 0; i < LOST_ENTRIES; i++)
		assert_ok(op, crl_publish(op, fake->authority, fake->issuing, &row));
	fake_authority_close(fake);

	assert_ok(op, files_write(op, file(JOURNAL_FILE), 0600, journal));
	lost.gone = "112233445566778899aabbccddeeff00";
	tell(op, &lost, NUMBER_TOLD + 60);
	assert_err(op, ERR_UNAUTHENTIC, authority_open(op, fake->config, token_new(1, NULL, NULL), NULL, &authority));
	accept_it(op, &view, &done);
	assert_true(view.is_other_history);
	assert_int_equal(done.revocations, 1);
	assert_int_equal(done.lost, 1);
	fake_authority_open(fake);
	assert_all_back(op, &lost);
	assert_revoked(op, "0123456789abcdef0123456789abcdef", REASON_KEY_COMPROMISE);
	assert_true(last_number(op) > row.number);
}

/* Without any file that tells, numbers still go on where nobody has been. */
static void test_nothing_known(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct recovery_done done;
	struct crl_row row;
	assert_ok(op, crl_publish(op, fake->authority, fake->issuing, &row));
	fake_authority_close(fake);
	assert_int_equal(unlink(file(JOURNAL_FILE)), 0);
	accept_it(op, &view, &done);
	assert_null(view.known_by);
	fake_authority_open(fake);
	assert_true(last_number(op) > row.number + (UINT64_C(1) << 32));
}

/* The evidence that something is missing stays. */
static void test_checkpoint(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct recovery_done done;
	struct bytes old, kept;
	struct checkpoint checkpoint;
	(void)lose(op);
	assert_ok(op, files_read(op, file("checkpoint"), 65536, &old));
	assert_ok(op, checkpoint_parse(op, old, &checkpoint));
	/* As if it had been signed over what is lost. */
	char *later = checkpoint_text(op->arena, checkpoint.origin, checkpoint.size + LOST_ENTRIES, &checkpoint.root);
	later = checkpoint_note(op->arena, later, checkpoint.key_name, checkpoint.key_hint, checkpoint.signature);
	assert_ok(op, files_write(op, file("checkpoint"), 0640, bytes_of_text(later)));
	accept_it(op, &view, &done);
	const char *name = arena_printf(op->arena, "checkpoint.lost-%llu", (unsigned long long)checkpoint.size + LOST_ENTRIES);
	assert_ok(op, files_read(op, file(name), 65536, &kept));
	assert_true(bytes_equal(kept, bytes_of_text(later)));
	assert_ok(op, files_read(op, file("checkpoint"), 65536, &kept));
	assert_ok(op, checkpoint_parse(op, kept, &checkpoint));
	fake_authority_open(fake);
	assert_ok(op, audit_checkpoint_verify(op, &checkpoint, fake->authority->hierarchy->audit_key.spki));
}

static result make_token(struct op *op, struct ledger_tx *tx, void *arg)
{
	return one_time_token_insert(op, ledger_db(tx), arg);
}

static result spend_token(struct op *op, struct ledger_tx *tx, void *arg)
{
	const struct one_time_token *token = arg;
	return one_time_token_spend(op, ledger_db(tx), token->hash, NULL, clock_now_s());
}

/* What was used once since the copy is unused in it (I8, J8): it is good no more. */
static void test_single_uses(void **state)
{
	struct op *op = *state;
	struct recovery_view view;
	struct recovery_done done;
	struct nonce_key key = { .created_s = clock_now_s() };
	struct one_time_token token = { .hash = BYTES_ARRAY(gone_key), .door = "est", .endpoint = "est", .names = "[]", .made_by = "uid:0",
					.created_s = clock_now_s(), .expires_s = clock_now_s() + DAY_S };
	bool is_mine;
	assert_ok(op, ledger_run(op, fake->authority->ledger, make_token, &token));
	{
		STORE_LEASE(lease);
		assert_ok(op, store_single(op, fake->authority->store, &lease));
		assert_ok(op, nonce_key_insert(op, lease.db, &key));
		assert_ok(op, nonce_spend(op, lease.db, key.id, BYTES_LITERAL("before"), &is_mine));
		assert_true(is_mine);
	}
	fake_authority_close(fake);
	accept_it(op, &view, &done);
	fake_authority_open(fake);
	assert_err(op, ERR_CONFLICT, ledger_run(op, fake->authority->ledger, spend_token, &token));
	STORE_LEASE(lease);
	assert_ok(op, store_single(op, fake->authority->store, &lease));
	assert_ok(op, nonce_spend(op, lease.db, key.id, BYTES_LITERAL("since"), &is_mine));
	assert_false(is_mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_view),	      HOUSE_TEST(test_accept),	      HOUSE_TEST(test_again),
		HOUSE_TEST(test_interrupted), HOUSE_TEST(test_second_node),   HOUSE_TEST(test_nothing_known),
		HOUSE_TEST(test_checkpoint),  HOUSE_TEST(test_single_uses),
	};
	return RUN_TESTS(tests);
}
