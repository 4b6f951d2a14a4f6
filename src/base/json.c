/*
 * Strict reading of JSON. jansson parses recursively, to a depth of 2048; a
 * scan before it keeps the depth, and with it our stack, small (J10).
 */
#include "base/json.h"

#include <pthread.h>
#include <string.h>

#include "base/limits.h"
#include "base/random.h"

/* A seed of our own: members with colliding hashes cannot be prepared (J10). */
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_hashes(void)
{
	uint32_t seed;
	random_bytes((uint8_t *)&seed, sizeof seed);
	json_object_seed(seed | 1); /* 0 would ask jansson to look for chance itself */
}

/* Brackets outside strings only; what is not JSON at all is left to the parser. */
static bool is_deeper_than(struct bytes text, unsigned limit)
{
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > limit)
				return true;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

/* In words of ours: jansson's own quote the input. */
static const char *parse_reason(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_premature_end_of_input:
		return "it ends too early";
	case json_error_end_of_input_expected:
		return "something follows its end";
	case json_error_invalid_utf8:
		return "it is not valid UTF-8";
	case json_error_duplicate_key:
		return "a member stands there twice";
	case json_error_numeric_overflow:
		return "a number is too large";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "a text holds a NUL";
	default:
		return "invalid syntax";
	}
}

result json_parse(struct op *op, struct bytes text, const char *what, json_t **own_out)
{
	pthread_once(&seed_once, seed_hashes);
	if (text.n > LIMIT_JSON_BYTES)
		return FAIL(op, ERR_MALFORMED, "%s is larger than %d bytes", what, LIMIT_JSON_BYTES);
	if (is_deeper_than(text, LIMIT_JSON_DEPTH))
		return FAIL(op, ERR_MALFORMED, "%s is nested deeper than %d levels", what, LIMIT_JSON_DEPTH);
	json_error_t error;
	/* Without JSON_ALLOW_NUL and JSON_DISABLE_EOF_CHECK: both are refused (J5). */
	json_t *value = json_loadb(text.n == 0 ? "" : (const char *)text.p, text.n,
				   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (value == NULL)
		return FAIL(op, ERR_MALFORMED, "%s is not JSON: %s (byte %d)", what, parse_reason(&error),
			    error.position);
	*own_out = value;
	return OK;
}

result json_parse_object(struct op *op, struct bytes text, const char *what, json_t **own_out)
{
	AUTO(json_t) *value = NULL;
	TRY(json_parse(op, text, what, &value));
	if (!json_is_object(value))
		return FAIL(op, ERR_MALFORMED, "%s is JSON, but not an object", what);
	*own_out = TAKE(value);
	return OK;
}

static result fail_type(struct op *op, const char *name, const char *type)
{
	return FAIL(op, ERR_MALFORMED, "member \"%s\" must be %s", name, type);
}

/* A member that is there and not null, which counts as absent. */
static const json_t *member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

result json_need_text(struct op *op, const json_t *object, const char *name, const char **out)
{
	TRY(json_maybe_text(op, object, name, out));
	if (*out == NULL)
		return FAIL(op, ERR_MALFORMED, "member \"%s\" is missing", name);
	return OK;
}

result json_maybe_text(struct op *op, const json_t *object, const char *name, const char **out)
{
	const json_t *value = member(object, name);
	if (value != NULL && !json_is_string(value))
		return fail_type(op, name, "a text");
	*out = value == NULL ? NULL : json_string_value(value);
	return OK;
}

result json_maybe_bool(struct op *op, const json_t *object, const char *name, bool fallback, bool *out)
{
	const json_t *value = member(object, name);
	if (value != NULL && !json_is_boolean(value))
		return fail_type(op, name, "true or false");
	*out = value == NULL ? fallback : json_is_true(value);
	return OK;
}

result json_maybe_array(struct op *op, const json_t *object, const char *name, const json_t **out)
{
	const json_t *value = member(object, name);
	if (value != NULL && !json_is_array(value))
		return fail_type(op, name, "an array");
	*out = value;
	return OK;
}

result json_maybe_object(struct op *op, const json_t *object, const char *name, const json_t **out)
{
	const json_t *value = member(object, name);
	if (value != NULL && !json_is_object(value))
		return fail_type(op, name, "an object");
	*out = value;
	return OK;
}

result json_maybe_integer(struct op *op, const json_t *object, const char *name, int64_t fallback, int64_t *out)
{
	const json_t *value = member(object, name);
	if (value != NULL && !json_is_integer(value))
		return fail_type(op, name, "an integer");
	*out = value == NULL ? fallback : (int64_t)json_integer_value(value);
	return OK;
}
