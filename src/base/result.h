/*
 * How functions fail. One type for the whole tree: a struct, so that ignoring
 * it is a compiler warning and mixing it with an int does not compile.
 *
 * The kind is for programs: each protocol maps it to its own wire error in one
 * table at its edge. The detail, kept in struct op, is for people.
 */
#pragma once

#include "base/compat.h"

enum err {
	ERR_NONE = 0,
	ERR_MALFORMED,   /* the bytes are not what the standard allows */
	ERR_UNAUTHENTIC, /* who is asking could not be proven */
	ERR_DENIED,      /* proven, but may not */
	ERR_POLICY,      /* may, but not this: a profile or key rule forbids it */
	ERR_NOT_FOUND,
	ERR_CONFLICT, /* the state moved on, or it exists already */
	ERR_LIMIT,    /* a quota of this client is used up */
	ERR_BUSY,     /* try again: a queue is full, a signer restarts */
	ERR_BACKEND,  /* store, token or network failed */
	ERR_BUG       /* ours */
};

typedef struct MUST_USE_TYPE result {
	enum err err;
} result;

#define OK ((result){ ERR_NONE })

/* Leaves the function with the failure of `expression`, if it has one. */
#define TRY(expression)                          \
	do {                                     \
		result try_result_ = (expression); \
		if (try_result_.err != ERR_NONE) \
			return try_result_;      \
	} while (0)

/* Where a failure is of no consequence; say why in a comment beside it. */
#define IGNORE(expression)                             \
	do {                                           \
		result ignored_ UNUSED = (expression); \
	} while (0)

/* "malformed", "denied", …; static text. */
const char *err_name(enum err err);
