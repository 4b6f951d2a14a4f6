/*
 * The libcyaml tables of chancery.yaml, and its complaints in our words. It
 * reports a reason and then a backtrace, innermost first, whose line is that
 * of the last value read; the walk of config_lines.h knows better where a key
 * stands.
 */
#include "base/config_schema.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define TEXT_MAX 1024 /* bytes of one value: a path or a URL */
#define LIST_MAX 1024

#define NEEDED CYAML_FLAG_POINTER
#define MAYBE (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
/* A section whose keys are all commented out is empty, not wrong. */
#define MAYBE_EMPTY (CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL)

#define TEXT(flags, type, member) CYAML_FIELD_STRING_PTR(#member, flags, struct type, member, 1, TEXT_MAX)
#define CHOICE(type, member) \
	CYAML_FIELD_ENUM(#member, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct type, member, bools, 2)
#define TEXTS(flags, type, member, min) \
	{ \
		.key = #member, \
		.data_offset = offsetof(struct type, member.items), \
		.count_offset = offsetof(struct type, member.n), \
		.count_size = sizeof(((struct type *)NULL)->member.n), \
		.value = { CYAML_VALUE_SEQUENCE(flags, const char *, &text_entry, min, LIST_MAX) }, \
	}
#define SECTION(flags, type, member) CYAML_FIELD_MAPPING_PTR(#member, flags, struct raw_config, member, type##_fields)
/* A mapping within an entry. */
#define PART(flags, type, member) CYAML_FIELD_MAPPING_PTR(#member, flags, struct type, member, raw_##member##_fields)
#define SECTIONS(flags, type, member, min) \
	CYAML_FIELD_SEQUENCE_COUNT(#member, flags, struct raw_config, member, n_##member, &type##_entry, min, LIST_MAX)
#define ENTRY(type) \
	static const cyaml_schema_value_t type##_entry = { \
		CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct type, type##_fields) \
	}

static const cyaml_strval_t bools[] = { { "false", RAW_FALSE }, { "true", RAW_TRUE } };

static const cyaml_schema_value_t text_entry = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_MAX) };

static const cyaml_schema_field_t raw_listen_fields[] = {
	TEXTS(MAYBE, raw_listen, https, 1),
	TEXTS(MAYBE, raw_listen, http, 1),
	TEXTS(MAYBE, raw_listen, mutual, 1),
	TEXT(MAYBE, raw_listen, mutual_host),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t raw_token_fields[] = {
	TEXT(NEEDED, raw_token, module),
	TEXT(NEEDED, raw_token, label),
	TEXT(NEEDED, raw_token, pin_file),
	TEXT(MAYBE, raw_token, signers),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t raw_ca_fields[] = {
	TEXT(NEEDED, raw_ca, name),
	TEXT(MAYBE, raw_ca, crl_lifetime),
	TEXT(MAYBE, raw_ca, crl_refresh),
	TEXT(MAYBE, raw_ca, ocsp_lifetime),
	CYAML_FIELD_END,
};
ENTRY(raw_ca);

/* An empty list could be read as "none" and as "any": it is refused. */
static const cyaml_schema_field_t raw_profile_fields[] = {
	TEXT(NEEDED, raw_profile, name),
	TEXT(NEEDED, raw_profile, ca),
	TEXT(MAYBE, raw_profile, validity),
	TEXT(MAYBE, raw_profile, backdate),
	TEXTS(MAYBE, raw_profile, key_types, 1),
	TEXTS(MAYBE, raw_profile, usages, 1),
	TEXTS(MAYBE, raw_profile, names, 1),
	TEXTS(MAYBE, raw_profile, subject, 1),
	TEXTS(MAYBE, raw_profile, permitted_names, 1),
	TEXTS(MAYBE, raw_profile, permitted_networks, 1),
	CHOICE(raw_profile, wildcards),
	CHOICE(raw_profile, common_name),
	CYAML_FIELD_END,
};
ENTRY(raw_profile);

static const cyaml_schema_field_t raw_acme_fields[] = {
	TEXT(NEEDED, raw_acme, name),
	TEXT(NEEDED, raw_acme, profile),
	TEXT(MAYBE, raw_acme, terms),
	TEXT(MAYBE, raw_acme, website),
	TEXT(MAYBE, raw_acme, order_lifetime),
	TEXT(MAYBE, raw_acme, authorization_lifetime),
	CYAML_FIELD_END,
};
ENTRY(raw_acme);

static const cyaml_schema_field_t raw_est_fields[] = {
	TEXT(NEEDED, raw_est, label),
	TEXT(NEEDED, raw_est, profile),
	TEXTS(NEEDED, raw_est, authentication, 1),
	TEXTS(MAYBE, raw_est, anchors, 1),
	TEXTS(MAYBE, raw_est, anchor_crls, 1),
	TEXT(MAYBE, raw_est, anchored_names),
	TEXT(MAYBE, raw_est, channel_binding),
	TEXT(MAYBE, raw_est, approval),
	CHOICE(raw_est, registrars),
	TEXT(MAYBE, raw_est, server_keys),
	TEXT(MAYBE, raw_est, request_lifetime),
	CYAML_FIELD_END,
};
ENTRY(raw_est);

static const cyaml_schema_field_t raw_intune_fields[] = {
	TEXT(NEEDED, raw_intune, tenant),
	TEXT(NEEDED, raw_intune, client_id),
	TEXT(MAYBE, raw_intune, secret_file),
	TEXT(MAYBE, raw_intune, certificate_file),
	TEXT(MAYBE, raw_intune, key_file),
	TEXT(MAYBE, raw_intune, login_url),
	TEXT(MAYBE, raw_intune, graph_url),
	TEXT(MAYBE, raw_intune, resource_url),
	TEXT(MAYBE, raw_intune, proxy),
	TEXT(MAYBE, raw_intune, trust_file),
	TEXT(MAYBE, raw_intune, timeout),
	CHOICE(raw_intune, revocations),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t raw_scep_fields[] = {
	TEXT(NEEDED, raw_scep, name),
	TEXT(NEEDED, raw_scep, profile),
	TEXTS(MAYBE, raw_scep, authentication, 1),
	TEXT(MAYBE, raw_scep, static_challenge_file),
	TEXTS(MAYBE, raw_scep, static_names, 1),
	CHOICE(raw_scep, renewal),
	TEXT(MAYBE, raw_scep, renewal_after_expiry),
	TEXT(MAYBE, raw_scep, approval),
	TEXTS(MAYBE, raw_scep, compatibility, 1),
	TEXT(MAYBE, raw_scep, ra_key),
	CHOICE(raw_scep, get_cert),
	CHOICE(raw_scep, get_crl),
	TEXT(MAYBE, raw_scep, request_lifetime),
	TEXT(MAYBE, raw_scep, next_ca),
	PART(MAYBE, raw_scep, intune),
	CYAML_FIELD_END,
};
ENTRY(raw_scep);

static const cyaml_schema_field_t raw_operator_fields[] = {
	TEXTS(MAYBE, raw_operator, profiles, 1),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t raw_internal_fields[] = {
	TEXT(NEEDED, raw_internal, tls_profile),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t raw_validation_fields[] = {
	TEXTS(MAYBE, raw_validation, resolvers, 1),
	TEXT(MAYBE, raw_validation, http_port),
	CHOICE(raw_validation, allow_private),
	CHOICE(raw_validation, allow_loopback),
	TEXTS(MAYBE, raw_validation, deny, 1),
	TEXT(MAYBE, raw_validation, attempts),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t raw_limits_fields[] = {
	TEXT(MAYBE, raw_limits, connections),
	TEXT(MAYBE, raw_limits, connections_per_address),
	TEXT(MAYBE, raw_limits, lane_read),
	TEXT(MAYBE, raw_limits, lane_sign),
	TEXT(MAYBE, raw_limits, lane_wait),
	TEXT(MAYBE, raw_limits, lane_batch),
	TEXT(MAYBE, raw_limits, queue_read),
	TEXT(MAYBE, raw_limits, queue_sign),
	TEXT(MAYBE, raw_limits, queue_wait),
	TEXT(MAYBE, raw_limits, queue_batch),
	TEXT(MAYBE, raw_limits, loops),
	TEXT(MAYBE, raw_limits, ocsp_cache),
	TEXT(MAYBE, raw_limits, orders_per_account),
	TEXT(MAYBE, raw_limits, keep_finished),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t raw_config_fields[] = {
	TEXT(NEEDED, raw_config, organization),
	TEXT(NEEDED, raw_config, host),
	TEXT(MAYBE, raw_config, log_level),
	TEXT(MAYBE, raw_config, store),
	TEXT(MAYBE, raw_config, ocsp_key),
	TEXT(MAYBE, raw_config, https_port),
	TEXT(MAYBE, raw_config, http_port),
	SECTION(MAYBE_EMPTY, raw_listen, listen),
	SECTION(NEEDED, raw_token, token),
	SECTIONS(NEEDED, raw_ca, cas, 1),
	SECTIONS(NEEDED, raw_profile, profiles, 1),
	SECTIONS(MAYBE, raw_acme, acme, 1),
	SECTIONS(MAYBE, raw_est, est, 1),
	SECTIONS(MAYBE, raw_scep, scep, 1),
	SECTION(MAYBE_EMPTY, raw_operator, operator),
	SECTION(NEEDED, raw_internal, internal),
	SECTION(MAYBE_EMPTY, raw_validation, validation),
	SECTION(MAYBE_EMPTY, raw_limits, limits),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_config, raw_config_fields)
};

/* libcyaml allocates from the arena; the size is kept before each piece, for growing it. */
struct piece {
	_Alignas(max_align_t) size_t size;
	uint8_t p[];
};

static void *arena_realloc(void *arena, void *old, size_t size)
{
	if (size == 0)
		return NULL;
	struct piece *piece = arena_alloc(arena, sizeof *piece + size);
	piece->size = size;
	if (old != NULL) {
		const struct piece *before = (const struct piece *)((const uint8_t *)old - offsetof(struct piece, p));
		memcpy(piece->p, before->p, before->size < size ? before->size : size);
	}
	return piece->p;
}

/* What libcyaml says while it loads. */
struct complaint {
	char reason[256];
	unsigned lines[2]; /* of the innermost two levels; 0 for none */
	unsigned n_lines;
};

/* "  in mapping field 'host' (line: 7, column: 3)" */
static unsigned line_of_backtrace(char *text)
{
	static const char mark[] = "(line: ";
	char *digits = strstr(text, mark);
	uint64_t line = 0;
	if (digits == NULL)
		return 0;
	digits += strlen(mark);
	digits[strspn(digits, "0123456789")] = '\0';
	return text_parse_u64(digits, 1, UINT32_MAX, &line) ? (unsigned)line : 0;
}

static void PRINTF(3, 0) hear(cyaml_log_t level, void *complaint_ptr, const char *format, va_list args)
{
	struct complaint *complaint = complaint_ptr;
	char text[512];
	(void)level;
	vsnprintf(text, sizeof text, format, args);
	if (text_has_prefix(text, "  in ")) {
		if (complaint->n_lines < 2)
			complaint->lines[complaint->n_lines++] = line_of_backtrace(text);
	} else if (complaint->reason[0] == '\0' && !text_has_prefix(text, "Load: Backtrace")) {
		text[strcspn(text, "\n")] = '\0';
		(void)text_copy(complaint->reason, sizeof complaint->reason, text);
	}
}

/* Where in the file to look for the reason. */
enum whereabouts {
	AT_VALUE,  /* the value read last */
	AT_KEY,	   /* the key that the reason names, at or below it */
	AT_SECTION /* the section around it */
};

/* How libcyaml 1.3 and 1.4 begin a reason, and how we say it; %s is what follows. */
static const struct wording {
	const char *prefix;
	const char *before, *after;
	enum whereabouts where;
} wordings[] = {
	{ "Load: Unexpected key: ", "\"", "\" is no key of this section; look for a misspelling", AT_KEY },
	{ "Load: Missing required mapping field: ", "\"", "\" is missing here", AT_SECTION },
	{ "Load: Invalid ENUM value: ", "\"", "\" is neither true nor false", AT_VALUE },
	{ "Load: STRING length < ", "the value is empty", NULL, AT_VALUE },
	{ "Load: STRING length > ", "the value is too long", NULL, AT_VALUE },
	{ "Load: Insufficient entries ", "the list is empty; leave the key out for its default", NULL, AT_VALUE },
	{ "Load: Excessive entries ", "the list is too long", NULL, AT_VALUE },
	{ "Load: Expecting STRING, ", "one plain value belongs here", NULL, AT_VALUE },
	{ "Load: Expecting SEQUENCE, ", "a list belongs here, such as [one, two]", NULL, AT_VALUE },
	{ "Load: Expecting MAPPING, ", "\"key: value\" pairs belong here", NULL, AT_VALUE },
	{ "Load: Expecting ENUM, ", "true or false belongs here", NULL, AT_VALUE },
	{ "", "", "", AT_VALUE },
};

static unsigned line_for(const struct complaint *complaint, enum whereabouts where, const char *key,
			 const struct config_lines *lines)
{
	unsigned line = complaint->lines[where == AT_SECTION ? 1 : 0];
	if (line == 0)
		line = 1;
	return where == AT_KEY ? config_line_of_key(lines, key, line) : line;
}

static result fail_with(struct op *op, const struct complaint *complaint, cyaml_err_t error,
			const struct config_lines *lines)
{
	const char *reason = complaint->reason[0] == '\0' ? cyaml_strerror(error) : complaint->reason;
	const struct wording *wording = wordings;
	while (!text_has_prefix(reason, wording->prefix))
		wording++;
	const char *rest = reason + strlen(wording->prefix);
	unsigned line = line_for(complaint, wording->where, rest, lines);
	if (wording->after == NULL)
		return config_fail(op, line, "%s", wording->before);
	return config_fail(op, line, "%s%.100s%s", wording->before, rest, wording->after);
}

#define FILL(section)                                                             \
	do {                                                                      \
		if ((section) == NULL)                                            \
			(section) = arena_alloc(arena, sizeof *(section)); \
	} while (0)

static void fill_sections(struct arena *arena, struct raw_config *raw)
{
	FILL(raw->listen);
	FILL(raw->operator);
	FILL(raw->validation);
	FILL(raw->limits);
}

result config_schema_load(struct op *op, struct arena *arena, struct bytes yaml, const struct config_lines *lines,
			  struct raw_config **out)
{
	struct complaint complaint = { .n_lines = 0 };
	const cyaml_config_t how = {
		.log_fn = hear,
		.log_ctx = &complaint,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = arena_realloc,
		.mem_ctx = arena,
		.flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_data_t *data = NULL;
	cyaml_err_t error = cyaml_load_data(yaml.p, yaml.n, &how, &config_schema, &data, NULL);
	if (error != CYAML_OK)
		return fail_with(op, &complaint, error, lines);
	if (data == NULL)
		return config_fail(op, 1, "the file is empty");
	*out = data;
	fill_sections(arena, *out);
	return OK;
}
