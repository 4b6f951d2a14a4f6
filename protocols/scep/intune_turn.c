/*
 * Who may hold a thread while Microsoft is asked. A list of those that do, which
 * is never longer than the lane has threads; a walk along it is nothing beside
 * what each of them waits for.
 */
#include "base/limits.h"
#include "protocols/scep/intune_link.h"

struct held {
	unsigned in_all, of_endpoint, of_address;
};

/* Called locked. */
static struct held count(const struct intune_turn *like)
{
	struct held held = { 0, 0, 0 };
	for (const struct intune_turn *turn = like->intune->turns; turn != NULL; turn = turn->next) {
		held.in_all++;
		held.of_endpoint += turn->link == like->link;
		held.of_address += turn->from.high == like->from.high && turn->from.low == like->from.low;
	}
	return held;
}

/* Or nobody would ever be asked about. */
static unsigned at_least_one(unsigned threads)
{
	return threads > 0 ? threads : 1;
}

static bool has_room(const struct intune_turn *turn)
{
	const unsigned threads = authority_config(turn->intune->authority)->limits.lane_wait;
	const struct held held = count(turn);
	return held.in_all < at_least_one(threads > LIMIT_INTUNE_SPARE ? threads - LIMIT_INTUNE_SPARE : 0) &&
	       held.of_endpoint < at_least_one(threads / LIMIT_INTUNE_OF_ENDPOINT) &&
	       held.of_address < at_least_one(threads / LIMIT_INTUNE_OF_ADDRESS);
}

result intune_turn_take(struct op *op, struct intune_link *link, struct intune_turn *turn)
{
	struct intune *intune = link->intune;
	*turn = (struct intune_turn){ .intune = intune, .link = link, .from = address_key_of_text(op->actor.remote) };
	pthread_mutex_lock(&intune->turns_mutex);
	bool is_taken = has_room(turn);
	if (is_taken) {
		turn->next = intune->turns;
		intune->turns = turn;
	} else {
		turn->intune = NULL;
	}
	pthread_mutex_unlock(&intune->turns_mutex);
	return is_taken ? OK : FAIL(op, ERR_BUSY, "Intune is asked about others already; come again in a moment");
}

void intune_turn_end(struct intune_turn *turn)
{
	struct intune *intune = turn->intune;
	if (intune == NULL)
		return;
	pthread_mutex_lock(&intune->turns_mutex);
	struct intune_turn **place = &intune->turns;
	while (*place != turn)
		place = &(*place)->next;
	*place = turn->next;
	pthread_mutex_unlock(&intune->turns_mutex);
	turn->intune = NULL;
}
