/* What an op is made of, and how failures get into it. */
#include "base/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"

static const char *const err_names[] = {
	[ERR_NONE] = "none",
	[ERR_MALFORMED] = "malformed",
	[ERR_UNAUTHENTIC] = "unauthentic",
	[ERR_DENIED] = "denied",
	[ERR_POLICY] = "policy",
	[ERR_NOT_FOUND] = "not found",
	[ERR_CONFLICT] = "conflict",
	[ERR_LIMIT] = "limit",
	[ERR_BUSY] = "busy",
	[ERR_BACKEND] = "backend",
	[ERR_BUG] = "bug",
};

const char *err_name(enum err err)
{
	size_t n = sizeof err_names / sizeof err_names[0];
	return (size_t)err < n ? err_names[err] : "unknown";
}

/* 26 characters of five random bits each: 130 bits, in RFC 4648 base32. */
static void request_id_make(char id[REQUEST_ID_SIZE])
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t chance[REQUEST_ID_SIZE - 1];

	random_name_bytes(chance, sizeof chance);
	for (size_t i = 0; i < sizeof chance; i++)
		id[i] = alphabet[chance[i] & 31];
	id[sizeof chance] = '\0';
}

struct op *op_new(void)
{
	struct op *op = calloc(1, sizeof *op);
	ASSERT(op != NULL);
	op->arena = arena_new();
	op->actor.kind = ACTOR_SYSTEM;
	request_id_make(op->request_id);
	return op;
}

void op_free(struct op **op)
{
	if (*op == NULL)
		return;
	arena_free(&(*op)->arena);
	free(*op);
	*op = NULL;
}

int64_t op_left_ms(const struct op *op)
{
	if (op->deadline_ms == 0)
		return INT64_MAX;
	int64_t now_ms = clock_monotonic_ms();
	return op->deadline_ms > now_ms ? op->deadline_ms - now_ms : 0;
}

void op_clear_failure(struct op *op)
{
	op->err = ERR_NONE;
	op->code = 0;
	op->detail[0] = '\0';
}

static result op_record(struct op *op, enum err err, int code, const char *format, va_list args) PRINTF(4, 0);

static result op_record(struct op *op, enum err err, int code, const char *format, va_list args)
{
	ASSERT(err != ERR_NONE);
	/* By way of a second buffer: an argument may be the old detail. */
	char detail[OP_DETAIL_SIZE];
	vsnprintf(detail, sizeof detail, format, args);
	text_make_printable(detail);
	memcpy(op->detail, detail, sizeof detail);
	op->err = err;
	op->code = code;
	return (result){ err };
}

result op_fail(struct op *op, enum err err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	result r = op_record(op, err, 0, format, args);
	va_end(args);
	return r;
}

result op_fail_code(struct op *op, enum err err, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	result r = op_record(op, err, code, format, args);
	va_end(args);
	return r;
}

result op_explain(struct op *op, result r, const char *format, ...)
{
	if (r.err == ERR_NONE)
		return r;
	char context[OP_DETAIL_SIZE / 2];
	char explained[2 * OP_DETAIL_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(context, sizeof context, format, args);
	va_end(args);
	text_make_printable(context);
	snprintf(explained, sizeof explained, "%s: %s", context, op->detail);
	/* The end of a long detail may be lost; the context says where to look. */
	(void)text_copy(op->detail, sizeof op->detail, explained);
	return r;
}

_Noreturn void op_assert_failed(const char *condition, const char *file, int line)
{
	/* No log_line here: it needs memory, and that may be what is missing. */
	dprintf(STDERR_FILENO, "chancery: bug: %s does not hold at %s:%d\n", condition, file, line);
	abort();
}
