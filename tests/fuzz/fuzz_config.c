/*
 * chancery.yaml: whatever is accepted keeps the promises of config.h that other
 * floors rely on; whatever is refused says in which line.
 */
#include "base/config.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_promises(const struct config *config)
{
	ASSERT(config->n_cas > 0 && config->n_profiles > 0);
	ASSERT(config->listen.https.n > 0 && config->listen.http.n > 0);
	ASSERT(config->https_port > 0 && config->http_port > 0);
	ASSERT(config->token.module[0] == '/' && config->token.pin_file[0] == '/');
	ASSERT(config->token.signers > 0 && config->limits.loops > 0);
	ASSERT(config_profile(config, config->tls_profile)->door == DOOR_INTERNAL);
	for (unsigned i = 0; i < config->n_cas; i++)
		ASSERT(config->cas[i].crl_refresh_s < config->cas[i].crl_lifetime_s);
	for (unsigned i = 0; i < config->n_profiles; i++) {
		const struct config_profile *profile = &config->profiles[i];
		ASSERT(config_profile(config, profile->name) == profile); /* no two of a name */
		ASSERT(config_ca(config, profile->ca) != NULL);
		ASSERT(profile->n_key_types > 0 && profile->backdate_s < profile->validity_s);
		ASSERT(profile->server_auth || profile->client_auth);
		ASSERT(profile->names != 0 && !(profile->common_name && profile->subject != 0));
	}
	for (unsigned i = 0; i < config->n_acme; i++)
		ASSERT(config_profile(config, config->acme[i].profile)->door == DOOR_ACME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op *op = op_new();
	struct config *config = NULL;
	result r = config_parse(op, "/etc/chancery", (struct bytes){ data, size }, &config);
	if (r.err == ERR_NONE)
		check_promises(config);
	else
		ASSERT(r.err == ERR_MALFORMED && text_has_prefix(op->detail, CONFIG_FILE ":"));
	config_free(&config);
	op_free(&op);
	return 0;
}
