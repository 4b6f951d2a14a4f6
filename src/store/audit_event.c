/*
 * The canonical JSON of an entry (RFC 8785). It is hashed as it stands, so what
 * is written here once is never written otherwise.
 */
#include "store/audit_event.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

/* Raised when a member changes its meaning; new members do not need it. */
#define FORMAT_VERSION 1

static const char *const type_names[AUDIT_TYPE_COUNT] = {
	[AUDIT_SERVER_STARTED] = "server.started",
	[AUDIT_SERVER_STOPPED] = "server.stopped",
	[AUDIT_CONFIG_RELOADED] = "config.reloaded",
	[AUDIT_KEY_GENERATED] = "key.generated",
	[AUDIT_CA_CREATED] = "ca.created",
	[AUDIT_ACCOUNT_CREATED] = "account.created",
	[AUDIT_ACCOUNT_CHANGED] = "account.changed",
	[AUDIT_ORDER_CREATED] = "order.created",
	[AUDIT_VALIDATION_PASSED] = "validation.passed",
	[AUDIT_VALIDATION_FAILED] = "validation.failed",
	[AUDIT_AUTHORIZATION_DEACTIVATED] = "authorization.deactivated",
	[AUDIT_ISSUANCE_REFUSED] = "issuance.refused",
	[AUDIT_ISSUANCE_INTENDED] = "issuance.intended",
	[AUDIT_ISSUED] = "certificate.issued",
	[AUDIT_ORPHANED] = "certificate.orphaned",
	[AUDIT_REVOKED] = "certificate.revoked",
	[AUDIT_CRL_SIGNED] = "crl.signed",
	[AUDIT_OCSP_KEY_CHANGED] = "ocsp.key-changed",
	[AUDIT_CHECKPOINT_SIGNED] = "checkpoint.signed",
	[AUDIT_BACKUP_MADE] = "backup.made",
	[AUDIT_STORE_RESTORED] = "store.restored",
	[AUDIT_CREDENTIAL_CREATED] = "credential.created",
	[AUDIT_CREDENTIAL_CHANGED] = "credential.changed",
	[AUDIT_CREDENTIAL_LOCKED] = "credential.locked",
	[AUDIT_AUTHENTICATION_REFUSED] = "authentication.refused",
	[AUDIT_ENROLLMENT_REQUESTED] = "enrollment.requested",
	[AUDIT_ENROLLMENT_DECIDED] = "enrollment.decided",
	[AUDIT_SCEP_RA_CHANGED] = "scep.ra-changed",
};

const char *audit_type_name(enum audit_type type)
{
	ASSERT((unsigned)type < AUDIT_TYPE_COUNT && type_names[type] != NULL);
	return type_names[type];
}

static const char *actor_kind_name(enum actor_kind kind)
{
	static const char *const names[] = { "system", "operator", "client", "account" };
	ASSERT((unsigned)kind < sizeof(names) / sizeof(names[0]));
	return names[kind];
}

/* RFC 8785 section 3.2.2.2: five controls have a short form, which JSON otherwise leaves to the writer. */
static char short_form(const uint8_t *escape, size_t left)
{
	static const struct {
		const char *digits;
		char letter;
	} forms[] = { { "0008", 'b' }, { "0009", 't' }, { "000a", 'n' }, { "000c", 'f' }, { "000d", 'r' } };
	for (size_t i = 0; left >= 6 && escape[1] == 'u' && i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (memcmp(escape + 2, forms[i].digits, 4) == 0)
			return forms[i].letter;
	}
	return '\0';
}

static struct bytes with_short_forms(struct op *op, struct bytes json)
{
	struct buf out;
	buf_init(&out, op->arena, json.n);
	for (size_t i = 0; i < json.n;) {
		char letter = json.p[i] == '\\' ? short_form(json.p + i, json.n - i) : '\0';
		if (letter != '\0') {
			buf_byte(&out, '\\');
			buf_byte(&out, (uint8_t)letter);
			i += 6;
		} else {
			/* An escape goes over whole, so that "\\u000a" after a backslash stays. */
			size_t n = json.p[i] == '\\' ? 2 : 1;
			buf_put(&out, json.p + i, n);
			i += n;
		}
	}
	return buf_as_bytes(&out);
}

static void put_text(struct op *op, struct json_writer *w, const char *name, const char *value)
{
	if (strpbrk(value, "\b\t\n\f\r") == NULL) {
		json_write_text(w, name, value);
		return;
	}
	struct json_writer alone;
	json_write_init(&alone, op->arena);
	json_write_text(&alone, NULL, value);
	json_write_raw(w, name, with_short_forms(op, json_write_done(&alone)));
}

static void maybe_text(struct op *op, struct json_writer *w, const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		put_text(op, w, name, value);
}

static void maybe_hash(struct op *op, struct json_writer *w, const char *name, struct bytes hash)
{
	if (hash.n > 0)
		json_write_text(w, name, bytes_to_hex(op->arena, hash));
}

static void maybe_names(struct op *op, struct json_writer *w, const struct audit_event *event)
{
	if (event->n_names == 0)
		return;
	json_write_array(w, "names");
	for (unsigned i = 0; i < event->n_names; i++)
		put_text(op, w, NULL, event->names[i]);
	json_write_array_end(w);
}

/* It comes from the process that touches foreign networks: what is no JSON object is kept as a text. */
static void maybe_evidence(struct op *op, struct json_writer *w, const char *evidence)
{
	if (evidence == NULL)
		return;
	AUTO(json_t) *parsed = NULL;
	struct bytes text = bytes_of_text(evidence);
	if (json_parse_object(op, text, "evidence", &parsed).err == ERR_NONE) {
		json_write_raw(w, "evidence", text);
	} else {
		op_clear_failure(op);
		put_text(op, w, "evidence", evidence);
	}
}

static void maybe_facts(struct op *op, struct json_writer *w, const struct audit_event *event)
{
	size_t most = sizeof(event->facts) / sizeof(event->facts[0]);
	if (event->facts[0].name == NULL)
		return;
	json_write_object(w, "facts");
	for (size_t i = 0; i < most && event->facts[i].name != NULL; i++) {
		ASSERT(i == 0 || strcmp(event->facts[i - 1].name, event->facts[i].name) < 0);
		if (event->facts[i].value != NULL)
			put_text(op, w, event->facts[i].name, event->facts[i].value);
	}
	json_write_object_end(w);
}

/* In the order of RFC 8785 section 3.2.3, which is the order of the lines below. */
struct bytes audit_event_encode(struct op *op, const struct audit_event *event, const struct audit_frame *frame)
{
	struct json_writer writer;
	struct json_writer *w = &writer;
	json_write_init(w, op->arena);
	json_write_object(w, NULL);
	maybe_text(op, w, "account", event->account);
	maybe_text(op, w, "actor", op->actor.id);
	json_write_text(w, "actor_kind", actor_kind_name(op->actor.kind));
	maybe_text(op, w, "authorization", event->authorization);
	maybe_text(op, w, "build", frame->build);
	maybe_text(op, w, "ca", event->ca);
	maybe_hash(op, w, "certificate_hash", event->certificate_hash);
	maybe_hash(op, w, "config_hash", event->config_hash);
	maybe_hash(op, w, "csr_hash", event->csr_hash);
	maybe_text(op, w, "door", event->door);
	maybe_evidence(op, w, event->evidence_json);
	maybe_facts(op, w, event);
	maybe_text(op, w, "key", event->key);
	maybe_names(op, w, event);
	maybe_text(op, w, "node", frame->node);
	maybe_text(op, w, "order", event->order);
	maybe_text(op, w, "outcome", event->outcome);
	maybe_text(op, w, "profile", event->profile);
	maybe_text(op, w, "profile_hash", event->profile_hash);
	maybe_text(op, w, "reason", event->reason);
	maybe_text(op, w, "remote", op->actor.remote);
	maybe_text(op, w, "request", op->request_id);
	json_write_integer(w, "seq", (int64_t)frame->seq);
	maybe_text(op, w, "serial", event->serial);
	maybe_hash(op, w, "spki_hash", event->spki_hash);
	maybe_hash(op, w, "tbs_hash", event->tbs_hash);
	json_write_text(w, "time", clock_rfc3339_ns(op->arena, frame->time_ns));
	json_write_text(w, "type", audit_type_name(event->type));
	json_write_integer(w, "v", FORMAT_VERSION);
	json_write_object_end(w);
	return json_write_done(w);
}
