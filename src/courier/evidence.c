/* {"hops":[…],"ms":12,"outcome":"answered","resolvers":["127.0.0.1:53"]} */
#include "courier/evidence.h"

#include "base/json.h"

#define LONG_SEGMENT 14 /* "acme-challenge" */
#define KEPT_OF_SEGMENT 8

static const char *const outcome_names[] = {
	[PROBE_ANSWERED] = "answered", [PROBE_DNS] = "dns",	  [PROBE_CONNECTION] = "connection",
	[PROBE_RESPONSE] = "response", [PROBE_DENIED] = "denied",
};

static void write_passed_over(struct json_writer *w, struct arena *arena, const char *name,
			      const struct passed_over *list, unsigned n)
{
	json_write_array(w, name);
	for (unsigned i = 0; i < n; i++) {
		json_write_object(w, NULL);
		json_write_text(w, "address", address_text(arena, list[i].address));
		json_write_text(w, "reason", list[i].why);
		json_write_object_end(w);
	}
	json_write_array_end(w);
}

static void write_dns(struct json_writer *w, const struct hop *hop)
{
	json_write_object(w, "dns");
	if (hop->is_resolved) {
		json_write_text(w, "A", dns_answer_name(&hop->answers.a));
		json_write_text(w, "AAAA", dns_answer_name(&hop->answers.aaaa));
	}
	json_write_object_end(w);
}

/*
 * The address without what could be a challenge's token: the log keeps enough to
 * see where a probe went, and no secret of anybody (V14). Path segments are cut
 * after eight characters where they are longer than a word, and queries go.
 */
static const char *without_tokens(struct arena *arena, const char *url)
{
	struct buf out;
	unsigned run = 0, slashes = 0;
	buf_init(&out, arena, 128);
	for (; *url != '\0' && *url != '?' && *url != '#'; url++) {
		slashes += *url == '/';
		run = *url == '/' ? 0 : run + 1;
		if (slashes < 3 || run <= LONG_SEGMENT)
			buf_byte(&out, (uint8_t)*url);
		else if (run == LONG_SEGMENT + 1)
			out.n -= LONG_SEGMENT - KEPT_OF_SEGMENT;
	}
	return buf_as_text(&out);
}

static void write_hop(struct json_writer *w, struct arena *arena, const struct hop *hop, int64_t now_ms)
{
	json_write_object(w, NULL);
	json_write_text(w, "address", hop->used == NULL ? NULL : address_text_with_port(arena, hop->used));
	json_write_array(w, "addresses");
	for (unsigned i = 0; i < hop->n_addresses; i++)
		json_write_text(w, NULL, address_text(arena, &hop->addresses[i]));
	json_write_array_end(w);
	write_passed_over(w, arena, "denied", hop->denied, hop->n_denied);
	write_dns(w, hop);
	write_passed_over(w, arena, "failed", hop->failed, hop->n_failed);
	json_write_integer(w, "ms", (hop->ended_ms == 0 ? now_ms : hop->ended_ms) - hop->started_ms);
	json_write_integer(w, "status", hop->status);
	json_write_text(w, "url", without_tokens(arena, hop->target.url));
	json_write_object_end(w);
}

const char *evidence_write(struct arena *arena, const struct trail *trail, enum probe_outcome outcome,
			   const struct config_texts *resolvers, int64_t now_ms)
{
	struct json_writer w;
	struct bytes json;

	json_write_init(&w, arena);
	json_write_object(&w, NULL);
	json_write_array(&w, "hops");
	for (unsigned i = 0; i < trail->n; i++)
		write_hop(&w, arena, trail->hops[i], now_ms);
	json_write_array_end(&w);
	json_write_integer(&w, "ms", now_ms - trail->started_ms);
	json_write_text(&w, "outcome", outcome_names[outcome]);
	json_write_array(&w, "resolvers");
	for (unsigned i = 0; i < resolvers->n; i++)
		json_write_text(&w, NULL, resolvers->items[i]);
	json_write_array_end(&w);
	json_write_object_end(&w);
	json = json_write_done(&w);
	return arena_text_n(arena, (const char *)json.p, json.n);
}
