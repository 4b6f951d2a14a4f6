/*
 * What goes into the journal, and when. The log's size decides: what was
 * recorded behind the size that the journal has is read from the store and
 * appended. So nothing that records a revocation can forget to tell it here.
 */
#include "ca/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "store/audit_rows.h"
#include "store/recovery_rows.h"

#define AUTO_OP __attribute__((cleanup(op_free))) struct op *

/* Who ended longer ago than any clock of ours can be wrong is not told of any more. */
#define GRACE_S 86400
/* More lines of no use than of use, and these besides: then a start makes the file anew. */
#define SLACK_LINES 256
/* The log's size is written down when it alone is news, too, but not for every certificate: the checkpoint has it as well. */
#define SILENT_ENTRIES 4096

/* Of a CA, as the file has it. */
struct crl_told {
	const char *ca;
	uint64_t number;
	struct crl_told *next;
};

struct journal {
	struct arena *arena;
	const char *path;
	pthread_mutex_t lock; /* for all below; held during the fsync, so that who waits shares the next one */
	int fd;
	struct journal_head head; /* of the file */
	uint64_t seen;            /* entries of the log whose news are in the file */
	bool is_sound;            /* false after a failed write: what is on disk is then made anew */
	struct crl_told *crls;
};

static struct crl_told *told_of(struct journal *journal, const char *ca)
{
	struct crl_told *told = journal->crls;
	while (told != NULL && !text_equal(told->ca, ca))
		told = told->next;
	if (told == NULL) {
		told = arena_alloc(journal->arena, sizeof *told);
		*told = (struct crl_told){ arena_text(journal->arena, ca), 0, journal->crls };
		journal->crls = told;
	}
	return told;
}

/* One pass over the news of the store. */
struct telling {
	struct journal *journal;
	struct journal_writer writer;
	uint64_t lines;
};

static result tell_revocation(struct op *op UNUSED, void *arg, const struct revocation *revocation, struct bytes blocked)
{
	struct telling *t = arg;
	t->lines++;
	return journal_put_revoked(&t->writer, revocation, blocked);
}

static result tell_number(struct op *op UNUSED, void *arg, const char *ca, uint64_t number)
{
	struct telling *t = arg;
	struct crl_told *told = told_of(t->journal, ca);
	if (number <= told->number)
		return OK;
	told->number = number;
	t->lines++;
	return journal_put_crl(&t->writer, ca, number);
}

/* What the log got since; `head` is the store's. */
static result append(struct op *op, struct journal *j, struct db *db, const struct merkle_frontier *head)
{
	struct telling t = { .journal = j };
	struct merkle_hash root;
	merkle_root(head, &root);
	journal_writer_begin(&t.writer, op, j->fd, &j->head);
	TRY(recovery_read_logged(op, db, j->seen, head->size, tell_revocation, &t));
	TRY(crl_number_read(op, db, tell_number, &t));
	if (t.lines > 0 || head->size - j->head.size >= SILENT_ENTRIES) {
		TRY(journal_writer_seal(&t.writer, head->size, &root));
		j->head = t.writer.head;
	}
	j->seen = head->size;
	return OK;
}

static result write_all(struct op *op, struct journal *j, struct db *db, int fd)
{
	static const struct journal_head none = { .size = 0 };
	struct telling t = { .journal = j };
	struct merkle_frontier head;
	struct merkle_hash root;
	TRY(audit_head_read(op, db, &head, &root));
	j->crls = NULL;
	journal_writer_begin(&t.writer, op, fd, &none);
	TRY(recovery_read_all(op, db, clock_now_s() - GRACE_S, tell_revocation, &t));
	TRY(crl_number_read(op, db, tell_number, &t));
	TRY(journal_writer_seal(&t.writer, head.size, &root));
	j->head = t.writer.head;
	j->seen = head.size;
	return OK;
}

/* Beside the old one, which it replaces when it is complete and on disk. */
static result make_anew(struct op *op, struct journal *j, struct db *db)
{
	const char *temporary = arena_printf(op->arena, "%s.tmp", j->path);
	int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return FAIL(op, ERR_BACKEND, "cannot make %s: %s", temporary, strerrordesc_np(errno));
	result r = write_all(op, j, db, fd);
	if (r.err == ERR_NONE)
		r = files_move(op, temporary, j->path);
	if (r.err != ERR_NONE) {
		close(fd);
		(void)unlink(temporary);
		return r;
	}
	if (j->fd >= 0)
		close(j->fd);
	j->fd = fd;
	j->is_sound = true;
	return OK;
}

static result catch_up(struct op *op, struct journal *j, struct store *store)
{
	struct merkle_frontier head;
	STORE_LEASE(lease);
	TRY(store_read(op, store, &lease));
	if (!j->is_sound)
		return make_anew(op, j, lease.db);
	TRY(audit_head_read(op, lease.db, &head, NULL));
	if (head.size < j->seen)
		return FAIL(op, ERR_BACKEND, "the log in the store has %" PRIu64 " entries, and had %" PRIu64 ": it was replaced",
			    head.size, j->seen);
	if (head.size == j->seen)
		return OK;
	j->is_sound = false;
	TRY(append(op, j, lease.db, &head));
	j->is_sound = true;
	return OK;
}

result journal_write(struct op *op, struct authority *a, uint64_t size)
{
	struct journal *j = a->journal;
	result r = OK;
	if (j == NULL)
		return OK;
	ASSERT(pthread_mutex_lock(&j->lock) == 0);
	if (!j->is_sound || j->seen < size)
		r = catch_up(op, j, a->store);
	ASSERT(pthread_mutex_unlock(&j->lock) == 0);
	return r;
}

result journal_write_own(struct op *op, struct authority *a)
{
	struct ledger_head head;
	ledger_read_head(a->ledger, &head);
	return journal_write(op, a, head.size);
}

static result compare(struct op *op, struct store *store, const char *path, const struct journal_head *known)
{
	struct merkle_frontier head;
	struct merkle_hash root;
	STORE_LEASE(lease);
	TRY(store_read(op, store, &lease));
	TRY(audit_head_read(op, lease.db, &head, NULL));
	if (known->size > head.size)
		return FAIL(op, ERR_UNAUTHENTIC,
			    "the log in the store has %" PRIu64 " entries, %s tells of %" PRIu64 ": the store is an older copy that lacks "
			    "%" PRIu64 " entries; restore the newest one, or, to give up what is missing: chancery restore --accept",
			    head.size, path, known->size, known->size - head.size);
	TRY(audit_root_read(op, lease.db, known->size, &root));
	if (memcmp(root.b, known->root.b, sizeof root.b) != 0)
		return FAIL(op, ERR_UNAUTHENTIC,
			    "the first %" PRIu64 " entries of the log in the store are not those that %s tells of: the store is an older "
			    "copy that others have gone on with, another one, or was changed; chancery restore --accept says more",
			    known->size, path);
	return OK;
}

/* Lines of use and of none, and the last number of each CA. */
struct reading {
	struct journal *journal;
	uint64_t live, lines;
};

static result see_revocation(struct op *op UNUSED, void *arg, const struct revocation *revocation, struct bytes blocked UNUSED)
{
	struct reading *reading = arg;
	reading->lines++;
	reading->live += revocation->not_after_s > clock_now_s() - GRACE_S;
	return OK;
}

static result see_number(struct op *op UNUSED, void *arg, const char *ca, uint64_t number)
{
	struct reading *reading = arg;
	struct crl_told *told = told_of(reading->journal, ca);
	reading->lines++;
	told->number = number > told->number ? number : told->number;
	return OK;
}

/* The file as it is. *is_fit: it can be appended to. */
static result take_over(struct op *op, struct journal *j, struct store *store, bool *is_fit)
{
	AUTO_OP aside = op_new(); /* the file may be large, op may live long */
	struct reading reading = { .journal = j };
	const struct journal_reader reader = { see_revocation, see_number, &reading };
	*is_fit = false;
	result r = journal_file_read(aside, j->path, &reader, &j->head);
	if (r.err == ERR_NOT_FOUND)
		return OK;
	if (r.err != ERR_NONE)
		return FAIL(op, r.err, "%s", aside->detail);
	TRY(compare(op, store, j->path, &j->head));
	j->seen = j->head.size;
	*is_fit = reading.lines - reading.live <= reading.live + SLACK_LINES;
	return OK;
}

/* Behind the last whole batch there is nothing of worth. */
static result open_file(struct op *op, struct journal *j)
{
	j->fd = open(j->path, O_RDWR | O_CLOEXEC);
	if (j->fd < 0 || ftruncate(j->fd, (off_t)j->head.end) != 0)
		return FAIL(op, ERR_BACKEND, "cannot open %s for writing: %s", j->path, strerrordesc_np(errno));
	j->is_sound = true;
	return OK;
}

static result start(struct op *op, struct journal *j, struct store *store)
{
	bool is_fit;
	TRY(take_over(op, j, store, &is_fit));
	return is_fit ? open_file(op, j) : catch_up(op, j, store);
}

static struct journal *journal_new(const char *dir)
{
	struct arena *arena = arena_new();
	struct journal *j = arena_alloc(arena, sizeof *j);
	*j = (struct journal){ .arena = arena, .path = files_join(arena, dir, JOURNAL_FILE), .fd = -1 };
	ASSERT(pthread_mutex_init(&j->lock, NULL) == 0);
	return j;
}

result journal_open(struct op *op, struct store *store, const char *dir, struct journal **out)
{
	struct journal *j = journal_new(dir);
	result r = start(op, j, store);
	if (r.err == ERR_NONE)
		*out = j;
	else
		journal_free(&j);
	return r;
}

void journal_free(struct journal **journal)
{
	struct journal *j = *journal;
	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	(void)pthread_mutex_destroy(&j->lock);
	struct arena *arena = j->arena;
	arena_free(&arena);
	*journal = NULL;
}

result journal_check(struct op *op, struct store *store, const char *dir)
{
	struct journal *j = journal_new(dir);
	bool is_fit;
	result r = take_over(op, j, store, &is_fit);
	journal_free(&j);
	return r;
}

result journal_renew(struct op *op, struct store *store, const char *dir)
{
	struct journal *j = journal_new(dir);
	result r = catch_up(op, j, store);
	journal_free(&j);
	return r;
}
