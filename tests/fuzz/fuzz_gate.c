/*
 * The strict gate, fed in two ways: whole, and in pieces whose sizes the input's
 * own first byte chooses, moving the bytes in between. Both must come to the same
 * verdict, and what the gate hands out must lie inside of what it was given.
 */
#include <stdlib.h>
#include <string.h>

#include "server/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_LIMIT 4096

static void feed(struct gate *gate, uint8_t *p, size_t n)
{
	while (gate_feed(gate, p, n) == GATE_HEAD)
		gate_body_limit(gate, BODY_LIMIT);
}

static void assert_inside(struct bytes view, const uint8_t *p, size_t n)
{
	ASSERT(view.n == 0 || (view.p >= p && view.p + view.n <= p + n));
}

static void check(const struct gate *gate, const uint8_t *p, size_t n)
{
	if (gate->state == GATE_REFUSED)
		ASSERT(gate->status >= 400 && gate->status <= 505 && gate->reason != NULL);
	if (gate->state != GATE_COMPLETE)
		return;
	ASSERT(gate->consumed <= n && gate->body_n <= BODY_LIMIT && gate->head_n + gate->body_n <= gate->consumed);
	assert_inside(gate->method, p, gate->head_n);
	assert_inside(gate->target, p, gate->head_n);
	assert_inside(gate->host, p, gate->head_n);
	for (unsigned i = 0; i < gate->n_headers; i++) {
		assert_inside(gate->headers[i].name, p, gate->head_n);
		assert_inside(gate->headers[i].value, p, gate->head_n);
	}
}

static uint8_t *moved(uint8_t *own_before, size_t before_n, const uint8_t *data, size_t n)
{
	uint8_t *p = malloc(n + 1);
	ASSERT(p != NULL);
	memcpy(p, own_before, before_n);
	memcpy(p + before_n, data + before_n, n - before_n);
	free(own_before);
	return p;
}

static struct gate feed_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
	struct gate gate;
	uint8_t *p = malloc(1);
	size_t fed = 0;

	gate_init(&gate);
	ASSERT(p != NULL);
	while (fed < size && gate.state != GATE_COMPLETE && gate.state != GATE_REFUSED) {
		size_t n = size - fed > piece ? fed + piece : size;
		p = moved(p, fed, data, n);
		fed = n;
		feed(&gate, p, n);
	}
	check(&gate, p, fed);
	free(p);
	return gate;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct gate whole = feed_in_pieces(data, size, size);
	struct gate pieces = feed_in_pieces(data, size, (size_t)data[0] % 7 + 1);
	ASSERT(whole.state == pieces.state);
	ASSERT(whole.state != GATE_REFUSED || whole.status == pieces.status);
	ASSERT(whole.state != GATE_COMPLETE || (whole.consumed == pieces.consumed && whole.body_n == pieces.body_n));
	return 0;
}
