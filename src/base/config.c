/* Loading chancery.yaml, and asking a config for its parts. */
#include "base/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/config_check.h"
#include "base/files.h"
#include "base/limits.h"
#include "base/text.h"

static const char *const key_type_names[] = {
	[KEY_P256] = "P-256",	    [KEY_P384] = "P-384",	[KEY_RSA2048] = "RSA-2048", [KEY_RSA3072] = "RSA-3072",
	[KEY_RSA4096] = "RSA-4096", [KEY_ED25519] = "Ed25519", [KEY_OTHER] = "other",
};

static const char *const door_names[] = {
	[DOOR_NONE] = "none",
	[DOOR_ACME] = "acme",
	[DOOR_OPERATOR] = "operator",
	[DOOR_INTERNAL] = "internal",
	[DOOR_EST] = "est",
	[DOOR_SCEP] = "scep",
};

const char *key_type_name(enum key_type type)
{
	return (size_t)type <= KEY_OTHER ? key_type_names[type] : "other";
}

bool key_type_parse(const char *name, enum key_type *out)
{
	for (enum key_type type = KEY_P256; type < KEY_OTHER; type++) {
		if (text_equal(name, key_type_names[type])) {
			*out = type;
			return true;
		}
	}
	return false;
}

const char *door_name(enum door door)
{
	return (size_t)door <= DOOR_SCEP ? door_names[door] : "none";
}

static result absolute_dir(struct op *op, struct arena *arena, const char *dir, const char **out)
{
	if (dir[0] == '/') {
		*out = arena_text(arena, dir);
		return OK;
	}
	char *here = getcwd(NULL, 0);
	if (here == NULL)
		return FAIL(op, ERR_BACKEND, "the current folder is gone; name --dir with a path from /");
	*out = files_join(arena, here, dir);
	free(here);
	return OK;
}

static result parse_into(struct op *op, struct bytes yaml, struct config *config)
{
	struct config_lines *lines = NULL;
	struct raw_config *raw = NULL;
	if (yaml.n == 0)
		return config_fail(op, 1, "the file is empty");
	if (yaml.n > LIMIT_CONFIG_BYTES)
		return config_fail(op, 1, "the file is larger than %d bytes", LIMIT_CONFIG_BYTES);
	TRY(config_lines_read(op, yaml, &lines));
	TRY(config_schema_load(op, config->arena, yaml, lines, &raw));
	bytes_sha256(yaml, config->hash);
	return config_check(op, raw, lines, config);
}

result config_parse(struct op *op, const char *dir, struct bytes yaml, struct config **out)
{
	struct arena *arena = arena_new();
	struct config *config = arena_alloc(arena, sizeof *config);
	config->arena = arena;
	result r = absolute_dir(op, arena, dir, &config->dir);
	if (r.err == ERR_NONE)
		r = parse_into(op, yaml, config);
	if (r.err == ERR_NONE)
		*out = config;
	else
		arena_free(&arena);
	return r;
}

result config_load(struct op *op, const char *dir, struct config **out)
{
	struct bytes yaml;
	const char *path = files_join(op->arena, dir, CONFIG_FILE);
	result r = files_read(op, path, LIMIT_CONFIG_BYTES, &yaml);
	if (r.err == ERR_NOT_FOUND)
		return FAIL(op, ERR_NOT_FOUND, "there is no %s; run chancery init --dir %s, or name the right --dir", path,
			    dir);
	TRY(r);
	return config_parse(op, dir, yaml, out);
}

void config_free(struct config **config)
{
	if (*config == NULL)
		return;
	struct arena *arena = (*config)->arena; /* in which the config itself lies */
	arena_free(&arena);
	*config = NULL;
}

const struct config_profile *config_profile(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_profiles; i++) {
		if (text_equal(config->profiles[i].name, name))
			return &config->profiles[i];
	}
	return NULL;
}

const struct config_ca *config_ca(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_cas; i++) {
		if (text_equal(config->cas[i].name, name))
			return &config->cas[i];
	}
	return NULL;
}

const struct config_est *config_est(const struct config *config, const char *label)
{
	for (unsigned i = 0; i < config->n_est; i++) {
		if (text_equal(config->est[i].label, label))
			return &config->est[i];
	}
	return NULL;
}

const struct config_scep *config_scep(const struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->n_scep; i++) {
		if (text_equal(config->scep[i].name, name))
			return &config->scep[i];
	}
	return NULL;
}

static char *base_address(struct arena *arena, const char *scheme, const char *host, unsigned port, unsigned standard)
{
	if (port == standard)
		return arena_printf(arena, "%s://%s", scheme, host);
	return arena_printf(arena, "%s://%s:%u", scheme, host, port);
}

char *config_https_base(struct arena *arena, const struct config *config)
{
	return base_address(arena, "https", config->host, config->https_port, 443);
}

char *config_http_base(struct arena *arena, const struct config *config)
{
	return base_address(arena, "http", config->host, config->http_port, 80);
}
