/* The walk over libyaml's events; see config_lines.h. */
#include "base/config_lines.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/config.h"
#include "base/limits.h"
#include "base/text.h"

struct config_line {
	const char *path;
	const char *key; /* last part of the path; NULL for a list entry */
	unsigned line;
};

struct config_lines {
	struct config_line items[LIMIT_CONFIG_VALUES];
	unsigned n;
};

/* A mapping or sequence that is being walked. */
struct level {
	const char *path; /* "" at the top */
	const char *value_path; /* of the value that comes next; NULL where a mapping expects a key */
	bool is_sequence;
	unsigned n_entries;
};

struct walk {
	struct op *op;
	struct config_lines *lines;
	struct level levels[LIMIT_CONFIG_DEPTH];
	unsigned depth;
	unsigned documents;
};

result config_fail(struct op *op, unsigned line, const char *format, ...)
{
	char reason[OP_DETAIL_SIZE];
	va_list args;
	va_start(args, format);
	vsnprintf(reason, sizeof reason, format, args);
	va_end(args);
	return FAIL(op, ERR_MALFORMED, CONFIG_FILE ":%u: %.400s", line, reason);
}

static const struct config_line *find(const struct config_lines *lines, const char *path, size_t n)
{
	for (unsigned i = 0; i < lines->n; i++) {
		const char *item = lines->items[i].path;
		if (strncmp(item, path, n) == 0 && item[n] == '\0')
			return &lines->items[i];
	}
	return NULL;
}

bool config_lines_has(const struct config_lines *lines, const char *path)
{
	return find(lines, path, strlen(path)) != NULL;
}

unsigned config_line_of(const struct config_lines *lines, const char *path)
{
	/* "profiles[0].backdate", then "profiles[0]", then "profiles". */
	for (size_t n = strlen(path); n > 0; n--) {
		bool is_end = path[n] == '\0' || path[n] == '.' || path[n] == '[';
		const struct config_line *line = is_end ? find(lines, path, n) : NULL;
		if (line != NULL)
			return line->line;
	}
	return 1;
}

unsigned config_line_of_key(const struct config_lines *lines, const char *key, unsigned from_line)
{
	for (unsigned i = 0; i < lines->n; i++) {
		const struct config_line *item = &lines->items[i];
		if (item->line >= from_line && item->key != NULL && strcmp(item->key, key) == 0)
			return item->line;
	}
	return from_line;
}

static result note(struct walk *walk, const char *path, const char *key, unsigned line)
{
	struct config_lines *lines = walk->lines;
	if (lines->n == LIMIT_CONFIG_VALUES)
		return config_fail(walk->op, line, "the file holds more than %d values", LIMIT_CONFIG_VALUES);
	lines->items[lines->n++] = (struct config_line){ path, key, line };
	return OK;
}

static struct level *top_level(struct walk *walk)
{
	return walk->depth == 0 ? NULL : &walk->levels[walk->depth - 1];
}

static result note_key(struct walk *walk, struct level *level, const char *key, unsigned line)
{
	struct arena *arena = walk->op->arena;
	const char *path = arena_printf(arena, "%s%s%s", level->path, level->path[0] == '\0' ? "" : ".", key);
	const struct config_line *first = find(walk->lines, path, strlen(path));
	if (first != NULL)
		return config_fail(walk->op, line, "\"%s\" stands there already, in line %u", key, first->line);
	level->value_path = path;
	return note(walk, path, arena_text(arena, key), line);
}

/* A value begins: its path, and what the level around it expects next. */
static result begin_value(struct walk *walk, unsigned line, const char **path)
{
	struct level *level = top_level(walk);
	*path = "";
	if (level == NULL)
		return OK;
	if (level->is_sequence) {
		*path = arena_printf(walk->op->arena, "%s[%u]", level->path, level->n_entries++);
		return note(walk, *path, NULL, line);
	}
	if (level->value_path == NULL)
		return config_fail(walk->op, line, "a key must be a plain word");
	*path = level->value_path;
	level->value_path = NULL;
	return OK;
}

static result walk_scalar(struct walk *walk, const yaml_event_t *event, unsigned line)
{
	const char *text = (const char *)event->data.scalar.value;
	const char *path;
	for (size_t i = 0; i < event->data.scalar.length; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return config_fail(walk->op, line, "a value must be one line without control characters");
	}
	struct level *level = top_level(walk);
	if (level != NULL && !level->is_sequence && level->value_path == NULL)
		return note_key(walk, level, text, line);
	return begin_value(walk, line, &path);
}

static result walk_start(struct walk *walk, bool is_sequence, unsigned line)
{
	const char *path;
	TRY(begin_value(walk, line, &path));
	if (walk->depth == LIMIT_CONFIG_DEPTH)
		return config_fail(walk->op, line, "values are nested deeper than %d levels", LIMIT_CONFIG_DEPTH);
	walk->levels[walk->depth++] = (struct level){ .path = path, .is_sequence = is_sequence };
	return OK;
}

static bool has_anchor_or_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

static result walk_event(struct walk *walk, const yaml_event_t *event)
{
	unsigned line = (unsigned)event->start_mark.line + 1;
	if (has_anchor_or_tag(event))
		return config_fail(walk->op, line, "aliases, anchors and tags are not used in this file");
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return walk_scalar(walk, event, line);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return walk_start(walk, event->type == YAML_SEQUENCE_START_EVENT, line);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		walk->depth--;
		return OK;
	case YAML_DOCUMENT_START_EVENT:
		if (walk->documents++ > 0)
			return config_fail(walk->op, line, "a second document begins here; the file must be one");
		return OK;
	default:
		return OK;
	}
}

/* Bad UTF-8 is found before there are lines: count up to the place. */
static unsigned line_at(struct bytes yaml, size_t offset)
{
	unsigned line = 1;
	for (size_t i = 0; i < offset && i < yaml.n; i++)
		line += yaml.p[i] == '\n';
	return line;
}

static result fail_syntax(struct op *op, const yaml_parser_t *parser, struct bytes yaml)
{
	unsigned line = parser->error == YAML_READER_ERROR ? line_at(yaml, parser->problem_offset)
							   : (unsigned)parser->problem_mark.line + 1;
	return config_fail(op, line, "not YAML: %s", parser->problem == NULL ? "unknown reason" : parser->problem);
}

static result walk_all(struct walk *walk, yaml_parser_t *parser, struct bytes yaml)
{
	for (bool ended = false; !ended;) {
		yaml_event_t event;
		if (!yaml_parser_parse(parser, &event))
			return fail_syntax(walk->op, parser, yaml);
		result r = walk_event(walk, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
		TRY(r);
	}
	return OK;
}

result config_lines_read(struct op *op, struct bytes yaml, struct config_lines **out)
{
	yaml_parser_t parser;
	ASSERT(yaml_parser_initialize(&parser) == 1);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, yaml.p, yaml.n);
	struct walk walk = { .op = op, .lines = arena_alloc(op->arena, sizeof *walk.lines) };
	result r = walk_all(&walk, &parser, yaml);
	yaml_parser_delete(&parser);
	*out = walk.lines;
	return r;
}
