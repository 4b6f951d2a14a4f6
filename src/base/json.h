/*
 * JSON, strictly (RFC 8259): duplicate members, NUL, trailing bytes, other
 * encodings than UTF-8 and depth beyond a small cap are refused (J5, J10).
 * Values are jansson's; AUTO(json_t) frees them.
 *
 * The writer is ours: it streams into a buf, in the order it is called.
 */
#pragma once

#include <jansson.h>

#include "base/auto.h"
#include "base/op.h"

AUTO_DEFINE(json_t, json_decref);

/* Any value; `what` names the document in errors ("protected header"). */
result json_parse(struct op *op, struct bytes text, const char *what, json_t **own_out);
/* The same, and it must be an object. */
result json_parse_object(struct op *op, struct bytes text, const char *what, json_t **own_out);

/*
 * Member access with errors that name the member. Texts are borrowed from the
 * value. A null counts as absent: some clients write out what they leave open.
 */
result json_need_text(struct op *op, const json_t *object, const char *name, const char **out);
result json_maybe_text(struct op *op, const json_t *object, const char *name, const char **out);   /* absent: NULL */
result json_maybe_bool(struct op *op, const json_t *object, const char *name, bool fallback, bool *out);
result json_maybe_array(struct op *op, const json_t *object, const char *name, const json_t **out); /* absent: NULL */
result json_maybe_object(struct op *op, const json_t *object, const char *name, const json_t **out);
result json_maybe_integer(struct op *op, const json_t *object, const char *name, int64_t fallback, int64_t *out);

/* Writer: commas are its business. A NULL name stands for an array element. */
struct json_writer {
	struct buf buf;
	unsigned depth;
	bool has_member[16];
};

void json_write_init(struct json_writer *w, struct arena *arena);
void json_write_object(struct json_writer *w, const char *name); /* { */
void json_write_object_end(struct json_writer *w);
void json_write_array(struct json_writer *w, const char *name); /* [ */
void json_write_array_end(struct json_writer *w);
void json_write_text(struct json_writer *w, const char *name, const char *value); /* NULL: null */
void json_write_integer(struct json_writer *w, const char *name, int64_t value);
void json_write_bool(struct json_writer *w, const char *name, bool value);
/* `json` is already JSON and is put as it is. */
void json_write_raw(struct json_writer *w, const char *name, struct bytes json);
struct bytes json_write_done(struct json_writer *w);
