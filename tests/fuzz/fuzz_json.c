/* JSON from outside: whatever is accepted has sane types and can be read again after writing. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Members by every typed getter; wrong types are refused, not taken. */
static void use_members(struct op *op, const json_t *object)
{
	const char *name;
	json_t *value;
	const char *text;
	const json_t *inner;
	bool flag;
	int64_t integer;

	json_object_foreach((json_t *)object, name, value) {
		IGNORE(json_need_text(op, object, name, &text));
		IGNORE(json_maybe_bool(op, object, name, false, &flag));
		IGNORE(json_maybe_integer(op, object, name, 0, &integer));
		IGNORE(json_maybe_array(op, object, name, &inner));
		IGNORE(json_maybe_object(op, object, name, &inner));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	AUTO(json_t) *value = NULL;
	result r = json_parse(op, (struct bytes){ data, size }, "input", &value);
	ASSERT((r.err == ERR_NONE) == (value != NULL));
	if (json_is_object(value))
		use_members(op, value);

	/* As a text, the same bytes up to a NUL can always be written and read. */
	AUTO(json_t) *back = NULL;
	struct json_writer w;
	json_write_init(&w, op->arena);
	json_write_text(&w, NULL, arena_text_n(op->arena, (const char *)data, size));
	struct bytes written = json_write_done(&w);
	r = json_parse(op, written, "written", &back);
	ASSERT(r.err == ERR_NONE || written.n > 1000000);
	op_free(&op);
	return 0;
}
