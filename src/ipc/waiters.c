/* The table of waiters: chains in buckets; ids count up, so they spread by themselves. */
#include "ipc/waiters.h"

void waiters_init(struct waiters *waiters)
{
	*waiters = (struct waiters){ .next_deadline_ms = INT64_MAX };
}

void waiters_put(struct waiters *waiters, struct waiter *waiter)
{
	struct waiter **bucket = &waiters->buckets[waiter->id % WAITERS_BUCKETS];

	waiter->next = *bucket;
	*bucket = waiter;
	if (waiter->done != NULL && waiter->deadline_ms < waiters->next_deadline_ms)
		waiters->next_deadline_ms = waiter->deadline_ms;
}

struct waiter *waiters_take(struct waiters *waiters, uint64_t id)
{
	for (struct waiter **at = &waiters->buckets[id % WAITERS_BUCKETS]; *at != NULL; at = &(*at)->next) {
		struct waiter *found = *at;
		if (found->id != id)
			continue;
		*at = found->next;
		found->next = NULL;
		return found;
	}
	return NULL;
}

struct waiter *waiters_take_all(struct waiters *waiters)
{
	struct waiter *list = NULL;

	for (size_t i = 0; i < WAITERS_BUCKETS; i++) {
		for (struct waiter *next, *w = waiters->buckets[i]; w != NULL; w = next) {
			next = w->next;
			w->next = list;
			list = w;
		}
		waiters->buckets[i] = NULL;
	}
	waiters->next_deadline_ms = INT64_MAX;
	return list;
}

/* Moves the late ones of a bucket to the list and counts the others in for the next deadline. */
static struct waiter *sift(struct waiters *waiters, struct waiter **at, int64_t now_ms, struct waiter *list)
{
	while (*at != NULL) {
		struct waiter *w = *at;
		if (w->done != NULL && w->deadline_ms <= now_ms) {
			*at = w->next;
			w->next = list;
			list = w;
			continue;
		}
		if (w->done != NULL && w->deadline_ms < waiters->next_deadline_ms)
			waiters->next_deadline_ms = w->deadline_ms;
		at = &w->next;
	}
	return list;
}

struct waiter *waiters_take_late(struct waiters *waiters, int64_t now_ms)
{
	struct waiter *list = NULL;

	if (waiters->next_deadline_ms > now_ms)
		return NULL;
	waiters->next_deadline_ms = INT64_MAX;
	for (size_t i = 0; i < WAITERS_BUCKETS; i++)
		list = sift(waiters, &waiters->buckets[i], now_ms, list);
	return list;
}
