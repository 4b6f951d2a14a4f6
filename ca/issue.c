/*
 * The door: what must hold for any certificate, whoever asks through whichever
 * protocol, and then the issuance.
 */
#include "ca/issue.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/openssl_auto.h"
#include "base/text.h"
#include "ca/issuance.h"
#include "ca/key_check.h"
#include "ca/profile_hash.h"
#include "store/authorities.h"
#include "store/certificates.h"

#include <openssl/pem.h>

#define RECOVER_AT_ONCE 100
#define RECOVER_AGE_S 120 /* twice what a request may take (LIMIT_REQUEST_MS): nobody is working on it */

static result check_key(struct op *op, struct authority *a, const struct config_profile *profile, struct bytes spki)
{
	enum key_type type;
	TRY(key_check_spki(op, spki, &type));
	bool is_listed = false;
	for (unsigned i = 0; i < profile->n_key_types; i++)
		is_listed = is_listed || profile->key_types[i] == type;
	if (!is_listed)
		return FAIL(op, ERR_POLICY, "profile %s takes no %s keys", profile->name, key_type_name(type));

	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	bool is_ours;
	TRY(key_has_spki(op, lease.db, spki, &is_ours));
	if (is_ours)
		return FAIL(op, ERR_POLICY, "this public key belongs to the CA itself; make a key pair of your own");
	uint8_t hash[SHA256_SIZE];
	bytes_sha256(spki, hash);
	const char *why;
	result r = blocked_key_load(op, lease.db, (struct bytes)BYTES_ARRAY(hash), &why);
	if (r.err == ERR_NONE)
		return FAIL(op, ERR_POLICY, "this key is blocked (%s); make a new key pair", why);
	if (r.err != ERR_NOT_FOUND)
		return r;
	op_clear_failure(op);
	return OK;
}

static result choose_times(struct op *op, const struct authorization *authorization, const struct ca *ca,
			   struct tbs_plan *plan)
{
	const struct authorization_facts *facts = authorization_read(authorization);
	const struct config_profile *profile = authorization_profile(authorization);
	plan->not_before_s = facts->not_before_s != 0 ? facts->not_before_s : clock_now_s() - profile->backdate_s;
	if (plan->not_before_s < ca->not_before_s && facts->not_before_s == 0)
		plan->not_before_s = ca->not_before_s; /* the house is younger than the backdate */
	plan->not_after_s = facts->not_after_s != 0 ? facts->not_after_s :
						      plan->not_before_s + profile->validity_s - 1; /* V38 */
	if (plan->not_after_s > ca->not_after_s || plan->not_before_s < ca->not_before_s)
		return FAIL(op, ERR_POLICY,
			    "the certificate would outlive its CA %s, which ends at %s: shorten the profile or renew the CA",
			    ca->name, clock_rfc3339(op->arena, ca->not_after_s));
	return OK;
}

/*
 * CN only as a copy of an authorized name that fits its bound of 64 (C16, N4):
 * the one that the client put first, where it said so, else the first that fits.
 */
static const char *common_name_of(const struct config_profile *profile, const struct authorization_facts *facts)
{
	const char *fits = NULL;
	if (!profile->common_name)
		return NULL;
	for (unsigned i = facts->n_identifiers; i-- > 0;) {
		const char *name = facts->identifiers[i].value;
		if (facts->identifiers[i].kind != IDENTIFIER_DNS || strlen(name) > 64)
			continue;
		if (text_equal(name, facts->main_name))
			return name;
		fits = name;
	}
	return fits;
}

/* The subject that was authorized, or a copy of one of the DNS names. */
static void put_names(struct op *op, const struct config_profile *profile, const struct authorization_facts *facts,
		      struct tbs_plan *plan)
{
	unsigned n_san = identifiers_count_san(facts->identifiers, facts->n_identifiers);
	const struct identifier *rest = facts->identifiers + n_san;
	unsigned n_rest = facts->n_identifiers - n_san;
	bool has_sid = n_rest > 0 && rest->kind == IDENTIFIER_SID;
	const char *common_name = common_name_of(profile, facts);
	plan->identifiers = facts->identifiers;
	plan->n_identifiers = n_san;
	plan->has_own_subject = profile->subject != 0;
	plan->sid = has_sid ? rest->value : NULL;
	plan->subject = rest + has_sid;
	plan->n_subject = n_rest - has_sid;
	if (common_name != NULL)
		tbs_plan_common_name(op, common_name, plan);
}

/* Who reads logs, or looks for an issuer by its name, must not take a leaf for a CA of the house. */
static result refuse_name_of_ca(struct op *op, struct authority *a, const struct tbs_plan *plan)
{
	struct bytes subject;
	TRY(tbs_build_subject(op, plan, &subject));
	const uint8_t *p = subject.p;
	AUTO(X509_NAME) *name = d2i_X509_NAME(NULL, &p, (long)subject.n);
	if (name == NULL)
		return FAIL(op, ERR_BUG, "a subject that was built cannot be read");
	for (unsigned i = 0; i < a->hierarchy->n; i++) {
		const struct ca *ca = &a->hierarchy->cas[i];
		if (X509_NAME_cmp(name, X509_get_subject_name(ca->certificate)) == 0)
			return FAIL(op, ERR_POLICY, "the subject is that of CA %s itself; choose another", ca->name);
	}
	return OK;
}

static void put_addresses(struct op *op, const struct config *config, const struct ca *ca, struct tbs_plan *plan)
{
	const char *base = config_http_base(op->arena, config);
	plan->ocsp_url = arena_printf(op->arena, "%s/ocsp/%s", base, ca->name);
	plan->ca_issuers_url = arena_printf(op->arena, "%s/ca/%s.cer", base, ca->name);
	plan->crl_url = arena_printf(op->arena, "%s/crl/%s.crl", base, ca->name);
}

static result plan_leaf(struct op *op, struct authority *a, const struct authorization *authorization, struct bytes spki,
			struct issuance *out)
{
	const struct config *config = authorization_config(authorization);
	const struct authorization_facts *facts = authorization_read(authorization);
	const struct config_profile *profile = authorization_profile(authorization);
	const struct ca *ca = hierarchy_find(a->hierarchy, profile->ca);
	if (ca == NULL)
		return FAIL(op, ERR_POLICY, "profile %s names CA %s, which does not exist yet", profile->name, profile->ca);
	*out = (struct issuance){
		.plan = { .kind = TBS_LEAF,
			  .issuer = ca,
			  .spki = spki,
			  .signature_key = ca->key.type,
			  .server_auth = profile->server_auth,
			  .client_auth = profile->client_auth,
			  .registrar = profile->registrar,
			  .path_length = -1 },
		.issuer_key = &ca->key,
		.ca = ca->name,
		.profile = profile->name,
		.profile_hash = profile_hash(op->arena, profile),
		.ordered_profile_hash = facts->ordered_profile_hash,
		.door = facts->door,
		.requester = facts->requester,
		.account = facts->account,
		.claim_kind = facts->claim_kind,
		.claim_id = facts->claim_id,
		.csr_hash = facts->csr_hash,
		.config_hash = BYTES_ARRAY(config->hash),
		.identifiers = facts->identifiers,
		.n_identifiers = facts->n_identifiers,
	};
	put_names(op, profile, facts, &out->plan);
	TRY(refuse_name_of_ca(op, a, &out->plan));
	put_addresses(op, config, ca, &out->plan);
	return choose_times(op, authorization, ca, &out->plan);
}

/* A refusal at the door is evidence too; the cause is what the caller hears. */
static result refuse(struct op *op, struct authority *a, const struct config *config,
		     const struct authorization_facts *facts, result cause)
{
	if (cause.err != ERR_POLICY && cause.err != ERR_MALFORMED)
		return cause;
	const struct config_profile *profile = config_profile(config, facts->profile);
	struct op *aside = op_new();
	aside->actor = op->actor;
	memcpy(aside->request_id, op->request_id, sizeof aside->request_id);
	struct audit_event event = { .type = AUDIT_ISSUANCE_REFUSED,
				     .account = facts->account,
				     .door = door_name(facts->door),
				     .profile = facts->profile,
				     .order = facts->claim_id,
				     .csr_hash = facts->csr_hash,
				     .names = identifiers_to_names(aside, facts->identifiers, facts->n_identifiers),
				     .n_names = facts->n_identifiers,
				     .outcome = op->detail };
	if (profile != NULL)
		issuance_describe_profile(&event, profile_hash(aside->arena, profile), facts->ordered_profile_hash);
	if (authority_record(aside, a, &event).err != ERR_NONE)
		log_failure(aside, "audit.refusal");
	op_free(&aside);
	return cause;
}

result issue_authorize(struct op *op, struct authority *a, const struct authorization_facts *facts,
		       struct authorization **out)
{
	const struct config *config = authority_config(a);
	result r = authorization_new(op, config, facts, out);
	return r.err == ERR_NONE ? r : refuse(op, a, config, facts, r);
}

/* RFC 8555 section 7.4.2: leaf first, each certifies the one before, no root. */
static result chain_of(struct op *op, const struct ca *ca, struct bytes der, const char **out)
{
	AUTO(BIO) *memory = BIO_new(BIO_s_mem());
	ASSERT(memory != NULL);
	if (PEM_write_bio(memory, "CERTIFICATE", "", der.p, (long)der.n) <= 0)
		return FAIL(op, ERR_BUG, "a certificate could not be written as PEM");
	char *text;
	long n = BIO_get_mem_data(memory, &text);
	*out = arena_printf(op->arena, "%.*s%s", (int)n, text, ca->chain_pem);
	return OK;
}

result issue_is_open(struct op *op, struct authority *a)
{
	return store_may_promise(op, a->store);
}

static result prepare(struct op *op, struct authority *a, const struct authorization *authorization, struct bytes spki,
		      struct issuance *out)
{
	TRY(check_key(op, a, authorization_profile(authorization), spki));
	return plan_leaf(op, a, authorization, spki, out);
}

result issue_would(struct op *op, struct authority *a, const struct authorization *authorization, struct bytes spki)
{
	struct issuance issuance;
	TRY(issue_is_open(op, a));
	return spki.n > 0 ? prepare(op, a, authorization, spki, &issuance) : plan_leaf(op, a, authorization, spki, &issuance);
}

result issue(struct op *op, struct authority *a, struct authorization *authorization, struct bytes spki,
	     struct issued *out)
{
	TRY(issue_is_open(op, a));
	TRY(authorization_consume(op, authorization));
	struct issuance issuance;
	result r = prepare(op, a, authorization, spki, &issuance);
	if (r.err != ERR_NONE)
		return refuse(op, a, authorization_config(authorization), authorization_read(authorization), r);
	TRY(issuance_run(op, a, &issuance, out));
	return chain_of(op, issuance.plan.issuer, out->der, &out->chain_pem);
}

/* A key that speaks for its CA: internal door, for as long as asked and no longer than the CA. */
static void plan_delegate(struct authority *a, const struct ca *ca, struct bytes spki, int64_t lifetime_s,
			  struct issuance *out)
{
	int64_t now = clock_now_s();
	*out = (struct issuance){
		.plan = { .issuer = ca,
			  .spki = spki,
			  .signature_key = ca->key.type,
			  .path_length = -1,
			  .not_before_s = now - 60 > ca->not_before_s ? now - 60 : ca->not_before_s,
			  .not_after_s = now + lifetime_s < ca->not_after_s ? now + lifetime_s : ca->not_after_s },
		.issuer_key = &ca->key,
		.ca = ca->name,
		.door = DOOR_INTERNAL,
		.requester = "system",
		.config_hash = BYTES_ARRAY(authority_config(a)->hash),
	};
}

result issue_responder(struct op *op, struct authority *a, const struct ca *ca, struct bytes spki, int64_t lifetime_s,
		       struct issued *out)
{
	struct issuance issuance;
	plan_delegate(a, ca, spki, lifetime_s, &issuance);
	issuance.plan.kind = TBS_OCSP_RESPONDER;
	issuance.profile = "ocsp-responder";
	tbs_plan_common_name(op, arena_printf(op->arena, "OCSP responder of %s", ca->name), &issuance.plan);
	return issuance_run(op, a, &issuance, out);
}

/* It can be revoked, unlike a responder's, so it says where to ask. */
result issue_cmc_signer(struct op *op, struct authority *a, const struct ca *ca, struct bytes spki, int64_t lifetime_s,
			struct issued *out)
{
	struct issuance issuance;
	plan_delegate(a, ca, spki, lifetime_s, &issuance);
	issuance.plan.kind = TBS_CMC_SIGNER;
	issuance.profile = "cmc-signer";
	tbs_plan_common_name(op, arena_printf(op->arena, "CMC answers of %s", ca->name), &issuance.plan);
	put_addresses(op, authority_config(a), ca, &issuance.plan);
	return issuance_run(op, a, &issuance, out);
}

result issue_scep_ra(struct op *op, struct authority *a, const struct ca *ca, const char *endpoint, struct bytes spki,
		     int64_t lifetime_s, struct issued *out)
{
	struct issuance issuance;
	enum key_type type;
	TRY(key_check_spki(op, spki, &type));
	if (type != KEY_RSA2048 && type != KEY_RSA3072 && type != KEY_RSA4096)
		return FAIL(op, ERR_POLICY, "a %s key cannot be that of an RA: SCEP clients encrypt to RSA keys", key_type_name(type));
	plan_delegate(a, ca, spki, lifetime_s, &issuance);
	issuance.plan.kind = TBS_SCEP_RA;
	issuance.profile = "scep-ra";
	tbs_plan_common_name(op, arena_printf(op->arena, "SCEP RA %s", endpoint), &issuance.plan);
	put_addresses(op, authority_config(a), ca, &issuance.plan);
	return issuance_run(op, a, &issuance, out);
}

/* This node's own: nobody else ends them while it is seen. */
static result recover_own(struct op *op, struct authority *a, int64_t before_s, unsigned *n)
{
	for (unsigned found = RECOVER_AT_ONCE; found == RECOVER_AT_ONCE; *n += found) {
		struct certificate *rows;
		{
			STORE_LEASE(lease);
			TRY(store_read(op, a->store, &lease));
			TRY(certificate_list_in_doubt(op, lease.db, a->node, before_s, RECOVER_AT_ONCE, &rows, &found));
		}
		for (unsigned i = 0; i < found; i++)
			TRY(issuance_orphan(op, a, rows[i].serial, "the process ended between intent and certificate"));
	}
	return OK;
}

/* Those of nodes that are gone; one that comes back meanwhile keeps its own. */
static result recover_absent(struct op *op, struct authority *a, unsigned *n)
{
	struct certificate *rows;
	unsigned found;
	int64_t before_s = clock_now_s() - RECOVER_AGE_S;
	{
		STORE_LEASE(lease);
		TRY(store_read(op, a->store, &lease));
		TRY(certificate_list_in_doubt_of_absent(op, lease.db, before_s, before_s, RECOVER_AT_ONCE, &rows, &found));
	}
	for (unsigned i = 0; i < found; i++) {
		result r = issuance_orphan_of_absent(op, a, rows[i].serial, before_s);
		if (r.err == ERR_CONFLICT) {
			op_clear_failure(op);
			continue;
		}
		TRY(r);
		*n += 1;
	}
	return OK;
}

result issue_recover(struct op *op, struct authority *a, bool at_start, unsigned *n)
{
	*n = 0;
	TRY(recover_own(op, a, at_start ? INT64_MAX : clock_now_s() - RECOVER_AGE_S, n)); /* at the start whatever the clock says */
	TRY(recover_absent(op, a, n));
	if (*n > 0)
		log_warning(op, "issuance.recovered", "%u intents in doubt were orphaned and their serials revoked", *n);
	return OK;
}

result issued_chain(struct op *op, struct authority *a, const char *serial, const char **chain_pem)
{
	STORE_LEASE(lease);
	TRY(store_read(op, a->store, &lease));
	struct certificate row;
	TRY(certificate_load(op, lease.db, serial, &row));
	const struct ca *ca = hierarchy_find(a->hierarchy, row.ca);
	if (row.status != CERTIFICATE_ISSUED || ca == NULL)
		return FAIL(op, ERR_NOT_FOUND, "serial %s has no certificate", serial);
	return chain_of(op, ca, row.der, chain_pem);
}
