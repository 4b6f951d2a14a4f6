/* From text to value, with its line in every complaint; see config_take.h. */
#include "base/config_take.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct place place_entry(const struct place *top, const char *list, unsigned i)
{
	struct place entry = *top;
	entry.path = arena_printf(top->op->arena, "%s[%u]", list, i);
	return entry;
}

result place_fail(const struct place *at, const char *key, const char *format, ...)
{
	char reason[OP_DETAIL_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(reason, sizeof reason, format, args);
	va_end(args);
	const char *path = at->path;
	if (key != NULL)
		path = arena_printf(at->op->arena, "%s%s%s", path, path[0] == '\0' ? "" : ".", key);
	return config_fail(at->op, config_line_of(at->lines, path), "%s: %s", path, reason);
}

result take_unsigned(const struct place *at, const char *key, const char *text, struct unsigned_range range,
		     unsigned *out)
{
	uint64_t value = range.fallback;
	if (text != NULL && !text_parse_u64(text, range.min, range.max, &value))
		return place_fail(at, key, "\"%.40s\" is not a number from %u to %u", text, range.min, range.max);
	*out = (unsigned)value;
	return OK;
}

result take_duration(const struct place *at, const char *key, const char *text, struct duration_range range,
		     int64_t *out)
{
	struct arena *arena = at->op->arena;
	int64_t value = range.fallback_s;
	if (text != NULL && !text_parse_duration(text, &value))
		return place_fail(at, key, "\"%.40s\" is not a duration: write a number and one of d, h, m, s, such as 90d",
				  text);
	if (value < range.min_s || value > range.max_s)
		return place_fail(at, key, "%.40s is not between %s and %s", text, text_duration(arena, range.min_s),
				  text_duration(arena, range.max_s));
	*out = value;
	return OK;
}

result take_size(const struct place *at, const char *key, const char *text, uint64_t min, uint64_t max,
		 uint64_t fallback, uint64_t *out)
{
	uint64_t value = fallback;
	if (text != NULL && !text_parse_size(text, &value))
		return place_fail(at, key, "\"%.40s\" is not a size: write a number and KiB, MiB or GiB, such as 64MiB",
				  text);
	if (value < min || value > max)
		return place_fail(at, key, "%.40s is not between %llu and %llu bytes", text, (unsigned long long)min,
				  (unsigned long long)max);
	*out = value;
	return OK;
}

bool take_bool(enum raw_bool value, bool fallback)
{
	return value == RAW_ABSENT ? fallback : value == RAW_TRUE;
}

result take_name(const struct place *at, const char *key, const char *text, const char **out)
{
	size_t n = strlen(text);
	if (n > 32 || text[0] == '-' || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return place_fail(at, key, "\"%.40s\" cannot be a name: use up to 32 of a-z, 0-9 and '-'", text);
	*out = text;
	return OK;
}

static bool label_has_form(const char *label, size_t n)
{
	return n >= 1 && n <= 63 && label[0] != '-' && label[n - 1] != '-' &&
	       strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789-") >= n;
}

/* RFC 1123 section 2.1; 253 because the dots stand for lengths on the wire (RFC 1035 section 2.3.4). */
bool host_has_form(const char *text)
{
	if (strlen(text) > 253)
		return false;
	for (;;) {
		size_t n = strcspn(text, ".");
		if (!label_has_form(text, n))
			return false;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

result take_host(const struct place *at, const char *key, const char *text, const char **out)
{
	if (!host_has_form(text))
		return place_fail(at, key, "\"%.80s\" is not a DNS name in small letters", text);
	*out = text;
	return OK;
}

result take_url(const struct place *at, const char *key, const char *text, const char **out)
{
	*out = text;
	if (text == NULL)
		return OK;
	if ((!text_has_prefix(text, "https://") && !text_has_prefix(text, "http://")) || strpbrk(text, " \"<>") != NULL)
		return place_fail(at, key, "\"%.80s\" is not an http or https address", text);
	return OK;
}

static bool is_ip_address(const char *text)
{
	uint8_t address[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* The digits after the last colon; 0 when they are no port. */
unsigned address_port(const char *text)
{
	uint64_t port = 0;
	const char *colon = strrchr(text, ':');
	return colon != NULL && text_parse_u64(colon + 1, 1, 65535, &port) ? (unsigned)port : 0;
}

bool address_has_form(const char *text)
{
	char address[64];
	size_t n = address_port(text) == 0 ? 0 : (size_t)(strrchr(text, ':') - text);
	if (n == 0 || n >= sizeof address)
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	/* An IPv6 address has colons of its own, and so stands in brackets (RFC 3986 section 3.2.2). */
	if (address[0] != '[' || address[n - 1] != ']')
		return strchr(address, ':') == NULL && is_ip_address(address);
	address[n - 1] = '\0';
	return strchr(address + 1, ':') != NULL && is_ip_address(address + 1);
}

bool network_has_form(const char *text)
{
	char address[64];
	uint64_t bits;
	const char *slash = strchr(text, '/');
	if (slash == NULL || (size_t)(slash - text) >= sizeof address)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	uint64_t most = strchr(address, ':') == NULL ? 32 : 128;
	return is_ip_address(address) && text_parse_u64(slash + 1, 0, most, &bits);
}

result take_texts(const struct place *at, const char *key, const struct raw_texts *raw, bool (*has_form)(const char *),
		  const char *expected, struct config_texts *out)
{
	for (unsigned i = 0; i < raw->n; i++) {
		if (!has_form(raw->items[i]))
			return place_fail(at, arena_printf(at->op->arena, "%s[%u]", key, i), "\"%.80s\" is not %s",
					  raw->items[i], expected);
	}
	*out = (struct config_texts){ raw->items, raw->n };
	return OK;
}
