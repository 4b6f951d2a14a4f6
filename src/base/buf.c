/* The growing buffer of bytes.h: doubles its room, and leaves the old one to the arena. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/op.h"

void buf_init(struct buf *buf, struct arena *arena, size_t first_capacity)
{
	size_t capacity = first_capacity < 64 ? 64 : first_capacity;
	*buf = (struct buf){ .arena = arena, .p = arena_alloc(arena, capacity), .capacity = capacity };
}

/* Room for `n` bytes more, and for a NUL after them. */
static void buf_reserve(struct buf *buf, size_t n)
{
	ASSERT(n < SIZE_MAX / 4 && buf->n < SIZE_MAX / 4);
	if (buf->capacity - buf->n > n)
		return;
	size_t capacity = buf->capacity * 2;
	if (capacity <= buf->n + n)
		capacity = buf->n + n + 1;
	uint8_t *p = arena_alloc(buf->arena, capacity);
	memcpy(p, buf->p, buf->n);
	buf->p = p;
	buf->capacity = capacity;
}

void buf_put(struct buf *buf, const void *p, size_t n)
{
	if (n == 0)
		return;
	buf_reserve(buf, n);
	memcpy(buf->p + buf->n, p, n);
	buf->n += n;
}

void buf_bytes(struct buf *buf, struct bytes bytes)
{
	buf_put(buf, bytes.p, bytes.n);
}

void buf_text(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void buf_byte(struct buf *buf, uint8_t byte)
{
	buf_put(buf, &byte, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf((char *)buf->p + buf->n, buf->capacity - buf->n, format, args);
	va_end(args);
	ASSERT(n >= 0);
	if ((size_t)n >= buf->capacity - buf->n) { /* it did not fit, with its NUL */
		buf_reserve(buf, (size_t)n);
		va_start(args, format);
		vsnprintf((char *)buf->p + buf->n, (size_t)n + 1, format, args);
		va_end(args);
	}
	buf->n += (size_t)n;
}

void buf_number(struct buf *buf, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_put(buf, digits + at, sizeof digits - at);
}

struct bytes buf_as_bytes(const struct buf *buf)
{
	return (struct bytes){ buf->p, buf->n };
}

char *buf_as_text(struct buf *buf)
{
	buf_reserve(buf, 0);
	buf->p[buf->n] = '\0';
	return (char *)buf->p;
}
