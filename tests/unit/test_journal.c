/*
 * The recovery journal: what is in it and when, what a power cut or a damaged
 * disk leaves of it, and a store that lacks what it tells of (F37, I5, I6).
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "ca/crl.h"
#include "ca/issuance.h"
#include "ca/journal.h"
#include "ca/published.h"
#include "ca/revoke.h"
#include "store/authorities.h"
#include "tests/fake/fake_authority.h"
#include "tests/unit/fixture.h"

#define DAY_S 86400
#define THREADS 24

static struct fake_authority *fake;
static const char *path;

/* The disk: how often it was made to keep, whether it does, and whom it waits for. */
static atomic_uint syncs;
static atomic_bool is_disk_broken;
static atomic_uint_fast64_t closures_to_wait_for;

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	struct ledger_state state = { .closures = 0 };
	if (atomic_load(&is_disk_broken)) {
		errno = EIO;
		return -1;
	}
	while (atomic_load(&closures_to_wait_for) > state.closures) {
		usleep(1000);
		ledger_read_state(fake->authority->ledger, &state);
	}
	atomic_fetch_add(&syncs, 1);
	return __real_fdatasync(fd);
}

static int open_house(void **state)
{
	fake = fake_authority_new();
	path = files_join(fake->arena, fake->dir, JOURNAL_FILE);
	return op_setup(state);
}

static int close_house(void **state)
{
	clock_fix(-1);
	atomic_store(&is_disk_broken, false);
	atomic_store(&closures_to_wait_for, 0);
	fake_authority_free(&fake);
	return op_teardown(state);
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, open_house, close_house)

/* What the file tells. */
struct told {
	unsigned revocations, numbers;
	uint64_t number; /* of the issuing CA */
	const char *serial; /* looked for … */
	unsigned found;     /* … so often */
	struct revocation revocation;
	struct bytes blocked;
	struct journal_head head;
};

static result on_revoked(struct op *op, void *arg, const struct revocation *revocation, struct bytes blocked)
{
	struct told *told = arg;
	(void)op;
	told->revocations++;
	if (told->serial != NULL && strcmp(told->serial, revocation->serial) == 0) {
		told->found++;
		told->revocation = *revocation;
		told->blocked = blocked;
	}
	return OK;
}

static result on_crl(struct op *op, void *arg, const char *ca, uint64_t number)
{
	struct told *told = arg;
	(void)op;
	told->numbers++;
	if (strcmp(ca, "issuing") == 0) {
		assert_true(number > told->number);
		told->number = number;
	}
	return OK;
}

static struct told read_told(struct op *op, const char *serial)
{
	for (;;) {
		struct told told = { .serial = serial };
		const struct journal_reader reader = { on_revoked, on_crl, &told };
		result r = journal_file_read(op, path, &reader, &told.head);
		if (r.err != ERR_CONFLICT) {
			assert_ok(op, r);
			return told;
		}
		op_clear_failure(op); /* another thread has just added to it: read again */
	}
}

static const char *issued(int64_t not_after_s)
{
	return fake_authority_certificate(fake, fake->issuing, CERTIFICATE_ISSUED, not_after_s);
}

static const char *revoked(struct op *op, int reason, int64_t not_after_s)
{
	struct revocation revocation;
	const char *serial = issued(not_after_s);
	assert_ok(op, certificate_revoke(op, fake->authority, serial, reason, true, &revocation));
	return serial;
}

static uint64_t log_size(void)
{
	struct ledger_head head;
	ledger_read_head(fake->authority->ledger, &head);
	return head.size;
}

static void test_revocation(void **state) /* I5: told when the call returns */
{
	struct op *op = *state;
	int64_t end_s = clock_now_s() + DAY_S;
	const char *serial = revoked(op, REASON_KEY_COMPROMISE, end_s);
	struct told told = read_told(op, serial);
	assert_int_equal(told.found, 1);
	assert_string_equal(told.revocation.ca, "issuing");
	assert_int_equal(told.revocation.reason, REASON_KEY_COMPROMISE);
	assert_int_equal(told.revocation.not_after_s, end_s);
	assert_in_range(told.revocation.revoked_s, clock_now_s() - 60, clock_now_s());
	assert_int_equal(told.blocked.n, SHA256_SIZE);
	assert_int_equal(told.head.size, log_size());

	serial = revoked(op, REASON_SUPERSEDED, end_s);
	told = read_told(op, serial);
	assert_int_equal(told.found, 1);
	assert_int_equal(told.revocations, 2);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_number(void **state) /* I6: told before it is published */
{
	struct op *op = *state;
	struct crl_row row;
	assert_ok(op, crl_publish(op, fake->authority, fake->issuing, &row));
	uint64_t number = row.number;
	assert_int_equal(read_told(op, NULL).number, number);

	/* No journal, no publication; it is made up for when the disk is back. */
	atomic_store(&is_disk_broken, true);
	assert_err(op, ERR_BACKEND, crl_publish(op, fake->authority, fake->issuing, &row));
	const struct published_object *object = published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl"));
	assert_int_equal(object->number, number);
	published_unpin((void *)(uintptr_t)object);
	atomic_store(&is_disk_broken, false);
	assert_ok(op, crl_refresh(op, fake->authority, true));
	object = published_pin(fake->authority->published, BYTES_LITERAL("/crl/issuing.crl"));
	assert_true(object->number > number);
	assert_int_equal(read_told(op, NULL).number, object->number);
	published_unpin((void *)(uintptr_t)object);
}

/* Whoever recorded it: a recovery, another node. */
static void test_others(void **state)
{
	struct op *op = *state;
	int64_t end_s = clock_now_s() + DAY_S;
	const char *orphan = fake_authority_certificate(fake, fake->issuing, CERTIFICATE_INTENDED, end_s);
	const char *elsewhere = issued(end_s);
	assert_ok(op, issuance_orphan(op, fake->authority, orphan, "test"));
	fake_authority_revoke(fake, fake->issuing, elsewhere, REASON_SUPERSEDED, clock_now_s(), end_s);
	assert_int_equal(read_told(op, orphan).found, 0);
	assert_ok(op, journal_write(op, fake->authority, JOURNAL_ALL));
	assert_int_equal(read_told(op, orphan).found, 1);
	assert_int_equal(read_told(op, elsewhere).found, 1);
	assert_int_equal(read_told(op, NULL).head.size, log_size());
}

/* A revocation that is not on disk is not acknowledged; the next one to get through tells it, too. */
static void test_broken_disk(void **state)
{
	struct op *op = *state;
	struct revocation revocation;
	const char *serial = issued(clock_now_s() + DAY_S);
	atomic_store(&is_disk_broken, true);
	assert_err(op, ERR_BACKEND, certificate_revoke(op, fake->authority, serial, REASON_SUPERSEDED, false, &revocation));
	atomic_store(&is_disk_broken, false);
	const char *next = revoked(op, REASON_SUPERSEDED, clock_now_s() + DAY_S);
	assert_int_equal(read_told(op, serial).found, 1);
	assert_int_equal(read_told(op, next).found, 1);
}

struct worker {
	pthread_t thread;
	const char *serial;
	unsigned found; /* in the file, when the call had returned */
};

static void *revoke_one(void *arg)
{
	struct worker *worker = arg;
	struct op *op = op_new();
	struct revocation revocation;
	if (certificate_revoke(op, fake->authority, worker->serial, REASON_SUPERSEDED, false, &revocation).err == ERR_NONE)
		worker->found = read_told(op, worker->serial).found;
	op_free(&op);
	return NULL;
}

/* F18: all that were recorded while the first fsync lasted share the second. */
static void test_many(void **state UNUSED)
{
	struct worker workers[THREADS] = { { .serial = NULL } };
	struct ledger_state before;
	for (unsigned i = 0; i < THREADS; i++)
		workers[i].serial = issued(clock_now_s() + DAY_S);
	ledger_read_state(fake->authority->ledger, &before);
	atomic_store(&syncs, 0);
	atomic_store(&closures_to_wait_for, before.closures + THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, revoke_one, &workers[i]), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].found, 1);
	assert_in_range(atomic_load(&syncs), 1, 2);
}

static void write_file(struct op *op, struct bytes content)
{
	assert_ok(op, files_write(op, path, 0600, content));
}

/* F8: a power cut at every byte of the last batch, and with blocks of it that never came. */
static void test_torn(void **state)
{
	struct op *op = *state;
	struct bytes whole;
	const char *first = revoked(op, REASON_SUPERSEDED, clock_now_s() + DAY_S);
	struct journal_head before = read_told(op, NULL).head;
	const char *second = revoked(op, REASON_SUPERSEDED, clock_now_s() + DAY_S);
	fake_authority_close(fake);
	assert_ok(op, files_read(op, path, 1 << 20, &whole));
	for (size_t n = before.end; n < whole.n; n++) {
		write_file(op, (struct bytes){ whole.p, n });
		struct told told = read_told(op, second);
		assert_int_equal(told.found, 0);
		assert_memory_equal(&told.head, &before, sizeof before);
	}
	uint8_t *torn = (uint8_t *)(uintptr_t)arena_bytes(op->arena, whole).p;
	memset(torn + before.end, 0, 20);
	write_file(op, (struct bytes){ torn, whole.n });
	struct told told = read_told(op, NULL);
	assert_memory_equal(&told.head, &before, sizeof before);

	/* It is served over, and told again: the store has it. */
	fake_authority_open(fake);
	const char *third = revoked(op, REASON_SUPERSEDED, clock_now_s() + DAY_S);
	assert_int_equal(read_told(op, first).found, 1);
	assert_int_equal(read_told(op, second).found, 1);
	assert_int_equal(read_told(op, third).found, 1);
}

static void assert_refused(struct op *op, enum err kind, const char *words)
{
	struct authority *authority = NULL;
	result r = authority_open(op, fake->config, token_new(1, NULL, NULL), NULL, &authority);
	assert_int_equal(r.err, kind);
	if (strstr(op->detail, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", op->detail, words);
	op_clear_failure(op);
}

static void test_damaged(void **state)
{
	struct op *op = *state;
	struct bytes whole;
	revoked(op, REASON_SUPERSEDED, clock_now_s() + DAY_S);
	struct journal_head first = read_told(op, NULL).head;
	revoked(op, REASON_SUPERSEDED, clock_now_s() + DAY_S);
	fake_authority_close(fake);
	assert_ok(op, files_read(op, path, 1 << 20, &whole));
	uint8_t *changed = (uint8_t *)(uintptr_t)arena_bytes(op->arena, whole).p;
	for (size_t at = 0; at + 1 < first.end; at += 7) {
		changed[at] ^= 1;
		write_file(op, (struct bytes){ changed, whole.n });
		assert_err(op, ERR_BACKEND, journal_file_read(op, path, NULL, &first));
		changed[at] ^= 1;
	}
	changed[3] ^= 1;
	write_file(op, (struct bytes){ changed, whole.n });
	assert_refused(op, ERR_BACKEND, "is damaged after byte 0");
	write_file(op, BYTES_NONE);
	assert_refused(op, ERR_BACKEND, "is damaged");

	/* What the refusal offers: the store is the newest, so nothing is lost. */
	assert_int_equal(unlink(path), 0);
	fake_authority_open(fake);
	assert_int_equal(read_told(op, NULL).revocations, 2);
}

/* What is of no use any more goes at a start, and nothing else. */
static void test_prune(void **state)
{
	struct op *op = *state;
	struct crl_row row;
	struct stat before, after;
	int64_t now = clock_now_s();
	const char *live = revoked(op, REASON_KEY_COMPROMISE, now + 30 * DAY_S);
	const char *ended = revoked(op, REASON_SUPERSEDED, now + DAY_S);
	for (unsigned i = 0; i < 300; i++)
		assert_ok(op, crl_publish(op, fake->authority, fake->root, &row));
	assert_true(read_told(op, NULL).numbers >= 300);
	fake_authority_close(fake);
	assert_int_equal(stat(path, &before), 0);
	clock_fix(now + 3 * DAY_S);
	fake_authority_open(fake);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size < before.st_size / 50);
	struct told told = read_told(op, live);
	assert_int_equal(told.found, 1);
	assert_int_equal(told.blocked.n, SHA256_SIZE);
	assert_int_equal(read_told(op, ended).found, 0);
	assert_int_equal(told.numbers, 1); /* the root's */
	assert_int_equal(told.head.size, log_size());

	/* A short one stays as it is. */
	fake_authority_close(fake);
	ino_t inode = after.st_ino;
	fake_authority_open(fake);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_ino, inode);
}

/* F37: the journal knows more than the checkpoint, which is up to half a minute older. */
static void test_older_copy(void **state)
{
	struct op *op = *state;
	struct journal_head head = read_told(op, NULL).head;
	struct journal_writer writer;
	uint64_t size = log_size();
	fake_authority_close(fake);
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	journal_writer_begin(&writer, op, fileno(file), &head);
	assert_ok(op, journal_writer_seal(&writer, size + 7, &head.root));
	assert_refused(op, ERR_UNAUTHENTIC, "that lacks 7 entries");
	assert_refused(op, ERR_UNAUTHENTIC, "chancery restore --accept");
	head.root.b[0] ^= 1;
	assert_ok(op, journal_writer_seal(&writer, head.size, &head.root));
	assert_refused(op, ERR_UNAUTHENTIC, "are not those that");
	fclose(file);
}

/* A batch that grows large is written in parts; all of it is there, and the last part says of which log it is. */
static void test_large(void **state)
{
	struct op *op = *state;
	struct journal_head head = { .size = 0 };
	struct journal_writer writer;
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	journal_writer_begin(&writer, op, fileno(file), &head);
	for (unsigned i = 0; i < 30000; i++) {
		const struct revocation revocation = { arena_printf(op->arena, "41%030x", i), "issuing", 1, REASON_SUPERSEDED, 2 };
		assert_ok(op, journal_put_revoked(&writer, &revocation, BYTES_NONE));
	}
	assert_true(writer.head.end > 1000000); /* before the end */
	assert_ok(op, journal_writer_seal(&writer, 4711, &head.root));
	fclose(file);
	struct told told = read_told(op, "4100000000000000000000000000007000");
	assert_int_equal(told.revocations, 30000);
	assert_int_equal(told.head.size, 4711);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(test_revocation), HOUSE_TEST(test_number), HOUSE_TEST(test_others), HOUSE_TEST(test_broken_disk),
		HOUSE_TEST(test_many),	     HOUSE_TEST(test_torn),   HOUSE_TEST(test_damaged), HOUSE_TEST(test_prune),
		HOUSE_TEST(test_older_copy), HOUSE_TEST(test_large),
	};
	return RUN_TESTS(tests);
}
