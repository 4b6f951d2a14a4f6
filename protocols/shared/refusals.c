/* A count for the minute that it is. */
#include "protocols/shared/refusals.h"

#include <string.h>

#include "base/log.h"

#define FACTS (sizeof((struct audit_event *)NULL)->facts / sizeof((struct audit_event *)NULL)->facts[0])

void refusals_init(struct refusals *refusals)
{
	*refusals = (struct refusals){ .n = 0 };
	ASSERT(pthread_mutex_init(&refusals->mutex, NULL) == 0);
}

void refusals_release(struct refusals *refusals)
{
	pthread_mutex_destroy(&refusals->mutex);
}

/* *n_before: refusals that were left out since the last one that was recorded. */
static bool may_record(struct refusals *refusals, unsigned most, int64_t now_s, unsigned *n_before)
{
	pthread_mutex_lock(&refusals->mutex);
	if (refusals->minute != now_s / 60) {
		refusals->minute = now_s / 60;
		refusals->n = 0;
	}
	bool may = refusals->n < most;
	*n_before = may ? refusals->n_left_out : 0;
	if (may) {
		refusals->n++;
		refusals->n_left_out = 0;
	} else {
		refusals->n_left_out++;
	}
	pthread_mutex_unlock(&refusals->mutex);
	return may;
}

static void add_fact(struct audit_event *event, const char *name, const char *value)
{
	size_t i = 0;
	while (i < FACTS && event->facts[i].name != NULL)
		i++;
	ASSERT(i < FACTS);
	event->facts[i] = (struct audit_fact){ name, value };
}

void refusals_record(struct op *op, struct refusals *refusals, struct authority *authority, unsigned most, int64_t now_s,
		     struct audit_event *event)
{
	unsigned n_before;
	if (!may_record(refusals, most, now_s, &n_before))
		return;
	struct op *aside = op_new(); /* op holds the failure that the client is to see */
	aside->actor = op->actor;
	memcpy(aside->request_id, op->request_id, sizeof aside->request_id);
	event->outcome = op->detail;
	if (n_before > 0)
		add_fact(event, "unrecorded", arena_printf(aside->arena, "%u", n_before));
	if (authority_record(aside, authority, event).err != ERR_NONE)
		log_failure(aside, "audit.refusal");
	op_free(&aside);
}
