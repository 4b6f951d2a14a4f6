/*
 * The schema, in SQL that SQLite and PostgreSQL both read. States are the words
 * of the RFCs, times are seconds since 1970 unless a name says otherwise, and
 * rows that wait for somebody have partial indexes, so that ten million
 * finished ones cost nothing. docs/store.md explains the tables.
 */
#include "store/migrations.h"

static const char log_sql[] =
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE TABLE audit_entry ("
	" seq BIGINT PRIMARY KEY, time_ns BIGINT NOT NULL, type TEXT NOT NULL, serial TEXT,"
	" leaf BLOB NOT NULL CHECK (length(leaf) = 32), entry BLOB NOT NULL);"
	"CREATE INDEX audit_entry_serial ON audit_entry (serial, type, seq) WHERE serial IS NOT NULL;"
	/* root stands before the 8 KiB of hashes, so that reading it does not load them. */
	"CREATE TABLE audit_tile ("
	" level BIGINT NOT NULL, tile BIGINT NOT NULL, root BLOB NOT NULL CHECK (length(root) = 32),"
	" hashes BLOB NOT NULL CHECK (length(hashes) = 8192), PRIMARY KEY (level, tile));"
	"CREATE TABLE audit_head (id BIGINT PRIMARY KEY CHECK (id = 1), size BIGINT NOT NULL, peaks BLOB NOT NULL);"
	"CREATE TABLE audit_checkpoint (size BIGINT PRIMARY KEY, note BLOB NOT NULL);";
static const char *const log_append_only[] = { "schema_migration", "audit_entry", "audit_tile", "audit_checkpoint", NULL };
static const char *const log_kept[] = { "audit_head", NULL };

static const char authority_sql[] =
	"CREATE TABLE token_key ("
	" label TEXT PRIMARY KEY, id BLOB NOT NULL, type TEXT NOT NULL, purpose TEXT NOT NULL, spki BLOB NOT NULL,"
	" created_s BIGINT NOT NULL);"
	"CREATE INDEX token_key_spki ON token_key (spki);"
	"CREATE TABLE authority ("
	" name TEXT NOT NULL, generation BIGINT NOT NULL, parent TEXT,"
	" status TEXT NOT NULL CHECK (status IN ('created', 'active', 'retiring', 'retired')),"
	" key_label TEXT NOT NULL REFERENCES token_key (label), certificate BLOB NOT NULL, created_s BIGINT NOT NULL,"
	" PRIMARY KEY (name, generation));"
	/* Apart from crl, whose rows are dropped: a number is never given out twice. */
	"CREATE TABLE crl_number (ca TEXT PRIMARY KEY, number BIGINT NOT NULL);"
	"CREATE TABLE crl ("
	" ca TEXT NOT NULL, number BIGINT NOT NULL, this_update_s BIGINT NOT NULL, next_update_s BIGINT NOT NULL,"
	" der BLOB NOT NULL, PRIMARY KEY (ca, number));"
	"CREATE TABLE certificate ("
	" serial TEXT PRIMARY KEY, ca TEXT NOT NULL, profile TEXT NOT NULL, door TEXT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN ('intended', 'issued', 'failed', 'orphaned')),"
	" subject TEXT NOT NULL, names TEXT NOT NULL, spki_hash BLOB NOT NULL, requester TEXT NOT NULL,"
	" claim_kind TEXT NOT NULL, claim_id TEXT, node TEXT NOT NULL, not_before_s BIGINT NOT NULL,"
	" not_after_s BIGINT NOT NULL, intended_s BIGINT NOT NULL, issued_s BIGINT, tbs BLOB NOT NULL, der BLOB);"
	"CREATE INDEX certificate_in_doubt ON certificate (node, intended_s) WHERE status = 'intended';"
	"CREATE INDEX certificate_expiry ON certificate (not_after_s, serial);"
	"CREATE TABLE certificate_name ("
	" name TEXT NOT NULL, serial TEXT NOT NULL REFERENCES certificate (serial), PRIMARY KEY (name, serial));"
	"CREATE TABLE revocation ("
	" serial TEXT PRIMARY KEY REFERENCES certificate (serial), ca TEXT NOT NULL, revoked_s BIGINT NOT NULL,"
	" reason BIGINT NOT NULL, not_after_s BIGINT NOT NULL);"
	/* Has all that a CRL needs, in its order: one scan of the index. */
	"CREATE INDEX revocation_crl ON revocation (ca, serial, not_after_s, revoked_s, reason);"
	"CREATE TABLE blocked_key (spki_hash BLOB PRIMARY KEY, why TEXT NOT NULL, blocked_s BIGINT NOT NULL);";
static const char *const authority_append_only[] = { "certificate_name", NULL };
static const char *const authority_kept[] = { "token_key", "crl_number", "certificate", "revocation", "blocked_key", NULL };

static const char acme_sql[] =
	"CREATE TABLE acme_account ("
	" id TEXT PRIMARY KEY, endpoint TEXT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN ('valid', 'deactivated', 'revoked')),"
	" thumbprint TEXT NOT NULL, jwk TEXT NOT NULL, contact TEXT NOT NULL, terms_agreed BIGINT NOT NULL,"
	" created_s BIGINT NOT NULL, UNIQUE (thumbprint, endpoint));"
	"CREATE TABLE acme_authorization ("
	" id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES acme_account (id), endpoint TEXT NOT NULL,"
	" identifier TEXT NOT NULL, is_wildcard BIGINT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN"
	"  ('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked')),"
	" expires_s BIGINT NOT NULL);"
	"CREATE INDEX acme_authorization_open ON acme_authorization (expires_s) WHERE status IN ('pending', 'valid');"
	"CREATE INDEX acme_authorization_held ON acme_authorization (account_id, identifier) WHERE status = 'valid';"
	"CREATE TABLE acme_order ("
	" id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES acme_account (id), endpoint TEXT NOT NULL,"
	" profile TEXT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'processing', 'valid', 'invalid')),"
	" identifiers TEXT NOT NULL, created_s BIGINT NOT NULL, expires_s BIGINT NOT NULL,"
	" not_before_s BIGINT NOT NULL, not_after_s BIGINT NOT NULL, error TEXT,"
	" serial TEXT REFERENCES certificate (serial));"
	"CREATE INDEX acme_order_account ON acme_order (account_id, created_s, id) WHERE status <> 'invalid';"
	"CREATE INDEX acme_order_account_open ON acme_order (account_id, expires_s)"
	" WHERE status IN ('pending', 'ready', 'processing');"
	"CREATE INDEX acme_order_open ON acme_order (expires_s) WHERE status IN ('pending', 'ready');"
	/* An authorization may serve several orders, and orders are found from it. */
	"CREATE TABLE order_authorization ("
	" order_id TEXT NOT NULL REFERENCES acme_order (id), place BIGINT NOT NULL,"
	" authorization_id TEXT NOT NULL REFERENCES acme_authorization (id), PRIMARY KEY (order_id, place));"
	"CREATE INDEX order_authorization_authorization ON order_authorization (authorization_id, order_id);"
	"CREATE TABLE acme_challenge ("
	" id TEXT PRIMARY KEY, authorization_id TEXT NOT NULL REFERENCES acme_authorization (id),"
	" account_id TEXT NOT NULL, type TEXT NOT NULL, token TEXT NOT NULL, thumbprint TEXT,"
	" status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'valid', 'invalid')),"
	" validated_s BIGINT NOT NULL, error TEXT, attempts BIGINT NOT NULL, due_s BIGINT NOT NULL);"
	"CREATE INDEX acme_challenge_authorization ON acme_challenge (authorization_id);"
	"CREATE INDEX acme_challenge_due ON acme_challenge (due_s) WHERE status = 'processing';";

static const char node_sql[] =
	"CREATE TABLE node (name TEXT PRIMARY KEY, epoch BIGINT NOT NULL, seen_s BIGINT NOT NULL);";
static const char *const node_kept[] = { "node", NULL }; /* an epoch that began again would let an old one in */

/*
 * What several nodes share: nonces that were spent and the keys of those that were not, who makes a CA's next CRL,
 * the profile's content as it was when an order or an intent was made, and the way to what can be cleaned up.
 */
static const char sharing_sql[] =
	"CREATE TABLE acme_nonce_key (id TEXT PRIMARY KEY, secret BLOB NOT NULL, created_s BIGINT NOT NULL);"
	"CREATE TABLE acme_nonce (nonce BLOB PRIMARY KEY, expires_s BIGINT NOT NULL);"
	"CREATE INDEX acme_nonce_expiry ON acme_nonce (expires_s);"
	"ALTER TABLE crl_number ADD COLUMN builder TEXT;"
	"ALTER TABLE crl_number ADD COLUMN builder_epoch BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE crl_number ADD COLUMN builder_until_s BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE acme_order ADD COLUMN profile_hash TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE certificate ADD COLUMN profile_hash TEXT NOT NULL DEFAULT '';"
	"CREATE INDEX acme_order_ended ON acme_order (expires_s) WHERE status IN ('valid', 'invalid');"
	"CREATE INDEX acme_authorization_ended ON acme_authorization (expires_s)"
	" WHERE status NOT IN ('pending', 'valid');";
static const char *const sharing_passing[] = { "acme_nonce_key", "acme_nonce", NULL };

/* Enrollment with a CSR and without an order, and what clients prove themselves with there. */
static const char enrollment_sql[] =
	"CREATE TABLE enrollment ("
	" id TEXT PRIMARY KEY, door TEXT NOT NULL, endpoint TEXT NOT NULL, profile TEXT NOT NULL, requester TEXT NOT NULL,"
	" csr_hash BLOB NOT NULL, csr BLOB NOT NULL, names TEXT NOT NULL,"
	" status TEXT NOT NULL CHECK (status IN ('pending', 'ready', 'processing', 'issued', 'rejected')),"
	" decided_by TEXT, reason TEXT, serial TEXT REFERENCES certificate (serial),"
	" created_s BIGINT NOT NULL, changed_s BIGINT NOT NULL, expires_s BIGINT NOT NULL);"
	"CREATE UNIQUE INDEX enrollment_open ON enrollment (door, endpoint, requester, csr_hash)"
	" WHERE status IN ('pending', 'ready', 'processing');"
	"CREATE INDEX enrollment_request ON enrollment (door, endpoint, requester, csr_hash, changed_s);"
	"CREATE INDEX enrollment_waiting ON enrollment (created_s, id) WHERE status = 'pending';"
	"CREATE INDEX enrollment_ended ON enrollment (changed_s) WHERE status IN ('issued', 'rejected');"
	"CREATE INDEX enrollment_unfinished ON enrollment (expires_s) WHERE status IN ('pending', 'ready');"
	"CREATE TABLE enrollment_user ("
	" door TEXT NOT NULL, name TEXT NOT NULL, endpoint TEXT, verifier TEXT NOT NULL, digest_ha1 BLOB,"
	" names TEXT NOT NULL, is_registrar BIGINT NOT NULL, is_enabled BIGINT NOT NULL, failures BIGINT NOT NULL,"
	" locked_until_s BIGINT NOT NULL, created_s BIGINT NOT NULL, PRIMARY KEY (door, name));"
	"CREATE TABLE enrollment_token ("
	" hash BLOB PRIMARY KEY, door TEXT NOT NULL, endpoint TEXT NOT NULL, names TEXT NOT NULL, made_by TEXT NOT NULL,"
	" created_s BIGINT NOT NULL, expires_s BIGINT NOT NULL, used_s BIGINT NOT NULL, used_for TEXT);"
	"CREATE INDEX enrollment_token_expiry ON enrollment_token (expires_s);";

/*
 * SCEP: the RAs' certificates, each generation of an endpoint's made by one node; which request a transaction
 * stands for; and what Microsoft has to be told, claimed by one node at a time. A request that waits keeps the
 * profile's content as it was when it came, as orders do.
 */
static const char scep_sql[] =
	"ALTER TABLE enrollment ADD COLUMN profile_hash TEXT NOT NULL DEFAULT '';"
	"CREATE TABLE scep_ra ("
	" endpoint TEXT NOT NULL, generation BIGINT NOT NULL, maker TEXT NOT NULL, maker_until_s BIGINT NOT NULL,"
	" key_label TEXT REFERENCES token_key (label), serial TEXT REFERENCES certificate (serial),"
	" PRIMARY KEY (endpoint, generation));"
	"CREATE TABLE scep_transaction ("
	" endpoint TEXT NOT NULL, transaction_id TEXT NOT NULL, signer_hash BLOB NOT NULL, csr_hash BLOB NOT NULL,"
	" subject BLOB NOT NULL, enrollment_id TEXT NOT NULL, created_s BIGINT NOT NULL,"
	" PRIMARY KEY (endpoint, transaction_id, signer_hash));"
	"CREATE INDEX scep_transaction_age ON scep_transaction (created_s);"
	"ALTER TABLE enrollment_token ADD COLUMN are_patterns BIGINT NOT NULL DEFAULT 0;"
	"CREATE INDEX enrollment_token_maker ON enrollment_token (made_by) WHERE used_s = 0;"
	"CREATE TABLE intune_notice ("
	" id TEXT PRIMARY KEY, endpoint TEXT NOT NULL,"
	" kind TEXT NOT NULL CHECK (kind IN ('outcome', 'refusal', 'revocations', 'download')),"
	" enrollment_id TEXT, transaction_id TEXT NOT NULL, csr BLOB NOT NULL, code BIGINT NOT NULL, detail TEXT NOT NULL,"
	" attempts BIGINT NOT NULL, due_s BIGINT NOT NULL, created_s BIGINT NOT NULL);"
	"CREATE INDEX intune_notice_due ON intune_notice (endpoint, due_s);"
	"CREATE INDEX intune_notice_enrollment ON intune_notice (enrollment_id);";

const struct migration schema_migrations[] = {
	{ 1, "audit log", log_sql, log_append_only, log_kept, NULL },
	{ 2, "authorities and certificates", authority_sql, authority_append_only, authority_kept, NULL },
	{ 3, "acme", acme_sql, NULL, NULL, NULL },
	{ 4, "nodes", node_sql, NULL, node_kept, NULL },
	{ 5, "several nodes", sharing_sql, NULL, NULL, sharing_passing },
	{ 6, "enrollment", enrollment_sql, NULL, NULL, NULL },
	{ 7, "scep", scep_sql, NULL, NULL, NULL },
};
const unsigned schema_migrations_n = sizeof(schema_migrations) / sizeof(schema_migrations[0]);
