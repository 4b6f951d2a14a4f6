/*
 * struct op: one thing that is being done on somebody's behalf. It is the
 * first parameter of everything that can fail for them, and the only context
 * object: memory, deadline, who asks, the request id, and what went wrong.
 *
 * The front makes one per request and it dies after the reply; commands and the
 * steward make their own. A job owns its op alone; ops are never shared.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/result.h"

enum actor_kind {
	ACTOR_SYSTEM,   /* the server itself: steward, start-up */
	ACTOR_OPERATOR, /* a person at the command line, by uid */
	ACTOR_CLIENT,   /* not yet proven who */
	ACTOR_ACCOUNT   /* an ACME account; later EST users, SCEP devices */
};

struct actor {
	enum actor_kind kind;
	char id[96];     /* "uid:0", account id, … */
	char remote[64]; /* address of the peer, "" for none */
};

#define OP_DETAIL_SIZE 512
#define REQUEST_ID_SIZE 27

struct op {
	struct arena *arena;
	int64_t deadline_ms; /* clock_monotonic_ms() at which to give up; 0: none */
	struct actor actor;
	char request_id[REQUEST_ID_SIZE]; /* 26 characters, base32; the client gets it back */

	/* What failed, written by FAIL; read where the failure leaves the system. */
	enum err err;
	int code; /* a protocol's own finer kind, 0 for none (protocols/acme/problem.h) */
	char detail[OP_DETAIL_SIZE];
};

/* A new op with its own arena, fresh request id, system actor and no deadline. */
struct op *op_new(void);
void op_free(struct op **op);

/* Milliseconds left until the deadline, at least 0; INT64_MAX with none. */
int64_t op_left_ms(const struct op *op);

/* Forgets a failure that was handled, so that the op can go on. */
void op_clear_failure(struct op *op);

/*
 * Records the failure and returns it: return FAIL(op, ERR_POLICY, "…", …);
 * The text says what failed, which object, and what to do next; it must not
 * hold secrets or raw bytes from outside (they are made printable).
 */
result op_fail(struct op *op, enum err err, const char *format, ...) PRINTF(3, 4);
result op_fail_code(struct op *op, enum err err, int code, const char *format, ...) PRINTF(4, 5);
#define FAIL(op, kind, ...) op_fail((op), (kind), __VA_ARGS__)
#define FAIL_CODE(op, kind, code, ...) op_fail_code((op), (kind), (code), __VA_ARGS__)

/* Puts "context: " before the detail of a failure on its way up; returns `r`. */
result op_explain(struct op *op, result r, const char *format, ...) PRINTF(3, 4);

/* Our own bugs: says where, and aborts. Stays on in release builds. */
#define ASSERT(condition) ((condition) ? (void)0 : op_assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void op_assert_failed(const char *condition, const char *file, int line);
