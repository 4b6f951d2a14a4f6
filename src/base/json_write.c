/* The JSON writer: a comma before every value but the first of its level. */
#include <string.h>

#include "base/json.h"

void json_write_init(struct json_writer *w, struct arena *arena)
{
	*w = (struct json_writer){ .depth = 0 };
	buf_init(&w->buf, arena, 512);
}

/*
 * Length of the well-formed UTF-8 sequence at `p` (RFC 3629 section 4), 0 for
 * none: overlong forms, surrogates and code points beyond 10FFFF are none.
 */
static size_t utf8_sequence(const uint8_t *p)
{
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80) /* the NUL at the end, too */
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* One character, escaped as RFC 8259 section 7 asks; returns how many bytes it took. */
static size_t put_character(struct buf *buf, const uint8_t *p)
{
	if (p[0] == '"' || p[0] == '\\') {
		buf_byte(buf, '\\');
		buf_byte(buf, p[0]);
		return 1;
	}
	if (p[0] < 0x20) {
		buf_printf(buf, "\\u%04x", p[0]);
		return 1;
	}
	size_t n = utf8_sequence(p);
	if (n == 0) {
		buf_text(buf, "\xef\xbf\xbd"); /* U+FFFD for what is not UTF-8 */
		return 1;
	}
	buf_put(buf, p, n);
	return n;
}

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_quoted(struct buf *buf, const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	buf_byte(buf, '"');
	while (*p != '\0') {
		size_t n = 0;
		while (is_plain(p[n]))
			n++;
		buf_put(buf, p, n);
		p += n;
		if (*p != '\0')
			p += put_character(buf, p);
	}
	buf_byte(buf, '"');
}

static void begin_value(struct json_writer *w, const char *name)
{
	if (w->has_member[w->depth])
		buf_byte(&w->buf, ',');
	w->has_member[w->depth] = true;
	if (name != NULL) {
		put_quoted(&w->buf, name);
		buf_byte(&w->buf, ':');
	}
}

static void go_in(struct json_writer *w, const char *name, char bracket)
{
	begin_value(w, name);
	buf_byte(&w->buf, (uint8_t)bracket);
	w->depth++;
	ASSERT(w->depth < sizeof w->has_member / sizeof w->has_member[0]);
	w->has_member[w->depth] = false;
}

static void go_out(struct json_writer *w, char bracket)
{
	ASSERT(w->depth > 0);
	w->depth--;
	buf_byte(&w->buf, (uint8_t)bracket);
}

void json_write_object(struct json_writer *w, const char *name)
{
	go_in(w, name, '{');
}

void json_write_object_end(struct json_writer *w)
{
	go_out(w, '}');
}

void json_write_array(struct json_writer *w, const char *name)
{
	go_in(w, name, '[');
}

void json_write_array_end(struct json_writer *w)
{
	go_out(w, ']');
}

void json_write_text(struct json_writer *w, const char *name, const char *value)
{
	begin_value(w, name);
	if (value == NULL)
		buf_text(&w->buf, "null");
	else
		put_quoted(&w->buf, value);
}

void json_write_integer(struct json_writer *w, const char *name, int64_t value)
{
	begin_value(w, name);
	if (value < 0)
		buf_byte(&w->buf, '-');
	buf_number(&w->buf, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_write_bool(struct json_writer *w, const char *name, bool value)
{
	begin_value(w, name);
	buf_text(&w->buf, value ? "true" : "false");
}

void json_write_raw(struct json_writer *w, const char *name, struct bytes json)
{
	begin_value(w, name);
	buf_bytes(&w->buf, json);
}

struct bytes json_write_done(struct json_writer *w)
{
	ASSERT(w->depth == 0);
	return buf_as_bytes(&w->buf);
}
