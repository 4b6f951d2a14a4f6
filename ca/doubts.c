/* A short list under a mutex; the store is never waited for while it is held. */
#include "ca/doubts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/text.h"
#include "ca/issuance.h"

#define DOUBTS_MAX 1000 /* as many as a node signs while it finds out that the store is away */

struct doubt {
	STAILQ_ENTRY(doubt) next;
	char serial[48];
	char why[OP_DETAIL_SIZE];
};
STAILQ_HEAD(doubt_list, doubt);

struct doubts {
	pthread_mutex_t mutex;
	struct doubt_list list;
	unsigned n;
};

struct doubts *doubts_new(void)
{
	struct doubts *doubts = calloc(1, sizeof *doubts);
	ASSERT(doubts != NULL && pthread_mutex_init(&doubts->mutex, NULL) == 0);
	STAILQ_INIT(&doubts->list);
	return doubts;
}

static void push(struct doubts *doubts, struct doubt *own_doubt)
{
	ASSERT(pthread_mutex_lock(&doubts->mutex) == 0);
	STAILQ_INSERT_TAIL(&doubts->list, own_doubt, next);
	doubts->n++;
	pthread_mutex_unlock(&doubts->mutex);
}

static struct doubt *pop(struct doubts *doubts)
{
	ASSERT(pthread_mutex_lock(&doubts->mutex) == 0);
	struct doubt *doubt = STAILQ_FIRST(&doubts->list);
	if (doubt != NULL) {
		STAILQ_REMOVE_HEAD(&doubts->list, next);
		doubts->n--;
	}
	pthread_mutex_unlock(&doubts->mutex);
	return doubt;
}

static unsigned count(struct doubts *doubts)
{
	ASSERT(pthread_mutex_lock(&doubts->mutex) == 0);
	unsigned n = doubts->n;
	pthread_mutex_unlock(&doubts->mutex);
	return n;
}

void doubts_free(struct doubts **doubts)
{
	if (*doubts == NULL)
		return;
	for (struct doubt *doubt = pop(*doubts); doubt != NULL; doubt = pop(*doubts))
		free(doubt);
	pthread_mutex_destroy(&(*doubts)->mutex);
	free(*doubts);
	*doubts = NULL;
}

void doubts_add(struct doubts *doubts, const char *serial, const char *why)
{
	if (count(doubts) >= DOUBTS_MAX)
		return;
	struct doubt *doubt = calloc(1, sizeof *doubt);
	ASSERT(doubt != NULL);
	if (!text_copy(doubt->serial, sizeof doubt->serial, serial)) {
		free(doubt);
		return;
	}
	(void)text_copy(doubt->why, sizeof doubt->why, why);
	push(doubts, doubt);
}

result doubts_end(struct op *op, struct authority *a)
{
	for (unsigned left = count(a->doubts); left > 0; left--) {
		struct doubt *doubt = pop(a->doubts);
		if (doubt == NULL)
			break;
		result r = issuance_orphan(op, a, doubt->serial, doubt->why);
		if (r.err != ERR_NONE) { /* the others would fare no better now */
			push(a->doubts, doubt);
			return r;
		}
		free(doubt);
	}
	return OK;
}
