/*
 * One thread that wakes for the next task that is due. Tasks look for work in
 * rows and do it to the end; a failed one is logged and comes again.
 */
#include "ca/steward.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "ca/audit.h"
#include "ca/crl.h"
#include "ca/doubts.h"
#include "ca/issue.h"
#include "ca/journal.h"
#include "ca/ocsp.h"

#define STEWARD_TASKS 16
#define TASK_LIMIT_MS 120000

struct scheduled {
	struct steward_task task;
	int64_t due_ms;
};

struct steward {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_t thread;
	bool is_started, is_stopping;
	struct scheduled tasks[STEWARD_TASKS];
	unsigned n;
};

struct steward *steward_new(void)
{
	struct steward *steward = calloc(1, sizeof *steward);
	ASSERT(steward != NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&steward->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&steward->mutex, NULL);
	return steward;
}

void steward_add(struct steward *steward, const struct steward_task *task)
{
	ASSERT(!steward->is_started && steward->n < STEWARD_TASKS);
	steward->tasks[steward->n++] =
		(struct scheduled){ .task = *task, .due_ms = clock_monotonic_ms() + task->first_s * 1000 };
}

static struct scheduled *next_due(struct steward *steward)
{
	struct scheduled *first = NULL;
	for (unsigned i = 0; i < steward->n; i++)
		if (first == NULL || steward->tasks[i].due_ms < first->due_ms)
			first = &steward->tasks[i];
	return first;
}

static void run_task(const struct steward_task *task)
{
	struct op *op = op_new();
	op->deadline_ms = clock_monotonic_ms() + TASK_LIMIT_MS;
	if (task->run(op, task->arg).err != ERR_NONE)
		log_warning(op, "steward.failed", "task %s: %s; it will be tried again", task->name, op->detail);
	op_free(&op);
}

static void *steward_main(void *arg)
{
	struct steward *steward = arg;
	pthread_mutex_lock(&steward->mutex);
	while (!steward->is_stopping) {
		struct scheduled *next = next_due(steward);
		int64_t now = clock_monotonic_ms();
		if (next == NULL || next->due_ms > now) {
			int64_t until = next == NULL ? now + 60000 : next->due_ms;
			struct timespec at = { .tv_sec = until / 1000, .tv_nsec = (until % 1000) * 1000000 };
			pthread_cond_timedwait(&steward->changed, &steward->mutex, &at);
			continue;
		}
		next->due_ms = now + next->task.period_s * 1000;
		pthread_mutex_unlock(&steward->mutex);
		run_task(&next->task);
		pthread_mutex_lock(&steward->mutex);
	}
	pthread_mutex_unlock(&steward->mutex);
	return NULL;
}

void steward_start(struct steward *steward)
{
	steward->is_started = true;
	ASSERT(pthread_create(&steward->thread, NULL, steward_main, steward) == 0);
}

void steward_poke(struct steward *steward, const char *name)
{
	pthread_mutex_lock(&steward->mutex);
	for (unsigned i = 0; i < steward->n; i++)
		if (text_equal(steward->tasks[i].task.name, name))
			steward->tasks[i].due_ms = clock_monotonic_ms();
	pthread_cond_signal(&steward->changed);
	pthread_mutex_unlock(&steward->mutex);
}

void steward_stop(struct steward *steward)
{
	if (steward == NULL || !steward->is_started)
		return;
	pthread_mutex_lock(&steward->mutex);
	steward->is_stopping = true;
	pthread_cond_signal(&steward->changed);
	pthread_mutex_unlock(&steward->mutex);
	pthread_join(steward->thread, NULL);
	steward->is_started = false;
}

void steward_free(struct steward **steward)
{
	struct steward *s = *steward;
	if (s == NULL)
		return;
	steward_stop(s);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->mutex);
	free(s);
	*steward = NULL;
}

static result task_crl(struct op *op, void *arg)
{
	return crl_refresh(op, arg, true);
}

static result task_responders(struct op *op, void *arg)
{
	return ocsp_signers_renew(op, arg);
}

static result task_checkpoint(struct op *op, void *arg)
{
	char *text;
	return audit_checkpoint(op, arg, false, &text);
}

/* What others recorded, or what could not be written when it was recorded. */
static result task_journal(struct op *op, void *arg)
{
	return journal_write(op, arg, JOURNAL_ALL);
}

/* A sign of life; and when another node took this one for dead, a new beginning. */
static result task_alive(struct op *op, void *arg)
{
	struct authority *a = arg;
	struct ledger_state state;
	unsigned n;
	if (ledger_seen(op, a->ledger).err != ERR_NONE)
		log_failure(op, "node.unseen");
	ledger_read_state(a->ledger, &state);
	if (!state.is_fenced)
		return OK;
	op_clear_failure(op);
	TRY(ledger_take_epoch(op, a->ledger));
	log_warning(op, "node.fenced", "another node took this one for dead and ended its intents; it goes on with a new epoch");
	return issue_recover(op, a, false, &n);
}

static result task_doubts(struct op *op, void *arg)
{
	return doubts_end(op, arg);
}

static result task_recover(struct op *op, void *arg)
{
	unsigned n;
	return issue_recover(op, arg, false, &n);
}

static result task_failover(struct op *op, void *arg)
{
	struct authority *a = arg;
	return store_look_at_failover(op, a->store);
}

void steward_add_ca(struct steward *steward, struct authority *authority)
{
	const struct steward_task tasks[] = {
		{ "crl", 10, 10, task_crl, authority },
		{ "responders", 10, 10, task_responders, authority },
		{ "checkpoint", 5, 30, task_checkpoint, authority },
		{ "journal", 10, 10, task_journal, authority },
		{ "alive", 10, 10, task_alive, authority },
		{ "doubts", 5, 5, task_doubts, authority },
		{ "recover", 60, 60, task_recover, authority },
		{ "failover", 10, 10, task_failover, authority },
	};
	for (unsigned i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
		steward_add(steward, &tasks[i]);
}
