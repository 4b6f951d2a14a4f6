/* op, arena, random and log: what every other test stands on. */
#include "check.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"

static void test_new_op_has_its_own_request_id(void **state)
{
	struct op *op = *state;
	struct op *other = op_new();
	assert_int_equal(strlen(op->request_id), 26);
	assert_int_equal(strspn(op->request_id, "abcdefghijklmnopqrstuvwxyz234567"), 26);
	assert_string_not_equal(op->request_id, other->request_id);
	assert_int_equal(op->actor.kind, ACTOR_SYSTEM);
	assert_int_equal(op_left_ms(op), INT64_MAX);
	op_free(&other);
	assert_null(other);
	op_free(&other);
}

static void test_deadline_runs_out_and_stays_at_zero(void **state)
{
	struct op *op = *state;
	op->deadline_ms = clock_monotonic_ms() - 5;
	assert_int_equal(op_left_ms(op), 0);
	op->deadline_ms = clock_monotonic_ms() + 100000;
	assert_in_range(op_left_ms(op), 90000, 100000);
}

static void test_failure_is_recorded_made_printable_and_cleared(void **state)
{
	struct op *op = *state;
	result r = FAIL_CODE(op, ERR_POLICY, 7, "name %s\n%s", "a\x01 b", "\xff");
	assert_int_equal(r.err, ERR_POLICY);
	assert_int_equal(op->err, ERR_POLICY);
	assert_int_equal(op->code, 7);
	assert_string_equal(op->detail, "name a? b??");

	r = op_explain(op, r, "profile %s", "web");
	assert_int_equal(r.err, ERR_POLICY);
	assert_string_equal(op->detail, "profile web: name a? b??");
	assert_int_equal(op->code, 7);

	r = FAIL(op, ERR_BUSY, "again: %s", op->detail); /* an argument may be the old detail */
	assert_int_equal(r.err, ERR_BUSY);
	assert_int_equal(op->code, 0);
	assert_string_equal(op->detail, "again: profile web: name a? b??");

	op_clear_failure(op);
	assert_int_equal(op->err, ERR_NONE);
	assert_string_equal(op->detail, "");
	r = op_explain(op, OK, "context");
	assert_int_equal(r.err, ERR_NONE);
	assert_string_equal(op->detail, "");
}

static void test_long_detail_is_cut_not_overrun(void **state)
{
	struct op *op = *state;
	char *text = arena_alloc(op->arena, 3000);
	memset(text, 'x', 2999);
	result r = FAIL(op, ERR_BUG, "%s", text);
	assert_int_equal(strlen(op->detail), OP_DETAIL_SIZE - 1);
	IGNORE(op_explain(op, r, "%s", text));
	assert_int_equal(strlen(op->detail), OP_DETAIL_SIZE - 1);
}

static void test_every_kind_has_a_name(void **state)
{
	(void)state;
	for (enum err err = ERR_NONE; err <= ERR_BUG; err++)
		assert_string_not_equal(err_name(err), "unknown");
	assert_string_equal(err_name(ERR_NOT_FOUND), "not found");
	assert_string_equal(err_name((enum err)999), "unknown");
}

static void test_arena_is_zeroed_aligned_and_disjoint(void **state)
{
	struct op *op = *state;
	enum { N = 2000 };
	uint8_t **pieces = arena_alloc_array(op->arena, N, sizeof *pieces);
	for (size_t i = 0; i < N; i++) {
		size_t n = i * 37 % 5000;
		pieces[i] = arena_alloc(op->arena, n);
		assert_int_equal((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(pieces[i][k], 0);
		memset(pieces[i], (int)(i % 251) + 1, n);
	}
	for (size_t i = 0; i < N; i++) {
		for (size_t k = 0; k < i * 37 % 5000; k++)
			assert_int_equal(pieces[i][k], i % 251 + 1);
	}
}

static void test_arena_counts_and_copies(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	size_t before = arena_used(arena);
	arena_alloc(arena, 1000);
	arena_alloc(arena, 1000000);
	assert_int_equal(arena_used(arena) - before, 1001000);
	assert_null(arena_text(arena, NULL));
	assert_string_equal(arena_text(arena, "abc"), "abc");
	assert_string_equal(arena_text_n(arena, "abcdef", 2), "ab");
	assert_string_equal(arena_printf(arena, "%d-%s", 7, "x"), "7-x");
	struct bytes copy = arena_bytes(arena, BYTES_LITERAL("a\0b"));
	assert_int_equal(copy.n, 3);
	assert_memory_equal(copy.p, "a\0b", 3);
	assert_int_equal(arena_bytes(arena, BYTES_NONE).n, 0);
	arena_free(&arena);
	assert_null(arena);
}

static void test_failed_assertion_aborts(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(STDERR_FILENO);
		ASSERT(1 + 1 == 3);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void test_random_ids_are_canonical_and_differ(void **state)
{
	struct op *op = *state;
	char first[RANDOM_ID_SIZE];
	char second[RANDOM_ID_SIZE];
	struct bytes decoded;
	for (int i = 0; i < 200; i++) {
		random_id(first);
		random_id(second);
		assert_int_equal(strlen(first), 22);
		assert_string_not_equal(first, second);
		assert_ok(op, bytes_from_base64url(op, bytes_of_text(first), &decoded));
		assert_int_equal(decoded.n, 16);
		assert_string_equal(bytes_to_base64url(op->arena, decoded), first);
	}
}

/* Every byte takes every value: no bit is stuck. */
static void test_random_bytes_use_all_bits(void **state)
{
	(void)state;
	uint8_t or_ed[33] = { 0 };
	uint8_t and_ed[33];
	memset(and_ed, 0xff, sizeof and_ed);
	for (int i = 0; i < 200; i++) {
		uint8_t p[33];
		random_bytes(p, sizeof p);
		for (size_t k = 0; k < sizeof p; k++) {
			or_ed[k] |= p[k];
			and_ed[k] &= p[k];
		}
	}
	for (size_t k = 0; k < sizeof or_ed; k++) {
		assert_int_equal(or_ed[k], 0xff);
		assert_int_equal(and_ed[k], 0);
	}
}

/* Across the end of what is drawn in advance, which is no multiple of the name's size. */
static void test_random_names_differ(void **state)
{
	(void)state;
	static uint8_t names[200][13];
	static const uint8_t zero[13];
	for (int i = 0; i < 200; i++) {
		random_name_bytes(names[i], sizeof names[i]);
		assert_memory_not_equal(names[i], zero, sizeof zero);
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(names[i], names[k], sizeof names[k]);
	}
}

/* What one log call writes to standard error. */
static char *captured_log(struct op *op, enum log_level level, const char *message)
{
	int pipe_fds[2];
	assert_int_equal(pipe(pipe_fds), 0);
	int saved = dup(STDERR_FILENO);
	dup2(pipe_fds[1], STDERR_FILENO);
	close(pipe_fds[1]);
	log_line(level, op, "test.event", "%s", message);
	dup2(saved, STDERR_FILENO);
	close(saved);
	char *text = arena_alloc(op->arena, 8192);
	ssize_t n = read(pipe_fds[0], text, 8191);
	assert_true(n >= 0);
	close(pipe_fds[0]);
	return text;
}

static void test_log_line_is_one_json_object(void **state)
{
	struct op *op = *state;
	log_open("tester", LOG_LEVEL_INFO);
	clock_fix(1763717400);
	char *text = captured_log(op, LOG_LEVEL_WARNING, "evil \"quote\"\n{\"level\":\"x\"}\x1b[31m\xff");
	clock_fix(-1);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_null(strchr(text, '\x1b'));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);

	AUTO(json_t) *line = NULL;
	const char *value;
	assert_ok(op, json_parse_object(op, (struct bytes){ (uint8_t *)text, strlen(text) }, "line", &line));
	assert_ok(op, json_need_text(op, line, "time", &value));
	assert_string_equal(value, "2025-11-21T09:30:00.000000000Z");
	assert_ok(op, json_need_text(op, line, "level", &value));
	assert_string_equal(value, "warning");
	assert_ok(op, json_need_text(op, line, "role", &value));
	assert_string_equal(value, "tester");
	assert_ok(op, json_need_text(op, line, "event", &value));
	assert_string_equal(value, "test.event");
	assert_ok(op, json_need_text(op, line, "request", &value));
	assert_string_equal(value, op->request_id);
	assert_ok(op, json_need_text(op, line, "message", &value));
	assert_string_equal(value, "evil \"quote\"?{\"level\":\"x\"}?[31m?");
}

static void test_log_level_silences_and_long_lines_are_cut(void **state)
{
	struct op *op = *state;
	enum log_level level;
	assert_true(log_parse_level("warning", &level));
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_false(log_parse_level("Warning", &level));
	log_open("tester", level);
	assert_string_equal(captured_log(op, LOG_LEVEL_INFO, "quiet"), "");
	char *text = arena_alloc(op->arena, 100000);
	memset(text, '"', 99999);
	size_t n = strlen(captured_log(op, LOG_LEVEL_ERROR, text));
	assert_in_range(n, 3000, 4096); /* PIPE_BUF */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new_op_has_its_own_request_id),
		TEST(test_deadline_runs_out_and_stays_at_zero),
		TEST(test_failure_is_recorded_made_printable_and_cleared),
		TEST(test_long_detail_is_cut_not_overrun),
		TEST(test_every_kind_has_a_name),
		TEST(test_arena_is_zeroed_aligned_and_disjoint),
		TEST(test_arena_counts_and_copies),
		TEST(test_failed_assertion_aborts),
		TEST(test_random_ids_are_canonical_and_differ),
		TEST(test_random_bytes_use_all_bits),
		TEST(test_random_names_differ),
		TEST(test_log_line_is_one_json_object),
		TEST(test_log_level_silences_and_long_lines_are_cut),
	};
	return RUN_TESTS(tests);
}
