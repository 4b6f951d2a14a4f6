/* A Location from outside: whatever is followed leads to a host name, on a port that was meant. */
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "courier/host_name.h"
#include "courier/redirect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_target(struct op *op, const struct target *target)
{
	const char *begin = arena_printf(op->arena, "%s://%s/", target->is_https ? "https" : "http", target->host);

	ASSERT(strlen(target->url) <= LIMIT_PROBE_URL);
	ASSERT(text_has_prefix(target->url, begin)); /* no user, no port, no other host behind a trick */
	ASSERT(target->port == (target->is_https ? 443 : 80));
	ASSERT(host_name_refusal(target->host) == NULL);
	for (const char *c = target->url; *c != '\0'; c++)
		ASSERT(*c > ' ' && *c < 0x7f);
}

/* As a Location of two URLs; what was followed is a URL that can redirect again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const from[] = { "http://a.example/.well-known/acme-challenge/token", "https://b.example/x?y" };
	const struct redirect_ports ports = { 80, 443 };
	struct op *op = op_new();

	for (size_t i = 0; i < 2; i++) {
		const char *chain[2] = { from[i] };
		struct target target;

		if (redirect_follow(op, ports, chain, 1, (struct bytes){ data, size }, &target).err != ERR_NONE)
			continue;
		check_target(op, &target);
		chain[1] = target.url;
		/* To the URL just reached is a loop; elsewhere is not. */
		ASSERT(redirect_follow(op, ports, chain, 2, bytes_of_text(chain[1]), &target).err == ERR_DENIED);
		ASSERT(redirect_follow(op, ports, chain, 2, bytes_of_text("https://c.example/"), &target).err == ERR_NONE ||
		       text_equal(chain[1], "https://c.example/"));
	}
	op_free(&op);
	return 0;
}
