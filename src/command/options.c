/* Walks argv once; long options only, so that command lines read as sentences. */
#include "command/options.h"

#include <stdio.h>
#include <string.h>

static enum options_outcome usage(const struct options *o, const char *what, const char *argument)
{
	fprintf(stderr, "chancery %s: %s%s\nTry: chancery %s --help\n", o->command, what, argument, o->command);
	return OPTIONS_USAGE;
}

static const struct option_row *find(const struct options *o, const char *name, size_t n)
{
	for (const struct option_row *row = o->rows; row->name != NULL; row++)
		if (strlen(row->name) == n && strncmp(row->name, name, n) == 0)
			return row;
	return NULL;
}

/* The value of "--name=value", or the argument after "--name"; NULL: there is none. */
static const char *value_of(const char *equals, const char *next, int *used)
{
	*used = equals != NULL ? 1 : 2;
	return equals != NULL ? equals + 1 : next;
}

static enum options_outcome take_item(const struct options *o, const char *argument, const char *value)
{
	if (value == NULL)
		return usage(o, "needs a value: ", argument);
	if (o->list->n == o->list->max)
		return usage(o, "too often: ", argument);
	o->list->items[o->list->n++] = value;
	return OPTIONS_GO_ON;
}

/* One option; *used is 2 when its value was the next argument. */
static enum options_outcome take_option(const struct options *o, const char *argument, const char *next, int *used)
{
	const char *name = argument + 2, *equals = strchr(name, '=');
	size_t n = equals != NULL ? (size_t)(equals - name) : strlen(name);
	if (o->list != NULL && strlen(o->list->name) == n && strncmp(o->list->name, name, n) == 0)
		return take_item(o, argument, value_of(equals, next, used));
	const struct option_row *row = find(o, name, n);
	*used = 1;
	if (row == NULL)
		return usage(o, "no such option: ", argument);
	if (row->value == NULL) {
		if (equals != NULL)
			return usage(o, "takes no value: ", argument);
		*row->flag = true;
		return OPTIONS_GO_ON;
	}
	*row->value = value_of(equals, next, used);
	return *row->value != NULL ? OPTIONS_GO_ON : usage(o, "needs a value: ", argument);
}

enum options_outcome options_parse(struct options *o, int argc, char **argv)
{
	for (int i = 0, used; i < argc; i += used) {
		used = 1;
		if (strcmp(argv[i], "--help") == 0) {
			fputs(o->help, stdout);
			return OPTIONS_HELP_SHOWN;
		}
		if (strncmp(argv[i], "--", 2) == 0) {
			enum options_outcome outcome = take_option(o, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used);
			if (outcome != OPTIONS_GO_ON)
				return outcome;
			continue;
		}
		if (o->n_positional == o->max_positional)
			return usage(o, "one argument too many: ", argv[i]);
		o->positional[o->n_positional++] = argv[i];
	}
	if (o->n_positional < o->min_positional)
		return usage(o, "an argument is missing", "");
	return OPTIONS_GO_ON;
}
