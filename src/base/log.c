/* Log lines: one JSON object each, made in memory and written by one write(2). */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

static const char *const level_names[] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_ERROR] = "error",
};

static const char *log_role = "chancery";
static _Atomic enum log_level log_least = LOG_LEVEL_INFO;

void log_open(const char *role, enum log_level least)
{
	log_role = role;
	log_set_level(least);
}

void log_set_level(enum log_level least)
{
	atomic_store(&log_least, least);
}

bool log_parse_level(const char *name, enum log_level *out)
{
	for (enum log_level level = LOG_LEVEL_DEBUG; level <= LOG_LEVEL_ERROR; level++) {
		if (text_equal(name, level_names[level])) {
			*out = level;
			return true;
		}
	}
	return false;
}

static void log_write(enum log_level level, const struct op *op, const char *event, const char *message)
{
	struct arena *arena = arena_new();
	struct json_writer w;
	json_write_init(&w, arena);
	json_write_object(&w, NULL);
	json_write_text(&w, "time", clock_rfc3339_ns(arena, clock_now_ns()));
	json_write_text(&w, "level", level_names[level]);
	json_write_text(&w, "role", log_role);
	json_write_text(&w, "event", event);
	if (op != NULL)
		json_write_text(&w, "request", op->request_id);
	if (op != NULL && op->actor.remote[0] != '\0')
		json_write_text(&w, "remote", op->actor.remote);
	json_write_text(&w, "message", message);
	json_write_object_end(&w);
	buf_byte(&w.buf, '\n');
	struct bytes line = buf_as_bytes(&w.buf);
	/* A log that cannot be written has nowhere to say so. */
	ssize_t written UNUSED = write(STDERR_FILENO, line.p, line.n);
	arena_free(&arena);
}

void log_line(enum log_level level, const struct op *op, const char *event, const char *format, ...)
{
	if (level < atomic_load_explicit(&log_least, memory_order_relaxed))
		return;
	char message[1536]; /* escaped, and with the rest of the line, below PIPE_BUF: lines of two processes do not mix */
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	text_make_printable(message);
	log_write(level, op, event, message);
}

void log_failure(const struct op *op, const char *event)
{
	log_line(LOG_LEVEL_WARNING, op, event, "%s: %s", err_name(op->err), op->detail);
}
